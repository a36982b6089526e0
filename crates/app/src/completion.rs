//! Completions of `truffle`, and of names in the warehouse.

use std::io::{self, Write};

use catalog::ports::Ask;
use clap::{Command, CommandFactory};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use console::completion::{self, Candidates, settings, with_candidates};
use truffle::{CompletionShell, TruffleArgs};

use crate::PROGRAMS;

/// Returns the command line of `truffle`, with the candidates of its arguments.
pub fn truffle_command() -> Command {
    let subcommands: [(&str, &[(&str, Candidates)]); 19] = [
        ("search", &[("words", types), ("region", regions)]),
        ("recommend", &[("words", types), ("region", regions)]),
        ("compare", &[("types", types), ("region", regions)]),
        ("show", &[("name", types), ("region", regions)]),
        ("capacity", &[("types", types), ("region", regions)]),
        ("price", &[("types", types), ("region", regions)]),
        ("regions", &[("name", types), ("region", regions)]),
        ("zones", &[("name", types), ("region", regions)]),
        ("spot", &[("types", types), ("region", regions)]),
        ("arbitrage", &[("words", types), ("region", regions), ("from", regions)]),
        ("bookmark", &[("types", types), ("remove", types)]),
        ("schema", &[("table", tables)]),
        ("export", &[("table", tables)]),
        ("saved", &[("name", saved), ("remove", saved)]),
        ("query", &[("statement", questions)]),
        ("cost", &[("by", dimensions)]),
        ("forecast", &[("by", dimensions)]),
        ("anomalies", &[("by", dimensions)]),
        ("whatif", &[("region", regions)]),
    ];
    let command = with_candidates(TruffleArgs::command(), &[("columns", columns)]);
    let command = command.mut_subcommand("budget", |budget| {
        let named = |action| with_candidates(action, &[("names", budgets)]);
        budget.mut_subcommand("check", named).mut_subcommand("remove", named)
    });
    let command = command.mut_subcommand("plan", |plan| {
        plan.mut_subcommand("remove", |action| with_candidates(action, &[("names", plans)]))
    });
    let command = command.mut_subcommand("recommend", |recommend| {
        let candidates: [(&str, Candidates); 2] = [("types", types), ("region", regions)];
        recommend.mut_subcommand("runs", |runs| with_candidates(runs, &candidates))
    });
    subcommands.into_iter().fold(command, |command, (name, arguments)| {
        command.mut_subcommand(name, |subcommand| with_candidates(subcommand, arguments))
    })
}

/// Returns the names of the instance types that the warehouse knows.
pub fn types() -> Option<Vec<String>> {
    Some(truffle::type_names(warehouse()?.as_ref(), console::now().ok()?))
}

/// Returns the codes of the regions that the warehouse knows.
pub fn regions() -> Option<Vec<String>> {
    Some(truffle::region_names(warehouse()?.as_ref(), console::now().ok()?))
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

fn plans() -> Option<Vec<String>> {
    let settings = settings()?;
    Some(truffle::plan_names(&settings.config, &settings.dimensions))
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
        .try_for_each(|name| shell.write_registration(completion::VARIABLE, name, name, name, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_completed_argument_of_truffle_exists() {
        truffle_command().debug_assert();
    }
}
