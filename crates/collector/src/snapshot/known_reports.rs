//! The lake's newest reports, and the check whether an answer contains anything new.

use std::collections::HashMap;
use std::hash::Hash;

use catalog::ports::{HEARTBEATS, RunLogRow, ScopeOutcome, ScopeReport};
use catalog::{DatasetKind, RowBatch};
use domain::Timestamp;
use sha2::{Digest, Sha256};

/// The newest report of every scope.
pub(crate) struct KnownReports {
    newest: HashMap<(String, String), RunLogRow>,
    /// The newest report of every scope and source.
    of_sources: HashMap<(String, String, String), RunLogRow>,
    /// The reports of complete publications, by dataset, scope, source and version.
    published: HashMap<[String; 4], RunLogRow>,
}

impl KnownReports {
    pub(crate) fn new(log: Vec<RunLogRow>) -> KnownReports {
        let mut state =
            KnownReports { newest: HashMap::new(), of_sources: HashMap::new(), published: HashMap::new() };
        log.into_iter().for_each(|told| state.learn(told));
        state
    }

    /// Adds a report. A failed one is ignored: it is no evidence of the state of a scope.
    pub(crate) fn learn(&mut self, told: RunLogRow) {
        if told.outcome == ScopeOutcome::Failed.word() {
            return;
        }
        if let (Some(version), true) = (&told.version, told.outcome == ScopeOutcome::Complete.word()) {
            let name = [&told.dataset, &told.scope, &told.source, version].map(String::clone);
            // Fetched as a list of the past, a publication counts from an earlier time.
            let known = self.published.entry(name).or_insert_with(|| told.clone());
            if told.observed_at < known.observed_at {
                *known = told.clone();
            }
        }
        let of_source = (told.dataset.clone(), told.scope.clone(), told.source.clone());
        keep_newer(&mut self.of_sources, of_source, &told);
        // A heartbeat does not move the time until which the measurements by AWS are known.
        if told.source == HEARTBEATS {
            return;
        }
        keep_newer(&mut self.newest, (told.dataset.clone(), told.scope.clone()), &told);
    }

    /// Returns the newest report of a scope by a source.
    pub(crate) fn newest_of_source(&self, dataset: &str, scope: &str, source: &str) -> Option<&RunLogRow> {
        self.of_sources.get(&(dataset.to_string(), scope.to_string(), source.to_string()))
    }

    /// Returns the newest report of a scope by any source.
    pub(crate) fn newest(&self, dataset: &str, scope: &str) -> Option<&RunLogRow> {
        self.newest.get(&(dataset.to_string(), scope.to_string()))
    }

    /// Returns the newest report of a scope by a source if it is still in force. A partial report
    /// by another source adds to it and leaves it in force.
    pub(crate) fn in_force(&self, dataset: &str, scope: &str, source: &str) -> Option<&RunLogRow> {
        let newest = self.newest(dataset, scope)?;
        let said = self.newest_of_source(dataset, scope, source);
        said.filter(|_| newest.source == source || newest.outcome == ScopeOutcome::Partial.word())
    }

    /// Returns the report of a source's publication, of any age, if the lake has all of its rows.
    pub(crate) fn published(
        &self,
        dataset: &str,
        scope: &str,
        source: &str,
        version: &str,
    ) -> Option<&RunLogRow> {
        self.published.get(&[dataset, scope, source, version].map(String::from))
    }

    /// Returns the number of rows of the delivery with this version and time, if importing it again
    /// would change nothing: in each of its scopes, its report is in force or is as new as `at`.
    pub(crate) fn delivered(&self, dataset: &str, source: &str, version: &str, at: Timestamp) -> Option<u64> {
        let is_it = |told: &&RunLogRow| {
            told.dataset == dataset && told.source == source && told.version.as_deref() == Some(version)
        };
        let said: Vec<&RunLogRow> = self.of_sources.values().filter(is_it).collect();
        let stands = |told: &&RunLogRow| {
            told.observed_at >= at || self.in_force(dataset, &told.scope, source).is_some()
        };
        (!said.is_empty() && said.iter().all(stands)).then(|| said.iter().map(|told| told.rows).sum())
    }

    /// Returns the newest report of each scope of a dataset, sorted by scope.
    pub(crate) fn scopes(&self, dataset: &str) -> Vec<&RunLogRow> {
        let mut scopes: Vec<&RunLogRow> =
            self.newest.values().filter(|told| told.dataset == dataset).collect();
        scopes.sort_by(|one, other| one.scope.cmp(&other.scope));
        scopes
    }

    /// Returns the time until which a scope of changes is known.
    pub(crate) fn known_until(&self, dataset: &str, scope: &str) -> Option<Timestamp> {
        self.newest(dataset, scope).map(|told| told.observed_at)
    }

    /// Sets the version of a report to the digest of its rows. Drops the rows if the report in
    /// force has the same version.
    pub(crate) fn drop_unchanged(&self, told: &mut ScopeReport, rows: &mut Vec<RowBatch>) {
        let whole =
            matches!(told.outcome, ScopeOutcome::Complete | ScopeOutcome::Partial | ScopeOutcome::Empty);
        let stated = matches!(told.dataset.kind, DatasetKind::Snapshot | DatasetKind::Statement);
        if !stated || !whole || !told.gaps.is_empty() {
            return;
        }
        let digest = digest(rows);
        let version = match &told.version {
            Some(state) => format!("{state} {digest}"),
            None => digest,
        };
        let known = self.in_force(told.dataset.name, &told.scope, &told.source);
        let same = known.is_some_and(|known| known.version.as_deref() == Some(&version));
        told.version = Some(version);
        if same {
            rows.clear();
            // A partial report only adds rows, and so adds nothing without rows.
            if told.outcome == ScopeOutcome::Complete {
                told.outcome = ScopeOutcome::Unchanged;
            }
        }
    }
}

fn keep_newer<K: Eq + Hash>(known: &mut HashMap<K, RunLogRow>, key: K, told: &RunLogRow) {
    let before = known.get(&key).map(|known| (known.observed_at, &known.run_id));
    if before.is_none_or(|before| before < (told.observed_at, &told.run_id)) {
        known.insert(key, told.clone());
    }
}

/// Returns the SHA-256 of the rows, independent of their order and of their division into batches.
fn digest(batches: &[RowBatch]) -> String {
    let mut rows: Vec<[u8; 32]> = Vec::new();
    let mut text = String::new();
    for batch in batches {
        for row in 0..batch.len() {
            text.clear();
            for column in 0..batch.cells.len() {
                batch.write_digest_text(row, column, &mut text);
                text.push('\u{1f}');
            }
            rows.push(Sha256::digest(text.as_bytes()).into());
        }
    }
    rows.sort_unstable();
    let mut hasher = Sha256::new();
    rows.iter().for_each(|row| hasher.update(row));
    domain::hex(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use catalog::Value;

    use super::*;

    fn rows(names: &[&str]) -> RowBatch {
        let row = |name: &&str| -> Vec<Value> { vec![(*name).into(), "us-east-1".into(), "use1-az1".into()] };
        RowBatch::of(catalog::dataset("offering").unwrap(), names.iter().map(row).collect()).unwrap()
    }

    fn report(outcome: ScopeOutcome, gaps: &[&str]) -> ScopeReport {
        ScopeReport {
            dataset: catalog::dataset("offering").unwrap(),
            scope: "us-east-1".into(),
            source: "AWS".into(),
            version: None,
            observed_from: Timestamp::UNIX_EPOCH,
            observed_at: Timestamp::UNIX_EPOCH,
            outcome,
            rows: 2,
            gaps: gaps.iter().map(|gap| (*gap).into()).collect(),
        }
    }

    #[test]
    fn the_digest_ignores_the_order_of_rows() {
        assert_eq!(digest(&[rows(&["a", "b"])]), digest(&[rows(&["b"]), rows(&["a"])]));
        assert_ne!(digest(&[rows(&["a", "b"])]), digest(&[rows(&["a", "c"])]));
        assert_ne!(digest(&[rows(&["a"])]), digest(&[rows(&["a", "a"])]));
    }

    #[test]
    fn recognises_a_delivery_that_would_change_nothing() {
        let told = |scope: &str, source: &str, version: &str, second: i64, outcome: &str| RunLogRow {
            run_id: "r".into(),
            dataset: "charge".into(),
            scope: scope.into(),
            source: source.into(),
            version: (!version.is_empty()).then(|| version.into()),
            observed_at: Timestamp::from_second(second).unwrap(),
            outcome: outcome.into(),
            rows: 2,
            gaps: vec![],
        };
        let check = |log: &[RunLogRow], second: i64, expected: Option<u64>| {
            let state = KnownReports::new(log.to_vec());
            let at = Timestamp::from_second(second).unwrap();
            assert_eq!(state.delivered("charge", "s3://b/e", "v1", at), expected, "{log:?}");
        };
        let ours = told("1/2026-10", "s3://b/e", "v1", 5, "complete");
        check(&[], 5, None);
        check(std::slice::from_ref(&ours), 5, Some(2));
        // Only its manifest was written again.
        check(std::slice::from_ref(&ours), 6, Some(2));
        check(&[ours.clone(), told("2/2026-10", "s3://b/e", "v1", 5, "complete")], 6, Some(4));
        check(&[told("1/2026-10", "s3://b/e", "v0", 5, "complete")], 5, None);
        check(&[told("1/2026-10", "s3://b/e", "v1", 5, "failed")], 5, None);
        // A newer delivery of the same export, then a report by another source. After the latter,
        // the first delivery could become the newest again.
        check(&[ours.clone(), told("1/2026-10", "s3://b/e", "v2", 9, "complete")], 5, None);
        let others = told("1/2026-10", "file.csv", "", 9, "complete");
        check(&[ours.clone(), others.clone()], 5, Some(2));
        check(&[ours.clone(), others], 10, None);
        // A partial report leaves it in force.
        check(&[ours, told("1/2026-10", "more.csv", "", 9, "partial")], 10, Some(2));
    }

    #[test]
    fn drops_the_rows_of_an_unchanged_report() {
        let logged = |version: String, outcome: &str| RunLogRow {
            run_id: "r".into(),
            dataset: "offering".into(),
            scope: "us-east-1".into(),
            source: "AWS".into(),
            version: Some(version),
            observed_at: Timestamp::UNIX_EPOCH,
            outcome: outcome.into(),
            rows: 2,
            gaps: vec![],
        };
        let check = |state: &KnownReports,
                     names: &[&str],
                     outcome: ScopeOutcome,
                     gaps: &[&str],
                     expected: (ScopeOutcome, usize)| {
            let (mut told, mut rows) = (report(outcome, gaps), vec![rows(names)]);
            state.drop_unchanged(&mut told, &mut rows);
            assert_eq!((told.outcome, rows.len()), expected);
        };
        let known = KnownReports::new(vec![logged(digest(&[rows(&["a", "b"])]), "complete")]);
        check(&known, &["b", "a"], ScopeOutcome::Complete, &[], (ScopeOutcome::Unchanged, 0));
        check(&known, &["b", "a"], ScopeOutcome::Partial, &[], (ScopeOutcome::Partial, 0));
        check(&known, &["b"], ScopeOutcome::Complete, &[], (ScopeOutcome::Complete, 1));
        // A report with gaps is no evidence that nothing has changed.
        check(&known, &["b", "a"], ScopeOutcome::Partial, &["page 3"], (ScopeOutcome::Partial, 1));
        let failed = KnownReports::new(vec![logged(digest(&[rows(&["a", "b"])]), "failed")]);
        check(&failed, &["b", "a"], ScopeOutcome::Complete, &[], (ScopeOutcome::Complete, 1));
    }

    #[test]
    fn heartbeats_do_not_move_the_time_of_measurements_by_aws() {
        let logged = |source: &str, second: i64| RunLogRow {
            run_id: "r".into(),
            dataset: "utilization".into(),
            scope: "1/us-east-1".into(),
            source: source.into(),
            version: None,
            observed_at: Timestamp::from_second(second).unwrap(),
            outcome: "partial".into(),
            rows: 2,
            gaps: vec![],
        };
        let state = KnownReports::new(vec![logged("AWS cloudwatch:GetMetricData", 1), logged(HEARTBEATS, 2)]);
        assert_eq!(state.known_until("utilization", "1/us-east-1").map(|at| at.as_second()), Some(1));
        let said = state.newest_of_source("utilization", "1/us-east-1", HEARTBEATS);
        assert_eq!(said.map(|told| told.observed_at.as_second()), Some(2));
    }
}
