//! Candidate models: each continues a history day by day.

use augurs_core::{Fit, Predict};
use augurs_ets::AutoETS;

use crate::history::CostHistory;
use crate::numbers::mean;
use crate::regression::{Autoregression, continue_changes};

/// A way to continue a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Candidate {
    LastWeek,
    RunRate,
    Mean28,
    Smoothing,
    Levels,
    Differences,
    Ets,
}

/// All candidates. The first one needs no month to learn from.
pub(crate) const CANDIDATES: [Candidate; 7] = [
    Candidate::LastWeek,
    Candidate::RunRate,
    Candidate::Mean28,
    Candidate::Smoothing,
    Candidate::Levels,
    Candidate::Differences,
    Candidate::Ets,
];

/// The largest order of an autoregression of daily costs.
const MOST_LAGS: usize = 8;

/// Newest days that exponential smoothing with a trend is fitted to. Its weights of older days are
/// small, and the fit takes most of the time of a forecast.
const ETS_DAYS: usize = 112;

/// A path beyond so many times the largest cost is not plausible.
const MOST_GROWTH: f64 = 10.0;

impl Candidate {
    /// The name in an answer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Candidate::RunRate => "run-rate",
            Candidate::LastWeek => "last-week",
            Candidate::Mean28 => "mean-28",
            Candidate::Smoothing => "smoothing",
            Candidate::Levels => "ar-levels",
            Candidate::Differences => "ar-differences",
            Candidate::Ets => "ets",
        }
    }

    /// Continues the history for `days` days. `run_rate` is the mean cost of the elapsed days of
    /// the month. A model repeats the last week if it cannot be fitted or its path leaves all
    /// bounds.
    pub(crate) fn path(self, history: &CostHistory, run_rate: f64, days: usize) -> Vec<f64> {
        let path = match self {
            Candidate::RunRate => return vec![run_rate; days],
            Candidate::LastWeek => None,
            Candidate::Mean28 => Some(mean_of_28(history, days)),
            Candidate::Smoothing => Some(smoothing(history, days)),
            Candidate::Levels => levels(history, days),
            Candidate::Differences => differences(history, days),
            Candidate::Ets => ets(history, days),
        };
        let most = MOST_GROWTH * history.values.iter().fold(0.0, |most: f64, cost| most.max(cost.abs()));
        let is_plausible = |path: &Vec<f64>| path.iter().all(|cost| cost.abs() <= most);
        let mut path = path.filter(is_plausible).unwrap_or_else(|| last_week(history, days));
        if history.is_positive {
            path.iter_mut().for_each(|cost| *cost = cost.max(0.0));
        }
        path
    }
}

fn last_week(history: &CostHistory, days: usize) -> Vec<f64> {
    let count = history.values.len();
    if count < 7 {
        return vec![mean(&history.values); days];
    }
    (0..days).map(|ahead| history.values[count - 7 + ahead % 7]).collect()
}

fn mean_of_28(history: &CostHistory, days: usize) -> Vec<f64> {
    let plain = history.deseasonalised();
    let level = mean(&plain[plain.len().saturating_sub(28)..]);
    seasonal(history, &vec![level; days])
}

/// Multiplies a path without the pattern of the week by the weekdays' factors.
fn seasonal(history: &CostHistory, plain: &[f64]) -> Vec<f64> {
    let count = history.values.len();
    plain.iter().enumerate().map(|(ahead, level)| level * history.factor(count + ahead)).collect()
}

/// Simple exponential smoothing; the weight with the least squared error one day ahead.
fn smoothing(history: &CostHistory, days: usize) -> Vec<f64> {
    let plain = history.deseasonalised();
    let fitted = (1..20).map(|step| {
        let weight = f64::from(step) * 0.05;
        let mut level = mean(&plain[..plain.len().min(7)]);
        let mut squares = 0.0;
        for value in &plain {
            squares += (value - level).powi(2);
            level += weight * (value - level);
        }
        (squares, level)
    });
    let level = fitted.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |(_, level)| level);
    seasonal(history, &vec![level; days])
}

fn levels(history: &CostHistory, days: usize) -> Option<Vec<f64>> {
    let model = Autoregression::fit(&history.values, MOST_LAGS, 7)?;
    Some(model.continue_from(&history.values, days))
}

fn differences(history: &CostHistory, days: usize) -> Option<Vec<f64>> {
    continue_changes(&history.values, 1, days, |changes| {
        Some(Autoregression::fit(changes, MOST_LAGS, 7)?.continue_from(changes, days))
    })
}

/// Exponential smoothing with a damped trend (augurs) of the values without the pattern of the
/// week.
fn ets(history: &CostHistory, days: usize) -> Option<Vec<f64>> {
    let plain = history.deseasonalised();
    let plain = &plain[plain.len().saturating_sub(ETS_DAYS)..];
    let search = AutoETS::new(1, "AAN").ok()?.damped(true).ok()?;
    let forecast = search.fit(plain).ok()?.predict(days, None).ok()?;
    Some(seasonal(history, &forecast.point))
}
