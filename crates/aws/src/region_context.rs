//! The parameters of a query in one region.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::SdkConfig;
use catalog::ports::Gap;
use domain::Timestamp;

use crate::clients::{self, ServerDate};

/// A query for one dataset in one region.
pub(crate) struct RegionContext {
    pub(crate) config: SdkConfig,
    pub(crate) dated: ServerDate,
    pub(crate) region: String,
    /// The account's number.
    pub(crate) account: String,
    /// Start of the history, for datasets with a history.
    pub(crate) since: Timestamp,
    /// End of the history.
    pub(crate) until: Timestamp,
    /// The instances to measure.
    pub(crate) instances: Vec<String>,
    pub(crate) allowance: Arc<MetricAllowance>,
}

impl RegionContext {
    /// Returns an EC2 client in the region.
    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        clients::ec2(&self.config, Some(&self.region), &self.dated)
    }
}

/// The budget of metrics that may be requested, for all regions together.
pub(crate) struct MetricAllowance {
    most: u64,
    requested: AtomicU64,
}

impl MetricAllowance {
    pub(crate) fn new(most: u64) -> MetricAllowance {
        MetricAllowance { most, requested: AtomicU64::new(0) }
    }

    /// Takes metrics from the budget, for a call of this action.
    pub(crate) fn take(&self, action: &'static str, metrics: u64) -> Result<(), Gap> {
        let before = self.requested.fetch_add(metrics, Ordering::Relaxed);
        if before + metrics <= self.most {
            return Ok(());
        }
        let why = format!(
            "{action}: the answers have more pages than the {} metrics that may be requested",
            self.most
        );
        Err(Gap::of_call(action, "limit", why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_requests_more_metrics_than_allowed() {
        let allowance = MetricAllowance::new(10);
        assert_eq!(allowance.take("a:B", 6), Ok(()));
        assert_eq!(allowance.take("a:B", 4), Ok(()));
        let refused = allowance.take("a:B", 1).unwrap_err();
        assert!(refused.why.contains("more pages than the 10 metrics"), "{refused}");
    }
}
