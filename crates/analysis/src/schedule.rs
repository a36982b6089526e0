//! Charges that fall due by the calendar: fees, purchases, tax and credits.

use crate::{ChargeKind, DailyCosts, Day};

/// Months with an excess on the first day, the current one included, until it counts as a fee.
const FEE_MONTHS: usize = 3;

/// An excess on the first day counts if it is larger than this share of the usual cost of a day.
const LEAST_FEE_SHARE: f64 = 0.5;

/// Charges on more than this share of the last 28 days make a daily schedule.
const DAILY_SHARE: f64 = 0.5;

/// The charges that a schedule expects on the days after `through` until before `end`, known from
/// the days until `through` alone.
pub(crate) fn scheduled_days(kind: ChargeKind, costs: &DailyCosts, through: Day, end: Day) -> Vec<f64> {
    let days = usize::try_from(end - through - 1).unwrap_or(0);
    match kind {
        ChargeKind::Usage | ChargeKind::Uncategorised | ChargeKind::Once => vec![0.0; days],
        ChargeKind::Recurring | ChargeKind::Tax | ChargeKind::Credit => {
            if is_daily(costs, through) {
                return (0..days as i32).map(|i| last_known(costs, through, through + 1 + i)).collect();
            }
            monthly_days(costs, through, days)
        }
    }
}

/// Whether a leaf is charged on most days.
fn is_daily(costs: &DailyCosts, through: Day) -> bool {
    let charged = (0..28).filter(|ago| costs.on(through - *ago).is_some_and(|cost| cost != 0.0)).count();
    charged as f64 > 28.0 * DAILY_SHARE
}

/// The cost of the newest known day with the weekday of `day`, of the last 4 weeks.
fn last_known(costs: &DailyCosts, through: Day, day: Day) -> f64 {
    let ago = (through - day).rem_euclid(7);
    (0..4).find_map(|week| costs.on(through - ago - 7 * week)).unwrap_or(0.0)
}

/// The charges of the last month on the same days of the month. A charge that came early this month
/// is not expected again.
fn monthly_days(costs: &DailyCosts, through: Day, days: usize) -> Vec<f64> {
    let month = (through + 1).month_start();
    let pattern_start = (month - 1).month_start();
    let pattern: Vec<f64> =
        (0..month - pattern_start).map(|i| costs.on(pattern_start + i).unwrap_or(0.0)).collect();
    let elapsed = usize::try_from(through + 1 - month).unwrap_or(0);
    let so_far: f64 = (0..elapsed as i32).filter_map(|i| costs.on(month + i)).sum();
    let mut early = so_far - pattern.iter().take(elapsed).sum::<f64>();
    let mut expected = Vec::with_capacity(days);
    for index in 0..days {
        let day = through + 1 + index as i32;
        let mut amount = on_day_of_month(&pattern, day);
        if day < month.next_month() && amount * early > 0.0 {
            let paid = amount.signum() * amount.abs().min(early.abs());
            amount -= paid;
            early -= paid;
        }
        expected.push(amount);
    }
    expected
}

/// The pattern's charge on a day of the month. Charges on days that a shorter month lacks fall on
/// its last day.
fn on_day_of_month(pattern: &[f64], day: Day) -> f64 {
    let (_, _, of_month) = day.date();
    let index = of_month as usize - 1;
    let is_last = day + 1 == day.next_month();
    if is_last { pattern.iter().skip(index).sum() } else { pattern.get(index).copied().unwrap_or(0.0) }
}

/// Usage and fee of a series from a source without categories.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeeSplit {
    /// The series without the fees.
    pub(crate) usage: DailyCosts,
    /// The fee of each month's first day that has one, oldest first.
    pub(crate) fees: Vec<(Day, f64)>,
}

impl FeeSplit {
    /// Separates the excess of the first days of months, known from the days until `through` alone.
    pub(crate) fn of(costs: &DailyCosts, through: Day) -> FeeSplit {
        let known = costs.before(through + 1);
        let mut run: Vec<(Day, f64)> = Vec::new();
        let mut split = FeeSplit { usage: known.clone(), fees: Vec::new() };
        let mut month = known.first.month_start();
        if month < known.first {
            month = month.next_month();
        }
        while month <= through {
            let amount = excess(&known, month);
            if !amount.zip(run.last()).is_some_and(|(amount, (_, last))| is_like(amount, *last)) {
                run.clear();
            }
            run.extend(amount.map(|amount| (month, amount)));
            if run.len() == FEE_MONTHS {
                split.fees.append(&mut run.clone());
            } else if run.len() > FEE_MONTHS {
                split.fees.extend(run.last());
            }
            month = month.next_month();
        }
        for (day, fee) in &split.fees {
            let index = (*day - split.usage.first) as usize;
            split.usage.values[index] = known.on(*day).map(|cost| cost - fee);
        }
        split
    }

    /// The fee that the first day of a month after `through` will have: the last one, unless the
    /// newest month had none.
    pub(crate) fn next(&self, through: Day) -> f64 {
        match self.fees.last() {
            Some((month, amount)) if *month == through.month_start() => *amount,
            _ => 0.0,
        }
    }
}

/// Whether two excesses can be the same fee.
fn is_like(amount: f64, last: f64) -> bool {
    amount < 2.0 * last && last < 2.0 * amount
}

/// The excess of the first day of a month over the same weekday of the weeks around it, if it is
/// large.
fn excess(costs: &DailyCosts, first: Day) -> Option<f64> {
    let cost = costs.on(first)?;
    let mut around: Vec<f64> =
        [-14, -7, 7, 14].iter().filter_map(|offset| costs.on(first + *offset)).collect();
    let mut week: Vec<f64> = (-7..8).filter(|i| *i != 0).filter_map(|i| costs.on(first + i)).collect();
    if around.is_empty() {
        return None;
    }
    let usual = crate::numbers::median(&mut around);
    let level = crate::numbers::median(&mut week).abs();
    let excess = cost - usual;
    (excess > LEAST_FEE_SHARE * level.max(usual.abs()) && excess > 0.0).then_some(excess)
}
