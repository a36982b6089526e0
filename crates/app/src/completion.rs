//! Shell completions: commands and flags from clap, and names from the user's own data.

use std::ffi::OsString;
use std::io::{self, Write};

use catalog::ports::Ask;
use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use console::{CommonFlags, Settings, SettingsSources};
use truffle::{CompletionShell, TruffleArgs};

use crate::PROGRAMS;

/// The variable by which a shell requests completions.
const VARIABLE: &str = "COMPLETE";

/// Finds the candidates of an argument; `None` when the data that holds them cannot be read.
pub type Candidates = fn() -> Option<Vec<String>>;

/// Returns the command line of `truffle`, with the candidates of its arguments.
pub fn truffle_command() -> Command {
    let subcommands: [(&str, &[(&str, Candidates)]); 12] = [
        ("search", &[("words", types), ("region", regions)]),
        ("compare", &[("types", types), ("region", regions)]),
        ("show", &[("name", types), ("region", regions)]),
        ("regions", &[("name", types), ("region", regions)]),
        ("zones", &[("name", types), ("region", regions)]),
        ("bookmark", &[("types", types), ("remove", types)]),
        ("schema", &[("table", tables)]),
        ("export", &[("table", tables)]),
        ("saved", &[("name", saved), ("remove", saved)]),
        ("query", &[("statement", questions)]),
        ("cost", &[("by", dimensions)]),
        ("forecast", &[("by", dimensions)]),
        ("anomalies", &[("by", dimensions)]),
    ];
    let command = with_candidates(TruffleArgs::command(), &[("columns", columns)]);
    let command = command.mut_subcommand("budget", |budget| {
        let named = |action| with_candidates(action, &[("names", budgets)]);
        budget.mut_subcommand("check", named).mut_subcommand("remove", named)
    });
    subcommands.into_iter().fold(command, |command, (name, arguments)| {
        command.mut_subcommand(name, |subcommand| with_candidates(subcommand, arguments))
    })
}

/// Attaches candidates to arguments by their ids. The arguments keep their places, which give
/// positional arguments their numbers.
///
/// # Panics
/// In debug builds, when the command has no argument of an id: a renamed argument would otherwise
/// lose its completion unnoticed.
pub fn with_candidates(command: Command, arguments: &[(&'static str, Candidates)]) -> Command {
    for (id, _) in arguments {
        let exists = command.get_arguments().any(|argument| argument.get_id() == id);
        debug_assert!(exists, "{} has no argument {id}", command.get_name());
    }
    command.mut_args(|argument| match arguments.iter().find(|(id, _)| argument.get_id() == id) {
        Some((_, find)) => {
            let find = *find;
            let candidates = move || find().unwrap_or_default().into_iter().map(CompletionCandidate::new);
            argument.add(ArgValueCandidates::new(move || candidates().collect()))
        }
        None => argument,
    })
}

/// Returns the names of the instance types that the warehouse knows.
pub fn types() -> Option<Vec<String>> {
    Some(truffle::type_names(warehouse()?.as_ref(), crate::now().ok()?))
}

/// Returns the codes of the regions that the warehouse knows.
pub fn regions() -> Option<Vec<String>> {
    Some(truffle::region_names(warehouse()?.as_ref(), crate::now().ok()?))
}

fn tables() -> Option<Vec<String>> {
    Some(warehouse()?.tables().ok()?.into_iter().map(|table| table.name).collect())
}

fn saved() -> Option<Vec<String>> {
    Some(truffle::saved_names(&settings()?.config))
}

fn budgets() -> Option<Vec<String>> {
    Some(truffle::budget_names(&settings()?.config))
}

fn dimensions() -> Option<Vec<String>> {
    Some(truffle::dimension_names(&settings()?.dimensions))
}

fn questions() -> Option<Vec<String>> {
    Some(catalog::QUESTIONS.iter().map(|question| question.name.to_string()).collect())
}

fn columns() -> Option<Vec<String>> {
    Some(truffle::column_names())
}

/// Opens the warehouse of the line that is being typed.
pub fn warehouse() -> Option<Box<dyn Ask>> {
    crate::open_warehouse(&settings()?).ok()
}

/// Returns the settings of the line that is being typed.
pub fn settings() -> Option<Settings> {
    let words = std::env::args_os().filter_map(|word| word.into_string().ok());
    let flags = CommonFlags { lake: typed_lake(words), ..CommonFlags::default() };
    Settings::resolve(&flags, &SettingsSources::read().ok()?).ok()
}

/// The value of `--lake` in a line that is not complete yet.
fn typed_lake(mut words: impl Iterator<Item = String>) -> Option<String> {
    let word = words.find(|word| word == "--lake" || word.starts_with("--lake="))?;
    word.strip_prefix("--lake=").map(String::from).or_else(|| words.next())
}

/// Returns whether a shell started this process to complete a line.
pub fn is_requested() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Answers the shell that started this process to complete the line `words` of `name`, and ends the
/// process.
pub fn answer(name: &str, command: impl Fn() -> Command, words: &[OsString]) {
    let folder = std::env::current_dir().ok();
    let completed = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin(name.to_string())
        .try_complete(words.iter().cloned(), folder.as_deref());
    match completed {
        Ok(false) => {}
        Ok(true) => std::process::exit(0),
        Err(error) => error.exit(),
    }
}

/// Writes the script that lets a shell complete every executable.
///
/// # Errors
/// The writer's error.
pub fn script(shell: CompletionShell, out: &mut dyn Write) -> io::Result<()> {
    let shell: &dyn EnvCompleter = match shell {
        CompletionShell::Bash => &Bash,
        CompletionShell::Zsh => &Zsh,
        CompletionShell::Fish => &Fish,
    };
    let executables = PROGRAMS.iter().filter(|program| program.has_executable).map(|program| program.name);
    executables
        .chain(["mycelium"])
        .try_for_each(|name| shell.write_registration(VARIABLE, name, name, name, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lake_flag_is_found_in_a_typed_line() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(typed_lake(line.split(' ').map(String::from)).as_deref(), expected, "{line}");
        };
        check("truffle search m7", None);
        check("truffle --lake /a search m7", Some("/a"));
        check("truffle search --lake=/a m7", Some("/a"));
        check("truffle search --lake", None);
    }

    #[test]
    fn every_completed_argument_of_truffle_exists() {
        truffle_command().debug_assert();
    }
}
