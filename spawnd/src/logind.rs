//! Reads the state of systemd's login manager, logind, from its files in `/run/systemd`: the
//! logins, and the programs that keep the machine up.
//!
//! logind's stable interface is D-Bus, and a comment in the files marks them as private. They are
//! read nevertheless, for three reasons. They are lines of `KEY=value` and have kept their form
//! since 2012. A D-Bus client is larger than the rest of the daemon. A request that hangs would
//! hang the clock. If the form changes, a missing key counts as busy and is shown.

use crate::machine::Machine;
use crate::utmp;
use domain::Known;
use std::collections::BTreeSet;
use std::io::ErrorKind;

const SESSIONS: &str = "/run/systemd/sessions";
const INHIBITORS: &str = "/run/systemd/inhibit";
const UTMP: &str = "/run/utmp";

/// Returns all logins, from logind and from the accounting file; a login can be in both. Absent if
/// the machine keeps neither.
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

/// Returns the number of programs that block idleness or shutdown, as `systemd-inhibit` does.
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
            None => return Known::Unseen(format!("{INHIBITORS}/{name} has no WHAT or no MODE")),
        }
    }
    Known::Is(blocking)
}

/// Returns whether an inhibitor keeps the machine up; `None` if a key is missing. An inhibitor of
/// mode `delay` only postpones a shutdown by seconds. The lid of a laptop does not matter here.
pub(crate) fn blocks(text: &str) -> Option<bool> {
    let what = value(text, "WHAT")?;
    let mode = value(text, "MODE")?;
    Some(mode == "block" && what.split(':').any(|part| part == "idle" || part == "shutdown"))
}

/// Returns the start of a person's session; `None` for sessions of services and of the greeter, and
/// for those that are closing.
pub(crate) fn session(text: &str) -> Option<&str> {
    let class = value(text, "CLASS").unwrap_or("user");
    let person = class == "user" || class.starts_with("user-");
    (person && value(text, "STATE") != Some("closing")).then(|| value(text, "REALTIME").unwrap_or_default())
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// Returns the files of a folder with their names. A file that vanishes before it is read is
/// skipped.
fn files(machine: &Machine, folder: &str) -> Known<Vec<(String, String)>> {
    let entries = match std::fs::read_dir(machine.path(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Known::Absent,
        Err(error) => return Known::Unseen(format!("{folder}: {error}")),
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().to_string();
        // Beside each file is the pipe that the program keeps open.
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
    use crate::machine::ClockPace;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        (folder, machine)
    }

    #[test]
    fn finds_inhibitors_that_keep_the_machine_up() {
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
    fn counts_inhibitors_and_an_incomplete_one_is_unseen() {
        let check = |files: &[(&str, &str)], expected: Known<f64>| {
            let (_folder, machine) = machine(files);
            assert_eq!(inhibitors(&machine), expected);
        };
        let idle = "WHAT=idle\nMODE=block\n";
        check(&[], Known::Absent);
        check(&[("run/systemd/inhibit/1", idle), ("run/systemd/inhibit/1.ref", "")], Known::Is(1.0));
        let unseen = "/run/systemd/inhibit/2 has no WHAT or no MODE";
        check(&[("run/systemd/inhibit/2", "?")], Known::Unseen(unseen.to_string()));
    }

    #[test]
    fn only_sessions_of_people_are_logins() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(session(text), expected, "{text}");
        check("UID=1000\nCLASS=user\nSTATE=active\nREALTIME=18\n", Some("18"));
        check("UID=1000\nCLASS=user-early\nREALTIME=18\n", Some("18"));
        check("UID=0\nCLASS=greeter\nREALTIME=18\n", None);
        check("UID=0\nCLASS=manager\nREALTIME=18\n", None);
        check("UID=1000\nCLASS=user\nSTATE=closing\nREALTIME=18\n", None);
        check("", Some(""));
    }

    #[test]
    fn reads_logins_from_logind_and_the_accounting_file() {
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
