//! The ways to pay for an instance type, each compared with its own on-demand price.

use analysis::{BandRate, LeaseBreakEven, LeaseOffer, band_rate, break_even_interruptions, saving_percent};
use catalog::rows::{PurchaseOptionRow, RegionOfferRow};
use console::Failure;
use domain::{Decimal, SignedDuration};

use crate::CommandPorts;
use crate::discount_book::{CustomerTerms, InstanceHours};
use crate::region_scope::rows;
use crate::type_names::ask_about_type;

/// The name of paying on demand.
pub(crate) const ON_DEMAND: &str = "on-demand";

/// The name of paying for spot capacity.
pub(crate) const SPOT: &str = "spot";

/// The prices that an answer is about.
pub(crate) struct PriceScope<'a> {
    /// Region codes joined by commas, or `all`.
    pub(crate) regions: &'a str,
    /// Operating system.
    pub(crate) os: &'a str,
    /// Tenancy.
    pub(crate) tenancy: &'a str,
}

impl<'a> PriceScope<'a> {
    /// Returns the parameters of a question about the prices of a type.
    pub(crate) fn given(&self, instance_type: &'a str) -> [(&'a str, &'a str); 4] {
        [("type", instance_type), ("regions", self.regions), ("os", self.os), ("tenancy", self.tenancy)]
    }
}

/// Describes a way to pay: `reserved standard, 3 y all upfront`, `spot use1-az1`.
pub(crate) fn describe_purchase(purchase: &str, detail: Option<&str>, term: Option<(i64, &str)>) -> String {
    let mut text = purchase.replace('-', " ").replace("savings plan", "Savings Plan");
    text.extend(detail.map(|detail| format!(" {detail}")));
    text.extend(term.map(|(years, payment)| format!(", {years} y {}", payment.replace('-', " "))));
    text
}

/// The ways to pay for an instance type, and the regions that offer it.
pub(crate) struct TypeOptions {
    /// Instance type.
    pub(crate) instance_type: String,
    /// The ways to pay in regions that are not known to lack the type.
    pub(crate) options: Vec<PurchaseOptionRow>,
    /// Every known region.
    pub(crate) regions: Vec<RegionOfferRow>,
}

impl TypeOptions {
    /// Loads the ways to pay for a type, named in any spelling.
    ///
    /// # Errors
    /// The type is not known, or the warehouse fails.
    pub(crate) fn load(
        typed: &str,
        scope: &PriceScope<'_>,
        ports: &CommandPorts<'_>,
    ) -> Result<TypeOptions, Failure> {
        let ask = |name: &str| {
            let given = scope.given(name);
            let [options, regions] = ports
                .answer_all([("price/purchase-options", &given), ("offering/regions", &[("type", name)])]);
            Ok((rows::<PurchaseOptionRow>(options?)?, rows::<RegionOfferRow>(regions?)?))
        };
        let is_known = |(options, regions): &(Vec<PurchaseOptionRow>, Vec<RegionOfferRow>)| {
            !options.is_empty() || regions.iter().any(|region| region.first_observed_at.is_some())
        };
        let (instance_type, (mut options, regions)) = ask_about_type(typed, ports, ask, is_known)?;
        // A price list can contain types that a region does not offer.
        options.retain(|option| {
            let lacks =
                |region: &RegionOfferRow| region.region == option.region && region.is_offered == Some(false);
            !regions.iter().any(lacks)
        });
        Ok(TypeOptions { instance_type, options, regions })
    }
}

/// The assumptions behind the comparison of spot with on demand, and the hours of use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UseAssumptions {
    /// Hours of use, if the total cost is wanted.
    pub(crate) hours: Option<Decimal>,
    /// Time between two checkpoints.
    pub(crate) checkpoint: SignedDuration,
    /// Time that a restart takes.
    pub(crate) restart: SignedDuration,
}

/// A way to pay, compared with the on-demand price of the same region and currency.
#[derive(Debug, Clone)]
pub(crate) struct ComparedOption {
    /// The way to pay, at list prices.
    pub(crate) option: PurchaseOptionRow,
    /// Price per hour with the customer's discount.
    pub(crate) price_per_hour: Option<Decimal>,
    /// One-time payment with the customer's discount.
    pub(crate) upfront_price: Option<Decimal>,
    /// Id of the discount; `None` without one.
    pub(crate) discount_id: Option<String>,
    /// Saving against on demand, percent.
    pub(crate) saving_percent: Option<f64>,
    /// From when on a commitment pays.
    pub(crate) break_even: Option<LeaseBreakEven>,
    /// Interruptions per hour above which spot does not pay.
    pub(crate) break_even_interruptions: Option<f64>,
    /// Interruptions per hour that the spot advisor's band implies.
    pub(crate) band_rate: Option<BandRate>,
    /// Cost of the hours of use. A commitment is paid for its whole term.
    pub(crate) total_cost: Option<Decimal>,
}

/// Compares the ways to pay for one type, at the customer's own prices. Prices in other currencies
/// are never compared.
///
/// # Errors
/// Two discounts apply equally to one way to pay.
pub(crate) fn compare_options(
    found: &TypeOptions,
    os: &str,
    uses: &UseAssumptions,
    terms: &CustomerTerms,
) -> Result<Vec<ComparedOption>, Failure> {
    let own = found.options.iter().map(|option| own_price(option, &found.instance_type, os, terms));
    let mut compared = own.collect::<Result<Vec<ComparedOption>, Failure>>()?;
    let bases: Vec<Option<Decimal>> = compared.iter().map(|one| on_demand_price(one, &compared)).collect();
    for (one, base) in compared.iter_mut().zip(bases) {
        one.compare(base, uses);
    }
    Ok(compared)
}

/// Returns the on-demand price in the region and currency of `one`.
fn on_demand_price(one: &ComparedOption, all: &[ComparedOption]) -> Option<Decimal> {
    let is_base = |other: &&ComparedOption| {
        other.option.purchase == ON_DEMAND
            && other.option.region == one.option.region
            && other.option.currency == one.option.currency
    };
    all.iter().find(is_base).and_then(|base| base.price_per_hour)
}

/// Returns the way to pay at the customer's own price, not yet compared.
fn own_price(
    option: &PurchaseOptionRow,
    instance_type: &str,
    os: &str,
    terms: &CustomerTerms,
) -> Result<ComparedOption, Failure> {
    let hours = InstanceHours {
        instance_type,
        region: &option.region,
        os,
        purchase: &option.purchase,
        currency: option.currency.as_deref().unwrap_or_default(),
    };
    let discount = terms.find(&hours)?.filter(|_| option.price_per_hour.is_some());
    let (price_per_hour, upfront_price) = match discount {
        None => (option.price_per_hour, option.upfront_price),
        Some(discount) => (
            option.price_per_hour.and_then(|price| discount.apply(price)),
            option.upfront_price.and_then(|payment| discount.apply_to_payment(payment)),
        ),
    };
    Ok(ComparedOption {
        option: option.clone(),
        price_per_hour,
        upfront_price,
        discount_id: discount.map(|discount| discount.id.clone()),
        saving_percent: None,
        break_even: None,
        break_even_interruptions: None,
        band_rate: option.band.and_then(band_rate),
        total_cost: None,
    })
}

impl ComparedOption {
    fn compare(&mut self, on_demand: Option<Decimal>, uses: &UseAssumptions) {
        let (price, lease) = (self.price_per_hour, self.lease());
        let both = on_demand.zip(price);
        self.saving_percent = both.and_then(|(on_demand, price)| saving_percent(price, on_demand));
        self.break_even = lease.zip(on_demand).and_then(|(lease, on_demand)| lease.break_even(on_demand));
        if self.option.purchase == SPOT {
            self.break_even_interruptions = both.and_then(|(on_demand, spot)| {
                break_even_interruptions(on_demand, spot, uses.checkpoint, uses.restart)
            });
        }
        let total = |hours: Decimal| match lease {
            Some(lease) => lease.cost(hours),
            None => price?.checked_mul(hours),
        };
        self.total_cost = uses.hours.and_then(total).map(|cost| cost.normalize());
    }

    fn lease(&self) -> Option<LeaseOffer> {
        Some(LeaseOffer {
            price_per_hour: self.price_per_hour?,
            years: u32::try_from(self.option.lease_years?).ok()?,
            is_all_upfront: self.option.payment.as_deref() == Some("all-upfront"),
        })
    }
}

#[cfg(test)]
mod tests {
    use analysis::Day;

    use super::*;
    use crate::discount_book::DiscountBook;

    fn option(purchase: &str, region: &str, currency: &str, price: Option<&str>) -> PurchaseOptionRow {
        PurchaseOptionRow {
            region: region.into(),
            az_id: None,
            purchase: purchase.into(),
            offering_class: None,
            lease_years: None,
            payment: None,
            price_per_hour: price.map(|price| price.parse().unwrap()),
            upfront_price: None,
            currency: Some(currency.into()),
            quarantined_price_per_hour: None,
            band: None,
            observed_at: "2026-11-01T00:00:00Z".parse().unwrap(),
            source: None,
        }
    }

    fn uses(hours: Option<i64>) -> UseAssumptions {
        let (checkpoint, restart) = (SignedDuration::from_hours(1), SignedDuration::from_mins(10));
        UseAssumptions { hours: hours.map(Decimal::from), checkpoint, restart }
    }

    fn compared(options: Vec<PurchaseOptionRow>, hours: Option<i64>) -> Vec<ComparedOption> {
        let found = TypeOptions { instance_type: "m7i.large".into(), options, regions: Vec::new() };
        let terms = CustomerTerms { discounts: DiscountBook::default(), account_id: None, day: Day(0) };
        compare_options(&found, "linux", &uses(hours), &terms).unwrap()
    }

    #[test]
    fn only_prices_of_the_same_region_and_currency_are_compared() {
        let check = |base: PurchaseOptionRow, expected: Option<f64>| {
            let spot = option(SPOT, "cn-north-1", "CNY", Some("0.25"));
            let found = compared(vec![base, spot], None).pop().unwrap();
            assert_eq!(found.saving_percent, expected, "{found:?}");
            assert_eq!(found.break_even_interruptions.is_some(), expected.is_some());
        };
        check(option(ON_DEMAND, "cn-north-1", "CNY", Some("1")), Some(75.0));
        check(option(ON_DEMAND, "cn-north-1", "USD", Some("1")), None);
        check(option(ON_DEMAND, "us-east-1", "CNY", Some("1")), None);
        check(option(ON_DEMAND, "cn-north-1", "CNY", None), None);
        check(option("reserved", "cn-north-1", "CNY", Some("1")), None);
    }

    #[test]
    fn a_price_that_is_not_known_has_no_saving_and_no_cost() {
        let base = option(ON_DEMAND, "us-east-1", "USD", Some("1"));
        let ended = option(SPOT, "us-east-1", "USD", None);
        let found = compared(vec![base, ended], Some(10)).pop().unwrap();
        assert_eq!((found.saving_percent, found.total_cost), (None, None));
    }

    #[test]
    fn hours_cost_the_whole_term_of_a_commitment() {
        let base = option(ON_DEMAND, "us-east-1", "USD", Some("0.1"));
        let lease = PurchaseOptionRow {
            lease_years: Some(1),
            payment: Some("all-upfront".into()),
            ..option("reserved", "us-east-1", "USD", Some("0.05"))
        };
        let costs = |hours: i64| -> Vec<String> {
            let found = compared(vec![base.clone(), lease.clone()], Some(hours));
            found.iter().map(|one| one.total_cost.unwrap().to_string()).collect()
        };
        assert_eq!(costs(100), ["10", "438"]);
        assert_eq!(costs(10_000), ["1000", "876"]);
        let found = compared(vec![base, lease], None).pop().unwrap();
        let break_even = found.break_even.unwrap();
        assert_eq!((break_even.hours, break_even.month), (Some(4_380), Some(6)));
        assert_eq!(found.total_cost, None);
    }
}
