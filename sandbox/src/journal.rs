//! The state folder. `state.json` is a snapshot of the world, `journal-N` the changes since. A
//! change is written to the journal before it is made, and replayed at the next start. A kill at
//! any instant leaves each entry either complete or absent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Timestamp;
use durable::{FileLock, LockError, PRIVATE};
use serde::{Deserialize, Serialize};

use crate::core::{ApiCall, SandboxWorld, WorldState};
use crate::engine::MetadataRequest;
use crate::facts::AwsFacts;
use crate::scenario::Scenario;

/// File name of the snapshot.
const SNAPSHOT: &str = "state.json";

/// Number of journal entries after which the next snapshot is written.
const LONGEST: u64 = 2_000;

/// A change of the world, as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum WorldChange {
    Call(ApiCall),
    /// A metadata request that issues credentials: instance id and path.
    Metadata(String, String),
    Interrupt(String),
    PowerOff(String),
    /// A test machine wrote to its console: instance id and text.
    Console(String, String),
    /// The clock was moved to the entry's instant.
    Moved,
}

#[derive(Serialize, Deserialize)]
struct WorldJournalEntry {
    now: Timestamp,
    deed: WorldChange,
}

/// Format of `state.json`. A folder of another format is refused, not converted: a sandbox is only
/// for trials.
const FORMAT: u32 = 2;

#[derive(Deserialize)]
struct WorldFormat {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct WorldSnapshot {
    format: u32,
    generation: u64,
    now: Timestamp,
    state: WorldState,
}

/// Creates an empty file that its owner alone can read. A file or link that a crash or another user
/// left under its name is removed, and never followed.
fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => OpenOptions::new().create_new(true).write(true).mode(PRIVATE).open(path),
    }
}

/// An open state folder.
pub(crate) struct WorldJournal {
    folder: PathBuf,
    generation: u64,
    file: File,
    entries: u64,
    /// Locks the folder while the sandbox runs.
    _lock: FileLock,
}

/// Makes a change again. Its answer was sent before, so it is dropped.
fn replay(world: &mut SandboxWorld, now: Timestamp, deed: &WorldChange) {
    match deed {
        WorldChange::Call(call) => drop(world.call(now, call)),
        WorldChange::Metadata(instance, path) => world.issue_credentials(now, instance, path),
        WorldChange::Interrupt(instance) => drop(world.interrupt(now, instance)),
        WorldChange::PowerOff(instance) => drop(world.power_off(now, instance)),
        WorldChange::Console(instance, text) => drop(world.write_console(now, instance, text)),
        WorldChange::Moved => world.apply_due_events(now),
    }
}

impl WorldJournal {
    /// Opens or creates a folder. Returns its journal, its world, and the instant of its last
    /// change. Errors: another process uses the folder, or its format is not [`FORMAT`].
    pub(crate) fn open(
        folder: &Path,
        facts: &Arc<AwsFacts>,
        rules: &Scenario,
        fresh: impl FnOnce() -> SandboxWorld,
        now: Timestamp,
    ) -> io::Result<(WorldJournal, SandboxWorld, Timestamp)> {
        durable::create_private_folder(folder)?;
        let lock = FileLock::try_exclusive(&folder.join("lock")).map_err(|error| match error {
            LockError::Taken(_) => io::Error::other("another sandbox uses this folder"),
            LockError::Io(error) => error,
        })?;
        durable::remove_abandoned(folder, &format!(".{SNAPSHOT}."))?;
        let (world, generation, last) = match fs::read(folder.join(SNAPSHOT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (fresh(), 0, now),
            Err(error) => return Err(error),
            Ok(bytes) => {
                let WorldFormat { format } = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
                if format != FORMAT {
                    return Err(io::Error::other(format!(
                        "its format is {format}, but this version reads format {FORMAT}"
                    )));
                }
                let whole: WorldSnapshot = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
                let mut world = SandboxWorld::restore(Arc::clone(facts), rules.clone(), whole.state);
                let mut last = whole.now;
                for entry in entries(&folder.join(format!("journal-{}", whole.generation)))? {
                    replay(&mut world, entry.now, &entry.deed);
                    last = entry.now;
                }
                (world, whole.generation, last)
            }
        };
        let file = File::open(folder)?;
        let mut journal =
            WorldJournal { folder: folder.to_path_buf(), generation, file, entries: 0, _lock: lock };
        journal.write_snapshot(&world, last)?;
        Ok((journal, world, last))
    }

    /// Appends a change that is about to be made. It is on the disk when this returns.
    pub(crate) fn append(&mut self, now: Timestamp, deed: &WorldChange) -> io::Result<()> {
        let mut line =
            serde_json::to_vec(&WorldJournalEntry { now, deed: deed.clone() }).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.entries += 1;
        Ok(())
    }

    /// Writes a snapshot when the journal has [`LONGEST`] entries.
    pub(crate) fn snapshot_if_long(&mut self, world: &SandboxWorld, now: Timestamp) -> io::Result<()> {
        if self.entries < LONGEST { Ok(()) } else { self.write_snapshot(world, now) }
    }

    fn write_snapshot(&mut self, world: &SandboxWorld, now: Timestamp) -> io::Result<()> {
        let generation = self.generation + 1;
        let next = self.folder.join(format!("journal-{generation}"));
        let file = new_file(&next)?;
        file.sync_all()?;
        let whole = WorldSnapshot { format: FORMAT, generation, now, state: world.state.clone() };
        let bytes = serde_json::to_vec(&whole).map_err(io::Error::other)?;
        durable::write_atomic(&self.folder.join(SNAPSHOT), &bytes, PRIVATE)?;
        let old = self.folder.join(format!("journal-{}", self.generation));
        if old.exists() {
            fs::remove_file(old)?;
        }
        (self.generation, self.file, self.entries) = (generation, file, 0);
        Ok(())
    }
}

/// Reads the complete entries of a journal. A truncated line ends it: its request was never
/// answered.
fn entries(path: &Path) -> io::Result<Vec<WorldJournalEntry>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut found = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(entry) => found.push(entry),
            Err(_) => break,
        }
    }
    Ok(found)
}

impl SandboxWorld {
    /// Replays a metadata request that issued credentials.
    fn issue_credentials(&mut self, now: Timestamp, instance: &str, path: &str) {
        let asked = MetadataRequest {
            method: "GET".to_string(),
            path: path.to_string(),
            ..MetadataRequest::default()
        };
        self.metadata_again(now, instance, &asked);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::core::{FIRST_ACCOUNT, credentials};

    fn call(body: &str) -> WorldChange {
        let access_key = credentials(FIRST_ACCOUNT, "sandbox").0;
        let action = body.split(['=', '&']).nth(1).unwrap().to_string();
        WorldChange::Call(ApiCall {
            access_key,
            service: "ec2".into(),
            region: "us-east-1".into(),
            action,
            body: body.into(),
            request: "r".into(),
        })
    }

    fn digest(world: &SandboxWorld) -> String {
        serde_json::to_string(&world.state).unwrap()
    }

    #[test]
    fn a_link_under_the_name_of_a_journal_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("journal-1"));
        fs::write(&victim, "untouched").unwrap();
        for _ in 0..2 {
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(&victim, &path).unwrap();
            new_file(&path).unwrap().write_all(b"new").unwrap();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
            assert!(!path.is_symlink());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        }
    }

    #[test]
    fn changes_survive_a_kill_and_a_truncated_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let facts = Arc::new(AwsFacts::small());
        let rules = Scenario::default();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let open = || {
            let fresh = || SandboxWorld::new(Arc::clone(&facts), rules.clone(), 7, now);
            WorldJournal::open(folder.path(), &facts, &rules, fresh, now).unwrap()
        };
        let (mut journal, mut world, _) = open();
        for (second, body) in
            [(1, "Action=CreateSecurityGroup&GroupName=a&GroupDescription=b"), (2, "Action=AllocateAddress")]
        {
            let (at, deed) = (now + jiff::SignedDuration::from_secs(second), call(body));
            journal.append(at, &deed).unwrap();
            replay(&mut world, at, &deed);
        }
        let far = now + jiff::SignedDuration::from_hours(10);
        journal.append(far, &WorldChange::Moved).unwrap();
        replay(&mut world, far, &WorldChange::Moved);
        let path = folder.path().join(format!("journal-{}", journal.generation));
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"now\":\"2026-01-01T00:0").unwrap();
        let (journal, again, last) = open();
        assert_eq!(digest(&again), digest(&world));
        assert_eq!(last, far);
        drop(journal);
        assert_eq!(digest(&open().1), digest(&world));
    }
}
