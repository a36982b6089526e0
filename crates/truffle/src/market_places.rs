//! The places in which an instance type is sold, with their prices now and on past days.

use std::borrow::Cow;
use std::collections::BTreeMap;

use analysis::MarketPlace;
use catalog::rows::PricePeriodRow;
use console::Failure;
use domain::{Decimal, SignedDuration, Timestamp};

use crate::CommandPorts;
use crate::discount_book::{CustomerTerms, InstanceHours};
use crate::purchase_options::{ON_DEMAND, SPOT};
use crate::region_scope::rows;
use crate::spot_market::{SpotScope, SpotZone, TypeOffers, load_zones};

/// Days before the instant of the answer that are compared.
pub(crate) const PAST_DAYS: u32 = 90;

/// A way to buy an hour of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Market {
    /// On demand.
    OnDemand,
    /// Spot, in the cheapest zone of a region.
    Spot,
    /// A Savings Plan.
    Plan {
        /// `compute` or `instance`.
        plan: String,
        /// Length, years.
        years: String,
        /// `no-upfront`, `partial-upfront` or `all-upfront`.
        payment: String,
    },
}

impl Market {
    /// Reads `on-demand`, `spot` or a Savings Plan such as `compute:1:no-upfront`.
    pub(crate) fn read(text: &str) -> Result<Market, Failure> {
        let parts: Vec<&str> = text.split(':').collect();
        let [plan, years, payment] = match parts.as_slice() {
            ["on-demand"] => return Ok(Market::OnDemand),
            ["spot"] => return Ok(Market::Spot),
            [plan, years, payment] => [*plan, *years, *payment],
            _ => ["", "", ""],
        };
        let is_known = ["compute", "instance"].contains(&plan)
            && ["1", "3"].contains(&years)
            && ["no-upfront", "partial-upfront", "all-upfront"].contains(&payment);
        match is_known {
            true => Ok(Market::Plan { plan: plan.into(), years: years.into(), payment: payment.into() }),
            false => Err(Failure::usage(format!("--market \"{text}\" is not a way to pay"))
                .hint("write on-demand, spot, or a Savings Plan such as compute:1:no-upfront")),
        }
    }

    /// The dataset with the prices.
    pub(crate) fn dataset(&self) -> &'static str {
        match self {
            Market::OnDemand => "price",
            Market::Spot => "spot_price",
            Market::Plan { .. } => "savings_plan",
        }
    }

    /// The way to pay, as `truffle price` and own discounts spell it.
    fn purchase(&self) -> Cow<'static, str> {
        match self {
            Market::OnDemand => ON_DEMAND.into(),
            Market::Spot => SPOT.into(),
            Market::Plan { plan, .. } => format!("{plan}-savings-plan").into(),
        }
    }
}

/// The regions, operating system and market of a comparison.
pub(crate) struct MarketScope<'a> {
    pub(crate) market: &'a Market,
    /// Region codes joined by commas, or `all`.
    pub(crate) regions: &'a str,
    pub(crate) os: &'a str,
}

/// An instance type in a region.
#[derive(Debug, Clone)]
pub(crate) struct TypePlace {
    pub(crate) instance_type: String,
    pub(crate) region: String,
    /// The zone of the price, on spot.
    pub(crate) az_id: Option<String>,
    pub(crate) currency: String,
    /// Instant of the price now.
    pub(crate) observed_at: Option<Timestamp>,
    /// Source of the price now; `None` on spot, where the runs name it.
    pub(crate) source: Option<String>,
    /// The source's price now, without a discount.
    pub(crate) list_price: Option<Decimal>,
    /// Id of the discount behind the prices of `place`.
    pub(crate) discount_id: Option<String>,
    /// The place, at the customer's own prices.
    pub(crate) place: MarketPlace,
}

impl TypePlace {
    /// Returns the place at the customer's own prices. The discount of today applies to past prices
    /// too, so that they are compared under the same terms.
    fn at_own_prices(mut self, scope: &MarketScope<'_>, terms: &CustomerTerms) -> Result<TypePlace, Failure> {
        let hours = InstanceHours {
            instance_type: &self.instance_type,
            region: &self.region,
            os: scope.os,
            purchase: &scope.market.purchase(),
            currency: &self.currency,
        };
        let has_row = self.place.is_offered != Some(false) && self.place.price_now.is_some();
        if let Some(discount) = terms.find(&hours)?.filter(|_| has_row) {
            let prices = std::iter::once(&mut self.place.price_now).chain(&mut self.place.past_prices);
            prices.for_each(|price| *price = price.and_then(|price| discount.apply(price)));
            self.discount_id = Some(discount.id.clone());
        }
        Ok(self)
    }
}

/// Reads the places of the types, at the customer's own prices.
pub(crate) fn load_places(
    types: &[&str],
    scope: &MarketScope<'_>,
    offers: &TypeOffers,
    terms: &CustomerTerms,
    ports: &CommandPorts<'_>,
) -> Result<Vec<TypePlace>, Failure> {
    let places = load_list_places(types, scope, offers, ports)?;
    places.into_iter().map(|place| place.at_own_prices(scope, terms)).collect()
}

/// Reads the places of the types, at list prices.
fn load_list_places(
    types: &[&str],
    scope: &MarketScope<'_>,
    offers: &TypeOffers,
    ports: &CommandPorts<'_>,
) -> Result<Vec<TypePlace>, Failure> {
    if *scope.market == Market::Spot {
        let spot = SpotScope::new(scope.regions, scope.os, PAST_DAYS)?;
        let mut found = Vec::new();
        for name in types {
            found.extend(spot_places(load_zones(name, spot, offers, ports)?, ports.as_of));
        }
        return Ok(found);
    }
    let (types, days) = (types.join(","), PAST_DAYS.to_string());
    let common = [("types", types.as_str()), ("regions", scope.regions), ("os", scope.os), ("days", &days)];
    let page = match scope.market {
        Market::Plan { plan, years, payment } => {
            let plan = [("plan", plan.as_str()), ("years", years), ("payment", payment)];
            ports.answer("price/plan-periods", &[&common[..], &plan].concat())?
        }
        Market::OnDemand | Market::Spot => ports.answer("price/periods", &common)?,
    };
    Ok(listed_places(rows(page)?, offers, ports.as_of))
}

/// Returns the ends of the past days, newest first.
fn past_days(as_of: Timestamp) -> impl Iterator<Item = Timestamp> {
    (1..=i64::from(PAST_DAYS)).map(move |day| domain::later(as_of, SignedDuration::from_hours(-24 * day)))
}

/// Returns the places of listed prices.
fn listed_places(periods: Vec<PricePeriodRow>, offers: &TypeOffers, as_of: Timestamp) -> Vec<TypePlace> {
    type PlaceKey = (String, String, String);
    let mut places: BTreeMap<PlaceKey, Vec<PricePeriodRow>> = BTreeMap::new();
    for period in periods {
        let key = (period.instance_type.clone(), period.region.clone(), period.currency.clone());
        places.entry(key).or_default().push(period);
    }
    let place = |((instance_type, region, currency), periods): (PlaceKey, Vec<PricePeriodRow>)| {
        let at = |instant: Timestamp| {
            let is_valid = |period: &&PricePeriodRow| {
                period.valid_from <= instant && period.valid_until.is_none_or(|until| until > instant)
            };
            periods.iter().rev().find(is_valid)
        };
        let now = at(as_of);
        TypePlace {
            az_id: None,
            observed_at: now.map(|period| period.observed_at),
            source: now.map(|period| period.source.clone()),
            list_price: now.map(|period| period.price_per_hour),
            discount_id: None,
            place: MarketPlace {
                is_offered: offers.in_region(&instance_type, &region),
                price_now: now.map(|period| period.price_per_hour),
                past_prices: past_days(as_of).map(|day| Some(at(day)?.price_per_hour)).collect(),
            },
            instance_type,
            region,
            currency,
        }
    };
    places.into_iter().map(place).collect()
}

/// Returns the places of spot prices: each region with the cheapest of its zones that may offer the
/// type.
fn spot_places(zones: Vec<SpotZone>, as_of: Timestamp) -> Vec<TypePlace> {
    let mut regions: BTreeMap<(String, String), Vec<SpotZone>> = BTreeMap::new();
    for zone in zones.into_iter().filter(|zone| zone.is_offered != Some(false)) {
        let Some(currency) = zone.currency.clone() else { continue };
        regions.entry((zone.region.clone(), currency)).or_default().push(zone);
    }
    let place = |((region, currency), zones): ((String, String), Vec<SpotZone>)| {
        let price_at =
            |instant: Timestamp| zones.iter().filter_map(|zone| zone.window.price_at(instant)).min();
        let priced = zones.iter().filter_map(|zone| Some((zone.window.now()?, zone)));
        let now = priced.min_by_key(|(price, _)| *price);
        TypePlace {
            instance_type: zones[0].instance_type.clone(),
            az_id: now.map(|(_, zone)| zone.az_id.clone()),
            observed_at: now.map(|(_, zone)| zone.newest_at),
            source: None,
            list_price: now.map(|(price, _)| price),
            discount_id: None,
            place: MarketPlace {
                is_offered: zones.iter().find_map(|zone| zone.is_offered),
                price_now: now.map(|(price, _)| price),
                past_prices: past_days(as_of).map(price_at).collect(),
            },
            region,
            currency,
        }
    };
    regions.into_iter().map(place).collect()
}

/// Returns the cheapest price of each place by its type and region.
pub(crate) fn price_in<'a>(places: &'a [TypePlace], name: &str, region: &str) -> Option<(Decimal, &'a str)> {
    let is_asked = |place: &&TypePlace| place.instance_type == name && place.region == region;
    let found = places.iter().find(is_asked)?;
    Some((found.place.price_now?, &found.currency))
}
