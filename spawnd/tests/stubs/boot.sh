#!/bin/sh
# Boots systemd as the first process of new namespaces: sh boot.sh FOLDER, on a terminal. FOLDER
# contains etc, root, and local, which becomes /usr/local. /usr is this machine's, read-only, and so
# are the kernel's settings. The guest has no disks of this machine. With GUEST_NETWORK=shared its
# network is that of the caller. A power-off ends the namespaces with SIGINT, and a reboot with
# SIGHUP. Mounts and groups end with them.
set -e
root=$1
if [ "$2" != inside ]; then
    mkdir -p "$root/groups"
    test "$GUEST_NETWORK" = shared || network=--net
    export network
    unshare --mount --propagation private sh -ec '
        mount -t cgroup2 none "$1/groups"
        own=$1/groups/$(basename "$1")
        mkdir "$own"
        trap "find $own -depth -type d -exec rmdir {} +" EXIT
        (
            sh -c "echo \$PPID" > "$own/cgroup.procs"
            up=$(cut -d. -f1 /proc/uptime)
            exec unshare --time --monotonic "-$up" --boottime "-$up" --pid --fork --kill-child --mount --uts --ipc $network --cgroup sh "$0" "$1" inside
        )' "$0" "$root"
    exit
fi
terminal=$(readlink /proc/self/fd/0)
mount --bind "$root" "$root"
cd "$root"
mkdir -p var/lib tmp run proc sys dev usr old
for name in bin sbin lib lib64; do test -L $name || ln -s usr/$name $name; done
for file in passwd group nsswitch.conf ld.so.cache; do cp /etc/$file etc/; done
mount --rbind /usr usr
mount -o remount,bind,ro usr
mount --bind local usr/local
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs none sys/block
mount -t tmpfs none sys/fs/cgroup
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=755 none dev
for name in null zero full random urandom tty; do
    touch dev/$name
    mount --bind /dev/$name dev/$name
done
touch dev/console
mount --bind "$terminal" dev/console
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . old
umount -l /old
exec env -i container=spawnd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=0
