#!/usr/bin/env bash
# A systemd of its own: process 1 in namespaces of processes, mounts, network and cgroups, on a root that is this
# machine's with a layer in memory above it. What is written there is gone with it, and only loopback is there.
# Usage: boot.sh FOLDER SOURCE (see machine.bash, which starts it under unshare). FOLDER is empty; SOURCE is seen as
# /srv/source.
set -euo pipefail
layer=$1
source=$2
root=$layer/root

mount --make-rprivate /
mount -t tmpfs layer "$layer"
mkdir "$layer/upper" "$layer/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$root"
mkdir -p "$root/srv/source"
mount --bind -o ro "$source" "$root/srv/source"
mount -o remount,bind,ro "$root/srv/source"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs cgroups "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in dev run tmp var/tmp; do mount -t tmpfs -o mode=1777 "$folder" "$root/$folder"; done
chmod 755 "$root/dev" "$root/run"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"

# Of all units only those that the service's start needs, and the journal.
units=$root/lib/systemd/system
mount -t tmpfs units "$units"
rm -rf "$root/etc/systemd/system"
mkdir "$root/etc/systemd/system"
for unit in sysinit basic multi-user network-online shutdown umount; do cp "/lib/systemd/system/$unit.target" "$units/"; done
cp /lib/systemd/system/systemd-journald{.service,.socket,-dev-log.socket} "$units/"

cd "$root"
mkdir old
pivot_root . old
umount -l /old
rmdir /old
mount --make-rshared /   # mounts that systemd prepares for a service must reach it
exec env -i PATH="$PATH" container=test /lib/systemd/systemd --system --unit=basic.target --show-status=no \
    --log-target=journal </dev/null
