#!/bin/sh
# Starts Orion with the options and limits of the connections stress test, or prints them for service mode.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/limits.sh"

usage() {
    cat <<END
usage: sh start_broker.sh [options] [-- more options of contextBroker]

Raises the limits of this shell and starts contextBroker in the foreground, with the options that the connections stress
test needs. SIGTERM and SIGINT end the broker.

  --subscriptions N    number of notifications held at one time (default 5000)
  --print              start nothing; print the settings for service mode and the files they belong in
  --program PATH       the broker (default contextBroker)
  --help               show this text

Exit code: the broker's; 2 wrong usage; 3 nothing was started, because the program is missing or a limit cannot be raised.
END
}

program=contextBroker print=''
while [ $# -gt 0 ]; do
    case $1 in
        --print) print=yes ;;
        --subscriptions=*) subscriptions=${1#*=} ;;
        --program=*) program=${1#*=} ;;
        --subscriptions | --program)
            [ $# -gt 1 ] || die 2 "$1 needs a value"
            option=$1 value=$2
            shift 2
            set -- "$option=$value" "$@"
            continue
            ;;
        --help | -h) usage || true; exit 0 ;;
        --) shift && break ;;
        *) die 2 "unknown option $1; --help lists the options; put those of contextBroker after --" ;;
    esac
    shift
done
positive --subscriptions "$subscriptions" 1
options="-multiservice -notificationMode threadpool:60000:$((subscriptions + spare_workers)) -httpTimeout 600000 \
-statNotifQueue -statTiming -statSemWait -statCounters -subCacheIval 0 -reqMutexPolicy none -writeConcern 0"

if [ "$print" ]; then
    for word; do
        case $word in
            '' | *[!A-Za-z0-9_.,:/=@%+-]*) die 2 "--print: BROKER_EXTRA_OPS cannot hold '$word', because a blank separates its words" ;;
        esac
    done
    cat <<END
# /etc/sysconfig/contextBroker
BROKER_EXTRA_OPS="$options${*:+ $*}"

# $(drop_in_file broker)
$(drop_in broker)

# $(login_limits_file), because the package's init script starts the broker with su, which sets the limits again
$(login_limits orion broker)

# then: systemctl daemon-reload && systemctl restart contextBroker
END
    exit
fi

if ! found=$(command -v "$program") || ! [ -f "$found" ] || ! [ -x "$found" ]; then
    die 3 "program $program not found: install Orion, or name its contextBroker with --program"
fi
for limit in nofile nproc; do
    raise=$(raising "$limit" "$(needed broker "$limit")") || die 3 "$(too_low broker "$limit" '--host broker')"
    eval "$raise"
done
threads=$(pids_max) wanted=$(needed broker nproc)
enough "${threads:-unlimited}" "$wanted" ||
    die 3 "the broker needs $wanted threads, but pids.max of this control group is $threads:" \
        "raise it with TasksMax= of its systemd unit, or the container's --pids-limit"
# shellcheck disable=SC2086 # options is words
exec "$program" -fg $options "$@"
