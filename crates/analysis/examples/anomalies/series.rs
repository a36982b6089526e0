//! The series on which alerts are counted: the families without steps of their own.

use std::ops::RangeInclusive;

use analysis::{AnomalyRule, DailyCosts, find_anomalies};

use crate::generator::{self, DAYS, FIRST, Family, SERIES};
use crate::random::RandomStream;

/// The thresholds in `crates/analysis/src/anomaly.rs` and those of the rivals come from these
/// seeds, which are never scored.
pub(crate) const CALIBRATION_SEEDS: RangeInclusive<u64> = 9_001..=9_006;

pub(crate) const FAMILIES: [Family; 9] = [
    Family::Steady,
    Family::Weekend,
    Family::Teardown,
    Family::Growth,
    Family::Decline,
    Family::Walk,
    Family::Fee,
    Family::Refunds,
    Family::Mixed,
];

/// The families with charges that are no usage, in a source without categories.
const WITH_SCHEDULE: [Family; 2] = [Family::Fee, Family::Refunds];

/// Alerts before this day are not counted: fees are known from the third month on.
pub(crate) const FIRST_JUDGED: usize = 84;

/// The generator's levels begin at 5 a day, where the least scale of 1 hides 40 %. Costs of 100 to
/// 100,000 a day measure the detection, not that limit.
const COST_FACTOR: f64 = 20.0;

/// A generated series of usage.
pub(crate) struct JudgedSeries {
    pub(crate) family: Family,
    pub(crate) values: Vec<f64>,
    /// Whether the generator put a refund on the day. An alert on it is right, but not counted.
    has_refund: Vec<bool>,
}

impl JudgedSeries {
    /// All series of a seed; `noise` multiplies the noise.
    pub(crate) fn all(seed: u64, noise: f64) -> Vec<JudgedSeries> {
        let of_family = |(index, family): (usize, &Family)| {
            let family = *family;
            (0..SERIES).map(move |series| {
                let random = &mut RandomStream::new(seed, (index * SERIES + series) as u64);
                JudgedSeries::new(family, noise, random)
            })
        };
        FAMILIES.iter().enumerate().flat_map(of_family).collect()
    }

    /// Whether all of the series is usage.
    pub(crate) fn is_usage(&self) -> bool {
        !WITH_SCHEDULE.contains(&self.family)
    }

    fn new(family: Family, noise: f64, random: &mut RandomStream) -> JudgedSeries {
        let bill = generator::generate(family, noise, random);
        // Where fees and refunds have their categories, the first leaf is the usage.
        let values = &bill.leaves[0].costs.values;
        let is_alone = bill.leaves.len() == 1;
        JudgedSeries {
            family,
            values: values.iter().map(|cost| COST_FACTOR * cost.unwrap_or(0.0)).collect(),
            has_refund: bill.refunds.iter().map(|refund| is_alone && *refund != 0.0).collect(),
        }
    }

    pub(crate) fn costs(&self, values: &[f64]) -> DailyCosts {
        DailyCosts { first: FIRST, values: values.iter().map(|cost| Some(*cost)).collect() }
    }

    /// The days on which our rule raises an alert.
    pub(crate) fn alerts(&self, rule: &AnomalyRule) -> Vec<usize> {
        alert_days(&self.costs(&self.values), rule)
    }

    /// The number of alerts of a series into which nothing was put.
    pub(crate) fn false_alerts(&self, alerts: &[usize]) -> usize {
        alerts.iter().filter(|day| **day >= FIRST_JUDGED && !self.has_refund[**day]).count()
    }

    /// The length of the counted part, in years.
    pub(crate) fn judged_years() -> f64 {
        (DAYS - FIRST_JUDGED) as f64 / 365.0
    }
}

/// The days of detection, as indices.
pub(crate) fn alert_days(costs: &DailyCosts, rule: &AnomalyRule) -> Vec<usize> {
    let anomalies = find_anomalies(costs, rule).anomalies;
    anomalies.iter().map(|anomaly| (anomaly.detected_on - costs.first) as usize).collect()
}
