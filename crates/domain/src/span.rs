//! Spans of time as people write them: one grammar for every flag, tag and file.

use jiff::SignedDuration;

/// A text that is not a span of time; the message names the grammar, with examples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a span of time: write whole numbers with w, d, h, m or s, such as 90m, 2h30m, 2d or 1w"
)]
pub struct SpanError(String);

/// Seconds in each unit, longest first.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest accepted span in seconds: ten years. A longer one is a typing error.
const LONGEST: i64 = 10 * 366 * 86_400;

/// Reads a span such as `90m`, `2h30m`, `2d` or `1w`. Units come in descending order, each at most
/// once, without sign or fraction. The total is more than zero and at most ten years. A day is 24
/// hours and a week 7 days of running time.
pub fn parse_span(text: &str) -> Result<SignedDuration, SpanError> {
    let error = || SpanError(text.to_string());
    let mut units = UNITS.iter();
    let mut total = 0i64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: i64 = rest[..digits].parse().map_err(|_| error())?;
        let letter = rest[digits..].chars().next().ok_or_else(error)?;
        let (_, seconds) = units.find(|(unit, _)| *unit == letter).ok_or_else(error)?;
        total = number.checked_mul(*seconds).and_then(|more| total.checked_add(more)).ok_or_else(error)?;
        rest = &rest[digits + 1..];
    }
    if total == 0 || total > LONGEST { Err(error()) } else { Ok(SignedDuration::from_secs(total)) }
}

/// Writes a span in whole seconds, with days as the largest unit (`2d3h`), so that [`parse_span`]
/// reads it back. A span of zero or less becomes `0s`.
pub fn format_span(span: SignedDuration) -> String {
    let mut rest = span.as_secs().max(0);
    let mut text = String::new();
    for (unit, seconds) in &UNITS[1..] {
        if rest >= *seconds {
            text.push_str(&format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    if text.is_empty() { "0s".to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let check = |text: &str, seconds: i64, written: &str| {
            let span = parse_span(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((span.as_secs(), format_span(span).as_str()), (seconds, written), "{text}");
        };
        check("90m", 5_400, "1h30m");
        check("2h30m", 9_000, "2h30m");
        check("2d", 172_800, "2d");
        check("1w", 604_800, "7d");
        check("1w2d3h4m5s", 788_645, "9d3h4m5s");
        check(" 45s ", 45, "45s");
        check("36500h", 131_400_000, "1520d20h");
        check("3660d", 316_224_000, "3660d");
    }

    #[test]
    fn an_invalid_span_is_an_error_with_an_example() {
        for bad in [
            "",
            "8",
            "h",
            "2 h",
            "-2h",
            "1.5h",
            "2h2h",
            "30m2h",
            "0m",
            "2H",
            "9999999999999999999w",
            "11y",
            "600w",
            "２h",
            "2µ",
        ] {
            let error = parse_span(bad).expect_err(bad);
            assert!(error.to_string().contains("such as 90m, 2h30m, 2d or 1w"), "{error}");
        }
    }
}
