//! The journal of delivered alerts: one JSON object a line, appended after each delivery, while the
//! file is locked. A process that is killed between a delivery and its line delivers once more.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use domain::Timestamp;
use durable::FileLock;
use serde::{Deserialize, Serialize};

/// The beginning of each line.
const LINE_START: &[u8] = b"{\"target\":";

#[derive(Serialize, Deserialize)]
struct DeliveryEntry {
    target: String,
    alert_id: String,
    delivered_at: String,
}

/// The journal, locked until it is dropped.
pub(crate) struct DeliveryJournal {
    lock: FileLock,
    delivered: BTreeSet<(String, String)>,
}

impl DeliveryJournal {
    /// Creates the journal if it is missing (mode 0600), waits for its lock and reads it. A line
    /// that was cut off by a kill is removed.
    ///
    /// # Errors
    /// The file cannot be used, or it has a line that no journal has.
    pub(crate) fn open(path: &Path) -> io::Result<DeliveryJournal> {
        let mut lock = FileLock::exclusive(path)?;
        let file = lock.file();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (delivered, whole) = read_entries(&bytes)?;
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok(DeliveryJournal { lock, delivered })
    }

    /// Reads the journal without a lock and without a change; empty if there is none.
    ///
    /// # Errors
    /// As [`DeliveryJournal::open`].
    pub(crate) fn peek(path: &Path) -> io::Result<BTreeSet<(String, String)>> {
        match durable::read_regular(path, u64::MAX) {
            Ok(bytes) => Ok(read_entries(&bytes)?.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a target has an alert.
    pub(crate) fn contains(&self, target: &str, alert: &str) -> bool {
        self.delivered.contains(&(target.to_string(), alert.to_string()))
    }

    /// Enters a delivery. After this it is on the disk.
    ///
    /// # Errors
    /// The line cannot be written.
    pub(crate) fn enter(&mut self, target: &str, alert: &str, at: Timestamp) -> io::Result<()> {
        let entry = DeliveryEntry {
            target: target.to_string(),
            alert_id: alert.to_string(),
            delivered_at: at.to_string(),
        };
        let mut line = serde_json::to_string(&entry)?;
        line.push('\n');
        let file = self.lock.file();
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        self.delivered.insert((entry.target, entry.alert_id));
        Ok(())
    }
}

/// Returns the entries and the length of the whole lines, which is less than that of the file if
/// its last line was cut off.
fn read_entries(bytes: &[u8]) -> io::Result<(BTreeSet<(String, String)>, usize)> {
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "it is not a journal of deliveries");
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let rest = &bytes[whole..];
    if !rest.starts_with(LINE_START) && !LINE_START.starts_with(rest) {
        return Err(foreign());
    }
    let entry = |line: &[u8]| {
        let entry: DeliveryEntry = serde_json::from_slice(line).map_err(|_| foreign())?;
        Ok((entry.target, entry.alert_id))
    };
    let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok((lines.map(entry).collect::<io::Result<_>>()?, whole))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::DeliveryJournal;

    #[test]
    fn a_delivery_is_remembered_and_a_cut_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let at = "2026-11-30T08:00:00Z".parse().unwrap();
        let mut journal = DeliveryJournal::open(&path).unwrap();
        assert!(!journal.contains("a", "1"));
        journal.enter("a", "1", at).unwrap();
        journal.enter("a", "2", at).unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let first_line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in first_line..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = DeliveryJournal::open(&path).unwrap();
            assert!(journal.contains("a", "1") && !journal.contains("a", "2"), "cut at byte {cut}");
            assert!(!journal.contains("b", "1"));
            journal.enter("b", "1", at).unwrap();
            drop(journal);
            let seen = DeliveryJournal::peek(&path).unwrap();
            assert_eq!(seen.len(), 2, "cut at byte {cut}");
        }
    }

    #[test]
    fn another_file_is_not_taken_for_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for text in ["my notes\nno line break", "my notes", "{}\n"] {
            fs::write(&path, text).unwrap();
            let error = DeliveryJournal::open(&path).err().unwrap();
            assert_eq!(error.to_string(), "it is not a journal of deliveries");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert!(DeliveryJournal::peek(&path).is_err());
        }
        assert!(DeliveryJournal::peek(&folder.path().join("none")).unwrap().is_empty());
    }
}
