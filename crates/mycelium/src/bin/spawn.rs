//! `spawn`: becomes `mycelium spawn`.

#[path = "../exec.rs"]
mod exec;

fn main() -> std::process::ExitCode {
    exec::become_mycelium("spawn")
}
