//! Forecasts of weekly series: the median of three autoregressions.

use crate::interval::RatioPool;
use crate::numbers::{mean, median};
use crate::regression::{Autoregression, continue_changes};

/// Newest weeks that the models learn from: five years.
const WINDOW: usize = 260;

/// Largest order of an autoregression of weeks.
const MOST_LAGS: usize = 12;

/// Weeks of a year.
const SEASON: usize = 52;

/// Past origins that decide the width of an interval.
const ORIGINS: usize = 12;

/// The shortest history at a past origin.
const LEAST_HISTORY: usize = 60;

/// The forecast of a weekly series.
#[derive(Debug, Clone, PartialEq)]
pub struct WeekForecast {
    /// The weeks after the last known one.
    pub values: Vec<f64>,
    /// Half the width of the interval of each week, by level. Empty if the series has no past
    /// origin.
    pub half_widths: Vec<Vec<f64>>,
}

/// Forecasts each series for `horizon` weeks, with intervals of the given levels (between 0 and 1).
///
/// The scale of a series is its mean error over all weeks of up to 12 past origins. The ratio of
/// an error to the scale without its own origin is pooled over all series, for each week ahead.
pub fn forecast_weeks(series: &[Vec<f64>], horizon: usize, levels: &[f64]) -> Vec<WeekForecast> {
    let past: Vec<Vec<Vec<f64>>> = series.iter().map(|values| past_errors(values, horizon)).collect();
    let mut pools = vec![RatioPool::default(); horizon];
    for origins in &past {
        let means: Vec<f64> = origins.iter().map(|errors| mean(errors)).collect();
        for (index, errors) in origins.iter().enumerate() {
            let others = (means.iter().sum::<f64>() - means[index]) / (origins.len() - 1) as f64;
            pools.iter_mut().zip(errors).for_each(|(pool, error)| pool.add_ratio(*error, others));
        }
    }
    let factors: Vec<Vec<f64>> =
        levels.iter().map(|level| pools.iter().map(|pool| pool.factor(*level)).collect()).collect();
    let forecast = |(values, origins): (&Vec<f64>, &Vec<Vec<f64>>)| {
        let scale = mean(&origins.iter().map(|errors| mean(errors)).collect::<Vec<f64>>());
        let widths = |of_level: &Vec<f64>| of_level.iter().map(|factor| factor * scale).collect();
        WeekForecast {
            values: continue_weeks(values, horizon),
            half_widths: if origins.is_empty() { Vec::new() } else { factors.iter().map(widths).collect() },
        }
    };
    series.iter().zip(&past).map(forecast).collect()
}

/// Sizes of the errors by past origin and week ahead. The origins are half a horizon apart.
fn past_errors(values: &[f64], horizon: usize) -> Vec<Vec<f64>> {
    let errors = |index: usize| {
        let end = values.len().checked_sub(horizon + index * horizon.div_ceil(2))?;
        (end >= LEAST_HISTORY).then(|| {
            let forecast = continue_weeks(&values[..end], horizon);
            forecast.iter().zip(&values[end..]).map(|(forecast, actual)| (forecast - actual).abs()).collect()
        })
    };
    (0..ORIGINS).map_while(errors).collect()
}

/// The median, week by week, of autoregressions of the levels, of the changes from week to week,
/// and of the changes from year to year.
fn continue_weeks(values: &[f64], horizon: usize) -> Vec<f64> {
    let recent = &values[values.len().saturating_sub(WINDOW)..];
    let season = if recent.len() > 3 * SEASON { SEASON } else { MOST_LAGS };
    let fit = |values: &[f64]| {
        let model = Autoregression::fit(values, MOST_LAGS, season)?;
        Some(model.continue_from(values, horizon))
    };
    let mut paths = vec![fit(recent), continue_changes(recent, 1, horizon, fit)];
    paths.extend((recent.len() > 3 * SEASON).then(|| continue_changes(recent, SEASON, horizon, fit)));
    let last = recent.last().copied().unwrap_or(0.0);
    let is_finite = |path: &Vec<f64>| path.iter().all(|value| value.is_finite());
    let paths: Vec<Vec<f64>> = paths.into_iter().flatten().filter(is_finite).collect();
    let at = |week: usize| {
        if paths.is_empty() {
            last
        } else {
            median(&mut paths.iter().map(|path| path[week]).collect::<Vec<_>>())
        }
    };
    (0..horizon).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::forecast_weeks;

    #[test]
    fn continues_a_yearly_pattern_within_its_intervals() {
        let noise = |week: usize| ((week * 7919 + 13) % 101) as f64 / 101.0 - 0.5;
        let at =
            |week: usize| 100.0 + 20.0 * (week as f64 / 52.0 * std::f64::consts::TAU).sin() + noise(week);
        let series: Vec<Vec<f64>> = (0..8).map(|shift| (shift..shift + 260).map(at).collect()).collect();
        for (shift, found) in forecast_weeks(&series, 13, &[0.8, 0.95]).iter().enumerate() {
            for (ahead, value) in found.values.iter().enumerate() {
                let error = (value - at(shift + 260 + ahead)).abs();
                assert!(error < 3.0, "series {shift}, {ahead} ahead: {error}");
                assert!(found.half_widths[0][ahead] < found.half_widths[1][ahead]);
            }
        }
    }

    #[test]
    fn a_short_series_has_a_forecast_but_no_interval() {
        let found = forecast_weeks(&[vec![5.0; 3], Vec::new()], 2, &[0.8]);
        assert_eq!((&found[0].values[..], found[0].half_widths.len()), (&[5.0, 5.0][..], 0));
        assert_eq!(found[1].values, [0.0, 0.0]);
    }
}
