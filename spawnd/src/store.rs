//! The files that survive a restart: the state of this life, the launch terms, and the time that a
//! dead-man without spawnd counted. An image of the disk has the files of another instance; they
//! are not used.

use crate::machine::{Machine, write_durably};
use jiff::SignedDuration;
use lifecycle::{DaemonState, Terms, dead_man};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;

const STATE: &str = "/var/lib/spawn/state.json";
const TERMS: &str = "/etc/spawn/terms.json";
const VERSION: u32 = 1;

#[derive(Serialize)]
struct SavedState<'a> {
    version: u32,
    state: &'a DaemonState,
}

/// The version alone. It is read first, so that a newer file is not taken for a damaged one.
#[derive(Deserialize)]
struct StateVersion {
    version: u32,
}

#[derive(Deserialize)]
struct LoadedState {
    state: DaemonState,
}

/// Saves the state durably.
pub(crate) fn save(machine: &Machine, state: &DaemonState) -> Result<(), String> {
    let path = machine.path(STATE);
    let bytes = encode(state)?;
    write_durably(&path, &bytes, 0o600).map_err(|error| format!("{}: {error}", path.display()))
}

/// Removes the temporary files that a killed daemon left beside the state.
pub(crate) fn remove_abandoned(machine: &Machine) -> std::io::Result<()> {
    machine.path(STATE).parent().map_or(Ok(()), |folder| durable::remove_abandoned(folder, "."))
}

/// Loads the state; `None` if none was saved. Errors: the file cannot be read or parsed.
pub(crate) fn load(machine: &Machine) -> Result<Option<DaemonState>, String> {
    let path = machine.path(STATE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let state = decode(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(state.reloaded()))
}

/// Renames a file that cannot be parsed, so that it can be inspected. Returns a text about the
/// outcome.
pub(crate) fn set_aside(machine: &Machine) -> String {
    let path = machine.path(STATE);
    let aside = path.with_extension("bad");
    match std::fs::rename(&path, &aside) {
        Ok(()) => format!("it is kept as {}", aside.display()),
        Err(error) => format!("it cannot be kept: {error}"),
    }
}

pub(crate) fn encode(state: &DaemonState) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&SavedState { version: VERSION, state }).map_err(|error| error.to_string())
}

pub(crate) fn decode(bytes: &[u8]) -> Result<DaemonState, String> {
    let versioned: StateVersion = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if versioned.version != VERSION {
        return Err(format!("version {}, expected {VERSION}", versioned.version));
    }
    serde_json::from_slice::<LoadedState>(bytes).map(|loaded| loaded.state).map_err(|error| error.to_string())
}

/// Returns the id of this instance without the network: from the hardware on Nitro, else from
/// cloud-init, whose file is that of another instance early in the first boot of an image.
pub(crate) fn instance(machine: &Machine) -> Option<String> {
    let files = ["/sys/class/dmi/id/board_asset_tag", "/var/lib/cloud/data/instance-id"];
    let read = |file| std::fs::read_to_string(machine.path(file)).ok();
    files.into_iter().filter_map(read).map(|text| text.trim().to_string()).find(|id| id.starts_with("i-"))
}

/// Loads the state of this instance; `None` if there is none that can be read.
pub(crate) fn own_state(machine: &Machine) -> Option<DaemonState> {
    let instance = instance(machine);
    load(machine).ok().flatten().filter(|state| state.is_of(instance.as_deref()))
}

/// Returns the running time until the dead-man of an instance without spawnd acts: in this boot,
/// and as it was last counted, whichever is less. `None` if nothing was counted for this instance.
pub(crate) fn counted(machine: &Machine, instance: Option<&str>) -> Option<SignedDuration> {
    let image = matches!(load(machine), Ok(Some(state)) if !state.is_of(instance));
    let read = |file: &str| {
        let text = std::fs::read_to_string(machine.path(file)).ok()?;
        let mut words = text.split_whitespace();
        let seconds = SignedDuration::from_secs(words.next()?.parse().ok().filter(|left| *left >= 0)?);
        let owner = words.next();
        // A count of an earlier version names no instance; on an image it is another one's.
        let own = owner.zip(instance).map_or(!image, |(owner, own)| owner == own);
        own.then_some(seconds)
    };
    let uptime = SignedDuration::try_from(machine.real_uptime()).ok()?;
    let now = read(dead_man::COUNTED_END).map(|end| end - uptime);
    [now, read(dead_man::COUNTED)].into_iter().flatten().min()
}

/// Reads the launch terms of this instance; `None` if there are none.
pub(crate) fn terms(machine: &Machine, instance: Option<&str>) -> Result<Option<Terms>, String> {
    let terms = read_terms(&machine.path(TERMS))?;
    match terms.as_ref().and_then(|terms| terms.instance.as_deref()).zip(instance) {
        Some((owner, own)) if owner != own => Err(format!("{TERMS} is of instance {owner}")),
        _ => Ok(terms),
    }
}

/// Limit of a terms file, in MiB.
const LARGEST_TERMS: usize = 1;

/// Reads a terms file; `None` if it does not exist.
pub(crate) fn read_terms(path: &Path) -> Result<Option<Terms>, String> {
    let text = match std::fs::File::open(path).and_then(|file| domain::read_text(file, LARGEST_TERMS)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let terms: Terms = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    match terms.problem() {
        Some(problem) => Err(format!("{}: {problem}", path.display())),
        None => Ok(Some(terms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use domain::Known;
    use jiff::SignedDuration;
    use lifecycle::BootIdentity;

    fn machine() -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        (folder, machine)
    }

    fn state(machine: &Machine) -> DaemonState {
        let boot = BootIdentity { instance: Known::Absent, id: "b".to_string(), pending: Known::Absent };
        DaemonState::begin(Terms::with_budget(SignedDuration::from_hours(9_000)), &machine.clocks(), &boot)
    }

    #[test]
    fn a_saved_state_is_loaded_unchanged() {
        let (_folder, machine) = machine();
        assert_eq!(load(&machine), Ok(None));
        let state = state(&machine);
        assert_eq!(save(&machine, &state), Ok(()));
        assert_eq!(load(&machine), Ok(Some(state)));
    }

    #[test]
    fn rejects_a_state_truncated_at_any_byte() {
        let (_folder, machine) = machine();
        save(&machine, &state(&machine)).expect("saved");
        let whole = std::fs::read(machine.path(STATE)).expect("bytes");
        for cut in 0..whole.len() {
            assert!(decode(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_file_of_a_killed_daemon_is_removed() {
        let (_folder, machine) = machine();
        remove_abandoned(&machine).expect("nothing to remove");
        save(&machine, &state(&machine)).expect("saved");
        // Above the highest process id that Linux gives.
        let half = machine.path(STATE).with_file_name(".state.json.5000000.0123456789abcdef.tmp");
        std::fs::write(&half, "{").expect("a file");
        remove_abandoned(&machine).expect("removed");
        assert!(!half.exists());
        assert!(load(&machine).is_ok_and(|state| state.is_some()));
    }

    #[test]
    fn an_invalid_state_is_reported_and_set_aside() {
        let check = |text: &str, expected: &str| {
            let (_folder, machine) = machine();
            let path = machine.path(STATE);
            write_durably(&path, text.as_bytes(), 0o600).expect("written");
            let error = load(&machine).expect_err(text);
            assert!(error.contains(expected), "{error}");
            assert!(set_aside(&machine).starts_with("it is kept as"));
            assert_eq!(std::fs::read_to_string(path.with_extension("bad")).ok().as_deref(), Some(text));
            assert_eq!(load(&machine), Ok(None));
        };
        check("", "EOF");
        check("{\"version\":2,\"state\":{}}", "version 2, expected 1");
        check("{\"version\":1,\"state\":{}}", "missing field");
        check("\0\0\0\0", "expected value");
    }

    #[test]
    fn reads_terms_strictly() {
        let check = |text: &str, expected: Result<i64, &str>| {
            let (_folder, machine) = machine();
            let path = machine.path(TERMS);
            write_durably(&path, text.as_bytes(), 0o600).expect("written");
            let read = terms(&machine, None).map(|terms| terms.expect("terms").budget.as_secs());
            match (read, expected) {
                (Ok(seconds), Ok(wanted)) => assert_eq!(seconds, wanted),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        };
        check(r#"{"budget":"8h","on-expiry":"stop"}"#, Ok(28_800));
        check(
            r#"{"budget":"1d","on-expiry":"terminate","idle":{"timeout":"30m"},"cap":"2026-11-30T10:00:00Z"}"#,
            Ok(86_400),
        );
        check(r#"{"budget":"8","on-expiry":"stop"}"#, Err("such as 90m"));
        check(r#"{"budget":28800,"on-expiry":"stop"}"#, Err("expected a string"));
        check(r#"{"budget":"8h","on-expiry":"stop","ttl":"9h"}"#, Err("unknown field `ttl`"));
        check(r#"{"budget":"8h","on-expiry":"stop","grace":"2h"}"#, Err("expected at most 30m"));
        check(r#"{"budget":"8h","on-expiry":"stop","heartbeat":"off"}"#, Ok(28_800));
        check(r#"{"budget":"8h","on-expiry":"stop","heartbeat":"1h"}"#, Ok(28_800));
        check(
            r#"{"budget":"8h","on-expiry":"stop","heartbeat":"1m"}"#,
            Err("heartbeat is 1m, expected 15m to 1d"),
        );
        check(r#"{"budget":"8h","on-expiry":"stop","heartbeat":"no"}"#, Err("such as 90m"));
        check(r#"{"on-expiry":"stop"}"#, Err("missing field `budget`"));
    }
}
