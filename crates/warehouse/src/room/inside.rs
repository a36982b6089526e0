//! The child's side of the locked room.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use catalog::ports::AskError;
use duckdb::Connection;

use super::{BATCH, Request, VERDICT, Verdict, lock, plain_words, statement};
use crate::ask::bad_sql;
use crate::build::literal;
use crate::open::{self, Home, Source};

/// Runs the child: reads the request from standard input, answers on standard output, and returns.
pub fn enter() {
    // DuckDB's iterator panics when a running query fails; its text goes to the parent as the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let verdict = match answer(&mut out) {
        Ok(verdict) => verdict,
        Err(error) => Verdict::of(error),
    };
    let text = serde_json::to_vec(&verdict).expect("a verdict is plain data");
    // Where the parent is gone there is nobody left to tell.
    let _ = frame(&mut out, VERDICT, &text).and_then(|()| out.flush());
}

fn answer(out: &mut impl Write) -> Result<Verdict, AskError> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(failed)?;
    let request: Request = serde_json::from_slice(&text).map_err(failed)?;
    let locked =
        lock::lock(&readable(&request), request.memory_mib, request.seconds).map_err(AskError::Failed)?;
    let parser = Connection::open_in_memory_with_flags(open::config().map_err(bad_sql)?).map_err(bad_sql)?;
    statement::check(&parser, &request.sql)?;
    drop(parser);
    let connection = open::connect(&request.home, &request.sources)?;
    settle(&connection, &request, locked.files)?;
    run(&connection, &request, locked.weaker, out)
}

fn failed(error: impl std::fmt::Display) -> AskError {
    AskError::Failed(error.to_string())
}

/// The files that the statement may read: the published warehouse and what its views read.
fn readable(request: &Request) -> Vec<PathBuf> {
    let mut paths = data_files(&request.sources);
    if let Home::File(path) = &request.home {
        paths.push(path.clone());
    }
    paths
}

fn data_files(sources: &[Source]) -> Vec<PathBuf> {
    let of = |source: &Source| -> Vec<PathBuf> {
        source.manifest.files.iter().map(|file| source.root.join(&file.path)).collect()
    };
    sources.iter().flat_map(of).collect()
}

/// DuckDB's own settings, on top of the kernel's.
fn settle(connection: &Connection, request: &Request, files_closed: bool) -> Result<(), AskError> {
    let allowed: Vec<String> =
        data_files(&request.sources).iter().map(|path| literal(&path.to_string_lossy())).collect();
    let threads = match request.threads {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        some => some,
    };
    let mut settings = vec![
        format!("SET threads = {threads}"),
        format!("SET memory_limit = '{}MiB'", request.memory_mib),
        "SET temp_directory = ''".into(),
        "SET max_temp_directory_size = '0B'".into(),
        "SET enable_progress_bar = false".into(),
        format!("SET allowed_paths = [{}]", allowed.join(", ")),
        "SET enable_external_access = false".into(),
    ];
    if !files_closed {
        // Without Landlock, nothing that lies in a file is offered: then a file can be neither read nor written.
        settings.push("SET disabled_filesystems = 'LocalFileSystem'".into());
    }
    settings.push("SET lock_configuration = true".into());
    settings.iter().try_for_each(|setting| connection.execute_batch(setting).map_err(bad_sql))
}

fn run(
    connection: &Connection,
    request: &Request,
    mut weaker: Vec<String>,
    out: &mut impl Write,
) -> Result<Verdict, AskError> {
    let started = Instant::now();
    let mut statement = connection.prepare(&request.sql).map_err(kind)?;
    if statement.parameter_count() > 0 {
        return Err(AskError::BadSql(
            "the statement has a parameter and no value for it; named questions take --param".into(),
        ));
    }
    let mut left = request.rows;
    let (mut rows, mut truncated) = (0, false);
    let mut batches = statement.stream_arrow([]).map_err(kind)?;
    send(out, &RecordBatch::new_empty(batches.get_schema()))?;
    loop {
        let next = catch_unwind(AssertUnwindSafe(|| batches.next()));
        let batch = match next.map_err(|payload| kind_of(&panic_text(&payload)))? {
            Some(batch) => batch,
            None => break,
        };
        let kept = if request.rows == 0 { batch.num_rows() } else { batch.num_rows().min(left as usize) };
        truncated = kept < batch.num_rows();
        left -= if request.rows == 0 { 0 } else { kept as u64 };
        rows += kept as u64;
        if kept > 0 {
            send(out, &batch.slice(0, kept))?;
        }
        if truncated {
            break;
        }
    }
    weaker.dedup();
    Ok(Verdict::Ended { rows, truncated, weaker, micros: started.elapsed().as_micros() as u64 })
}

fn panic_text(payload: &Box<dyn std::any::Any + Send>) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()))
        .unwrap_or_else(|| "the query failed".into())
}

fn kind(error: duckdb::Error) -> AskError {
    kind_of(&error.to_string())
}

fn kind_of(text: &str) -> AskError {
    let out_of_memory = text.contains("Out of Memory Error")
        || text.contains("bad allocation")
        || text.contains("failed to allocate");
    if out_of_memory { AskError::OutOfMemory(0) } else { AskError::BadSql(plain_words(text)) }
}

fn send(out: &mut impl Write, batch: &RecordBatch) -> Result<(), AskError> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).map_err(failed)?;
    writer.write(batch).and_then(|()| writer.finish()).map_err(failed)?;
    drop(writer);
    frame(out, BATCH, &bytes).map_err(failed)
}

fn frame(out: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&[kind])?;
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(bytes)
}
