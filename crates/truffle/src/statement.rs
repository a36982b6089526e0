//! Statements and named questions: their arguments, limits, answers, and the age of their data.

use std::time::Duration;

use catalog::ports::{QuerySummary, StopFlag, UserQuery};
use catalog::rows::NewestUsageRow;
use catalog::{Page, QUESTIONS, Question, Value, question};
use clap::Args;
use console::{Failure, Printer, suggest_closest};
use domain::Timestamp;

use crate::footer::{AnswerFacts, note_facts_footer};
use crate::ports::failure;
use crate::question_params::QuestionCall;
use crate::region_scope::rows;
use crate::statement_tables::datasets_of;
use crate::usage::{as_of_without_effect, flag_without_effect};
use crate::{CommandPorts, CommonArgs, empty_answer};

/// Limits of a SQL statement.
#[derive(Debug, Clone, Args)]
pub struct QueryBounds {
    /// Time limit, such as 90s or 10m [default: 60s]
    #[arg(long, value_name = "SPAN", value_parser = read_span)]
    pub timeout: Option<Duration>,
    /// Memory limit, such as 512MiB or 4GiB [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = read_memory)]
    pub memory: Option<u64>,
    /// Number of threads, at most 256; 0 means one per core [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = read_threads)]
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

/// Reads a maximum number of rows.
pub(crate) fn read_rows(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not a number of rows; 0 means no limit"))
}

/// Maximum number of threads of a statement.
const THREADS: u32 = 256;

fn read_threads(text: &str) -> Result<u32, String> {
    let threads = text.parse().ok().filter(|threads| *threads <= THREADS);
    threads.ok_or_else(|| format!("\"{text}\" is not a number of threads from 0 to {THREADS}"))
}

fn read_span(text: &str) -> Result<Duration, String> {
    let span = domain::parse_span(text)
        .map_err(|_| format!("\"{text}\" is not a duration such as 90s, 10m or 1h"))?;
    match u64::try_from(span.as_secs()) {
        Ok(seconds @ 1..=604_800) => Ok(Duration::from_secs(seconds)),
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

    /// Returns the billing month of the answer, `latest` or `all`.
    fn month(&self) -> String {
        match self {
            QueryRequest::Question(call) => call.month(),
            QueryRequest::Statement(_) => "all".into(),
        }
    }

    /// Returns the codes of the regions that the footer names, joined by commas, or all.
    pub(crate) fn regions(&self) -> String {
        match self {
            QueryRequest::Question(call) => call.regions(),
            QueryRequest::Statement(_) => "all".into(),
        }
    }
}

/// Prints the age and the gaps of the data in these tables, from which a query was answered, and
/// the number of lines of bills without an effective cost in the answer.
pub(crate) fn note_data_age(
    asked: &QueryRequest,
    tables: &[String],
    lines_without_effective_cost: i64,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    let read = datasets_of(tables);
    if read.is_empty() {
        return Ok(());
    }
    // A statement reads all rows. A question reads those of its instant.
    let any_time = ports.at_any_time();
    let used = if matches!(asked, QueryRequest::Statement(_)) { &any_time } else { ports };
    let mut facts = AnswerFacts { lines_without_effective_cost, bills: None };
    if read.contains(&"charge") {
        let page = used.answer("cost/newest-usage", &[("month", &asked.month())])?;
        facts.bills = rows::<NewestUsageRow>(page)?.pop();
    }
    let regions = asked.regions();
    let runs = used.answer("data/runs", &[("scopes", &regions)])?;
    note_facts_footer(runs, &facts, ports, printer, &read, &regions, now)
}

/// Returns the number of lines of bills without an effective cost in an answer.
pub(crate) fn count_lines_without_effective_cost(page: &Page) -> i64 {
    let Some(at) = page.fields.iter().position(|field| field.name == "lines_without_effective_cost") else {
        return 0;
    };
    let lines = page.rows.iter().map(|row| match row[at] {
        Value::Int(lines) => lines,
        _ => 0,
    });
    lines.sum()
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
    ports: &CommandPorts<'_>,
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
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<QuerySummary, Failure> {
    let mut out = match is_explain(&query.sql) {
        true => printer.stream_lines(ports.encode),
        false => printer.stream(ports.encode),
    };
    let ended = pages(query, stop, ports, &mut |page| out.page(page))?;
    out.finish()?;
    Ok(ended)
}

/// Whether the answer of a statement is a plan, which DuckDB draws on several lines. Values of a
/// table are not in it.
fn is_explain(sql: &str) -> bool {
    let word: String = sql.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    word.eq_ignore_ascii_case("explain")
}

/// Runs a statement in the isolated query process and sends its pages to `sink` as they arrive.
pub(crate) fn pages(
    query: &UserQuery,
    stop: &StopFlag,
    ports: &CommandPorts<'_>,
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
        None => ended.map_err(|error| failure(error, &ports.settings.lake.value)),
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
        check("1h30m", Some(5400));
        check("1d", Some(86_400));
        check("1w", Some(604_800));
        for bad in ["", "s", "0s", "-1s", "1.5s", "10", "30m1h", "169h", "2w", "99999999999999999999s"] {
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
