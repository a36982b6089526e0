//! The isolated query process seen from outside: its messages, its end, and a kernel with fewer
//! protections.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::{Desk, executable_path, run_command};

use super::{PATIENCE, REFUSED, Room, file_states};

#[test]
fn truncation_is_reported() {
    let room = Room::default();
    let check = |limit: &str, rows: usize, said: bool| {
        let ran = room.desk.truffle(&["query", "FROM range(12345)", "--limit", limit, "-o", "csv"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(ran.out.lines().count(), rows + 1, "--limit {limit}");
        assert_eq!(
            ran.err.contains(&format!("cut after {limit} rows")),
            said,
            "--limit {limit}: {}",
            ran.err
        );
    };
    check("1", 1, true);
    check("2048", 2048, true);
    check("12344", 12344, true);
    check("12345", 12345, false);
    check("99999", 12345, false);
    check("0", 12345, false);
    let ran = room.desk.truffle(&["query", "FROM range(12345)", "-o", "csv"]);
    assert!(ran.err.contains("cut after 10000 rows"), "{}", ran.err);
}

/// A statement that neither computes nor allocates: only a kill ends it early.
const LONG: &str = "SELECT sleep_ms(300000)";

/// Starts a long statement and waits for its isolated query process. Returns the program and that
/// process's id.
fn start_long(desk: &Desk) -> (Child, u32) {
    let child = desk
        .command("truffle", &["query", LONG, "--timeout", "10m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut room = None;
    wait_until("the isolated query process starts", || {
        room = query_process_of(child.id());
        room.is_some()
    });
    (child, room.unwrap())
}

/// Returns the id of a program's isolated query process.
fn query_process_of(parent: u32) -> Option<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("--locked-room") && process_status(*pid).is_some_and(|(_, of)| of == parent)
    })
}

/// Returns a process's state and parent; `None` if the process is gone.
fn process_status(pid: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut after = text.rsplit_once(") ")?.1.split(' ');
    Some((after.next()?.to_string(), after.next()?.parse().ok()?))
}

/// Returns true for a process that is gone, or dead and not yet reaped by its new parent.
fn is_over(pid: u32) -> bool {
    process_status(pid).is_none_or(|(state, _)| state == "Z" || state == "X")
}

#[track_caller]
fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_ends_a_statement_and_its_process() {
    let room = Room::default();
    let (mut child, inside) = start_long(&room.desk);
    let started = Instant::now();
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    let status = child.wait().unwrap();
    // In practice this takes a moment. The statement itself would take five minutes.
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(status.code(), Some(130), "{err}");
    assert!(err.contains("interrupted"), "{err}");
    assert!(is_over(inside), "the statement's process is still there");
}

#[test]
fn a_killed_parent_leaves_no_process_behind() {
    let room = Room::default();
    let (mut child, inside) = start_long(&room.desk);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the statement's process ends", || is_over(inside));
}

#[test]
fn a_closed_pipe_ends_the_query_without_an_error() {
    let room = Room::default();
    for format in ["csv", "ndjson", "json"] {
        let words = ["query", "FROM range(100000000)", "--limit", "0", "-o", format];
        let mut child = room
            .desk
            .command("truffle", &words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_ne!(line, "", "{format}");
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{format}");
        assert_eq!(query_process_of(child.id()), None);
    }
}

/// A Python script that hides Landlock from itself and its children, then executes a program.
const WITHOUT_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
LANDLOCK_CREATE_RULESET, NO_NEW_PRIVS, SECCOMP, FILTER, ENOSYS = 444, 38, 22, 2, 38
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, LANDLOCK_CREATE_RULESET), (6, 0, 0, 0x50000 | ENOSYS), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0
if libc.prctl(SECCOMP, FILTER, program, 0, 0) != 0:
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn without_landlock_the_query_warns_and_files_stay_unreadable() {
    let room = Room::default();
    let program = executable_path("truffle");
    let query = |sql: &str| {
        let mut command = room.desk.command("truffle", &[]);
        let words = ["-c", WITHOUT_LANDLOCK, program.to_str().unwrap(), "query", sql, "-o", "csv"];
        let mut python = Command::new("python3");
        python.args(words).current_dir(room.desk.home()).env_clear();
        python.envs(command.stdin(Stdio::null()).get_envs().filter_map(|(key, value)| Some((key, value?))));
        run_command(&mut python)
    };
    let native = query("SELECT count(*) > 50 AS yes FROM zone");
    if native.code == 77 {
        println!("skipped: system calls cannot be filtered here");
        return;
    }
    assert_eq!((native.code, native.out.as_str()), (0, "yes\ntrue\n"), "{}", native.err);
    assert!(native.err.contains("weaker isolation: this kernel has no Landlock"), "{}", native.err);
    for sql in [
        "FROM '{parquet}'",
        "FROM read_text('{home}/secret.txt')",
        "COPY zone TO '{db}' (FORMAT csv, USE_TMP_FILE false)",
        "EXPLAIN ANALYZE COPY zone TO '{parquet}' (FORMAT csv, USE_TMP_FILE false)",
    ] {
        let ran = query(&room.fill(sql));
        assert_eq!(ran.code, REFUSED, "{sql}: {}{}", ran.out, ran.err);
    }
    assert!(file_states(room.desk.home()) == room.files, "files were made, changed or removed");
}
