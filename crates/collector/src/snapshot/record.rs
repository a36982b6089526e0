//! Records the runs of a snapshot in the lake.

use catalog::ports::{HEARTBEATS, ProfileAccount, ScopeOutcome, ScopeReport, Store};
use catalog::{Dataset, RowBatch};
use console::{Failure, Printer};
use domain::Timestamp;

use super::known_reports::KnownReports;
use crate::lake_failure;
use crate::summary::{self, SummaryLine};

/// A fetched run of one dataset: its new rows and its reports.
pub(crate) struct FetchedRun {
    pub(crate) dataset: &'static Dataset,
    /// The part of the run's name that tells it from other runs of the dataset.
    pub(crate) name: String,
    /// New rows. Some may belong to another dataset that the same query found.
    pub(crate) batches: Vec<(&'static Dataset, RowBatch)>,
    pub(crate) told: Vec<ScopeReport>,
    pub(crate) started: Timestamp,
}

impl FetchedRun {
    /// Returns a run with rows of its own dataset. Its name is the account or region, if one is
    /// given, and the start in microseconds since 1970.
    pub(crate) fn new(
        dataset: &'static Dataset,
        of: Option<&str>,
        batches: Vec<RowBatch>,
        told: Vec<ScopeReport>,
        started: Timestamp,
    ) -> FetchedRun {
        let stamp = started.as_microsecond();
        let name = of.map_or_else(|| stamp.to_string(), |of| format!("{of}-{stamp}"));
        let batches = batches.into_iter().map(|batch| (dataset, batch)).collect();
        FetchedRun { dataset, name, batches, told, started }
    }
}

/// Commits runs to the lake, and keeps the lines of the summary.
pub(crate) struct SnapshotRecorder<'a> {
    store: &'a dyn Store,
    clock: &'a dyn Fn() -> Timestamp,
    /// The lake's newest reports, those of this snapshot included.
    pub(crate) known: KnownReports,
    pub(crate) lines: Vec<SummaryLine>,
}

impl<'a> SnapshotRecorder<'a> {
    pub(crate) fn new(
        store: &'a dyn Store,
        clock: &'a dyn Fn() -> Timestamp,
        known: KnownReports,
    ) -> SnapshotRecorder<'a> {
        SnapshotRecorder { store, clock, known, lines: Vec::new() }
    }

    /// Commits a run and prints the result.
    pub(crate) fn record(&mut self, fetched: FetchedRun, printer: &mut Printer) -> Result<(), Failure> {
        let FetchedRun { dataset, name, batches, told, started } = fetched;
        let run_id = format!("snapshot-{}-{name}", dataset.name.replace('_', "-"));
        let begun = self.store.begin(&run_id).map_err(lake_failure)?;
        let mut run = begun.ok_or_else(|| {
            Failure::broken(format!("the lake already has a run named {run_id}"))
                .hint("try again in a second")
        })?;
        for (dataset, batch) in &batches {
            run.add(dataset, batch).map_err(lake_failure)?;
        }
        drop(batches);
        for told in &told {
            run.add_report(told.clone()).map_err(lake_failure)?;
        }
        let committed = run.commit((self.clock)()).map_err(lake_failure)?;
        let seconds = (self.clock)().duration_since(started).as_secs_f64();
        for told in &told {
            self.known.learn(told.to_log_row(&run_id));
        }
        let (own, others): (Vec<ScopeReport>, Vec<ScopeReport>) =
            told.into_iter().partition(|told| told.dataset.name == dataset.name);
        for told in [own, others] {
            let Some(name) = told.first().map(|told| told.dataset.name) else { continue };
            let added = committed.of(name);
            let lines = summary::lines(name, told, &added, Some(committed.manifest), seconds);
            printer.note(&summary::describe_run(name, &lines, &added, committed.manifest));
            self.lines.extend(lines);
        }
        Ok(())
    }

    /// Returns whether this snapshot already has a report of an account, so that two profiles of
    /// one account do not pay twice.
    pub(crate) fn has_report_of(&self, dataset: &Dataset, account: &ProfileAccount) -> bool {
        let is_of_account = |scope: &str| scope.split('/').next() == Some(account.account_id.as_str());
        let is_answer = |told: &ScopeReport| {
            told.dataset.name == dataset.name
                && told.source != HEARTBEATS
                && told.outcome != ScopeOutcome::Failed
        };
        let told = self.lines.iter().filter_map(|line| line.told.as_ref());
        told.into_iter().any(|told| is_answer(told) && is_of_account(&told.scope))
    }
}
