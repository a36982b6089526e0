//! Sends spawnd through ssh: one command puts the file in place, starts the daemon and prints its
//! status. The end in that status must be the end in the instance's tag.

use std::time::Duration;

use console::Failure;
use domain::Timestamp;
use fleet::instance::{InstanceState, InstanceView};
use fleet::ports::InstanceSelector;
use jiff::SignedDuration;
use lifecycle::tag::{BudgetIntent, EXPIRY, ExpiryTag};
use lifecycle::{DeliveryFault, LifeStatus, receive_script};

use super::daemon_file::DaemonFile;
use crate::ssh::{Session, SessionFailure, SessionFault, SessionOptions};
use crate::{Ports, ProcessOutput};

/// The time after which an instance that cannot be reached is given up.
const PATIENCE: SignedDuration = SignedDuration::from_mins(6);
/// The time in which the host key appears in the console output.
const HOST_KEY_PATIENCE: SignedDuration = SignedDuration::from_mins(4);
/// The time in which the first boot installs the key of the launch.
const KEY_PATIENCE: SignedDuration = SignedDuration::from_mins(1);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(5);
/// Time limit of the command that sends the file. The daemon's start is a part of it.
const SEND_LIMIT: Duration = Duration::from_secs(240);
const STATUS_LIMIT: Duration = Duration::from_secs(20);
/// The end in the daemon's status and the end in the tag count as equal when they differ by at most
/// this, and must be equal before this time is over.
const SAME: SignedDuration = SignedDuration::from_secs(60);

/// A daemon that was delivered, and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveredDaemon {
    /// Its version.
    pub(crate) version: String,
    /// The end of the instance, as the daemon reports it.
    pub(crate) until: Timestamp,
}

/// Sends spawnd to a running instance and waits until its end is that of the tag. An instance that
/// still boots is waited for.
///
/// # Errors
/// There is no spawnd for the architecture, the instance cannot be reached, or spawnd does not
/// work there. The instance stays, bounded by its dead-man.
pub(crate) fn push(
    instance: &InstanceView,
    options: &SessionOptions,
    ports: &Ports<'_>,
) -> Result<DeliveredDaemon, Failure> {
    if instance.state != InstanceState::Running {
        let (id, state) = (&instance.id, instance.state.word());
        return Err(Failure::usage(format!("{id} is {state}, and spawnd is delivered to running instances"))
            .hint(format!("spawn start {id}")));
    }
    let unknown = || Failure::broken(format!("EC2 reports no architecture of {}", instance.id));
    let architecture = instance.details.architecture.as_deref().ok_or_else(unknown)?;
    let file = DaemonFile::load(&ports.executable, architecture)?;
    let status = send(&file, instance, options, ports)?;
    let until = confirm(status, instance, options, ports)?;
    Ok(DeliveredDaemon { version: file.version, until })
}

/// Sends the file, again after each fault that may pass, and returns the status of the daemon.
fn send(
    file: &DaemonFile,
    instance: &InstanceView,
    options: &SessionOptions,
    ports: &Ports<'_>,
) -> Result<LifeStatus, Failure> {
    let begun = (ports.clock)();
    let (script, length) = (receive_script(), file.bytes.len().to_string());
    let shell = ["sh", "-c", &script, "spawn", &length, &file.sha256];
    loop {
        let sent = Session::open(instance, options, ports).and_then(|session| {
            let sudo: &[&str] = if session.user() == "root" { &[] } else { &["sudo", "-n"] };
            let words = [sudo, &shell].concat();
            Ok((session.user().to_string(), session.run(&words, &file.bytes, SEND_LIMIT)?))
        });
        let passed = (ports.clock)().duration_since(begun);
        match sent {
            Ok((user, output)) => match read_answer(&output, &user, instance, file) {
                Err(DeliveryAnswer::Temporary(_)) if passed < PATIENCE => {}
                Err(DeliveryAnswer::Temporary(failure) | DeliveryAnswer::Final(failure)) => {
                    return Err(*failure);
                }
                Ok(status) => return Ok(status),
            },
            Err(failed) if may_pass(&failed, passed) => {}
            Err(failed) => return Err(failed.failure),
        }
        (ports.wait)(PAUSE);
    }
}

/// Whether another attempt can succeed, `passed` after the first one began.
fn may_pass(failed: &SessionFailure, passed: SignedDuration) -> bool {
    let patience = match failed.fault {
        SessionFault::HostKeyUnknown => HOST_KEY_PATIENCE,
        SessionFault::Unreachable | SessionFault::TimedOut => PATIENCE,
        SessionFault::KeyRefused => KEY_PATIENCE,
        SessionFault::HostKeyChanged | SessionFault::Other => return false,
    };
    passed < patience
}

/// An answer of the script that is no status.
#[derive(Debug)]
enum DeliveryAnswer {
    /// Another attempt can succeed.
    Temporary(Box<Failure>),
    /// Any other failure.
    Final(Box<Failure>),
}

fn again(instance: &InstanceView) -> String {
    format!("spawn deliver {} tries again; until then its dead-man ends it", instance.id)
}

/// Reads the output of the script.
fn read_answer(
    output: &ProcessOutput,
    user: &str,
    instance: &InstanceView,
    file: &DaemonFile,
) -> Result<LifeStatus, DeliveryAnswer> {
    let (id, version) = (&instance.id, &file.version);
    let said = last_line(&output.stderr);
    let failed = |message: String, hint: String| {
        Err(DeliveryAnswer::Final(Box::new(Failure::broken(message).hint(hint))))
    };
    let code = match output.code {
        Some(0) => match read_status(&output.stdout) {
            Some(status) => return Ok(status),
            None => {
                let message = format!("spawnd {version} on {id} prints no status");
                return failed(message, format!("spawn logs {id} --spawnd"));
            }
        },
        Some(code) => code,
        None => return failed(format!("the delivery to {id} was ended by a signal"), again(instance)),
    };
    let message = match DeliveryFault::of_exit_code(code) {
        Some(DeliveryFault::Incomplete | DeliveryFault::Busy) => {
            let failure = Failure::broken(format!("spawnd did not arrive on {id}: {said}"));
            return Err(DeliveryAnswer::Temporary(Box::new(failure.hint(again(instance)))));
        }
        Some(DeliveryFault::DoesNotRun) => {
            let hint = format!("spawnd needs glibc {}: choose a newer --image", file.glibc);
            return failed(format!("spawnd {version} does not run on {id}: {}", loader_line(output)), hint);
        }
        Some(DeliveryFault::NotStarted) => {
            let message = format!("spawnd {version} was placed on {id} and does not work: {said}");
            return failed(message, format!("spawn logs {id} --spawnd"));
        }
        None if said.starts_with("sudo:") || code == 127 => {
            let message = format!("{user} has no sudo without a password on {id}: {said}");
            return failed(message, "--user names a login user that has".to_string());
        }
        Some(_) | None => format!("spawnd was not placed on {id}: {said} (exit code {code})"),
    };
    failed(message, again(instance))
}

/// Returns the status in an output that may begin with lines of a login shell.
fn read_status(stdout: &[u8]) -> Option<LifeStatus> {
    let begin = stdout.iter().position(|byte| *byte == b'{')?;
    serde_json::from_slice(&stdout[begin..]).ok()
}

fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    line.trim().chars().take(200).collect()
}

/// Returns the loader's complaint, which comes before the script's own line.
fn loader_line(output: &ProcessOutput) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("GLIBC_"));
    line.map_or_else(|| last_line(&output.stderr), |line| line.trim().chars().take(200).collect())
}

/// Compares the daemon's end with the tag's until they are equal, and returns it.
fn confirm(
    first: LifeStatus,
    instance: &InstanceView,
    options: &SessionOptions,
    ports: &Ports<'_>,
) -> Result<Timestamp, Failure> {
    let begun = (ports.clock)();
    let mut status = first;
    loop {
        let tag = read_tag(instance, ports);
        match &tag {
            Ok(Some(until)) if (until.duration_since(status.until)).abs() <= SAME => return Ok(status.until),
            Ok(None) => return Ok(status.until),
            Ok(Some(_)) | Err(_) if (ports.clock)().duration_since(begun) < SAME => {}
            Ok(Some(until)) => return Err(contradiction(instance, &status, *until)),
            Err(why) => {
                return Err(Failure::broken(format!(
                    "spawnd runs on {}, and the tag could not be read back: {why}",
                    instance.id
                )));
            }
        }
        (ports.wait)(PAUSE);
        let asked = Session::open(instance, options, ports).and_then(|session| {
            session.run(&["/usr/local/bin/spawnd", "status", "--json"], b"", STATUS_LIMIT)
        });
        if let Some(newer) = asked.ok().and_then(|output| read_status(&output.stdout)) {
            status = newer;
        }
    }
}

fn contradiction(instance: &InstanceView, status: &LifeStatus, until: Timestamp) -> Failure {
    let id = &instance.id;
    Failure::broken(format!(
        "spawnd runs on {id} and ends it at {:.0}, but its tag says {until:.0}",
        status.until
    ))
    .hint(format!("spawn status {id} --why shows the reading of the tag"))
}

/// Returns the end in the instance's tag; none if it has no such tag.
fn read_tag(instance: &InstanceView, ports: &Ports<'_>) -> Result<Option<Timestamp>, String> {
    let ids = [instance.id.clone()];
    let regions = [instance.region.clone()];
    let found = ports.instances.list_instances(&regions, InstanceSelector::Ids(&ids)).into_iter().next();
    let seen = found.ok_or("no region was queried")?.seen?;
    let seen = seen.into_iter().next().ok_or("it is not shown")?;
    let Some(value) = seen.tag(EXPIRY) else { return Ok(None) };
    match ExpiryTag::decode(value).map_err(|error| error.to_string())?.intent {
        BudgetIntent::Running(until) => Ok(Some(until)),
        BudgetIntent::Paused(_) => Err("it says that the clock stands".to_string()),
    }
}
