//! Prices per hour from the local warehouse. They need no network, so each has its age.

use catalog::ports::Ask;
use catalog::rows::{OnDemandPriceRow, SpotPriceRow};
use catalog::{QuestionRow, question};
use console::describe_age;
use domain::{Decimal, Timestamp, parse_spot_product};
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

/// Returns the price of a launch with an image of this platform: on demand, or the highest spot
/// price of the region's zones.
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
        Some(_) => spot_price(&*warehouse, instance_type, region, os, now)?,
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

fn spot_price(
    warehouse: &dyn Ask,
    instance_type: &str,
    region: &str,
    os: &str,
    now: Timestamp,
) -> Result<Option<HourlyPrice>, String> {
    let rows: Vec<SpotPriceRow> = ask("spot/observed", &[("region", region), ("days", "1")], warehouse, now)?;
    let ours = rows.into_iter().filter(|row| row.instance_type == instance_type && row.product == os);
    let prices = ours.filter_map(|row| {
        Some(HourlyPrice {
            amount: row.price_per_hour?,
            currency: row.currency?,
            observed_at: row.observed_at,
        })
    });
    Ok(prices.max_by(|a, b| a.amount.cmp(&b.amount)))
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
}
