#!/bin/sh
# Prepares the namespaces of one test: sh ssh-network.sh DEBIAN. DEBIAN is the tree of unpacked
# packages. /usr and /etc show them over this machine's own, and take changes in memory. The
# sandbox's public range is on the loopback, and the login ec2-user may use sudo. systemctl is a
# stub. Everything ends with the namespaces.
set -e
ip link set lo up
ip address add 198.18.0.1/15 dev lo
ip address add 169.254.169.254/32 dev lo
mount -t tmpfs -o mode=755 none /mnt
over() {
    mkdir "/mnt/$1" "/mnt/$1.work"
    mount -t overlay overlay -o "lowerdir=$2,upperdir=/mnt/$1,workdir=/mnt/$1.work" "/$1"
}
over usr "$1/usr:/usr"
over etc "$1/etc:/etc"
over var /var
for folder in /home /run; do mount -t tmpfs -o mode=755 none $folder; done
mkdir -p /run/sshd /run/systemd/system /home/ec2-user
echo 'ec2-user:x:3100:3100::/home/ec2-user:/bin/sh' >> /etc/passwd
echo 'sshd:x:3101:65534::/run/sshd:/usr/sbin/nologin' >> /etc/passwd
echo 'ec2-user:x:3100:' >> /etc/group
echo 'ec2-user:*:19000:0:99999:7:::' >> /etc/shadow
echo 'ec2-user ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ec2-user
chmod 440 /etc/sudoers /etc/sudoers.d/ec2-user
chown 3100:3100 /home/ec2-user
mv /usr/bin/systemctl /usr/bin/systemctl.real
cp "$(dirname "$0")/systemctl.sh" /usr/bin/systemctl
chmod 755 /usr/bin/systemctl
