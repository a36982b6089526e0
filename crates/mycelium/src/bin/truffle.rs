//! `truffle`: becomes `mycelium truffle`.

#[path = "../exec.rs"]
mod exec;

fn main() -> std::process::ExitCode {
    exec::become_mycelium("truffle")
}
