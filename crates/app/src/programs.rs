//! The programs that make up mycelium.

/// A program. A `match` on it lists every program, or it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Answers questions from the lake.
    Truffle,
    /// Fills the lake.
    Collector,
    /// Launches instances and ends them.
    Spawn,
    /// Emulates EC2.
    Sandbox,
}

/// A program, as users start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramEntry {
    /// The program.
    pub program: Program,
    /// Its name: the first word after `mycelium`.
    pub name: &'static str,
    /// It is installed as an executable of this name; otherwise only `mycelium NAME` starts it.
    pub has_executable: bool,
}

/// Every program, in the order of the help.
pub const PROGRAMS: [ProgramEntry; 4] = [
    ProgramEntry { program: Program::Truffle, name: "truffle", has_executable: true },
    ProgramEntry { program: Program::Collector, name: "collector", has_executable: true },
    ProgramEntry { program: Program::Spawn, name: "spawn", has_executable: true },
    ProgramEntry { program: Program::Sandbox, name: "sandbox", has_executable: false },
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_executable_has_a_file_in_a_bin_folder() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let executables: Vec<&str> =
            PROGRAMS.iter().filter(|program| program.has_executable).map(|program| program.name).collect();
        let mut built: Vec<String> = ["crates/app/src/bin", "crates/mycelium/src/bin"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        built.sort();
        let mut expected = executables.clone();
        expected.sort_unstable();
        assert_eq!(built, expected);
    }
}
