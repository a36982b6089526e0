//! The socket on which people on the machine reach the daemon: one line of JSON in each direction.
//! The kernel supplies the user id of the client. The daemon answers after the request is done.

use crate::machine::Machine;
use domain::parse_span;
use lifecycle::{Command, LifeStatus};
use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

const SOCKET: &str = "/run/spawn/spawnd.sock";
/// A request is one short line. The limit is in bytes.
const LONGEST: usize = 4096;
/// Time limit of a whole request, and of its whole answer, however the client divides them.
const PATIENCE: Duration = Duration::from_millis(200);
/// Requests between two polls: of one user, and of all users together.
const MOST_OF_USER: u32 = 60;
const MOST_OF_ALL: u32 = 240;
/// Leases of one user.
const MOST_LEASES: usize = 50;
/// Time limit of an answer. Some requests write a tag first.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Members of this group may end the instance.
const GROUP: &str = "spawn";

/// The client of a request, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketClient {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The rights of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientRights {
    /// A service, or a user of a container: may read the status.
    Reads,
    /// A person: may also keep the instance for longer.
    Extends,
    /// Root, or a member of the group `spawn`: may also end the instance.
    Ends,
}

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

/// Returns the client of a connection.
pub(crate) fn client(stream: &UnixStream) -> Result<SocketClient, String> {
    let peer = socket_peercred(stream).map_err(|error| format!("the client is unknown: {error}"))?;
    Ok(SocketClient { uid: peer.uid.as_raw(), gid: peer.gid.as_raw() })
}

/// Reads one request, within one time limit.
pub(crate) fn receive(stream: &UnixStream) -> Result<SocketRequest, String> {
    let line = read_line(stream).map_err(|error| format!("the request cannot be read: {error}"))?;
    parse(&line)
}

fn read_line(mut stream: &UnixStream) -> io::Result<String> {
    let until = Instant::now() + PATIENCE;
    stream.set_nonblocking(false)?;
    let (mut line, mut part) = (Vec::new(), [0; 1024]);
    while line.len() < LONGEST && !line.contains(&b'\n') {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => line.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
    }
    String::from_utf8(line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The requests since the last poll. A client that sends many delays no poll, and keeps no other
/// user from the socket.
#[derive(Default)]
pub(crate) struct RequestCount {
    by_user: BTreeMap<u32, u32>,
    all: u32,
}

impl RequestCount {
    /// Counts a request. Returns whether the user may still send one.
    pub(crate) fn admit(&mut self, uid: u32) -> bool {
        self.all += 1;
        let own = self.by_user.entry(uid).or_default();
        *own += 1;
        *own <= MOST_OF_USER
    }

    /// Returns whether further clients wait for the next poll.
    pub(crate) fn is_full(&self) -> bool {
        self.all >= MOST_OF_ALL
    }
}

/// Returns the rights of a client. The daemon's own user is root outside of tests. People are the
/// user ids from `UID_MIN` to `UID_MAX` of `/etc/login.defs`; services, systemd's dynamic users and
/// the users of containers are outside of them.
pub(crate) fn rights(machine: &Machine, client: SocketClient) -> ClientRights {
    let own = rustix::process::geteuid().as_raw();
    let people = limit(machine, "UID_MIN", 1_000)..=limit(machine, "UID_MAX", 60_000);
    if client.uid == own || is_member(machine, client) {
        ClientRights::Ends
    } else if people.contains(&client.uid) {
        ClientRights::Extends
    } else {
        ClientRights::Reads
    }
}

fn limit(machine: &Machine, name: &str, otherwise: u32) -> u32 {
    let text = std::fs::read_to_string(machine.path("/etc/login.defs")).unwrap_or_default();
    let value = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok()).flatten()
    };
    text.lines().rev().find_map(value).unwrap_or(otherwise)
}

/// Returns whether a client belongs to the group `spawn`, by its own group or by the members that
/// `/etc/group` names.
fn is_member(machine: &Machine, client: SocketClient) -> bool {
    let read = |path: &str| std::fs::read_to_string(machine.path(path)).unwrap_or_default();
    let (groups, users) = (read("/etc/group"), read("/etc/passwd"));
    let group = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let Some(group) = group.into_iter().find(|fields| fields[0] == GROUP && fields.len() == 4) else {
        return false;
    };
    let user = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = user.into_iter().find(|fields| fields.len() > 2 && fields[2] == client.uid.to_string());
    let named = user.is_some_and(|fields| group[3].split(',').any(|member| member == fields[0]));
    named || group[2] == client.gid.to_string()
}

/// Parses a request. An unknown one is an error.
pub(crate) fn parse(line: &str) -> Result<SocketRequest, String> {
    serde_json::from_str(line).map_err(|error| format!("the request cannot be read: {error}"))
}

/// Returns the lifecycle's command for a request; `None` for `LifeStatus`. `leases` are the present
/// ones. Errors: the user has no right to it, or a span or name is not valid.
pub(crate) fn command(
    question: SocketRequest,
    client: SocketClient,
    rights: ClientRights,
    leases: &[String],
) -> Result<Option<Command>, String> {
    let needed = match question {
        SocketRequest::Status => ClientRights::Reads,
        SocketRequest::Complete => ClientRights::Ends,
        SocketRequest::Extend { .. }
        | SocketRequest::KeepAlive { .. }
        | SocketRequest::Release { .. }
        | SocketRequest::Cancel => ClientRights::Extends,
    };
    if rights < needed {
        return Err(refusal(client.uid, needed));
    }
    let span = |text: &str| parse_span(text).map_err(|error| error.to_string());
    Ok(Some(match question {
        SocketRequest::Status => return Ok(None),
        SocketRequest::Extend { by, local_only } => Command::Extend { by: span(&by)?, local_only },
        SocketRequest::KeepAlive { name, span: length } => {
            Command::KeepAlive { name: new_lease(&name, client.uid, leases)?, span: span(&length)? }
        }
        SocketRequest::Release { name } => Command::Release { name: own_lease(&name, client.uid)? },
        SocketRequest::Complete => Command::Complete,
        SocketRequest::Cancel => Command::Cancel,
    }))
}

fn refusal(uid: u32, needed: ClientRights) -> String {
    match needed {
        ClientRights::Ends => format!(
            "user {uid} may not end the instance\nhint: use sudo, or add the user to the group {GROUP}"
        ),
        ClientRights::Reads | ClientRights::Extends => {
            format!("user {uid} is a service; only people and root may change when the instance ends")
        }
    }
}

/// Returns the key of a user's lease. The leases of users are separate, so that no user ends or
/// shortens another's.
fn own_lease(name: &str, uid: u32) -> Result<String, String> {
    let name = lease_name(name)?;
    let root = uid == rustix::process::geteuid().as_raw();
    Ok(if root { name } else { format!("{name}{}", owner(uid)) })
}

fn owner(uid: u32) -> String {
    format!(" of user {uid}")
}

/// Returns the key of a new or renewed lease. Errors: the user has too many.
fn new_lease(name: &str, uid: u32, leases: &[String]) -> Result<String, String> {
    let key = own_lease(name, uid)?;
    let suffix = key.strip_prefix(name).unwrap_or_default();
    let own =
        |lease: &&String| if suffix.is_empty() { !lease.contains(' ') } else { lease.ends_with(suffix) };
    if !leases.contains(&key) && leases.iter().filter(own).count() >= MOST_LEASES {
        return Err(format!("user {uid} has {MOST_LEASES} leases already\nhint: spawnd keepalive --release"));
    }
    Ok(key)
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

/// Sends an answer, within one time limit. A client that has gone is not an error.
pub(crate) fn reply(mut stream: &UnixStream, answer: &SocketAnswer) {
    let Ok(mut line) = serde_json::to_vec(answer) else { return };
    line.push(b'\n');
    let until = Instant::now() + PATIENCE;
    let mut rest = line.as_slice();
    while let (false, Ok(left)) = (rest.is_empty(), left(until)) {
        let written = stream.set_write_timeout(Some(left)).and_then(|()| stream.write(rest));
        let Ok(length @ 1..) = written else { return };
        rest = &rest[length..];
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
        receive(&here)
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
    fn one_time_limit_holds_for_a_request_in_pieces_and_for_an_answer_that_is_not_read() {
        let (here, mut there) = UnixStream::pair().expect("a pair");
        let sender = std::thread::spawn(move || {
            // Until the reader has gone.
            while there.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        let refused = receive(&here).expect_err("no request in time");
        assert!(refused.contains("timed out") && began.elapsed() < PATIENCE * 10, "{refused}");
        drop(here);
        sender.join().expect("the sender ends");
        let (here, there) = UnixStream::pair().expect("a pair");
        let began = Instant::now();
        reply(&here, &SocketAnswer::refused("x".repeat(8 << 20)));
        assert!(began.elapsed() < PATIENCE * 10);
        drop(there);
    }

    #[test]
    fn requests_between_two_polls_are_limited_for_each_user_and_for_all() {
        let mut count = RequestCount::default();
        let admitted = (0..MOST_OF_USER + 5).filter(|_| count.admit(1_000)).count();
        assert_eq!((admitted, count.is_full()), (MOST_OF_USER as usize, false));
        assert!(count.admit(1_001), "another user is not affected");
        while !count.is_full() {
            count.admit(33);
        }
        assert_eq!(count.all, MOST_OF_ALL);
    }

    fn rights_of(files: &[(&str, &str)], uid: u32, gid: u32) -> ClientRights {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("etc")).expect("a folder");
        for (path, text) in files {
            std::fs::write(folder.path().join(path), text).expect("a file");
        }
        let machine = Machine::new(folder.path().to_path_buf(), crate::machine::ClockPace::REAL);
        rights(&machine, SocketClient { uid, gid })
    }

    #[test]
    fn services_may_read_the_status_and_change_nothing() {
        let own = rustix::process::geteuid().as_raw();
        let check =
            |uid: u32, expected: ClientRights| assert_eq!(rights_of(&[], uid, uid), expected, "{uid}");
        check(own, ClientRights::Ends);
        for person in [1_000, 1_001, 60_000] {
            check(person, ClientRights::Extends);
        }
        // Services, systemd's dynamic users, nobody, a container's users, and an unmapped user.
        for service in [1, 33, 999, 60_001, 61_184, 65_519, 65_534, 100_033, u32::MAX - 1] {
            check(service, ClientRights::Reads);
        }
        let defs = ("etc/login.defs", "#UID_MIN 9\nUID_MIN\t\t 500\nUID_MAX 70000\nSYS_UID_MIN 100\n");
        let check =
            |uid: u32, expected: ClientRights| assert_eq!(rights_of(&[defs], uid, uid), expected, "{uid}");
        check(499, ClientRights::Reads);
        check(500, ClientRights::Extends);
        check(70_000, ClientRights::Extends);
        check(70_001, ClientRights::Reads);
    }

    #[test]
    fn members_of_the_group_may_end_the_instance() {
        let users =
            ("etc/passwd", "ann:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\nweb:x:33:33::/:/no\n");
        let group = |line: &'static str| [users, ("etc/group", line)];
        let check = |line: &'static str, uid: u32, gid: u32, expected: ClientRights| {
            assert_eq!(rights_of(&group(line), uid, gid), expected, "{line} {uid} {gid}");
        };
        check("spawn:x:990:ann,web\n", 1000, 1000, ClientRights::Ends);
        check("spawn:x:990:ann,web\n", 1001, 1001, ClientRights::Extends);
        check("spawn:x:990:ann,web\n", 33, 33, ClientRights::Ends);
        check("spawn:x:990:\n", 1001, 990, ClientRights::Ends);
        check("spawner:x:990:ann\n", 1000, 990, ClientRights::Extends);
        check("spawn:x:990:annabel\n", 1000, 1000, ClientRights::Extends);
        check("spawn\n", 1000, 1000, ClientRights::Extends);
    }

    fn ask(question: SocketRequest, rights: ClientRights) -> Result<Option<Command>, String> {
        command(question, SocketClient { uid: 1000, gid: 1000 }, rights, &[])
    }

    #[test]
    fn each_request_needs_its_right() {
        let extend = || SocketRequest::Extend { by: "2h".to_string(), local_only: false };
        let keep = || SocketRequest::KeepAlive { name: "job".to_string(), span: "2h".to_string() };
        let release = || SocketRequest::Release { name: "job".to_string() };
        for rights in [ClientRights::Reads, ClientRights::Extends, ClientRights::Ends] {
            assert_eq!(ask(SocketRequest::Status, rights), Ok(None));
            for question in [extend(), keep(), release(), SocketRequest::Cancel] {
                assert_eq!(ask(question, rights).is_ok(), rights >= ClientRights::Extends, "{rights:?}");
            }
            assert_eq!(
                ask(SocketRequest::Complete, rights).is_ok(),
                rights == ClientRights::Ends,
                "{rights:?}"
            );
        }
        let refused = ask(SocketRequest::Complete, ClientRights::Extends).expect_err("a refusal");
        assert!(refused.contains("hint: use sudo, or add the user to the group spawn"), "{refused}");
    }

    #[test]
    fn leases_belong_to_their_user_and_are_limited() {
        let own = rustix::process::geteuid().as_raw();
        let keep = |name: &str, uid: u32, leases: &[String]| {
            let question = SocketRequest::KeepAlive { name: name.to_string(), span: "2h".to_string() };
            match command(question, SocketClient { uid, gid: uid }, ClientRights::Ends, leases) {
                Ok(Some(Command::KeepAlive { name, .. })) => Ok(name),
                other => Err(format!("{other:?}")),
            }
        };
        assert_eq!(keep("job", own, &[]).as_deref(), Ok("job"));
        assert_eq!(keep("job", 4_000_000, &[]).as_deref(), Ok("job of user 4000000"));
        for uid in [own, 4_000_000] {
            let mut leases = Vec::new();
            for number in 0..MOST_LEASES {
                leases.push(keep(&format!("job-{number}"), uid, &leases).expect("a lease"));
            }
            assert!(keep("one-more", uid, &leases).is_err_and(|why| why.contains("50 leases already")));
            assert!(keep("job-7", uid, &leases).is_ok(), "a lease can be renewed");
            assert!(keep("job-7", 4_000_001, &leases).is_ok(), "another user is not affected");
        }
    }

    #[test]
    fn checks_spans_and_lease_names() {
        let keep = |name: &str, span: &str| {
            let client = SocketClient { uid: rustix::process::geteuid().as_raw(), gid: 0 };
            let question = SocketRequest::KeepAlive { name: name.to_string(), span: span.to_string() };
            command(question, client, ClientRights::Ends, &[])
        };
        let lease = Command::KeepAlive { name: "job-1".to_string(), span: SignedDuration::from_hours(2) };
        assert_eq!(keep("job-1", "2h"), Ok(Some(lease)));
        assert!(keep("job 1", "2h").is_err());
        assert!(keep("", "2h").is_err());
        assert!(keep("job-1", "soon").is_err_and(|error| error.contains("such as 90m")));
    }
}
