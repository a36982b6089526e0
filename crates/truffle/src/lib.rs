//! Answers questions about EC2 without a network: search, compare, show, query, export.
//!
//! This crate contains the commands. Each turns its arguments into a question to the warehouse and
//! the answer into a report. The crate never depends on the SQL engine, a file format or a socket.

mod args;
pub mod commands;
pub mod filter;
mod offer;
mod offered;
mod out;
mod partitions;
mod place;
mod ports;
pub mod range;
mod repl;
mod run;
mod shelf;
mod tables;
pub mod words;

pub use args::{Command, CommonArgs, CompletionShell, TruffleArgs};
pub use ports::{Ports, failure};
pub use run::{TruffleContext, column_names, region_names, run, saved_names, type_names};
