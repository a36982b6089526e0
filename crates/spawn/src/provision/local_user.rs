//! The user's ssh key and the name of this machine.

#![allow(clippy::disallowed_methods, reason = "keys are files, and so is the machine's name")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use console::Failure;
use durable::FileLock;
use fleet::provision::{KeyRequest, OwnKey};

use crate::ssh::PublicKey;
use crate::{Ports, ProcessCommand};

/// The file of a key that spawn makes. It is no default identity of ssh, so it is offered to no
/// other server.
const OWN_FILE: &str = "spawn_ed25519";
/// The files that are looked at first.
const FIRST: [&str; 2] = ["id_ed25519", OWN_FILE];
/// The largest file with a public key.
const LARGEST: u64 = 16 * 1024;
/// The longest run of ssh-keygen and ssh-add.
const LIMIT: Duration = Duration::from_secs(30);

/// Returns the user's ed25519 key: `id_ed25519`, spawn's own one, another file of `~/.ssh`, or one
/// of the agent. Only reads.
pub(super) fn find_key(ports: &Ports<'_>) -> Result<KeyRequest, Failure> {
    let folder = ports.home.join(".ssh");
    let mut files: Vec<PathBuf> = FIRST.iter().map(|name| folder.join(name)).collect();
    files.extend(other_keys(&folder));
    let found = files.iter().find_map(|private| read_key(private, ports)).or_else(|| agent_key(ports));
    Ok(match found {
        Some(key) => KeyRequest::Own(key),
        None => KeyRequest::Missing { path: folder.join(OWN_FILE).display().to_string() },
    })
}

/// Returns the private keys with a public half beside them, in alphabetical order.
fn other_keys(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let public = entries.filter(|path| path.extension().is_some_and(|ending| ending == "pub"));
    let mut private: Vec<PathBuf> = public.map(|path| path.with_extension("")).collect();
    private.retain(|path| path.is_file());
    private.sort();
    private
}

/// Returns the public half of a private key: from the file beside it or, if that is missing, from
/// the key itself.
fn read_key(private: &Path, ports: &Ports<'_>) -> Option<OwnKey> {
    if !private.is_file() {
        return None;
    }
    let mut public = private.as_os_str().to_os_string();
    public.push(".pub");
    match durable::read_text(Path::new(&public), LARGEST) {
        Ok(text) => own_key(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let words: [&Path; 5] = ["-y".as_ref(), "-P".as_ref(), "".as_ref(), "-f".as_ref(), private];
            own_key(&output_of("ssh-keygen", &words, ports)?)
        }
        Err(_) => None,
    }
}

fn agent_key(ports: &Ports<'_>) -> Option<OwnKey> {
    output_of("ssh-add", &["-L".as_ref()], ports)?.lines().find_map(own_key)
}

/// Returns the output of a program that succeeded.
fn output_of(program: &str, words: &[&Path], ports: &Ports<'_>) -> Option<String> {
    let args = words.iter().map(|word| word.as_os_str().to_os_string()).collect();
    let command = ProcessCommand { program: program.into(), args, ..ProcessCommand::default() };
    let output = ports.processes.capture(&command, b"", LIMIT).ok()?;
    (output.code == Some(0)).then(|| String::from_utf8(output.stdout).ok()).flatten()
}

/// Reads an ed25519 key in OpenSSH's format. Its comment is left out: it may name the user.
fn own_key(text: &str) -> Option<OwnKey> {
    let key = PublicKey::parse(text.lines().next()?).filter(PublicKey::is_ed25519)?;
    let digest = key.digest();
    Some(OwnKey {
        name: format!("spawn-{}", domain::hex(&digest[..16])),
        fingerprint: STANDARD_NO_PAD.encode(digest),
        public_key: key.line(),
    })
}

/// Makes a key without a passphrase in this file, unless the user has one by now. Two programs
/// never make it at once.
pub(super) fn make_key(private: &Path, ports: &Ports<'_>) -> Result<KeyRequest, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::broken(format!("the key {} cannot be made: {error}", private.display()))
    };
    let folder = private.parent().unwrap_or(private);
    for folder in [folder, &ports.settings.config] {
        durable::create_private_folder(folder).map_err(|error| failed(&error))?;
    }
    let lock = FileLock::exclusive(&ports.settings.config.join("key.lock"));
    let _lock = lock.map_err(|error| failed(&error))?;
    if let found @ KeyRequest::Own(_) = find_key(ports)? {
        return Ok(found);
    }
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", "spawn", "-f"].map(Into::into);
    let args = words.into_iter().chain([private.as_os_str().to_os_string()]).collect();
    let command = ProcessCommand { program: "ssh-keygen".into(), args, ..ProcessCommand::default() };
    let output = ports.processes.capture(&command, b"", LIMIT).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(&"ssh-keygen is not installed")
            .hint("install OpenSSH's client, or name a key pair of the region with --key"),
        _ => failed(&error),
    })?;
    match (output.code, read_key(private, ports)) {
        (Some(0), Some(key)) => Ok(KeyRequest::Own(key)),
        _ => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_string();
            Err(failed(&format_args!("ssh-keygen: {why}")).hint("name a key pair of the region with --key"))
        }
    }
}

/// Returns the name of this machine, as the kernel has it.
pub(super) fn host_name() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    text.trim().to_string()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop";

    #[test]
    fn a_public_key_is_named_by_its_fingerprint_without_its_comment() {
        let key = own_key(LINE).unwrap();
        assert_eq!(format!("{} me@laptop", key.public_key), LINE);
        let digest = Sha256::digest(STANDARD.decode(LINE.split(' ').nth(1).unwrap()).unwrap());
        assert_eq!(key.fingerprint, STANDARD_NO_PAD.encode(digest));
        assert_eq!(key.name.len(), "spawn-".len() + 32);
        assert_eq!(own_key(&LINE.replace("me@laptop", "\u{1b}[31m")), Some(key));
    }

    #[test]
    fn another_text_is_no_public_key() {
        for text in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-ed25519 !!!!",
            &LINE.replace("ssh-ed25519 ", "ssh-rsa "),
            &LINE.replace("AAAAC3", "AAAAB3"),
            &LINE.replace("HR4f", "HR4="),
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(own_key(text), None, "{text}");
        }
    }
}
