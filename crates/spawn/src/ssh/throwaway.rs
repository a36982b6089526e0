//! A key pair for one session, which EC2 Instance Connect makes an instance accept for 60 seconds.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use durable::TemporaryFolder;

use super::public_key::PublicKey;
use super::session_failure::{SessionFailure, SessionFault};
use crate::{ProcessCommand, ProcessRunner};

/// How long ssh-keygen may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A key pair in a private folder, which is removed with it.
#[derive(Debug)]
pub(crate) struct ThrowawayKey {
    /// The private file.
    pub(crate) file: PathBuf,
    /// The public half.
    pub(crate) public: PublicKey,
    _folder: TemporaryFolder,
}

impl ThrowawayKey {
    /// Makes a key pair below the folder of spawn's ssh files.
    pub(crate) fn make(folder: &Path, processes: &dyn ProcessRunner) -> Result<ThrowawayKey, SessionFailure> {
        // A killed process may have left one.
        durable::remove_abandoned(folder, ".once.").map_err(|error| unusable(folder, &error))?;
        let own = TemporaryFolder::create(&folder.join("once")).map_err(|error| unusable(folder, &error))?;
        let file = own.path().join("key");
        let public = make_key(&file, processes)?;
        Ok(ThrowawayKey { file, public, _folder: own })
    }
}

/// Makes an ed25519 key without a passphrase, and returns its public half.
pub(crate) fn make_key(file: &Path, processes: &dyn ProcessRunner) -> Result<PublicKey, SessionFailure> {
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", "spawn", "-f"];
    let args = args.into_iter().map(Into::into).chain([file.as_os_str().to_os_string()]);
    let command =
        ProcessCommand { program: "ssh-keygen".into(), args: args.collect(), ..ProcessCommand::default() };
    let output = processes.capture(&command, b"", LIMIT).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SessionFailure::no_client("ssh-keygen"),
        _ => SessionFailure::of(SessionFault::Other, format!("ssh-keygen cannot be started: {error}")),
    })?;
    let public = file.with_extension("pub");
    let text = durable::read_text(&public, 4096).map_err(|error| unusable(&public, &error))?;
    PublicKey::parse(&text).filter(|_| output.code == Some(0)).ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        SessionFailure::of(SessionFault::Other, format!("ssh-keygen made no key: {}", why.trim()))
    })
}

fn unusable(path: &Path, error: &io::Error) -> SessionFailure {
    SessionFailure::of(SessionFault::Other, format!("{} cannot be used: {error}", path.display()))
}
