//! Plain rules that a bill payer would use.

use analysis::{ChargeKind, Day};

use crate::generator::{FIRST, GeneratedSeries};

/// A plain rule. The one-liners know that the charge of the first day comes once: they leave first
/// days, and the categories that are no usage, out of the remainder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Baseline {
    /// Cost to date ÷ elapsed days × days of the month.
    RunRate,
    /// Month to date, and the mean of the last 7 days for each day left.
    Mean7,
    /// Month to date, and the mean of the last 28 days for each day left.
    Mean28,
    /// Month to date, and the last 7 days repeated.
    LastWeek,
}

/// The run-rate, then the three one-liners.
pub(crate) const BASELINES: [Baseline; 4] =
    [Baseline::RunRate, Baseline::Mean7, Baseline::Mean28, Baseline::LastWeek];

impl Baseline {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Baseline::RunRate => "run-rate",
            Baseline::Mean7 => "+ 7-day mean",
            Baseline::Mean28 => "+ 28-day mean",
            Baseline::LastWeek => "+ last 7 days",
        }
    }

    /// The month's total, from the days until `through`.
    pub(crate) fn total(self, bill: &GeneratedSeries, totals: &[f64], through: Day) -> f64 {
        let place = |day: Day| (day - FIRST) as usize;
        let month = through.month_start();
        let so_far: f64 = totals[place(month)..=place(through)].iter().sum();
        let left = (month.next_month() - 1 - through) as usize;
        let elapsed = (through + 1 - month) as f64;
        let usage = usage(bill, through);
        let mean = |days: usize| {
            let recent = &usage[usage.len().saturating_sub(days)..];
            recent.iter().map(|(_, cost)| cost).sum::<f64>() / recent.len() as f64
        };
        match self {
            Baseline::RunRate => so_far / elapsed * (elapsed + left as f64),
            Baseline::Mean7 => so_far + mean(7) * left as f64,
            Baseline::Mean28 => so_far + mean(28) * left as f64,
            Baseline::LastWeek => {
                so_far + (1..=left).map(|ahead| last_of_weekday(&usage, through, ahead)).sum::<f64>()
            }
        }
    }
}

/// Usage of the days until `through`, without first days of months.
fn usage(bill: &GeneratedSeries, through: Day) -> Vec<(Day, f64)> {
    let is_usage = |kind| matches!(kind, ChargeKind::Usage | ChargeKind::Uncategorised);
    let costs = &bill.leaves.iter().find(|leaf| is_usage(leaf.kind)).expect("each bill has usage").costs;
    let days = (0..=through - FIRST).map(|i| FIRST + i).filter(|day| *day != day.month_start());
    days.map(|day| (day, costs.on(day).unwrap_or(0.0))).collect()
}

/// The newest cost of the weekday of the day `ahead` days after `through`.
fn last_of_weekday(usage: &[(Day, f64)], through: Day, ahead: usize) -> f64 {
    let weekday = (through + ahead as i32).weekday();
    usage.iter().rev().find(|(day, _)| day.weekday() == weekday).map_or(0.0, |(_, cost)| *cost)
}
