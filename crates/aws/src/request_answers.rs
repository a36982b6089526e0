//! Answers to requests for capacity. Each answer is stored with its request, because it is valid
//! for that request only. Requests are sent one after the other, because AWS limits an account's
//! new requests in a day.

use std::future::Future;

use aws_config::SdkConfig;
use catalog::RowBatch;
use catalog::ports::{
    Gap, ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRowSink, SourceError, StopFlag,
    describe_clock_skew,
};
use domain::Timestamp;

use crate::row_sink::DatasetRows;
use crate::stopping::unless_stopped;
use crate::values::source_of;

/// One scope's request and its answer.
pub(crate) struct RequestAnswer {
    pub(crate) request: String,
    pub(crate) rows: DatasetRows,
    pub(crate) date: Option<Timestamp>,
    /// The reason why the answer is missing or incomplete.
    pub(crate) gap: Option<Gap>,
}

/// Gives the rows of answers to the sink, and keeps their reports.
pub(crate) struct AnswerRecorder<'a> {
    pub(crate) config: &'a SdkConfig,
    pub(crate) query: &'a SnapshotQuery<'a>,
    clock: fn() -> Timestamp,
    stop: &'a StopFlag,
    sink: SnapshotRowSink<'a>,
    reports: Vec<ScopeReport>,
}

impl<'a> AnswerRecorder<'a> {
    pub(crate) fn new(
        config: &'a SdkConfig,
        query: &'a SnapshotQuery<'a>,
        clock: fn() -> Timestamp,
        stop: &'a StopFlag,
        sink: SnapshotRowSink<'a>,
    ) -> AnswerRecorder<'a> {
        AnswerRecorder { config, query, clock, stop, sink, reports: Vec::new() }
    }

    /// Waits for a request. Returns early when the user stops the command.
    pub(crate) async fn wait<T>(&self, request: impl Future<Output = T>) -> Result<T, SourceError> {
        unless_stopped(self.stop, request).await
    }

    /// Gives an answer's rows to the sink, and keeps its report.
    pub(crate) fn record(&mut self, answer: RequestAnswer) -> Result<(), SourceError> {
        let dataset = self.query.dataset;
        let rows = answer.rows.len() as u64;
        if rows > 0 {
            let batch = RowBatch::of(dataset, answer.rows).map_err(SourceError::Sink)?;
            (self.sink)(dataset, &answer.request, batch).map_err(SourceError::Sink)?;
        }
        let observed_at = answer.date.unwrap_or_else(self.clock);
        self.reports.push(ScopeReport {
            dataset,
            scope: answer.request,
            source: source_of(dataset),
            version: None,
            observed_from: observed_at,
            observed_at,
            outcome: match (&answer.gap, rows) {
                (None, 0) => ScopeOutcome::Empty,
                (None, _) => ScopeOutcome::Complete,
                (Some(_), 0) => ScopeOutcome::Failed,
                (Some(_), _) => ScopeOutcome::Partial,
            },
            rows,
            gaps: answer.gap.into_iter().chain(describe_clock_skew(self.query.account.ahead)).collect(),
        });
        Ok(())
    }

    /// Returns the report of each answer.
    pub(crate) fn finish(self) -> Vec<ScopeReport> {
        self.reports
    }
}
