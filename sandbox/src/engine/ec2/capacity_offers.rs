//! Spot placement scores, and capacity blocks on offer.

use domain::{Decimal, Timestamp};
use jiff::{SignedDuration, ToSpan};

use crate::core::{ApiError, ApiResult, RegionView, derived_fraction, derived_id};
use crate::engine::requests::missing_parameter;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The most locations in an answer ("Spot placement score", user guide).
const BEST: usize = 10;

/// The most regions and the most instance types in a request.
const REGIONS: usize = 10;
const TYPES: usize = 1000;

/// The latest start of a capacity block, in days from now ("Capacity Blocks for ML", user guide).
const AHEAD: i64 = 56;

/// A capacity block on offer.
struct CapacityBlock {
    id: String,
    /// The zone id.
    zone: String,
    begins: Timestamp,
    ends: Timestamp,
    /// The total price, in USD.
    fee: Decimal,
}

impl RegionView<'_> {
    /// Serves GetSpotPlacementScores. Requests with fewer than three types score low, and so do
    /// zones without capacity.
    pub(crate) fn placement_scores(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:GetSpotPlacementScores")?;
        let types = params.list("InstanceType");
        let target = params.number("TargetCapacity")?.ok_or_else(|| missing_parameter("TargetCapacity"))?;
        if !(1..=2_000_000_000).contains(&target) {
            return Err(ApiError::value(format!(
                "Value ({target}) for parameter targetCapacity is invalid."
            )));
        }
        if types.is_empty() || types.len() > TYPES {
            return Err(ApiError::value(format!("A request must have 1 to {TYPES} instance types")));
        }
        if let Some(unknown) = types.iter().find(|name| !self.facts.types.contains_key(**name)) {
            return Err(ApiError::value(format!("Invalid value '{unknown}' for InstanceType.")));
        }
        params.one_of("TargetCapacityUnitType", &["vcpu", "memory-mib", "units"])?;
        params.flag("IncludeLocalZones")?;
        let single = params.flag("SingleAvailabilityZone")?.unwrap_or(false);
        let regions = params.list("RegionName");
        if regions.len() > REGIONS {
            return Err(ApiError::value(format!("A request can have at most {REGIONS} regions")));
        }
        let enabled = self.enabled_regions();
        if let Some(unknown) = regions.iter().find(|name| !enabled.iter().any(|one| one.region == **name)) {
            return Err(ApiError::value(format!("The region '{unknown}' is not valid")));
        }
        let mut rows: Vec<(u32, &str, Option<&String>)> = Vec::new();
        let asked = |name: &&str| regions.is_empty() || regions.contains(name);
        for region in enabled.iter().map(|one| one.region.as_str()).filter(asked) {
            let zones = self.facts.zones.get(region).map(Vec::as_slice).unwrap_or_default();
            let score = |zone: &String| self.score(region, zone, &types, target);
            if single {
                let scored = zones.iter().map(|zone| (score(zone), region, Some(zone)));
                rows.extend(scored.filter(|(score, ..)| *score > 0));
            } else if let Some(best) = zones.iter().map(score).max().filter(|best| *best > 0) {
                rows.push((best, region, None));
            }
        }
        rows.sort_by_key(|(score, region, _)| (std::cmp::Reverse(*score), region.to_string()));
        rows.truncate(BEST);
        let (rows, next) = self.page(params, rows, (10, 1000))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("spotPlacementScoreSet", rows, |fields, (score, region, zone)| {
            fields.put("region", region).opt("availabilityZoneId", zone).put("score", score)
        });
        Ok(answer.opt("nextToken", next).into())
    }

    fn score(&self, region: &str, zone: &str, types: &[&str], target: i64) -> u32 {
        let offered = types.iter().filter(|name| self.facts.offered(region, zone, name)).count();
        if offered == 0 {
            return 0;
        }
        let enough = types
            .iter()
            .any(|name| region != self.region || i64::from(self.free_capacity(name, zone, true)) >= target);
        let score = 4 + (derived_fraction(self.seed, &[zone, types[0]]) * 6.0) as u32;
        match (enough, offered < 3) {
            (false, _) => 1,
            (true, true) => score.min(3),
            (true, false) => score,
        }
    }

    /// Serves DescribeCapacityBlockOfferings: the next block of the type in each zone, if its price
    /// is known.
    pub(crate) fn block_offerings(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeCapacityBlockOfferings")?;
        let name = params.need("InstanceType")?;
        let kind = self.facts.types.get(name);
        let kind =
            kind.ok_or_else(|| ApiError::value(format!("Invalid value '{name}' for InstanceType.")))?;
        if !kind.usage_classes.iter().any(|class| class == "capacity-block") {
            return Err(ApiError::value(format!(
                "The instance type '{name}' is not supported for Capacity Blocks."
            )));
        }
        let count = params.number("InstanceCount")?.ok_or_else(|| missing_parameter("InstanceCount"))?;
        if !(1..=64).contains(&count) {
            return Err(ApiError::value(format!("Value ({count}) for parameter instanceCount is invalid.")));
        }
        let hours = params.number("CapacityDurationHours")?;
        let hours = hours.ok_or_else(|| missing_parameter("CapacityDurationHours"))?;
        if !is_duration(hours) {
            return Err(ApiError::value(format!(
                "Value ({hours}) for parameter capacityDurationHours is invalid. Expecting 1-day increments up to 14 days, or 7-day increments up to 182 days."
            )));
        }
        let from = params.instant("StartDateRange")?.unwrap_or(self.now).max(self.now);
        let until = params.instant("EndDateRange")?.unwrap_or(Timestamp::MAX);
        params.flag("AllAvailabilityZones")?;
        let zones = self.facts.zones.get(self.region).into_iter().flatten();
        let offered = zones.filter(|zone| self.facts.offered(self.region, zone, name));
        let mut rows: Vec<CapacityBlock> =
            offered.filter_map(|zone| self.block(name, zone, (from, until), (count, hours))).collect();
        rows.sort_by(|a, b| (a.begins, &a.zone).cmp(&(b.begins, &b.zone)));
        let (rows, next) = self.page(params, rows, (1, 1000))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("capacityBlockOfferingSet", rows, |fields, block| {
            fields
                .put("capacityBlockOfferingId", &block.id)
                .put("instanceType", name)
                .put("availabilityZone", self.zone_name(&block.zone))
                .put("instanceCount", count)
                .put("startDate", block.begins)
                .put("endDate", block.ends)
                .put("capacityBlockDurationHours", hours)
                .put("upfrontFee", format!("{:.2}", block.fee))
                .put("currencyCode", "USD")
                .put("tenancy", "default")
        });
        Ok(answer.opt("nextToken", next).into())
    }

    /// Returns the first block of a zone in a time range. A block begins on about one day in three.
    fn block(
        &self,
        name: &str,
        zone: &str,
        (from, until): (Timestamp, Timestamp),
        (count, hours): (i64, i64),
    ) -> Option<CapacityBlock> {
        let price = self.on_demand(name)?;
        let today = from.to_zoned(jiff::tz::TimeZone::UTC).date();
        let begins = (0..AHEAD).find_map(|days| {
            let date = today.checked_add(days.days()).ok()?;
            // Blocks begin at 11:30 UTC and last whole days.
            let at = date.at(11, 30, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
            let is_there = derived_fraction(self.seed, &["block", zone, name, &date.to_string()]) < 1.0 / 3.0;
            (is_there && at >= from).then_some(at)
        })?;
        let last = self.now + SignedDuration::from_hours(24 * AHEAD);
        let ends = begins.checked_add(SignedDuration::from_hours(hours)).ok()?;
        let words = [zone, name, &begins.to_string(), &count.to_string(), &hours.to_string()];
        (begins <= last && ends <= until).then(|| CapacityBlock {
            id: derived_id("cb-", self.seed, &words),
            zone: zone.to_string(),
            begins,
            ends,
            // 20 % below the on-demand price.
            fee: price * Decimal::new(8, 1) * Decimal::from(count * hours),
        })
    }
}

/// Returns whether a block can last this long: whole days up to two weeks, or whole weeks up to 26.
fn is_duration(hours: i64) -> bool {
    let (day, week) = (24, 7 * 24);
    hours > 0 && (hours % day == 0 && hours <= 2 * week || hours % week == 0 && hours <= 26 * week)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_last_days_or_weeks() {
        let good: Vec<i64> = (-24..=5000).filter(|hours| is_duration(*hours)).collect();
        assert_eq!(good.len(), 14 + 24);
        assert_eq!((good.first(), good.last()), (Some(&24), Some(&4368)));
        assert!(!is_duration(25) && !is_duration(15 * 24) && is_duration(21 * 24));
    }
}
