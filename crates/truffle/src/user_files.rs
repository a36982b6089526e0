//! The user's own files: saved searches, bookmarks, budgets, plans and marks of anomalies.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use console::Failure;
use durable::{FileLock, PRIVATE};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The largest of these files, in bytes.
const LARGEST: u64 = 4 << 20;

/// A saved search: its words and flags, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedSearch {
    /// Arguments of `truffle search`.
    pub(crate) arguments: Vec<String>,
}

/// A bookmarked instance type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bookmark {
    /// The user's note; may be empty.
    pub(crate) note: String,
    /// When the bookmark was added, RFC 3339.
    pub(crate) added_at: String,
}

/// A file of named entries, in the configuration folder unless a flag names it.
pub(crate) struct UserFile {
    path: PathBuf,
    /// Whether a flag names the file. Then it is an error if it does not exist.
    is_given: bool,
}

impl UserFile {
    /// Returns the file of saved searches.
    pub(crate) fn searches(config: &Path) -> UserFile {
        UserFile::at(config, "saved.toml", None)
    }

    /// Returns the file of bookmarks.
    pub(crate) fn bookmarks(config: &Path) -> UserFile {
        UserFile::at(config, "bookmarks.toml", None)
    }

    /// Returns the file of budgets: the given one, or the one in the configuration folder.
    pub(crate) fn budgets(config: &Path, file: Option<&Path>) -> UserFile {
        UserFile::at(config, "budgets.toml", file)
    }

    /// Returns the file of plans: the given one, or the one in the configuration folder.
    pub(crate) fn plans(config: &Path, file: Option<&Path>) -> UserFile {
        UserFile::at(config, "plans.toml", file)
    }

    /// Returns the file of marks of anomalies: the given one, or that in the configuration folder.
    pub(crate) fn anomaly_marks(config: &Path, file: Option<&Path>) -> UserFile {
        UserFile::at(config, "anomaly-marks.toml", file)
    }

    fn at(config: &Path, name: &str, file: Option<&Path>) -> UserFile {
        let path = file.map_or_else(|| config.join(name), Path::to_path_buf);
        UserFile { path, is_given: file.is_some() }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all entries by name. Without a file in the configuration folder there are no entries.
    ///
    /// Errors: a file that a flag names does not exist; the file has another form.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<BTreeMap<String, T>, Failure> {
        match self.is_given && !self.path.exists() {
            true => Err(Failure::usage(format!("{} does not exist", self.path.display()))
                .hint("check the path; set and mark make a new file")),
            false => self.read_or_start(),
        }
    }

    /// Reads all entries by name. Without a file there are no entries.
    fn read_or_start<T: DeserializeOwned>(&self) -> Result<BTreeMap<String, T>, Failure> {
        let text = match durable::read_text(&self.path, LARGEST) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.failed("cannot be read", error)),
        };
        toml::from_str(&text).map_err(|error| {
            Failure::usage(format!("{} cannot be read: {}", self.path.display(), error.message()))
                .hint("repair the file, or move it away")
        })
    }

    /// Changes the entries: reads, changes and writes them under a lock, so that concurrent
    /// processes lose no entry. A change that fails writes nothing. Returns the entries, read back
    /// from the file.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, T>) -> Result<(), Failure>,
    ) -> Result<BTreeMap<String, T>, Failure>
    where
        T: Serialize + DeserializeOwned,
    {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            durable::create_private_folder(folder).map_err(|e| self.failed("cannot be written", e))?;
        }
        let lock = FileLock::exclusive(&self.path.with_extension("lock"))
            .map_err(|e| self.failed("cannot be locked", e))?;
        let mut entries = self.read_or_start()?;
        change(&mut entries)?;
        let text = toml::to_string(&entries).map_err(|e| Failure::broken(e.to_string()))?;
        durable::write_atomic(&self.path, text.as_bytes(), PRIVATE)
            .map_err(|e| self.failed("cannot be written", e))?;
        drop(lock);
        self.read()
    }

    fn failed(&self, what: &str, error: io::Error) -> Failure {
        Failure::broken(format!("{} {what}: {error}", self.path.display()))
    }
}

/// Returns the user's key for pseudonyms. Without it, no pseudonym can be traced to its value.
pub(crate) fn redaction_key(config: &Path) -> Result<String, Failure> {
    let bytes = console::read_or_create_key(&config.join("redact.key"))?;
    Ok(domain::hex(bytes))
}

/// Checks the name of a saved search: 1 to 64 letters, digits, `-` and `_`, without a leading `-`.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let good = !name.is_empty()
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        && !name.starts_with('-');
    if good {
        return Ok(());
    }
    Err(Failure::usage(format!("\"{name}\" is not a valid name: use letters, digits, - and _"))
        .hint("truffle save cheap-gpus gpu cheapest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_changes_are_all_saved() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("deep/config");
        let keep = |name: &str| {
            let search = SavedSearch { arguments: vec!["gpu".into(), "it's \"quoted\"".into()] };
            UserFile::searches(&config).change(|all| {
                all.insert(name.to_string(), search);
                Ok(())
            })
        };
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let keep = &keep;
                scope.spawn(move || keep(name).unwrap());
            }
        });
        let all: BTreeMap<String, SavedSearch> = UserFile::searches(&config).read().unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(all["a"].arguments[1], "it's \"quoted\"");
    }

    #[test]
    fn accepts_only_valid_names() {
        for good in ["a", "cheap-gpus", "A_1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a/b", "ä", "a.b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
