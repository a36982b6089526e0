//! The programs that make up mycelium.

/// A program, as users start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramEntry {
    /// Its name: the first word after `mycelium`.
    pub name: &'static str,
    /// It is installed as an executable of this name; otherwise only `mycelium NAME` starts it.
    pub has_executable: bool,
}

/// Every program, in the order of the help.
pub const PROGRAMS: [ProgramEntry; 4] = [
    ProgramEntry { name: "truffle", has_executable: true },
    ProgramEntry { name: "collector", has_executable: true },
    ProgramEntry { name: "spawn", has_executable: true },
    ProgramEntry { name: "sandbox", has_executable: false },
];
