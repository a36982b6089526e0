//! The spot price of a zone in seven days: the last price, with a band from the past errors of that
//! rule for equally volatile series.
//!
//! The band is adaptive and conformal. Its half width is a quantile of the |log changes| over a
//! week, of all series of the same class of volatility at 26 past origins. Its level follows the
//! misses: after each week it moves by 0.15 times the excess of their share.
//!
//! There is no band beyond seven days. Prices of a whole market move together: twelve weeks ahead,
//! 95 % bands from the past covered 0.53 to 0.88 of the prices of 2023.

use crate::spot_price::{log_change, mean_log_change};

/// Weeks whose changes give the volatility of a series.
const VOLATILITY_WEEKS: usize = 12;

/// Fewest known changes among them.
const LEAST_CHANGES: usize = 4;

/// Weekly origins whose errors are pooled.
const POOLED_ORIGINS: usize = 26;

/// Fewest errors of a class that give a band.
const LEAST_ERRORS: usize = 40;

/// How far the level of a band moves for a share of misses that is 1 too high.
const ADAPTIVE_STEP: f64 = 0.15;

/// Weeks of prices before now that the outlook can use.
pub const OUTLOOK_WEEKS: usize = VOLATILITY_WEEKS + POOLED_ORIGINS;

/// The prices of a series at the ends of successive weeks, oldest first; the last one is the price
/// now. `None` is unobserved.
pub type WeeklyPrices = Vec<Option<f64>>;

/// A class of volatility: the mean |log change| from week to week of 12 weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolatilityClass {
    /// Below 0.2 %.
    Still,
    /// From 0.2 to 1 %.
    Calm,
    /// From 1 to 3 %.
    Moderate,
    /// From 3 to 8 %.
    Lively,
    /// 8 % and more.
    Wild,
}

impl VolatilityClass {
    /// Every class, from the least volatile one.
    pub const ALL: [VolatilityClass; 5] = [Self::Still, Self::Calm, Self::Moderate, Self::Lively, Self::Wild];

    /// The class of a series at one of its weeks, from the changes up to it. `None` if fewer than
    /// four of the last 12 changes are known.
    pub fn of(prices: &[Option<f64>]) -> Option<VolatilityClass> {
        let last = &prices[prices.len().saturating_sub(VOLATILITY_WEEKS + 1)..];
        let known = last.windows(2).filter(|pair| log_change(pair[0], pair[1]).is_some()).count();
        let mean = mean_log_change(last).filter(|_| known >= LEAST_CHANGES)?;
        Some(match mean {
            mean if mean < 0.002 => Self::Still,
            mean if mean < 0.01 => Self::Calm,
            mean if mean < 0.03 => Self::Moderate,
            mean if mean < 0.08 => Self::Lively,
            _ => Self::Wild,
        })
    }

    /// The class in words, such as `1-3%`.
    pub fn label(self) -> &'static str {
        ["<0.2%", "0.2-1%", "1-3%", "3-8%", ">8%"][self as usize]
    }
}

/// A band of prices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpotBand {
    /// Lower end, per hour.
    pub low: f64,
    /// Upper end, per hour.
    pub high: f64,
}

/// The outlook of one series for seven days ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpotOutlook {
    /// The class whose errors give the bands.
    pub class: VolatilityClass,
    /// The band that should contain the price in 80 % of cases.
    pub band_80: SpotBand,
    /// The band that should contain it in 95 % of cases.
    pub band_95: SpotBand,
}

/// Why a series has no outlook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlookGap {
    /// The last observation is older than seven days, or there is none.
    NoPrice,
    /// Fewer than four of the last 12 weekly changes are known.
    TooFewWeeks,
    /// Fewer than 40 past errors of equally volatile series are known.
    TooFewErrors,
}

impl OutlookGap {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            OutlookGap::NoPrice => "no price in the last 7 days",
            OutlookGap::TooFewWeeks => "fewer than 4 of the last 12 weekly changes are known",
            OutlookGap::TooFewErrors => {
                "fewer than 40 past weekly changes of equally volatile zones are known"
            }
        }
    }
}

/// The half widths of the bands of each class, as |log change|.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpotOutlookModel {
    widths: [Option<ClassWidths>; VolatilityClass::ALL.len()],
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct ClassWidths {
    of_80: f64,
    of_95: f64,
}

impl SpotOutlookModel {
    /// Calibrates the bands on series of weekly prices of the same length, which end now.
    pub fn calibrate(series: &[WeeklyPrices]) -> SpotOutlookModel {
        let weeks = series.iter().map(Vec::len).max().unwrap_or_default();
        let mut errors: [Vec<Vec<f64>>; VolatilityClass::ALL.len()] =
            std::array::from_fn(|_| vec![Vec::new(); weeks]);
        for prices in series {
            for origin in 0..prices.len().saturating_sub(1) {
                let error = log_change(prices[origin], prices[origin + 1]);
                if let Some((error, class)) = error.zip(VolatilityClass::of(&prices[..=origin])) {
                    errors[class as usize][origin].push(error);
                }
            }
        }
        SpotOutlookModel {
            widths: errors.map(|of_class| {
                let (of_80, of_95) = (adaptive_width(&of_class, 0.80)?, adaptive_width(&of_class, 0.95)?);
                Some(ClassWidths { of_80, of_95 })
            }),
        }
    }

    /// Returns the outlook of a series for seven days after its last price.
    ///
    /// # Errors
    /// Why there is none.
    pub fn outlook(&self, prices: &[Option<f64>]) -> Result<SpotOutlook, OutlookGap> {
        let now = prices.last().copied().flatten().filter(|price| *price > 0.0);
        let now = now.ok_or(OutlookGap::NoPrice)?;
        let class = VolatilityClass::of(prices).ok_or(OutlookGap::TooFewWeeks)?;
        let widths = self.widths[class as usize].ok_or(OutlookGap::TooFewErrors)?;
        let band = |width: f64| SpotBand { low: now * (-width).exp(), high: now * width.exp() };
        Ok(SpotOutlook { class, band_80: band(widths.of_80), band_95: band(widths.of_95) })
    }
}

/// The half width of a band for the last origin, from the errors at each origin before it. Walks
/// through the origins and adapts the level to the misses known by then.
fn adaptive_width(errors: &[Vec<f64>], wanted: f64) -> Option<f64> {
    let mut level = wanted;
    for (origin, of_origin) in errors.iter().enumerate() {
        let width = pooled_width(errors, origin, level);
        if let Some(width) = width.filter(|_| !of_origin.is_empty()) {
            let missed = of_origin.iter().filter(|error| **error > width).count();
            let missed = missed as f64 / of_origin.len() as f64;
            level = (level + ADAPTIVE_STEP * (missed - (1.0 - wanted))).clamp(0.5, 1.0);
        }
    }
    pooled_width(errors, errors.len().saturating_sub(1), level)
}

/// The quantile of the errors at the origins before one; `None` if there are too few.
fn pooled_width(errors: &[Vec<f64>], origin: usize, level: f64) -> Option<f64> {
    let before = &errors[origin.saturating_sub(POOLED_ORIGINS)..origin];
    let mut pool: Vec<f64> = before.iter().flatten().copied().collect();
    if pool.len() < LEAST_ERRORS {
        return None;
    }
    let rank = (level * (pool.len() - 1) as f64).ceil() as usize;
    Some(*pool.select_nth_unstable_by(rank, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weekly prices that change by this share of themselves, up and down.
    fn zigzag(weeks: usize, change: f64) -> WeeklyPrices {
        (0..weeks).map(|week| Some(if week % 2 == 0 { 1.0 } else { 1.0 + change })).collect()
    }

    #[test]
    fn classes_are_cut_at_the_mean_weekly_change() {
        let check = |change: f64, expected: VolatilityClass| {
            assert_eq!(VolatilityClass::of(&zigzag(13, change)), Some(expected), "{change}");
        };
        check(0.0, VolatilityClass::Still);
        check(0.0019, VolatilityClass::Still);
        check(0.0025, VolatilityClass::Calm);
        check(0.02, VolatilityClass::Moderate);
        check(0.05, VolatilityClass::Lively);
        check(0.5, VolatilityClass::Wild);
        assert_eq!(VolatilityClass::of(&zigzag(4, 0.1)), None, "three changes are too few");
        let old = [zigzag(20, 0.5), vec![Some(1.0); 13]].concat();
        assert_eq!(VolatilityClass::of(&old), Some(VolatilityClass::Still), "only 12 weeks count");
        assert_eq!(
            VolatilityClass::ALL.map(|class| class.label()),
            ["<0.2%", "0.2-1%", "1-3%", "3-8%", ">8%"]
        );
    }

    #[test]
    fn a_series_without_an_outlook_says_why() {
        let model = SpotOutlookModel::calibrate(&vec![zigzag(20, 0.05); 10]);
        let check = |prices: &[Option<f64>], expected: OutlookGap| {
            assert_eq!(model.outlook(prices), Err(expected), "{prices:?}");
        };
        check(&[], OutlookGap::NoPrice);
        check(&[Some(1.0), None], OutlookGap::NoPrice);
        check(&[Some(1.0), Some(1.1)], OutlookGap::TooFewWeeks);
        check(&zigzag(13, 0.5), OutlookGap::TooFewErrors);
        let found = model.outlook(&zigzag(13, 0.05)).unwrap();
        assert!((found.band_95.high - 1.05).abs() < 1e-9 && (found.band_95.low - 1.0 / 1.05).abs() < 1e-9);
        assert_eq!(
            SpotOutlookModel::calibrate(&vec![zigzag(20, 0.05); 2]).outlook(&zigzag(13, 0.05)),
            Err(OutlookGap::TooFewErrors),
            "two series have 30 errors"
        );
    }

    #[test]
    fn misses_widen_the_band_and_their_absence_narrows_it() {
        let errors = |last: f64| {
            let mut errors: Vec<Vec<f64>> = vec![(1..=100).map(f64::from).collect(); 9];
            errors.extend([vec![last; 100], Vec::new()]);
            adaptive_width(&errors, 0.8).unwrap()
        };
        let (quiet, loud) = (errors(0.0), errors(99.5));
        assert!(quiet < 80.0 && loud > 82.0, "{quiet} {loud}");
    }
}
