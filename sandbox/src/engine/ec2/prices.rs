//! On-demand and spot prices per hour.

use domain::{Decimal, Timestamp};

use crate::core::{ApiError, ApiResult, RegionView, derived_fraction, matches};
use crate::engine::filter::{FilterTable, RequestFilters, at, one};
use crate::facts::SpotSeries;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The product name of Linux, the only product with on-demand prices.
pub(crate) const LINUX: &str = "linux";

/// Product names in the lake and in EC2.
const PRODUCTS: [(&str, &str); 4] = [
    (LINUX, "Linux/UNIX"),
    ("rhel", "Red Hat Enterprise Linux"),
    ("suse", "SUSE Linux"),
    ("windows", "Windows"),
];

/// The time, in seconds, for which a made-up price stays the same.
const WEEK: i64 = 7 * 86_400;

/// One row of DescribeSpotPriceHistory.
struct SpotHistoryRow {
    at: Timestamp,
    instance_type: String,
    zone: String,
    zone_name: String,
    product: &'static str,
    price: String,
}

/// The filters of DescribeSpotPriceHistory.
const FILTERS: FilterTable<SpotHistoryRow> = FilterTable {
    tags: None,
    tag: None,
    named: &[
        ("availability-zone", |_, row| one(&row.zone_name)),
        ("availability-zone-id", |_, row| one(&row.zone)),
        ("instance-type", |_, row| one(&row.instance_type)),
        ("product-description", |_, row| one(row.product)),
        ("spot-price", |_, row| one(&row.price)),
        ("timestamp", |_, row| at(row.at)),
    ],
    bare: &[],
};

impl RegionView<'_> {
    /// Returns the on-demand price per hour, in USD.
    pub(crate) fn on_demand(&self, name: &str) -> Option<Decimal> {
        self.facts.price(self.region, name)
    }

    /// Returns the observed prices of a series up to now.
    fn observed(&self, name: &str, zone: &str, product: &str) -> &[(Timestamp, Decimal)] {
        let series = SpotSeries { az_id: zone.into(), instance_type: name.into(), product: product.into() };
        let all = self.facts.spot.get(&series).map_or(&[][..], Vec::as_slice);
        &all[..all.partition_point(|(seen, _)| *seen <= self.now)]
    }

    /// Returns the spot price per hour at a time, in USD. It is the scenario's, else the observed
    /// one, else one made up for each week from the seed.
    pub(crate) fn spot_price(&self, name: &str, zone: &str, product: &str, at: Timestamp) -> Option<Decimal> {
        let full = self.on_demand(name).filter(|_| product == LINUX);
        let rule = self.rules.spot_prices.iter().rev().find(|rule| {
            matches(&rule.instance_type, name)
                && matches(&rule.zone, zone)
                && rule.from.is_none_or(|from| from <= at)
        });
        if let (Some(rule), Some(full)) = (rule, full) {
            return price_fraction(full, rule.part);
        }
        let observed = self.observed(name, zone, product);
        if !observed.is_empty() {
            let known = observed.partition_point(|(seen, _)| *seen <= at);
            return known.checked_sub(1).map(|last| observed[last].1);
        }
        let week = (at.as_second().div_euclid(WEEK)).to_string();
        price_fraction(full?, 0.25 + 0.35 * derived_fraction(self.seed, &[name, zone, &week]))
    }

    /// Returns the maximum price of a request that names none: the on-demand price.
    pub(crate) fn price_ceiling(&self, name: &str) -> String {
        format!("{:.6}", self.on_demand(name).unwrap_or_default())
    }

    pub(crate) fn price_is_enough(&self, max_price: Option<&str>, name: &str, zone: &str) -> ApiResult<()> {
        let (Some(most), Some(price)) = (max_price, self.spot_price(name, zone, LINUX, self.now)) else {
            return Ok(());
        };
        if most.parse::<Decimal>().is_ok_and(|most| most < price) {
            return Err(ApiError::new(
                "SpotMaxPriceTooLow",
                format!(
                    "Your Spot request price of {most} is lower than the minimum required Spot request fulfillment price of {price}."
                ),
            ));
        }
        Ok(())
    }

    /// Serves DescribeSpotPriceHistory. The newest change comes first; each series includes its
    /// last change before the start.
    pub(crate) fn spot_price_history(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeSpotPriceHistory")?;
        let filters = RequestFilters::read(params, &FILTERS)?;
        let mut types: Vec<&str> = params.list("InstanceType");
        if let Some(unknown) = types.iter().find(|name| !self.facts.types.contains_key(**name)) {
            return Err(ApiError::value(format!(
                "The following supplied instance types do not exist: [{unknown}]"
            )));
        }
        if types.is_empty() {
            types = self.facts.types.keys().map(String::as_str).collect();
        }
        let asked = params.list("ProductDescription");
        let is_asked = |name: &str| {
            asked.is_empty()
                || asked.iter().any(|asked| asked.strip_suffix(" (Amazon VPC)").unwrap_or(asked) == name)
        };
        let zone = match (params.text("AvailabilityZone"), params.text("AvailabilityZoneId")) {
            (Some(_), Some(_)) => {
                return Err(ApiError::combination(
                    "The parameter AvailabilityZone cannot be used with the parameter AvailabilityZoneId",
                ));
            }
            (Some(name), None) => Some(self.zone_id(name)?),
            (None, Some(id)) => Some(self.known_zone(id)?),
            (None, None) => None,
        };
        let until = params.instant("EndTime")?.unwrap_or(self.now).min(self.now);
        let earliest = self.now - jiff::SignedDuration::from_hours(90 * 24);
        let from = params.instant("StartTime")?.unwrap_or(earliest).max(earliest);
        let mut rows = Vec::new();
        for zone in self.zones().iter().filter(|known| zone.as_ref().is_none_or(|zone| zone == *known)) {
            for kind in types.iter().filter(|kind| self.facts.offered(self.region, zone, kind)) {
                for (product, shown) in PRODUCTS.into_iter().filter(|(_, shown)| is_asked(shown)) {
                    rows.extend(self.price_rows(kind, zone, (product, shown), (from, until)));
                }
            }
        }
        rows.retain(|row| filters.matches_row(self, row));
        rows.sort_by(|a, b| {
            let series =
                |row: &SpotHistoryRow| (row.instance_type.clone(), row.zone_name.clone(), row.product);
            b.at.cmp(&a.at).then_with(|| series(a).cmp(&series(b)))
        });
        let (rows, next) = self.page(params, rows, (1, 1000))?;
        self.finish_checks(params)?;
        let nodes = rows.into_iter().map(|row| {
            XmlFields::new()
                .put("instanceType", row.instance_type)
                .put("productDescription", row.product)
                .put("spotPrice", row.price)
                .put("timestamp", row.at)
                .put("availabilityZone", row.zone_name)
                .put("availabilityZoneId", row.zone)
                .into()
        });
        let nodes: Vec<XmlContent> = nodes.collect();
        Ok(XmlFields::new()
            .put("spotPriceHistorySet", nodes)
            .put("nextToken", next.unwrap_or_default())
            .into())
    }

    fn price_rows<'a>(
        &'a self,
        kind: &'a str,
        zone: &'a str,
        (product, shown): (&str, &'static str),
        span: (Timestamp, Timestamp),
    ) -> impl Iterator<Item = SpotHistoryRow> + use<'a> {
        let changes = self.price_changes(kind, zone, product, span);
        changes.into_iter().map(move |(at, price)| SpotHistoryRow {
            at,
            instance_type: kind.to_string(),
            zone: zone.to_string(),
            zone_name: self.zone_name(zone),
            product: shown,
            price: format!("{price:.6}"),
        })
    }

    /// Returns the changes of one series in a time range, preceded by its last change at or before
    /// the start.
    fn price_changes(
        &self,
        name: &str,
        zone: &str,
        product: &str,
        (from, until): (Timestamp, Timestamp),
    ) -> Vec<(Timestamp, Decimal)> {
        let observed = self.observed(name, zone, product);
        let mut instants: Vec<Timestamp> = observed.iter().map(|(at, _)| *at).collect();
        if observed.is_empty() {
            let weeks = from.as_second().div_euclid(WEEK)..=until.as_second().div_euclid(WEEK);
            instants.extend(weeks.filter_map(|week| Timestamp::from_second(week * WEEK).ok()));
        }
        instants.extend(self.rules.spot_prices.iter().filter_map(|rule| rule.from));
        instants.retain(|at| *at <= until);
        instants.sort();
        let mut changes: Vec<(Timestamp, Decimal)> = Vec::new();
        for at in instants {
            if let Some(price) = self.spot_price(name, zone, product, at)
                && changes.last().is_none_or(|(_, last)| *last != price)
            {
                changes.push((at, price));
            }
        }
        let held = changes.partition_point(|(at, _)| *at <= from);
        changes.drain(..held.saturating_sub(1));
        changes
    }
}

/// Returns a fraction of a price, rounded to 0.0001 USD.
fn price_fraction(full: Decimal, part: f64) -> Option<Decimal> {
    Some((full * Decimal::try_from(part).ok()?).round_dp(4))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::{FIRST_ACCOUNT, Principal, SandboxWorld};
    use crate::facts::AwsFacts;
    use crate::scenario::Scenario;

    /// Checks the changes of Linux on m5.large in use1-az1, as `day price`. Three were observed
    /// there.
    fn check(rules: &str, from: &str, until: &str, expected: &[&str]) {
        let at = |day: &str| format!("2026-03-{day}T00:00:00Z").parse::<Timestamp>().unwrap();
        let mut facts = AwsFacts::small();
        let series =
            SpotSeries { az_id: "use1-az1".into(), instance_type: "m5.large".into(), product: LINUX.into() };
        let observed = [("02", "0.0300"), ("05", "0.0300"), ("09", "0.0450")];
        facts.spot.insert(series, observed.map(|(day, price)| (at(day), price.parse().unwrap())).to_vec());
        let now = at("20");
        let mut world = SandboxWorld::new(Arc::new(facts), Scenario::parse(rules).unwrap(), 0, now);
        let caller = Principal::Service { account: FIRST_ACCOUNT.into() };
        let desk = world.region_view(now, FIRST_ACCOUNT, "us-east-1", caller).unwrap();
        let found = desk.price_changes("m5.large", "use1-az1", LINUX, (at(from), at(until)));
        let shown: Vec<String> =
            found.iter().map(|(at, price)| format!("{} {price:.4}", at.strftime("%d"))).collect();
        assert_eq!(shown, expected, "{from} {until}");
    }

    #[test]
    fn no_price_is_made_up_before_the_first_observation() {
        check("", "01", "04", &["02 0.0300"]);
        check("", "01", "01", &[]);
    }

    #[test]
    fn the_last_change_before_the_start_keeps_its_own_time() {
        check("", "03", "20", &["02 0.0300", "09 0.0450"]);
        check("", "02", "08", &["02 0.0300"]);
        check("", "10", "20", &["09 0.0450"]);
        check("", "19", "20", &["09 0.0450"]);
        let rule = "spot_prices: [{type: m5.large, part: 0.9, from: 2026-03-11T00:00:00Z}]";
        check(rule, "10", "20", &["09 0.0450", "11 0.0864"]);
        check(rule, "12", "20", &["11 0.0864"]);
    }
}
