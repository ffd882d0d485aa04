# Sourced by rehearse.sh: what each --cause changes in a healthy rehearsal. The faults are real: real limits, descriptors
# and timeouts.

list_causes() {
    cat <<END
broker-restarts  the broker is killed during the run and started again
broker-dies      the broker is killed during the run
database-down    the database ends before the run
multiservice     the broker runs without -multiservice, and an earlier run left subscriptions
privilege        the inspector runs as the user nobody (needs root)
listener-down    the listener does not run
listener-nofile  the listener may open only half as many descriptors as there are notifications
select           the fault of Orion <= 1.4.3: select() cannot use descriptors from 1024 on (same as --failing)
nofile           the broker may open only half as many descriptors as it needs
ports            notifications may use only half as many local ports as they need (needs Linux 6.3)
stale-cache      the broker's cache still has subscriptions whose database was dropped
cache-refresh    -subCacheIval 5: a refresh after the notifications blocks updates and queries for 2.4 s
queue            threadpool:10:10
workers          only a third of the workers
persistent       -notificationMode persistent
transient        -notificationMode transient
statistics       the broker runs without -statNotifQueue
http-timeout     -httpTimeout is half of the listener's delay
listener-closes  the listener closes after its delay, without an answer
slow             GET /version takes 1.5 s after the update
max-connections  -maxConnections 30, and 60 idle clients
threads          the broker's control group allows 25 more threads, for 40 idle clients (needs root)
frozen           the broker is stopped (SIGSTOP) for a third of the time
overloaded       the broker uses up its CPU for something else
out-of-memory    the broker leaks memory until the kernel kills it at its control group's limit (needs root)
database-hangs   the database is stopped (SIGSTOP) for a third of the time
listen-queue     the broker no longer accepts connections, and its listen queue holds 5
network          the network resets all connections to the listener during the run
service-pool     the test's service has its own pool, with a third of the workers
starved          as many workers as slow receivers, so none is left for the healthy ones

In front of the broker:
rate-limit       a gateway answers 429 to more than 50 requests per second
denied           a gateway answers 401 from second 3 on, because the token has expired
redirected       a gateway answers 307 from second 3 on
not-reached      new connections to the broker are dropped for a third of the time; open ones continue
dead-address     the first address of the broker's name accepts no connections (needs a localhost that is ::1 first)
certificate      requests use https://, but the broker has no TLS
gateway-idle     -maxConnections 30, and 60 idle clients that a gateway accepts

Between the broker and its receivers:
answered-for-receivers  a sidecar answers 504 for the receiver, after half of its delay
answered-at-once        the receivers answer at once, and keep the connection open
repeated                a sidecar repeats a notification that has no answer after half of the delay
listeners-not-reached   the broker's connections to the receivers are dropped
several-listeners       two listeners behind one name
listener-hangs          the listener is stopped (SIGSTOP) for a third of the time
name-server             every seventh look-up of the receivers' name takes 5 s

The database and the hosts:
database-away    the database resets and refuses connections for 8 s
busy-host        other processes use all CPUs for a third of the time
busy-tester      another process uses the one CPU of Locust for a third of the time
tester           Locust may open fewer descriptors than it needs for its idle clients

With --broker ngsi-ld:
one-update-at-a-time        slow receivers
one-notification-at-a-time  slow receivers, and the broker sends one notification at a time, as Antares
deaf-receivers              receivers that take no connection
client-of-few               slow receivers, and the healthy subscribers are at their address
breaker                     receivers that never answer, and the broker drops notifications, as Antares (--duration 35s)
changes-lost                1500 updates at once for a queue of 1024, as Antares (--subscriptions 1 --duration 60s)
server-threads              32 updates at once in 32 threads, as coraine (--subscriptions 10)
deleted-subscriptions       receivers so slow that notifications wait when their subscriptions are removed

The same in another way:
database-down:mid-run  the database is killed during the run
database-down:null     the broker never connected to the database
network:drop           from the middle of the run on the network drops all packets to the listener
broker-dies:gateway    the broker is killed during the run, behind a gateway that answers 502
frozen:gateway         the broker is stopped, behind a gateway that answers 504
answered-for-receivers:at-once   a sidecar answers 202 at once, keeps the connection open, and forwards the notification
answered-for-receivers:swallows  the same, but it forwards nothing
answered-at-once:errors          the receivers answer 500 at once
listeners-not-reached:name       the receivers' name is unknown on the broker's host
listeners-not-reached:other      the receivers' name means another host on the broker's host
overloaded:throttled   the broker's control group gives it half a CPU, which it uses up (needs root)
threads:nproc          ulimit -u allows the broker 25 more threads, for 40 idle clients (needs root)
threads:transient      notification mode transient, with six threads for seven notifications (needs root)
END
}

# shellcheck disable=SC2034 # rehearse.sh's
ngsild_causes="one-update-at-a-time one-notification-at-a-time deaf-receivers client-of-few breaker changes-lost \
server-threads deleted-subscriptions"

another_user() { # CAUSE USER GROUP: print the words before a command that run it as another user
    [ "$(id -u)" = 0 ] || die 3 "--cause $1 runs a part as another user, so it needs root"
    echo "setpriv --reuid $2 --regid $3 --clear-groups --pdeathsig TERM"
}

# shellcheck disable=SC2034,SC2154 # they are rehearse.sh's
produce() { # CAUSE: set what differs
    early=$((seconds / 12)) late=$((early + seconds / 3)) # s after the first notification: begin and end of a fault
    case $1 in
        broker-restarts) broker_options="--crash-after $((seconds / 4)) --restart" ;;
        broker-dies) broker_options="--crash-after $((seconds / 4))" ;;
        database-down) ends_before=database force=--force ;;
        multiservice) multiservice='' leftovers=$subscriptions force=--force ;;
        privilege) as_user=$(another_user "$1" nobody nogroup) force=--force ;;
        listener-down) ends_before=listener force=--force ;;
        listener-nofile) listener_nofile=$((subscriptions / 2)) force=--force ;;
        select) broker_options='--legacy-select -reqPoolSize 20' ;;
        nofile) broker_options="--nofile $((subscriptions * 3 / 2))" force=--force ;;
        ports) broker_options="--ports $((subscriptions / 2))" ;;
        stale-cache) leftovers=$subscriptions dropped=yes ;;
        cache-refresh) cache=5 broker_options='--refresh-hold 2400' ;;
        queue) mode=threadpool:10:10 force=--force ;;
        workers) mode=threadpool:60000:$((subscriptions / 3)) force=--force ;;
        persistent | transient) mode=$1 force=--force ;;
        statistics) statistics='' ;;
        http-timeout) timeout=$((seconds * 250)) force=--force ;;
        listener-closes) slow_path=/hangup ;;
        slow) broker_options='--slow 1500' ;;
        max-connections) broker_options='-maxConnections 30' locust_options='--idle-connections 60' force=--force ;;
        threads) limit='threads 25' locust_options='--idle-connections 40' ;;
        threads:nproc)
            number=$((60000 + $$ % 5000)) # a user whose only processes these are
            as_broker=$(another_user "$1" "$number" "$number")
            limit='nproc 25' locust_options='--idle-connections 40'
            ;;
        threads:transient) limit="threads $((subscriptions * 6 / 7))" mode=transient force=--force ;;
        frozen) signals="$early:STOP:broker $late:CONT:broker" ;;
        overloaded) broker_options=--burn as_broker='taskset -c 0' ;;
        overloaded:throttled) broker_options=--burn limit='percent 50' ;;
        out-of-memory) limit="bytes $((subscriptions * 49152))" broker_options='--leak memory' ;; # 65536 each
        database-hangs) signals="$early:STOP:database $late:CONT:database" ;;
        database-down:mid-run) signals="$early:KILL:database" ;;
        database-down:null) broker_options=--null-connection force=--force ;;
        listen-queue) broker_options='--deaf --backlog 5' ;;
        network) way_out=reset signals="$((seconds / 4)):USR1:way_out" ;;
        network:drop) way_out=drop signals="$((seconds / 4)):USR1:way_out" ;;
        service-pool) mode=$mode,stablished_connections:60000:$((subscriptions / 3)) force=--force ;;
        rate-limit) gateway='--limit 50' ;;
        denied) gateway='--refuses 401' signals=2.5:USR1:gateway ;;
        redirected) gateway='--refuses 307' signals=2.5:USR1:gateway ;;
        not-reached) way_in=deaf signals="$early:USR1:way_in $late:USR2:way_in" ;;
        dead-address)
            getent ahosts localhost | head -n 1 | grep -q '^::1' ||
                die 3 "--cause dead-address needs a localhost whose first address is ::1 (/etc/hosts)"
            broker_host=localhost
            ;;
        certificate) scheme=https force=--force ;;
        tester) locust_nofile=75 locust_options='--idle-connections 100' force=--force ;;
        broker-dies:gateway) produce broker-dies && gateway=plain ;;
        frozen:gateway) produce frozen && gateway='--patience 1.5' ;;
        gateway-idle) produce max-connections && gateway=plain ;;
        answered-for-receivers) mesh="--patience $((seconds / 4))" ;;
        answered-for-receivers:at-once) mesh='--answers 202' ;;
        answered-for-receivers:swallows) mesh='--answers 202 --swallows' ;;
        repeated) mesh="--patience $((seconds / 4)) --repeats" ;;
        answered-at-once) delay=0 idle=30 ;;
        answered-at-once:errors) slow_path=/500 ;;
        listeners-not-reached) way_out='deaf --from 127.0.0.2' broker_options='--source 127.0.0.2' ;;
        listeners-not-reached:name) listener_host=localhost broker_options='--resolve localhost=' ;;
        listeners-not-reached:other) listener_host=localhost broker_options='--resolve localhost=127.0.0.2' ;;
        several-listeners) replicas=2 way_out=none force=--force ;;
        listener-hangs) signals="$early:STOP:listener $late:CONT:listener" ;;
        name-server) listener_host=localhost slow_names='-m rehearsal.slow_names 7' broker_options='--slow-names 7' ;;
        one-update-at-a-time) delay=4 ;;
        one-notification-at-a-time) delay=4 broker_options=--one-at-a-time ;;
        deaf-receivers) deaf=yes force=--force ;;
        client-of-few) delay=4 replicas=1 ;;
        breaker)
            [ "$seconds" -ge 32 ] || die 2 "--cause breaker needs --duration 32s or more: five receivers take 5 s each"
            delay=3600 broker_options='--like antares'
            ;;
        changes-lost) broker_options='--like antares' locust_options='--updates 1500' ;;
        server-threads) delay=1 broker_options='--like coraine' locust_options='--updates 32' ;;
        deleted-subscriptions) delay=$seconds ;;
        database-away) way_to_database=outage signals='2.5:USR1:way_to_database 10.5:USR2:way_to_database' ;;
        busy-host)
            as_broker='chrt --idle 0' burners=$(nproc)
            signals="$early:USR1:burners $late:USR2:burners"
            ;;
        busy-tester)
            as_tester='taskset -c 0 chrt --idle 0' as_burners='taskset -c 0' burners=1
            signals="$early:USR1:burners $late:USR2:burners"
            ;;
        starved) mode=threadpool:60000:$subscriptions locust_options='--healthy-slo 1000' ;;
        *) die 2 "--cause takes one of these, not '$1':
$(list_causes)" ;;
    esac
}

# Several at once: their options are added. Everything else can be changed by one cause only.
produce_all() { # CAUSE...
    single='mode timeout cache delay idle statistics multiservice leftovers ends_before listener_nofile listener_host
        replicas as_user as_broker limit gateway mesh way_in way_out way_to_database
        slow_path broker_host scheme slow_names burners as_tester as_burners locust_nofile'
    for name in $single; do eval "usual_$name=\$$name changed_$name=''"; done
    for one; do
        before=$broker_options locust_before=$locust_options signals_before=$signals
        broker_options='' locust_options='' signals=''
        for name in $single; do eval "$name=\$usual_$name"; done
        produce "$one"
        broker_options="$before $broker_options" locust_options="$locust_before $locust_options"
        signals="$signals_before $signals"
        for name in $single; do
            now='' usual=''
            eval "now=\$$name usual=\$usual_$name changed=\$changed_$name"
            [ "$now" != "$usual" ] || continue
            [ -z "$changed" ] || die 2 "--cause ${changed% is *} and --cause $one cannot be combined: both change $name"
            eval "changed_$name=\"\$one is \$now\""
        done
    done
    for name in $single; do
        eval "changed=\$changed_$name"
        [ -z "$changed" ] || eval "$name=\${changed#* is }"
    done
}
