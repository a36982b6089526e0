//! The parts of a cost by the category of its charges.

use std::ops::AddAssign;

use domain::Decimal;

/// The parts of a cost. They add up to the whole; a part is `None` if a charge does not state it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChargeParts {
    amounts: [Option<Decimal>; 6],
}

impl Default for ChargeParts {
    fn default() -> ChargeParts {
        ChargeParts { amounts: [Some(Decimal::ZERO); 6] }
    }
}

impl ChargeParts {
    /// The names of the columns, in order.
    pub(crate) const COLUMNS: [&'static str; 6] =
        ["usage_cost", "fee_cost", "credit_cost", "refund_cost", "tax_cost", "uncategorized_cost"];

    /// Returns a cost of one category; without a category, it is uncategorized.
    pub(crate) fn of(category: Option<&str>, cost: Option<Decimal>) -> ChargeParts {
        let at = match category {
            Some("Usage") => 0,
            Some("Purchase") => 1,
            Some("Credit") => 2,
            Some("Adjustment") => 3,
            Some("Tax") => 4,
            _ => 5,
        };
        let mut parts = ChargeParts::default();
        parts.amounts[at] = cost;
        parts
    }

    /// Returns the amounts in the order of [`ChargeParts::COLUMNS`].
    pub(crate) fn amounts(&self) -> [Option<Decimal>; 6] {
        self.amounts
    }

    /// Returns the whole; `None` if a part is not known.
    pub(crate) fn total(&self) -> Option<Decimal> {
        self.amounts.iter().copied().sum()
    }
}

impl AddAssign<&ChargeParts> for ChargeParts {
    fn add_assign(&mut self, other: &ChargeParts) {
        for (amount, added) in self.amounts.iter_mut().zip(other.amounts) {
            *amount = amount.zip(added).map(|(one, other)| one + other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole_unless_one_is_unknown() {
        let amount = |text: &str| Some(text.parse::<Decimal>().unwrap());
        let mut parts = ChargeParts::default();
        for (category, cost) in [
            (Some("Usage"), "10.000000000000000001"),
            (Some("Purchase"), "5"),
            (Some("Credit"), "-2"),
            (Some("Adjustment"), "-0.5"),
            (Some("Tax"), "1"),
            (None, "0.25"),
            (Some("Other"), "0.25"),
        ] {
            parts += &ChargeParts::of(category, amount(cost));
        }
        assert_eq!(parts.total(), amount("14.000000000000000001"));
        assert_eq!(parts.amounts()[5], amount("0.50"));
        parts += &ChargeParts::of(Some("Purchase"), None);
        assert_eq!((parts.amounts()[1], parts.amounts()[0].is_some(), parts.total()), (None, true, None));
    }
}
