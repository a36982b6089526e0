//! Starts OpenSSH's client.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use super::session_failure::{SessionFailure, SessionFault};
use crate::{Ports, ProcessCommand, ProcessOutput};

/// How long a connection without a program may take.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// Starts ssh without a terminal.
pub(super) fn start_ssh(
    args: &[OsString],
    input: &[u8],
    limit: Duration,
    ports: &Ports<'_>,
) -> Result<ProcessOutput, SessionFailure> {
    // Its messages decide what happens next, so they are in English.
    let env = vec![("LC_ALL".into(), "C".into())];
    let command = ProcessCommand { program: "ssh".into(), args: args.to_vec(), env };
    ports.processes.capture(&command, input, limit).map_err(not_started)
}

pub(super) fn not_started(error: io::Error) -> SessionFailure {
    match error.kind() {
        io::ErrorKind::NotFound => SessionFailure::no_client("ssh"),
        _ => SessionFailure::of(SessionFault::Other, format!("ssh cannot be started: {error}")),
    }
}
