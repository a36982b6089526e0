use super::filter::{Filter, matches};
use super::world::{Desk, World};
use super::{ApiError, Done};
use crate::facts::RegionFact;
use crate::wire::{Fields, Node, Part};

/// An image, as a launch needs it.
#[derive(Debug, Clone)]
pub(crate) struct Vessel {
    pub(crate) id: String,
    pub(crate) arch: String,
    pub(crate) root_device: String,
    pub(crate) root_gb: i64,
    pub(crate) encrypted: bool,
    pub(crate) snapshot: String,
}

/// Regions of the partition `aws` that every account can use ("AWS Regions", Account Management); those
/// that came after March 2019 have to be opted into.
const ALWAYS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

fn needs_opt_in(region: &RegionFact) -> bool {
    region.partition == "aws" && !ALWAYS.contains(&region.region.as_str())
}

impl World {
    /// Whether an account can use the region at all.
    pub(crate) fn has_region(&self, name: &str) -> bool {
        let opted_in = self.rules.opted_in.iter().any(|known| matches(known, name));
        let known = self.facts.regions.get(name);
        self.facts.zones.contains_key(name) && (opted_in || !known.is_some_and(needs_opt_in))
    }
}

impl Desk<'_> {
    /// The zone ids of this region.
    pub(crate) fn zones(&self) -> Vec<String> {
        self.facts.zones.get(self.region).cloned().unwrap_or_default()
    }

    /// Zone ids in the order in which this account names them: `a` is not the same place for everybody.
    fn shuffled(&self) -> &[String] {
        &self.here.network.zones
    }

    pub(crate) fn zone_name(&self, id: &str) -> String {
        let at = self.shuffled().iter().position(|zone| zone == id).unwrap_or(0);
        format!("{}{}", self.region, char::from(b'a' + at as u8))
    }

    pub(crate) fn zone_id(&self, name: &str) -> Done<String> {
        let found = self.shuffled().iter().find(|zone| self.zone_name(zone) == name);
        found.cloned().ok_or_else(|| ApiError::value(format!("Invalid availability zone: [{name}]")))
    }

    pub(crate) fn known_zone(&self, id: &str) -> Done<String> {
        let found = self.zones().into_iter().find(|zone| zone == id);
        found.ok_or_else(|| ApiError::value(format!("Invalid availability zone-id: [{id}]")))
    }

    /// What the account's state in a region is, in AWS's words.
    fn opt_in_status(&self, region: &RegionFact) -> &'static str {
        match (needs_opt_in(region), self.rules.opted_in.iter().any(|known| matches(known, &region.region))) {
            (false, _) => "opt-in-not-required",
            (true, true) => "opted-in",
            (true, false) => "not-opted-in",
        }
    }

    /// The regions of this partition that the account can use.
    pub(crate) fn enabled_regions(&self) -> Vec<&RegionFact> {
        let mut all = self.known_regions();
        all.retain(|region| self.opt_in_status(region) != "not-opted-in");
        all
    }

    fn known_regions(&self) -> Vec<&RegionFact> {
        let here = |region: &&RegionFact| {
            region.partition == self.partition() && self.facts.zones.contains_key(&region.region)
        };
        self.facts.regions.values().filter(here).collect()
    }

    /// DescribeRegions: those that the account can use, or all.
    pub(crate) fn describe_regions(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeRegions")?;
        let names = params.list("RegionName");
        let all = params.flag("AllRegions")?.unwrap_or(false);
        let known = self.known_regions();
        if let Some(unknown) = names.iter().find(|name| !known.iter().any(|region| region.region == **name)) {
            return Err(ApiError::value(format!("Invalid region name(s) '{unknown}'")));
        }
        let filters = Filter::read(params)?;
        let mut nodes: Vec<Node> = Vec::new();
        for region in if all { known } else { self.enabled_regions() } {
            let suffix = if region.partition == "aws-cn" { ".cn" } else { "" };
            let endpoint = format!("ec2.{}.amazonaws.com{suffix}", region.region);
            let status = self.opt_in_status(region);
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &Default::default(), |name| match name {
                "region-name" => one(&region.region),
                "endpoint" => one(&endpoint),
                "opt-in-status" => one(status),
                _ => None,
            })?;
            if fits && (names.is_empty() || names.contains(&region.region.as_str())) {
                let node = Fields::new()
                    .put("regionName", &region.region)
                    .put("regionEndpoint", &endpoint)
                    .put("optInStatus", status);
                nodes.push(node.into());
            }
        }
        self.ready(params)?;
        Ok(Fields::new().put("regionInfo", nodes).into())
    }

    /// DescribeAvailabilityZones.
    pub(crate) fn describe_zones(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeAvailabilityZones")?;
        params.flag("AllAvailabilityZones")?;
        let mut wanted = Vec::new();
        for name in params.list("ZoneName") {
            wanted.push(self.zone_id(name)?);
        }
        for id in params.list("ZoneId") {
            wanted.push(self.known_zone(id)?);
        }
        let filters = Filter::read(params)?;
        let group = format!("{}-zg-1", self.region);
        let long_name = self.facts.regions.get(self.region).map(|region| format!("{} 1", region.name));
        let mut nodes: Vec<Node> = Vec::new();
        for zone in self.shuffled().to_vec() {
            let name = self.zone_name(&zone);
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &Default::default(), |filter| match filter {
                "zone-name" => one(&name),
                "zone-id" => one(&zone),
                "zone-type" => one("availability-zone"),
                "region-name" | "network-border-group" => one(self.region),
                "group-name" => one(&group),
                "group-long-name" => Some(long_name.iter().map(|text| text.clone().into()).collect()),
                "state" => one("available"),
                "opt-in-status" => one("opt-in-not-required"),
                _ => None,
            })?;
            if fits && (wanted.is_empty() || wanted.contains(&zone)) {
                let node = Fields::new()
                    .put("zoneName", name)
                    .put("zoneState", "available")
                    .put("regionName", self.region)
                    .put("messageSet", Vec::new())
                    .put("zoneId", zone)
                    .put("groupName", &group)
                    .opt("groupLongName", long_name.as_deref())
                    .put("networkBorderGroup", self.region)
                    .put("optInStatus", "opt-in-not-required")
                    .put("zoneType", "availability-zone");
                nodes.push(node.into());
            }
        }
        self.ready(params)?;
        Ok(Fields::new().put("availabilityZoneInfo", nodes).into())
    }

    /// DescribeInstanceTypeOfferings.
    pub(crate) fn describe_offerings(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstanceTypeOfferings")?;
        let kind = params
            .one_of("LocationType", &["region", "availability-zone", "availability-zone-id", "outpost"])?
            .unwrap_or("region");
        let filters = Filter::read(params)?;
        let mut rows: Vec<(&String, String)> = Vec::new();
        for (name, zones) in self.facts.offerings.get(self.region).into_iter().flatten() {
            let places: Vec<String> = match kind {
                "region" if zones.is_empty() => Vec::new(),
                "region" => vec![self.region.to_string()],
                "availability-zone" => zones.iter().map(|zone| self.zone_name(zone)).collect(),
                "outpost" => Vec::new(),
                _ => zones.iter().cloned().collect(),
            };
            for place in places {
                let one = |text: &str| Some(vec![text.to_string().into()]);
                let fits = Filter::pass(&filters, &Default::default(), |filter| match filter {
                    "location" => one(&place),
                    "instance-type" => one(name),
                    _ => None,
                })?;
                if fits {
                    rows.push((name, place));
                }
            }
        }
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.ready(params)?;
        let node = |(name, place): (&String, String)| {
            Fields::new().put("instanceType", name).put("locationType", kind).put("location", place).into()
        };
        Ok(Fields::new()
            .put("instanceTypeOfferingSet", rows.into_iter().map(node).collect::<Vec<Node>>())
            .opt("nextToken", next)
            .into())
    }
}
