//! Simple detectors, each with the threshold that gives one false alert per series and year on
//! series of the calibration seeds.

use crate::series::{CALIBRATION_SEEDS, JudgedSeries};

/// A simple detector: a score of each day from the days before it, and a threshold.
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    score: fn(&[f64], usize) -> f64,
    threshold: f64,
}

/// A rule's name, and its score of a day.
type NamedScore = (&'static str, fn(&[f64], usize) -> f64);

/// The rivals, with their thresholds from the chosen series.
pub(crate) fn calibrated(is_chosen: fn(&JudgedSeries) -> bool) -> Vec<Rival> {
    let all = CALIBRATION_SEEDS.flat_map(|seed| JudgedSeries::all(seed, 1.0));
    let chosen: Vec<JudgedSeries> = all.filter(is_chosen).collect();
    let scores: [NamedScore; 3] = [
        ("mean and sd of 28 days", deviation_of_four_weeks),
        ("median of three weekdays", change_from_weekdays),
        ("change against 7 days", change_from_week),
    ];
    scores.into_iter().map(|(name, score)| Rival::calibrate(name, score, &chosen)).collect()
}

impl Rival {
    fn calibrate(name: &'static str, score: fn(&[f64], usize) -> f64, all: &[JudgedSeries]) -> Rival {
        let (mut low, mut high) = (0.0, 1000.0);
        for _ in 0..30 {
            let rival = Rival { name, score, threshold: (low + high) / 2.0 };
            let alerts: usize = all.iter().map(|one| one.false_alerts(&rival.alerts(&one.values))).sum();
            let is_loud = alerts as f64 > all.len() as f64 * JudgedSeries::judged_years();
            (low, high) = if is_loud { (rival.threshold, high) } else { (low, rival.threshold) };
        }
        Rival { name, score, threshold: high }
    }

    /// The days with an alert. Days in a row are one alert.
    pub(crate) fn alerts(&self, values: &[f64]) -> Vec<usize> {
        let is_above = |day: usize| day >= 28 && (self.score)(values, day) > self.threshold;
        (28..values.len()).filter(|day| is_above(*day) && !is_above(day - 1)).collect()
    }
}

/// The distance from the mean of 28 days, in standard deviations.
fn deviation_of_four_weeks(values: &[f64], day: usize) -> f64 {
    let window = &values[day - 28..day];
    let mean = window.iter().sum::<f64>() / 28.0;
    let variance = window.iter().map(|cost| (cost - mean).powi(2)).sum::<f64>() / 27.0;
    (values[day] - mean).abs() / variance.sqrt().max(1.0)
}

/// The relative distance from the median of the last three same weekdays.
fn change_from_weekdays(values: &[f64], day: usize) -> f64 {
    let mut weekdays = [values[day - 7], values[day - 14], values[day - 21]];
    weekdays.sort_by(f64::total_cmp);
    (values[day] - weekdays[1]).abs() / weekdays[1].abs().max(1.0)
}

/// The relative distance from the mean of the last seven days.
fn change_from_week(values: &[f64], day: usize) -> f64 {
    let mean = values[day - 7..day].iter().sum::<f64>() / 7.0;
    (values[day] - mean).abs() / mean.abs().max(1.0)
}
