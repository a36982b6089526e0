//! The user's keys: the files of `~/.ssh`, and the keys of an agent.

#![allow(clippy::disallowed_methods, reason = "keys are files of the user's folder")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::ports::KeyPairView;

use super::key_fingerprint::is_fingerprint_of;
use super::private_key::read_private_key;
use super::public_key::PublicKey;
use crate::{ProcessCommand, ProcessRunner};

/// The most bytes of a key file, and the most files that are read.
const LONGEST: u64 = 64 * 1024;
const MOST_FILES: usize = 1000;
/// How long an agent may take.
const AGENT_LIMIT: Duration = Duration::from_secs(5);

/// A key of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserKey {
    pub(crate) public: PublicKey,
    /// Where its private half is.
    pub(crate) place: KeyPlace,
    /// An unencrypted RSA key as PKCS#8.
    pkcs8: Option<Vec<u8>>,
}

/// Where a private key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// In an agent, which asks no question.
    Agent,
    /// In a file without a passphrase.
    PlainFile(PathBuf),
    /// In a file with a passphrase.
    LockedFile(PathBuf),
}

impl KeyPlace {
    /// Whether ssh can use the key without a question.
    pub(crate) fn is_silent(&self) -> bool {
        !matches!(self, KeyPlace::LockedFile(_))
    }
}

/// Returns the user's keys: first those of the agent, then plain files, then those with a
/// passphrase. A key is in the list once. Files that cannot be read are no keys.
pub(crate) fn list_user_keys(ssh_folder: &Path, processes: &dyn ProcessRunner) -> Vec<UserKey> {
    let agent = agent_keys(processes).into_iter();
    let agent = agent.map(|public| UserKey { public, place: KeyPlace::Agent, pkcs8: None });
    let files = file_paths(ssh_folder);
    let (plain, locked): (Vec<UserKey>, Vec<UserKey>) =
        files.iter().filter_map(|path| key_of_file(path)).partition(|key| key.place.is_silent());
    let mut keys: Vec<UserKey> = Vec::new();
    for key in agent.chain(plain).chain(locked) {
        match keys.iter_mut().find(|known| known.public == key.public) {
            Some(known) if known.pkcs8.is_none() => known.pkcs8 = key.pkcs8,
            Some(_) => {}
            None => keys.push(key),
        }
    }
    keys
}

/// Returns the key in one private file; none if it is not a key, or if neither it nor the `.pub`
/// file beside it shows the public half.
pub(crate) fn key_of_file(path: &Path) -> Option<UserKey> {
    let facts = read_private_key(&durable::read_text(path, LONGEST).ok()?)?;
    let place = match facts.encrypted {
        true => KeyPlace::LockedFile(path.to_path_buf()),
        false => KeyPlace::PlainFile(path.to_path_buf()),
    };
    let mut beside = path.as_os_str().to_os_string();
    beside.push(".pub");
    let beside = || PublicKey::parse(durable::read_text(Path::new(&beside), LONGEST).ok()?.lines().next()?);
    Some(UserKey { public: facts.public.or_else(beside)?, place, pkcs8: facts.pkcs8 })
}

/// Returns the first key that belongs to a key pair: by the public key, else by the fingerprint.
pub(crate) fn find_key<'a>(keys: &'a [UserKey], pair: &KeyPairView) -> Option<&'a UserKey> {
    match pair.public_key.as_deref().and_then(PublicKey::parse) {
        Some(public) => keys.iter().find(|key| key.public == public),
        None => {
            keys.iter().find(|key| is_fingerprint_of(&pair.fingerprint, &key.public, key.pkcs8.as_deref()))
        }
    }
}

/// Returns the files that may be private keys, in the order of their names.
fn file_paths(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.take(MOST_FILES).filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_none_or(|ending| ending != "pub"));
    paths.sort();
    paths
}

fn agent_keys(processes: &dyn ProcessRunner) -> Vec<PublicKey> {
    let list =
        ProcessCommand { program: "ssh-add".into(), args: vec!["-L".into()], ..ProcessCommand::default() };
    match processes.capture(&list, b"", AGENT_LIMIT) {
        Ok(output) if output.code == Some(0) => {
            String::from_utf8_lossy(&output.stdout).lines().filter_map(PublicKey::parse).collect()
        }
        // Without an agent or without ssh-add there are only the files.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::tests::{
        ED25519, ED25519_FILE, LOCKED, LOCKED_FILE, RSA, RSA_FILE, RSA_SHA1, agent_with,
    };

    fn pair(public_key: Option<&str>, fingerprint: &str) -> KeyPairView {
        let public_key = public_key.map(String::from);
        KeyPairView { public_key, fingerprint: fingerprint.into(), ..KeyPairView::default() }
    }

    #[test]
    fn keys_of_the_agent_come_before_files_and_plain_files_before_locked_ones() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a_locked"), LOCKED_FILE).unwrap();
        fs::write(at("id_ed25519"), ED25519_FILE).unwrap();
        fs::write(at("id_ed25519.pub"), ED25519).unwrap();
        fs::write(at("aws.pem"), RSA_FILE).unwrap();
        fs::write(at("config"), "Host *\n").unwrap();
        fs::write(at("known_hosts"), format!("host {ED25519}\n")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let places = |agent: &str| -> Vec<KeyPlace> {
            list_user_keys(folder.path(), &agent_with(agent)).into_iter().map(|key| key.place).collect()
        };
        let plain = |name: &str| KeyPlace::PlainFile(at(name));
        let locked = KeyPlace::LockedFile(at("a_locked"));
        assert_eq!(places(""), [plain("aws.pem"), plain("id_ed25519"), locked]);
        assert_eq!(places(LOCKED), [KeyPlace::Agent, plain("aws.pem"), plain("id_ed25519")]);
        assert_eq!(list_user_keys(&at("missing"), &agent_with("")), []);
    }

    #[test]
    fn a_key_pair_finds_its_key_by_public_key_or_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("aws.pem"), RSA_FILE).unwrap();
        fs::write(folder.path().join("id"), ED25519_FILE).unwrap();
        let check = |agent: &str, pair: KeyPairView, expected: Option<&str>| {
            let keys = list_user_keys(folder.path(), &agent_with(agent));
            let found = find_key(&keys, &pair).map(|key| key.public.clone());
            assert_eq!(found, expected.and_then(PublicKey::parse), "{pair:?}");
        };
        check("", pair(Some(ED25519), ""), Some(ED25519));
        check("", pair(None, RSA_SHA1), Some(RSA));
        // The agent has the key, and only the file shows the number that EC2 made the print of.
        check(RSA, pair(None, RSA_SHA1), Some(RSA));
        check("", pair(Some(LOCKED), RSA_SHA1), None);
        check(LOCKED, pair(Some(LOCKED), ""), Some(LOCKED));
        check("", pair(None, ""), None);
    }

    #[test]
    fn a_file_without_a_public_half_needs_the_pub_file_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        fs::write(
            &path,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
        assert_eq!(key_of_file(&path), None);
        fs::write(folder.path().join("old.pub"), RSA).unwrap();
        assert_eq!(key_of_file(&path).map(|key| key.place), Some(KeyPlace::LockedFile(path)));
    }
}
