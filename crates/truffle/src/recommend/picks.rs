//! The ways to run the instance types that the regions offer: on demand, committed, and on spot in
//! each zone.

use std::collections::BTreeMap;

use analysis::LeaseOffer;
use catalog::TypeFacts;
use catalog::rows::{CheapestCommitmentRow, RegionBandRow, RegionSpotPriceRow};
use console::{Failure, Printer};
use domain::Decimal;

use super::flags::PickTermArgs;
use crate::CommandPorts;
use crate::filter::OfferCandidate;
use crate::offer::RegionOffer;
use crate::purchase_options::{ON_DEMAND, SPOT};
use crate::region_scope::{rows, uncollected};
use crate::spot_market::SpotScope;

/// Days after which a spot price is no longer trusted, for the scope of the questions.
const SPOT_DAYS: u32 = 7;

/// An instance type in a place, with one way to pay.
#[derive(Debug, Clone)]
pub(crate) struct PurchasePick<'a> {
    /// Facts of the type.
    pub(crate) facts: &'a TypeFacts,
    /// The region's offer, with the price of this way to pay. On spot it has one zone.
    pub(crate) offer: RegionOffer,
    /// `on-demand`, `spot`, `reserved`, `compute-savings-plan` or `instance-savings-plan`.
    pub(crate) purchase: String,
    /// Length of a commitment, years; 0 without one.
    pub(crate) lease_years: i64,
    /// When a commitment is paid.
    pub(crate) payment: Option<String>,
    /// Way to pay with its term, such as `compute-savings-plan 1y no-upfront`.
    pub(crate) label: String,
    /// Interruption rate, from 0 (lowest) to 4; `None` if it is not known, or not on spot.
    pub(crate) band: Option<i64>,
    /// On-demand price of the type in the region, in the same currency.
    pub(crate) on_demand_price: Option<Decimal>,
}

impl<'a> PurchasePick<'a> {
    fn new(facts: &'a TypeFacts, offer: RegionOffer, purchase: &str) -> PurchasePick<'a> {
        PurchasePick {
            facts,
            offer,
            purchase: purchase.to_string(),
            lease_years: 0,
            payment: None,
            label: purchase.to_string(),
            band: None,
            on_demand_price: None,
        }
    }

    /// Whether spot capacity is paid for, which can be interrupted.
    pub(crate) fn is_spot(&self) -> bool {
        self.purchase == SPOT
    }

    /// Returns the zone of a spot price.
    pub(crate) fn az_id(&self) -> Option<&str> {
        self.offer.az_ids.first().map(String::as_str).filter(|_| self.is_spot())
    }

    /// Returns its names, most important first: type, region, zone, way to pay.
    pub(crate) fn name(&self) -> [&str; 4] {
        [&self.offer.instance_type, &self.offer.region, self.az_id().unwrap_or_default(), &self.label]
    }

    /// Returns the type with its place and this price, for the filters of a search.
    pub(crate) fn candidate(&self) -> OfferCandidate<'_> {
        OfferCandidate { facts: self.facts, offer: Some(&self.offer) }
    }

    /// Returns the cost of hours of one instance. Every term of a commitment that is begun is paid.
    pub(crate) fn cost(&self, hourly: Decimal, hours: Decimal) -> Option<Decimal> {
        if self.lease_years == 0 {
            return hourly.checked_mul(hours);
        }
        let years = u32::try_from(self.lease_years).ok()?;
        LeaseOffer { price_per_hour: hourly, years, is_all_upfront: false }.cost(hours)
    }
}

/// Whether a type is sold in a market. A type without stated usage classes may be.
fn is_sold(facts: &TypeFacts, class: &str) -> bool {
    facts.usage_classes.is_empty() || facts.usage_classes.iter().any(|one| one == class)
}

/// The prices beside the on-demand ones that the flags ask for.
pub(crate) struct MarketPrices {
    has_on_demand: bool,
    /// Spot prices by type, region and zone; `None` if they are not asked for or not collected.
    spot: Option<Vec<RegionSpotPriceRow>>,
    bands: BTreeMap<(String, String), i64>,
    commitments: Vec<CheapestCommitmentRow>,
    /// Datasets without data, each with the next step.
    missing: Vec<String>,
}

impl MarketPrices {
    /// Reads the prices.
    ///
    /// # Errors
    /// The operating system has no spot prices; only spot is asked for and its prices were not
    /// collected; or the warehouse fails.
    pub(crate) fn load(
        terms: &PickTermArgs,
        regions: &str,
        os: &str,
        ports: &CommandPorts<'_>,
    ) -> Result<MarketPrices, Failure> {
        let mut found = MarketPrices {
            has_on_demand: terms.has_on_demand(),
            spot: None,
            bands: BTreeMap::new(),
            commitments: Vec::new(),
            missing: Vec::new(),
        };
        if terms.has_spot() {
            found.load_spot(SpotScope::new(regions, os, SPOT_DAYS)?, ports)?;
        }
        if terms.longest_commitment() > 0 {
            let given = [("regions", regions), ("os", os), ("years", terms.commit.as_str())];
            found.commitments = rows(ports.answer("price/commitments", &given)?)?;
            if found.commitments.is_empty() {
                let missing = uncollected("savings_plan", regions, ports)?.map(|failure| note_of(&failure));
                found.missing.push(missing.unwrap_or(format!(
                    "no match: no commitment of at most {} y for {os} in these regions",
                    terms.commit
                )));
            }
        }
        Ok(found)
    }

    fn load_spot(&mut self, scope: SpotScope<'_>, ports: &CommandPorts<'_>) -> Result<(), Failure> {
        let prices = [("regions", scope.regions), ("product", scope.os)];
        let rates = [("regions", scope.regions), ("os", scope.interruption_os())];
        let [prices, bands] = ports.answer_all([("spot/region-now", &prices), ("spot/region-bands", &rates)]);
        let prices: Vec<RegionSpotPriceRow> = rows(prices?)?;
        if prices.is_empty()
            && let Some(failure) = uncollected("spot_price", scope.regions, ports)?
        {
            if !self.has_on_demand {
                return Err(failure);
            }
            self.missing.push(note_of(&failure));
            return Ok(());
        }
        let bands: Vec<RegionBandRow> = rows(bands?)?;
        if bands.is_empty() {
            self.missing.extend(uncollected("interruption", scope.regions, ports)?.as_ref().map(note_of));
        }
        self.bands = bands.into_iter().map(|one| ((one.instance_type, one.region), one.band)).collect();
        self.spot = Some(prices);
        Ok(())
    }

    /// Notes the datasets without data.
    pub(crate) fn note_missing(&self, printer: &mut Printer) {
        self.missing.iter().for_each(|note| printer.note(note));
    }

    /// Returns the ways to run the offered types, by type, region, way to pay and zone.
    pub(crate) fn picks<'a>(&self, facts: &'a [TypeFacts], offers: &[RegionOffer]) -> Vec<PurchasePick<'a>> {
        let facts: BTreeMap<&str, &TypeFacts> =
            facts.iter().map(|facts| (facts.instance_type.as_str(), facts)).collect();
        let spot = self.spot.as_ref().map(|prices| {
            let of_one = |a: &RegionSpotPriceRow, b: &RegionSpotPriceRow| {
                (&a.instance_type, &a.region) == (&b.instance_type, &b.region)
            };
            let key =
                |rows: &'_ [RegionSpotPriceRow]| (rows[0].instance_type.clone(), rows[0].region.clone());
            prices.chunk_by(of_one).map(|rows| (key(rows), rows)).collect::<BTreeMap<_, _>>()
        });
        let of_one = |a: &CheapestCommitmentRow, b: &CheapestCommitmentRow| {
            (&a.instance_type, &a.region) == (&b.instance_type, &b.region)
        };
        let commitments: BTreeMap<(&str, &str), &[CheapestCommitmentRow]> = self
            .commitments
            .chunk_by(of_one)
            .map(|rows| ((rows[0].instance_type.as_str(), rows[0].region.as_str()), rows))
            .collect();
        let mut picks = Vec::new();
        for offer in offers {
            let Some(facts) = facts.get(offer.instance_type.as_str()) else { continue };
            if self.has_on_demand && is_sold(facts, "on-demand") {
                picks.push(PurchasePick::new(facts, offer.clone(), ON_DEMAND));
                let committed = commitments.get(&(offer.instance_type.as_str(), offer.region.as_str()));
                picks.extend(
                    committed.into_iter().copied().flatten().map(|one| committed_pick(facts, offer, one)),
                );
            }
            if let Some(spot) = spot.as_ref().filter(|_| is_sold(facts, "spot")) {
                let key = (offer.instance_type.clone(), offer.region.clone());
                let prices = spot.get(&key).copied().unwrap_or_default();
                picks.extend(spot_picks(facts, offer, prices, self.bands.get(&key).copied()));
            }
        }
        picks
    }
}

fn note_of(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}{hint}", failure.message)
}

fn committed_pick<'a>(
    facts: &'a TypeFacts,
    offer: &RegionOffer,
    committed: &CheapestCommitmentRow,
) -> PurchasePick<'a> {
    let payment = committed.payment.as_deref().unwrap_or_default();
    PurchasePick {
        lease_years: committed.lease_years,
        payment: committed.payment.clone(),
        label: format!("{} {}y {payment}", committed.purchase, committed.lease_years).trim_end().to_string(),
        on_demand_price: in_currency(offer, Some(&committed.currency)),
        ..PurchasePick::new(
            facts,
            RegionOffer {
                price_per_hour: Some(committed.price_per_hour),
                currency: Some(committed.currency.clone()),
                price_observed_at: Some(committed.observed_at),
                ..offer.clone()
            },
            &committed.purchase,
        )
    }
}

/// Returns a pick for each zone with a spot price that may offer the type. Without any, it is one
/// without a price.
fn spot_picks<'a>(
    facts: &'a TypeFacts,
    offer: &RegionOffer,
    prices: &[RegionSpotPriceRow],
    band: Option<i64>,
) -> Vec<PurchasePick<'a>> {
    // Without zone ids, only the region's own offer is known.
    let is_offered =
        |price: &&RegionSpotPriceRow| offer.az_ids.is_empty() || offer.az_ids.contains(&price.az_id);
    let unpriced =
        RegionOffer { price_per_hour: None, currency: None, price_observed_at: None, ..offer.clone() };
    let pick = |price: &RegionSpotPriceRow| PurchasePick {
        band,
        on_demand_price: in_currency(offer, price.currency.as_deref()),
        ..PurchasePick::new(
            facts,
            RegionOffer {
                az_ids: vec![price.az_id.clone()],
                price_per_hour: price.price_per_hour,
                currency: price.currency.clone(),
                ..unpriced.clone()
            },
            SPOT,
        )
    };
    let found: Vec<PurchasePick<'a>> = prices.iter().filter(is_offered).map(pick).collect();
    match found.is_empty() {
        true => vec![PurchasePick { band, ..PurchasePick::new(facts, unpriced, SPOT) }],
        false => found,
    }
}

/// Returns the on-demand price of an offer if it is in this currency.
fn in_currency(offer: &RegionOffer, currency: Option<&str>) -> Option<Decimal> {
    offer.price_per_hour.filter(|_| offer.currency.as_deref() == currency)
}
