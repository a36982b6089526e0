//! Anomalies put into series, and whether they are found.

use crate::generator::DAYS;
use crate::random::RandomStream;
use crate::series::JudgedSeries;

/// Events of each kind in each series, one at a time.
const EVENTS: usize = 4;

/// The first and the last day on which an event may begin.
const BEGINS: (usize, usize) = (120, DAYS - 50);

/// Days of a drift.
const DRIFT_DAYS: usize = 28;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventShape {
    /// One day.
    Spike,
    /// All days from the event on.
    Step,
    /// A linear change over four weeks.
    Drift,
}

/// A kind of event.
pub(crate) struct EventKind {
    pub(crate) name: &'static str,
    pub(crate) shape: EventShape,
    /// The size as a part of the cost; half of the events rise, half of them fall.
    size: f64,
    /// Factor on the noise of the series.
    pub(crate) noise: f64,
    /// Days from the first one on until the event must have been found.
    days: usize,
    pub(crate) bar: f64,
}

const fn kind(
    name: &'static str,
    shape: EventShape,
    size: f64,
    noise: f64,
    days: usize,
    bar: f64,
) -> EventKind {
    EventKind { name, shape, size, noise, days, bar }
}

pub(crate) const KINDS: [EventKind; 7] = [
    kind("spike of 40 %, on its day", EventShape::Spike, 0.4, 1.0, 1, 0.95),
    kind("step of 40 %, by its second day", EventShape::Step, 0.4, 1.0, 2, 0.95),
    kind("spike of 20 %, on its day", EventShape::Spike, 0.2, 1.0, 1, 0.75),
    kind("step of 20 %, by its second day", EventShape::Step, 0.2, 1.0, 2, 0.75),
    kind("spike of 40 %, noise doubled", EventShape::Spike, 0.4, 2.0, 1, 0.78),
    kind("step of 40 %, noise doubled", EventShape::Step, 0.4, 2.0, 2, 0.78),
    kind("drift of 40 % in 28 days, by its 35th", EventShape::Drift, 0.4, 1.0, 35, 0.55),
];

impl EventKind {
    /// The part of the events that a detector finds: on days that it does not report without the
    /// event.
    pub(crate) fn recall(
        &self,
        seed: u64,
        series: &[JudgedSeries],
        detect: &dyn Fn(&JudgedSeries, &[f64]) -> Vec<usize>,
    ) -> f64 {
        let found: usize = series
            .iter()
            .enumerate()
            .map(|(index, one)| {
                // A stream that no generated series uses.
                let random = &mut RandomStream::new(seed, 1_000_000 + index as u64);
                let before = detect(one, &one.values);
                (0..EVENTS).filter(|event| self.is_found(*event, one, &before, random, detect)).count()
            })
            .sum();
        found as f64 / (series.len() * EVENTS) as f64
    }

    fn is_found(
        &self,
        event: usize,
        series: &JudgedSeries,
        before: &[usize],
        random: &mut RandomStream,
        detect: &dyn Fn(&JudgedSeries, &[f64]) -> Vec<usize>,
    ) -> bool {
        let begin = random.whole(BEGINS.0, BEGINS.1);
        let size = if event.is_multiple_of(2) { self.size } else { -self.size };
        let changed: Vec<f64> = series
            .values
            .iter()
            .enumerate()
            .map(|(day, cost)| cost * (1.0 + size * self.shape.part(day, begin)))
            .collect();
        let is_hit = |day: &usize| (begin..begin + self.days).contains(day) && !before.contains(day);
        detect(series, &changed).iter().any(is_hit)
    }
}

impl EventShape {
    /// The part of the size that is there on a day.
    fn part(self, day: usize, begin: usize) -> f64 {
        match self {
            EventShape::Spike => f64::from(u8::from(day == begin)),
            EventShape::Step => f64::from(u8::from(day >= begin)),
            EventShape::Drift if day < begin => 0.0,
            EventShape::Drift => ((day - begin + 1) as f64 / DRIFT_DAYS as f64).min(1.0),
        }
    }
}
