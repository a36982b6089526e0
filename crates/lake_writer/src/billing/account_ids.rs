//! Account ids of a bill. AWS's have 12 digits, and programs that take them for numbers drop
//! leading zeros or append a fraction.

use std::borrow::Cow;

use domain::parse_exact;

/// Digits of an AWS account id.
const DIGITS: usize = 12;

/// The least number of digits that counts as an account id without its leading zeros.
const LEAST: usize = 9;

/// The content of a cell with an account id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AccountId<'a> {
    /// An id, with 12 digits if it is AWS's.
    Known(Cow<'a, str>),
    /// A number without all of its digits, such as `4.44456E+11`.
    Rounded,
}

impl<'a> AccountId<'a> {
    /// Reads an id that a file has as text, or as a number.
    pub(super) fn of(text: &'a str, is_number: bool) -> AccountId<'a> {
        // A spreadsheet marks a number that is meant as text as `'012` or `="012"`.
        let marked = text.trim().trim_start_matches('\'');
        let plain = marked.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(marked);
        if let Some(whole) = whole_number(plain) {
            let is_short = whole.len() < DIGITS && (is_number || whole.len() >= LEAST);
            return AccountId::Known(if is_short { format!("{whole:0>DIGITS$}").into() } else { whole });
        }
        match scientific(plain) {
            Some(digits) => digits.map_or(AccountId::Rounded, |id| AccountId::Known(id.into())),
            None => AccountId::Known(joined_groups(plain).map_or(plain.into(), Cow::Owned)),
        }
    }
}

/// Returns whether a text is an id with all of its digits.
pub(super) fn is_whole(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the digits of `444455556666` or `444455556666.0`.
fn whole_number(text: &str) -> Option<Cow<'_, str>> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    (is_whole && part.bytes().all(|byte| byte == b'0')).then_some(whole.into())
}

/// Returns the id in `4.44455556666E+11`; `Some(None)` if the number lacks digits.
fn scientific(text: &str) -> Option<Option<String>> {
    let (number, exponent) = text.split_once(['e', 'E'])?;
    let exponent: usize = exponent.trim_start_matches('+').parse().ok()?;
    let value = parse_exact(text, 38, 0).filter(|value| *value >= 0)?;
    let stated = number.bytes().filter(u8::is_ascii_digit).count();
    let is_whole = stated > exponent && value < 10_i128.pow(DIGITS as u32);
    Some(is_whole.then(|| format!("{value:0>DIGITS$}")))
}

/// Returns the id in `4444-5555-6666`, as the console prints it.
fn joined_groups(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('-').collect();
    let is_group = |group: &&str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_digit());
    (groups.len() == 3 && groups.iter().all(is_group)).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_have_twelve_digits() {
        let check = |text: &str, is_number: bool, expected: &str| {
            let found = AccountId::of(text, is_number);
            let shown = match &found {
                AccountId::Known(id) => id,
                AccountId::Rounded => "rounded",
            };
            assert_eq!(shown, expected, "{text}");
        };
        check("111122223333", false, "111122223333");
        check("11122223333", false, "011122223333");
        check("22223333", true, "000022223333");
        check("111122223333.0", false, "111122223333");
        check("9876543210.00", false, "009876543210");
        check("'012345678901", false, "012345678901");
        check("=\"012345678901\"", false, "012345678901");
        check("1111-2222-3333", false, "111122223333");
        check("1.11122223333E+11", false, "111122223333");
        check("9.876543210e9", false, "009876543210");
        check("1.11122E+11", false, "rounded");
        check("1E+11", false, "rounded");
        // Ids of other providers stay as they are.
        check("12", false, "12");
        check("7d2f-01", false, "7d2f-01");
        check("01ABCD-2EF3", false, "01ABCD-2EF3");
        check("1234567890123", true, "1234567890123");
    }
}
