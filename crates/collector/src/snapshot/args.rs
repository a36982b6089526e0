//! The arguments of a snapshot.

use catalog::collectable_datasets;
use clap::Args;

use super::dataset_table::{DatasetGroup, join_names};

/// Collect the present state of AWS into the lake.
///
/// The datasets of an account are read with the credentials of the aws CLI, in every region that
/// the account can use. Public files need no account. Price lists have some hundred MB per region,
/// so without --region only your own region is fetched (`region` in mycelium.toml, or AWS_REGION).
/// The datasets are listed at the end.
///
/// Each dataset becomes visible as a whole or not at all. A region that cannot be read becomes a
/// gap with its reason, in the lake and in every answer that depends on it; the other regions are
/// kept. Data that has not changed since the last snapshot adds no rows. Throttled calls are
/// retried up to 10 times with growing pauses. The exit code is 0 if anything was read, and 1 if
/// nothing was read or an account failed.
///
/// The summary has one line per dataset, and one line for each region that is partial or failed,
/// with the reason. rows_read counts the rows returned by AWS, rows_kept those that are new in the
/// lake, bytes their size in the lake, and seconds the duration of the dataset, whose regions are
/// read in parallel. --verbose and the other formats, such as -o json, have one line per scope (a
/// region, or an account and region).
///
/// spawnd writes the load of its instance into a tag every 15 minutes. A snapshot of instance keeps
/// each of these heartbeats once, as rows of utilization from spawnd, free of charge.
///
/// Some datasets are collected only by name. Two cost money, and the maximum cost is printed first:
/// charge (costs per day, $0.01 per request to Cost Explorer; use the paying account; days that AWS
/// calls estimated are requested again) and utilization (hourly CPU and network of running
/// instances, $0.01 per thousand CloudWatch metrics). More than $1 in total must be confirmed. Two
/// are answers to a request and are kept with it: placement_score (how likely a spot request would
/// succeed) and capacity_block (blocks for sale). price --type reads single types instead of a
/// region's list, with an account and free of charge. Nothing else costs money.
#[derive(Debug, Args, Default)]
#[command(after_long_help = datasets_help())]
pub struct SnapshotArgs {
    /// Datasets to collect [default: all that are free and need no extra flags]
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// Regions to collect, joined by commas, or all
    #[arg(long, value_delimiter = ',')]
    pub region: Vec<String>,
    /// Profiles of ~/.aws/config, joined by commas [default: the default credentials]
    #[arg(long, value_name = "PROFILE", value_delimiter = ',')]
    pub account: Vec<String>,
    /// Start of the history; the help names the datasets and their limits
    #[arg(long, value_name = "INSTANT|DAYS", help = since_help())]
    pub since: Option<String>,
    /// For price: the list in force at this time, back to 2018-05, instead of the current one
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<String>,
    /// For charge: group costs by at most two of service, region, instance-type, account,
    /// record-type, usage-type, operation, zone and tag:KEY [default: service,region]. A day keeps
    /// the grouping of its last snapshot
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<String>,
    /// For charge: maximum requests per account, $0.01 each [default: 100 for all accounts
    /// together]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub requests: Option<u32>,
    /// For price, placement_score and capacity_block: instance types, joined by commas
    #[arg(long = "type", visible_alias = "types", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// For placement_score and capacity_block: number of instances [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000_000))]
    pub capacity: Option<u32>,
    /// For placement_score: all instances in one zone
    #[arg(long)]
    pub single_zone: bool,
    /// For capacity_block: duration, hours [default: 24] (AWS sells whole days)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8784))]
    pub hours: Option<u32>,
    /// Show one line per region
    #[arg(long)]
    pub verbose: bool,
    /// Accept a cost of more than $1 without confirmation
    #[arg(long)]
    pub yes: bool,
    /// Show the requests and their cost, and make none that costs money
    #[arg(long)]
    pub dry_run: bool,
}

/// Returns the section of `--help` that lists the datasets.
fn datasets_help() -> String {
    let mut text = "Datasets:\n".to_string();
    for dataset in collectable_datasets() {
        text += &format!("  {:<16} {} ({})\n", dataset.name, dataset.doc, DatasetGroup::of(dataset).label());
    }
    text
}

/// Returns the help of `--since`.
fn since_help() -> String {
    let datasets = collectable_datasets();
    let known: Vec<_> =
        datasets.iter().filter_map(|dataset| Some((dataset.name, dataset.origin.history?))).collect();
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let days = |pick: fn(&catalog::SourceHistory) -> i32| {
        let days: Vec<String> = known.iter().map(|(_, history)| pick(history).to_string()).collect();
        join_names(&days.iter().map(String::as_str).collect::<Vec<_>>())
    };
    format!(
        "For {}: start of the history, such as 2026-11-01 or 30d (AWS keeps {} days) [default: the end of \
         the last snapshot; the first time {} days ago]",
        join_names(&names),
        days(|history| history.kept_days),
        days(|history| history.first_days),
    )
}
