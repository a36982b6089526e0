//! The port to AWS, as the collector sees it.

use std::io::Read;

use domain::Timestamp;

use super::{Stop, Told};
use crate::{Batch, Dataset};

/// Why AWS could not be asked at all. Each text is a lowercase fragment; a region or a page that fails is no such
/// error but a gap in what is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There are no credentials, or they do not work.
    #[error("{0}")]
    Credentials(String),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The rows could not be taken.
    #[error("{0}")]
    Sink(String),
    /// Anything else, such as no network.
    #[error("{0}")]
    Failed(String),
}

/// An account as one profile reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The profile that was named; none is the default chain of credentials.
    pub profile: Option<String>,
    /// Its number: two profiles of one account are one account.
    pub account_id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// Region codes that can be asked.
    pub enabled: Vec<String>,
    /// Region codes that the account has not opted into.
    pub disabled: Vec<String>,
    /// How far this machine's clock is ahead of AWS's, seconds; below 0 it is behind.
    pub ahead: i64,
}

/// One dataset of one account, in some regions.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The dataset.
    pub dataset: &'static Dataset,
    /// Whose eyes see.
    pub account: &'a Account,
    /// Region codes.
    pub regions: &'a [String],
    /// For what has a history: from when, for each of `regions`.
    pub since: &'a [Timestamp],
    /// What is asked beside that.
    pub asked: Asked<'a>,
}

/// Metrics that are requested of each instance for the dataset `utilization`.
pub const METRICS: u64 = 6;

/// The [`Told::source`] of what spawnd wrote into tags of its instances: a look at `instance` also tells of
/// `utilization` by it, in regions where there is any.
pub const HEARTBEATS: &str = "heartbeats of spawnd";

/// What a look asks beside where and since when: some datasets are answers to a request.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// Everything there is.
    All,
    /// How busy these instances were: ids for each of the look's regions. At most `most` metrics are requested.
    Instances {
        /// Instance ids, a list for each region.
        ids: &'a [Vec<String>],
        /// The end of the last period.
        until: Timestamp,
        /// Metrics that may be requested in all regions together, each time that one is.
        most: u64,
    },
    /// Room for instances, now or in a block.
    Capacity(&'a Room),
}

/// Room for instances that somebody would like to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Instance types: for a score any of them will do, blocks are asked for one by one.
    pub types: Vec<String>,
    /// Instances.
    pub count: u32,
    /// All of them in one zone; for a score.
    pub single_zone: bool,
    /// How long they are needed, hours; for a block.
    pub hours: u32,
}

/// A document of AWS that says what files say too, for `feeds` to read.
#[derive(Debug, Clone, Copy)]
pub enum Document<'a> {
    /// What each day cost, by GetCostAndUsage: for each day one answer as the aws CLI prints it. Every request costs
    /// $0.01, and at most `most` are made.
    Costs {
        /// The first day, such as `2026-11-03`.
        from: &'a str,
        /// The day after the last one.
        until: &'a str,
        /// By what; two at most.
        by: &'a [CostGroup],
        /// Requests that may be made, failed ones too.
        most: u32,
    },
    /// What an instance type costs in a region, by GetProducts: the products of AWS's price list one by one.
    Prices {
        /// The type.
        instance_type: &'a str,
        /// The region's code.
        region: &'a str,
    },
}

/// By what costs are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CostGroup {
    /// A dimension of Cost Explorer, in its spelling, such as `SERVICE`.
    Dimension(&'static str),
    /// The values of a tag with this key.
    Tag(String),
}

/// How a document came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// AWS's clock at its first answer.
    pub date: Option<Timestamp>,
    /// Requests that were made.
    pub requests: u32,
    /// Why it ended before its end; what was handed over is whole all the same.
    pub ended: Option<String>,
    /// What is to be said of all of it, such as a clock that is off.
    pub gaps: Vec<String>,
}

/// Takes parts of a document, each of which can be read by itself. An error ends it with that text.
pub type PartSink<'a> = &'a mut dyn FnMut(String) -> Result<(), String>;

/// Takes rows of a dataset and a scope, without `run_id`. An error ends the look with that text.
pub type SeenSink<'a> = &'a mut dyn FnMut(&'static Dataset, &str, Batch) -> Result<(), String>;

/// A public file on its way.
pub struct Fetched {
    /// Its bytes; none when the server still has the state that is known.
    pub body: Option<Box<dyn Read>>,
    /// AWS's clock when it answered.
    pub date: Option<Timestamp>,
    /// When the file was last changed.
    pub modified: Option<Timestamp>,
    /// What the server calls this state of it.
    pub etag: Option<String>,
}

/// A bucket of S3 as one profile reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// The profile that was named; none is the default chain of credentials.
    pub profile: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
}

/// An object of a bucket, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub bytes: u64,
    /// What S3 calls this state of it.
    pub etag: String,
    /// When it was written.
    pub modified: Timestamp,
}

/// The IAM action by which a bucket is listed and its region found, on the bucket itself.
pub const LIST_BUCKET: &str = "s3:ListBucket";

/// The IAM action by which an object is read.
pub const GET_OBJECT: &str = "s3:GetObject";

/// What is said of a clock that is so many seconds ahead of AWS's, when that is more than five minutes: what is
/// written down now is AWS's time, but what this machine wrote before may be wrong.
pub fn skew(ahead: i64) -> Option<String> {
    (ahead.abs() > 300).then(|| {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        format!("this machine's clock is {} min {way} AWS's; AWS's is written down", ahead.abs() / 60)
    })
}

/// AWS, as the collector sees it.
pub trait Source {
    /// Who a profile is and which regions it can ask.
    fn account(&self, profile: Option<&str>) -> Result<Account, SourceError>;

    /// Looks at a dataset in all the regions side by side, and tells of each scope how it ended: whatever fails in
    /// one region is a gap there, and the others land.
    fn look(&self, look: &Look<'_>, stop: &Stop, sink: SeenSink<'_>) -> Result<Vec<Told>, SourceError>;

    /// Asks an account for a document.
    fn document(
        &self,
        account: &Account,
        document: &Document<'_>,
        stop: &Stop,
        sink: PartSink<'_>,
    ) -> Result<Delivered, SourceError>;

    /// Fetches a public file by its address; its body is none when the server still has the state called `known`, and
    /// an error, never short, when the transfer breaks.
    fn fetch(&self, url: &str, known: Option<&str>) -> Result<Fetched, SourceError>;

    /// The objects of a bucket whose keys begin with `prefix`, of all pages, in the order of their keys.
    fn list(&self, bucket: &Bucket<'_>, prefix: &str, stop: &Stop) -> Result<Vec<Object>, SourceError>;

    /// Opens an object in the state in which it was listed. When it is in another one, or gone, that is an error; so is
    /// a transfer that breaks or stalls, and somebody's wish to stop, when it is read: what ends has all its bytes.
    fn open<'a>(
        &'a self,
        bucket: &Bucket<'_>,
        object: &Object,
        stop: &'a Stop,
    ) -> Result<Box<dyn Read + 'a>, SourceError>;

    /// The IAM actions that a look at the dataset needs; none where the dataset is public.
    fn actions(&self, dataset: &Dataset) -> &'static [&'static str];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_said() {
        assert_eq!(skew(299), None);
        assert_eq!(
            skew(-720).as_deref(),
            Some("this machine's clock is 12 min behind AWS's; AWS's is written down")
        );
    }
}
