//! The pinned host keys: a known_hosts file of spawn's own. Its names are instance ids, because
//! addresses are given to other instances after a stop.

use std::io;
use std::path::{Path, PathBuf};

use console::Failure;
use durable::{FileLock, PRIVATE};

use super::public_key::PublicKey;

/// The most bytes of the file: some hundred thousand keys.
const LONGEST: u64 = 32 * 1024 * 1024;

/// The file with the pinned host keys. Only this module writes it; ssh reads it.
#[derive(Debug, Clone)]
pub(crate) struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// Returns the file in the folder of spawn's ssh files, which is created if it is missing.
    pub(crate) fn open(folder: &Path) -> Result<KnownHosts, Failure> {
        durable::create_private_folder(folder).map_err(|error| unusable(folder, &error))?;
        Ok(KnownHosts { path: folder.join("known_hosts") })
    }

    /// Returns the path, for ssh.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the pinned keys of an instance.
    pub(crate) fn keys(&self, id: &str) -> Result<Vec<PublicKey>, Failure> {
        let text = self.text()?;
        let of_it = text.lines().filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name == id);
        Ok(of_it.filter_map(|(_, key)| PublicKey::parse(key)).collect())
    }

    /// Pins the keys of an instance that has none yet. Keys that are already pinned stay, because
    /// two programs may pin at the same time.
    pub(crate) fn pin(&self, id: &str, keys: &[PublicKey]) -> Result<(), Failure> {
        let failed = |error: io::Error| unusable(&self.path, &error);
        let _lock = FileLock::exclusive(&self.path.with_extension("lock")).map_err(failed)?;
        if !self.keys(id)?.is_empty() {
            return Ok(());
        }
        let mut text = self.text()?;
        for key in keys {
            text.push_str(&format!("{id} {}\n", key.line()));
        }
        durable::write_atomic(&self.path, text.as_bytes(), PRIVATE).map_err(failed)
    }

    /// Removes the keys of these instances, which have ended for good.
    pub(crate) fn forget(&self, ids: &[&str]) -> Result<(), Failure> {
        let failed = |error: io::Error| unusable(&self.path, &error);
        let _lock = FileLock::exclusive(&self.path.with_extension("lock")).map_err(failed)?;
        let text = self.text()?;
        let is_kept = |line: &&str| !line.split_once(' ').is_some_and(|(name, _)| ids.contains(&name));
        let kept: String = text.split_inclusive('\n').filter(is_kept).collect();
        if kept == text {
            return Ok(());
        }
        durable::write_atomic(&self.path, kept.as_bytes(), PRIVATE).map_err(failed)
    }

    fn text(&self) -> Result<String, Failure> {
        match durable::read_text(&self.path, LONGEST) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(unusable(&self.path, &error)),
        }
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::broken(format!("{} cannot be used: {error}", path.display()))
}

/// Whether a text is an instance id, which can stand in a file or in a command as it is.
pub(crate) fn is_instance_id(text: &str) -> bool {
    let rest = text.strip_prefix("i-").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(plain)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test reads the file")]
mod tests {
    use super::*;
    use crate::ssh::tests::{ED25519, LOCKED};

    #[test]
    fn the_first_pinned_keys_stay() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownHosts::open(&folder.path().join("ssh")).unwrap();
        let (one, other) = (PublicKey::parse(ED25519).unwrap(), PublicKey::parse(LOCKED).unwrap());
        assert_eq!(known.keys("i-1").unwrap(), []);
        known.pin("i-1", std::slice::from_ref(&one)).unwrap();
        known.pin("i-1", std::slice::from_ref(&other)).unwrap();
        known.pin("i-12", &[other.clone(), one.clone()]).unwrap();
        assert_eq!(known.keys("i-1").unwrap(), std::slice::from_ref(&one));
        assert_eq!(known.keys("i-12").unwrap(), [other, one.clone()]);
        let text = std::fs::read_to_string(known.path()).unwrap();
        assert_eq!(text.lines().next(), Some(format!("i-1 {}", one.line()).as_str()));
    }

    #[test]
    fn the_keys_of_an_ended_instance_are_removed_alone() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownHosts::open(&folder.path().join("ssh")).unwrap();
        let (one, other) = (PublicKey::parse(ED25519).unwrap(), PublicKey::parse(LOCKED).unwrap());
        known.pin("i-1", &[one.clone(), other.clone()]).unwrap();
        known.pin("i-12", std::slice::from_ref(&other)).unwrap();
        known.forget(&["i-1", "i-3"]).unwrap();
        assert_eq!(known.keys("i-1").unwrap(), []);
        assert_eq!(known.keys("i-12").unwrap(), [other]);
    }

    #[test]
    fn only_plain_ids_are_instance_ids() {
        for id in ["i-0123456789abcdef0", "i-memory0000"] {
            assert!(is_instance_id(id), "{id}");
        }
        for id in ["", "i-", "m-1", "i-1 *", "i-1\n", "i-*", "i-A", "-i-1", "i-1,i-2"] {
            assert!(!is_instance_id(id), "{id}");
        }
    }
}
