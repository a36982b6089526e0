use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use domain::Timestamp;

use crate::ports::{
    AwsDocument, DocumentSummary, Gap, PartSink, ProfileAccount, PublicFile, S3Bucket, S3Object,
    ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRowSink, Source, SourceError, StopFlag,
};
use crate::{Dataset, DatasetScope, RowBatch};

/// AWS in memory: one account, the rows of each dataset and region, and public files.
pub struct MemorySource {
    account: ProfileAccount,
    now: Timestamp,
    regions: BTreeMap<(&'static str, String), Result<RowBatch, String>>,
    files: BTreeMap<String, Vec<u8>>,
    stop_after: Option<usize>,
}

impl MemorySource {
    /// Returns an AWS without data, as this account sees it at `now`.
    pub fn new(account: ProfileAccount, now: Timestamp) -> MemorySource {
        MemorySource { account, now, regions: BTreeMap::new(), files: BTreeMap::new(), stop_after: None }
    }

    /// Adds the rows of a dataset in a region, or the reason why they cannot be read.
    pub fn region(
        mut self,
        dataset: &'static Dataset,
        region: &str,
        rows: Result<RowBatch, &str>,
    ) -> MemorySource {
        self.regions.insert((dataset.name, region.into()), rows.map_err(String::from));
        self
    }

    /// Adds a public file.
    pub fn file(mut self, url: &str, bytes: impl Into<Vec<u8>>) -> MemorySource {
        self.files.insert(url.into(), bytes.into());
        self
    }

    /// Requests a stop, as the user does with Ctrl-C, after the rows of this number of regions.
    pub fn stop_after(mut self, regions: usize) -> MemorySource {
        self.stop_after = Some(regions);
        self
    }

    fn scope(&self, dataset: &Dataset, region: &str) -> String {
        match dataset.scope {
            DatasetScope::All => "*".into(),
            DatasetScope::Region => region.into(),
            DatasetScope::Account => self.account.account_id.clone(),
            DatasetScope::AccountRegion | DatasetScope::Request | DatasetScope::Bill => {
                format!("{}/{region}", self.account.account_id)
            }
        }
    }

    fn report(&self, dataset: &'static Dataset, scope: String, rows: Result<usize, &str>) -> ScopeReport {
        ScopeReport {
            dataset,
            scope,
            source: "memory".into(),
            version: None,
            observed_from: self.now,
            observed_at: self.now,
            outcome: match rows {
                Err(_) => ScopeOutcome::Failed,
                Ok(0) => ScopeOutcome::Empty,
                Ok(_) => ScopeOutcome::Complete,
            },
            rows: rows.unwrap_or(0) as u64,
            gaps: rows.err().into_iter().map(Gap::from).collect(),
        }
    }
}

impl Source for MemorySource {
    fn account(&self, profile: Option<&str>) -> Result<ProfileAccount, SourceError> {
        Ok(ProfileAccount { profile: profile.map(String::from), ..self.account.clone() })
    }

    fn snapshot(
        &self,
        look: &SnapshotQuery<'_>,
        stop: &StopFlag,
        sink: SnapshotRowSink<'_>,
    ) -> Result<Vec<ScopeReport>, SourceError> {
        let mut reports = Vec::new();
        for (at, region) in look.regions.iter().enumerate() {
            if self.stop_after == Some(at) {
                stop.flag().store(true, std::sync::atomic::Ordering::Relaxed);
            }
            if stop.is_requested() {
                return Err(SourceError::Interrupted);
            }
            let scope = self.scope(look.dataset, region);
            let rows = match self.regions.get(&(look.dataset.name, region.clone())) {
                None => Ok(0),
                Some(Err(why)) => Err(why.as_str()),
                Some(Ok(batch)) => {
                    sink(look.dataset, &scope, batch.clone()).map_err(SourceError::Sink)?;
                    Ok(batch.len())
                }
            };
            reports.push(self.report(look.dataset, scope, rows));
        }
        Ok(reports)
    }

    fn document(
        &self,
        _: &ProfileAccount,
        _: &AwsDocument<'_>,
        _: &StopFlag,
        _: PartSink<'_>,
    ) -> Result<DocumentSummary, SourceError> {
        Ok(DocumentSummary { date: Some(self.now), ..DocumentSummary::default() })
    }

    fn fetch(&self, url: &str, _: Option<&str>) -> Result<PublicFile, SourceError> {
        let bytes =
            self.files.get(url).ok_or_else(|| SourceError::Failed(format!("{url} does not exist")))?;
        let body: Box<dyn Read> = Box::new(Cursor::new(bytes.clone()));
        Ok(PublicFile { body: Some(body), date: Some(self.now), modified: Some(self.now), etag: None })
    }

    fn list(&self, _: &S3Bucket<'_>, _: &str, _: &StopFlag) -> Result<Vec<S3Object>, SourceError> {
        Ok(Vec::new())
    }

    fn open<'a>(
        &'a self,
        _: &S3Bucket<'_>,
        object: &S3Object,
        _: &'a StopFlag,
    ) -> Result<Box<dyn Read + 'a>, SourceError> {
        Err(SourceError::Failed(format!("{} does not exist", object.key)))
    }
}

/// A call of [`Source`] that [`FailingSource`] can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceCall {
    /// [`Source::account`].
    Account,
    /// [`Source::snapshot`].
    Snapshot,
    /// [`Source::document`].
    Document,
    /// [`Source::fetch`].
    Fetch,
    /// [`Source::list`].
    List,
    /// [`Source::open`].
    Open,
}

/// A source of which one call fails. All other calls reach the inner source.
pub struct FailingSource<S> {
    /// The inner source.
    pub inner: S,
    /// The call that fails.
    pub call: SourceCall,
    /// The error.
    pub error: SourceError,
}

impl<S> FailingSource<S> {
    fn check(&self, call: SourceCall) -> Result<(), SourceError> {
        if self.call == call { Err(self.error.clone()) } else { Ok(()) }
    }
}

impl<S: Source> Source for FailingSource<S> {
    fn account(&self, profile: Option<&str>) -> Result<ProfileAccount, SourceError> {
        self.check(SourceCall::Account)?;
        self.inner.account(profile)
    }

    fn snapshot(
        &self,
        look: &SnapshotQuery<'_>,
        stop: &StopFlag,
        sink: SnapshotRowSink<'_>,
    ) -> Result<Vec<ScopeReport>, SourceError> {
        self.check(SourceCall::Snapshot)?;
        self.inner.snapshot(look, stop, sink)
    }

    fn document(
        &self,
        account: &ProfileAccount,
        document: &AwsDocument<'_>,
        stop: &StopFlag,
        sink: PartSink<'_>,
    ) -> Result<DocumentSummary, SourceError> {
        self.check(SourceCall::Document)?;
        self.inner.document(account, document, stop, sink)
    }

    fn fetch(&self, url: &str, known: Option<&str>) -> Result<PublicFile, SourceError> {
        self.check(SourceCall::Fetch)?;
        self.inner.fetch(url, known)
    }

    fn list(
        &self,
        bucket: &S3Bucket<'_>,
        prefix: &str,
        stop: &StopFlag,
    ) -> Result<Vec<S3Object>, SourceError> {
        self.check(SourceCall::List)?;
        self.inner.list(bucket, prefix, stop)
    }

    fn open<'a>(
        &'a self,
        bucket: &S3Bucket<'_>,
        object: &S3Object,
        stop: &'a StopFlag,
    ) -> Result<Box<dyn Read + 'a>, SourceError> {
        self.check(SourceCall::Open)?;
        self.inner.open(bucket, object, stop)
    }
}
