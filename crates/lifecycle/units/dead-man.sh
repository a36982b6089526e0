#!/bin/sh
# Arms the dead-man with the running time left, and counts that time down. spawnd, where installed, replaces
# this script. The count belongs to one instance: another one, launched from an image of its disk, begins anew.
saved=/var/lib/spawn/dead-man
end=/run/spawn-dead-man
up=$(cut -d. -f1 /proc/uptime)
# On Nitro the asset tag is the instance id, before any network. Elsewhere cloud-init writes it at each boot.
instance=${INSTANCE_ID:-$(cat /sys/class/dmi/id/board_asset_tag 2>/dev/null)}
case "$instance" in i-*) ;; *) instance=$(cat /var/lib/cloud/data/instance-id 2>/dev/null) ;; esac
foreign() { [ -n "$1" ] && [ -n "$instance" ] && [ "$1" != "$instance" ]; }
save() { echo "$1${instance:+ $instance}" >"$saved.new" && sync "$saved.new" && mv "$saved.new" "$saved"; }
arm() {
    left= owner=
    { read -r left owner <"$saved"; } 2>/dev/null
    if foreign "$owner"; then left=; fi
    case "$left" in '' | *[!0-9]*) left=@SEED@ ;; esac
    [ "$left" -ge 120 ] || left=120
    at=$((up + left))
    mkdir -p /run/systemd/system/spawn-dead-man.timer.d
    printf '[Timer]\nOnBootSec=\nOnBootSec=%ss\nOnBootSec=%ss\nOnBootSec=%ss\n' "$at" $((at + 60)) $((at + 120)) \
        >/run/systemd/system/spawn-dead-man.timer.d/left.conf
    echo "$at${instance:+ $instance}" >"$end"
    systemctl daemon-reload
    systemctl --no-block restart spawn-dead-man.timer
    save "$left"
}
case "$1" in
arm) arm ;;
count)
    at= owner=
    read -r at owner <"$end" || exit 1
    # Before cloud-init ran, the instance could not be known.
    if foreign "$owner"; then arm; exit; fi
    left=$((at - up))
    [ "$left" -ge 0 ] || left=0
    save "$left"
    ;;
set)
    # spawn extend, on an instance without spawnd: $2 seconds are left from now on.
    case "$2" in '' | *[!0-9]*) exit 2 ;; esac
    save "$2" || exit 1
    arm
    systemctl restart spawn-dead-man.timer && systemctl is-active --quiet spawn-dead-man.timer || exit 1
    echo $((at - up))
    ;;
esac
