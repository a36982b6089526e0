//! Amounts without rounding.

use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use domain::Decimal;

/// Decimals of an amount, as in a stored charge.
const SCALE: u32 = 18;

/// An amount in units of 10^-18 of the currency, the stored form of a charge, DECIMAL(38,18). Sums
/// and differences are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExactCost(pub i128);

impl ExactCost {
    /// No cost.
    pub const ZERO: ExactCost = ExactCost(0);

    /// The amount of a decimal number; `None` if it has more than 18 decimals.
    pub fn of_decimal(number: Decimal) -> Option<ExactCost> {
        let number = number.normalize();
        let missing = SCALE.checked_sub(number.scale())?;
        number.mantissa().checked_mul(10_i128.pow(missing)).map(ExactCost)
    }

    /// The same amount as a decimal number; `None` if it has more than 28 digits.
    pub fn to_decimal(self) -> Option<Decimal> {
        Decimal::try_from_i128_with_scale(self.0, SCALE).ok().map(|number| number.normalize())
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e18
    }

    /// The nearest amount to a double.
    pub fn of_f64(amount: f64) -> ExactCost {
        ExactCost((amount * 1e18).round() as i128)
    }

    /// The amount without its sign.
    pub fn size(self) -> ExactCost {
        ExactCost(self.0.abs())
    }

    /// Half of the amount, rounded towards zero.
    pub fn half(self) -> ExactCost {
        ExactCost(self.0 / 2)
    }

    /// `self` × `numerator` ÷ `denominator`, rounded to the nearest unit, halves away from zero.
    /// The product has 256 bits, so nothing is lost before the division. `None` if the denominator
    /// is 0 or the result does not fit.
    pub fn scaled(self, numerator: i128, denominator: i128) -> Option<ExactCost> {
        let divisor = denominator.unsigned_abs();
        let (high, low) = wide_product(self.0.unsigned_abs(), numerator.unsigned_abs());
        let size = i128::try_from(wide_quotient(high, low, divisor)?).ok()?;
        let is_negative = (self.0 < 0) ^ (numerator < 0) ^ (denominator < 0);
        Some(ExactCost(if is_negative { -size } else { size }))
    }
}

/// The product of two numbers as its upper and its lower 128 bits.
fn wide_product(a: u128, b: u128) -> (u128, u128) {
    const HALF: u128 = u64::MAX as u128;
    let (a_high, a_low, b_high, b_low) = (a >> 64, a & HALF, b >> 64, b & HALF);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 64);
    let (middle, is_over) = middle.overflowing_add(a_low * b_high);
    let high = a_high * b_high + (middle >> 64) + (u128::from(is_over) << 64);
    (high, (middle << 64) | (low & HALF))
}

/// The quotient rounded to the nearest number, halves up; `None` if it has more than 128 bits.
fn wide_quotient(high: u128, low: u128, divisor: u128) -> Option<u128> {
    if high >= divisor {
        return None;
    }
    let (mut rest, mut quotient) = (high, 0_u128);
    for bit in (0..128).rev() {
        let is_over = rest >> 127 == 1;
        rest = (rest << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        if is_over || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    let rounds_up = rest >= divisor - rest;
    quotient.checked_add(u128::from(rounds_up))
}

impl Add for ExactCost {
    type Output = ExactCost;
    fn add(self, other: ExactCost) -> ExactCost {
        ExactCost(self.0 + other.0)
    }
}

impl Sub for ExactCost {
    type Output = ExactCost;
    fn sub(self, other: ExactCost) -> ExactCost {
        ExactCost(self.0 - other.0)
    }
}

impl Neg for ExactCost {
    type Output = ExactCost;
    fn neg(self) -> ExactCost {
        ExactCost(-self.0)
    }
}

impl Sum for ExactCost {
    fn sum<I: Iterator<Item = ExactCost>>(amounts: I) -> ExactCost {
        amounts.fold(ExactCost::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::ExactCost;
    use domain::Decimal;
    use proptest::prelude::*;

    #[test]
    fn a_decimal_number_keeps_all_its_digits() {
        let check = |text: &str| {
            let number: Decimal = text.parse().unwrap();
            let amount = ExactCost::of_decimal(number).unwrap();
            assert_eq!(amount.to_decimal().unwrap().to_string(), text);
        };
        check("106.623456789012345678");
        check("-556.764784");
        check("0");
        check("9999999999.999999999999999999");
        assert_eq!(ExactCost::of_decimal("0.0000000000000000001".parse().unwrap()), None);
    }

    #[test]
    fn a_product_beyond_128_bits_is_divided_without_loss() {
        let check = |amount: i128, numerator: i128, denominator: i128, expected: Option<i128>| {
            assert_eq!(ExactCost(amount).scaled(numerator, denominator).map(|cost| cost.0), expected);
        };
        check(10, 1, 4, Some(3));
        check(-10, 1, 4, Some(-3));
        check(9, 1, 4, Some(2));
        check(7, -3, -7, Some(3));
        check(1, 1, 0, None);
        check(i128::MAX, i128::MAX, i128::MAX, Some(i128::MAX));
        check(i128::MAX, 2, 1, None);
        check(10_i128.pow(37), 10_i128.pow(37), 10_i128.pow(37), Some(10_i128.pow(37)));
        check(-(10_i128.pow(36)), 3 * 10_i128.pow(30), 10_i128.pow(29), Some(-3 * 10_i128.pow(37)));
    }

    proptest! {
        #[test]
        fn dividing_by_the_same_factor_returns_the_amount(
            amount in -(10_i128.pow(37))..10_i128.pow(37),
            factor in 1_i128..10_i128.pow(37),
        ) {
            prop_assert_eq!(ExactCost(amount).scaled(factor, factor), Some(ExactCost(amount)));
            prop_assert_eq!(ExactCost(amount).scaled(-factor, factor), Some(ExactCost(-amount)));
        }
    }
}
