//! Medians and quantiles.

/// The median; 0 of no values. Reorders the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    // Selects instead of sorting: a walk over a series takes four medians a day.
    let (middle, is_even) = (values.len() / 2, values.len().is_multiple_of(2));
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    match lower.iter().copied().max_by(f64::total_cmp).filter(|_| is_even) {
        Some(below) => (below + *upper) / 2.0,
        None => *upper,
    }
}

/// The quantile, interpolated between the two nearest values; 0 of no values. Reorders the values.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let position = share * (values.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (values[above] - values[below]) * (position - below as f64)
}

/// The arithmetic mean; 0 of no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::{mean, median, quantile};

    #[test]
    fn quantiles_are_interpolated_and_those_of_no_values_are_0() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&mut [0.0, 10.0], 0.9), 9.0);
        assert_eq!(quantile(&mut [7.0], 0.9), 7.0);
        assert_eq!((median(&mut []), mean(&[])), (0.0, 0.0));
        assert_eq!(mean(&[1.0, 2.0]), 1.5);
    }
}
