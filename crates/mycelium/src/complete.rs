//! Completions of the programs that only `mycelium` holds.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use app::completion::{regions, truffle_command, types, warehouse};
use app::{PROGRAMS, Program};
use catalog::Value;
use catalog::ports::{RunLogRow, Store};
use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use collector::CollectorArgs;
use console::completion::{self, Candidates, with_candidates};
use sandbox::SandboxArgs;

use crate::spawn_command::spawn_command;

/// Returns the command line of `mycelium`: a subcommand per program.
pub(crate) fn mycelium_command() -> Command {
    let command = Command::new("mycelium")
        .about("Start a program of mycelium: truffle answers, collector collects, spawn launches")
        .version(app::VERSION)
        .subcommand_required(true)
        .arg_required_else_help(true);
    PROGRAMS.iter().fold(command, |command, program| command.subcommand(program_command(program.program)))
}

/// Returns the command line of a program.
pub(crate) fn program_command(program: Program) -> Command {
    match program {
        Program::Truffle => truffle_command(),
        Program::Collector => collector_command(),
        Program::Spawn => spawn_command(types, regions),
        Program::Sandbox => SandboxArgs::command(),
    }
}

fn collector_command() -> Command {
    let subcommands: [(&str, &[(&str, Candidates)]); 6] = [
        ("snapshot", &[("datasets", datasets), ("region", regions), ("types", types)]),
        ("watch", &[("datasets", datasets), ("region", regions), ("types", types)]),
        ("policy", &[("datasets", datasets)]),
        ("status", &[("accept", quarantined)]),
        ("forget", &[("account", accounts)]),
        ("drop", &[("runs", runs)]),
    ];
    let command = subcommands.into_iter().fold(CollectorArgs::command(), |command, (name, arguments)| {
        command.mut_subcommand(name, |subcommand| with_candidates(subcommand, arguments))
    });
    command.mut_subcommand("import", |import| {
        import.mut_arg("paths", |paths| paths.add(ArgValueCompleter::new(kinds_and_files)))
    })
}

/// The first word of an import may be the kind of its files.
fn kinds_and_files(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed_text = typed.to_string_lossy();
    let kinds = collector::import_kinds().into_iter().filter(|kind| kind.starts_with(&*typed_text));
    kinds.map(CompletionCandidate::new).chain(PathCompleter::file().complete(typed)).collect()
}

/// Ids of quarantined prices.
fn quarantined() -> Option<Vec<String>> {
    let question = catalog::question("price/held")?;
    let now = console::now().ok()?;
    let page = warehouse()?.ask(question, &[("as_of".into(), now.into())]).ok()?;
    let id = |row: Vec<Value>| match row.into_iter().next() {
        Some(Value::Text(id)) => Some(id),
        _ => None,
    };
    Some(page.rows.into_iter().filter_map(id).collect())
}

/// The lake's log.
fn log() -> Option<Vec<RunLogRow>> {
    let store = lake_writer::LakeStore::new(completion::settings()?.lake.value, app::VERSION);
    Some(store.read_content().ok()??.log)
}

/// Ids of the runs in the lake's log.
fn runs() -> Option<Vec<String>> {
    let runs: BTreeSet<String> = log()?.into_iter().map(|row| row.run_id).collect();
    Some(runs.into_iter().collect())
}

/// Accounts in the lake's log.
fn accounts() -> Option<Vec<String>> {
    let log = log()?;
    let of = |scope: &str| scope.split('/').next().filter(|id| id.len() == 12).map(String::from);
    let found: BTreeSet<String> = log.iter().filter_map(|told| of(&told.scope)).collect();
    Some(found.into_iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).collect())
}

fn datasets() -> Option<Vec<String>> {
    Some(collector::dataset_names())
}

/// Answers a shell that started this process to complete a line, and ends the process.
pub(crate) fn answer(words: &[OsString]) {
    // `collector …` became `mycelium collector …`: the shell completes the line of `collector`.
    let word = words.get(1).and_then(|word| word.to_str());
    let started = PROGRAMS.iter().find(|program| program.has_executable && Some(program.name) == word);
    match started {
        Some(entry) => completion::answer(entry.name, || program_command(entry.program), &words[1..]),
        None => completion::answer("mycelium", mycelium_command, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_completed_argument_exists() {
        mycelium_command().debug_assert();
    }
}
