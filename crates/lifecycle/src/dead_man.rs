//! The dead-man's files: a systemd timer that powers the machine off if nothing else has ended it.
//!
//! spawnd installs these units and sets them. Until spawnd is delivered, an instance has them from
//! its user data, with a minimal script: the time left survives a reboot and a stop. The script
//! counts running time alone; it handles no tag, no idleness and no warning.
//!
//! All files belong to one instance. The disk of an image has the files of another one: the first
//! boot of a launch writes them anew, and a count or terms with another instance's id are not used.

use crate::delivery::{DaemonSource, FETCH_SCRIPT, FETCH_UNIT};
use jiff::SignedDuration;

/// The units of every instance, as path and text. `@WHEN@` stands for the time at which the
/// dead-man acts.
pub const UNITS: [(&str, &str); 4] = [
    ("/etc/systemd/system/spawn-dead-man.timer", include_str!("../units/spawn-dead-man.timer")),
    ("/etc/systemd/system/spawn-dead-man.service", include_str!("../units/spawn-dead-man.service")),
    ("/etc/systemd/system/poweroff.target.d/10-spawn.conf", include_str!("../units/poweroff-limit.conf")),
    ("/etc/sysctl.d/50-spawn.conf", include_str!("../units/sysctl.conf")),
];

/// The script of an instance without spawnd, and the unit that runs it at each boot. spawnd's own
/// unit replaces it.
const SCRIPT: (&str, &str) = ("/usr/local/lib/spawn/dead-man.sh", include_str!("../units/dead-man.sh"));
const COUNT: [(&str, &str); 2] = [
    ("/etc/systemd/system/spawn-count.service", include_str!("../units/spawn-count.service")),
    ("/etc/systemd/system/spawn-count.timer", include_str!("../units/spawn-count.timer")),
];
const ARM: (&str, &str) =
    ("/etc/systemd/system/spawn-arm.service", include_str!("../units/arm-alone.service"));

/// Returns the script of an instance without spawnd. `set SECONDS` sets the dead-man to this much
/// running time from now, and prints the seconds that are armed.
pub fn script() -> &'static str {
    SCRIPT.1
}

/// The terms file, for a spawnd that is installed later.
const TERMS: &str = "/etc/spawn/terms.json";

/// Returns the timer lines for an end this many seconds after the boot. The end is repeated after
/// one and two minutes, because a systemd reload at the exact instant drops the trigger that is
/// due.
pub fn timer_lines(seconds: u64) -> String {
    [0, 60, 120].map(|later| format!("OnBootSec={}s", seconds + later)).join("\n")
}

/// The launch and the instance that the files on this disk belong to.
const LIFE: &str = "/var/lib/spawn/life";

/// The count of a dead-man without spawnd: the seconds left, and the instance that they belong to.
pub const COUNTED: &str = "/var/lib/spawn/dead-man";

/// The uptime in seconds at which a dead-man without spawnd acts, in this boot.
pub const COUNTED_END: &str = "/run/spawn-dead-man";

/// The timer that keeps the count of an instance without spawnd.
pub const COUNT_TIMER: &str = "spawn-count.timer";

/// The beginning of the first boot: it ends where this instance has had it. cloud-init sets
/// `INSTANCE_ID`, and runs a boothook at every boot.
const BEGIN: &str = r#"#!/bin/sh
launch=@LAUNCH@
instance=${INSTANCE_ID:-$(cat /var/lib/cloud/data/instance-id 2>/dev/null)}
old_launch= old_instance=
{ read -r old_launch old_instance <@LIFE@; } 2>/dev/null
if [ "$old_launch" = "$launch" ] && [ "${old_instance:-$instance}" = "${instance:-$old_instance}" ]; then
  exit 0
fi
umask 022
mkdir -p /etc/systemd/system/poweroff.target.d /etc/sysctl.d /etc/spawn /usr/local/lib/spawn /var/lib/spawn
rm -f /var/lib/spawn/dead-man /var/lib/spawn/state.json
"#;

/// Enables the units.
const END: &str = r#"systemctl daemon-reload
if [ "$spawnd" ]; then
  systemctl enable spawn-dead-man.timer spawn-arm.service
else
  systemctl enable spawn-dead-man.timer spawn-arm.service spawn-count.timer
  systemctl --no-block start spawn-count.timer
fi
"#;

/// Starts the unit that gets spawnd.
const START_FETCH: &str = "systemctl enable spawn-fetch.service
systemctl --no-block start spawn-fetch.service
";

/// Records the life. It is the last command, so that an interrupted set-up is repeated.
const RECORD: &str = "echo \"$launch $instance\" >@LIFE@\n";

/// Returns the boothook of a launched instance, a shell script. Before anything else, the first
/// boot of the launch `launch` arms the dead-man for `after` of running time. `terms` is the JSON
/// object of the terms, for spawnd; the boot adds the instance's id to it. An image of another
/// instance is taken over: its terms and its counted time are replaced. Where spawnd is installed,
/// its units stay. With a `source`, a unit gets spawnd from there once the network is up.
pub fn boothook(after: SignedDuration, terms: &str, launch: &str, source: Option<&DaemonSource>) -> String {
    let seconds = after.as_secs().max(0).unsigned_abs();
    let write = |path: &str, content: &str| {
        format!("cat >{path} <<'END-OF-FILE'\n{}\nEND-OF-FILE\n", content.trim_end())
    };
    let mut text = BEGIN.replace("@LAUNCH@", launch).replace("@LIFE@", LIFE);
    for (path, content) in UNITS.iter().chain([&SCRIPT]) {
        let content =
            content.replace("@WHEN@", &timer_lines(seconds)).replace("@SEED@", &seconds.to_string());
        text.push_str(&write(path, &content));
    }
    text.push_str(&format!("sh {} arm\n", SCRIPT.0));
    text.push_str(&format!("spawnd=\ngrep -qs bin/spawnd {} && spawnd=yes\n", ARM.0));
    text.push_str("if [ -z \"$spawnd\" ]; then\n");
    COUNT.iter().chain([&ARM]).for_each(|(path, content)| text.push_str(&write(path, content)));
    text.push_str("fi\n");
    text.push_str(&keyed_terms(terms));
    if let Some(source) = source {
        text.push_str(&write(FETCH_SCRIPT, &source.script()));
        text.push_str(&write(FETCH_UNIT.0, FETCH_UNIT.1));
    }
    text.push_str(END);
    if source.is_some() {
        text.push_str(START_FETCH);
    }
    text.push_str(&RECORD.replace("@LIFE@", LIFE));
    text
}

/// Returns the commands that write the terms with the id of the instance that they belong to.
fn keyed_terms(terms: &str) -> String {
    let fields = terms.trim().strip_prefix('{').unwrap_or(terms);
    format!(
        "key=\n{{ [ -z \"$instance\" ] || key=\"\\\"instance\\\":\\\"$instance\\\",\"\n\
         printf '{{%s' \"$key\"; cat <<'END-OF-FILE'\n{fields}\nEND-OF-FILE\n}} >{TERMS}\n"
    )
}
