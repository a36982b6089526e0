#!/bin/sh
# systemctl of a test machine, on which systemd does not run. It records its calls, and starts the
# installed spawnd with the sandbox of /run/sandbox-url.
echo "$@" >> /run/systemctl.calls
daemon=$(cat /run/spawnd.pid 2> /dev/null)
# A process that ended, and that no parent has asked for, has no program any more.
runs() { test "$daemon" && readlink "/proc/$daemon/exe" > /dev/null; }
case "$* " in
*is-active*spawnd.service*)
    runs || exit 3
    ;;
*start*spawnd.service* | enable*--now*spawnd.service*)
    test -s /run/sandbox-url || exit 0
    case "$*" in restart*) ;; *) runs && exit 0 ;; esac
    if runs; then
        kill "$daemon"
        while runs; do sleep 0.1; done
    fi
    # Descriptor 9 is the lock of a delivery, which ends before the daemon.
    setsid /usr/local/bin/spawnd daemon --sandbox "$(cat /run/sandbox-url)" < /dev/null > /run/spawnd.log 2>&1 9>&- &
    echo $! > /run/spawnd.pid
    # As for a unit of the type notify, the start is over once the daemon answers.
    for _ in $(seq 100); do
        /usr/local/bin/spawnd status > /dev/null 2>&1 && break
        sleep 0.1
    done
    ;;
esac
