//! What a snapshot spends: every sum is said before it is spent, and above a dollar together somebody must agree.

use console::{Failure, Printer};
use domain::Decimal;

/// What nobody need agree to, cents.
const FREE: i64 = 100;

pub(super) struct Spending<'a> {
    /// Somebody agreed.
    agreed: bool,
    /// Asks whoever sits there; none when nobody does.
    ask: &'a dyn Fn(&str) -> Option<bool>,
    /// What was said, together, USD.
    said: Decimal,
}

impl<'a> Spending<'a> {
    pub(super) fn new(agreed: bool, ask: &'a dyn Fn(&str) -> Option<bool>) -> Spending<'a> {
        Spending { agreed, ask, said: Decimal::ZERO }
    }

    /// Says a sum, USD at most; an error when it may not be spent.
    pub(super) fn plan(&mut self, what: &str, most: Decimal, printer: &mut Printer) -> Result<(), Failure> {
        let sum = format!("{what} costs ${most} at most");
        printer.note(&sum);
        let before = !self.said.is_zero();
        self.said += most;
        if self.agreed || self.said <= Decimal::new(FREE, 2) {
            return Ok(());
        }
        let sum = if before { format!("{sum}, with what came before ${}", self.said) } else { sum };
        match (self.ask)(&format!("{sum}. Go on?")) {
            Some(true) => self.agreed = true,
            Some(false) => {
                return Err(Failure::usage("nobody agreed to what it costs, so it was not asked for"));
            }
            None => {
                return Err(Failure::usage(format!(
                    "{sum}; above $1 somebody must agree, and nobody is at a terminal"
                ))
                .hint("add --yes, or ask for less"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use console::{Format, Screen};

    use super::*;

    #[test]
    fn above_a_dollar_somebody_must_agree() {
        let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
        let check = |yes: bool, answer: Option<bool>, cents: &[i64], expected: &[bool]| {
            let mut printer =
                Printer::new(Format::Table, screen, Box::new(std::io::sink()), Box::new(std::io::sink()));
            let asked = std::cell::Cell::new(0);
            let ask = |_: &str| {
                asked.set(asked.get() + 1);
                answer
            };
            let mut spending = Spending::new(yes, &ask);
            let mut plan = |cents: &i64| spending.plan("it", Decimal::new(*cents, 2), &mut printer).is_ok();
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
        // Whoever agreed to more than a dollar is not asked again.
        assert_eq!(check(false, Some(true), &[500, 1], &[true, true]), 1);
        assert_eq!(check(true, None, &[500], &[true]), 0);
    }
}
