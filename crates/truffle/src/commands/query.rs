use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use catalog::ports::{Ended, Query, Stop};
use catalog::{Field, Page, QUESTIONS, Question, Type, question};
use clap::Args;
use console::{Exit, Failure, Printer, Report, did_you_mean};
use domain::Timestamp;

use crate::run::{idle, timeless};
use crate::{Common, Ports, place, repl, tables};

/// Rows that are shown where nobody said how many.
const ROWS: u64 = 10_000;

/// Ask in SQL, or ask a named question.
///
/// The statement runs in a process of its own that can read the warehouse's tables and nothing else:
/// no file, no network, no setting, no write. Only SELECT runs (also WITH, FROM, VALUES, DESCRIBE,
/// SUMMARIZE, SHOW TABLES, EXPLAIN), one at a time, and none that is too large, nested too deeply or has
/// too many columns. Without a statement it is read from standard input; at a terminal
/// a shell opens.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// A SQL statement, or the name of a question such as price/per-gpu
    pub statement: Option<String>,
    /// Read the statement from a file
    #[arg(long, value_name = "PATH", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// A parameter of a named question
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// List the named questions with their parameters
    #[arg(long, conflicts_with_all =
        ["statement", "file", "params", "timing", "limit", "timeout", "memory", "threads"])]
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
    /// Time at most, such as 90s or 10m; 60s when left out
    #[arg(long, value_name = "SPAN", value_parser = read_span)]
    pub timeout: Option<Duration>,
    /// Memory at most, such as 512MiB or 4GiB; 2GiB when left out
    #[arg(long, value_name = "SIZE", value_parser = read_memory)]
    pub memory: Option<u64>,
    /// Threads; 0 or left out is one per core
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
}

/// Wall-clock bound where nobody said how long.
const TIME: Duration = Duration::from_secs(60);

/// Memory bound where nobody said how much, MiB.
const MEMORY: u64 = 2048;

impl Bounds {
    /// A statement within these bounds, with so many rows at most; 0 is all.
    pub fn query(&self, sql: &str, rows: u64) -> Query {
        Query {
            sql: sql.into(),
            time: self.timeout.unwrap_or(TIME),
            memory_mib: self.memory.unwrap_or(MEMORY),
            rows,
            threads: self.threads.unwrap_or(0),
        }
    }

    /// Our own questions are not bounded: a bound that was typed would do nothing.
    fn refuse(&self) -> Result<(), Failure> {
        let typed = [
            ("--timeout", self.timeout.is_some()),
            ("--memory", self.memory.is_some()),
            ("--threads", self.threads.is_some()),
        ];
        match typed.iter().find(|(_, typed)| *typed) {
            None => Ok(()),
            Some((flag, _)) => Err(idle(flag).hint("it bounds a statement; a named question has no bounds")),
        }
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

/// What was asked.
pub(crate) enum Asked {
    /// One of our questions.
    Question(&'static Question),
    /// A stranger's statement.
    Statement(String),
}

impl Asked {
    /// What the text asks. A flag that does nothing for it is refused.
    pub(crate) fn read(
        text: &str,
        params: &[String],
        bounds: &Bounds,
        common: &Common,
    ) -> Result<Asked, Failure> {
        if let Some(question) = named(text)? {
            return bounds.refuse().map(|()| Asked::Question(question));
        }
        if !params.is_empty() {
            return Err(Failure::usage("--param is for named questions; put the value into the statement")
                .hint("truffle query --list shows the named questions"));
        }
        if common.as_of.is_some() {
            return Err(timeless());
        }
        Ok(Asked::Statement(text.to_string()))
    }

    /// The SQL that is run.
    pub(crate) fn sql(&self) -> &str {
        match self {
            Asked::Question(question) => question.text,
            Asked::Statement(sql) => sql,
        }
    }
}

/// Runs `truffle query`.
pub fn run_query(
    args: &QueryArgs,
    common: &Common,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if args.list {
        printer.report(&Report::plain(questions()), ports.encode)?;
        return Ok(Exit::Done);
    }
    let started = Instant::now();
    let Some(text) = statement(args)? else {
        refuse_in_shell(args, common)?;
        return repl::run(args, ports, printer);
    };
    let asked = Asked::read(&text, &args.params, &args.bounds, common)?;
    let mut exit = Exit::Done;
    match &asked {
        Asked::Question(question) => {
            let page = answer(question, &args.params, args.limit, "--limit 0 shows all", ports, printer)?;
            if page.rows.is_empty() {
                // Whether there is none or nobody looked, the gaps below tell.
                printer.note("nothing matched: no row is known for these parameters");
                exit = Exit::NothingMatched;
            }
            printer.report(&Report::plain(page), ports.encode)?;
        }
        Asked::Statement(sql) => {
            let ended = stream(&args.bounds.query(sql, args.limit), &interruptible()?, ports, printer)?;
            say_ended(&ended, MORE, printer);
        }
    }
    if args.timing {
        printer.note(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
    }
    note_read(asked.sql(), ports, printer, now)?;
    Ok(exit)
}

/// Says how old is what a statement reads, and what of it could not be seen.
pub(crate) fn note_read(
    sql: &str,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    let read = tables::read_by(sql);
    if read.is_empty() { Ok(()) } else { place::note_ages(ports, printer, &read, "all", now) }
}

/// The shell takes statements alone.
fn refuse_in_shell(args: &QueryArgs, common: &Common) -> Result<(), Failure> {
    let typed = [("--param", !args.params.is_empty()), ("--as-of", common.as_of.is_some())];
    match typed.iter().find(|(_, typed)| *typed) {
        None => Ok(()),
        Some((flag, _)) => Err(idle(flag).hint("truffle query price/per-gpu asks a named question")),
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
        let near = did_you_mean(text, QUESTIONS.iter().map(|q| q.name));
        Failure::usage(format!("there is no question \"{text}\"{near}"))
            .hint("truffle query --list shows the named questions")
    })
}

/// The answer to one of our questions, with so many rows at most; 0 is all. `more` says how to get the
/// rest.
pub(crate) fn answer(
    question: &Question,
    params: &[String],
    limit: u64,
    more: &str,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Page, Failure> {
    let mut given = Vec::new();
    for param in params {
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
    let rows = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows > 0 && page.rows.len() > rows {
        printer.note(&format!("cut after {rows} of {} rows; {more}", page.rows.len()));
        page.rows.truncate(rows);
    }
    Ok(page)
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
    let mut out = printer.stream(ports.encode);
    let ended = pages(query, stop, ports, &mut |page| out.page(page))?;
    out.finish()?;
    Ok(ended)
}

/// Runs a statement in the locked room and hands its pages over as they come.
pub(crate) fn pages(
    query: &Query,
    stop: &Stop,
    ports: &Ports<'_>,
    sink: &mut dyn FnMut(Page) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    // A failure of the sink passes through the room's port as text; the failure itself is kept here.
    let mut failed = None;
    let ended = ports.ask.query(query, stop, &mut |page: Page| {
        sink(page).map_err(|failure| {
            let text = failure.message.clone();
            failed = Some(failure);
            text
        })
    });
    match failed {
        Some(failure) => Err(failure),
        None => ended.map_err(|error| crate::failure(error, &ports.settings.lake.value)),
    }
}

/// How to get the rows of a statement that were not shown.
pub(crate) const MORE: &str = "--limit 0 shows all, truffle export writes them to a file";

/// Says what a reader must know about the rows: that there were more, and what was not guarded.
pub(crate) fn say_ended(ended: &Ended, more: &str, printer: &mut Printer) {
    if ended.truncated {
        printer.note(&format!("cut after {} rows; {more}", ended.rows));
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
