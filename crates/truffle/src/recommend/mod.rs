//! `truffle recommend`: instance types and counts.

/// `truffle recommend runs`.
pub mod runs;
mod runs_answer;
mod runs_file;
#[cfg(test)]
mod runs_tests;

use clap::{Args, Subcommand};
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use self::runs::RecommendRunsArgs;
use crate::CommandPorts;

/// Recommend instance types and counts.
#[derive(Debug, Args)]
pub struct RecommendArgs {
    /// The origin of the recommendation.
    #[command(subcommand)]
    pub action: RecommendAction,
}

/// The origins of a recommendation.
#[derive(Debug, Subcommand)]
pub enum RecommendAction {
    /// Recommend a type and a count from measured runs
    Runs(RecommendRunsArgs),
}

/// Runs `truffle recommend`.
pub fn run_recommend(
    args: &RecommendArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    match &args.action {
        RecommendAction::Runs(args) => runs::run_recommend_runs(args, ports, printer, now),
    }
}
