#!/bin/bash
# boot.sh ROOT PIDFILE LOG: boots the Debian root in the folder ROOT with its own systemd, in namespaces of its own, one of the network included; PIDFILE gets
# the id of systemd, which runs until it is killed, and all in the root with it. Wants root, and cgroups of version 2 (hybrid will do).
#   nsenter -t "$(cat PIDFILE)" -a systemctl status
set -eu
root=$1 pidfile=$2 log=$3
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
[ -n "$cgroups" ] || { echo "boot.sh: no cgroup2 is mounted here" >&2; exit 77; }
group=$cgroups/sampan-boot-$$
mkdir "$group"
setsid unshare --mount --pid --fork --kill-child --net --uts --ipc --propagation private bash -euc '
  echo 0 >"$2/cgroup.procs"
  exec unshare --cgroup bash -euc "
    mount --bind \"\$1\" \"\$1\"
    cd \"\$1\"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs tmpfs dev
    for node in null zero full random urandom tty; do touch dev/\$node; mount --bind /dev/\$node dev/\$node; done
    mkdir dev/pts dev/shm dev/mqueue dev/hugepages old
    ln -s pts/ptmx dev/ptmx
    mount -t devpts devpts dev/pts
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    pivot_root . old
    umount -l /old
    exec env -i container=sampan-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --show-status=no
  " boot "$1"' boot "$root" "$group" </dev/null >"$log" 2>&1 3>&- &
outer=$!
for _ in {1..100}; do
  pid=$(pgrep -P $outer || true)
  [ -z "$pid" ] || [ "$(cat "/proc/$pid/comm")" != systemd ] || break
  sleep 0.1
done
echo "$pid" >"$pidfile"
for _ in {1..300}; do
  state=$(nsenter -t "$pid" -a systemctl is-system-running 2>/dev/null || true)
  case $state in running | degraded) exit 0 ;; esac
  sleep 0.1
done
echo "boot.sh: it didn't come up ($state)" >&2
cat "$log" >&2
exit 1
