#!/bin/sh
# The newcomer's tour of spawn: sh demo-spawn.sh BIN. BIN is the folder of the built executables.
# AWS is the EC2 emulator of this machine, and HOME is a temporary folder. Where namespaces and an
# OpenSSH server are available, that server is the instance, with the real spawnd on it. Nothing is
# left behind.
set -eu

bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
debian=$here/../.tools/debian
daemon=$bin/../lib/mycelium/spawnd-$(uname -m)
namespaces='--net --mount --propagation private --pid --fork --kill-child --mount-proc --uts'

# The second call of this script is the tour itself, with a clean environment.
if [ -z "${TOUR:-}" ]; then
    tour=without-ssh
    if [ ! -f "$debian/unpacked.txt" ]; then
        echo 'no OpenSSH server here: the tour goes on without ssh'
    elif [ ! -f "$daemon" ]; then
        echo 'no spawnd beside the executables (cargo xtask daemon): the tour goes on without ssh'
    # shellcheck disable=SC2086
    elif ! unshare $namespaces sh "$here/stubs/ssh-network.sh" "$debian" 2> /dev/null; then
        echo 'namespaces are not allowed here: the tour goes on without ssh'
    else
        tour=with-ssh
    fi
    set -- env -i TOUR=$tour PATH="$bin:$PATH" TERM="${TERM:-dumb}" TMPDIR="${TMPDIR:-/tmp}" LANG=C.UTF-8 sh "$0" "$bin"
    # shellcheck disable=SC2086
    if [ $tour = with-ssh ]; then exec unshare $namespaces "$@"; else exec "$@"; fi
fi

if [ "$TOUR" = with-ssh ]; then sh "$here/stubs/ssh-network.sh" "$debian"; fi
HOME=$(mktemp -d)
export HOME
cd "$HOME"
children=
# shellcheck disable=SC2086
trap 'kill $children 2> /dev/null || true; wait; cd /; rm -rf "$HOME"' EXIT
trap 'exit 1' INT TERM

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

say() { printf '\n# %s\n' "$*"; }

# Plays the instance: starts its OpenSSH server with the host key of its console, and the user's key.
play_instance() {
    until [ -n "$(spawn list --quiet --state running -o csv --columns instance_id 2> /dev/null | sed 1d)" ]; do
        sleep 0.5
    done
    id=$(spawn list --quiet -o csv --columns instance_id | sed 1d)
    echo "$AWS_ENDPOINT_URL/imds/$id" > /run/sandbox-url
    (umask 077 && mycelium sandbox host-key --url "$AWS_ENDPOINT_URL" "$id" > /run/host-key)
    install -m 644 "$HOME/.ssh/spawn_ed25519.pub" /run/authorized-keys
    exec /usr/sbin/sshd -D -f /dev/null -o UsePAM=no -o PasswordAuthentication=no -o PidFile=none \
        -o HostKey=/run/host-key -o AuthorizedKeysFile=/run/authorized-keys 2> /run/sshd.log
}

cat > scenario.yaml <<'SCENARIO'
timing: {pending: 2s, visible_after: 0s, stopping: 2s, shutting_down: 2s, profile_after: 0s, console_after: 1s}
SCENARIO
mycelium sandbox serve --port 0 --scenario scenario.yaml > sandbox.log 2>&1 &
children=$!
until url=$(grep -o 'http://[0-9.:]*' sandbox.log | head -n 1) && [ -n "$url" ]; do sleep 0.1; done
eval "$(mycelium sandbox env --url "$url")"
# The address of this machine is asked of the emulator too.
export MYCELIUM_MIRROR="$url"

say 'launch: an instance that ends after 8 hours of running time'
if [ "$TOUR" = with-ssh ]; then
    play_instance &
    children="$children $!"
else
    export SPAWN_DELIVER=none
fi
show spawn launch t3.micro --ttl 8h --name try

say 'list: time left, cost, ports that are open to the world'
show spawn list

if [ "$TOUR" = with-ssh ]; then
    say 'connect: a shell through ssh, here with one command'
    show spawn connect try -- id

    say 'extend: more time, confirmed by spawnd on the instance'
    show spawn extend try 2h
fi

say 'stop: the time left pauses'
show spawn stop try
if [ -s /run/spawnd.pid ] && [ "$TOUR" = with-ssh ]; then kill "$(cat /run/spawnd.pid)"; fi

say 'start: it goes on with the time left'
show spawn start try

say 'terminate: the end, with the cost and the disks that stay'
show spawn terminate try --yes

say 'a second instance is forgotten: two hours later, the reaper finds it'
show spawn launch t3.micro --ttl 1h --name forgotten --deliver none
mycelium sandbox clock --url "$url" +2h > /dev/null
show spawn reap
show spawn reap --yes

say 'cleanup: the key, the group and the role that launches share'
spawn terminate forgotten --yes --quiet > /dev/null
show spawn cleanup --yes

say 'that was the tour; docs/spawn.md describes each command'
