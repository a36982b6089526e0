//! The commands that collect missing data.

use catalog::{CollectionSource, DatasetCost, DatasetScope, PublicSource, SnapshotOption, dataset};

/// Returns the command that collects a dataset in these regions (codes joined by commas), with the
/// flags that it needs and its price if it is not free.
pub(crate) fn collect_command(name: &str, regions: &str) -> String {
    let Some(dataset) = dataset(name).filter(|dataset| dataset.is_collectable()) else {
        return "collector import --help".into();
    };
    let mut command = format!("collector snapshot {name}");
    if dataset.origin.source == CollectionSource::Request {
        for (option, flag) in [
            (SnapshotOption::Types, " --type TYPE"),
            (SnapshotOption::Capacity, " --capacity COUNT"),
            (SnapshotOption::Hours, " --hours HOURS"),
        ] {
            if dataset.origin.options.contains(&option) {
                command.push_str(flag);
            }
        }
    }
    let is_one_file =
        matches!(dataset.origin.source, CollectionSource::PublicFile(PublicSource::File { .. }));
    // One call per region returns the instance types there, although they are the same everywhere.
    let is_by_region = name == "instance_type"
        || matches!(
            dataset.scope,
            DatasetScope::Region | DatasetScope::AccountRegion | DatasetScope::Request
        );
    if is_by_region && !is_one_file {
        command.push_str(&format!(" --region {regions}"));
    }
    match dataset.origin.cost {
        DatasetCost::Free => command,
        DatasetCost::PerUnit { doc, .. } => format!("{command} ({doc})"),
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
        check("charge", "collector snapshot charge ($0.01 per request)");
        check(
            "utilization",
            "collector snapshot utilization --region us-east-1 ($0.01 per thousand metrics)",
        );
        check("savings_plan", "collector snapshot savings_plan --region us-east-1");
        check("spot_feed", "collector snapshot spot_feed");
        check("collection_run", "collector import --help");
        check("interruption", "collector snapshot interruption");
        check("benchmark", "collector import --help");
        check(
            "placement_score",
            "collector snapshot placement_score --type TYPE --capacity COUNT --region us-east-1",
        );
    }
}
