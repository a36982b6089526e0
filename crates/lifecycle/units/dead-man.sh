#!/bin/sh
# Arms the dead-man with the running time left, and counts that time down. spawnd, where installed, replaces
# this script.
saved=/var/lib/spawn/dead-man
end=/run/spawn-dead-man
up=$(cut -d. -f1 /proc/uptime)
case "$1" in
arm)
    left=$(cat "$saved" 2>/dev/null)
    case "$left" in '' | *[!0-9]*) left=@SEED@ ;; esac
    [ "$left" -ge 120 ] || left=120
    at=$((up + left))
    mkdir -p /run/systemd/system/spawn-dead-man.timer.d
    printf '[Timer]\nOnBootSec=\nOnBootSec=%ss\nOnBootSec=%ss\nOnBootSec=%ss\n' "$at" $((at + 60)) $((at + 120)) \
        >/run/systemd/system/spawn-dead-man.timer.d/left.conf
    echo "$at" >"$end"
    systemctl daemon-reload
    systemctl --no-block restart spawn-dead-man.timer
    ;;
count)
    at=$(cat "$end") || exit 1
    left=$((at - up))
    [ "$left" -ge 0 ] || left=0
    echo "$left" >"$saved.new" && sync "$saved.new" && mv "$saved.new" "$saved"
    ;;
esac
