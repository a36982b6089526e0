#![expect(
    missing_docs,
    reason = "the doc comments of these types are the help, and a command's help is its own file's"
)]

use clap::{Parser, Subcommand};

use crate::import::ImportArgs;

/// Brings data into the local lake, from which truffle answers.
///
/// Exit codes: 0 done, 1 the machine failed, 2 what was typed cannot be understood, 4 the lake or a
/// file cannot be used.
#[derive(Debug, Parser)]
#[command(name = "collector", bin_name = "collector", version, max_term_width = 100)]
pub struct CollectorArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// Format: table, json, ndjson, csv, yaml, parquet or arrow
    #[arg(long, short, global = true, value_name = "FORMAT", help_heading = "Common")]
    pub output: Option<String>,
    /// The lake's folder
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Common")]
    pub lake: Option<String>,
    /// Colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Common")]
    pub color: Option<String>,
    /// Say nothing on standard error but failures
    #[arg(long, short, global = true, help_heading = "Common")]
    pub quiet: bool,
    /// What to log on standard error: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Common")]
    pub log_level: Option<String>,
}

/// The commands of the collector.
#[derive(Debug, Subcommand)]
pub enum Command {
    Import(ImportArgs),
}
