# Sourced by run_tests.sh and limits.sh: messages, root's commands, and make_environment, which wants $root set. That one
# creates $root/.venv and sets $bin to the folder of its programs.

# Without bytecode each start of Locust would compile all its modules again: 1.9 s of CPU instead of 0.8
unset PYTHONDONTWRITEBYTECODE

say() { # without control characters but line feeds and tabs; the terminal may be gone
    printf '%s\n' "$*" | LC_ALL=C tr -d '\000-\010\013-\037\177' >&2 || true
}

die() { # EXIT_CODE SENTENCE
    code=$1
    shift
    say "$(basename "$0"): $*"
    exit "$code"
}

as_root() { # COMMAND...
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Install Debian packages without asking.
install_packages() { # PACKAGE...
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null' sh "$@"
}

# uv from PyPI takes 3 s for what takes pip 20 s. Where it cannot be had, or fails, pip installs, and says what is wrong.
install_requirements() { # REQUIREMENTS
    uv=$(command -v uv) || uv=$bin/uv
    if [ -x "$uv" ] || "$bin/pip" install -qq --disable-pip-version-check uv >/dev/null 2>&1; then
        ! "$uv" pip install --quiet --python "$bin/python" -r "$1" >/dev/null 2>&1 || return 0
    fi
    "$bin/pip" install -qq --disable-pip-version-check -r "$1" >&2
}

# Create the environment and install REQUIREMENTS into it, unless they are installed and unchanged.
make_environment() { # REQUIREMENTS
    bin=${root:?}/.venv/bin
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die 3 "needs Python 3.11 or later; set PYTHON to its path"
    if ! [ -x "$bin/pip" ]; then
        say "creating $root/.venv"
        "$python" -m venv "$root/.venv" >/dev/null 2>&1 || {
            install_packages python3-venv
            "$python" -m venv --clear "$root/.venv"
        }
    fi
    wanted=$(cat "$root/requirements.txt" "$root/rehearsal/requirements.txt" "$1" | cksum)
    stamp=$root/.venv/$(printf '%s' "${1#"$root"/}" | tr / -).installed
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        say "installing ${1#"$root"/} into $root/.venv"
        install_requirements "$1"
        printf '%s\n' "$wanted" >"$stamp"
    fi
}
