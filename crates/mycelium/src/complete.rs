//! Shell completions: commands and flags from clap, and types, regions, tables and saved names from the
//! user's own data.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Write};

use catalog::Value;
use catalog::ports::{Ask, Store};
use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use collector::CollectorArgs;
use console::{Flags, Settings, Sources};
use sandbox::SandboxArgs;
use spawn::SpawnArgs;
use truffle::{Shell, TruffleArgs};

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";

/// The command line of `mycelium`.
pub(crate) fn mycelium() -> Command {
    Command::new("mycelium")
        .about(
            "EC2 from a local warehouse: questions answered without a network, fresh data, bounded instances",
        )
        .version(crate::VERSION)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(truffle_command())
        .subcommand(collector_command())
        .subcommand(spawn_command())
        .subcommand(SandboxArgs::command())
}

fn truffle_command() -> Command {
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
        ("query", &[("statement", questions)]),
    ];
    let command = offering(TruffleArgs::command(), &[("columns", columns)]);
    offers.into_iter().fold(command, |command, (name, arguments)| {
        command.mut_subcommand(name, |subcommand| offering(subcommand, arguments))
    })
}

fn collector_command() -> Command {
    let asked: &[(&str, Choice)] =
        &[("datasets", datasets), ("region", regions), ("types", types), ("accept", held)];
    let command = ["snapshot", "watch", "policy", "status"].into_iter();
    let command = command.fold(CollectorArgs::command(), |command, name| {
        command.mut_subcommand(name, |subcommand| offering(subcommand, asked))
    });
    let command = command.mut_subcommand("forget", |forget| offering(forget, &[("account", accounts)]));
    command.mut_subcommand("import", |import| {
        import.mut_arg("paths", |paths| paths.add(ArgValueCompleter::new(kinds_and_files)))
    })
}

fn spawn_command() -> Command {
    let offers: &[(&str, Choice)] = &[("instance_type", types), ("region", regions), ("on_expiry", ends)];
    ["launch", "list", "reap"].into_iter().fold(SpawnArgs::command(), |command, name| {
        command.mut_subcommand(name, |subcommand| offering(subcommand, offers))
    })
}

fn ends() -> Option<Vec<String>> {
    Some(vec!["stop".into(), "terminate".into()])
}

/// What a file holds may be said before it.
fn kinds_and_files(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed_text = typed.to_string_lossy();
    let kinds = collector::import_kinds().into_iter().filter(|kind| kind.starts_with(&*typed_text));
    kinds.map(CompletionCandidate::new).chain(PathCompleter::file().complete(typed)).collect()
}

/// Ids of prices that are held back.
fn held() -> Option<Vec<String>> {
    let question = catalog::question("price/held")?;
    let now = crate::now().ok()?;
    let page = warehouse()?.ask(question, &[("as_of".into(), now.into())]).ok()?;
    let id = |row: Vec<Value>| match row.into_iter().next() {
        Some(Value::Text(id)) => Some(id),
        _ => None,
    };
    Some(page.rows.into_iter().filter_map(id).collect())
}

/// Accounts that the lake knows.
fn accounts() -> Option<Vec<String>> {
    let store = lake_writer::LakeStore::new(settings()?.lake.value, crate::VERSION);
    let log = store.look().ok()??.log;
    let of = |scope: &str| scope.split('/').next().filter(|id| id.len() == 12).map(String::from);
    let found: BTreeSet<String> = log.iter().filter_map(|told| of(&told.scope)).collect();
    Some(found.into_iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).collect())
}

fn datasets() -> Option<Vec<String>> {
    Some(collector::dataset_names())
}

/// Finds the names that an argument is completed with; none when what they stand in cannot be read.
type Choice = fn() -> Option<Vec<String>>;

/// The command with candidates at these arguments, which keep their places.
fn offering(command: Command, arguments: &[(&'static str, Choice)]) -> Command {
    command.mut_args(|argument| match arguments.iter().find(|(id, _)| argument.get_id() == id) {
        Some((_, choice)) => {
            let choice = *choice;
            let candidates = move || choice().unwrap_or_default().into_iter().map(CompletionCandidate::new);
            argument.add(ArgValueCandidates::new(move || candidates().collect()))
        }
        None => argument,
    })
}

fn types() -> Option<Vec<String>> {
    Some(truffle::type_names(warehouse()?.as_ref(), crate::now().ok()?))
}

fn regions() -> Option<Vec<String>> {
    Some(truffle::region_names(warehouse()?.as_ref(), crate::now().ok()?))
}

fn tables() -> Option<Vec<String>> {
    Some(warehouse()?.tables().ok()?.into_iter().map(|table| table.name).collect())
}

fn saved() -> Option<Vec<String>> {
    Some(truffle::saved_names(&settings()?.config))
}

fn questions() -> Option<Vec<String>> {
    Some(catalog::QUESTIONS.iter().map(|question| question.name.to_string()).collect())
}

fn columns() -> Option<Vec<String>> {
    Some(truffle::column_names())
}

fn warehouse() -> Option<Box<dyn Ask>> {
    crate::doors::warehouse(&settings()?).ok()
}

fn settings() -> Option<Settings> {
    let words = std::env::args_os().filter_map(|word| word.into_string().ok());
    let flags = Flags { lake: typed_lake(words), ..Flags::default() };
    Settings::resolve(&flags, &Sources::read().ok()?).ok()
}

/// The lake that stands among the words of a line that is not whole yet.
fn typed_lake(mut words: impl Iterator<Item = String>) -> Option<String> {
    let word = words.find(|word| word == "--lake" || word.starts_with("--lake="))?;
    word.strip_prefix("--lake=").map(String::from).or_else(|| words.next())
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
        Some("collector") => (collector_command, "collector", &typed[1..]),
        Some("spawn") => (spawn_command, "spawn", &typed[1..]),
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

/// Writes the script that makes a shell ask each of the programs.
pub(crate) fn script(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    ["truffle", "collector", "spawn", "mycelium"]
        .into_iter()
        .try_for_each(|program| shell.write_registration(VARIABLE, program, program, program, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_lake_is_found() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(typed_lake(line.split(' ').map(String::from)).as_deref(), expected, "{line}");
        };
        check("truffle search m7", None);
        check("truffle --lake /a search m7", Some("/a"));
        check("truffle search --lake=/a m7", Some("/a"));
        check("truffle search --lake", None);
    }
}
