#!/bin/sh
# systemctl of a test machine, on which systemd does not run. It records its calls, and starts the
# installed spawnd with the sandbox of /run/sandbox-url.
echo "$@" >> /run/systemctl.calls
case "$* " in
*start*spawnd.service* | enable*--now*spawnd.service*)
    test -s /run/sandbox-url || exit 0
    test ! -s /run/spawnd.pid || kill "$(cat /run/spawnd.pid)" 2> /dev/null
    setsid /usr/local/bin/spawnd daemon --sandbox "$(cat /run/sandbox-url)" < /dev/null > /run/spawnd.log 2>&1 &
    echo $! > /run/spawnd.pid
    ;;
esac
