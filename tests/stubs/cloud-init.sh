#!/bin/sh
# Boots Debian's cloud-init once: sh cloud-init.sh URL, in the namespaces of ssh-network.sh. URL is
# the instance's metadata, from which the user data comes. What the boot writes to the console is
# then in /run/console.
set -e
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$1/latest/api/token")
metadata() { curl -fsS -H "X-aws-ec2-metadata-token: $token" "$1"; }
seed=/var/lib/cloud/seed/nocloud
mkdir -p $seed
metadata "$1/latest/user-data" > $seed/user-data
echo "instance-id: $(metadata "$1/latest/meta-data/instance-id")" > $seed/meta-data
rm -rf /etc/cloud/cloud.cfg.d
cat > /etc/cloud/cloud.cfg << END
datasource_list: [NoCloud]
cloud_init_modules: [bootcmd, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user, keys-to-console]
system_info: {distro: debian, default_user: {name: ec2-user}}
network: {config: disabled}
END
test -e /run/console || {
    : > /run/console
    mount --bind /run/console /dev/console
}
: > /run/console
for stage in 'init --local' init 'modules --mode=config' 'modules --mode=final'; do
    /usr/bin/python3 /usr/bin/cloud-init $stage > /run/cloud-init.log 2>&1 || {
        cat /run/cloud-init.log >&2
        exit 1
    }
done
