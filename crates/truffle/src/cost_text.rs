//! Amounts and percentages of costs for people.

use domain::Decimal;

/// Formats an amount with two decimals; one below a cent keeps its first digits. Unknown is `-`.
pub(crate) fn amount_cell(amount: Option<Decimal>) -> String {
    let Some(amount) = amount else { return "-".into() };
    let cents = amount.round_dp(2);
    if cents.is_zero() && !amount.is_zero() {
        let short = amount.round_sf(2).unwrap_or(amount).normalize();
        return short.to_string();
    }
    let mut cents = cents;
    cents.rescale(2);
    cents.to_string()
}

/// Returns `part` in percent of `whole`; `None` if one is unknown or the whole is 0.
pub(crate) fn percent(part: Option<Decimal>, whole: Option<Decimal>) -> Option<f64> {
    let (part, whole) = (f64::try_from(part?).ok()?, f64::try_from(whole?).ok()?);
    (whole != 0.0).then(|| 100.0 * part / whole)
}

/// Returns a change in percent of the cost before it, positive if the cost rose.
pub(crate) fn change_percent(change: Option<Decimal>, before: Option<Decimal>) -> Option<f64> {
    percent(change, before.map(|before| before.abs()))
}

/// Formats a percentage with one decimal; unknown is `-`.
pub(crate) fn percent_cell(percent: Option<f64>) -> String {
    percent.map_or("-".into(), |percent| format!("{percent:.1}"))
}

/// Returns the header of a column of amounts in one currency.
pub(crate) fn currency_header(header: &str, currency: &str) -> String {
    format!("{header} ({currency})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals_and_never_look_like_0_if_they_are_not() {
        let check = |amount: Option<&str>, expected: &str| {
            assert_eq!(amount_cell(amount.map(|text| text.parse().unwrap())), expected, "{amount:?}");
        };
        check(Some("1234.565"), "1234.56");
        check(Some("0"), "0.00");
        check(Some("-20"), "-20.00");
        check(Some("0.001234"), "0.0012");
        check(Some("-0.000000000000000001"), "-0.000000000000000001");
        check(None, "-");
    }

    #[test]
    fn a_percentage_of_nothing_is_unknown() {
        let check = |part: &str, whole: &str, expected: Option<f64>| {
            let amount = |text: &str| text.parse().ok();
            assert_eq!(percent(amount(part), amount(whole)), expected, "{part} of {whole}");
        };
        check("25", "100", Some(25.0));
        check("-25", "-100", Some(25.0));
        check("25", "0", None);
        check("", "100", None);
        let before = Some(Decimal::from(-100));
        assert_eq!(change_percent(Some(Decimal::from(50)), before), Some(50.0));
        assert_eq!((percent_cell(Some(12.345)), percent_cell(None)), ("12.3".into(), "-".into()));
    }
}
