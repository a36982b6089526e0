//! Leaves: the smallest parts of a bill that are forecast alone.

use crate::{DailyCosts, Day};

/// How the charges of a leaf recur, by the category and the frequency of its charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeKind {
    /// Usage, forecast by models.
    Usage,
    /// Fees and recurring purchases: the days and amounts of the month before.
    Recurring,
    /// Tax, like [`ChargeKind::Recurring`].
    Tax,
    /// Credits, like [`ChargeKind::Recurring`].
    Credit,
    /// Purchases made once, refunds and corrections: counted when they come, never forecast.
    Once,
    /// The source has no categories: usage, except that an excess on the first day of the month is
    /// a fee from its third month on.
    Uncategorised,
}

/// A change of cost that is known in advance: a plan, or the end of a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedCost {
    /// The first day of the change. Days until the last known day have no effect: actual costs
    /// contain the change.
    pub first: Day,
    /// The last day of the change; `None` for a lasting one.
    pub last: Option<Day>,
    /// Cost added on each day, in the currency's unit; negative for a cost that ends.
    pub cost_per_day: f64,
}

impl PlannedCost {
    /// The cost that the plan adds on a day.
    pub(crate) fn on(&self, day: Day) -> f64 {
        let is_over = self.last.is_some_and(|last| day > last);
        if day < self.first || is_over { 0.0 } else { self.cost_per_day }
    }
}

/// The smallest part of a bill that is forecast alone: the charges of one account, service, region,
/// usage type, charge category and currency.
#[derive(Debug, Clone, PartialEq)]
pub struct CostLeaf {
    /// How the charges recur.
    pub kind: ChargeKind,
    /// Costs of each day. A day that a statement covers is 0 before the leaf's first charge too.
    pub costs: DailyCosts,
    /// Changes known in advance.
    pub plans: Vec<PlannedCost>,
}

/// A leaf, or the part of a leaf that carries one value of a tag or belongs to one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafPart {
    /// Index of the leaf.
    pub leaf: usize,
    /// Costs of the part; `None` for the whole leaf. A part gets the leaf's forecast by its share
    /// of the leaf's last 28 days.
    pub costs: Option<DailyCosts>,
}

/// Parts of leaves with one value of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafGroup {
    /// The parts; no leaf occurs twice as a whole.
    pub parts: Vec<LeafPart>,
}
