//! The parent's side of the isolated query process: it starts the child, reads its answer, and
//! kills it in time.

use std::io::{BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::ipc::reader::StreamReader;
use catalog::Field;
use catalog::ports::{AskError, PageSink, QuerySummary, StopFlag, UserQuery};

use super::{
    BATCH_FRAME, FRAME, QUERY_PROCESS_ARGUMENT, QueryProcessRequest, QueryProcessVerdict, STATEMENT,
    VERDICT_FRAME,
};
use crate::arrow_page;
use crate::open::WarehouseStorage;
use crate::source::WarehouseSource;

/// Interval at which the parent checks its clock and the stop flag.
const TICK: Duration = Duration::from_millis(15);

/// Runs a statement in a child process and delivers its pages to the sink.
pub(crate) fn query(
    home: &WarehouseStorage,
    sources: &[WarehouseSource],
    key: Option<&str>,
    query: &UserQuery,
    stop: &StopFlag,
    sink: PageSink<'_>,
) -> Result<QuerySummary, AskError> {
    if query.sql.len() > STATEMENT {
        let long = query.sql.len();
        return Err(AskError::BadSql(format!("the statement has {long} bytes; the limit is {STATEMENT}")));
    }
    let request = QueryProcessRequest {
        home: home.clone(),
        sources: sources.to_vec(),
        key: key.map(String::from),
        sql: query.sql.clone(),
        memory_mib: query.memory_mib,
        rows: query.rows,
        threads: query.threads,
        seconds: query.time.as_secs().max(1),
        parent: std::process::id(),
    };
    let (mut child, output) = start(&request)?;
    let watch = ChildWatch::start(&mut child, query.time, stop.clone());
    // A limit on rows is also a limit on bytes. A request without a row limit has no byte limit
    // either.
    let bound = if query.rows == 0 { u64::MAX } else { query.memory_mib << 20 };
    let heard = receive_answer(BufReader::with_capacity(1 << 20, output), bound, sink);
    let killed = watch.finish();
    if !matches!(heard, Ok(Some(_))) {
        // The rest of the output is not needed. A child that has ended cannot be killed, and need
        // not be.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    match (heard, killed) {
        // The child's last message counts, even if the time ran out just after it.
        (Ok(Some(told)), _) => told.into_ended(query),
        (_, Some(KillReason::Late)) => Err(AskError::TimedOut(query.time)),
        (_, Some(KillReason::Asked)) => Err(AskError::Interrupted),
        // Ctrl-C reaches the child too, which may be gone before the watch notices.
        (_, None) if stop.is_requested() => Err(AskError::Interrupted),
        (Err(AskError::OutOfMemory(_)), None) => Err(AskError::OutOfMemory(query.memory_mib)),
        (Err(error), None) => Err(error),
        (Ok(None), None) => Err(death_error(status, query)),
    }
}

/// Returns the reason why a child ended without a verdict.
fn death_error(status: ExitStatus, query: &UserQuery) -> AskError {
    match status.signal() {
        Some(libc::SIGXCPU) => AskError::TimedOut(query.time),
        // Not sent by the parent, so most likely by the kernel, for lack of memory.
        Some(libc::SIGKILL) => AskError::OutOfMemory(query.memory_mib),
        // DuckDB recurses as deep as the data that a statement makes, such as a JSON text of
        // brackets. A full stack ends a process like a failed allocation does.
        Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS | libc::SIGILL) => AskError::Refused(
            "the statement crashed its process: a part of it is nested too deeply or too large".into(),
        ),
        _ => AskError::Failed(format!("the query's process ended without an answer ({status})")),
    }
}

fn failed(error: impl std::fmt::Display) -> AskError {
    AskError::Failed(error.to_string())
}

fn start(request: &QueryProcessRequest) -> Result<(Child, std::process::ChildStdout), AskError> {
    // The running program itself, even if its file has changed since it started.
    let mut child = Command::new("/proc/self/exe")
        .arg(QUERY_PROCESS_ARGUMENT)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| AskError::Failed(format!("the query's process cannot be started: {e}")))?;
    let text = serde_json::to_vec(request).expect("a request is plain data");
    let mut input = child.stdin.take().expect("asked for above");
    let output = child.stdout.take().expect("asked for above");
    // A child that ends before it has read the request ends without a verdict, and that is
    // reported.
    let _ = input.write_all(&text);
    Ok((child, output))
}

struct QueryProcessAnswer {
    fields: Vec<Field>,
    verdict: QueryProcessVerdict,
}

impl QueryProcessAnswer {
    fn into_ended(self, query: &UserQuery) -> Result<QuerySummary, AskError> {
        match self.verdict {
            QueryProcessVerdict::Ended { rows, truncated, weaker, tables, micros } => Ok(QuerySummary {
                fields: self.fields,
                rows,
                truncated,
                weaker,
                tables,
                elapsed: Duration::from_micros(micros),
            }),
            QueryProcessVerdict::BadSql(text) => Err(AskError::BadSql(text)),
            QueryProcessVerdict::Refused(text) => Err(AskError::Refused(text)),
            QueryProcessVerdict::OutOfMemory => Err(AskError::OutOfMemory(query.memory_mib)),
            QueryProcessVerdict::Failed(text) => Err(AskError::Failed(text)),
        }
    }
}

/// Delivers the pages until the verdict comes. Returns `None` if the child ended without one.
fn receive_answer(
    mut output: impl Read,
    bound: u64,
    sink: PageSink<'_>,
) -> Result<Option<QueryProcessAnswer>, AskError> {
    let mut fields = Vec::new();
    let mut taken = 0;
    loop {
        let mut head = [0; 5];
        if output.read_exact(&mut head).is_err() {
            return Ok(None);
        }
        let length = u32::from_le_bytes(head[1..].try_into().expect("four bytes"));
        if length as usize > FRAME {
            return Err(failed("the query's process sent an unreadable frame"));
        }
        taken += u64::from(length);
        if taken > bound {
            return Err(AskError::OutOfMemory(0));
        }
        let mut bytes = vec![0; length as usize];
        if output.read_exact(&mut bytes).is_err() {
            return Ok(None);
        }
        match head[0] {
            VERDICT_FRAME => {
                let verdict = serde_json::from_slice(&bytes).map_err(failed)?;
                return Ok(Some(QueryProcessAnswer { fields, verdict }));
            }
            BATCH_FRAME => {
                for batch in StreamReader::try_new(bytes.as_slice(), None).map_err(failed)? {
                    let page = arrow_page::page(&batch.map_err(failed)?).map_err(AskError::BadSql)?;
                    fields.clone_from(&page.fields);
                    sink(page).map_err(AskError::Failed)?;
                }
            }
            _ => return Err(failed("the query's process sent an unreadable frame")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum KillReason {
    Late,
    Asked,
}

/// Kills the child when its time is over or a stop is requested.
struct ChildWatch {
    over: Sender<()>,
    thread: JoinHandle<()>,
    killed: Arc<Mutex<Option<KillReason>>>,
}

impl ChildWatch {
    fn start(child: &mut Child, time: Duration, stop: StopFlag) -> ChildWatch {
        let (over, ended) = channel();
        let killed = Arc::new(Mutex::new(None));
        let mark = killed.clone();
        let process = rustix::process::Pid::from_child(child);
        let deadline = Instant::now() + time;
        let thread = std::thread::spawn(move || {
            loop {
                match ended.recv_timeout(TICK) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
                let why = if stop.is_requested() {
                    KillReason::Asked
                } else if Instant::now() >= deadline {
                    KillReason::Late
                } else {
                    continue;
                };
                *mark.lock().expect("no thread panics with this lock") = Some(why);
                // The child is reaped after this thread ends, so its process id is still its own.
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
                return;
            }
        });
        ChildWatch { over, thread, killed }
    }

    fn finish(self) -> Option<KillReason> {
        drop(self.over);
        // A watch that panicked has killed no process.
        let _ = self.thread.join();
        *self.killed.lock().expect("no thread panics with this lock")
    }
}
