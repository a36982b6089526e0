//! Ranges in text form: `4..16`, `4..` (or `4+`), `..16`, `4`. Both ends are included.

use std::fmt;
use std::str::FromStr;

/// A range that includes its ends. It has at least one end, and the lower is not above the upper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRange<T> {
    low: Option<T>,
    high: Option<T>,
}

/// A text that is not a range. The message is a lowercase fragment with an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeError(String);

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RangeError {}

/// The type of the ends of a range. `read` returns the same value for a value's `Display` text.
pub trait RangeBound: Copy + PartialOrd + fmt::Display {
    /// Name in the plural, for messages.
    const PLURAL: &'static str;
    /// Examples of a range, for messages.
    const EXAMPLE: &'static str;
    /// Reads one end; `None` when the text is not a value.
    fn read(text: &str) -> Option<Self>;
    /// Converts to the unit of the fact that the value is compared with.
    fn number(self) -> f64;
}

impl<T: RangeBound> ValueRange<T> {
    /// Returns a range of exactly one value.
    pub fn exactly(value: T) -> ValueRange<T> {
        ValueRange { low: Some(value), high: Some(value) }
    }

    /// Returns the range from `value` upwards.
    pub fn at_least(value: T) -> ValueRange<T> {
        ValueRange { low: Some(value), high: None }
    }

    /// Returns the range from `value` downwards.
    pub fn at_most(value: T) -> ValueRange<T> {
        ValueRange { low: None, high: Some(value) }
    }

    /// Returns the range between two values; `None` when `low` is above `high`.
    pub fn between(low: T, high: T) -> Option<ValueRange<T>> {
        (low <= high).then_some(ValueRange { low: Some(low), high: Some(high) })
    }

    /// Whether the value is in the range.
    pub fn contains(&self, value: T) -> bool {
        self.low.is_none_or(|low| low <= value) && self.high.is_none_or(|high| value <= high)
    }

    /// Returns the range without its ends: `step` adds one to the lower end, and minus one to the
    /// upper.
    pub fn without_ends(&self, step: impl Fn(T, i64) -> T) -> ValueRange<T> {
        ValueRange { low: self.low.map(|low| step(low, 1)), high: self.high.map(|high| step(high, -1)) }
    }

    /// Returns the lower and the upper end.
    pub fn ends(&self) -> (Option<T>, Option<T>) {
        (self.low, self.high)
    }

    /// Returns the value of a range of exactly one value.
    pub fn single(&self) -> Option<T> {
        self.low.filter(|low| self.high == Some(*low))
    }

    /// Returns the value in the range that is nearest to `value`.
    pub fn nearest(&self, value: T) -> T {
        match (self.low, self.high) {
            (Some(low), _) if value < low => low,
            (_, Some(high)) if value > high => high,
            _ => value,
        }
    }

    /// Converts the range to plain numbers.
    pub fn numbers(&self) -> ValueRange<f64> {
        ValueRange { low: self.low.map(T::number), high: self.high.map(T::number) }
    }
}

impl ValueRange<f64> {
    /// Describes the range, each end formatted by `show`:
    /// "4", "at least 4", "at most 16", "4 to 16".
    pub fn in_words(&self, show: impl Fn(f64) -> String) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) if low == high => show(low),
            (Some(low), Some(high)) => format!("{} to {}", show(low), show(high)),
            (Some(low), None) => format!("at least {}", show(low)),
            (None, Some(high)) => format!("at most {}", show(high)),
            (None, None) => "any".into(),
        }
    }
}

impl<T: RangeBound> FromStr for ValueRange<T> {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<ValueRange<T>, RangeError> {
        let bad = || {
            let (plural, example) = (T::PLURAL, T::EXAMPLE);
            RangeError(format!("\"{text}\" is not a range of {plural} such as {example}"))
        };
        let end = |text: &str| match text.trim() {
            "" => Ok(None),
            end => T::read(end).map(Some).ok_or_else(bad),
        };
        // As other tools write bounds: 4+, >=4 and <=16.
        let low = text.trim().strip_suffix('+').or_else(|| text.trim().strip_prefix(">="));
        let high = text.trim().strip_prefix("<=");
        let range = match (text.split_once(".."), low, high) {
            (Some((low, high)), ..) => ValueRange { low: end(low)?, high: end(high)? },
            (None, Some(low), _) => end(low)?.map(ValueRange::at_least).ok_or_else(bad)?,
            (None, None, Some(high)) => end(high)?.map(ValueRange::at_most).ok_or_else(bad)?,
            (None, None, None) => end(text)?.map(ValueRange::exactly).ok_or_else(bad)?,
        };
        match (range.low, range.high) {
            (None, None) => Err(bad()),
            (Some(low), Some(high)) if low > high => {
                Err(RangeError(format!("\"{text}\" starts above its end; write {high}..{low}")))
            }
            _ => Ok(range),
        }
    }
}

impl<T: RangeBound> fmt::Display for ValueRange<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (Some(low), Some(high)) if low == high => write!(f, "{low}"),
            (Some(low), Some(high)) => write!(f, "{low}..{high}"),
            (Some(low), None) => write!(f, "{low}.."),
            (None, Some(high)) => write!(f, "..{high}"),
            (None, None) => Ok(()),
        }
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

impl RangeBound for i64 {
    const PLURAL: &'static str = "whole numbers";
    const EXAMPLE: &'static str = "4..16, 4.., ..16 or 4";

    fn read(text: &str) -> Option<i64> {
        // No sign: a count is never negative.
        text.parse().ok().filter(|_| digits(text))
    }

    fn number(self) -> f64 {
        self as f64
    }
}

impl RangeBound for f64 {
    const PLURAL: &'static str = "numbers";
    const EXAMPLE: &'static str = "2.5..10, 2.5.., ..10 or 2.5";

    fn read(text: &str) -> Option<f64> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = digits(whole) && digits(fraction);
        text.parse().ok().filter(|number: &f64| plain && number.is_finite())
    }

    fn number(self) -> f64 {
        self
    }
}

/// A memory size in MiB, written `64GiB`, `512MiB`, `1.5TiB`; a number without a unit is GiB.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MemorySize(f64);

impl MemorySize {
    /// Adds MiB. The sum is at least 0.
    pub fn plus_mebibytes(self, mebibytes: i64) -> MemorySize {
        MemorySize((self.0 + mebibytes as f64).max(0.0))
    }
}

impl RangeBound for MemorySize {
    const PLURAL: &'static str = "memory sizes";
    const EXAMPLE: &'static str = "16GiB..64GiB, 512MiB.., ..64 or 8gb";

    fn read(text: &str) -> Option<MemorySize> {
        domain::parse_memory_mib(text).ok().filter(|mib| mib.is_finite()).map(MemorySize)
    }

    fn number(self) -> f64 {
        self.0
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only whole GiB: any other quotient would not read back as the same number.
        if self.0 % 1024.0 == 0.0 && self.0 < 1e15 {
            write!(f, "{}GiB", self.0 / 1024.0)
        } else {
            write!(f, "{}MiB", self.0)
        }
    }
}

/// GiB of memory per vCPU, written `1:4` (1 vCPU to 4 GiB).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MemoryRatio(f64);

impl RangeBound for MemoryRatio {
    const PLURAL: &'static str = "ratios of vCPUs to GiB";
    const EXAMPLE: &'static str = "1:4, 1:2..1:4 or 1:8..";

    fn read(text: &str) -> Option<MemoryRatio> {
        let (vcpus, gib) = text.split_once(':')?;
        let (vcpus, gib) = (f64::read(vcpus.trim())?, f64::read(gib.trim())?);
        // Two decimals, like the fact that it is compared with: 1:1.333 matches 3 vCPUs, 4 GiB.
        let ratio = (gib / vcpus * 100.0).round() / 100.0;
        // Above a billion, an f64 cannot represent two decimals.
        (vcpus > 0.0 && ratio < 1e9).then_some(MemoryRatio(ratio))
    }

    fn number(self) -> f64 {
        self.0
    }
}

impl fmt::Display for MemoryRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: RangeBound>(text: &str, expected: Result<&str, &str>) {
        let read = text.parse::<ValueRange<T>>();
        let read = read.map(|range| range.to_string()).map_err(|error| error.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn reads_ranges_of_whole_numbers() {
        check::<i64>("4..16", Ok("4..16"));
        check::<i64>("4..", Ok("4.."));
        check::<i64>("..16", Ok("..16"));
        check::<i64>(" 4 .. 16 ", Ok("4..16"));
        check::<i64>("4+", Ok("4.."));
        check::<i64>(">=4", Ok("4.."));
        check::<i64>("<= 16", Ok("..16"));
        check::<MemorySize>("16gb+", Ok("16GiB.."));
        check::<i64>("4", Ok("4"));
        check::<i64>("16..4", Err("\"16..4\" starts above its end; write 4..16"));
        for bad in [
            "",
            "..",
            "x",
            "-4",
            "+4",
            "+",
            ">=",
            "4..+",
            "4++",
            "4.5",
            "4-16",
            "4...16",
            "99999999999999999999",
        ] {
            let example = "4..16, 4.., ..16 or 4";
            check::<i64>(bad, Err(&format!("\"{bad}\" is not a range of whole numbers such as {example}")));
        }
    }

    #[test]
    fn reads_ranges_of_numbers_memory_and_ratios() {
        check::<f64>("2.5..10", Ok("2.5..10"));
        check::<f64>("..8.0", Ok("..8"));
        for bad in ["nan", "inf", "1e3", ".5", "5.", "1.2.3", "1...3"] {
            let example = "2.5..10, 2.5.., ..10 or 2.5";
            check::<f64>(bad, Err(&format!("\"{bad}\" is not a range of numbers such as {example}")));
        }
        check::<MemorySize>("..64GiB", Ok("..64GiB"));
        check::<MemorySize>("16gb..64", Ok("16GiB..64GiB"));
        check::<MemorySize>("0.5", Ok("512MiB"));
        check::<MemorySize>("1TiB", Ok("1024GiB"));
        check::<MemorySize>("64GiB..16GiB", Err("\"64GiB..16GiB\" starts above its end; write 16GiB..64GiB"));
        check::<MemoryRatio>("1:4", Ok("1:4"));
        check::<MemoryRatio>("2:8..1:8", Ok("1:4..1:8"));
        let example = "1:4, 1:2..1:4 or 1:8..";
        check::<MemoryRatio>(
            "0:4",
            Err(&format!("\"0:4\" is not a range of ratios of vCPUs to GiB such as {example}")),
        );
    }

    #[test]
    fn both_ends_are_included() {
        let check = |range: &str, inside: &[i64], outside: &[i64]| {
            let range: ValueRange<i64> = range.parse().unwrap();
            assert!(inside.iter().all(|n| range.contains(*n)), "{range}");
            assert!(!outside.iter().any(|n| range.contains(*n)), "{range}");
        };
        check("4..16", &[4, 10, 16], &[3, 17]);
        check("4..", &[4, 1000], &[3]);
        check("..4", &[0, 4], &[5]);
        check("4", &[4], &[3, 5]);
    }

    fn survives<T: RangeBound>(text: &str) {
        if let Ok(range) = text.parse::<ValueRange<T>>() {
            let again: ValueRange<T> = range.to_string().parse().expect("a displayed range can be read");
            assert_eq!(again.to_string(), range.to_string(), "{text}");
            assert_eq!(again.numbers(), range.numbers(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_round_trips_or_is_refused(text in "\\PC{0,12}|[0-9.: gGmMtTiIbB]{0,16}") {
            survives::<i64>(&text);
            survives::<f64>(&text);
            survives::<MemorySize>(&text);
            survives::<MemoryRatio>(&text);
        }
    }
}
