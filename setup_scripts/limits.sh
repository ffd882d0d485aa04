# Sourced by start_broker.sh, raise_limits.sh and rehearse.sh, with $here set to its folder: the limits that $subscriptions
# notifications need, and the limits of this host.
. "${here:?}/environment.sh" # say, die
. "$here/needs.sh"

subscriptions=5000
idle_clients=10 # of the test
seeders=8       # of the test: SEEDERS in scenario/settings/options.py

positive() { # OPTION VALUE LEAST
    case $2 in '' | *[!0-9]* | 0* | ???????*) false ;; *) [ "$2" -ge "$3" ] ;; esac ||
        die 2 "$1 takes a whole number from $3 to 999999, not '$2'"
}

# The same figures as the preflight's; scenario/preflight/limits.py says why.
needed() { # HOST LIMIT [NOTIFICATIONS]
    case $1-$2 in
        broker-nofile) echo $((fds_per_notification * (${3:-$subscriptions} + spare_workers) + idle_clients + spare)) ;;
        broker-nproc | listener-nofile) echo $((subscriptions + spare)) ;;
        broker-ports) echo "$subscriptions" ;;
        # Of 5000 at once, with one processor for both sides, 4096 (Linux's default) lost no connection request, 128 did.
        listener-somaxconn) echo $((subscriptions < 4096 ? subscriptions : 4096)) ;;
        locust-nofile) echo $((idle_clients + seeders + spare)) ;;
    esac
}

title() { # nofile|nproc
    case $1 in nofile) echo 'open files' ;; nproc) echo processes ;; esac
}

limit() { # soft|hard nofile|nproc: this shell's
    case $1 in soft) column=1 ;; hard) column=2 ;; esac
    sed -n "s/^Max $(title "$2") *\([^ ]*\) *\([^ ]*\) .*/\\$column/p" /proc/self/limits
}

# Print the lowest pids.max (a limit on threads) from this process's control group upwards; nothing if none can be read.
pids_max() {
    group=/sys/fs/cgroup/$(sed -n 's/^[0-9]*:pids:/pids/p; s/^0::\///p' /proc/self/cgroup | head -n 1)
    lowest=''
    while :; do
        found=$(cat "$group/pids.max" 2>/dev/null || true)
        case $found in
            '') ;;
            max) lowest=${lowest:-unlimited} ;;
            *) if ! enough "$found" "${lowest:-unlimited}"; then lowest=$found; fi ;;
        esac
        [ "$group" != /sys/fs/cgroup ] || break
        group=${group%/*}
    done
    echo "$lowest"
}

enough() { # THERE NEEDED
    [ "$1" = unlimited ] || { [ "$2" != unlimited ] && [ "$1" -ge "$2" ]; }
}

# Print the command that raises this shell's limit. Print nothing if it is high enough; fail if it cannot be raised.
raising() { # nofile|nproc NEEDED
    if enough "$(limit soft "$1")" "$2"; then return; fi
    kind=S # only the soft limit, because a lowered hard limit cannot be raised again
    enough "$(limit hard "$1")" "$2" || kind=''
    case $1 in
        nofile) raise="ulimit -${kind}n $2" ;;
        nproc) raise="ulimit -${kind}u $2 2>/dev/null || ulimit -${kind}p $2" ;; # bash has -u, dash -p
    esac
    (eval "$raise") 2>/dev/null || return 1
    echo "$raise"
}

too_low() { # HOST nofile|nproc OPTION: the limit, what is needed, and how to raise it on the hosts of OPTION
    echo "the $1 needs $(needed "$1" "$2") $(title "$2") for $subscriptions subscriptions, but the limit of this shell is" \
        "$(limit hard "$2"): $(for_good "$3")"
}

for_good() { # OPTION
    echo "as root, sh $here/raise_limits.sh --write ${1:+$1 }--subscriptions $subscriptions --user $(id -un), then log in again"
}

# 99: read after the system's own files, so these values win
login_limits_file() {
    echo /etc/security/limits.d/99-connections-stress-test.conf
}

login_limits() { # USER broker|listener
    for limit in nofile nproc; do
        value=$(needed "$2" "$limit")
        [ -z "$value" ] || printf '%s %s %s %s\n' "$1" soft "$limit" "$value" "$1" hard "$limit" "$value"
    done
}

drop_in_file() { # broker|listener
    case $1 in broker) unit=contextBroker ;; listener) unit=slow-listener ;; esac
    echo "/etc/systemd/system/$unit.service.d/99-connections-stress-test.conf"
}

drop_in() { # broker|listener
    printf '[Service]\nLimitNOFILE=%s\n' "$(needed "$1" nofile)"
    # TasksMax counts threads too. Its default is 15 % of kernel.pid_max: 4915 of 32768
    if [ "$1" = broker ]; then printf 'LimitNPROC=%s\nTasksMax=%s\n' "$(needed broker nproc)" "$(needed broker nproc)"; fi
}
