#!/bin/sh
# What the image of setup_scripts/Dockerfile runs: the first word is the part, the others are the part's own options.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

die() { # SENTENCE
    printf 'container.sh: %s\n' "$*" >&2
    exit 2
}

# Fail unless a part runs here, and takes connections. A headless Locust has no port: it is healthy while it runs.
healthy() {
    running=''
    for process in /proc/[0-9]*; do
        words=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline") || continue
        case $words in
            *"python -m listener "*) default=8090 ;;
            *"python "*setup_scripts/inspector\ *) default=18812 ;;
            *"/locust --locustfile "*\ --headless\ * | *"/locust --locustfile "*\ --worker\ *) default='' ;;
            *"/locust --locustfile "*) default=8089 ;;
            *) continue ;;
        esac
        running=yes
        [ "$default" ] || continue
        port=$(printf %s "$words" | sed -n 's/.* --\{0,1\}\(web-\)\{0,1\}port[ =]\([0-9]*\).*/\2/p')
        python -ISc 'import socket, sys; socket.create_connection(("localhost", sys.argv[1]), 2)' "${port:-$default}"
    done
    [ "$running" ]
}

part=${1:-}
[ $# = 0 ] || shift
token_file=${INSPECTOR_TOKEN_FILE:-} # where several containers share a volume: the inspector makes it, Locust reads it
case $part in
    listener)
        cd "$root" # where the package is
        exec python -m listener "$@"
        ;;
    inspector)
        if [ "$token_file" ]; then
            (umask 077 && python -c 'import secrets; print(secrets.token_hex())' >"$token_file")
            set -- --token-file "$token_file" "$@"
        fi
        exec python "$root/setup_scripts/inspector" "$@"
        ;;
    locust)
        if [ "$token_file" ]; then
            LOCUST_INSPECTOR_TOKEN=$(cat "$token_file")
            export LOCUST_INSPECTOR_TOKEN
        fi
        exec locust --locustfile "$root/locustfile.py" "$@"
        ;;
    healthy) healthy ;;
    *) die "the first word is listener, inspector or locust, not '$part'; each with --help tells its options" ;;
esac
