use catalog::Dataset;
use clap::Args;
use console::{Exit, Failure, Printer};
use serde_json::json;

use crate::Ports;
use crate::snapshot;

/// Print the least IAM policy with which the datasets can be snapshot.
///
/// The calls are those that `collector snapshot` makes, and only read. None of them can be narrowed to a resource.
/// What price needs is for --type alone: its lists are public, as are interruption, savings_plan and spot_feed.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// Datasets; all of them without any
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
}

pub(crate) fn run_policy(
    args: &PolicyArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let named = snapshot::datasets(&args.datasets)?;
    let source = (ports.source)().map_err(|error| Failure::broken(error.to_string()))?;
    let wanted = |dataset: &&Dataset| named.is_empty() || named.contains(&dataset.name);
    let mut actions: Vec<&str> = catalog::DATASETS
        .iter()
        .filter(wanted)
        .flat_map(|dataset| source.actions(dataset))
        .copied()
        .collect();
    if actions.is_empty() {
        printer.note("these are public: no permission is needed");
        return Ok(Exit::Done);
    }
    // To know the account and its regions, whatever is asked for; the first is always allowed.
    actions.extend(["sts:GetCallerIdentity", "ec2:DescribeRegions"]);
    actions.sort_unstable();
    actions.dedup();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{"Sid": "MyceliumCollector", "Effect": "Allow", "Action": actions, "Resource": "*"}],
    });
    let text = serde_json::to_string_pretty(&policy).expect("a policy is plain JSON");
    printer.text(&format!("{text}\n"))?;
    Ok(Exit::Done)
}
