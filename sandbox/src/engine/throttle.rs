use std::collections::BTreeMap;

use domain::Timestamp;

use crate::core::{ApiCall, ApiError, ApiResult, SandboxWorld};
use crate::wire::QueryParams;

/// Token buckets by account, region and action. They are not stored: a restart fills them.
#[derive(Debug, Default)]
pub(crate) struct ThrottleBuckets(BTreeMap<(String, String, String), (f64, Timestamp)>);

/// Actions that use a smaller bucket when the call has neither a filter nor a page size.
const UNFILTERED: [&str; 6] = [
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
];

/// "Request throttling for the Amazon EC2 API", uncategorized actions: size and refill per second.
const OWN: [(&str, f64, f64); 13] = [
    ("AssociateIamInstanceProfile", 100.0, 5.0),
    ("CreateSnapshot", 100.0, 5.0),
    ("CreateTags", 100.0, 10.0),
    ("CreateVolume", 100.0, 5.0),
    ("DeleteSnapshot", 100.0, 5.0),
    ("DeleteTags", 100.0, 10.0),
    ("DeleteVolume", 100.0, 5.0),
    ("DeregisterImage", 100.0, 5.0),
    ("DisassociateIamInstanceProfile", 100.0, 5.0),
    ("ModifyInstanceMetadataOptions", 100.0, 5.0),
    ("RunInstances", 5.0, 2.0),
    ("StartInstances", 5.0, 2.0),
    ("TerminateInstances", 100.0, 5.0),
];

/// The same document, resource token buckets: size and refill per second.
const RESOURCES: [(&str, f64, f64); 4] = [
    ("RunInstances", 1000.0, 2.0),
    ("StartInstances", 1000.0, 2.0),
    ("StopInstances", 1000.0, 20.0),
    ("TerminateInstances", 1000.0, 20.0),
];

fn bucket(action: &str, unfiltered: bool) -> (f64, f64) {
    if let Some((_, size, refill)) = OWN.iter().find(|(name, _, _)| *name == action) {
        return (*size, *refill);
    }
    let reads = ["Describe", "List", "Search", "Get"].iter().any(|begin| action.starts_with(begin));
    match (reads, unfiltered && UNFILTERED.contains(&action)) {
        (true, true) => (50.0, 10.0),
        (true, false) => (100.0, 20.0),
        _ => (50.0, 5.0),
    }
}

impl ThrottleBuckets {
    /// Takes the call's tokens from its buckets. Fails with `RequestLimitExceeded` if one is empty.
    pub(crate) fn throttle(&mut self, world: &SandboxWorld, now: Timestamp, call: &ApiCall) -> ApiResult<()> {
        if !world.rules.throttling.0 || call.service != "ec2" {
            return Ok(());
        }
        let account = world.key(&call.access_key).map_or("", |key| key.principal.account());
        let params = QueryParams::parse(call.body.as_bytes()).unwrap_or_default();
        self.take(now, account, &call.region, &call.action, &params)
    }

    fn take(
        &mut self,
        now: Timestamp,
        account: &str,
        region: &str,
        action: &str,
        params: &QueryParams,
    ) -> ApiResult<()> {
        let whole = params.whole();
        let narrowed = whole.part("Filter").is_there() || whole.text("MaxResults").is_some();
        let (size, refill) = bucket(action, !narrowed);
        let kind = if narrowed { action.to_string() } else { format!("{action} of all") };
        self.draw(now, account, region, &kind, (size, refill), 1.0)?;
        if let Some((_, size, refill)) = RESOURCES.iter().find(|(name, _, _)| *name == action) {
            let count = match action {
                "RunInstances" => whole.number("MaxCount").ok().flatten().unwrap_or(1).max(1) as f64,
                _ => whole.list("InstanceId").len().max(1) as f64,
            };
            self.draw(now, account, region, &format!("{action} resources"), (*size, *refill), count)?;
        }
        Ok(())
    }

    fn draw(
        &mut self,
        now: Timestamp,
        account: &str,
        region: &str,
        kind: &str,
        (size, refill): (f64, f64),
        count: f64,
    ) -> ApiResult<()> {
        let key = (account.to_string(), region.to_string(), kind.to_string());
        let (held, since) = self.0.entry(key).or_insert((size, now));
        let passed = now.duration_since(*since).as_secs_f64().max(0.0);
        *held = (*held + passed * refill).min(size);
        *since = now;
        if *held < count {
            return Err(ApiError::new("RequestLimitExceeded", "Request limit exceeded."));
        }
        *held -= count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks how many calls succeed at once, and how many after ten more seconds.
    fn check(action: &str, form: &str, at_once: usize, later: usize) {
        let mut buckets = ThrottleBuckets::default();
        let params = QueryParams::parse(form.as_bytes()).unwrap();
        let mut passed = |second| {
            let now = Timestamp::from_second(second).unwrap();
            (0..2000).take_while(|_| buckets.take(now, "a", "r", action, &params).is_ok()).count()
        };
        assert_eq!((passed(0), passed(10)), (at_once, later), "{action} {form}");
    }

    #[test]
    fn buckets_have_the_documented_sizes() {
        check("DescribeInstances", "", 50, 50);
        check("DescribeInstances", "MaxResults=5", 100, 100);
        check("DescribeInstances", "Filter.1.Name=vpc-id", 100, 100);
        check("DescribeRegions", "", 100, 100);
        check("CreateKeyPair", "", 50, 50);
        check("RunInstances", "MaxCount=1", 5, 5);
        check("RunInstances", "MaxCount=400", 2, 0);
        check("CreateTags", "", 100, 100);
        check("StopInstances", "InstanceId.1=i-1", 50, 50);
    }
}
