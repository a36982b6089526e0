# Puts the file $1 in spawnd's place if its digest is $2 and it runs here, and starts it.
program=/usr/local/bin/spawnd
fail() { code=$1; shift; echo "$*" >&2; exit "$code"; }
has_digest() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }
place() {
    has_digest "$1" "$2" || fail 12 "the file has another digest"
    chmod 755 "$1"
    "$1" --version >/dev/null || fail 13 "spawnd does not run here"
    sync "$1" && mv -f "$1" "$program" && sync /usr/local/bin || fail 14 "spawnd cannot be placed"
    if command -v restorecon >/dev/null; then restorecon "$program"; fi
}
start() {
    verb=start
    if systemctl --quiet is-active spawnd.service; then verb=restart; fi
    "$program" install && systemctl "$verb" spawnd.service || fail 15 "spawnd does not start"
}
