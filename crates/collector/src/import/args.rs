//! The arguments of an import.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::bucket::address::S3Address;
use super::kind::ImportKind;

/// Import files into the lake, or bills from S3.
///
/// The files of one command become visible together or not at all. They may be compressed (.gz,
/// .zst), except Parquet. Importing the same files again adds nothing.
///
/// A bill replaces the lines of the same month and of the accounts that it covers. The payer's
/// report covers all its accounts, and a linked account's own report that account. If the lines do
/// not show which one it is, the import stops: --covers names the accounts, or all.
///
/// The summary has one line per scope (a region, or an account's month). rows_read counts the rows
/// in the files, rows_kept those that are new in the lake, and bytes their size in the lake. A line
/// without a scope is a total. If one file holds new rows of several scopes, only the total shows
/// its bytes.
///
/// s3://BUCKET/PREFIX is the folder of a Cost and Usage Report or of a data export (CUR 2.0,
/// FOCUS), or a folder above such folders. The newest manifest of each month decides which files
/// are imported. They replace the data of that month and account; older deliveries are not counted.
/// A month that has not changed since the last import is not fetched again. A month that cannot be
/// read becomes a gap with its reason, and the other months are imported. Without a manifest, files
/// are imported only if no two folders can hold the same bill. The import needs s3:ListBucket and
/// s3:GetObject; collector policy s3://BUCKET/PREFIX prints a policy. Each month is first copied
/// into a temporary folder of the lake.
#[derive(Debug, Args)]
#[command(after_long_help = kinds())]
pub struct ImportArgs {
    /// Files of one kind, or one s3://BUCKET/PREFIX. Without KIND, the kind is detected from the
    /// beginning of the files
    #[arg(required = true, value_name = "[KIND] PATH", value_hint = clap::ValueHint::FilePath)]
    pub paths: Vec<PathBuf>,
    /// Time at which the files were made, for spot-advisor, discount, cur, focus and cost-explorer,
    /// which do not state it [default: the last change of the file]
    #[arg(long, value_name = "INSTANT")]
    pub observed_at: Option<String>,
    /// Treat the files as incomplete and only add their rows: for price-list, savings-plans, cur
    /// and focus
    #[arg(long, conflicts_with = "whole")]
    pub partial: bool,
    /// Accounts of which the files have all lines, joined by commas, or all: for cur and focus.
    /// Needed if the report may be that of a linked account
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',', conflicts_with = "partial")]
    pub covers: Vec<String>,
    /// Treat the files as complete for their regions and retire prices that they do not list: for
    /// price-list and savings-plans
    #[arg(long)]
    pub whole: bool,
    /// For bills from S3, the profile of ~/.aws/config [default: the default credentials]. For
    /// cost-explorer, the account id of the costs, which the file does not state
    // `--profile` is the name of earlier versions.
    #[arg(long, value_name = "PROFILE_OR_ID", alias = "profile")]
    pub account: Option<String>,
    /// Key of the signer, for a bundle, as collector bundle printed it; needed only for a new
    /// signer
    #[arg(long, value_name = "KEY")]
    pub signer: Option<String>,
    /// Months to import, such as 2026-10, joined by commas, for bills from S3 [default: all]
    #[arg(long, value_name = "MONTH", value_delimiter = ',')]
    pub month: Vec<String>,
    /// Show the result and write nothing; from S3, fetch only manifests
    #[arg(long)]
    pub dry_run: bool,
}

impl ImportArgs {
    /// Returns whether an argument is an S3 address, which is read over the network.
    pub fn is_remote(&self) -> bool {
        self.paths.iter().any(|word| word.to_str().and_then(S3Address::of).is_some())
    }
}

/// Returns the section of `--help` that lists the kinds.
fn kinds() -> String {
    let mut text = "Kinds of files:\n".to_string();
    for kind in ImportKind::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
        let help = kind.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!("  {:<15} {help}\n", kind.get_name());
    }
    text
}
