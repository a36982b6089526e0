//! Shell completions: commands and flags from clap, and types, regions, tables and saved names from the
//! user's own data.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use collector::CollectorArgs;
use console::{Flags, Settings, Sources};
use domain::Timestamp;
use truffle::{Shell, TruffleArgs};

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";

/// The command line of `mycelium`.
pub(crate) fn mycelium() -> Command {
    Command::new("mycelium")
        .about("EC2 analytics from a local warehouse, without a network")
        .version(crate::VERSION)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(truffle_command())
        .subcommand(CollectorArgs::command())
}

fn truffle_command() -> Command {
    let types = || ArgValueCandidates::new(|| candidates(|names| names.types));
    let regions = || ArgValueCandidates::new(|| candidates(|names| names.regions));
    let tables = || ArgValueCandidates::new(|| candidates(|names| names.tables));
    let saved = || ArgValueCandidates::new(|| candidates(|names| names.saved));
    let columns = || ArgValueCandidates::new(|| candidates(|names| names.columns));
    TruffleArgs::command()
        .mut_arg("columns", |arg| arg.add(columns()))
        .mut_subcommand("search", |c| {
            c.mut_arg("words", |a| a.add(types())).mut_arg("region", |a| a.add(regions()))
        })
        .mut_subcommand("compare", |c| {
            c.mut_arg("types", |a| a.add(types())).mut_arg("region", |a| a.add(regions()))
        })
        .mut_subcommand("show", |c| c.mut_arg("name", |a| a.add(types())))
        .mut_subcommand("regions", |c| c.mut_arg("name", |a| a.add(types())))
        .mut_subcommand("zones", |c| {
            c.mut_arg("name", |a| a.add(types())).mut_arg("region", |a| a.add(regions()))
        })
        .mut_subcommand("bookmark", |c| c.mut_arg("types", |a| a.add(types())))
        .mut_subcommand("schema", |c| c.mut_arg("table", |a| a.add(tables())))
        .mut_subcommand("export", |c| c.mut_arg("table", |a| a.add(tables())))
        .mut_subcommand("saved", |c| {
            c.mut_arg("name", |a| a.add(saved())).mut_arg("remove", |a| a.add(saved()))
        })
}

#[derive(Default)]
struct Names {
    types: Vec<String>,
    regions: Vec<String>,
    tables: Vec<String>,
    columns: Vec<String>,
    saved: Vec<String>,
}

/// A completion never fails: what cannot be read is not offered.
fn candidates(choose: fn(Names) -> Vec<String>) -> Vec<CompletionCandidate> {
    let names = known().unwrap_or_default();
    choose(names).into_iter().map(CompletionCandidate::new).collect()
}

fn known() -> Option<Names> {
    let settings = Settings::resolve(&Flags::default(), &Sources::read().ok()?).ok()?;
    let saved = truffle::saved_names(&settings.config);
    let ask = crate::doors::warehouse(&settings).ok()?;
    let (types, regions) = truffle::known_names(ask.as_ref(), Timestamp::now());
    let tables = ask.tables().unwrap_or_default().into_iter().map(|table| table.name).collect();
    Some(Names { types, regions, tables, columns: truffle::column_names(), saved })
}

/// Answers a shell that asks for completions, and ends the process then.
pub(crate) fn answer_shell() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let typed: Vec<_> = std::env::args_os().collect();
    // `truffle …` became `mycelium truffle …`; the shell asked about `truffle`.
    let (command, name, words): (fn() -> Command, _, _) = match typed.get(1).and_then(|word| word.to_str()) {
        Some("truffle") => (truffle_command, "truffle", &typed[1..]),
        Some("collector") => (CollectorArgs::command, "collector", &typed[1..]),
        _ => (mycelium, "mycelium", &typed[..]),
    };
    let here = std::env::current_dir().ok();
    let answered = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin(name)
        .try_complete(words.iter().cloned(), here.as_deref());
    match answered {
        Ok(false) => {}
        Ok(true) => std::process::exit(0),
        Err(error) => error.exit(),
    }
}

/// Writes the script that makes a shell ask.
pub(crate) fn script(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    shell.write_registration(VARIABLE, "truffle", "truffle", "truffle", out)
}
