use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use catalog::ports::{QuerySummary, StopFlag, UserQuery};
use catalog::{Field, Page, QUESTIONS, Question, ValueType, question};
use clap::Args;
use console::{Exit, Failure, Printer, Report, suggest_closest};
use domain::Timestamp;

use crate::footer::note_footer;
use crate::question_columns::default_columns;
use crate::question_params::QuestionCall;
use crate::run::{as_of_without_effect, flag_without_effect};
use crate::{CommonArgs, Ports, empty_answer, repl, statement_tables};

/// Default row limit.
const ROWS: u64 = 10_000;

/// Run a SQL statement or a named question.
///
/// The statement runs in a separate process that can read the tables of the warehouse. It has no
/// access to files, the network or settings, and cannot write. One SELECT is allowed at a time
/// (also WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW TABLES, EXPLAIN). Statements that are too
/// long, too deeply nested or have too many columns are refused.
///
/// Without a statement, it is read from standard input. At a terminal, an interactive shell opens
/// instead.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// SQL statement, or name of a question such as price/per-gpu
    pub statement: Option<String>,
    /// Read the statement from a file
    #[arg(long, value_name = "PATH", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// Parameter of a named question; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// List the named questions and their parameters
    #[arg(long, conflicts_with_all =
        ["statement", "file", "params", "timing", "limit", "timeout", "memory", "threads"])]
    pub list: bool,
    /// Print the elapsed time to standard error
    #[arg(long)]
    pub timing: bool,
    /// Maximum number of rows; 0 means no limit
    #[arg(long, value_name = "ROWS", default_value_t = ROWS)]
    pub limit: u64,
    /// Limits of the statement.
    #[command(flatten)]
    pub bounds: QueryBounds,
}

/// Limits of a SQL statement.
#[derive(Debug, Clone, Args)]
pub struct QueryBounds {
    /// Time limit, such as 90s or 10m [default: 60s]
    #[arg(long, value_name = "SPAN", value_parser = read_span)]
    pub timeout: Option<Duration>,
    /// Memory limit, such as 512MiB or 4GiB [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = read_memory)]
    pub memory: Option<u64>,
    /// Number of threads; 0 means one per core [default: 0]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
}

/// Default time limit.
const TIME: Duration = Duration::from_secs(60);

/// Default memory limit, MiB.
const MEMORY: u64 = 2048;

impl QueryBounds {
    /// Returns the statement with these limits and at most `rows` rows; 0 means no row limit.
    pub fn query(&self, sql: &str, rows: u64) -> UserQuery {
        UserQuery {
            sql: sql.into(),
            time: self.timeout.unwrap_or(TIME),
            memory_mib: self.memory.unwrap_or(MEMORY),
            rows,
            threads: self.threads.unwrap_or(0),
        }
    }

    /// Refuses limits for a named question, which always runs without limits.
    fn refuse(&self) -> Result<(), Failure> {
        let typed = [
            ("--timeout", self.timeout.is_some()),
            ("--memory", self.memory.is_some()),
            ("--threads", self.threads.is_some()),
        ];
        match typed.iter().find(|(_, typed)| *typed) {
            None => Ok(()),
            Some((flag, _)) => {
                Err(flag_without_effect(flag).hint("it limits SQL statements, not named questions"))
            }
        }
    }
}

fn read_span(text: &str) -> Result<Duration, String> {
    let expected = || format!("\"{text}\" is not a duration such as 90s, 10m or 1h");
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

/// The query to run.
pub(crate) enum QueryRequest {
    /// A named question.
    Question(QuestionCall),
    /// User SQL.
    Statement(String),
}

impl QueryRequest {
    /// Reads a question's name or a statement. A flag without effect on it is a usage failure.
    pub(crate) fn read(
        text: &str,
        params: &[String],
        bounds: &QueryBounds,
        common: &CommonArgs,
    ) -> Result<QueryRequest, Failure> {
        if let Some(question) = find_question(text)? {
            bounds.refuse()?;
            return QuestionCall::read(question, params).map(QueryRequest::Question);
        }
        if !params.is_empty() {
            return Err(Failure::usage("--param is for named questions: write the value into the statement")
                .hint("truffle query --list lists the named questions"));
        }
        if common.as_of.is_some() {
            return Err(as_of_without_effect());
        }
        Ok(QueryRequest::Statement(text.to_string()))
    }

    /// Returns the SQL text.
    fn sql(&self) -> &str {
        match self {
            QueryRequest::Question(call) => call.question.text,
            QueryRequest::Statement(sql) => sql,
        }
    }
}

/// Runs `truffle query`.
pub fn run_query(
    args: &QueryArgs,
    common: &CommonArgs,
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
    let asked = QueryRequest::read(&text, &args.params, &args.bounds, common)?;
    let mut exit = Exit::Done;
    match &asked {
        QueryRequest::Question(call) => {
            let page = answer(call, args.limit, "--limit 0 shows all", ports, printer)?;
            if page.rows.is_empty() {
                exit = Exit::NothingMatched;
            }
            let report = Report::plain(page).default_columns(default_columns(call.question.name));
            printer.report(&report, ports.encode)?;
        }
        QueryRequest::Statement(sql) => {
            let ended = stream(&args.bounds.query(sql, args.limit), &stop_on_interrupt()?, ports, printer)?;
            note_limits(&ended, MORE, printer);
        }
    }
    if args.timing {
        printer.note(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
    }
    note_data_age(&asked, ports, printer, now)?;
    Ok(exit)
}

/// Prints the age and the gaps of the data that a statement reads.
pub(crate) fn note_data_age(
    asked: &QueryRequest,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    let read = statement_tables::datasets_read_by(asked.sql());
    if read.is_empty() {
        return Ok(());
    }
    let regions = match asked {
        QueryRequest::Question(call) => call.regions(),
        QueryRequest::Statement(_) => "all".into(),
    };
    note_footer(ports, printer, &read, &regions, now)
}

/// Refuses flags that have no effect in the shell, which accepts only statements.
fn refuse_in_shell(args: &QueryArgs, common: &CommonArgs) -> Result<(), Failure> {
    let typed = [("--param", !args.params.is_empty()), ("--as-of", common.as_of.is_some())];
    match typed.iter().find(|(_, typed)| *typed) {
        None => Ok(()),
        Some((flag, _)) => {
            Err(flag_without_effect(flag).hint("truffle query price/per-gpu runs a named question"))
        }
    }
}

/// Returns the statement from the command line, a file or standard input; `None` for a shell.
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
                return Err(Failure::usage("no statement on standard input")
                    .hint("truffle query \"SELECT count(*) FROM instance_type\""));
            }
            Ok(Some(text))
        }
    }
}

/// Returns the question with this name; `None` for SQL. An unknown name is a usage failure.
fn find_question(text: &str) -> Result<Option<&'static Question>, Failure> {
    let text = text.trim();
    let looks_named =
        text.contains('/') && text.chars().all(|c| c.is_ascii_lowercase() || c == '/' || c == '-');
    if !looks_named {
        return Ok(None);
    }
    question(text).map(Some).ok_or_else(|| {
        let near = suggest_closest(text, QUESTIONS.iter().map(|q| q.name));
        Failure::usage(format!("there is no question \"{text}\"{near}"))
            .hint("truffle query --list lists the named questions")
    })
}

/// Returns the answer to a named question, cut after `limit` rows; 0 means no limit. `more` is the
/// hint for getting the rest.
pub(crate) fn answer(
    call: &QuestionCall,
    limit: u64,
    more: &str,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Page, Failure> {
    let mut page = ports.ask(call.question, &call.bind(ports)?)?;
    if page.rows.is_empty() {
        printer.note(&empty_answer::explain(call, ports)?);
    }
    let rows = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows > 0 && page.rows.len() > rows {
        printer.note(&format!("cut after {rows} of {} rows; {more}", page.rows.len()));
        page.rows.truncate(rows);
    }
    Ok(page)
}

/// Returns a stop flag that Ctrl-C sets, so that Ctrl-C stops the query and not the program.
pub(crate) fn stop_on_interrupt() -> Result<StopFlag, Failure> {
    let stop = StopFlag::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, stop.flag())
        .map_err(|e| Failure::broken(format!("Ctrl-C cannot be handled: {e}")))?;
    Ok(stop)
}

/// Runs a statement in the isolated query process and prints its pages as they arrive.
pub(crate) fn stream(
    query: &UserQuery,
    stop: &StopFlag,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<QuerySummary, Failure> {
    let mut out = printer.stream(ports.encode);
    let ended = pages(query, stop, ports, &mut |page| out.page(page))?;
    out.finish()?;
    Ok(ended)
}

/// Runs a statement in the isolated query process and sends its pages to `sink` as they arrive.
pub(crate) fn pages(
    query: &UserQuery,
    stop: &StopFlag,
    ports: &Ports<'_>,
    sink: &mut dyn FnMut(Page) -> Result<(), Failure>,
) -> Result<QuerySummary, Failure> {
    // The port returns a failure of the sink as text, so the failure itself is kept here.
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

/// Hint for getting the rows of a statement beyond the limit.
pub(crate) const MORE: &str = "--limit 0 shows all, truffle export writes them to a file";

/// Notes that rows were cut, and each protection of the query process that is missing.
pub(crate) fn note_limits(ended: &QuerySummary, more: &str, printer: &mut Printer) {
    if ended.truncated {
        printer.note(&format!("cut after {} rows; {more}", ended.rows));
    }
    for weaker in &ended.weaker {
        printer.note(&format!("weaker isolation: {weaker}"));
    }
}

fn questions() -> Page {
    let fields = ["question", "parameters", "answers"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let row = |question: &Question| {
        let params = question.params();
        let one = |p: &catalog::QuestionParam| match &p.default {
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
    fn reads_durations_and_memory_sizes() {
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
    fn distinguishes_question_names_from_sql() {
        assert_eq!(find_question("price/per-gpu").unwrap().map(|q| q.name), Some("price/per-gpu"));
        assert!(find_question("SELECT 1/2").unwrap().is_none());
        let failure = find_question("price/per-gpus").unwrap_err();
        assert!(failure.message.contains("the closest match is price/per-gpu"), "{}", failure.message);
    }
}
