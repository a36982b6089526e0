use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use catalog::ports::{Ended, Query, Stop};
use catalog::{Field, Page, QUESTIONS, Question, Type, question};
use clap::Args;
use console::{Exit, Failure, Printer, Report, nearest};

use crate::Ports;
use crate::repl;

/// Rows that are shown where nobody said how many.
const ROWS: u64 = 10_000;

/// Ask in SQL, or ask a named question.
///
/// The statement runs in a process of its own that can read the warehouse's tables and nothing else:
/// no file, no network, no setting, no write. Only SELECT runs (also WITH, FROM, VALUES, DESCRIBE,
/// SUMMARIZE, SHOW TABLES, EXPLAIN). Without a statement it is read from standard input; at a terminal
/// a shell opens.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// A SQL statement, or the name of a question such as price/per-gpu
    pub statement: Option<String>,
    /// Read the statement from a file
    #[arg(long, value_name = "PATH", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// A parameter of a named question
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "statement")]
    pub params: Vec<String>,
    /// List the named questions with their parameters
    #[arg(long, conflicts_with_all = ["statement", "file", "params"])]
    pub list: bool,
    /// Say on stderr how long it took
    #[arg(long)]
    pub timing: bool,
    /// Rows at most; 0 is all
    #[arg(long, value_name = "ROWS", default_value_t = ROWS)]
    pub limit: u64,
    /// What the statement may use.
    #[command(flatten)]
    pub bounds: Bounds,
}

/// What a statement may use.
#[derive(Debug, Clone, Args)]
pub struct Bounds {
    /// Time at most, such as 90s or 10m
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = read_span)]
    pub timeout: Duration,
    /// Memory at most, such as 512MiB or 4GiB
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = read_memory)]
    pub memory: u64,
    /// Threads; 0 is one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: u32,
}

impl Bounds {
    /// A statement within these bounds, with so many rows at most; 0 is all.
    pub fn query(&self, sql: &str, rows: u64) -> Query {
        Query { sql: sql.into(), time: self.timeout, memory_mib: self.memory, rows, threads: self.threads }
    }
}

fn read_span(text: &str) -> Result<Duration, String> {
    let expected = || format!("\"{text}\" is not a time such as 90s, 10m or 1h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| expected())?;
    let factor = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(expected()),
    };
    match number.checked_mul(factor) {
        Some(seconds @ 1..=604_800) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("\"{text}\" is not between 1s and 168h")),
    }
}

fn read_memory(text: &str) -> Result<u64, String> {
    let mib = domain::parse_memory_mib(text).map_err(|error| error.to_string())?;
    if (64.0..=16_777_216.0).contains(&mib) {
        Ok(mib as u64)
    } else {
        Err(format!("\"{text}\" is not between 64MiB and 16TiB"))
    }
}

/// Runs `truffle query`.
pub fn run_query(args: &QueryArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    if args.list {
        printer.report(&Report::plain(questions()), ports.encode)?;
        return Ok(Exit::Done);
    }
    let started = Instant::now();
    let text = match statement(args)? {
        Some(text) => text,
        None => return repl::run(args, ports, printer),
    };
    match named(&text)? {
        Some(question) => ask(question, args, ports, printer)?,
        None if !args.params.is_empty() => {
            return Err(Failure::usage("--param is for named questions; put the value into the statement")
                .hint("truffle query --list shows the named questions"));
        }
        None => {
            let stop = interruptible()?;
            let ended = stream(&args.bounds.query(&text, args.limit), &stop, ports, printer)?;
            say_ended(&ended, args.limit, printer);
        }
    }
    if args.timing {
        printer.note(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
    }
    Ok(Exit::Done)
}

impl QueryArgs {
    /// Whether a question of ours is asked, which knows `$as_of`, and no stranger's SQL.
    pub(crate) fn asks_by_name(&self) -> bool {
        self.list || self.statement.as_deref().is_some_and(|text| matches!(named(text), Ok(Some(_)) | Err(_)))
    }
}

/// The statement that was given; none when a shell is to be opened.
fn statement(args: &QueryArgs) -> Result<Option<String>, Failure> {
    if let Some(path) = &args.file {
        let text = std::fs::read_to_string(path);
        return text.map(Some).map_err(|e| Failure::usage(format!("{} cannot be read: {e}", path.display())));
    }
    match &args.statement {
        Some(text) if text != "-" => Ok(Some(text.clone())),
        None if std::io::stdin().is_terminal() => Ok(None),
        _ => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|e| Failure::usage(format!("standard input cannot be read as text: {e}")))?;
            if text.trim().is_empty() {
                return Err(Failure::usage("there is no statement on standard input")
                    .hint("truffle query \"SELECT count(*) FROM instance_type\""));
            }
            Ok(Some(text))
        }
    }
}

/// The question that the text names; none when it is SQL.
fn named(text: &str) -> Result<Option<&'static Question>, Failure> {
    let text = text.trim();
    let looks_named =
        text.contains('/') && text.chars().all(|c| c.is_ascii_lowercase() || c == '/' || c == '-');
    if !looks_named {
        return Ok(None);
    }
    question(text).map(Some).ok_or_else(|| {
        let near = nearest(text, QUESTIONS.iter().map(|q| q.name));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Failure::usage(format!("there is no question \"{text}\"{near}"))
            .hint("truffle query --list shows the named questions")
    })
}

fn ask(
    question: &Question,
    args: &QueryArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut given = Vec::new();
    for param in &args.params {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            Failure::usage(format!("\"{param}\" is not a parameter: NAME=VALUE is expected"))
                .hint(format!("truffle query {} --param region=eu-west-1", question.name))
        })?;
        given.push((name.to_string(), value.to_string()));
    }
    let values = question.bind(&given, ports.as_of).map_err(|error| {
        let names: Vec<String> = question.params().iter().map(|p| p.name.clone()).collect();
        Failure::usage(error.to_string()).hint(format!("its parameters are {}", names.join(", ")))
    })?;
    let mut page = ports.ask(question, &values)?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    if limit > 0 && page.rows.len() > limit {
        printer.note(&format!("{limit} of {} rows shown; --limit 0 shows all", page.rows.len()));
        page.rows.truncate(limit);
    }
    printer.report(&Report::plain(page), ports.encode)
}

/// Ctrl-C stops the query and not the program.
pub(crate) fn interruptible() -> Result<Stop, Failure> {
    let stop = Stop::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, stop.flag())
        .map_err(|e| Failure::broken(format!("Ctrl-C cannot be listened for: {e}")))?;
    Ok(stop)
}

/// Runs a statement in the locked room and prints its pages as they come.
pub(crate) fn stream(
    query: &Query,
    stop: &Stop,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Ended, Failure> {
    // A failure of the printer passes through the room's port as text; the failure itself is kept here.
    let mut unprinted = None;
    let mut out = printer.stream(ports.encode);
    let ended = ports.ask.query(query, stop, &mut |page: Page| {
        out.page(page).map_err(|failure| {
            let text = failure.message.clone();
            unprinted = Some(failure);
            text
        })
    });
    if let Some(failure) = unprinted {
        return Err(failure);
    }
    let ended = ended.map_err(|error| crate::failure(error, &ports.settings.lake.value))?;
    out.finish()?;
    Ok(ended)
}

/// Says what a reader must know about the rows: that there were more, and what was not guarded.
pub(crate) fn say_ended(ended: &Ended, limit: u64, printer: &mut Printer) {
    if ended.truncated {
        printer.note(&format!(
            "cut after {limit} rows; --limit 0 shows all, truffle export writes them to a file"
        ));
    }
    for weaker in &ended.weaker {
        printer.note(&format!("weaker than usual: {weaker}"));
    }
}

fn questions() -> Page {
    let fields = ["question", "parameters", "answers"].map(|name| Field::new(name, Type::Text)).to_vec();
    let row = |question: &Question| {
        let params = question.params();
        let one = |p: &catalog::Param| match &p.default {
            Some(default) => format!("{}={default}", p.name),
            None => format!("{} (needed)", p.name),
        };
        let params: Vec<String> = params.iter().map(one).collect();
        vec![question.name.into(), params.join(", ").into(), question.doc().into()]
    };
    Page { fields, rows: QUESTIONS.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(read_span(text).ok().map(|span| span.as_secs()), seconds, "{text}");
        };
        check("90s", Some(90));
        check("10m", Some(600));
        check("1h", Some(3600));
        for bad in ["", "s", "0s", "-1s", "1.5s", "10", "1d", "169h", "99999999999999999999s"] {
            check(bad, None);
        }
        assert_eq!(read_memory("4GiB"), Ok(4096));
        assert!(read_memory("1MiB").is_err());
        assert!(read_memory("lots").is_err());
    }

    #[test]
    fn a_question_is_told_from_sql() {
        assert_eq!(named("price/per-gpu").unwrap().map(|q| q.name), Some("price/per-gpu"));
        assert!(named("SELECT 1/2").unwrap().is_none());
        let failure = named("price/per-gpus").unwrap_err();
        assert!(failure.message.contains("did you mean price/per-gpu?"), "{}", failure.message);
    }
}
