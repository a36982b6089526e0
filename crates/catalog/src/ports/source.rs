//! The port to AWS, as the collector uses it.

use std::io::Read;

use domain::Timestamp;

use super::{Gap, ScopeReport, StopFlag};
use crate::{Dataset, RowBatch};

/// Reasons why a request to AWS failed as a whole. Each text is a lowercase fragment. The failure
/// of one region or page is not such an error; it becomes a gap in the scope's report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Credentials are missing or do not work.
    #[error("{0}")]
    Credentials(String),
    /// A stop was requested.
    #[error("interrupted")]
    Interrupted,
    /// The sink refused the rows.
    #[error("{0}")]
    Sink(String),
    /// Any other failure, such as no network.
    #[error("{0}")]
    Failed(String),
}

/// An account, as reached through one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileAccount {
    /// The profile's name; `None` is the default credentials chain.
    pub profile: Option<String>,
    /// The account number. Profiles with the same number are the same account.
    pub account_id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// Codes of the regions that can be queried.
    pub enabled: Vec<String>,
    /// Codes of the regions that the account has not opted into.
    pub disabled: Vec<String>,
    /// Seconds that this machine's clock is ahead of AWS's clock; negative if it is behind.
    pub ahead: i64,
}

/// A query for one dataset of one account in some regions.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotQuery<'a> {
    /// The dataset.
    pub dataset: &'static Dataset,
    /// The account to query.
    pub account: &'a ProfileAccount,
    /// Region codes.
    pub regions: &'a [String],
    /// Start of the history for each of `regions`; for datasets with a history.
    pub since: &'a [Timestamp],
    /// Further parameters of the request.
    pub asked: SnapshotRequest<'a>,
}

/// Number of metrics requested per instance for the dataset `utilization`.
pub const METRICS: u64 = 6;

/// The [`ScopeReport::source`] of figures that spawnd wrote into tags of its instances. A snapshot
/// of `instance` also reports `utilization` under this source, in regions that have such tags.
pub const HEARTBEATS: &str = "heartbeats of spawnd";

/// Further parameters of a query: some datasets are answers to a specific request.
#[derive(Debug, Clone, Copy)]
pub enum SnapshotRequest<'a> {
    /// Everything in the scope.
    All,
    /// Utilization of these instances, with a limit on the number of requested metrics.
    Instances {
        /// Instance ids, one list for each region of the query.
        ids: &'a [Vec<String>],
        /// End of the last period.
        until: Timestamp,
        /// Maximum number of metrics requested in all regions together. A repeated request counts
        /// again.
        most: u64,
    },
    /// Capacity for instances, now or as a block.
    Capacity(&'a CapacityRequest),
}

/// The capacity that a user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityRequest {
    /// Instance types. A score accepts any of them; blocks are requested for each type separately.
    pub types: Vec<String>,
    /// Number of instances.
    pub count: u32,
    /// Whether all instances must be in one zone; for a score.
    pub single_zone: bool,
    /// Duration in hours; for a block.
    pub hours: u32,
}

/// A document from AWS with the content of a file that `feeds` reads.
#[derive(Debug, Clone, Copy)]
pub enum AwsDocument<'a> {
    /// Daily costs from GetCostAndUsage: one answer per day, in the form that the AWS CLI prints.
    /// Every request costs $0.01, and at most `most` requests are made.
    Costs {
        /// The first day, such as `2026-11-03`.
        from: &'a str,
        /// The day after the last one.
        until: &'a str,
        /// The groupings; at most two.
        by: &'a [CostGroup],
        /// Maximum number of requests, including failed ones.
        most: u32,
    },
    /// Prices of an instance type in a region from GetProducts: products of AWS's price list.
    Prices {
        /// The instance type.
        instance_type: &'a str,
        /// The region code.
        region: &'a str,
    },
}

/// A grouping of costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CostGroup {
    /// A dimension in Cost Explorer's spelling, such as `SERVICE`.
    Dimension(&'static str),
    /// The values of the tag with this key.
    Tag(String),
}

/// The result of a document request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentSummary {
    /// AWS's clock at the first response.
    pub date: Option<Timestamp>,
    /// Number of requests made.
    pub requests: u32,
    /// Why the document is incomplete. The delivered parts are whole.
    pub ended: Option<Gap>,
    /// Gaps that apply to the whole document, such as a wrong clock.
    pub gaps: Vec<Gap>,
}

/// Receives the parts of a document. Each part can be read on its own. An error ends the document
/// with its text.
pub type PartSink<'a> = &'a mut dyn FnMut(String) -> Result<(), String>;

/// Receives rows of a dataset and a scope, without `run_id`. An error ends the query with its text.
pub type SnapshotRowSink<'a> = &'a mut dyn FnMut(&'static Dataset, &str, RowBatch) -> Result<(), String>;

/// A public file during its download.
pub struct PublicFile {
    /// The bytes; `None` if the server still has the known version.
    pub body: Option<Box<dyn Read>>,
    /// AWS's clock at the response.
    pub date: Option<Timestamp>,
    /// Time of the file's last change.
    pub modified: Option<Timestamp>,
    /// The server's ETag of this version.
    pub etag: Option<String>,
}

/// An S3 bucket, as reached through one profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Bucket<'a> {
    /// The profile's name; `None` is the default credentials chain.
    pub profile: Option<&'a str>,
    /// The bucket's name.
    pub name: &'a str,
}

/// An object in the listing of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Object {
    /// The key.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The ETag of this version.
    pub etag: String,
    /// Time of the last change.
    pub modified: Timestamp,
}

/// The IAM action for listing a bucket and finding its region, on the bucket itself.
pub const LIST_BUCKET: &str = "s3:ListBucket";

/// The IAM action for reading an object.
pub const GET_OBJECT: &str = "s3:GetObject";

/// Returns a gap for a clock that is more than five minutes off. `ahead` is in seconds, as in
/// [`ProfileAccount::ahead`]. Times recorded now are AWS's, but times that this machine recorded
/// before may be wrong.
pub fn describe_clock_skew(ahead: i64) -> Option<Gap> {
    (ahead.abs() > 300).then(|| {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let why = format!(
            "this machine's clock is {} min {way} AWS's clock; recorded times are AWS's",
            ahead.abs() / 60
        );
        Gap { action: None, code: Some("clock-skew".into()), why }
    })
}

/// AWS, as the collector uses it.
pub trait Source {
    /// Returns the account of a profile, with the regions that it can query.
    fn account(&self, profile: Option<&str>) -> Result<ProfileAccount, SourceError>;

    /// Collects a dataset in all the regions in parallel and returns the report of each scope. A
    /// failure in one region is a gap there; the rows of the other regions still reach the sink.
    fn snapshot(
        &self,
        look: &SnapshotQuery<'_>,
        stop: &StopFlag,
        sink: SnapshotRowSink<'_>,
    ) -> Result<Vec<ScopeReport>, SourceError>;

    /// Requests a document for an account.
    fn document(
        &self,
        account: &ProfileAccount,
        document: &AwsDocument<'_>,
        stop: &StopFlag,
        sink: PartSink<'_>,
    ) -> Result<DocumentSummary, SourceError>;

    /// Downloads a public file. The body is `None` if the server still has the version `known`. If
    /// the transfer breaks, reading the body fails; a body never ends early without an error.
    fn fetch(&self, url: &str, known: Option<&str>) -> Result<PublicFile, SourceError>;

    /// Returns all objects of a bucket with this key prefix, in key order.
    fn list(
        &self,
        bucket: &S3Bucket<'_>,
        prefix: &str,
        stop: &StopFlag,
    ) -> Result<Vec<S3Object>, SourceError>;

    /// Opens an object in the listed version.
    ///
    /// Errors: the object has changed or is gone. Reading fails if the transfer breaks or stalls,
    /// and if a stop is requested. A read that ends without an error has delivered all bytes.
    fn open<'a>(
        &'a self,
        bucket: &S3Bucket<'_>,
        object: &S3Object,
        stop: &'a StopFlag,
    ) -> Result<Box<dyn Read + 'a>, SourceError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_a_clock_that_is_off() {
        assert_eq!(describe_clock_skew(299), None);
        assert_eq!(
            describe_clock_skew(-720).map(|gap| gap.why).as_deref(),
            Some("this machine's clock is 12 min behind AWS's clock; recorded times are AWS's")
        );
    }
}
