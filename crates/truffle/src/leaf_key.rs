//! A leaf: a smallest part of the bills.

use analysis::Day;
use domain::Decimal;

/// The parts of bills that are forecast on their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeafKey {
    /// The account of the bill, or `*` if it is not known.
    pub(crate) payer: String,
    /// ISO 4217 currency code.
    pub(crate) currency: String,
    /// Account that used the service.
    pub(crate) account: Option<String>,
    /// Service name.
    pub(crate) service: Option<String>,
    /// Region code.
    pub(crate) region: Option<String>,
    /// AWS usage type.
    pub(crate) usage_type: Option<String>,
    /// Resource id; `None` also if it was not asked for.
    pub(crate) resource: Option<String>,
    /// Value of the tag; `None` also if none was asked for.
    pub(crate) tag: Option<String>,
    /// Usage, Purchase, Tax, Credit or Adjustment.
    pub(crate) category: Option<String>,
    /// One-Time, Recurring or Usage-Based.
    pub(crate) frequency: Option<String>,
}

/// The exact costs of a leaf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeafCosts {
    /// The leaf.
    pub(crate) key: LeafKey,
    /// Its days with charges, in order; `None` if a charge does not state the cost.
    pub(crate) days: Vec<(Day, Option<Decimal>)>,
}

impl LeafCosts {
    /// Returns the sum of the days from `first` until before `end`; `None` if a cost is not stated.
    pub(crate) fn sum(&self, first: Day, end: Day) -> Option<Decimal> {
        self.days.iter().filter(|(day, _)| (first..end).contains(day)).map(|(_, cost)| *cost).sum()
    }
}
