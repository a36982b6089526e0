//! When a commitment or a spot instance costs less than the same hours on demand.

use domain::{Decimal, SignedDuration};

/// Hours of a year of a lease, as AWS counts them.
const HOURS_OF_YEAR: u32 = 8_760;

/// Hours of a month, for the interruption rates of the spot advisor.
const HOURS_OF_MONTH: f64 = 730.0;

/// The upper ends of the spot advisor's bands of interruption. The highest band has none.
const BAND_ENDS: [f64; 4] = [0.05, 0.10, 0.15, 0.20];

/// A commitment for a number of years: a reserved instance or a Savings Plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseOffer {
    /// Price per hour of the whole term, with any upfront payment spread over it.
    pub price_per_hour: Decimal,
    /// Length of the term, years.
    pub years: u32,
    /// Whether the whole term is paid at its start.
    pub is_all_upfront: bool,
}

/// From when on a commitment costs less than the same use on demand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeaseBreakEven {
    /// The share of the term's hours above which the commitment pays: its price divided by the
    /// on-demand price. Above 1 it never pays.
    pub share: f64,
    /// The smallest number of hours of use within the term at which the commitment costs no more;
    /// `None` if it never pays.
    pub hours: Option<u32>,
    /// The month of uninterrupted use in which an all-upfront payment is recovered; `None` for
    /// another payment, and if it never pays.
    pub month: Option<u32>,
}

impl LeaseOffer {
    /// Returns the break-even against an on-demand price in the same currency; `None` if that price
    /// is not above 0.
    pub fn break_even(&self, on_demand: Decimal) -> Option<LeaseBreakEven> {
        let share = f64::try_from(quotient(self.price_per_hour, on_demand)?).ok()?;
        let within = |units: u32| self.parts_to_pay(on_demand, units).filter(|paid| *paid <= units);
        Some(LeaseBreakEven {
            share,
            hours: within(self.term_hours()),
            month: within(12 * self.years).filter(|_| self.is_all_upfront),
        })
    }

    /// Returns the cost of a number of hours of use, one after the other: every term that is begun
    /// is paid in full. `None` beyond 28 digits.
    pub fn cost(&self, hours: Decimal) -> Option<Decimal> {
        let term = Decimal::from(self.term_hours());
        let terms = hours.checked_div(term)?.ceil().max(Decimal::ONE);
        self.price_per_hour.checked_mul(terms.checked_mul(term)?)
    }

    fn term_hours(&self) -> u32 {
        HOURS_OF_YEAR * self.years
    }

    /// Returns the smallest number of `units` equal parts of the term that cost at least as much on
    /// demand as the whole commitment.
    fn parts_to_pay(&self, on_demand: Decimal, units: u32) -> Option<u32> {
        let whole = self.price_per_hour.checked_mul(Decimal::from(units))?;
        let floor = whole.checked_div(on_demand)?.floor();
        let is_exact = floor.checked_mul(on_demand)? >= whole;
        u32::try_from(floor).ok().map(|parts| if is_exact { parts } else { parts + 1 })
    }
}

/// Returns the saving of a price against the on-demand price in the same currency, percent;
/// negative if it is dearer. `None` if the on-demand price is not above 0.
pub fn saving_percent(price: Decimal, on_demand: Decimal) -> Option<f64> {
    let share = quotient(price, on_demand)?;
    f64::try_from(Decimal::ONE_HUNDRED.checked_mul(Decimal::ONE.checked_sub(share)?)?).ok()
}

/// Returns the interruptions per hour of use above which spot costs more than on demand:
/// (on-demand ÷ spot − 1) ÷ (checkpoint ÷ 2 + restart), with both in hours. An interruption loses
/// half of the time between two checkpoints on average, and the time of a restart. `None` if spot
/// costs no less than on demand, or if a price is not above 0.
pub fn break_even_interruptions(
    on_demand: Decimal,
    spot: Decimal,
    checkpoint: SignedDuration,
    restart: SignedDuration,
) -> Option<f64> {
    let margin = f64::try_from(quotient(on_demand, spot)?).ok()? - 1.0;
    let lost_hours = lost_hours(checkpoint, restart);
    (margin > 0.0 && lost_hours > 0.0).then(|| margin / lost_hours)
}

/// Returns what an hour of progress costs on spot with a number of interruptions per hour:
/// spot × (1 + rate × (checkpoint ÷ 2 + restart)), with both in hours, rounded to 10 decimals. At
/// the rate of [`break_even_interruptions`] it is the on-demand price. `None` beyond 28 digits.
pub fn cost_with_interruptions(
    spot: Decimal,
    per_hour: f64,
    checkpoint: SignedDuration,
    restart: SignedDuration,
) -> Option<Decimal> {
    let extra = Decimal::try_from(per_hour * lost_hours(checkpoint, restart)).ok()?;
    spot.checked_mul(Decimal::ONE.checked_add(extra)?).map(|cost| cost.round_dp(10))
}

/// Returns the hours that an interruption loses on average.
fn lost_hours(checkpoint: SignedDuration, restart: SignedDuration) -> f64 {
    (checkpoint.as_secs_f64() / 2.0 + restart.as_secs_f64()) / 3_600.0
}

/// The interruptions per hour that a band of the spot advisor implies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandRate {
    /// Interruptions per hour.
    pub per_hour: f64,
    /// Whether the rate is at least this high. Of the other bands, it is at most this high.
    pub is_lower_bound: bool,
}

/// Returns −ln(1 − share) ÷ 730, the rate at which a share of instances is interrupted in a month.
/// The share is the band's upper end; the highest band, 4, has only a lower end. The rate is rough,
/// because a band is wide and describes the month before. `None` for an unknown band.
pub fn band_rate(band: i64) -> Option<BandRate> {
    let highest = BAND_ENDS.len();
    let index = usize::try_from(band).ok().filter(|index| *index <= highest)?;
    let share = BAND_ENDS[index.min(highest - 1)];
    Some(BandRate { per_hour: -(1.0 - share).ln() / HOURS_OF_MONTH, is_lower_bound: index == highest })
}

/// Returns `part` ÷ `whole`, if `whole` is above 0 and `part` is not below.
fn quotient(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let is_valid = part >= Decimal::ZERO && whole > Decimal::ZERO;
    part.checked_div(whole).filter(|_| is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn offer(price: &str, years: u32, is_all_upfront: bool) -> LeaseOffer {
        LeaseOffer { price_per_hour: decimal(price), years, is_all_upfront }
    }

    #[test]
    fn a_commitment_pays_from_its_share_of_the_term_on() {
        let check = |price: &str, years: u32, on_demand: &str, expected: Option<(f64, Option<u32>)>| {
            let found = offer(price, years, false).break_even(decimal(on_demand));
            assert_eq!(found.map(|found| (found.share, found.hours)), expected, "{price} of {on_demand}");
            assert_eq!(found.and_then(|found| found.month), None);
        };
        check("0.05", 1, "0.10", Some((0.5, Some(4_380))));
        check("0.05", 3, "0.10", Some((0.5, Some(13_140))));
        check("0.1", 1, "0.1", Some((1.0, Some(8_760))));
        check("0.1000000001", 1, "0.1", Some((1.000_000_001, None)));
        check("0.0999999999", 1, "0.1", Some((0.999_999_999, Some(8_760))));
        check("0", 1, "0.1", Some((0.0, Some(0))));
        check("0.05", 1, "0", None);
        check("0.05", 1, "-0.1", None);
        check("-0.05", 1, "0.1", None);
    }

    #[test]
    fn an_upfront_payment_is_recovered_in_a_month() {
        let check = |price: &str, years: u32, on_demand: &str, expected: Option<u32>| {
            let found = offer(price, years, true).break_even(decimal(on_demand)).unwrap();
            assert_eq!(found.month, expected, "{price} of {on_demand}");
        };
        check("0.05", 1, "0.1", Some(6));
        check("0.0500000001", 1, "0.1", Some(7));
        check("0.0399", 3, "0.098", Some(15));
        check("0.1", 1, "0.1", Some(12));
        check("0.11", 1, "0.1", None);
    }

    #[test]
    fn every_term_that_is_begun_is_paid() {
        let check = |hours: &str, expected: &str| {
            assert_eq!(offer("0.05", 1, false).cost(decimal(hours)), Some(decimal(expected)), "{hours}");
        };
        check("1", "438");
        check("8760", "438");
        check("8760.5", "876");
        check("26280", "1314");
        assert_eq!(offer("0.05", 3, false).cost(decimal("8761")), Some(decimal("1314")));
        assert_eq!(offer("0.05", 1, false).cost(Decimal::MAX), None);
    }

    #[test]
    fn a_saving_is_that_against_the_on_demand_price() {
        let check = |price: &str, on_demand: &str, expected: Option<f64>| {
            assert_eq!(saving_percent(decimal(price), decimal(on_demand)), expected, "{price}");
        };
        check("0.25", "1", Some(75.0));
        check("1.5", "1", Some(-50.0));
        check("1", "0", None);
    }

    #[test]
    fn spot_pays_below_a_number_of_interruptions_per_hour() {
        let check = |on_demand: &str, spot: &str, minutes: (i64, i64), expected: Option<f64>| {
            let (checkpoint, restart) = minutes;
            let minutes = |number| SignedDuration::from_mins(number);
            let (checkpoint, restart) = (minutes(checkpoint), minutes(restart));
            let found = break_even_interruptions(decimal(on_demand), decimal(spot), checkpoint, restart);
            assert_eq!(found.map(|rate| (rate * 1e6).round() / 1e6), expected, "{on_demand} {spot}");
        };
        check("0.2", "0.1", (60, 10), Some(1.5));
        check("0.3", "0.1", (60, 30), Some(2.0));
        check("0.1", "0.1", (60, 10), None);
        check("0.1", "0.2", (60, 10), None);
        check("0.1", "0", (60, 10), None);
        check("0", "0.1", (60, 10), None);
        check("0.2", "0.1", (0, 0), None);
    }

    #[test]
    fn interruptions_add_to_the_cost_of_spot() {
        let check = |spot: &str, rate: f64, minutes: (i64, i64), expected: &str| {
            let [checkpoint, restart] = [minutes.0, minutes.1].map(SignedDuration::from_mins);
            let found = cost_with_interruptions(decimal(spot), rate, checkpoint, restart);
            assert_eq!(found, Some(decimal(expected)), "{spot} {rate}");
        };
        check("0.1", 1.5, (60, 10), "0.2");
        check("0.1", 0.0, (60, 10), "0.1");
        check("0.0388", 0.000_305_676, (120, 30), "0.0388177903");
        check("0", 1.0, (60, 10), "0");
    }

    #[test]
    fn a_band_implies_a_rate() {
        let check = |band: i64, expected: Option<(f64, bool)>| {
            let found =
                band_rate(band).map(|rate| ((rate.per_hour * 1e9).round() / 1e9, rate.is_lower_bound));
            assert_eq!(found, expected, "{band}");
        };
        check(0, Some((0.000_070_265, false)));
        check(3, Some((0.000_305_676, false)));
        check(4, Some((0.000_305_676, true)));
        check(5, None);
        check(-1, None);
    }

    proptest! {
        #[test]
        fn the_hours_of_a_break_even_are_the_first_that_pay(
            price in 1_i64..100_000,
            on_demand in 1_i64..100_000,
            years in prop::sample::select(vec![1_u32, 3]),
        ) {
            let price = Decimal::new(price, 5);
            let on_demand = Decimal::new(on_demand, 5);
            let offer = LeaseOffer { price_per_hour: price, years, is_all_upfront: false };
            let whole = price * Decimal::from(8_760 * years);
            let costs_more = |hours: u32| on_demand * Decimal::from(hours) >= whole;
            match offer.break_even(on_demand).unwrap().hours {
                Some(hours) => prop_assert!(costs_more(hours) && !(hours > 0 && costs_more(hours - 1))),
                None => prop_assert!(!costs_more(8_760 * years)),
            }
        }
    }
}
