//! Shell completions: commands and flags from clap, and names from the user's own data.

#![allow(clippy::disallowed_methods, reason = "a shell requests completions by a variable and arguments")]

use std::ffi::OsString;

use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::{CommonFlags, Settings, SettingsSources};

/// The variable by which a shell requests completions.
pub const VARIABLE: &str = "COMPLETE";

/// Finds the candidates of an argument; `None` when the data that holds them cannot be read.
pub type Candidates = fn() -> Option<Vec<String>>;

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
}
