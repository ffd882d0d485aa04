# Sourced by rehearse.sh: what each --cause changes against a healthy rehearsal. The parts really do it: true limits,
# true descriptors, true timeouts.

list_causes() {
    cat <<END
broker-restarts  the broker is killed in mid-run, and started again
broker-dies      the broker is killed in mid-run
database-down    the database ends before the run
multiservice     the broker has no -multiservice, and an earlier run left subscriptions
privilege        the inspector runs as nobody (needs root)
listener-down    nobody listens where the notifications go
listener-nofile  the listener may open half as many descriptors as there are notifications
select           the fault of Orion <= 1.4.3: select(), and descriptor numbers from 1024 on (as --failing)
nofile           the broker may open half as many descriptors as it needs
ports            notifications may use half as many local ports as they need (needs Linux 6.3)
stale-cache      the broker's cache keeps subscriptions that an earlier run left, and whose database is dropped
queue            threadpool:10:10
workers          a third of the workers
persistent       -notificationMode persistent
transient        -notificationMode transient
statistics       the broker has no -statNotifQueue
http-timeout     -httpTimeout is half of the listener's delay
listener-closes  the listener closes after its delay, without an answer
slow             GET /version takes 1.5 s from the update on
END
}

# shellcheck disable=SC2034,SC2154 # they are rehearse.sh's
produce() { # CAUSE: set what differs
    case $1 in
        broker-restarts) broker_options="--crash-after $((seconds / 4)) --restart" ;;
        broker-dies) broker_options="--crash-after $((seconds / 4))" ;;
        database-down) ends_before=database force=--force ;;
        multiservice) multiservice='' leftovers=$subscriptions force=--force ;;
        privilege)
            [ "$(id -u)" = 0 ] || die 3 "--cause privilege runs the inspector as another user, so it needs root"
            as_user="setpriv --reuid nobody --regid nogroup --clear-groups --pdeathsig TERM" force=--force
            ;;
        listener-down) ends_before=listener force=--force ;;
        listener-nofile) listener_nofile=$((subscriptions / 2)) force=--force ;;
        select) broker_options='--legacy-select -reqPoolSize 20' ;;
        nofile) broker_options="--nofile $((subscriptions * 3 / 2))" force=--force ;;
        ports) broker_options="--ports $((subscriptions / 2))" ;;
        stale-cache) cache=3600 leftovers=$subscriptions locust_options='--cache-limit 2' ;;
        queue) mode=threadpool:10:10 force=--force ;;
        workers) mode=threadpool:60000:$((subscriptions / 3)) force=--force ;;
        persistent | transient) mode=$1 force=--force ;;
        statistics) statistics='' ;;
        http-timeout) timeout=$((seconds * 250)) force=--force ;;
        listener-closes) listener_options=-hangup ;;
        slow) broker_options='--slow 1500' ;;
        *) die 2 "--cause takes one of these, not '$1':
$(list_causes)" ;;
    esac
}
