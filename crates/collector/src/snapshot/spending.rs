//! The spending of a snapshot. Every cost is printed before it is incurred, and more than $1 in
//! total needs the user's consent.

use console::{Failure, Printer};
use domain::Decimal;

/// Total that needs no consent, cents.
const FREE: i64 = 100;

/// The spending limit of a snapshot.
pub(crate) struct SpendingLimit<'a> {
    /// Whether the user has consented.
    agreed: bool,
    /// Asks the user at the terminal; returns `None` without a terminal.
    ask: &'a dyn Fn(&str) -> Option<bool>,
    /// Sum of the printed costs, USD.
    said: Decimal,
}

impl<'a> SpendingLimit<'a> {
    pub(crate) fn new(agreed: bool, ask: &'a dyn Fn(&str) -> Option<bool>) -> SpendingLimit<'a> {
        SpendingLimit { agreed, ask, said: Decimal::ZERO }
    }

    /// Prints a maximum cost, USD. Returns an error if it may not be spent.
    pub(crate) fn announce(
        &mut self,
        what: &str,
        most: Decimal,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let sum = format!("{what} costs at most ${most}");
        printer.note(&sum);
        let before = !self.said.is_zero();
        self.said += most;
        if self.agreed || self.said <= Decimal::new(FREE, 2) {
            return Ok(());
        }
        let sum = if before { format!("{sum}, ${} in total", self.said) } else { sum };
        match (self.ask)(&format!("{sum}. Continue?")) {
            Some(true) => self.agreed = true,
            Some(false) => {
                return Err(Failure::usage("the cost was declined, so nothing was requested"));
            }
            None => {
                return Err(Failure::usage(format!(
                    "{sum}; more than $1 needs --yes or a confirmation at a terminal"
                ))
                .hint("add --yes, or request less"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use console::{OutputFormat, Screen};

    use super::*;

    #[test]
    fn asks_for_consent_above_one_dollar() {
        let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
        let check = |yes: bool, answer: Option<bool>, cents: &[i64], expected: &[bool]| {
            let mut printer = Printer::new(
                OutputFormat::Table,
                screen,
                Box::new(std::io::sink()),
                Box::new(std::io::sink()),
            );
            let asked = std::cell::Cell::new(0);
            let ask = |_: &str| {
                asked.set(asked.get() + 1);
                answer
            };
            let mut spending = SpendingLimit::new(yes, &ask);
            let mut plan =
                |cents: &i64| spending.announce("it", Decimal::new(*cents, 2), &mut printer).is_ok();
            assert_eq!(
                cents.iter().map(&mut plan).collect::<Vec<_>>(),
                expected,
                "{yes} {answer:?} {cents:?}"
            );
            asked.get()
        };
        assert_eq!(check(false, None, &[100], &[true]), 0);
        assert_eq!(check(false, None, &[101], &[false]), 1);
        assert_eq!(check(false, None, &[60, 41], &[true, false]), 1);
        assert_eq!(check(false, Some(false), &[500], &[false]), 1);
        // Consent to more than a dollar covers later costs too.
        assert_eq!(check(false, Some(true), &[500, 1], &[true, true]), 1);
        assert_eq!(check(true, None, &[500], &[true]), 0);
    }
}
