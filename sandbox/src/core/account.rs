//! The state of an account: its IAM directory, regions, bills and trail.

use std::collections::BTreeMap;

use domain::{Decimal, Timestamp};
use serde::{Deserialize, Serialize};

use super::iam_directory::{IamDirectory, Principal};
use super::instance::ResourceTags;
use super::resources::RegionResources;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SandboxAccount {
    pub(crate) iam: IamDirectory,
    pub(crate) regions: BTreeMap<String, RegionResources>,
    pub(crate) usage: Vec<UsageRecord>,
    pub(crate) trail: Vec<TrailEvent>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub(crate) secret: String,
    pub(crate) session: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) principal: Principal,
}

/// The CloudTrail record of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TrailEvent {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) action: String,
    pub(crate) who: String,
    pub(crate) access_key: String,
    pub(crate) error: Option<String>,
}

/// A billing record: one period in which an instance ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsageRecord {
    pub(crate) instance: String,
    pub(crate) region: String,
    pub(crate) instance_type: String,
    pub(crate) spot: bool,
    /// The zone id.
    pub(crate) zone: String,
    pub(crate) rate: HourlyRate,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
    /// The last tags that the instance had while it ran.
    #[serde(default)]
    pub(crate) tags: ResourceTags,
}

/// A price in USD per hour. An unknown price counts as zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HourlyRate(pub(crate) Decimal);

impl From<HourlyRate> for String {
    fn from(rate: HourlyRate) -> String {
        rate.0.to_string()
    }
}

impl TryFrom<String> for HourlyRate {
    type Error = <Decimal as std::str::FromStr>::Err;

    fn try_from(text: String) -> Result<HourlyRate, Self::Error> {
        text.parse().map(HourlyRate)
    }
}
