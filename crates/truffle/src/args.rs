#![expect(
    missing_docs,
    reason = "the doc comments of these types are the help, and a command's help is its own file's"
)]

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use console::Flags;

use crate::commands::{
    bookmark, compare, export, query, regions, saved, schema, search, show, status, zones,
};

/// Answers about EC2 instance types, prices and history from local data, without a network.
///
/// Exit codes: 0 done, 1 the machine failed, 2 what was typed cannot be understood, 3 nothing matched,
/// 4 the data cannot be used, 5 a statement was refused or stopped at a bound, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "truffle", bin_name = "truffle", version, max_term_width = 100)]
pub struct TruffleArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    #[command(flatten)]
    pub flags: Flags,
    /// Columns to print, in this order
    #[arg(long, global = true, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Common")]
    pub columns: Vec<String>,
    /// Write the answer to this file instead of standard output
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common")]
    pub out: Option<PathBuf>,
    /// Answer as of this day or instant, such as 2025-03-02
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Common")]
    pub as_of: Option<String>,
}

/// The commands of truffle.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(visible_alias = "find")]
    Search(Box<search::SearchArgs>),
    Compare(compare::CompareArgs),
    Show(show::ShowArgs),
    Regions(regions::RegionsArgs),
    Zones(zones::ZonesArgs),
    Query(query::QueryArgs),
    Schema(schema::SchemaArgs),
    Export(export::ExportArgs),
    Save(saved::SaveArgs),
    Saved(saved::SavedArgs),
    Bookmark(bookmark::BookmarkArgs),
    Status(status::StatusArgs),
    /// Print the script that completes commands, types, regions and names in a shell
    Completions {
        /// Shell: bash, zsh or fish
        shell: Shell,
    },
    /// Print the version
    Version,
}

/// Shells that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// fish.
    Fish,
}
