//! How much of a day's distance from the level is still there on the next day.

/// The persistence of a series without a past.
const USUAL: f64 = 0.6;

/// The usual persistence weighs as much as so many days of the series.
const USUAL_WEIGHT: f64 = 60.0;

/// After so many days, a day weighs 1/e of the newest.
const MEMORY_DAYS: f64 = 120.0;

/// The part of a day's distance from the level that persists on the next day: by least squares over
/// the past days, shrunk towards the usual part.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LevelPersistence {
    products: f64,
    squares: f64,
    days: f64,
}

impl LevelPersistence {
    pub(crate) fn part(&self) -> f64 {
        if self.squares == 0.0 {
            return USUAL;
        }
        let own = self.products / self.squares;
        ((own * self.days + USUAL * USUAL_WEIGHT) / (self.days + USUAL_WEIGHT)).clamp(0.0, 1.0)
    }

    /// Learns from a day's distance from the level and that of the next day.
    pub(crate) fn learn(&mut self, distance: f64, next: f64) {
        let kept = 1.0 - 1.0 / MEMORY_DAYS;
        self.products = self.products * kept + distance * next;
        self.squares = self.squares * kept + distance * distance;
        self.days = self.days * kept + 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::LevelPersistence;

    #[test]
    fn the_persistence_moves_from_the_usual_one_to_that_of_the_series() {
        let check = |days: usize, kept: f64, expected: f64| {
            let mut persistence = LevelPersistence::default();
            (0..days).for_each(|day| {
                let distance = [0.03, -0.01, 0.02][day % 3];
                persistence.learn(distance, kept * distance);
            });
            assert!((persistence.part() - expected).abs() < 0.01, "{days} {kept}: {}", persistence.part());
        };
        check(0, 0.9, 0.6);
        check(1, 0.9, 0.605);
        check(1_000, 0.9, 0.8);
        check(1_000, 0.3, 0.4);
        check(1_000, 3.0, 1.0);
        check(1_000, -1.0, 0.0);
    }

    #[test]
    fn a_series_without_distances_has_the_usual_persistence() {
        let mut persistence = LevelPersistence::default();
        persistence.learn(0.0, 0.5);
        assert_eq!(persistence.part(), 0.6);
    }
}
