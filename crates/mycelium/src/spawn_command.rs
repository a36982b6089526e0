//! The command line of `spawn` with its completions. The executable `spawn` includes this file too.

use clap::{Arg, Command, CommandFactory};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use console::SettingsSources;
use console::completion::{self, Candidates, with_candidates};
use spawn::{SpawnArgs, SpawnSources, profile_names};

/// Returns the command line of `spawn`, with these candidates of instance types and regions.
pub(crate) fn spawn_command(types: Candidates, regions: Candidates) -> Command {
    let subcommands: [(&str, &[(&str, Candidates)]); 9] = [
        ("launch", &[("instance_type", types), ("region", regions), ("on_expiry", expiry_actions)]),
        ("list", &[("region", regions)]),
        ("reap", &[("region", regions)]),
        ("extend", &[("region", regions)]),
        ("stop", &[("region", regions)]),
        ("hibernate", &[("region", regions)]),
        ("start", &[("region", regions)]),
        ("reboot", &[("region", regions)]),
        ("terminate", &[("region", regions)]),
    ];
    let command = subcommands.into_iter().fold(SpawnArgs::command(), |command, (name, arguments)| {
        command.mut_subcommand(name, |subcommand| with_candidates(subcommand, arguments))
    });
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_string()).collect();
    let command = names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |subcommand| subcommand.mut_args(with_instances))
    });
    command.mut_subcommand("config", |config| {
        config.mut_subcommand("show", |show| with_candidates(show, &[("profile", launch_profiles)]))
    })
}

/// Attaches the cached instances to a positional NAME, which names an instance in every command.
fn with_instances(argument: Arg) -> Arg {
    let is_name = argument.is_positional()
        && argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "NAME"));
    if is_name { argument.add(ArgValueCandidates::new(instances)) } else { argument }
}

/// Names and ids of the instances that a command saw last, with the age of these facts.
fn instances() -> Vec<CompletionCandidate> {
    let names = || Some(spawn::cached_names(&completion::settings()?.cache, console::now().ok()?));
    let candidate =
        |one: spawn::NameCandidate| CompletionCandidate::new(one.word).help(Some(one.help.into()));
    names().unwrap_or_default().into_iter().map(candidate).collect()
}

/// Profiles of the settings files of launches.
fn launch_profiles() -> Option<Vec<String>> {
    let sources = SettingsSources::read().ok()?;
    Some(profile_names(&SpawnSources::read(&sources, &completion::settings()?.config).ok()?))
}

fn expiry_actions() -> Option<Vec<String>> {
    Some(["stop", "hibernate", "terminate"].map(String::from).into())
}
