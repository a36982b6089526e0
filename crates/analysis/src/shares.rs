//! Amounts that are split into parts without a rounding difference.

use domain::Decimal;

/// Micro-units in a unit of the currency.
const SCALE: f64 = 1e6;

/// Larger amounts are cut off, so that sums stay within `Decimal`.
const MOST: f64 = 1e24;

/// Rounds an amount to millionths of the currency's unit.
pub(crate) fn to_micros(amount: f64) -> i128 {
    (amount * SCALE).clamp(-MOST, MOST).round() as i128
}

/// The amount in the currency's unit.
pub(crate) fn from_micros(micros: i128) -> Decimal {
    Decimal::from_i128_with_scale(micros, 6)
}

/// Splits an amount in proportion to weights that are not negative. The rounding remainder goes to
/// the largest weight, and the whole amount to the first part if all weights are 0.
pub(crate) fn split(micros: i128, weights: &[f64]) -> Vec<i128> {
    let sum: f64 = weights.iter().sum();
    let share = |weight: &f64| if sum > 0.0 { (micros as f64 * (weight / sum)).round() as i128 } else { 0 };
    let mut parts: Vec<i128> = weights.iter().map(share).collect();
    let largest = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a)));
    if let Some(largest) = largest {
        parts[largest] += micros - parts.iter().sum::<i128>();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{from_micros, split, to_micros};
    use proptest::prelude::*;

    #[test]
    fn the_rounding_remainder_goes_to_the_largest_part() {
        assert_eq!(split(100, &[1.0, 1.0, 1.0]), [34, 33, 33]);
        assert_eq!(split(-100, &[1.0, 4.0, 1.0]), [-17, -66, -17]);
        assert_eq!(split(7, &[0.0, 0.0]), [7, 0]);
        assert_eq!(split(7, &[]), [0_i128; 0]);
        assert_eq!(from_micros(to_micros(-1.2345675)).to_string(), "-1.234568");
        assert_eq!(to_micros(f64::NAN), 0);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(micros in -1_000_000_000_000_000_i128..1_000_000_000_000_000,
                                     weights in prop::collection::vec(0.0..1e6_f64, 1..20)) {
            prop_assert_eq!(split(micros, &weights).iter().sum::<i128>(), micros);
        }
    }
}
