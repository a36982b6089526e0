//! The runtime of one job on one instance type, by the count of instances.

/// The parts of a runtime: fixed work, work that is divided, a tree of messages, and messages to
/// every instance (Ernest, NSDI 2016).
const PARTS: [fn(f64) -> f64; 4] = [|_| 1.0, |count| 1.0 / count, f64::ln, |count| count];

/// A run this many times as long or as short as the curve through all others is set aside.
const ABSURD_FACTOR: f64 = 4.0;
/// The others must agree with their curve within this share before they set a run aside.
const AGREEMENT: f64 = 0.25;
/// Counts that are needed, besides one, to set that one aside.
const JUDGING_COUNTS: usize = 4;

/// `a + b/n + c·log n + d·n` seconds for `n` instances, none of the weights negative.
#[derive(Debug, Clone, PartialEq)]
pub struct CountCurve {
    /// The weights a, b, c and d.
    pub weights: [f64; 4],
    /// Counts whose run contradicts all others, and which the curve leaves out.
    pub set_aside: Vec<u32>,
}

impl CountCurve {
    /// Fits runtimes in seconds, one for each count, by non-negative least squares on relative
    /// errors. `None` for fewer than two counts.
    #[must_use]
    pub fn fit(runtimes: &[(u32, f64)]) -> Option<CountCurve> {
        let mut kept = runtimes.to_vec();
        let mut set_aside = Vec::new();
        while let Some(at) = absurd_run(&kept) {
            set_aside.push(kept.remove(at).0);
        }
        let weights = fit_weights(&kept)?;
        Some(CountCurve { weights, set_aside })
    }

    /// Returns the runtime for a count, in seconds.
    #[must_use]
    pub fn seconds(&self, count: u32) -> f64 {
        seconds(&self.weights, count)
    }
}

fn seconds(weights: &[f64; 4], count: u32) -> f64 {
    PARTS.iter().zip(weights).map(|(part, weight)| weight * part(f64::from(count))).sum()
}

/// Returns the place of the run that contradicts the curve through all others the most.
fn absurd_run(runtimes: &[(u32, f64)]) -> Option<usize> {
    if runtimes.len() <= JUDGING_COUNTS {
        return None;
    }
    let contradiction = |at: usize| {
        let mut others = runtimes.to_vec();
        let (count, measured) = others.remove(at);
        let weights = fit_weights(&others)?;
        let agree = others.iter().all(|(n, t)| (seconds(&weights, *n) / t - 1.0).abs() <= AGREEMENT);
        let factor = (measured / seconds(&weights, count)).ln().abs();
        (agree && factor > ABSURD_FACTOR.ln()).then_some((at, factor))
    };
    let found = (0..runtimes.len()).filter_map(contradiction);
    found.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

/// Tries every set of parts, of which there are fifteen, and keeps the best without a negative
/// weight. That is exact, unlike an iteration that may stop early.
fn fit_weights(runtimes: &[(u32, f64)]) -> Option<[f64; 4]> {
    if runtimes.len() < 2 {
        return None;
    }
    let mut best: Option<(f64, [f64; 4])> = None;
    for set in 1_u8..16 {
        let chosen: Vec<usize> = (0..PARTS.len()).filter(|part| (set >> part) & 1 == 1).collect();
        let Some(weights) = solve(runtimes, &chosen) else { continue };
        let squares = runtimes.iter().map(|(n, t)| (seconds(&weights, *n) / t - 1.0).powi(2)).sum::<f64>();
        if best.as_ref().is_none_or(|(least, _)| squares < least - 1e-12) {
            best = Some((squares, weights));
        }
    }
    best.map(|(_, weights)| weights)
}

/// Least squares over the chosen parts. `None` if a weight is negative or the parts depend on each
/// other.
fn solve(runtimes: &[(u32, f64)], chosen: &[usize]) -> Option<[f64; 4]> {
    if chosen.len() > runtimes.len() {
        return None;
    }
    let rows: Vec<Vec<f64>> = runtimes
        .iter()
        .map(|(count, time)| chosen.iter().map(|part| PARTS[*part](f64::from(*count)) / time).collect())
        .collect();
    let solved = super::least_squares::solve(&rows, &vec![1.0; rows.len()], 0.0)?;
    if solved.iter().any(|weight| *weight < 0.0) {
        return None;
    }
    let mut weights = [0.0; 4];
    chosen.iter().zip(solved).for_each(|(part, weight)| weights[*part] = weight);
    Some(weights)
}
