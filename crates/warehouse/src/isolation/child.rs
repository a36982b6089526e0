//! The child's side of the isolated query process.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::ipc::writer::StreamWriter;
use catalog::ports::AskError;
use duckdb::Connection;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::{
    BATCH_FRAME, FRAME, QueryProcessRequest, QueryProcessVerdict, VERDICT_FRAME, restrictions, statement,
};
use crate::answer::bad_sql;
use crate::build::literal;
use crate::message::failure;
use crate::open::{self, WarehouseStorage};
use crate::redact;
use crate::source::WarehouseSource;

/// Runs the child: reads the request from standard input, writes the answer to standard output, and
/// returns.
pub fn run_query_process() {
    // DuckDB's iterator panics when a running query fails; the panic's text becomes the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let verdict = match catch_unwind(AssertUnwindSafe(|| answer(&mut out))) {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => QueryProcessVerdict::of(error),
        Err(payload) => QueryProcessVerdict::of(failure(&panic_text(&payload))),
    };
    let text = serde_json::to_vec(&verdict).expect("a verdict is plain data");
    // If the parent is gone, a failure cannot be reported.
    let _ = frame(&mut out, VERDICT_FRAME, &text).and_then(|()| out.flush());
}

fn answer(out: &mut impl Write) -> Result<QueryProcessVerdict, AskError> {
    // A killed parent cannot kill its child, so the kernel does it. The limit on processor time
    // would take minutes, and a sleeping statement never reaches it.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(failed)?;
    let request: QueryProcessRequest = serde_json::from_slice(&text).map_err(failed)?;
    if getppid().map(|parent| parent.as_raw_pid()) != i32::try_from(request.parent).ok() {
        return Err(failed("the parent process is gone"));
    }
    let locked = restrictions::restrict_process(&readable(&request), request.memory_mib, request.seconds)
        .map_err(AskError::Failed)?;
    let parser = Connection::open_in_memory_with_flags(open::config().map_err(bad_sql)?).map_err(bad_sql)?;
    let tables = match &request.key {
        None => statement::check(&parser, &redact::catalog_name(&request.home), &request.sql)?,
        Some(_) => statement::check_redacted(&parser, &request.sql)?,
    };
    drop(parser);
    let connection = open::connect(&request.home, &request.sources)?;
    if let Some(key) = &request.key {
        redact::redact(&connection, &request.home, &request.sources, key).map_err(bad_sql)?;
    }
    apply_settings(&connection, &request, locked.files)?;
    let notes = StatementNotes { weaker: locked.weaker, tables };
    run(&connection, &request, notes, out).map_err(|error| match error {
        AskError::Refused(text) if !locked.files => AskError::Refused(format!("{text}; {CLOSED_ALTOGETHER}")),
        other => other,
    })
}

/// The reason why a table outside the warehouse's own file cannot be read without Landlock.
const CLOSED_ALTOGETHER: &str =
    "this kernel has no Landlock, so only tables inside the warehouse's own file can be read";

fn failed(error: impl std::fmt::Display) -> AskError {
    AskError::Failed(error.to_string())
}

/// Returns the files that the statement may read: the published warehouse and the files of its
/// views.
fn readable(request: &QueryProcessRequest) -> Vec<PathBuf> {
    let mut paths = data_files(&request.sources);
    if let WarehouseStorage::File(path) = &request.home {
        paths.push(path.clone());
    }
    paths
}

fn data_files(sources: &[WarehouseSource]) -> Vec<PathBuf> {
    let of = |source: &WarehouseSource| -> Vec<PathBuf> {
        source.manifest.files.iter().map(|file| source.root.join(&file.path)).collect()
    };
    sources.iter().flat_map(of).collect()
}

/// Applies DuckDB's own settings, in addition to the kernel's restrictions.
fn apply_settings(
    connection: &Connection,
    request: &QueryProcessRequest,
    files_closed: bool,
) -> Result<(), AskError> {
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
        // Without Landlock, DuckDB gets no file system: it can neither read nor write any other
        // file.
        settings.push("SET disabled_filesystems = 'LocalFileSystem'".into());
    }
    settings.push("SET lock_configuration = true".into());
    settings.iter().try_for_each(|setting| connection.execute_batch(setting).map_err(bad_sql))
}

/// Facts about a statement that are known before it runs.
#[derive(Default)]
struct StatementNotes {
    /// Protections that this machine lacks, one sentence each.
    weaker: Vec<String>,
    /// The tables that it reads.
    tables: Vec<String>,
}

fn run(
    connection: &Connection,
    request: &QueryProcessRequest,
    notes: StatementNotes,
    out: &mut impl Write,
) -> Result<QueryProcessVerdict, AskError> {
    let started = Instant::now();
    let mut statement = connection.prepare(&request.sql).map_err(|e| failure(&e.to_string()))?;
    if statement.parameter_count() > 0 {
        return Err(AskError::BadSql(
            "the statement has a parameter without a value; only named questions take --param".into(),
        ));
    }
    let mut left = request.rows;
    let (mut rows, mut truncated) = (0, false);
    let mut batches = statement.stream_arrow([]).map_err(|e| failure(&e.to_string()))?;
    check_shape(&batches.get_schema())?;
    send(out, &RecordBatch::new_empty(batches.get_schema()))?;
    loop {
        let next = catch_unwind(AssertUnwindSafe(|| batches.next()));
        let batch = match next.map_err(|payload| failure(&panic_text(&payload)))? {
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
    let StatementNotes { mut weaker, tables } = notes;
    weaker.dedup();
    let micros = started.elapsed().as_micros() as u64;
    Ok(QueryProcessVerdict::Ended { rows, truncated, weaker, tables, micros })
}

fn panic_text(payload: &Box<dyn std::any::Any + Send>) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()))
        .unwrap_or_else(|| "the query failed".into())
}

/// Refuses an answer with an excessive shape: every column costs each reader, and the parent's
/// Arrow reader supports 64 levels.
fn check_shape(schema: &Schema) -> Result<(), AskError> {
    let (mut columns, mut letters) = (0, 0);
    let mut level: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    for _ in 0..DEPTH {
        columns += level.len();
        letters += level.iter().map(|field| field.name().len()).sum::<usize>();
        level = level.iter().flat_map(|field| inner(field.data_type())).collect();
    }
    let text = if !level.is_empty() {
        format!("the answer's types are nested more than {DEPTH} deep")
    } else if columns > COLUMNS {
        format!("the answer has {columns} columns and fields; the limit is {COLUMNS}")
    } else if letters > NAMES {
        format!("the names of the answer's columns have {letters} bytes together; the limit is {NAMES}")
    } else {
        return Ok(());
    };
    Err(AskError::Refused(text))
}

const DEPTH: usize = 24;
const COLUMNS: usize = 2000;
const NAMES: usize = 1 << 20;

fn inner(data_type: &DataType) -> Vec<FieldRef> {
    match data_type {
        DataType::List(of)
        | DataType::LargeList(of)
        | DataType::FixedSizeList(of, _)
        | DataType::Map(of, _) => vec![of.clone()],
        DataType::Struct(fields) => fields.iter().cloned().collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| field.clone()).collect(),
        _ => Vec::new(),
    }
}

/// Sends rows in frames that the parent accepts. A batch that is too large is split in half.
fn send(out: &mut impl Write, batch: &RecordBatch) -> Result<(), AskError> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).map_err(failed)?;
    writer.write(batch).and_then(|()| writer.finish()).map_err(failed)?;
    drop(writer);
    let rows = batch.num_rows();
    if bytes.len() <= FRAME {
        return frame(out, BATCH_FRAME, &bytes).map_err(failed);
    }
    if rows < 2 {
        return Err(AskError::Refused(format!("one row of the answer has more than {} MiB", FRAME >> 20)));
    }
    drop(bytes);
    send(out, &batch.slice(0, rows / 2))?;
    send(out, &batch.slice(rows / 2, rows - rows / 2))
}

fn frame(out: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&[kind])?;
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(sql: &str) -> QueryProcessRequest {
        QueryProcessRequest {
            home: WarehouseStorage::Memory,
            sources: Vec::new(),
            key: None,
            sql: sql.into(),
            memory_mib: 256,
            rows: 10,
            threads: 1,
            seconds: 60,
            parent: 0,
        }
    }

    /// Runs a statement restricted by DuckDB's settings alone, as on a kernel without Landlock.
    fn by_settings_alone(connection: &Connection, sql: &str) -> Result<QueryProcessVerdict, AskError> {
        run(connection, &request(sql), StatementNotes::default(), &mut io::sink())
    }

    #[test]
    fn duckdb_settings_alone_block_every_file() {
        let path = std::env::temp_dir().join(format!("mycelium-settings-{}.parquet", std::process::id()));
        let shown = path.display();
        let connection = Connection::open_in_memory_with_flags(open::config().unwrap()).unwrap();
        let made = format!(
            "CREATE TABLE native AS SELECT 1 AS a; COPY native TO '{shown}'; CREATE VIEW filed AS FROM '{shown}'"
        );
        connection.execute_batch(&made).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        apply_settings(&connection, &request(""), false).unwrap();

        assert!(matches!(
            by_settings_alone(&connection, "FROM native"),
            Ok(QueryProcessVerdict::Ended { rows: 1, .. })
        ));
        for sql in [
            "FROM filed".to_string(),
            format!("FROM '{shown}'"),
            "FROM read_text('/etc/hostname')".into(),
            "FROM glob('/*')".into(),
            format!("COPY native TO '{shown}' (USE_TMP_FILE false)"),
            "SET threads = 2".into(),
            "RESET disabled_filesystems".into(),
        ] {
            let verdict = by_settings_alone(&connection, &sql);
            assert!(matches!(verdict, Err(AskError::Refused(_) | AskError::BadSql(_))), "{sql}: {verdict:?}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn refuses_answers_of_excessive_shape() {
        let connection = Connection::open_in_memory().unwrap();
        let check = |sql: String, expected: &str| {
            let text = match run(&connection, &request(&sql), StatementNotes::default(), &mut io::sink()) {
                Ok(_) => "ended".into(),
                Err(error) => error.to_string(),
            };
            assert!(text.contains(expected), "{text}");
        };
        let columns = |n: usize| format!("SELECT {}", vec!["1"; n].join(", "));
        check(columns(2000), "ended");
        check(columns(2001), "2001 columns");
        check(format!("SELECT {}1{}", "[".repeat(23), "]".repeat(23)), "ended");
        check(format!("SELECT {}1{}", "[".repeat(24), "]".repeat(24)), "nested more than 24 deep");
        check(format!("SELECT 1 AS \"{}\"", "x".repeat(NAMES + 1)), "names of the answer's columns");
        check("SELECT repeat('x', 70000000)".into(), "one row of the answer has more than 64 MiB");
        check("SELECT repeat('x', 20000000) FROM range(4)".into(), "ended");
    }
}
