# A small machine in namespaces, with systemd as its process 1 (boot.sh). For tests: source this file.
#   machine_start SOURCE  0: it runs; else $machine_reason says why not
#   machine COMMAND ...   runs a command in it, as root
#   machine_stop
machine_pid=
# shellcheck disable=SC2034 # read by whoever sources this
machine_reason=

machine_start() {
    local source=$1 cgroups parent
    [ "$(id -u)" -eq 0 ] || { machine_reason="needs root" && return 1; }
    [ -x /lib/systemd/systemd ] || { machine_reason="systemd is not installed" && return 1; }
    cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
    parent=$cgroups$(sed -n 's/^0:://p' /proc/self/cgroup)
    machine_cgroup=$parent/alf-test-$$
    if [ -z "$cgroups" ] || ! mkdir "$machine_cgroup" 2>/dev/null; then
        machine_reason="cgroups cannot be made here" && return 1
    fi
    machine_layer=$(mktemp -d)
    (
        echo "$BASHPID" >"$machine_cgroup/cgroup.procs"
        exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child \
            bash tests/integration/systemd/boot.sh "$machine_layer" "$source"
    ) >"$machine_layer.log" 2>&1 &
    machine_job=$!
    for _ in $(seq 100); do
        machine_pid=$(cat "/proc/$machine_job/task/$machine_job/children" 2>/dev/null)
        machine_pid=${machine_pid%% *}
        [ -n "$machine_pid" ] && machine systemctl start systemd-journald >/dev/null 2>&1 && return 0
        kill -0 "$machine_job" 2>/dev/null || break
        sleep 0.1
    done
    machine_reason="systemd does not start in namespaces: $(head -c 300 "$machine_layer.log")"
    machine_stop
    return 1
}

machine() {
    setsid --wait nsenter --target "$machine_pid" --mount --pid --uts --ipc --net --cgroup --root --wd -- "$@"
}

machine_stop() {
    [ -n "${machine_job:-}" ] || return 0
    [ -z "$machine_pid" ] || kill -KILL "$machine_pid" 2>/dev/null
    wait "$machine_job" 2>/dev/null
    for _ in $(seq 50); do
        find "$machine_cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null
        [ -d "$machine_cgroup" ] || break
        sleep 0.1
    done
    rm -rf "$machine_layer" "$machine_layer.log"
    machine_job=
}
