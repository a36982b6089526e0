#![allow(clippy::disallowed_methods, reason = "a statement may be read from a file")]

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

use catalog::{Field, Page, QUESTIONS, Question, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

use crate::question_columns::default_columns;
use crate::statement::{
    MORE, QueryBounds, QueryRequest, answer, count_lines_without_effective_cost, note_data_age, note_limits,
    read_rows, stop_on_interrupt, stream,
};
use crate::statement_tables::tables_of;
use crate::usage::flag_without_effect;
use crate::{CommandPorts, CommonArgs, repl};

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
    #[arg(long, value_name = "ROWS", default_value_t = ROWS, allow_negative_numbers = true, value_parser = read_rows)]
    pub limit: u64,
    /// Limits of the statement.
    #[command(flatten)]
    pub bounds: QueryBounds,
}

/// Runs `truffle query`.
pub fn run_query(
    args: &QueryArgs,
    common: &CommonArgs,
    ports: &CommandPorts<'_>,
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
        return repl::run(&args.bounds, args.limit, args.timing, ports, printer);
    };
    let asked = QueryRequest::read(&text, &args.params, &args.bounds, common)?;
    let mut exit = Exit::Done;
    let mut lines_without_effective_cost = 0;
    let tables = match &asked {
        QueryRequest::Question(call) => {
            let page = answer(call, args.limit, "--limit 0 shows all", ports, printer)?;
            if page.rows.is_empty() {
                exit = Exit::NothingMatched;
            }
            lines_without_effective_cost = count_lines_without_effective_cost(&page);
            let report = Report::plain(page).default_columns(default_columns(call.question.name));
            printer.report(&report, ports.encode)?;
            tables_of(call.question, ports)?
        }
        QueryRequest::Statement(sql) => {
            let ended = stream(&args.bounds.query(sql, args.limit), &stop_on_interrupt()?, ports, printer)?;
            note_limits(&ended, MORE, printer);
            ended.tables
        }
    };
    if args.timing {
        printer.note(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
    }
    note_data_age(&asked, &tables, lines_without_effective_cost, ports, printer, now)?;
    Ok(exit)
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

/// Limit of a statement from a file or from standard input, in MiB.
const LARGEST_STATEMENT: usize = 1;

/// Returns the statement from the command line, a file or standard input; `None` for a shell.
fn statement(args: &QueryArgs) -> Result<Option<String>, Failure> {
    if let Some(path) = &args.file {
        let text = std::fs::File::open(path).and_then(|file| domain::read_text(file, LARGEST_STATEMENT));
        return text.map(Some).map_err(|e| Failure::usage(format!("{} cannot be read: {e}", path.display())));
    }
    match &args.statement {
        Some(text) if text != "-" => Ok(Some(text.clone())),
        None if std::io::stdin().is_terminal() => Ok(None),
        _ => {
            let text = domain::read_text(std::io::stdin().lock(), LARGEST_STATEMENT)
                .map_err(|e| Failure::usage(format!("standard input cannot be read as text: {e}")))?;
            if text.trim().is_empty() {
                return Err(Failure::usage("no statement on standard input")
                    .hint("truffle query \"SELECT count(*) FROM instance_type\""));
            }
            Ok(Some(text))
        }
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
