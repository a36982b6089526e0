//! The dead-man's files: a systemd timer that powers the machine off if nothing else has ended it.
//!
//! spawnd installs these units and sets them. An instance without spawnd gets them from its user
//! data, with a minimal script: the time left survives a reboot and a stop. The script counts
//! running time alone; it handles no tag, no idleness and no warning.

use jiff::SignedDuration;

/// The units of every instance, as path and text. `@WHEN@` stands for the time at which the
/// dead-man acts.
pub const UNITS: [(&str, &str); 4] = [
    ("/etc/systemd/system/spawn-dead-man.timer", include_str!("../units/spawn-dead-man.timer")),
    ("/etc/systemd/system/spawn-dead-man.service", include_str!("../units/spawn-dead-man.service")),
    ("/etc/systemd/system/poweroff.target.d/10-spawn.conf", include_str!("../units/poweroff-limit.conf")),
    ("/etc/sysctl.d/50-spawn.conf", include_str!("../units/sysctl.conf")),
];

/// The script of an instance without spawnd, and the unit that runs it at each boot. That unit is
/// written last, so that an interrupted set-up is repeated. spawnd's own unit replaces it.
const SCRIPT: (&str, &str) = ("/usr/local/lib/spawn/dead-man.sh", include_str!("../units/dead-man.sh"));
const COUNT: [(&str, &str); 2] = [
    ("/etc/systemd/system/spawn-count.service", include_str!("../units/spawn-count.service")),
    ("/etc/systemd/system/spawn-count.timer", include_str!("../units/spawn-count.timer")),
];
const ARM: (&str, &str) =
    ("/etc/systemd/system/spawn-arm.service", include_str!("../units/arm-alone.service"));

/// The terms file, for a spawnd that is installed later.
const TERMS: &str = "/etc/spawn/terms.json";

/// Returns the timer lines for an end this many seconds after the boot. The end is repeated after
/// one and two minutes, because a systemd reload at the exact instant drops the trigger that is
/// due.
pub fn timer_lines(seconds: u64) -> String {
    [0, 60, 120].map(|later| format!("OnBootSec={}s", seconds + later)).join("\n")
}

/// Returns the user data of an instance without spawnd. Before anything else, its first boot arms
/// the dead-man for `after` of running time. `terms` is the JSON text of the terms, for spawnd.
pub fn user_data(after: SignedDuration, terms: &str) -> String {
    let script = first_boot(after, terms);
    let lines =
        script.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("      {line}\n") });
    format!("#cloud-config\nbootcmd:\n  - - sh\n    - -c\n    - |\n{}", lines.collect::<String>())
}

/// Returns the shell script of the first boot.
fn first_boot(after: SignedDuration, terms: &str) -> String {
    let seconds = after.as_secs().max(0).unsigned_abs();
    let mut text = format!("[ -e {} ] && exit 0\numask 022\n", ARM.0);
    let folders =
        "/etc/systemd/system/poweroff.target.d /etc/sysctl.d /etc/spawn /usr/local/lib/spawn /var/lib/spawn";
    text.push_str(&format!("mkdir -p {folders}\n"));
    let mut write = |path: &str, content: &str| {
        let content =
            content.replace("@WHEN@", &timer_lines(seconds)).replace("@SEED@", &seconds.to_string());
        text.push_str(&format!("cat >{path} <<'END-OF-FILE'\n{}\nEND-OF-FILE\n", content.trim_end()));
    };
    UNITS.iter().chain([&SCRIPT]).for_each(|(path, content)| write(path, content));
    text.push_str(&format!("sh {} arm\n", SCRIPT.0));
    let mut write = |path: &str, content: &str| {
        text.push_str(&format!("cat >{path} <<'END-OF-FILE'\n{}\nEND-OF-FILE\n", content.trim_end()));
    };
    COUNT.iter().for_each(|(path, content)| write(path, content));
    write(TERMS, terms);
    write(ARM.0, ARM.1);
    text.push_str("systemctl daemon-reload\n");
    text.push_str("systemctl enable spawn-dead-man.timer spawn-arm.service spawn-count.timer\n");
    text.push_str("systemctl --no-block start spawn-count.timer\n");
    text
}
