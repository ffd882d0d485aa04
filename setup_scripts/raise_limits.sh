#!/bin/sh
# Shows the limits that the connections stress test needs and those of this host. Raises them for this shell, or for good.
case ${0##*/} in
    raise_limits.sh) ;;
    *) # dash gives a sourced script no arguments
        echo "do not source raise_limits.sh: it prints commands for eval (see --help)" >&2
        return 2
        ;;
esac
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/limits.sh"

usage() {
    cat <<END
usage: sh raise_limits.sh [--host HOST] [--subscriptions N] [--export | --write [--user NAME] [--root FOLDER]]

Shows the limits that this host needs to hold N notifications at one time, and its current limits. To raise them for this
shell:

    eval "\$(sh raise_limits.sh --export --host broker)"

  --host HOST          what runs on this host: broker, listener or locust; repeatable (default: all three)
  --subscriptions N    number of notifications held at one time (default 5000)
  --export             print the commands for eval that raise the limits of this shell
  --write              as root: write limits.d for logins, and drop-ins for the systemd services; overwrites no file
  --user NAME          user whose logins get the limits, '*' for all but root (default orion); higher limits are lowered
  --root FOLDER        write below FOLDER instead of /
  --help               show this text

Exit code: 0 every limit is high enough, or was written; 1 a limit is too low, or another file is in the way; 2 wrong usage;
3 not root.
END
}

hosts='' on='' mode=show user=orion root=''
while [ $# -gt 0 ]; do
    case $1 in
        --export | --write) mode=${1#--} ;;
        --host=broker | --host=listener | --host=locust) hosts="$hosts ${1#*=}" on="${on:+$on }$1" ;;
        --host=*) die 2 "--host takes broker, listener or locust, not '${1#*=}'" ;;
        --subscriptions=*) subscriptions=${1#*=} ;;
        --user=*) user=${1#*=} ;;
        --root=*) root=${1#*=} ;;
        --host | --subscriptions | --user | --root)
            [ $# -gt 1 ] || die 2 "$1 needs a value"
            option=$1 value=$2
            shift 2
            set -- "$option=$value" "$@"
            continue
            ;;
        --help | -h) usage || true; exit 0 ;;
        *) die 2 "unknown option $1; --help lists the options" ;;
    esac
    shift
done
positive --subscriptions "$subscriptions" 1
case $user in '' | *[[:space:]]*) die 2 "--user takes a user's name, not '$user'" ;; esac
hosts=${hosts:-broker listener locust}
status=0 remedies=''

row() { # HOST WHAT NEEDED THERE COUNTS REMEDY
    state=ok
    if ! enough "$5" "$3"; then
        state='too low' status=1
        remedies="$remedies
$1, $2: $6"
    fi
    printf '%-8s  %-15s  %7s  %17s  %s\n' "$1" "$2" "$3" "$4" "$state"
}

limit_row() { # HOST nofile|nproc
    soft=$(limit soft "$2") hard=$(limit hard "$2") wanted=$(needed "$1" "$2") remedy=$(for_good "$on")
    if enough "$hard" "$wanted"; then
        remedy="eval \"\$(sh $here/raise_limits.sh --export ${on:+$on }--subscriptions $subscriptions)\""
    fi
    counts=$soft
    if [ "$1" = listener ]; then counts=$hard; fi # it raises its own to the hard limit
    row "$1" "$(title "$2")" "$wanted" "$soft/$hard" "$counts" "$remedy"
}

show() { # HOST
    case $1 in
        broker)
            limit_row broker nofile
            limit_row broker nproc
            there=$(pids_max)
            [ -z "$there" ] || row broker 'cgroup pids.max' "$(needed broker nproc)" "$there" "$there" \
                "TasksMax= of its systemd unit, or the container's --pids-limit"
            range=$(cat /proc/sys/net/ipv4/ip_local_port_range)
            there=$((${range##*[!0-9]} - ${range%%[!0-9]*} + 1))
            row broker 'ephemeral ports' "$(needed broker ports)" "$there" "$there" \
                "sysctl net.ipv4.ip_local_port_range='1024 65535', or one more listener"
            ;;
        listener)
            limit_row listener nofile
            there=$(cat /proc/sys/net/core/somaxconn) wanted=$(needed listener somaxconn)
            row listener somaxconn "$wanted" "$there" "$there" \
                "sysctl net.core.somaxconn=$wanted, or some connections of a burst are seconds late"
            ;;
        locust) limit_row locust nofile ;;
    esac
}

export_limits() {
    for host in $hosts; do
        for limit in nofile nproc; do
            wanted=$(needed "$host" "$limit")
            [ "$wanted" ] || continue
            if ! raise=$(raising "$limit" "$wanted"); then
                echo false # eval's exit code
                die 1 "$(too_low "$host" "$limit" "$on")"
            fi
            eval "$raise" # here too, or the next host's might be lower
            [ -z "$raise" ] || echo "$raise"
        done
    done
}

# Write the output of COMMAND into FILE below $root. With "check", only check that no other file is in the way.
place() { # check|write FILE COMMAND...
    step=$1 file=$root$2
    shift 2
    content="# by raise_limits.sh, for $subscriptions subscriptions
$("$@")"
    if [ -e "$file" ]; then
        [ "$content" = "$(cat "$file")" ] || die 1 "$file exists with other contents and was not changed; nothing was written"
        [ "$step" = check ] || say "$file is already there"
    elif [ "$step" = write ]; then
        mkdir -p "${file%/*}"
        (set -C && printf '%s\n' "$content" >"$file") || die 1 "$file cannot be written"
        say "wrote $file"
    fi
}

place_all() { # check|write
    for host in broker listener; do # the broker's limits are the higher ones, if both share a host
        case " $hosts " in *" $host "*) place "$1" "$(login_limits_file)" login_limits "$user" "$host" && break ;; esac
    done
    for host in $hosts; do
        [ "$host" = locust ] || place "$1" "$(drop_in_file "$host")" drop_in "$host"
    done
}

write_limits() {
    [ "$root" ] || [ "$(id -u)" = 0 ] || die 3 "--write needs root"
    [ -z "$root" ] || [ -d "$root" ] || die 2 "--root takes a folder, not '$root'"
    case " $hosts " in
        *' broker '* | *' listener '*) ;;
        *) say "nothing to write: every host's default limits are enough for Locust" && return ;;
    esac
    umask 022
    place_all check
    place_all write
    say "the limits take effect at the next login of $user; for the services, after systemctl daemon-reload and a restart"
}

case $mode in
    show)
        printf '%-8s  %-15s  %7s  %17s\n' host limit needed 'here (soft/hard)'
        for host in $hosts; do show "$host"; done
        [ -z "$remedies" ] || say "$remedies"
        exit $status
        ;;
    export) export_limits ;;
    write) write_limits ;;
esac
