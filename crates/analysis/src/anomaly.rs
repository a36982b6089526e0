//! Unusual costs of one series of days.

use crate::drift::DriftMemory;
use crate::expectation::{DayExpectation, FEWEST_DAYS, SeriesMemory};
use crate::{DailyCosts, Day};

/// Days of one sign that make a new level.
const STEP_DAYS: usize = 4;

/// An anomaly goes on while the score is above this part of the threshold.
const GOES_ON: f64 = 0.5;

/// The kind of an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// At most three days, or not over yet.
    Spike,
    /// Four days of one sign: a new level.
    Step,
    /// A slow change over four weeks.
    Drift,
    /// The first cost at all, after four known weeks without any. Its size does not matter.
    New,
    /// Four days without the usual cost.
    Gone,
    /// A rise of the unused part of a commitment: see [`CostAnomaly::of_unused_commitment`].
    CommitmentUnused,
}

/// Alerts of the day's score per series and year, and the score; measured on invented series
/// without anomalies (`cargo xtask bench anomalies --calibrate`).
const DAY_SCORES: &[(f64, f64)] = &[
    (4.61, 3.0),
    (2.80, 3.5),
    (1.75, 4.0),
    (1.16, 4.5),
    (0.776, 5.0),
    (0.552, 5.5),
    (0.408, 6.0),
    (0.299, 6.5),
    (0.227, 7.0),
    (0.180, 7.5),
    (0.145, 8.0),
];

/// The same for the score of a drift.
const DRIFT_SCORES: &[(f64, f64)] =
    &[(1.29, 3.0), (0.55, 3.5), (0.21, 4.0), (0.10, 4.5), (0.050, 5.0), (0.027, 5.5), (0.013, 6.0)];

/// The part of the alerts that days may use, and the part that drifts may use. The rest is a
/// margin, because series differ from the invented ones.
const DAY_SHARE: f64 = 0.79;
const DRIFT_SHARE: f64 = 0.04;

/// An unusual interval of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct CostAnomaly {
    /// Its kind, as far as it is known at the end of the series.
    pub kind: AnomalyKind,
    /// The first unusual day.
    pub started_on: Day,
    /// The last unusual day; `None` if the interval may go on. A step ends with its fourth day and
    /// a drift with the day of its detection: from then on the new level is expected.
    pub ended_on: Option<Day>,
    /// The day on which its cost made the anomaly visible.
    pub detected_on: Day,
    /// The sum of the expected costs from `started_on` on.
    pub expected_cost: f64,
    /// The sum of the actual costs.
    pub actual_cost: f64,
    /// The largest deviation in units of the threshold, at least 1.
    pub score: f64,
}

impl CostAnomaly {
    /// Returns an anomaly of a series of unused commitments. `None` if the unused part fell.
    pub fn of_unused_commitment(&self) -> Option<CostAnomaly> {
        let rose = self.actual_cost > self.expected_cost;
        rose.then(|| CostAnomaly { kind: AnomalyKind::CommitmentUnused, ..self.clone() })
    }
}

/// The scores above which a day or a drift is an anomaly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnomalyRule {
    /// For one day.
    pub day_score: f64,
    /// For the change over four weeks.
    pub drift_score: f64,
    /// The source has no categories of charges: an excess on the first day of two months is a fee
    /// from then on.
    pub learns_fees: bool,
}

impl AnomalyKind {
    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            AnomalyKind::Spike => "spike",
            AnomalyKind::Step => "step",
            AnomalyKind::Drift => "drift",
            AnomalyKind::New => "new",
            AnomalyKind::Gone => "gone",
            AnomalyKind::CommitmentUnused => "commitment-unused",
        }
    }
}

impl AnomalyRule {
    /// Known days of a series before the first one that is judged.
    pub const FEWEST_DAYS: usize = FEWEST_DAYS;

    /// The rule with at most this many false alerts per series and year. `learns_fees` is
    /// [`AnomalyRule::learns_fees`].
    pub fn with_alerts_per_year(alerts: f64, learns_fees: bool) -> AnomalyRule {
        AnomalyRule {
            day_score: score_of_rate(DAY_SCORES, DAY_SHARE * alerts),
            drift_score: score_of_rate(DRIFT_SCORES, DRIFT_SHARE * alerts),
            learns_fees,
        }
    }
}

/// Interpolates a score in the logarithm of its rate; beyond the table along its first or last
/// segment, but never below 1.
fn score_of_rate(table: &[(f64, f64)], rate: f64) -> f64 {
    let above = table.iter().position(|(known, _)| *known < rate).unwrap_or(table.len() - 1).max(1);
    let ((rate_a, score_a), (rate_b, score_b)) = (table[above - 1], table[above]);
    let part = (rate.ln() - rate_a.ln()) / (rate_b.ln() - rate_a.ln());
    (score_a + part * (score_b - score_a)).max(1.0)
}

/// The result of a walk over a series.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyWalk {
    /// The expectation of each day, from the days before it; `None` if too few days are known.
    pub expectations: Vec<Option<DayExpectation>>,
    /// The anomalies by the day of their detection.
    pub anomalies: Vec<CostAnomaly>,
}

/// Finds the anomalies of a series. The expectation and the anomalies of a day depend on no later
/// day.
pub fn find_anomalies(costs: &DailyCosts, rule: &AnomalyRule) -> AnomalyWalk {
    let mut walk = SeriesWalk {
        rule,
        memory: SeriesMemory::default(),
        drift: DriftMemory::default(),
        run: Vec::new(),
        is_open: false,
        days_before_first_cost: Some(0),
        anomalies: Vec::new(),
    };
    let mut expectations = Vec::with_capacity(costs.values.len());
    for (index, cost) in costs.values.iter().enumerate() {
        let day = costs.first + index as i32;
        let expected = walk.memory.expectation(day, rule.learns_fees);
        match cost {
            Some(cost) => walk.step(day, *cost, expected),
            // A day without a known cost says nothing: a run goes on after it.
            None => walk.memory.add_unknown(),
        }
        expectations.push(expected);
    }
    AnomalyWalk { expectations, anomalies: walk.anomalies }
}

/// A day that deviates, in a run of one sign.
#[derive(Debug, Clone, Copy)]
struct RunDay {
    day: Day,
    cost: f64,
    expected: DayExpectation,
    score: f64,
}

struct SeriesWalk<'a> {
    rule: &'a AnomalyRule,
    memory: SeriesMemory,
    drift: DriftMemory,
    /// The last days that deviate in one direction.
    run: Vec<RunDay>,
    /// Whether the run is the last anomaly.
    is_open: bool,
    /// Known days until now, if none had a cost.
    days_before_first_cost: Option<usize>,
    anomalies: Vec<CostAnomaly>,
}

impl SeriesWalk<'_> {
    fn step(&mut self, day: Day, cost: f64, expected: Option<DayExpectation>) {
        let quiet_days = self.days_before_first_cost;
        self.days_before_first_cost = quiet_days.filter(|_| cost == 0.0).map(|days| days + 1);
        let Some(expected) = expected else { return self.memory.add(day, cost, None, true) };
        let expected = expected.nearest(cost);
        let is_new = cost > 0.0 && quiet_days.is_some_and(|days| days >= FEWEST_DAYS);
        let deviation = (cost - expected.cost) / expected.scale / self.rule.day_score;
        let score = if is_new { deviation.max(1.0) } else { deviation };
        self.end_run_unless(day, score);
        if score.abs() >= GOES_ON {
            self.run.push(RunDay { day, cost, expected, score });
        }
        if !self.is_open && (score.abs() >= 1.0 || self.run.len() == STEP_DAYS) {
            self.open(day, is_new);
        }
        self.memory.add(day, cost, Some(expected), !self.is_open);
        match self.is_open {
            true => self.extend(),
            // The expected level of an unusual day is that of the days before.
            false => self.look_for_drift(day, expected.level),
        }
    }

    /// Ends the run where a day no longer deviates in its direction.
    fn end_run_unless(&mut self, day: Day, score: f64) {
        let Some(last) = self.run.last() else { return };
        let goes_on = score.abs() >= GOES_ON && score.signum() == last.score.signum();
        if goes_on {
            return;
        }
        if std::mem::take(&mut self.is_open) {
            let anomaly = self.anomalies.last_mut().expect("an open run is an anomaly");
            anomaly.ended_on = Some(day - 1);
        }
        self.run.clear();
    }

    fn open(&mut self, day: Day, is_new: bool) {
        self.is_open = true;
        // Days before the first one above the threshold count only if the run is a step.
        if self.run.len() < STEP_DAYS {
            self.run.drain(..self.run.len() - 1);
        }
        self.anomalies.push(CostAnomaly {
            kind: if is_new { AnomalyKind::New } else { AnomalyKind::Spike },
            started_on: self.run[0].day,
            ended_on: None,
            detected_on: day,
            expected_cost: 0.0,
            actual_cost: 0.0,
            score: 0.0,
        });
    }

    /// Enters the last day of the run, and ends it as a step after four days.
    fn extend(&mut self) {
        let anomaly = self.anomalies.last_mut().expect("an open run is an anomaly");
        anomaly.expected_cost = self.run.iter().map(|day| day.expected.cost).sum();
        anomaly.actual_cost = self.run.iter().map(|day| day.cost).sum();
        anomaly.score = self.run.iter().map(|day| day.score.abs()).fold(0.0, f64::max);
        if self.run.len() >= STEP_DAYS {
            self.end_step();
        }
    }

    /// Ends a run of four days, and learns the new level.
    fn end_step(&mut self) {
        let anomaly = self.anomalies.last_mut().expect("an open run is an anomaly");
        anomaly.ended_on = self.run.last().map(|day| day.day);
        let day = |day: &RunDay| {
            let fee = day.expected.fee;
            (day.day, day.cost - fee, day.expected.cost - fee)
        };
        let days: Vec<(Day, f64, f64)> = self.run.iter().map(day).collect();
        match anomaly.kind {
            // A series without a past has no weekdays yet: it is judged after four own weeks.
            AnomalyKind::New => self.memory = SeriesMemory::of_first_days(&days),
            _ => {
                let is_gone = self.run.iter().all(|day| day.cost == 0.0);
                anomaly.kind = if is_gone { AnomalyKind::Gone } else { AnomalyKind::Step };
                self.memory.reset_level(&days, self.run[0].expected.level);
            }
        }
        self.run.clear();
        self.drift.reset();
        self.is_open = false;
    }

    fn look_for_drift(&mut self, day: Day, level: f64) {
        let Some(found) = self.drift.add(level, self.rule.drift_score) else { return };
        self.anomalies.push(CostAnomaly {
            kind: AnomalyKind::Drift,
            started_on: day - (DriftMemory::DAYS - 1),
            ended_on: Some(day),
            detected_on: day,
            expected_cost: found.expected,
            actual_cost: found.actual,
            score: found.score,
        });
    }
}
