use crate::core::{ApiError, ApiResult, RegionView, matches};
use crate::engine::filter::{FilterTable, RequestFilters, one, own, owned};
use crate::facts::RegionFact;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The last letters of zone names, in order.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

fn endpoint(region: &RegionFact) -> String {
    let suffix = if region.partition == "aws-cn" { ".cn" } else { "" };
    format!("ec2.{}.amazonaws.com{suffix}", region.region)
}

/// An instance type that one location offers.
struct TypeOffering {
    instance_type: String,
    place: String,
}

/// The filters of DescribeRegions.
const REGION_FILTERS: FilterTable<RegionFact> = FilterTable {
    tags: None,
    tag: None,
    named: &[
        ("endpoint", |_, region| own(endpoint(region))),
        ("opt-in-status", |desk, region| one(desk.opt_in_status(region))),
        ("region-name", |_, region| one(&region.region)),
    ],
    bare: &[],
};

/// The filters of DescribeAvailabilityZones, over zone ids.
const ZONE_FILTERS: FilterTable<String> = FilterTable {
    tags: None,
    tag: None,
    named: &[
        ("group-long-name", |desk, _| owned(desk.zone_group_name())),
        ("group-name", |desk, _| own(desk.zone_group())),
        ("network-border-group", |desk, _| one(desk.region)),
        ("opt-in-status", |_, _| one("opt-in-not-required")),
        ("region-name", |desk, _| one(desk.region)),
        ("state", |_, _| one("available")),
        ("zone-id", |_, zone| one(zone)),
        ("zone-name", |desk, zone| own(desk.zone_name(zone))),
        ("zone-type", |_, _| one("availability-zone")),
    ],
    bare: &["message", "parent-zone-id", "parent-zone-name"],
};

/// The filters of DescribeInstanceTypeOfferings.
const OFFER_FILTERS: FilterTable<TypeOffering> = FilterTable {
    tags: None,
    tag: None,
    named: &[
        ("instance-type", |_, offer| one(&offer.instance_type)),
        ("location", |_, offer| one(&offer.place)),
    ],
    bare: &[],
};

impl RegionView<'_> {
    /// Returns the zone ids of this region.
    pub(crate) fn zones(&self) -> Vec<String> {
        self.facts.zones.get(self.region).cloned().unwrap_or_default()
    }

    /// Returns the zone ids in the account's order: the zone with the letter `a` differs between
    /// accounts.
    fn zones_by_letter(&self) -> &[String] {
        &self.here.network.zones
    }

    pub(crate) fn zone_name(&self, id: &str) -> String {
        format!("{}{}", self.region, self.zone_letter(id))
    }

    /// Returns the letter of a zone in this account.
    pub(crate) fn zone_letter(&self, id: &str) -> &'static str {
        let at = self.zones_by_letter().iter().position(|zone| zone == id).unwrap_or(0);
        &LETTERS[at..=at]
    }

    pub(crate) fn zone_id(&self, name: &str) -> ApiResult<String> {
        let found = self.zones_by_letter().iter().find(|zone| self.zone_name(zone) == name);
        found.cloned().ok_or_else(|| ApiError::value(format!("Invalid availability zone: [{name}]")))
    }

    pub(crate) fn known_zone(&self, id: &str) -> ApiResult<String> {
        let found = self.zones().into_iter().find(|zone| zone == id);
        found.ok_or_else(|| ApiError::value(format!("Invalid availability zone-id: [{id}]")))
    }

    /// Returns a region's opt-in status, in AWS's terms.
    fn opt_in_status(&self, region: &RegionFact) -> &'static str {
        match (region.needs_opt_in(), self.rules.opted_in.iter().any(|known| matches(known, &region.region)))
        {
            (false, _) => "opt-in-not-required",
            (true, true) => "opted-in",
            (true, false) => "not-opted-in",
        }
    }

    /// Returns the regions of this partition that the account can use.
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

    /// Serves DescribeRegions: the regions that the account can use, or all.
    pub(crate) fn describe_regions(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeRegions")?;
        let names = params.list("RegionName");
        let all = params.flag("AllRegions")?.unwrap_or(false);
        let known = self.known_regions();
        if let Some(unknown) = names.iter().find(|name| !known.iter().any(|region| region.region == **name)) {
            return Err(ApiError::value(format!("Invalid region name(s) '{unknown}'")));
        }
        let filters = RequestFilters::read(params, &REGION_FILTERS)?;
        let mut nodes: Vec<XmlContent> = Vec::new();
        for region in if all { known } else { self.enabled_regions() } {
            let named = names.is_empty() || names.contains(&region.region.as_str());
            if named && filters.matches_row(self, region) {
                let node = XmlFields::new()
                    .put("regionName", &region.region)
                    .put("regionEndpoint", endpoint(region))
                    .put("optInStatus", self.opt_in_status(region));
                nodes.push(node.into());
            }
        }
        self.finish_checks(params)?;
        Ok(XmlFields::new().put("regionInfo", nodes).into())
    }

    /// Serves DescribeAvailabilityZones.
    pub(crate) fn describe_zones(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeAvailabilityZones")?;
        params.flag("AllAvailabilityZones")?;
        let mut wanted = Vec::new();
        for name in params.list("ZoneName") {
            wanted.push(self.zone_id(name)?);
        }
        for id in params.list("ZoneId") {
            wanted.push(self.known_zone(id)?);
        }
        let filters = RequestFilters::read(params, &ZONE_FILTERS)?;
        let mut nodes: Vec<XmlContent> = Vec::new();
        for zone in self.zones_by_letter() {
            if (wanted.is_empty() || wanted.contains(zone)) && filters.matches_row(self, zone) {
                let node = XmlFields::new()
                    .put("zoneName", self.zone_name(zone))
                    .put("zoneState", "available")
                    .put("regionName", self.region)
                    .put("messageSet", Vec::new())
                    .put("zoneId", zone)
                    .put("groupName", self.zone_group())
                    .opt("groupLongName", self.zone_group_name())
                    .put("networkBorderGroup", self.region)
                    .put("optInStatus", "opt-in-not-required")
                    .put("zoneType", "availability-zone");
                nodes.push(node.into());
            }
        }
        self.finish_checks(params)?;
        Ok(XmlFields::new().put("availabilityZoneInfo", nodes).into())
    }

    fn zone_group(&self) -> String {
        format!("{}-zg-1", self.region)
    }

    fn zone_group_name(&self) -> Option<String> {
        self.facts.regions.get(self.region).map(|region| format!("{} 1", region.name))
    }

    /// Serves DescribeInstanceTypeOfferings.
    pub(crate) fn describe_offerings(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeInstanceTypeOfferings")?;
        let kind = params
            .one_of("LocationType", &["region", "availability-zone", "availability-zone-id", "outpost"])?
            .unwrap_or("region");
        let filters = RequestFilters::read(params, &OFFER_FILTERS)?;
        let mut rows: Vec<TypeOffering> = Vec::new();
        for (name, zones) in self.facts.offerings.get(self.region).into_iter().flatten() {
            let places: Vec<String> = match kind {
                "region" if zones.is_empty() => Vec::new(),
                "region" => vec![self.region.to_string()],
                "availability-zone" => zones.iter().map(|zone| self.zone_name(zone)).collect(),
                "outpost" => Vec::new(),
                _ => zones.iter().cloned().collect(),
            };
            rows.extend(places.into_iter().map(|place| TypeOffering { instance_type: name.clone(), place }));
        }
        let rows = rows.into_iter().filter(|offer| filters.matches_row(self, offer));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("instanceTypeOfferingSet", rows, |fields, offer| {
            let fields = fields.put("instanceType", &offer.instance_type);
            fields.put("locationType", kind).put("location", &offer.place)
        });
        Ok(answer.opt("nextToken", next).into())
    }
}
