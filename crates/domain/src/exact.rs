/// Parses a decimal text as an integer multiple of 10^-`scale`, the stored form of
/// DECIMAL(`precision`, `scale`). Accepts `12`, `-0.5`, `+3.`, `.5` and `4.7E-9`. Returns `None` if
/// the text is not a number or does not fit; nothing is rounded. `precision` is at most 38.
pub fn parse_exact(text: &str, precision: u32, scale: u32) -> Option<i128> {
    let DecimalText { is_negative, whole, part, exponent } = DecimalText::split(text)?;
    // Trailing zeros do not change the value, and there may be more of them than fit.
    let part = part.trim_end_matches('0');
    let mut mantissa: i128 = 0;
    for byte in whole.bytes().chain(part.bytes()) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    if mantissa == 0 {
        return Some(0);
    }
    let shift = i64::from(scale) + i64::from(exponent) - i64::try_from(part.len()).ok()?;
    let scaled = match u32::try_from(shift) {
        Ok(up) => mantissa.checked_mul(10_i128.checked_pow(up)?)?,
        Err(_) => {
            let down = 10_i128.checked_pow(u32::try_from(-shift).ok()?)?;
            (mantissa % down == 0).then_some(mantissa / down)?
        }
    };
    let fits = scaled < 10_i128.pow(precision);
    fits.then_some(if is_negative { -scaled } else { scaled })
}

/// The parts of a decimal text. The digits are not checked.
struct DecimalText<'a> {
    is_negative: bool,
    whole: &'a str,
    part: &'a str,
    exponent: i32,
}

impl DecimalText<'_> {
    /// Returns `None` if there is no digit, or if the exponent is not a number.
    fn split(text: &str) -> Option<DecimalText<'_>> {
        let text = text.trim();
        let (text, is_negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let has_digits = !whole.is_empty() || !part.is_empty();
        has_digits.then_some(DecimalText { is_negative, whole, part, exponent })
    }
}

/// A number in the precision of its column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundedNumber {
    /// The number as a multiple of 10^-`scale`.
    pub units: i128,
    /// The size of the change by rounding, in the number's own unit; 0 if nothing was rounded.
    pub change: f64,
}

/// Parses the texts that [`parse_exact`] accepts, and rounds the digits beyond `scale` half to
/// even. Returns `None` if the text is not a number, or if the number is too large.
pub fn parse_rounded(text: &str, precision: u32, scale: u32) -> Option<RoundedNumber> {
    if let Some(units) = parse_exact(text, precision, scale) {
        return Some(RoundedNumber { units, change: 0.0 });
    }
    let DecimalText { is_negative, whole, part, exponent } = DecimalText::split(text)?;
    let digits: Vec<u8> = whole.bytes().chain(part.bytes()).map(|byte| byte.wrapping_sub(b'0')).collect();
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    // The number of digits that stay. If it is negative, as many zeros come before the digits.
    let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let (stay, go) = digits.split_at(usize::try_from(kept).unwrap_or(0).min(digits.len()));
    let mut units =
        stay.iter().try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add((*digit).into()))?;
    if kept > digits.len() as i64 {
        // Nothing to round, so it did not fit because it is too large.
        return None;
    }
    let zeros = i32::try_from(kept.min(0)).ok()?;
    let fraction = fraction(go) * 10_f64.powi(zeros);
    let is_up = zeros == 0 && is_above_half(go, units % 2 == 1);
    units += i128::from(is_up);
    let change = if is_up { 1.0 - fraction } else { fraction };
    let change = (change / 10_f64.powi(scale.try_into().ok()?)).max(f64::MIN_POSITIVE);
    let units = if is_negative { -units } else { units };
    (units.abs() < 10_i128.pow(precision)).then_some(RoundedNumber { units, change })
}

/// The amounts of a statement that were rounded to 18 decimals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoundingTally {
    count: u64,
    largest_change: f64,
}

impl RoundingTally {
    /// Counts an amount, if rounding changed it.
    pub fn add(&mut self, change: f64) {
        self.count += u64::from(change > 0.0);
        self.largest_change = self.largest_change.max(change);
    }

    /// Adds the amounts of another part of the same statement.
    pub fn merge(&mut self, part: &RoundingTally) {
        self.count += part.count;
        self.largest_change = self.largest_change.max(part.largest_change);
    }

    /// Returns a sentence on the amounts; `None` if there are none.
    pub fn describe(&self) -> Option<String> {
        let (amounts, were) = match self.count {
            0 => return None,
            1 => ("1 amount has".to_string(), "was"),
            count => (format!("{count} amounts have"), "were"),
        };
        let change = self.largest_change;
        Some(format!(
            "{amounts} more than 18 decimals and {were} rounded half to even; the largest change is {change:.1e}"
        ))
    }
}

/// Returns the value of digits after a decimal point.
fn fraction(digits: &[u8]) -> f64 {
    digits.iter().rev().fold(0.0, |sum, digit| (sum + f64::from(*digit)) / 10.0)
}

/// Returns whether digits after a decimal point round up. A half rounds up after an odd digit.
fn is_above_half(digits: &[u8], after_odd: bool) -> bool {
    match digits.split_first() {
        Some((5, rest)) => after_odd || rest.iter().any(|digit| *digit > 0),
        Some((first, _)) => *first > 5,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_texts_that_fit_exactly_and_rejects_all_others() {
        let check = |text: &str, expected: Option<i128>| {
            assert_eq!(parse_exact(text, 38, 18), expected, "{text}");
        };
        let one = 10_i128.pow(18);
        check("1", Some(one));
        check("+1.", Some(one));
        check(" -.5 ", Some(-one / 2));
        check("0.000000000000000001", Some(1));
        check("0.0000000000000000010000", Some(1));
        check("0.0000000000000000011", None);
        check("4.7E-9", Some(4_700_000_000));
        check("1e-18", Some(1));
        check("10e-19", Some(1));
        check("1e-19", None);
        check("0E-30", Some(0));
        check("2.5e3", Some(2500 * one));
        check("99999999999999999999", Some(99_999_999_999_999_999_999 * one));
        check("100000000000000000000", None);
        check("1e400", None);
        check("-1e-400", None);
        check("1e99999999999", None);
        for bad in ["", "-", ".", "1.2.3", "--1", "-+1", "1,000", "NaN", "inf", "0x1", "1e", "e5", "1 2", "½"]
        {
            check(bad, None);
        }
        assert_eq!(parse_exact("99999999.9999999999", 18, 10), Some(999_999_999_999_999_999));
        assert_eq!(parse_exact("100000000", 18, 10), None);
    }

    #[test]
    fn rounds_digits_beyond_the_scale_half_to_even() {
        let check = |text: &str, expected: Option<(i128, f64)>| {
            let found = parse_rounded(text, 38, 18).map(|number| (number.units, number.change));
            match (found, expected) {
                (Some((units, change)), Some((expected, by))) => {
                    assert_eq!(units, expected, "{text}");
                    assert!((change - by).abs() <= by * 1e-9, "{text}: {change:e}");
                }
                (found, expected) => assert_eq!(found, expected, "{text}"),
            }
        };
        check("0.0036316000000000005", Some((3_631_600_000_000_000, 5e-19)));
        check("0.0036316000000000015", Some((3_631_600_000_000_002, 5e-19)));
        check("-0.00363160000000000051", Some((-3_631_600_000_000_001, 4.9e-19)));
        check("1.2345678901234567e-9", Some((1_234_567_890, 1.234_567e-19)));
        check(
            "99999999999999999999.0000000000000000004",
            Some((99_999_999_999_999_999_999 * 10_i128.pow(18), 4e-19)),
        );
        check("0.99999999999999999991", Some((10_i128.pow(18), 9e-20)));
        check("1e-19", Some((0, 1e-19)));
        check("9e-19", Some((1, 1e-19)));
        check("9e-21", Some((0, 9e-21)));
        check("6.5", Some((6_500_000_000_000_000_000, 0.0)));
        assert_eq!(parse_rounded("-1e-400", 38, 18).map(|number| number.units), Some(0));
        assert!(parse_rounded("-1e-400", 38, 18).is_some_and(|number| number.change > 0.0));
        let long = "0.9999999999999999999999999999999999999999999";
        assert_eq!(parse_rounded(long, 38, 18).map(|number| number.units), Some(10_i128.pow(18)));
        assert_eq!(parse_rounded("2.25", 18, 1).map(|number| number.units), Some(22));
        assert_eq!(parse_rounded("2.35", 18, 1).map(|number| number.units), Some(24));
        for bad in [
            "1e20",
            "100000000000000000000",
            "99999999999999999999.9999999999999999999",
            "1e400",
            "NaN",
            "inf",
            "",
            "-",
            "1,5",
            "0.1x",
            "1e-",
        ] {
            check(bad, None);
        }
    }
}
