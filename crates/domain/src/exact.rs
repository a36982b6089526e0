/// Parses a decimal text as an integer multiple of 10^-`scale`, the stored form of
/// DECIMAL(`precision`, `scale`). Accepts `12`, `-0.5`, `+3.`, `.5` and `4.7E-9`. Returns `None` if
/// the text is not a number or does not fit; nothing is rounded. `precision` is at most 38.
pub fn parse_exact(text: &str, precision: u32, scale: u32) -> Option<i128> {
    let text = text.trim();
    let (text, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
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
    fits.then_some(if negative { -scaled } else { scaled })
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
}
