//! The summary of a run, one line per scope, for snapshots and for imports.

use std::collections::BTreeMap;

use catalog::ports::{AddedRows, ScopeOutcome, ScopeReport};
use catalog::{Field, Page, Value, ValueType};
use console::{Align, TableColumn, TableView};

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
            told.map_or(Value::Null, |told| told.gap_texts().into()),
        ]
    };
    Page { fields, rows: lines.iter().map(row).collect() }
}

/// Returns the summary for people: one row per dataset with its sums, and one row for each scope
/// that is partial or failed, with the reasons.
pub(crate) fn overview(lines: &[SummaryLine]) -> TableView {
    let columns = [
        ("dataset", "Dataset", Align::Left),
        ("scope", "Scope", Align::Left),
        ("outcome", "Outcome", Align::Left),
        ("rows_read", "Rows read", Align::Right),
        ("rows_kept", "New rows", Align::Right),
        ("bytes", "Size (bytes)", Align::Right),
        ("seconds", "Time (s)", Align::Right),
        ("gaps", "Gaps", Align::Left),
    ];
    let mut names: Vec<&str> = Vec::new();
    for line in lines {
        if !names.contains(&line.dataset) {
            names.push(line.dataset);
        }
    }
    let rows = names.iter().flat_map(|name| {
        let of_dataset: Vec<&SummaryLine> = lines.iter().filter(|line| line.dataset == *name).collect();
        dataset_rows(name, &of_dataset)
    });
    TableView {
        columns: columns.map(|(name, header, align)| TableColumn::named(name, align).header(header)).into(),
        rows: rows.collect(),
        marked: Vec::new(),
    }
}

/// Returns the row of a dataset, followed by its exceptions.
fn dataset_rows(name: &str, lines: &[&SummaryLine]) -> Vec<Vec<String>> {
    let told: Vec<(&SummaryLine, &ScopeReport)> =
        lines.iter().filter_map(|line| Some((*line, line.told.as_ref()?))).collect();
    let mut sum = vec![String::new(); 8];
    let sums = run_sums(lines);
    sum[0] = name.into();
    sum[3] = told.iter().map(|(line, _)| line.read).sum::<u64>().to_string();
    sum[4] = sums.kept.to_string();
    sum[5] = sums.bytes.to_string();
    sum[6] = format!("{:.1}", sums.seconds);
    if let [(_, told)] = told[..] {
        sum[1] = told.scope.clone();
        sum[2] = told.outcome.word().into();
        sum[7] = told.gap_texts().join("; ");
        return vec![sum];
    }
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    told.iter().for_each(|(_, told)| *outcomes.entry(told.outcome.word()).or_default() += 1);
    let outcomes: Vec<String> = outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
    sum[1] = format!("{} scopes", told.len());
    sum[2] = outcomes.join(", ");
    let is_exception = |told: &ScopeReport| told.outcome == ScopeOutcome::Failed || !told.gaps.is_empty();
    let exceptions = told.iter().filter(|(_, told)| is_exception(told)).map(|(line, told)| {
        let mut row = vec![String::new(); 8];
        row[1] = told.scope.clone();
        row[2] = told.outcome.word().into();
        row[3] = line.read.to_string();
        row[4] = line.kept.map(|kept| kept.to_string()).unwrap_or_default();
        row[7] = told.gap_texts().join("; ");
        row
    });
    std::iter::once(sum).chain(exceptions).collect()
}

/// Sums over the runs of a dataset.
#[derive(Default)]
struct RunSums {
    kept: u64,
    bytes: u64,
    seconds: f64,
}

/// Adds up runs. The lines of a run share its manifest. The last of them is the run's total or its
/// only line.
fn run_sums(lines: &[&SummaryLine]) -> RunSums {
    let mut sums = RunSums::default();
    for (at, line) in lines.iter().enumerate() {
        let is_last = lines.get(at + 1).is_none_or(|next| next.manifest != line.manifest);
        if is_last {
            sums.kept += line.kept.unwrap_or_default();
            sums.bytes += line.bytes.unwrap_or_default();
            sums.seconds += line.seconds;
        }
    }
    sums
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
    fn the_overview_has_a_row_per_dataset_and_the_exceptions() {
        let added = AddedRows {
            dataset: "offering",
            rows: 12,
            bytes: 100,
            scopes: [("a".to_string(), 10), ("c".to_string(), 2)].into(),
        };
        let failed = ScopeReport {
            outcome: ScopeOutcome::Failed,
            rows: 0,
            gaps: vec!["no answer in time".into()],
            ..report("b")
        };
        let none = AddedRows::default();
        let mut found = lines("offering", vec![report("a"), failed, report("c")], &added, Some(1), 0.5);
        found.extend(lines("offering", vec![report("d")], &none, Some(2), 0.2));
        found.extend(lines("zone", vec![report("a")], &none, Some(3), 1.0));
        let rows: Vec<String> = overview(&found).rows.iter().map(|row| row.join("|")).collect();
        let expected = [
            "offering|4 scopes|3 complete, 1 failed|30|12|100|0.7|",
            "|b|failed|0|0|||no answer in time",
            "zone|a|complete|10|0|0|1.0|",
        ];
        assert_eq!(rows, expected);
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
