//! Zone ids by zone names.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use catalog::ports::Gap;

use crate::gap::gap;

/// Zone ids by zone names. Each account has its own zone names.
pub(crate) struct ZoneIds(BTreeMap<String, String>);

impl ZoneIds {
    /// Requests all zones of the client's region, including local zones.
    pub(crate) async fn of(client: &Client) -> Result<ZoneIds, Gap> {
        let answer = client.describe_availability_zones().all_availability_zones(true).send().await;
        let answer = answer.map_err(|error| gap("ec2:DescribeAvailabilityZones", &error))?;
        let pair = |zone: &aws_sdk_ec2::types::AvailabilityZone| {
            Some((zone.zone_name()?.to_string(), zone.zone_id()?.to_string()))
        };
        Ok(ZoneIds(answer.availability_zones().iter().filter_map(pair).collect()))
    }

    /// Requests the zone ids. If that fails, the error becomes a gap, and no zone name has an id.
    pub(crate) async fn or_gap(client: &Client, gaps: &mut Vec<Gap>) -> ZoneIds {
        ZoneIds::of(client).await.unwrap_or_else(|gap| {
            gaps.push(gap);
            ZoneIds(BTreeMap::new())
        })
    }

    /// Returns the given id, or else the id of the name.
    pub(crate) fn id(&self, id: Option<&str>, name: Option<&str>) -> Option<String> {
        id.map(String::from).or_else(|| self.0.get(name?).cloned())
    }
}
