//! The parts that every executable shares: settings, exit codes, the opening of the warehouse,
//! completions.
//!
//! The executable `truffle` is built here. It links DuckDB and Arrow, and neither the AWS SDK,
//! tokio nor polars, so that a newcomer builds it in minutes and it cannot open a connection to
//! AWS. The executable `mycelium` builds on this crate and adds the programs that collect, launch
//! and emulate.

#![allow(clippy::disallowed_methods, reason = "executables read their arguments and the environment")]

pub mod completion;
mod process;
mod programs;
mod seed;
mod warehouse;

pub use self::warehouse::{open_warehouse, open_warehouse_until_exit};
pub use process::{finish, interruptible, parse_args, print_clap, printer, start, start_from};
pub use programs::{PROGRAMS, Program, ProgramEntry};

/// The version of every executable.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the isolated query process when this process was started as one; it returns whether it was.
///
/// Every executable that opens a warehouse calls this first, because the warehouse starts its own
/// executable again.
pub fn ran_isolated_query() -> bool {
    let isolated = std::env::args_os().nth(1).is_some_and(|word| word == ::warehouse::QUERY_PROCESS_ARGUMENT);
    if isolated {
        ::warehouse::run_query_process();
    }
    isolated
}
