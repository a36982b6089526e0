# Reads spawnd from standard input: $1 bytes with the digest $2, unless it is there. Prints the status of
# the started daemon.
exec 9>/run/spawn-delivery.lock
flock -w 60 9 || fail 16 "another delivery is under way"
folder=/usr/local/lib/spawn/delivery
mkdir -p /usr/local/lib/spawn
rm -rf "$folder"
mkdir -m 700 "$folder" || fail 14 "$folder cannot be created"
trap 'rm -rf "$folder"' EXIT
# Without a trap of its own, a signal ends dash without the trap of EXIT.
trap 'exit 1' HUP INT PIPE TERM
if ! has_digest "$program" "$2"; then
    # A connection can break without an end of its stream.
    timeout 180 head -c "$1" >"$folder/spawnd"
    case $? in
    0) ;;
    124) fail 11 "the file did not arrive within 3 minutes" ;;
    *) fail 14 "the file cannot be written" ;;
    esac
    [ "$(wc -c <"$folder/spawnd")" -eq "$1" ] || fail 11 "the file is not complete"
    place "$folder/spawnd" "$2"
fi
start
"$program" status --json || fail 15 "spawnd does not answer"
