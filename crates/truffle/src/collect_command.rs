//! The commands that collect missing data.

use catalog::{DatasetScope, dataset};

/// Datasets that are only imported from files.
const IMPORTED: [&str; 5] = ["region", "accelerator", "benchmark", "acceptance", "collection_run"];

/// Returns the command that collects a dataset in these regions (codes joined by commas).
pub(crate) fn collect_command(name: &str, regions: &str) -> String {
    if IMPORTED.contains(&name) {
        return "collector import --help".into();
    }
    let command = format!("collector snapshot {name}");
    match name {
        "placement_score" => format!("{command} --types TYPE --capacity COUNT --region {regions}"),
        "capacity_block" => {
            format!("{command} --types TYPE --capacity COUNT --hours HOURS --region {regions}")
        }
        // One file for all regions.
        "interruption" | "spot_feed" => command,
        // One call per region returns the types there.
        "instance_type" => format!("{command} --region {regions}"),
        _ => match dataset(name).map(|dataset| dataset.scope) {
            Some(DatasetScope::Region | DatasetScope::AccountRegion) => {
                format!("{command} --region {regions}")
            }
            _ => command,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_flags_that_a_dataset_needs() {
        let check = |name: &str, expected: &str| assert_eq!(collect_command(name, "us-east-1"), expected);
        check("price", "collector snapshot price --region us-east-1");
        check("instance_type", "collector snapshot instance_type --region us-east-1");
        check("instance", "collector snapshot instance --region us-east-1");
        check("charge", "collector snapshot charge");
        check("interruption", "collector snapshot interruption");
        check("benchmark", "collector import --help");
        check(
            "placement_score",
            "collector snapshot placement_score --types TYPE --capacity COUNT --region us-east-1",
        );
    }
}
