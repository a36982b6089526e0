//! What systemd's login manager knows, from the files that it keeps in `/run/systemd`: who has logged
//! in, and which programs ask that the machine stays up.
//!
//! Its promised interface is D-Bus, and these files say of themselves that they are private. They are
//! read all the same: they are lines of `KEY=value` that have kept their form since 2012, a client of
//! D-Bus is larger than the rest of the daemon, and a question that hangs would hang the clock. Should
//! the form change, a key that is missing counts as busy and is shown.

use crate::machine::Machine;
use crate::utmp;
use domain::Known;
use std::collections::BTreeSet;
use std::io::ErrorKind;

const SESSIONS: &str = "/run/systemd/sessions";
const INHIBITORS: &str = "/run/systemd/inhibit";
const UTMP: &str = "/run/utmp";

/// Everybody who is logged in, by the login manager and by the old accounting file; a person may be in
/// both. Absent where the machine keeps neither.
pub(crate) fn logins(machine: &Machine) -> Known<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let sessions = files(machine, SESSIONS);
    let accounting = read(machine, UTMP);
    let absent = sessions == Known::Absent && accounting == Known::Absent;
    match sessions {
        Known::Is(files) => {
            found.extend(
                files.iter().filter_map(|(name, text)| session(text).map(|at| format!("{name} {at}"))),
            );
        }
        Known::Absent => {}
        Known::Unseen(why) => return Known::Unseen(why),
    }
    match accounting {
        Known::Is(bytes) => found.extend(utmp::logins(&bytes, utmp::HERE)),
        Known::Absent => {}
        Known::Unseen(why) => return Known::Unseen(why),
    }
    if absent { Known::Absent } else { Known::Is(found) }
}

/// How many programs block idleness or shutdown, as `systemd-inhibit` does.
pub(crate) fn inhibitors(machine: &Machine) -> Known<f64> {
    let files = match files(machine, INHIBITORS) {
        Known::Is(files) => files,
        Known::Absent => return Known::Absent,
        Known::Unseen(why) => return Known::Unseen(why),
    };
    let mut blocking = 0.0;
    for (name, text) in &files {
        match blocks(text) {
            Some(true) => blocking += 1.0,
            Some(false) => {}
            None => return Known::Unseen(format!("{INHIBITORS}/{name} does not say what it inhibits")),
        }
    }
    Known::Is(blocking)
}

/// Whether an inhibitor keeps the machine up. One that only delays is for the last seconds of a
/// shutdown, and the lid of a laptop is none of ours.
pub(crate) fn blocks(text: &str) -> Option<bool> {
    let what = value(text, "WHAT")?;
    let mode = value(text, "MODE")?;
    Some(mode == "block" && what.split(':').any(|part| part == "idle" || part == "shutdown"))
}

/// When a person's session began; nothing for the sessions of services and of the greeter.
pub(crate) fn session(text: &str) -> Option<&str> {
    let class = value(text, "CLASS").unwrap_or("user");
    let person = class == "user" || class.starts_with("user-");
    (person && value(text, "STATE") != Some("closing")).then(|| value(text, "REALTIME").unwrap_or_default())
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// The files of a folder with their names. A file that is gone when it is read has ended meanwhile.
fn files(machine: &Machine, folder: &str) -> Known<Vec<(String, String)>> {
    let entries = match std::fs::read_dir(machine.path(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Known::Absent,
        Err(error) => return Known::Unseen(format!("{folder}: {error}")),
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().to_string();
        // Beside each file is the pipe whose end the program holds.
        if name.ends_with(".ref") {
            continue;
        }
        match read(machine, &format!("{folder}/{name}")) {
            Known::Is(bytes) => found.push((name, String::from_utf8_lossy(&bytes).to_string())),
            Known::Absent => {}
            Known::Unseen(why) => return Known::Unseen(why),
        }
    }
    Known::Is(found)
}

fn read(machine: &Machine, path: &str) -> Known<Vec<u8>> {
    match machine.read_plain(path) {
        Ok(bytes) => Known::Is(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Known::Absent,
        Err(error) => Known::Unseen(format!("{path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Pace;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
        (folder, machine)
    }

    #[test]
    fn inhibitors_that_keep_the_machine_up() {
        let check = |text: &str, expected: Option<bool>| assert_eq!(blocks(text), expected, "{text}");
        check("# private\nWHAT=shutdown:sleep\nMODE=block\nWHO=apt\n", Some(true));
        check("WHAT=idle\nMODE=block\n", Some(true));
        check("WHAT=shutdown\nMODE=delay\n", Some(false));
        check("WHAT=handle-lid-switch\nMODE=block\n", Some(false));
        check("WHAT=sleep\nMODE=block\n", Some(false));
        check("MODE=block\n", None);
        check("", None);
    }

    #[test]
    fn inhibitors_are_counted_and_one_that_says_nothing_is_unseen() {
        let check = |files: &[(&str, &str)], expected: Known<f64>| {
            let (_folder, machine) = machine(files);
            assert_eq!(inhibitors(&machine), expected);
        };
        let idle = "WHAT=idle\nMODE=block\n";
        check(&[], Known::Absent);
        check(&[("run/systemd/inhibit/1", idle), ("run/systemd/inhibit/1.ref", "")], Known::Is(1.0));
        let unseen = "/run/systemd/inhibit/2 does not say what it inhibits";
        check(&[("run/systemd/inhibit/2", "?")], Known::Unseen(unseen.to_string()));
    }

    #[test]
    fn sessions_of_people() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(session(text), expected, "{text}");
        check("UID=1000\nCLASS=user\nSTATE=active\nREALTIME=18\n", Some("18"));
        check("UID=1000\nCLASS=user-early\nREALTIME=18\n", Some("18"));
        check("UID=0\nCLASS=greeter\nREALTIME=18\n", None);
        check("UID=0\nCLASS=manager\nREALTIME=18\n", None);
        check("UID=1000\nCLASS=user\nSTATE=closing\nREALTIME=18\n", None);
        check("", Some(""));
    }

    #[test]
    fn logins_come_from_both_places() {
        let check = |files: &[(&str, &str)], expected: Known<&[&str]>| {
            let (_folder, machine) = machine(files);
            let expected = match expected {
                Known::Is(names) => Known::Is(names.iter().map(|name| (*name).to_string()).collect()),
                Known::Absent => Known::Absent,
                Known::Unseen(why) => Known::Unseen(why),
            };
            assert_eq!(logins(&machine), expected);
        };
        check(&[], Known::Absent);
        check(&[("run/utmp", "")], Known::Is(&[]));
        check(&[("run/systemd/sessions/3", "CLASS=user\nREALTIME=18\n")], Known::Is(&["3 18"]));
    }
}
