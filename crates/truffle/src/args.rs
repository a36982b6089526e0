#![expect(
    missing_docs,
    reason = "the doc comments of these types are the help; the help of a command is in its own file"
)]

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use console::CommonFlags;

use crate::commands::{
    alerts, anomalies, arbitrage, bookmark, budget, calendar, capacity, commitment, compare, completions,
    cost, export, forecast, plan, price, query, regions, report, saved, schema, search, show, spot, status,
    trends, whatif, zones,
};
use crate::recommend::RecommendArgs;

/// Search, compare and query EC2 instance types, prices and history, without a network.
///
/// The answers come from local data: the lake that `collector` fills, or the seed data.
///
/// Exit codes: 0 success, 1 system failure, 2 invalid command line, 3 nothing matched, 4 unusable
/// data, 5 statement refused or stopped at a limit, 6 a budget is crossed, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "truffle", bin_name = "truffle", version, max_term_width = 100)]
pub struct TruffleArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// Arguments of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct CommonArgs {
    #[command(flatten)]
    pub flags: CommonFlags,
    /// Columns to print, separated by commas, in this order; help lists them
    #[arg(long, global = true, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Common")]
    pub columns: Vec<String>,
    /// Write the answer to a file instead of standard output
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common")]
    pub out: Option<PathBuf>,
    /// Print the sources and ages of the data in full
    #[arg(long, global = true, conflicts_with = "quiet", help_heading = "Common")]
    pub verbose: bool,
    /// Answer with the data as of a day or an instant, such as 2025-03-02
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
    Recommend(Box<RecommendArgs>),
    Price(price::PriceOptionsArgs),
    Capacity(capacity::CapacityArgs),
    Regions(regions::RegionsArgs),
    Zones(zones::ZonesArgs),
    Spot(spot::SpotArgs),
    Arbitrage(Box<arbitrage::ArbitrageArgs>),
    Cost(cost::CostArgs),
    Forecast(forecast::ForecastArgs),
    Trends(trends::TrendsArgs),
    Commitment(commitment::CommitmentArgs),
    Whatif(whatif::WhatifArgs),
    Anomalies(anomalies::AnomaliesArgs),
    Budget(budget::BudgetArgs),
    Plan(plan::CostPlanArgs),
    Calendar(calendar::CalendarArgs),
    Alerts(alerts::AlertsArgs),
    Report(report::ReportArgs),
    Query(query::QueryArgs),
    Schema(schema::SchemaArgs),
    Export(export::ExportArgs),
    Save(saved::SaveArgs),
    Saved(saved::SavedArgs),
    Bookmark(bookmark::BookmarkArgs),
    Status(status::TruffleStatusArgs),
    Completions(completions::CompletionsArgs),
    /// Print the version
    Version,
}
