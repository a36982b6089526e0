//! Pins the host key of an instance before the first connection. The sources, in this order: a key
//! that is already pinned, the console output of the first boot, the fingerprint in the tag
//! `spawn:seen`, and with `--trust-first` the server itself.

use console::Failure;
use domain::visible;
use durable::TemporaryFolder;
use fleet::instance::InstanceView;
use lifecycle::tag::{self, SeenTag};

use super::arguments::SshCall;
use super::client::{PROBE_LIMIT, start_ssh};
use super::host_key::console_host_keys;
use super::known_hosts::KnownHosts;
use super::public_key::PublicKey;
use super::session_failure::{SessionFailure, SessionFault};
use crate::Ports;

/// The kinds of host keys that a server is asked for, the preferred one first. The fingerprint in
/// `spawn:seen` is of the first kind.
const KINDS: [&str; 3] = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"];

/// Makes sure that the host key of an instance is pinned. `call` reaches the server.
///
/// # Errors
/// No source has a key ([`SessionFault::HostKeyUnknown`]), the server has another key than the
/// published one ([`SessionFault::HostKeyChanged`]), or it cannot be reached.
pub(crate) fn ensure_pinned(
    instance: &InstanceView,
    known: &KnownHosts,
    call: &SshCall<'_>,
    trust_first: bool,
    ports: &Ports<'_>,
) -> Result<(), SessionFailure> {
    let id = &instance.id;
    if !known.keys(id)?.is_empty() {
        return Ok(());
    }
    let console = ports.instances.read_console(&instance.region, id);
    let published = console.as_ref().ok().and_then(Option::as_deref).map(console_host_keys);
    if let Some(keys) = published.filter(|keys| !keys.is_empty()) {
        return Ok(known.pin(id, &keys)?);
    }
    let seen = instance.tag(tag::SEEN).and_then(|value| SeenTag::decode(value).ok()?.host_key);
    if let Some(fingerprint) = seen {
        let key = server_key(call, KINDS[0], known, ports)?;
        if key.fingerprint() != fingerprint {
            return Err(other_key(id, &key, &fingerprint));
        }
        return Ok(known.pin(id, &[key])?);
    }
    if !trust_first {
        return Err(unknown(id, console.err().map(|error| error.to_string())));
    }
    let key = KINDS.iter().map(|kind| server_key(call, kind, known, ports)).find_map(|found| match found {
        // The server has no key of this kind.
        Err(failed) if failed.fault == SessionFault::HostKeyChanged => None,
        other => Some(other),
    });
    Ok(known.pin(id, &[key.unwrap_or_else(|| Err(unknown(id, None)))?])?)
}

/// Asks a server for its host key of a kind. It authenticates nowhere: no key of the user is
/// offered.
fn server_key(
    call: &SshCall<'_>,
    kind: &str,
    known: &KnownHosts,
    ports: &Ports<'_>,
) -> Result<PublicKey, SessionFailure> {
    let unusable = |error: std::io::Error| Failure::broken(format!("a temporary folder: {error}"));
    let folder = TemporaryFolder::create(&known.path().with_file_name("once")).map_err(unusable)?;
    let own = KnownHosts::open(folder.path())?;
    let call = SshCall { known_hosts: own.path(), identity: None, terminal: false, ..*call };
    let output = start_ssh(&call.probe_arguments(kind)?, b"", PROBE_LIMIT, ports)?;
    let found = own.keys(call.id)?.into_iter().next();
    found.ok_or_else(|| SessionFailure::of_connection(call.id, call.user, &output.stderr))
}

fn unknown(id: &str, console: Option<String>) -> SessionFailure {
    let why = console.map(|why| format!(": {}", visible(&why))).unwrap_or_default();
    SessionFailure::of(
        SessionFault::HostKeyUnknown,
        format!("the host key of {id} is not published yet{why}"),
    )
    .hint("wait some minutes after a start, or accept the server's own key with --trust-first")
}

fn other_key(id: &str, key: &PublicKey, fingerprint: &str) -> SessionFailure {
    let text = format!(
        "the server is not {id}: its host key is {}, and spawnd published {fingerprint}",
        key.fingerprint()
    );
    SessionFailure::of(SessionFault::HostKeyChanged, text)
        .hint("the address may belong to another instance by now: run the same command again")
}
