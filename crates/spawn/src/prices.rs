//! Prices per hour from the local warehouse. They need no network, so each has its age.

use std::collections::BTreeMap;

use catalog::ports::Ask;
use catalog::rows::{OnDemandPriceRow, SpotPriceRow};
use catalog::{QuestionRow, question};
use console::describe_age;
use domain::{AzId, Decimal, Timestamp, parse_spot_product};
use fleet::launch::LaunchRequest;
use jiff::SignedDuration;

use crate::Ports;

/// A price per hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HourlyPrice {
    /// The amount.
    pub(crate) amount: Decimal,
    /// The currency, such as `USD`.
    pub(crate) currency: String,
    /// When the source stated it.
    pub(crate) observed_at: Timestamp,
}

impl HourlyPrice {
    /// Returns the price of this much running time, in whole cents.
    pub(crate) fn over(&self, span: SignedDuration) -> Decimal {
        (self.amount * Decimal::from(span.as_secs()) / Decimal::from(3_600)).round_dp(2)
    }

    /// Returns the amount, the currency and the age in words.
    pub(crate) fn describe(&self, now: Timestamp) -> String {
        let age = describe_age(self.observed_at, now);
        let age = if age == "today" { age } else { format!("{age} old") };
        format!("{} {} per hour ({age})", self.amount.normalize(), self.currency)
    }
}

/// A price per hour in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZonePrice {
    /// The zone's id, which `--zone` accepts.
    pub(crate) az_id: String,
    /// The newest price.
    pub(crate) price: HourlyPrice,
}

/// Returns the price of a launch with an image of this platform: on demand, or the highest spot
/// price of the zones in which the instance may be launched.
///
/// # Errors
/// The warehouse has no such price, or cannot be read; the text is the reason.
pub(crate) fn price_of(
    request: &LaunchRequest,
    platform: &str,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<HourlyPrice, String> {
    let (instance_type, region) = (&request.instance_type, &request.region);
    let os = parse_spot_product(platform).ok_or_else(|| format!("the lake has no prices of {platform}"))?;
    let warehouse = (ports.warehouse)().map_err(|error| error.to_string())?;
    let found = match &request.spot {
        None => {
            let rows = on_demand_prices(&*warehouse, region, os, now)?;
            rows.into_iter().find(|row| row.instance_type == *instance_type).map(HourlyPrice::from)
        }
        Some(_) => {
            highest(spot_prices(&*warehouse, instance_type, region, os, now)?, request.zone.as_deref())
        }
    };
    let market = if request.spot.is_some() { "spot" } else { "on-demand" };
    found.ok_or_else(|| format!("there is no {market} price of {instance_type} in {region}"))
}

impl From<OnDemandPriceRow> for HourlyPrice {
    fn from(row: OnDemandPriceRow) -> HourlyPrice {
        HourlyPrice { amount: row.price_per_hour, currency: row.currency, observed_at: row.observed_at }
    }
}

/// Returns the on-demand prices of all types for an operating system. `regions` are joined by
/// commas.
///
/// # Errors
/// The warehouse cannot be read; the text is the reason.
pub(crate) fn on_demand_prices(
    warehouse: &dyn Ask,
    regions: &str,
    os: &str,
    now: Timestamp,
) -> Result<Vec<OnDemandPriceRow>, String> {
    ask("price/current", &[("regions", regions), ("os", os)], warehouse, now)
}

/// Returns the newest spot price of each zone for a launch with an image of this platform, the
/// lowest first.
///
/// # Errors
/// The warehouse cannot be read; the text is the reason.
pub(crate) fn zone_prices_of(
    request: &LaunchRequest,
    platform: &str,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<Vec<ZonePrice>, String> {
    let Some(os) = parse_spot_product(platform) else { return Ok(Vec::new()) };
    let warehouse = (ports.warehouse)().map_err(|error| error.to_string())?;
    spot_prices(&*warehouse, &request.instance_type, &request.region, os, now)
}

fn spot_prices(
    warehouse: &dyn Ask,
    instance_type: &str,
    region: &str,
    os: &str,
    now: Timestamp,
) -> Result<Vec<ZonePrice>, String> {
    let rows: Vec<SpotPriceRow> = ask("spot/observed", &[("region", region), ("days", "1")], warehouse, now)?;
    if rows.is_empty() {
        return Err(format!(
            "no spot price of {region} is in the local data; collector snapshot spot_price --region {region}"
        ));
    }
    Ok(newest_by_zone(rows.into_iter().filter(|row| row.instance_type == instance_type), os))
}

/// Returns the newest price of an operating system in each zone, the lowest first. The price of a
/// zone may have ended.
fn newest_by_zone(rows: impl Iterator<Item = SpotPriceRow>, os: &str) -> Vec<ZonePrice> {
    let mut newest: BTreeMap<String, SpotPriceRow> = BTreeMap::new();
    for row in rows.filter(|row| row.product == os) {
        if newest.get(&row.az_id).is_none_or(|known| known.observed_at <= row.observed_at) {
            newest.insert(row.az_id.clone(), row);
        }
    }
    let price = |row: SpotPriceRow| {
        let (amount, currency) = (row.price_per_hour?, row.currency?);
        let price = HourlyPrice { amount, currency, observed_at: row.observed_at };
        Some(ZonePrice { az_id: row.az_id, price })
    };
    let mut prices: Vec<ZonePrice> = newest.into_values().filter_map(price).collect();
    prices.sort_by(|a, b| (a.price.amount, &a.az_id).cmp(&(b.price.amount, &b.az_id)));
    prices
}

/// Returns the price in a zone, if it is named by its id; else the highest price, because EC2
/// chooses the zone, or the name of a zone is another zone in each account.
fn highest(prices: Vec<ZonePrice>, zone: Option<&str>) -> Option<HourlyPrice> {
    let is_named = zone.is_some_and(AzId::is_valid);
    let mut in_zone = prices.into_iter().filter(|one| !is_named || zone == Some(one.az_id.as_str()));
    in_zone.next_back().map(|one| one.price)
}

/// Returns the rows of a question about the prices at an instant.
fn ask<R: QuestionRow>(
    name: &str,
    given: &[(&str, &str)],
    warehouse: &dyn Ask,
    now: Timestamp,
) -> Result<Vec<R>, String> {
    let question = question(name).expect("the question is in the catalog");
    let mut texts: Vec<(String, String)> =
        given.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    texts.push(("as_of".to_string(), now.to_string()));
    let values = question.bind(&texts, now).map_err(|error| error.to_string())?;
    let page = warehouse.ask(question, &values).map_err(|error| error.to_string())?;
    R::read_all(page).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_multiplied_by_the_running_time() {
        let observed_at: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let price = HourlyPrice { amount: Decimal::new(1040, 5), currency: "USD".to_string(), observed_at };
        assert_eq!(price.over(SignedDuration::from_hours(8)), Decimal::new(8, 2));
        assert_eq!(price.over(SignedDuration::from_mins(30)), Decimal::new(1, 2));
        let now = observed_at + SignedDuration::from_hours(24 * 3);
        assert_eq!(price.describe(now), "0.0104 USD per hour (3 days old)");
        assert_eq!(price.describe(observed_at), "0.0104 USD per hour (today)");
    }

    #[test]
    fn the_newest_spot_price_of_a_zone_counts_and_the_highest_zone_if_none_is_named() {
        let row = |az_id: &str, hour: i64, cents: Option<i64>, product: &str| SpotPriceRow {
            instance_type: "t3.micro".into(),
            az_id: az_id.into(),
            product: product.into(),
            observed_at: Timestamp::from_second(hour * 3_600).unwrap(),
            price_per_hour: cents.map(|cents| Decimal::new(cents, 4)),
            currency: cents.map(|_| "USD".into()),
        };
        let rows = [
            row("use1-az1", 1, Some(90), "linux"),
            row("use1-az1", 2, Some(40), "linux"),
            row("use1-az1", 3, Some(999), "windows"),
            row("use1-az2", 1, Some(31), "linux"),
            row("use1-az4", 1, Some(50), "linux"),
            row("use1-az4", 2, None, "linux"),
        ];
        let prices = newest_by_zone(rows.into_iter(), "linux");
        let by_zone: Vec<(&str, Decimal)> =
            prices.iter().map(|one| (one.az_id.as_str(), one.price.amount)).collect();
        assert_eq!(by_zone, [("use1-az2", Decimal::new(31, 4)), ("use1-az1", Decimal::new(40, 4))]);
        let check = |zone: Option<&str>, expected: Option<i64>| {
            let found = highest(prices.clone(), zone).map(|price| price.amount);
            assert_eq!(found, expected.map(|cents| Decimal::new(cents, 4)), "{zone:?}");
        };
        check(None, Some(40));
        check(Some("use1-az2"), Some(31));
        check(Some("us-east-1b"), Some(40));
        check(Some("use1-az4"), None);
    }
}
