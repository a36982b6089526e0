//! `spawn`: starts `mycelium spawn` with the same words. Help and completions come from this small
//! executable, which starts faster than one that links DuckDB and the AWS SDK. Only completions of
//! instance types and regions need the other one.

#![allow(clippy::disallowed_methods, reason = "executables read their arguments")]

#[path = "../exec.rs"]
mod exec;
#[path = "../spawn_command.rs"]
mod spawn_command;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::Parser;
use clap::error::ErrorKind;
use console::completion;

/// The shell that requests a completion.
static SHELL: OnceLock<OsString> = OnceLock::new();

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(shell) = std::env::var_os(completion::VARIABLE) {
        let _ = SHELL.set(shell);
        let command = || spawn_command::spawn_command(complete_in_mycelium, complete_in_mycelium);
        completion::answer("spawn", command, &words);
    }
    if words.iter().any(|word| asks_for_help(word)) && prints_help(&words) {
        return ExitCode::SUCCESS;
    }
    exec::exec_beside("mycelium", program_words())
}

/// Returns the words for `mycelium`.
fn program_words() -> impl Iterator<Item = OsString> {
    ["spawn".into()].into_iter().chain(std::env::args_os().skip(1))
}

/// Has `mycelium` complete the line, because the candidates are in the warehouse.
fn complete_in_mycelium() -> Option<Vec<String>> {
    // The completion engine removed the variable, so that it does not reach other programs.
    let shell = SHELL.get().map(|shell| (completion::VARIABLE, shell.as_os_str()));
    exec::exec_with("mycelium", program_words(), shell);
    None
}

fn asks_for_help(word: &OsStr) -> bool {
    ["--help", "-h", "help", "--version", "-V"].iter().any(|asks| word == *asks)
}

/// Prints help or the version, if the command line asks for it.
fn prints_help(words: &[OsString]) -> bool {
    let words = ["spawn".into()].into_iter().chain(words.iter().skip(1).cloned());
    match spawn::SpawnArgs::try_parse_from(words) {
        Err(error) if [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind()) => {
            // When the reader of a pipe has gone, nothing is left to do.
            let _ = error.print();
            true
        }
        _ => false,
    }
}
