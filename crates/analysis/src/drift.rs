//! A slow change of a level over four weeks.

use std::collections::VecDeque;

use crate::expectation::MAD_TO_SD;
use crate::window::MedianWindow;

/// Past changes with which a change is compared.
const COMPARED: usize = 168;

/// Changes without which none is judged.
const FEWEST: usize = 28;

/// The least scale of a change, as a logarithm of a ratio of levels.
const LEAST_SCALE: f64 = 0.03;

/// A drift below this part of the threshold is over.
const IS_OVER: f64 = 0.5;

/// The levels of the last four weeks, and the past changes over four weeks.
#[derive(Debug, Clone, Default)]
pub(crate) struct DriftMemory {
    levels: VecDeque<f64>,
    changes: MedianWindow,
    is_open: bool,
}

/// A drift that became visible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DriftFinding {
    /// The cost of the four weeks at the level of their begin.
    pub(crate) expected: f64,
    /// The sum of the levels of the four weeks.
    pub(crate) actual: f64,
    /// The score in units of the threshold.
    pub(crate) score: f64,
}

impl DriftMemory {
    /// Days over which levels are compared.
    pub(crate) const DAYS: i32 = 28;

    /// Adds the level of a day. Returns a drift on the first day on which its score reaches the
    /// threshold.
    pub(crate) fn add(&mut self, level: f64, threshold: f64) -> Option<DriftFinding> {
        self.levels.push_back(level);
        if self.levels.len() <= Self::DAYS as usize {
            return None;
        }
        let before = self.levels.pop_front()?;
        if before <= 0.0 || level <= 0.0 {
            return None;
        }
        let change = (level / before).ln();
        let score = self.score(change).map(|score| score / threshold);
        self.changes.push(change, COMPARED);
        let score = score?.abs();
        let was_open = self.is_open;
        self.is_open = score >= if was_open { IS_OVER } else { 1.0 };
        (self.is_open && !was_open).then(|| DriftFinding {
            expected: before * f64::from(Self::DAYS),
            actual: self.levels.iter().sum(),
            score,
        })
    }

    fn score(&self, change: f64) -> Option<f64> {
        if self.changes.len() < FEWEST {
            return None;
        }
        let spread = self.changes.median_distance() * MAD_TO_SD;
        Some((change - self.changes.median()) / spread.max(LEAST_SCALE))
    }

    /// Forgets the levels before a step, but not the changes.
    pub(crate) fn reset(&mut self) {
        self.levels.clear();
        self.is_open = false;
    }
}
