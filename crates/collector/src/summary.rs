//! The summary of a run, one line per scope, for snapshots and for imports.

use std::collections::BTreeMap;

use catalog::ports::{AddedRows, ScopeOutcome, ScopeReport};
use catalog::{Field, Page, Value, ValueType};

/// A line of the summary: a scope, or the total of a dataset.
pub(crate) struct SummaryLine {
    dataset: &'static str,
    /// The scope's report; `None` in the total.
    pub(crate) told: Option<ScopeReport>,
    read: u64,
    /// New rows; `None` if they cannot be attributed to this line.
    kept: Option<u64>,
    bytes: Option<u64>,
    seconds: f64,
    manifest: Option<u64>,
}

impl SummaryLine {
    /// Returns whether nothing was read for the scope. True for a total, which is no evidence of
    /// success.
    pub(crate) fn failed(&self) -> bool {
        self.told.as_ref().is_none_or(|told| told.outcome == ScopeOutcome::Failed)
    }
}

/// Returns one line per report of a dataset's run, and the total unless there is exactly one
/// report.
pub(crate) fn lines(
    dataset: &'static str,
    told: Vec<ScopeReport>,
    brought: &AddedRows,
    manifest: Option<u64>,
    seconds: f64,
) -> Vec<SummaryLine> {
    let mut statements: BTreeMap<String, usize> = BTreeMap::new();
    told.iter().for_each(|told| *statements.entry(told.scope.clone()).or_default() += 1);
    let several = brought.scopes.values().filter(|rows| **rows > 0).count() > 1;
    let line = |told: ScopeReport| {
        let kept = brought.scopes.get(&told.scope).copied().unwrap_or(0);
        // Two reports of one scope in one run share its rows.
        let kept = (statements[&told.scope] == 1 || kept == 0).then_some(kept);
        let bytes = match kept {
            Some(0) => Some(0),
            Some(_) if !several => Some(brought.bytes),
            _ => None,
        };
        SummaryLine { dataset, read: told.rows, kept, bytes, seconds, manifest, told: Some(told) }
    };
    let read = told.iter().map(|told| told.rows).sum();
    let sum = SummaryLine {
        dataset,
        told: None,
        read,
        kept: Some(brought.rows),
        bytes: Some(brought.bytes),
        seconds,
        manifest,
    };
    let sum = (told.len() != 1).then_some(sum);
    told.into_iter().map(line).chain(sum).collect()
}

/// Returns the result of a dataset's run as one line of text.
pub(crate) fn describe_run(
    dataset: &str,
    lines: &[SummaryLine],
    brought: &AddedRows,
    manifest: u64,
) -> String {
    let told = || lines.iter().filter_map(|line| line.told.as_ref());
    format!(
        "{dataset}: {} rows read, {} new, {} gaps, {} bytes, {:.1} s; visible in manifest {manifest}",
        told().map(|told| told.rows).sum::<u64>(),
        brought.rows,
        told().map(|told| told.gaps.len()).sum::<usize>(),
        brought.bytes,
        lines.first().map_or(0.0, |line| line.seconds),
    )
}

/// Returns the summary as a table.
pub(crate) fn page(lines: &[SummaryLine]) -> Page {
    let fields = vec![
        Field::new("dataset", ValueType::Text),
        Field::new("scope", ValueType::Text),
        Field::new("outcome", ValueType::Text),
        Field::new("rows_read", ValueType::Int),
        Field::new("rows_kept", ValueType::Int),
        Field::new("bytes", ValueType::Int),
        Field::new("seconds", ValueType::Float),
        Field::new("observed_at", ValueType::Timestamp),
        Field::new("manifest", ValueType::Int),
        Field::new("gaps", ValueType::List(Box::new(ValueType::Text))),
    ];
    let count = |number: Option<u64>| Value::from(number.map(|number| number as i64));
    let row = |line: &SummaryLine| {
        let told = line.told.as_ref();
        vec![
            line.dataset.into(),
            told.map(|told| told.scope.as_str()).into(),
            told.map(|told| told.outcome.word()).into(),
            count(Some(line.read)),
            count(line.kept),
            count(line.bytes),
            ((line.seconds * 10.0).round() / 10.0).into(),
            told.map(|told| told.observed_at).into(),
            count(line.manifest),
            told.map_or(Value::Null, |told| told.gaps.clone().into()),
        ]
    };
    Page { fields, rows: lines.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn report(scope: &str) -> ScopeReport {
        ScopeReport {
            dataset: catalog::dataset("offering").unwrap(),
            scope: scope.into(),
            source: "AWS".into(),
            version: None,
            observed_from: Timestamp::UNIX_EPOCH,
            observed_at: Timestamp::UNIX_EPOCH,
            outcome: ScopeOutcome::Complete,
            rows: 10,
            gaps: vec![],
        }
    }

    #[test]
    fn attributes_bytes_only_to_a_scope_with_its_own_file() {
        let check = |scopes: &[&str], brought: &[(&str, u64)], expected: &[(Option<u64>, Option<u64>)]| {
            let brought = AddedRows {
                dataset: "offering",
                rows: brought.iter().map(|(_, rows)| rows).sum(),
                bytes: if brought.is_empty() { 0 } else { 100 },
                scopes: brought.iter().map(|(scope, rows)| (scope.to_string(), *rows)).collect(),
            };
            let told = scopes.iter().map(|scope| report(scope)).collect();
            let lines = lines("offering", told, &brought, Some(1), 0.5);
            let found: Vec<_> = lines.iter().map(|line| (line.kept, line.bytes)).collect();
            assert_eq!(found, expected, "{scopes:?}");
        };
        let (none, ten) = ((Some(0), Some(0)), (Some(10), Some(100)));
        check(&["a"], &[("a", 10)], &[ten]);
        check(&["a"], &[], &[none]);
        check(&["a", "b"], &[("a", 10)], &[ten, none, ten]);
        check(
            &["a", "b"],
            &[("a", 10), ("b", 1)],
            &[(Some(10), None), (Some(1), None), (Some(11), Some(100))],
        );
        // Two files report on one region.
        check(&["a", "a"], &[("a", 10)], &[(None, None), (None, None), ten]);
        check(&[], &[], &[none]);
    }
}
