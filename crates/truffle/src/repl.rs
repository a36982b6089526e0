//! The interactive shell of `truffle query`.

use std::path::PathBuf;
use std::time::Instant;

use catalog::ports::{StopFlag, UserQuery};
use console::{Exit, Failure, Printer};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Completer, Editor, Helper, Highlighter, Hinter};

use crate::CommandPorts;
use crate::commands::schema::{SchemaArgs, run_schema};
use crate::statement::{
    MORE, QueryBounds, QueryRequest, note_data_age, note_limits, stop_on_interrupt, stream,
};

const HELP: &str = "\
A statement ends with ; and may span several lines. Ctrl-C stops a running query, Ctrl-D exits.
.tables          list the tables
.schema TABLE    list the columns of a table
.questions       list the named questions (truffle query NAME runs one)
.timing          turn the elapsed time of each statement on or off
.quit            exit";

/// Runs the shell until the user exits. Each statement has these limits and prints at most `rows`
/// rows; with `timing`, it prints its elapsed time.
pub(crate) fn run(
    bounds: &QueryBounds,
    rows: u64,
    mut timing: bool,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let stop = stop_on_interrupt()?;
    let mut editor: Editor<StatementValidator, FileHistory> =
        Editor::new().map_err(|e| Failure::broken(format!("the terminal cannot be read: {e}")))?;
    editor.set_helper(Some(StatementValidator));
    let history = history_file(ports);
    // The shell works without a history file.
    let _ = editor.load_history(&history);
    printer.note("SQL shell of the warehouse; .help lists the commands, Ctrl-D exits");
    loop {
        match editor.readline("truffle> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                if line.trim() == ".quit" {
                    break;
                }
                let done = match line.trim().starts_with('.') {
                    true => run_command(line.trim(), &mut timing, ports, printer),
                    false => run_statement(&bounds.query(&line, rows), timing, &stop, ports, printer),
                };
                if let Err(failure) = done {
                    if failure.is_broken_pipe() {
                        break;
                    }
                    printer.failure(&failure);
                }
                stop.clear();
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(Failure::broken(format!("the terminal cannot be read: {error}"))),
        }
    }
    save_history(&mut editor, &history, printer);
    Ok(Exit::Done)
}

/// Runs a command of the shell: a line that begins with a dot.
fn run_command(
    line: &str,
    timing: &mut bool,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match line.split_once(' ').unwrap_or((line, "")) {
        (".help", _) => printer.note(HELP),
        (".tables", _) => {
            run_schema(&SchemaArgs { table: None }, ports, printer)?;
        }
        (".schema", table) => {
            let table = Some(table.trim().to_string()).filter(|table| !table.is_empty());
            run_schema(&SchemaArgs { table }, ports, printer)?;
        }
        (".questions", _) => {
            catalog::QUESTIONS.iter().for_each(|q| printer.note(&format!("{}: {}", q.name, q.doc())))
        }
        (".timing", _) => {
            *timing = !*timing;
            printer.note(if *timing { "timing is on" } else { "timing is off" });
        }
        (word, _) => {
            return Err(Failure::usage(format!("unknown command {word}")).hint(".help lists the commands"));
        }
    }
    Ok(())
}

fn run_statement(
    query: &UserQuery,
    timing: bool,
    stop: &StopFlag,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = Instant::now();
    let ended = stream(query, stop, ports, printer)?;
    note_limits(&ended, MORE, printer);
    if timing {
        printer.note(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
    }
    // The shell has no --as-of, so its instant is the present.
    let asked = QueryRequest::Statement(query.sql.clone());
    note_data_age(&asked, &ended.tables, 0, ports, printer, ports.as_of)
}

fn history_file(ports: &CommandPorts<'_>) -> PathBuf {
    ports.settings.config.join("query-history")
}

fn save_history(editor: &mut Editor<StatementValidator, FileHistory>, path: &PathBuf, printer: &mut Printer) {
    let folder = path.parent().expect("the history is in the configuration folder");
    let saved = durable::create_private_folder(folder).map_err(|e| e.to_string());
    let saved = saved.and_then(|()| editor.save_history(path).map_err(|e| e.to_string()));
    if let Err(error) = saved {
        printer.note(&format!("the history was not saved: {error}"));
    }
}

/// Reads lines until a statement ends with a semicolon. A line that begins with a dot is a command.
#[derive(Completer, Helper, Highlighter, Hinter)]
struct StatementValidator;

impl Validator for StatementValidator {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input().trim();
        let whole = text.is_empty() || text.starts_with('.') || text.ends_with(';');
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}
