//! `collector`: becomes `mycelium collector`.

#[path = "../exec.rs"]
mod exec;

fn main() -> std::process::ExitCode {
    exec::become_mycelium("collector")
}
