//! `spawn`: starts `mycelium spawn` with the same words.

#![allow(clippy::disallowed_methods, reason = "executables read their arguments")]

#[path = "../exec.rs"]
mod exec;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1);
    exec::exec_beside("mycelium", ["spawn".into()].into_iter().chain(words))
}
