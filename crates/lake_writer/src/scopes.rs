//! Counts the rows of a frame by their dataset's scopes.

use std::collections::BTreeMap;

use catalog::{Dataset, DatasetScope};
use polars::prelude::{Column, DataFrame, DataType, PolarsResult};

/// Adds the rows of a frame to the counts of their scopes. Keys are spelled as in the log of runs.
pub(crate) fn count(
    dataset: &Dataset,
    frame: &DataFrame,
    counts: &mut BTreeMap<String, u64>,
) -> PolarsResult<()> {
    let names: &[&str] = match dataset.scope {
        DatasetScope::All => &[],
        DatasetScope::Region => &["region"],
        DatasetScope::Account => &["account_id"],
        DatasetScope::AccountRegion => &["account_id", "region"],
        DatasetScope::Bill => &["bill"],
        DatasetScope::Request => &["request"],
    };
    if names.is_empty() {
        *counts.entry("*".into()).or_default() += frame.height() as u64;
        return Ok(());
    }
    let columns: Vec<Column> =
        names.iter().map(|name| frame.column(name)?.cast(&DataType::String)).collect::<PolarsResult<_>>()?;
    let texts: Vec<_> = columns.iter().map(|column| column.str()).collect::<PolarsResult<_>>()?;
    let scope = |row: usize| texts.iter().map(move |column| column.get(row).unwrap_or_default());
    // Most rows have the scope of the row before.
    let mut from = 0;
    while from < frame.height() {
        let same = (from..frame.height()).take_while(|row| scope(*row).eq(scope(from))).count();
        let name = scope(from).collect::<Vec<_>>().join("/");
        *counts.entry(name).or_default() += same as u64;
        from += same;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::df;

    #[test]
    fn spells_scopes_as_the_log_of_runs_does() {
        let check = |name: &str, expected: &[(&str, u64)]| {
            let frame = df!(
                "account_id" => ["1", "1", "1", "2"],
                "region" => ["a", "a", "b", "a"],
                "bill" => ["1/m", "1/m", "1/n", "2/m"],
            );
            let mut counts = BTreeMap::new();
            count(catalog::dataset(name).unwrap(), &frame.unwrap(), &mut counts).unwrap();
            let counts: Vec<(&str, u64)> =
                counts.iter().map(|(scope, rows)| (scope.as_str(), *rows)).collect();
            assert_eq!(counts, expected, "{name}");
        };
        check("instance_type", &[("*", 4)]);
        check("offering", &[("a", 3), ("b", 1)]);
        check("instance", &[("1/a", 2), ("1/b", 1), ("2/a", 1)]);
        check("region_access", &[("1", 3), ("2", 1)]);
        check("charge", &[("1/m", 2), ("1/n", 1), ("2/m", 1)]);
    }
}
