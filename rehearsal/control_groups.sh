# Sourced by rehearse.sh: the kernel's limits for the broker, most by a control group of its own, of version 1 or 2.

# Make a group that can limit what $limit names, where one is needed for that; $group is its folder.
make_group() {
    case ${limit:?} in nproc*) return 0 ;; threads*) controller=pids ;; bytes*) controller=memory ;; percent*) controller=cpu ;; esac
    base=/sys/fs/cgroup
    if [ -d "$base/$controller" ]; then base=$base/$controller; fi # version 1 has a folder for each controller
    group=$base/rehearsal-$$
    (echo "+$controller" >"$base/cgroup.subtree_control") 2>/dev/null || true
    if ! mkdir "$group" 2>/dev/null || ! ls "$group/$controller".* >/dev/null 2>&1; then
        rmdir "$group" 2>/dev/null || true
        group=''
        die 3 "--cause${cause:-} needs a control group for $controller, and none can be made below $base: run it as root"
    fi
}

# Have the limit hold from now on: what the broker uses, and so much more; or a share of one processor.
limit_broker() { # nproc|threads|bytes|percent HOW_MUCH
    case $1 in
        nproc)
            threads=$(find "/proc/${broker_pid:?}/task" -mindepth 1 -maxdepth 1 | wc -l)
            ${as_broker:?} prlimit --pid "$broker_pid" --nproc=$((threads + $2)) # the user's own right
            ;;
        threads) echo $(($(cat "$group/pids.current") + $2)) >"$group/pids.max" ;;
        bytes)
            if [ -e "$group/memory.max" ]; then
                echo $(($(cat "$group/memory.current") + $2)) >"$group/memory.max"
                (echo 0 >"$group/memory.swap.max") 2>/dev/null || true
            else
                echo $(($(cat "$group/memory.usage_in_bytes") + $2)) >"$group/memory.limit_in_bytes"
            fi
            ;;
        percent)
            if [ -e "$group/cpu.max" ]; then
                echo "$(($2 * 1000)) 100000" >"$group/cpu.max"
            else
                echo 100000 >"$group/cpu.cfs_period_us"
                echo $(($2 * 1000)) >"$group/cpu.cfs_quota_us"
            fi
            ;;
    esac
}
