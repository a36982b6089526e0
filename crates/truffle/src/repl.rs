//! The interactive shell of `truffle query`.

use std::path::PathBuf;
use std::time::Instant;

use catalog::ports::StopFlag;
use console::{Exit, Failure, Printer};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Completer, Editor, Helper, Highlighter, Hinter};

use crate::Ports;
use crate::commands::query::{MORE, QueryArgs, note_limits, stop_on_interrupt, stream};
use crate::commands::schema::{SchemaArgs, run_schema};

const HELP: &str = "\
A statement ends with ; and may span several lines. Ctrl-C stops a running query, Ctrl-D exits.
.tables          list the tables
.schema TABLE    list the columns of a table
.questions       list the named questions (truffle query NAME runs one)
.timing          turn the elapsed time of each statement on or off
.quit            exit";

/// Runs the shell until the user exits.
pub(crate) fn run(args: &QueryArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let stop = stop_on_interrupt()?;
    let mut editor: Editor<StatementValidator, FileHistory> =
        Editor::new().map_err(|e| Failure::broken(format!("the terminal cannot be read: {e}")))?;
    editor.set_helper(Some(StatementValidator));
    let history = history_file(ports);
    // The shell works without a history file.
    let _ = editor.load_history(&history);
    printer.note("SQL shell of the warehouse; .help lists the commands, Ctrl-D exits");
    let mut timing = args.timing;
    loop {
        match editor.readline("truffle> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                if line.trim() == ".quit" {
                    break;
                }
                if let Err(failure) = one(&line, &mut timing, args, &stop, ports, printer) {
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

fn one(
    line: &str,
    timing: &mut bool,
    args: &QueryArgs,
    stop: &StopFlag,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = Instant::now();
    match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
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
        (word, _) if word.starts_with('.') => {
            return Err(Failure::usage(format!("unknown command {word}")).hint(".help lists the commands"));
        }
        _ => {
            let ended = stream(&args.bounds.query(line, args.limit), stop, ports, printer)?;
            note_limits(&ended, MORE, printer);
            if *timing {
                printer.note(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
            }
        }
    }
    Ok(())
}

fn history_file(ports: &Ports<'_>) -> PathBuf {
    ports.settings.config.join("query-history")
}

fn save_history(editor: &mut Editor<StatementValidator, FileHistory>, path: &PathBuf, printer: &mut Printer) {
    let folder = path.parent().expect("the history is in the configuration folder");
    let saved = crate::user_files::make_folder(folder).map_err(|e| e.to_string());
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
