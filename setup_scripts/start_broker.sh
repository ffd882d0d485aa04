#!/bin/sh
# Starts Orion with the options and limits of the connections stress test, or prints them for its service.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/limits.sh"

usage() {
    cat <<END
usage: sh start_broker.sh [options] [-- more options of contextBroker]

Starts contextBroker in the foreground with the options that the connections stress test wants, after it raised its own
limits to what they need. SIGTERM and SIGINT reach it.

  --subscriptions N    notifications to be held at one time (default 5000)
  --print              start nothing; print what service mode takes, and the files that it belongs into
  --program PATH       the broker (default contextBroker)
  --help               show this

Exit code: the broker's; 2 usage; 3 no such program, or limits that this shell may not raise (nothing was started).
END
}

program=contextBroker print=''
while [ $# -gt 0 ]; do
    case $1 in
        --print) print=yes ;;
        --subscriptions=*) subscriptions=${1#*=} ;;
        --program=*) program=${1#*=} ;;
        --subscriptions | --program)
            [ $# -gt 1 ] || die 2 "$1 takes a value"
            option=$1 value=$2
            shift 2
            set -- "$option=$value" "$@"
            continue
            ;;
        --help | -h) usage || true; exit 0 ;;
        --) shift && break ;;
        *) die 2 "unknown option $1; --help lists them, contextBroker's own come after --" ;;
    esac
    shift
done
check_subscriptions
options="-multiservice -notificationMode threadpool:60000:$((subscriptions + spare_workers)) -httpTimeout 600000 \
-statNotifQueue -statTiming -statSemWait -statCounters -subCacheIval 0 -reqMutexPolicy none -writeConcern 0"

if [ "$print" ]; then
    for word; do
        case $word in
            '' | *[!A-Za-z0-9_.,:/=@%+-]*) die 2 "--print: '$word' has what BROKER_EXTRA_OPS cannot carry; blanks part its words" ;;
        esac
    done
    cat <<END
# /etc/sysconfig/contextBroker
BROKER_EXTRA_OPS="$options${*:+ $*}"

# $(drop_in_file broker)
$(drop_in broker)

# $(login_limits_file), for the package's init script starts it with su, which sets them anew
$(login_limits orion broker)

# then: systemctl daemon-reload && systemctl restart contextBroker
END
    exit
fi

if ! found=$(command -v "$program") || ! [ -f "$found" ] || ! [ -x "$found" ]; then
    die 3 "there is no program $program: install Orion, or name its contextBroker with --program"
fi
for limit in nofile nproc; do
    raise=$(raising "$limit" "$(needed broker "$limit")") || die 3 "$(too_low broker "$limit" '--host broker')"
    eval "$raise"
done
threads=$(pids_max) wanted=$(needed broker nproc)
enough "${threads:-unlimited}" "$wanted" ||
    die 3 "the broker needs $wanted threads and pids.max of this control group is $threads:" \
        "raise it with TasksMax= of its systemd unit, or the container's --pids-limit"
# shellcheck disable=SC2086 # options is words
exec "$program" -fg $options "$@"
