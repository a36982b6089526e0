//! Shell completions: commands and flags from clap, and types, regions, tables and saved names from the
//! user's own data.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use collector::CollectorArgs;
use console::{Flags, Settings, Sources};
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
    let types = |names: Names| names.types;
    let regions = |names: Names| names.regions;
    let tables = |names: Names| names.tables;
    let saved = |names: Names| names.saved;
    let offers: [(&str, &[(&str, Choice)]); 10] = [
        ("search", &[("words", types), ("region", regions)]),
        ("compare", &[("types", types), ("region", regions)]),
        ("show", &[("name", types), ("region", regions)]),
        ("regions", &[("name", types), ("region", regions)]),
        ("zones", &[("name", types), ("region", regions)]),
        ("bookmark", &[("types", types), ("remove", types)]),
        ("schema", &[("table", tables)]),
        ("export", &[("table", tables)]),
        ("saved", &[("name", saved), ("remove", saved)]),
        ("query", &[("statement", |names| names.questions)]),
    ];
    let command = offering(TruffleArgs::command(), &[("columns", |names| names.columns)]);
    offers.into_iter().fold(command, |command, (name, arguments)| {
        command.mut_subcommand(name, |subcommand| offering(subcommand, arguments))
    })
}

/// Which names an argument is completed with.
type Choice = fn(Names) -> Vec<String>;

/// The command with candidates at these arguments, which keep their places.
fn offering(command: Command, arguments: &[(&'static str, Choice)]) -> Command {
    command.mut_args(|argument| match arguments.iter().find(|(id, _)| argument.get_id() == id) {
        Some((_, choice)) => {
            let choice = *choice;
            argument.add(ArgValueCandidates::new(move || candidates(choice)))
        }
        None => argument,
    })
}

#[derive(Default)]
struct Names {
    types: Vec<String>,
    regions: Vec<String>,
    tables: Vec<String>,
    columns: Vec<String>,
    saved: Vec<String>,
    questions: Vec<String>,
}

/// A completion never fails: what cannot be read is not offered.
fn candidates(choose: Choice) -> Vec<CompletionCandidate> {
    let names = known().unwrap_or_default();
    choose(names).into_iter().map(CompletionCandidate::new).collect()
}

fn known() -> Option<Names> {
    let settings = Settings::resolve(&Flags::default(), &Sources::read().ok()?).ok()?;
    let saved = truffle::saved_names(&settings.config);
    let ask = crate::doors::warehouse(&settings).ok()?;
    let (types, regions) = truffle::known_names(ask.as_ref(), crate::clock());
    let tables = ask.tables().unwrap_or_default().into_iter().map(|table| table.name).collect();
    let questions = catalog::QUESTIONS.iter().map(|question| question.name.to_string()).collect();
    Some(Names { types, regions, tables, columns: truffle::column_names(), saved, questions })
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
