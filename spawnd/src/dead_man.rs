//! The dead-man: a systemd timer that powers the machine off if nothing else has ended the
//! instance.

use crate::machine::{Machine, write_durably};
use jiff::SignedDuration;
use lifecycle::dead_man;
use std::io;

/// Paths and texts of spawnd's own units. The dead-man's units are in `lifecycle::dead_man`.
const UNITS: [(&str, &str); 2] = [
    ("/etc/systemd/system/spawnd.service", include_str!("../units/spawnd.service")),
    ("/etc/systemd/system/spawn-arm.service", include_str!("../units/spawn-arm.service")),
];

/// In /run, not in /etc: the seconds count from this boot, so a later boot must not find the file.
const LEFT: &str = "/run/systemd/system/spawn-dead-man.timer.d/left.conf";

/// Minimum time after a boot before an overdue dead-man acts.
const LEAST_AT_BOOT: SignedDuration = SignedDuration::from_mins(2);

/// Writes all units. The dead-man acts after `left` of running time.
pub(crate) fn write_units(machine: &Machine, left: SignedDuration) -> io::Result<()> {
    let when = when(machine, left);
    for (path, text) in dead_man::UNITS.into_iter().chain(UNITS) {
        let text = text.replace("@WHEN@", &when);
        write_durably(&machine.path(path), text.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Enables and starts the units, the dead-man first.
pub(crate) fn start_units(machine: &Machine) -> Result<(), String> {
    machine.systemctl(&["daemon-reload"])?;
    if machine.path("/etc/systemd/system").join(dead_man::COUNT_TIMER).exists() {
        // spawnd counts from here on.
        machine.systemctl(&["disable", "--now", dead_man::COUNT_TIMER])?;
    }
    machine.systemctl(&["enable", "--now", "spawn-dead-man.timer"])?;
    machine.systemctl(&["enable", "spawn-arm.service"])?;
    machine.systemctl(&["enable", "--now", "--no-block", "spawnd.service"])
}

/// Sets the dead-man to act after this much running time from now.
pub(crate) fn arm(machine: &Machine, after: SignedDuration) -> Result<(), String> {
    let text = format!("[Timer]\nOnBootSec=\n{}\n", when(machine, after));
    let path = machine.path(LEFT);
    write_durably(&path, text.as_bytes(), 0o644).map_err(|error| format!("{}: {error}", path.display()))?;
    machine.systemctl(&["daemon-reload"])?;
    // Without waiting: at boot the timer is ordered after the unit that runs this.
    machine.systemctl(&["--no-block", "restart", "spawn-dead-man.timer"])
}

/// Returns the timer's lines for an end after `after`, in seconds of running time since the boot.
/// Seconds since the timer's own start would not work: in systemd 252 every `daemon-reload`
/// restarts their count, which postpones the end.
fn when(machine: &Machine, after: SignedDuration) -> String {
    dead_man::timer_lines((machine.real_uptime() + machine.real(after)).as_secs())
}

/// Returns the dead-man's delay at a boot, for the delay in the saved state.
pub(crate) fn at_boot(after: SignedDuration) -> SignedDuration {
    after.max(LEAST_AT_BOOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    fn machine() -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        (folder, machine)
    }

    /// Returns the unit's text with its seconds counted from `uptime`. They are rounded up to 10,
    /// because a second can pass between arming and reading.
    fn from_the_arming(text: &str, uptime: u64) -> String {
        let line = |line: &str| match line.strip_prefix("OnBootSec=").and_then(|rest| rest.strip_suffix('s'))
        {
            Some(seconds) => {
                let after = seconds.parse::<u64>().expect("seconds") - uptime;
                format!("OnBootSec={}s\n", after.next_multiple_of(10))
            }
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn the_timer_counts_running_time_and_has_no_calendar() {
        let (_folder, machine) = machine();
        write_units(&machine, SignedDuration::from_secs(29_700)).expect("written");
        let timer = std::fs::read_to_string(machine.path(dead_man::UNITS[0].0)).expect("a timer");
        let timer = from_the_arming(&timer, machine.real_uptime().as_secs());
        insta::assert_snapshot!(timer, @r"
        [Unit]
        Description=Powers this instance off when nothing else has ended it

        # Running time, like the budget: it stands still in hibernation. No calendar: that would fire at a resume.
        [Timer]
        OnBootSec=29700s
        OnBootSec=29760s
        OnBootSec=29820s
        AccuracySec=1s
        Unit=spawn-dead-man.service

        [Install]
        WantedBy=timers.target
        ");
    }

    #[test]
    fn systemd_accepts_the_units() {
        if Command::new("systemd-analyze").arg("--version").output().is_err() {
            println!("skipped: systemd-analyze is not installed");
            return;
        }
        let (folder, machine) = machine();
        write_units(&machine, SignedDuration::from_secs(60)).expect("written");
        for program in ["usr/bin/systemctl", "usr/local/bin/spawnd"] {
            let path = folder.path().join(program);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, "#!/bin/sh\n").expect("a program");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
        }
        let units = dead_man::UNITS.into_iter().chain(UNITS);
        for (path, _) in units.filter(|(path, _)| path.ends_with(".service") || path.ends_with(".timer")) {
            let output = Command::new("systemd-analyze")
                .args(["verify", "--man=no", "--recursive-errors=no"])
                .arg(format!("--root={}", folder.path().display()))
                .arg(path)
                .output()
                .expect("systemd-analyze runs");
            let said = String::from_utf8_lossy(&output.stderr);
            let about_us = said.lines().filter(|line| line.contains("spawn")).collect::<Vec<_>>();
            assert!(output.status.success() && about_us.is_empty(), "{path}: {said}");
        }
    }

    #[test]
    fn the_daemons_unit_is_confined() {
        let (_folder, machine) = machine();
        write_units(&machine, SignedDuration::from_secs(60)).expect("written");
        let analyze = |threshold: &str| {
            let options = ["security", "--offline=true", "--no-pager", threshold];
            let unit = machine.path(UNITS[0].0);
            let output = Command::new("systemd-analyze").args(options).arg(unit).output().ok()?;
            let said = String::from_utf8_lossy(&output.stdout).to_string();
            said.contains("Overall exposure level").then_some((output.status.success(), said))
        };
        // The exposure is at most 4.0.
        let Some((confined, said)) = analyze("--threshold=40") else {
            println!("skipped: systemd-analyze cannot judge units");
            return;
        };
        assert!(confined, "{said}");
        assert!(!analyze("--threshold=10").is_some_and(|(confined, _)| confined), "it can fail");
    }

    #[test]
    fn arming_lasts_for_this_boot_only() {
        let (folder, machine) = machine();
        let systemctl = folder.path().join("usr/bin/systemctl");
        std::fs::create_dir_all(systemctl.parent().expect("a parent")).expect("a folder");
        let script = format!("#!/bin/sh\necho \"$@\" >> {}/calls\n", folder.path().display());
        std::fs::write(&systemctl, script).expect("a program");
        std::fs::set_permissions(&systemctl, PermissionsExt::from_mode(0o755)).expect("executable");
        arm(&machine, SignedDuration::from_secs(1_500)).expect("armed");
        let left = std::fs::read_to_string(machine.path(LEFT)).expect("a drop-in");
        let left = from_the_arming(&left, machine.real_uptime().as_secs());
        assert_eq!(left, "[Timer]\nOnBootSec=\nOnBootSec=1500s\nOnBootSec=1560s\nOnBootSec=1620s\n");
        let calls = std::fs::read_to_string(folder.path().join("calls")).expect("calls");
        assert_eq!(calls, "daemon-reload\n--no-block restart spawn-dead-man.timer\n");
    }

    #[test]
    fn reports_a_timer_that_cannot_be_armed() {
        let (_folder, machine) = machine();
        let error = arm(&machine, SignedDuration::from_secs(60)).expect_err("there is no systemctl");
        assert!(error.contains("systemctl"), "{error}");
    }
}
