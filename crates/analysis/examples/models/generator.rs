//! Invented bills: families of daily series with documented parts. It knows nothing of the models.

use analysis::{ChargeKind, CostLeaf, DailyCosts, Day};

use crate::random::RandomStream;

pub(crate) const DAYS: usize = 486;
pub(crate) const SERIES: usize = 25;

/// 2023-01-01. The last day is 2024-04-30, so that the series are 16 whole months.
pub(crate) const FIRST: Day = Day(19_358);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Steady,
    Weekend,
    Teardown,
    Growth,
    Decline,
    Steps,
    Jobs,
    LateStart,
    Walk,
    Fee,
    Refunds,
    Mixed,
}

pub(crate) const FAMILIES: [Family; 12] = [
    Family::Steady,
    Family::Weekend,
    Family::Teardown,
    Family::Growth,
    Family::Decline,
    Family::Steps,
    Family::Jobs,
    Family::LateStart,
    Family::Walk,
    Family::Fee,
    Family::Refunds,
    Family::Mixed,
];

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Steady => "steady",
            Family::Weekend => "weekend",
            Family::Teardown => "teardown weekend",
            Family::Growth => "growth",
            Family::Decline => "decline",
            Family::Steps => "steps",
            Family::Jobs => "jobs",
            Family::LateStart => "late start",
            Family::Walk => "walk",
            Family::Fee => "fee",
            Family::Refunds => "refunds",
            Family::Mixed => "mixed",
        }
    }
}

/// A generated bill.
pub(crate) struct GeneratedSeries {
    pub(crate) family: Family,
    /// The leaves: one, or usage, fees and refunds where the source has categories.
    pub(crate) leaves: Vec<CostLeaf>,
    /// The refund of each day, also where it is part of the only leaf. The anomalies use it.
    #[allow(dead_code, reason = "one of the two examples uses it")]
    pub(crate) refunds: Vec<f64>,
}

impl GeneratedSeries {
    /// The cost of each day, all leaves together.
    pub(crate) fn totals(&self) -> Vec<f64> {
        let cost = |index: usize| self.leaves.iter().filter_map(|leaf| leaf.costs.values[index]).sum();
        (0..DAYS).map(cost).collect()
    }
}

/// All series of a seed: 12 families of 25.
pub(crate) fn all(seed: u64) -> Vec<GeneratedSeries> {
    let of_family = |(index, family): (usize, &Family)| {
        let family = *family;
        (0..SERIES).map(move |series| {
            generate(family, 1.0, &mut RandomStream::new(seed, (index * SERIES + series) as u64))
        })
    };
    FAMILIES.iter().enumerate().flat_map(of_family).collect()
}

/// Generates a series. `noise_factor` multiplies the noise.
pub(crate) fn generate(family: Family, noise_factor: f64, random: &mut RandomStream) -> GeneratedSeries {
    let level = random.between(5_f64.ln(), 5_000_f64.ln()).exp();
    let noise = noise(random);
    let shape = shape(family, random);
    let usage: Vec<f64> =
        (0..DAYS).map(|day| level * shape[day] * (noise_factor * noise[day]).exp()).collect();
    let fees = match family {
        Family::Fee | Family::Mixed => fees(level, random),
        _ => vec![0.0; DAYS],
    };
    let refunds = match family {
        Family::Refunds | Family::Mixed => refunds(level, random),
        _ => vec![0.0; DAYS],
    };
    let leaf = |kind, values: Vec<f64>| {
        let costs = DailyCosts { first: FIRST, values: values.into_iter().map(Some).collect() };
        CostLeaf { kind, costs, plans: Vec::new() }
    };
    let leaves = if family == Family::Mixed {
        vec![
            leaf(ChargeKind::Usage, usage),
            leaf(ChargeKind::Recurring, fees),
            leaf(ChargeKind::Once, refunds.clone()),
        ]
    } else {
        let total = (0..DAYS).map(|day| usage[day] + fees[day] + refunds[day]).collect();
        vec![leaf(ChargeKind::Uncategorised, total)]
    };
    GeneratedSeries { family, leaves, refunds }
}

/// Logarithms: an autoregression of 0.3 to 0.9 with a standard deviation of 1 to 6 %. Its
/// innovations are Student's t of 4 degrees of freedom.
fn noise(random: &mut RandomStream) -> Vec<f64> {
    let weight = random.between(0.3, 0.9);
    let deviation = random.between(0.01, 0.06) * (1.0 - weight * weight).sqrt();
    let mut value = random.normal() * deviation / (1.0 - weight * weight).sqrt();
    let mut next = || {
        value = weight * value + deviation * random.student4();
        value
    };
    (0..DAYS).map(|_| next()).collect()
}

/// The family's factor of each day.
fn shape(family: Family, random: &mut RandomStream) -> Vec<f64> {
    match family {
        Family::Steady | Family::Fee | Family::Refunds => vec![1.0; DAYS],
        Family::Weekend => weekends(1.0 - random.between(0.10, 0.70)),
        Family::Teardown => weekends(1.0 - random.between(0.75, 0.98)),
        Family::Growth => trend(0.03 + 0.05 * random.normal()),
        Family::Decline => trend(-random.between(0.02, 0.12)),
        Family::Steps => steps(random),
        Family::Jobs => jobs(random),
        Family::LateStart => late_start(random),
        Family::Walk => walk(random),
        Family::Mixed => {
            let growth = trend(0.03 + 0.05 * random.normal());
            let weekends = weekends(1.0 - random.between(0.10, 0.70));
            growth.iter().zip(weekends).map(|(growth, weekend)| growth * weekend).collect()
        }
    }
}

fn weekends(factor: f64) -> Vec<f64> {
    (0..DAYS).map(|day| if (FIRST + day as i32).weekday() >= 5 { factor } else { 1.0 }).collect()
}

/// A constant growth, as a share of the cost in a month of 30.4 days.
fn trend(monthly: f64) -> Vec<f64> {
    (0..DAYS).map(|day| (1.0 + monthly).powf(day as f64 / 30.4)).collect()
}

/// A new level on one day in 45; the logarithm of its ratio has a standard deviation of 0.35.
fn steps(random: &mut RandomStream) -> Vec<f64> {
    let mut level = 0.0;
    let mut next = || {
        if random.chance(1.0 / 45.0) {
            level += 0.35 * random.normal();
        }
        f64::exp(level)
    };
    (0..DAYS).map(|_| next()).collect()
}

/// Runs of 3 to 20 days, with pauses of 3 to 30 days.
fn jobs(random: &mut RandomStream) -> Vec<f64> {
    let mut days = Vec::new();
    let mut is_on = random.chance(0.5);
    while days.len() < DAYS {
        let length = if is_on { random.whole(3, 20) } else { random.whole(3, 30) };
        days.extend(vec![f64::from(u8::from(is_on)); length]);
        is_on = !is_on;
    }
    days.truncate(DAYS);
    days
}

/// Nothing until a day, then a linear ramp of 5 to 40 days; 40 % of the series end again.
fn late_start(random: &mut RandomStream) -> Vec<f64> {
    let start = random.whole(30, 330);
    let ramp = random.whole(5, 40);
    let end = if random.chance(0.4) { random.whole(start + ramp + 30, DAYS - 1) } else { DAYS };
    let factor = |day: usize| match day {
        day if day < start || day >= end => 0.0,
        day => ((day - start + 1) as f64 / ramp as f64).min(1.0),
    };
    (0..DAYS).map(factor).collect()
}

/// A random walk of the logarithm, 2 % a day.
fn walk(random: &mut RandomStream) -> Vec<f64> {
    let mut level = 0.0;
    let mut next = || {
        level += 0.02 * random.normal();
        f64::exp(level)
    };
    (0..DAYS).map(|_| next()).collect()
}

/// A constant fee on the first day of each month, 10 to 60 % of a month.
fn fees(level: f64, random: &mut RandomStream) -> Vec<f64> {
    let fee = random.between(0.10, 0.60) * level * 30.4;
    let on = |day: Day| if day == day.month_start() { fee } else { 0.0 };
    (0..DAYS).map(|day| on(FIRST + day as i32)).collect()
}

/// A refund of half a day to three days of cost on one day in 75.
fn refunds(level: f64, random: &mut RandomStream) -> Vec<f64> {
    let mut next = || if random.chance(1.0 / 75.0) { -level * random.between(0.5, 3.0) } else { 0.0 };
    (0..DAYS).map(|_| next()).collect()
}
