//! The socket on which people on the machine reach the daemon: one line of JSON in each direction.
//! The kernel supplies the user id of the client. The daemon answers after the request is done.

use crate::machine::Machine;
use domain::parse_span;
use lifecycle::{Command, LifeStatus};
use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

const SOCKET: &str = "/run/spawn/spawnd.sock";
/// A request is one short line. The limit is in bytes.
const LONGEST: u64 = 4096;
/// Time limit of a client that is connected and sends nothing.
const PATIENCE: Duration = Duration::from_millis(200);
/// Time limit of an answer. Some requests write a tag first.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// User ids of people begin here. Services have lower ones.
const FIRST_PERSON: u32 = 1000;
const NOBODY: u32 = 65534;

/// A request; its fields are the protocol on the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum SocketRequest {
    Status,
    Extend { by: String, local_only: bool },
    KeepAlive { name: String, span: String },
    Release { name: String },
    Complete,
    Cancel,
}

/// An answer; its fields are the protocol on the socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SocketAnswer {
    pub(crate) ok: bool,
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<LifeStatus>,
}

impl SocketAnswer {
    pub(crate) fn refused(text: String) -> SocketAnswer {
        SocketAnswer { ok: false, text, status: None }
    }
}

/// Opens the socket, and replaces one that a dead daemon left.
pub(crate) fn listen(machine: &Machine) -> io::Result<UnixListener> {
    let path = machine.path(SOCKET);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Reads one request, and the user id of its sender.
pub(crate) fn receive(stream: &UnixStream) -> Result<(SocketRequest, u32), String> {
    let failed = |error: &dyn std::fmt::Display| format!("the request cannot be read: {error}");
    stream.set_nonblocking(false).map_err(|error| failed(&error))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| failed(&error))?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|error| failed(&error))?;
    let uid = socket_peercred(stream).map_err(|error| failed(&error))?.uid.as_raw();
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line).map_err(|error| failed(&error))?;
    parse(&line).map(|question| (question, uid))
}

/// Parses a request. An unknown one is an error.
pub(crate) fn parse(line: &str) -> Result<SocketRequest, String> {
    serde_json::from_str(line).map_err(|error| format!("the request cannot be read: {error}"))
}

/// Returns the lifecycle's command for a request; `None` for `LifeStatus`. Errors: the user has no
/// right to it, or a span or name is not valid.
pub(crate) fn command(question: SocketRequest, uid: u32) -> Result<Option<Command>, String> {
    let person = uid == 0 || (uid >= FIRST_PERSON && uid != NOBODY);
    if question != SocketRequest::Status && !person {
        return Err(format!(
            "user {uid} is a service; only people and root may change when the instance ends"
        ));
    }
    let span = |text: &str| parse_span(text).map_err(|error| error.to_string());
    Ok(Some(match question {
        SocketRequest::Status => return Ok(None),
        SocketRequest::Extend { by, local_only } => Command::Extend { by: span(&by)?, local_only },
        SocketRequest::KeepAlive { name, span: length } => {
            Command::KeepAlive { name: lease_name(&name)?, span: span(&length)? }
        }
        SocketRequest::Release { name } => Command::Release { name: lease_name(&name)? },
        SocketRequest::Complete => Command::Complete,
        SocketRequest::Cancel => Command::Cancel,
    }))
}

/// Checks the name of a lease. It is shown on terminals and kept for long, so it must be short and
/// plain.
fn lease_name(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        return Ok(name.to_string());
    }
    Err("expected a lease name of 1 to 64 letters, digits, dots, dashes or underscores".to_string())
}

/// Sends an answer. A client that has gone is not an error.
pub(crate) fn reply(mut stream: &UnixStream, answer: &SocketAnswer) {
    if let Ok(mut line) = serde_json::to_vec(answer) {
        line.push(b'\n');
        let _ = stream.write_all(&line);
    }
}

/// Sends a request to the daemon, for the command line.
pub(crate) fn send_request(machine: &Machine, question: &SocketRequest) -> Result<SocketAnswer, String> {
    let path = machine.path(SOCKET);
    let deaf = |error: &dyn std::fmt::Display| {
        format!(
            "no answer from spawnd ({error})\nhint: systemctl status spawnd shows whether it runs; the \
             dead-man timer does not depend on it"
        )
    };
    let mut stream = UnixStream::connect(&path).map_err(|error| deaf(&error))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(|error| deaf(&error))?;
    let mut line = serde_json::to_vec(question).map_err(|error| deaf(&error))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|error| deaf(&error))?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(|error| deaf(&error))?;
    serde_json::from_str(&answer).map_err(|error| deaf(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn send(line: &str) -> Result<SocketRequest, String> {
        let (here, mut there) = UnixStream::pair().map_err(|error| error.to_string())?;
        there.write_all(line.as_bytes()).map_err(|error| error.to_string())?;
        receive(&here).map(|(question, _)| question)
    }

    #[test]
    fn parses_requests_strictly() {
        let check =
            |line: &str, expected: Option<SocketRequest>| assert_eq!(send(line).ok(), expected, "{line}");
        check("{\"verb\":\"status\"}\n", Some(SocketRequest::Status));
        let by = "2h".to_string();
        check(
            "{\"verb\":\"extend\",\"by\":\"2h\",\"local_only\":false}\n",
            Some(SocketRequest::Extend { by, local_only: false }),
        );
        check("{\"verb\":\"extend\",\"by\":\"2h\"}\n", None);
        check("{\"verb\":\"extend\",\"by\":\"2h\",\"local_only\":false,\"force\":true}\n", None);
        check("{\"verb\":\"stop\"}\n", None);
        check("\n", None);
        check(&format!("{{\"verb\":\"{}", "x".repeat(10_000)), None);
    }

    #[test]
    fn does_not_wait_for_a_silent_client() {
        let (here, _there) = UnixStream::pair().expect("a pair");
        let began = std::time::Instant::now();
        assert!(receive(&here).is_err());
        assert!(began.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn services_may_read_the_status_and_change_nothing() {
        let complete = || command(SocketRequest::Complete, 0);
        assert_eq!(complete(), Ok(Some(Command::Complete)));
        assert_eq!(command(SocketRequest::Complete, 1000), Ok(Some(Command::Complete)));
        assert_eq!(command(SocketRequest::Status, 33), Ok(None));
        assert!(command(SocketRequest::Complete, 33).is_err());
        assert!(command(SocketRequest::Complete, NOBODY).is_err());
    }

    #[test]
    fn checks_spans_and_lease_names() {
        let keep = |name: &str, span: &str| {
            command(SocketRequest::KeepAlive { name: name.to_string(), span: span.to_string() }, 0)
        };
        let lease = Command::KeepAlive { name: "job-1".to_string(), span: SignedDuration::from_hours(2) };
        assert_eq!(keep("job-1", "2h"), Ok(Some(lease)));
        assert!(keep("job 1", "2h").is_err());
        assert!(keep("", "2h").is_err());
        assert!(keep("job-1", "soon").is_err_and(|error| error.contains("such as 90m")));
    }
}
