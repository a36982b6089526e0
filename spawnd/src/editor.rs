//! Counts the browser editors in use: code-server, RStudio, and the server of VS Code and of its
//! relatives. Their work happens in a browser, without a terminal, a login or much processor time,
//! but they keep files about it in their user's home. The times of these files are compared with
//! those of the previous look, never with a clock.

use crate::homes::{homes, names, present};
use crate::machine::Machine;
use domain::Known;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// code-server touches this file each minute while a browser is connected, as its FAQ documents.
const HEARTBEAT: &str = ".local/share/code-server/heartbeat";
/// A browser that stays connected counts for so long after the last other sign of use, as long as
/// an open SSH connection does.
const OPEN_LIMIT: SignedDuration = SignedDuration::from_hours(4);
/// A browser is disconnected after so many looks without a heartbeat.
const CLOSED_AFTER: u32 = 3;
/// Folders that change with use, below the editor's data folder: the history of saved files, and
/// the state of workspaces and extensions.
const USER_DATA: [&str; 3] = ["User/History", "User/workspaceStorage", "User/globalStorage"];
/// RStudio's sessions, and the files in each that have the time of the last use. The first spelling
/// of the folder is RStudio's own.
const RSTUDIO: &str = ".local/share/rstudio/sessions/active";
const LAST_USED: [&str; 2] = ["properites/last_used", "properties/last_used"];
/// Entries of one folder that are compared.
const MOST_ENTRIES: usize = 4096;

/// The times of one editor's files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EditorTimes {
    used: Option<SystemTime>,
    heartbeat: Option<SystemTime>,
}

/// One editor as of the previous look.
struct KnownEditor {
    times: EditorTimes,
    /// The last sign of use, on the monotonic clock.
    used_at: SignedDuration,
    looks_without_heartbeat: u32,
}

/// The editors as of the previous look.
#[derive(Default)]
pub(crate) struct EditorProbe {
    known: Option<BTreeMap<String, KnownEditor>>,
}

impl EditorProbe {
    /// Returns the number of editors in use since the previous look; absent without an editor, and
    /// unseen if a home cannot be read.
    pub(crate) fn poll(&mut self, machine: &Machine) -> Known<f64> {
        let found = match editors(machine) {
            Ok(found) => found,
            Err(why) => return Known::Unseen(why),
        };
        let mono = machine.clocks().mono;
        let first = self.known.is_none();
        let mut before = self.known.take().unwrap_or_default();
        let mut now = BTreeMap::new();
        let mut in_use = 0;
        for (name, times) in found {
            let mut editor = before.remove(&name).unwrap_or_else(|| KnownEditor::new(first, &times, mono));
            in_use += u32::from(editor.update(times, mono));
            now.insert(name, editor);
        }
        let absent = now.is_empty();
        self.known = Some(now);
        if absent { Known::Absent } else { Known::Is(f64::from(in_use)) }
    }
}

impl KnownEditor {
    /// Returns an editor that was not there at the previous look. At the first look of all nothing
    /// is known about its use.
    fn new(first: bool, times: &EditorTimes, mono: SignedDuration) -> KnownEditor {
        let times = if first { times.clone() } else { EditorTimes { used: None, heartbeat: None } };
        KnownEditor { times, used_at: mono, looks_without_heartbeat: 0 }
    }

    /// Returns whether the editor was used since the previous look.
    fn update(&mut self, times: EditorTimes, mono: SignedDuration) -> bool {
        let mut used = times.used != self.times.used;
        let connected = times.heartbeat != self.times.heartbeat;
        if connected {
            // A browser connects again: a person is back.
            used |= self.looks_without_heartbeat >= CLOSED_AFTER;
            self.looks_without_heartbeat = 0;
        } else {
            self.looks_without_heartbeat = self.looks_without_heartbeat.saturating_add(1);
        }
        if used {
            self.used_at = mono;
        }
        self.times = times;
        used || connected && mono - self.used_at <= OPEN_LIMIT
    }
}

/// Returns the editors in all homes, by name and home.
fn editors(machine: &Machine) -> Result<Vec<(String, EditorTimes)>, String> {
    let mut found = Vec::new();
    for home in homes(machine)? {
        let heartbeat = modified(machine, &format!("{home}/{HEARTBEAT}"))?;
        let used = user_data(machine, &format!("{home}/.local/share/code-server"))?;
        found.push((format!("code-server {home}"), EditorTimes { used, heartbeat }));
        let servers = names(&machine.path(&home))?.into_iter().filter(|name| is_vscode_server(name));
        for name in servers {
            let used = user_data(machine, &format!("{home}/{name}/data"))?;
            found.push((format!("{home}/{name}"), EditorTimes { used, heartbeat: None }));
        }
        let used = rstudio(machine, &format!("{home}/{RSTUDIO}"))?;
        found.push((format!("rstudio {home}"), EditorTimes { used, heartbeat: None }));
    }
    found.retain(|(_, times)| times.used.is_some() || times.heartbeat.is_some());
    Ok(found)
}

/// Returns whether a folder in a home is that of a server of VS Code or of a relative:
/// `.vscode-server`, `.cursor-server`, `.vscode-server-insiders`.
fn is_vscode_server(name: &str) -> bool {
    name.starts_with('.') && (name.ends_with("-server") || name.contains("-server-"))
}

fn user_data(machine: &Machine, folder: &str) -> Result<Option<SystemTime>, String> {
    let mut newest_of_all = None;
    for name in USER_DATA {
        newest_of_all = newest_of_all.max(newest(machine, &format!("{folder}/{name}"))?);
    }
    Ok(newest_of_all)
}

fn rstudio(machine: &Machine, folder: &str) -> Result<Option<SystemTime>, String> {
    let mut newest = None;
    for session in names(&machine.path(folder))?.into_iter().take(MOST_ENTRIES) {
        for file in LAST_USED {
            newest = newest.max(modified(machine, &format!("{folder}/{session}/{file}"))?);
        }
    }
    Ok(newest)
}

/// Returns the newest modification of a folder and of the entries in it.
fn newest(machine: &Machine, folder: &str) -> Result<Option<SystemTime>, String> {
    let mut newest = modified(machine, folder)?;
    for name in names(&machine.path(folder))?.into_iter().take(MOST_ENTRIES) {
        newest = newest.max(modified(machine, &format!("{folder}/{name}"))?);
    }
    Ok(newest)
}

/// Returns the modification time of a file or folder. A link is not followed.
fn modified(machine: &Machine, path: &str) -> Result<Option<SystemTime>, String> {
    let path = machine.path(path);
    present(std::fs::symlink_metadata(&path).and_then(|meta| meta.modified()), &path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    struct Home {
        folder: tempfile::TempDir,
        machine: Machine,
        probe: EditorProbe,
        second: u64,
    }

    impl Home {
        fn new() -> Home {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            Home { folder, machine, probe: EditorProbe::default(), second: 0 }
        }

        /// Writes a file with a time that no other has.
        fn touch(&mut self, path: &str) {
            self.second += 1;
            let path = self.folder.path().join(path);
            let parent = path.parent().expect("a parent");
            std::fs::create_dir_all(parent).expect("a folder");
            // Later than the folders that the test creates now.
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000 + self.second);
            // A save replaces the file, so it changes the folder too.
            for file in [File::create(&path), File::open(parent)] {
                file.and_then(|file| file.set_times(FileTimes::new().set_modified(time))).expect("a time");
            }
        }

        fn look(&mut self) -> Known<f64> {
            self.probe.poll(&self.machine)
        }
    }

    #[test]
    fn an_editor_is_in_use_when_its_files_change() {
        for path in [
            "home/ann/.local/share/code-server/heartbeat",
            "home/bob/.local/share/code-server/User/History/3f2a/entries.json",
            "root/.vscode-server/data/User/workspaceStorage/9c/state.vscdb",
            "home/ann/.cursor-server/data/User/globalStorage/state.vscdb",
            "home/ann/.vscode-server-insiders/data/User/History/a",
            "home/ann/.local/share/rstudio/sessions/active/session-ab12/properites/last_used",
            "root/.local/share/rstudio/sessions/active/session-1/properties/last_used",
        ] {
            let mut home = Home::new();
            assert_eq!(home.look(), Known::Absent, "{path}");
            home.touch(path);
            assert_eq!(home.look(), Known::Is(1.0), "a new editor: {path}");
            assert_eq!(home.look(), Known::Is(0.0), "{path}");
            home.touch(path);
            assert_eq!(home.look(), Known::Is(1.0), "{path}");
            home.probe = EditorProbe::default();
            assert_eq!(home.look(), Known::Is(0.0), "after a restart nothing is known: {path}");
        }
    }

    #[test]
    fn other_files_are_no_editor() {
        let mut home = Home::new();
        for path in
            ["home/ann/.vscode-server/data/logs/1/remoteagent.log", "home/ann/my-server/data/User/History/a"]
        {
            home.touch(path);
        }
        assert_eq!(home.look(), Known::Absent);
        home.touch("home/ann/.local/share/code-server/heartbeat");
        home.touch("home/bob/.vscode-server/data/User/History/a");
        assert_eq!(home.look(), Known::Is(2.0));
    }

    #[test]
    fn a_browser_that_stays_connected_counts_for_four_hours() {
        let time = |second: u64| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
        let beat = |minute: u64| EditorTimes { used: time(1), heartbeat: time(minute * 60) };
        let minutes = |minute: u64| SignedDuration::from_mins(minute as i64);
        let mut editor = KnownEditor::new(true, &beat(0), minutes(0));
        let mut counted = Vec::new();
        for minute in 1..600 {
            // From minute 400 to 409 the browser is gone; at minute 500 a file is saved.
            let at = if (400..410).contains(&minute) { 399 } else { minute };
            let mut times = beat(at);
            times.used = if minute >= 500 { time(2) } else { time(1) };
            if editor.update(times, minutes(minute)) {
                counted.push(minute);
            }
        }
        let expected: Vec<u64> = (1..=240).chain(410..600).collect();
        assert_eq!(counted, expected);
        let mut unsteady = KnownEditor::new(true, &beat(0), minutes(0));
        let still =
            (1..=400).filter(|minute| unsteady.update(beat(minute - minute / 50 % 2), minutes(*minute)));
        assert!(still.max() <= Some(240), "a heartbeat a second late is no return");
    }
}
