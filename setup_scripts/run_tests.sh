#!/bin/sh
# Installs what the checks need, then runs lint, types and tests. --fast runs only the tests that need no process. Other
# arguments go to pytest: tests/test_verdict.py -k name, or -m slow for the slow tests, which are skipped by default.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/setup_scripts/environment.sh"

make_environment "$root/requirements-dev.txt"
if [ "${1:-}" = --fast ]; then
    shift
    cd "$root"
    exec "$bin/python" -m pytest -m fast --numprocesses 2 -q "$@"
fi
packages=''
command -v shellcheck >/dev/null || packages=shellcheck
command -v curl >/dev/null || packages="$packages curl"
command -v promtool >/dev/null || packages="$packages prometheus"
command -v ip >/dev/null || packages="$packages iproute2"
command -v chromium >/dev/null && command -v chromedriver >/dev/null || packages="$packages chromium chromium-driver"
# Only root may start an engine of its own
command -v dockerd >/dev/null || [ "$(id -u)" != 0 ] || packages="$packages docker.io"
# shellcheck disable=SC2086 # packages is words
[ -z "$packages" ] || install_packages $packages
cd "$root"

"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy" --strict .
shellcheck --external-sources --source-path=SCRIPTDIR --shell=sh setup_scripts/*.sh rehearsal/*.sh
if [ $# -gt 0 ]; then exec "$bin/python" -m pytest "$@"; fi
# Most of a test's time is waiting for the next second: nine at a time keep two cores busy. Those that cannot bear company,
# each for a reason that its marker gives, come after them. What fails is tried again, twice at most, and listed as RERUN.
"$bin/python" -m pytest -m "not alone and not slow" --numprocesses 9 --dist worksteal --reruns 2
"$bin/python" -m pytest -m "alone and not slow" --reruns 2
