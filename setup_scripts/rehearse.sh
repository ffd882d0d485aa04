#!/bin/sh
# Runs the whole test on this machine: a stand-in broker, its database (MongoDB's stand-in; none with --broker ngsi-ld), the
# inspector, a slow listener and Locust. They use loopback addresses only.
set -eu
trap '' PIPE # whoever reads may be gone
root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/setup_scripts
. "$here/limits.sh" # environment.sh too
. "$root/rehearsal/causes.sh"
. "$root/rehearsal/control_groups.sh"

usage() {
    cat <<END
usage: sh setup_scripts/rehearse.sh [options] [-- more options of the scenario or of Locust]

Runs the whole connections stress test on this machine, with a stand-in for Orion. Needs only Python 3.11 and this repository.

  --failing            give the broker the fault of Orion <= 1.4.3: select() cannot use descriptors from 1024 on
  --cause NAME         simulate another fault; "list" lists the faults; repeat it for several at once
  --broker KIND        orion (default), or ngsi-ld: a stand-in for Scorpio, or for what the cause names
  --gateway            put a gateway in front of the broker, like an ingress or a PEP proxy
  --mesh               put a sidecar between the broker and its receivers, like a service mesh
  --web                start the web UI instead of a headless run, and print its address
  --ramp START:STOP:STEP  find the broker's breaking point; the broker is restarted before each step
  --cycles N           hold and release the notifications N times, and look for leaks
  --nofile N           limit of the broker's file descriptors (default: as many as it needs)
  --leak KIND          make the broker leak fds, threads, memory, memory:BYTES or connections
  --subscriptions N    number of subscriptions, each held as one connection (default 5000)
  --updates N          send N updates at once: each notifies all subscriptions (default 1)
  --duration TIME      time after the trigger, as 40s or 2m (default 20s); the listener answers after half of it
  --output FOLDER      folder for CSV, log, report and the output of the parts (default: rehearsal-output)
  --help               show this text

Exit code: the verdict's. 0 PASS, 1 FAIL, 2 wrong usage, 3 preflight failed, 4 INCONCLUSIVE or interrupted.
END
}

kind=orion updates=1 duration=20s cause='' ui=headless out=$root/rehearsal-output ramp='' cycles='' nofile='' leak='' gateway='' mesh=''
while [ $# -gt 0 ]; do
    case $1 in
        --failing) cause="$cause select" ;;
        --cause=list) list_causes || true; exit 0 ;;
        --cause=*) cause="$cause ${1#*=}" ;;
        --gateway) gateway=plain ;;
        --mesh) mesh=plain ;;
        --web) ui=web ;;
        --broker=*) kind=${1#*=} ;;
        --subscriptions=*) subscriptions=${1#*=} ;;
        --updates=*) updates=${1#*=} ;;
        --duration=*) duration=${1#*=} ;;
        --output=*) out=${1#*=} ;;
        --ramp=*) ramp=${1#*=} ;;
        --cycles=*) cycles=${1#*=} ;;
        --nofile=*) nofile=${1#*=} ;;
        --leak=*) leak=${1#*=} ;;
        --broker | --subscriptions | --updates | --duration | --output | --cause | --ramp | --cycles | --nofile | --leak)
            [ $# -gt 1 ] || die 2 "$1 needs a value"
            option=$1 value=$2
            shift 2
            set -- "$option=$value" "$@"
            continue
            ;;
        --help | -h) usage || true; exit 0 ;;
        --) shift && break ;;
        *) die 2 "unknown option $1; --help lists the options" ;;
    esac
    shift
done
if [ -n "$ramp" ]; then # enough workers and listener descriptors for its last step
    subscriptions=${ramp#*:} subscriptions=${subscriptions%%:*}
    for one in $cause $cycles; do
        case $one in select | workers | starved) ;; *)
            die 2 "--ramp can be combined with --failing, --cause workers or --cause starved only, not with --cycles" ;;
        esac
    done
fi
[ -n "$ramp" ] || positive --subscriptions "$subscriptions" 1
positive --updates "$updates" 1
[ -z "$cycles" ] || positive --cycles "$cycles" 1
[ -z "$nofile" ] || positive --nofile "$nofile" 100 # with fewer the broker does not start
case $leak in '' | fds | threads | memory | connections) ;; memory:*) positive --leak "${leak#memory:}" 10 ;; *)
    die 2 "--leak takes fds, threads, memory, memory:BYTES or connections, not '$leak'" ;;
esac

for one in $cause; do
    case $kind/" $ngsild_causes " in
        ngsi-ld/*" $one "*) ;;
        ngsi-ld/*) die 2 "--broker ngsi-ld takes one of these as --cause, not '$one': $ngsild_causes" ;;
        */*" $one "*) die 2 "--cause $one needs --broker ngsi-ld" ;;
    esac
done
case $kind in orion) ;; ngsi-ld)
    [ -z "$cycles$gateway$mesh" ] || die 2 "--broker ngsi-ld takes no --cycles, --gateway or --mesh" ;;
*) die 2 "--broker takes orion or ngsi-ld, not '$kind'" ;;
esac

pids='' locust='' group=''
# shellcheck disable=SC2317,SC2329 # called by the trap
end_all() { # in the reverse order of their start; each by its id
    trap '' INT TERM HUP
    for pid in $locust $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $locust $pids; do wait "$pid" 2>/dev/null || true; done
    [ -z "$group" ] || rmdir "$group" || true
}
trap end_all EXIT
trap 'exit 4' INT TERM HUP

make_environment "$root/rehearsal/requirements.txt"
cd "$root"
# shellcheck disable=SC2016 # Python's
seconds=$("$bin/python" -c '
import argparse, sys
from scenario.settings import values
option = "--duration"
try:
    seconds = round(values.seconds(values.duration(sys.argv[1])))
    option = "--ramp"
    values.ramp(sys.argv[2])
except argparse.ArgumentTypeError as problem:
    sys.exit(print(option, problem) or 2)
print(seconds)' "$duration" "$ramp" 2>/dev/null) || {
    [ $? = 2 ] || die 3 "$bin/python cannot run the scenario: remove $root/.venv and try again"
    die 2 "$seconds"
}
[ "$seconds" -ge 8 ] || die 2 "--duration takes 8s or more, so that both ESTABLISHED and CLOSE_WAIT are seen"

broker_name=broker-$$. # no other rehearsal's name begins with it

# A healthy rehearsal; a cause changes some of it. A receiver that idles 2 s outlives the pause between two probes.
broker_options='' multiservice=-multiservice statistics=-statNotifQueue mode=threadpool:60000:$((subscriptions * updates + spare_workers))
timeout=600000 cache=0 leftovers=0 dropped='' delay=$((seconds / 2)) idle=$((seconds / 8 > 2 ? seconds / 8 : 2))
slow_path='' listener_nofile='' as_user='' ends_before='' force='' locust_options='' limit='' signals='' as_broker=''
# shellcheck disable=SC2034 # by their names, in through()
way_in='' way_out='' way_to_database=''
listener_host=127.0.0.1 replicas=1 broker_host=127.0.0.1 scheme=http slow_names='' burners=0
as_tester='' as_burners='' locust_nofile='' deaf=''
[ "$kind" = orion ] || delay=0 replicas=2 # healthy receivers; the healthy subscribers are at an address of their own
# shellcheck disable=SC2086 # words, or none
produce_all $cause
[ -z "$limit" ] || make_group
[ -z "$leak" ] || broker_options="$broker_options --leak $leak"
[ -z "$nofile" ] || broker_options="$broker_options --nofile $nofile"
[ -z "$ramp" ] || broker_options="$broker_options --restart"
[ -z "$ramp$cycles" ] || delay=3600 timeout=7200000 # they answer when told to
[ -z "$ramp" ] || locust_options="$locust_options --ramp $ramp"
[ -z "$cycles" ] || locust_options="$locust_options --cycles $cycles"

# needs.sh tells why
needed=${nofile:-$(needed broker nofile $((subscriptions * updates)))}
hard=$(limit hard nofile)
# shellcheck disable=SC3045 # dash, bash and busybox know -H
enough "$hard" "$needed" || ulimit -Hn "$needed" 2>/dev/null ||
    die 3 "$subscriptions subscriptions need $needed file descriptors, but the limit of this shell is $hard:" \
        "raise the limit, or use --subscriptions $(((hard - spare - idle_clients) / fds_per_notification - spare_workers))"

if ! mkdir -p -- "$out" 2>/dev/null || ! [ -w "$out" ]; then
    die 2 "--output takes a folder that can be created and written to, not '$out'"
fi
out=$(cd -- "$out" && pwd)
if command -v flock >/dev/null; then # held for as long as this script, or a part that it started, is there
    exec 9<"$out"
    flock -n 9 || die 2 "--output: another rehearsal uses $out; name another folder"
fi
deathsig=''
if setpriv --pdeathsig TERM true 2>/dev/null; then deathsig='setpriv --pdeathsig TERM'; fi # for kill -9 of this script
apart='' # Ctrl-C ends the run, and the others when that has cleaned up; but the kernel's autogroups part what is to compete
if [ "$burners" = 0 ] && setsid true 2>/dev/null; then apart=setsid; fi

start() { # NAME COMMAND...: start it in the background, its output in $out/NAME.log
    name=$1
    shift
    : >"$out/$name.log" # now: port() must not find what an earlier rehearsal left
    # shellcheck disable=SC2086 # words, or none
    $deathsig $apart "$@" >>"$out/$name.log" 2>&1 </dev/null &
    pid=$!
    pids="$pid $pids"
}

end() { # PID
    kill "$1"
    wait "$1" || true
}

port() { # NAME: the port that the process started last says it listens on
    for _ in $(seq 150); do
        found=$(sed -n 's/.*listening on .*:\([0-9][0-9]*\).*/\1/p' "$out/$1.log" | head -n 1)
        [ -z "$found" ] || break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    [ -n "$found" ] || die 3 "the $1 did not start: $(tail -n 3 "$out/$1.log")"
    echo "$found"
}

through() { # NAME PORT: a relay before the port, with the fault that $NAME names; fail when it names none
    eval "fault=\$$1"
    [ "$fault" ] || return 1
    # shellcheck disable=SC2154,SC2086 # set by eval; words
    start "$1" "$bin/python" -m rehearsal.relay "$2" $fault
    there=$(port "$1") || exit 3
    eval "$1_pid=$pid"
}

signals_to_processes() { # each with the id of the process that it names
    for step in $signals; do eval "echo ${step%:*}:\$${step##*:}_pid"; done
}

say "starting database, broker, inspector and listener; all files go to:
$out"
if [ "$kind" = orion ]; then
    start database "$bin/secantusd-py" --standalone --storage-path :memory: --port 0
    database=$(port database) database_pid=$pid
    through way_to_database "$database" && database=$there
fi
# shellcheck disable=SC2016,SC2086 # the inner shell's arguments; words, or none
start broker sh -c '[ -z "$1" ] || echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$group" \
    $as_broker "$bin/python" -m rehearsal --name "$broker_name" -port 0 \
    --broker "$kind" -dbhost "127.0.0.1:${database:-0}" $multiservice -httpTimeout "$timeout" -notificationMode "$mode" $statistics \
    -statSemWait -subCacheIval "$cache" $broker_options
broker=$(port broker) broker_pid=$pid
# shellcheck disable=SC2086 # words
[ -z "$limit" ] || limit_broker $limit
through way_in "$broker" && broker=$there
if [ "$broker_host" = localhost ]; then # its IPv6 address, which is tried first
    start dead_address "$bin/python" -m rehearsal.relay "$broker" dead --at "::1:$broker"
    port dead_address >/dev/null || exit 3
fi
if [ "$gateway" ]; then
    # shellcheck disable=SC2086 # words
    start gateway "$bin/python" -m rehearsal.gateway "$broker" ${gateway#plain}
    # shellcheck disable=SC2034 # by its name, in signals_to_processes()
    broker=$(port gateway) gateway_pid=$pid
fi
# shellcheck disable=SC2086
start inspector $as_user "$bin/python" $slow_names setup_scripts/inspector --port 0 --process-name "$broker_name"
inspector=$(port inspector)
# shellcheck disable=SC2016 # the inner shell's arguments: the limit, if any, and the command
with_nofile='[ -z "$1" ] || ulimit -n "$1"; shift; exec "$@"'
start_listener() { # NAME
    start "$1" sh -c "$with_nofile" sh "$listener_nofile" "$bin/python" -m listener \
        -host 127.0.0.1 -port 0 -delay "${delay}s" -timeout "${idle}s" ${deaf:+-deaf 0}
}
start_listener listener
listener=$(port listener) listener_pid=$pid
if [ "$replicas" = 2 ]; then
    start_listener replica
    replica=$(port replica)
    [ "$kind" = ngsi-ld ] || listener=$listener,$replica
fi
if [ "$mesh" ]; then
    # shellcheck disable=SC2086 # words
    start mesh "$bin/python" -m rehearsal.mesh "$listener" ${mesh#plain}
    listener=$(port mesh)
fi
through way_out "$listener" && listener=$there
listener_url=http://$listener_host:$listener notify_url=$listener_url/notify$slow_path mongo=''
if [ "$kind" = ngsi-ld ]; then
    [ -z "$deaf" ] || notify_url=http://127.0.0.1:$(sed -n 's/^deaf on .*://p' "$out/listener.log")/notify
    [ "$replicas" = 1 ] || notify_url=$notify_url,http://127.0.0.1:$replica/notify
else
    mongo="--mongo 127.0.0.1:$database"
fi
# shellcheck disable=SC2034,SC2086 # by its name, in signals_to_processes(); words
[ "$burners" = 0 ] || { start burners $as_burners "$bin/python" -m rehearsal.burners "$burners" && burners_pid=$pid; }
if [ "$signals" ]; then
    # shellcheck disable=SC2046 # words
    start signals "$bin/python" -m rehearsal.signals "$listener_url" $(signals_to_processes)
fi
[ "$leftovers" = 0 ] || "$bin/python" -m rehearsal.leftovers "http://127.0.0.1:$broker" \
    "$listener_url/notify" "$leftovers" ${dropped:+"127.0.0.1:$database"}
case $ends_before in database) end "$database_pid" ;; listener) end "$listener_pid" ;; esac

# shellcheck disable=SC2086
set -- --host "$scheme://$broker_host:$broker" $mongo --inspector "127.0.0.1:$inspector" \
    --notify-url "$notify_url" --subscriptions "$subscriptions" --updates "$updates" --duration "$duration" \
    --report-log "$out/connections_stress_tests.log" --csv "$out/rehearsal" \
    --connections-report "$out/rehearsal.html" $force $locust_options "$@"
[ -z "$ramp" ] || set -- --restart-command "kill -HUP $broker_pid" "$@"
if [ "$ui" = web ]; then
    web=$("$bin/python" -c '
import contextlib, socket, sys
for port in (8089, 0): # the port of Locust, unless somebody has it
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as server:
        sys.exit(print(server.getsockname()[1]))')
    say "open http://127.0.0.1:$web and press START; Ctrl-C stops everything"
    set -- --web-host 127.0.0.1 --web-port "$web" "$@"
else
    set -- --headless --only-summary --loglevel WARNING "$@"
fi
# shellcheck disable=SC2086 # words
$deathsig $as_tester sh -c "$with_nofile" sh "$locust_nofile" \
    "$bin/locust" --locustfile locustfile.py "$@" </dev/null &
locust=$!
trap 'kill "$locust" 2>/dev/null || true' INT TERM HUP
status=0
wait "$locust" || status=$?
while kill -0 "$locust" 2>/dev/null; do # a signal ended the wait: Locust is on its way out
    wait "$locust" && status=0 || status=$?
done
locust=''
say "report  $out/rehearsal.html"
exit "$status"
