//! Daily costs that several parts of an answer share.

use std::rc::Rc;

use analysis::Day;
use console::Failure;

use crate::CommandPorts;
use crate::cost_dimension::CostDimension;
use crate::daily_costs::{BillHistory, CostMetric, CostMonths, DailyCostsQuery};

/// A sum of charges, and the dimensions beyond the leaf.
pub(crate) type CostKey = (CostMetric, Vec<CostDimension>);

/// The histories of one answer. Each is loaded once.
pub(crate) struct BillHistories<'a> {
    pub(crate) ports: &'a CommandPorts<'a>,
    /// The last day that is used, or the newest complete one.
    pub(crate) through: Option<Day>,
    loaded: Vec<(CostKey, Result<Rc<BillHistory>, Failure>)>,
}

impl<'a> BillHistories<'a> {
    /// Returns an answer's histories. None is loaded yet.
    pub(crate) fn new(through: Option<Day>, ports: &'a CommandPorts<'a>) -> BillHistories<'a> {
        BillHistories { ports, through, loaded: Vec::new() }
    }

    /// Returns the history of all months; it is loaded at the first call.
    pub(crate) fn get(&mut self, key: &CostKey) -> Result<Rc<BillHistory>, Failure> {
        if let Some((_, known)) = self.loaded.iter().find(|(known, _)| known == key) {
            return known.clone();
        }
        let (metric, dimensions) = key;
        let (months, through) = (CostMonths::All, self.through);
        let query = DailyCostsQuery { metric: *metric, months, dimensions, through };
        let history = BillHistory::load(&query, self.ports).map(Rc::new);
        self.loaded.push((key.clone(), history.clone()));
        history
    }

    /// Returns the history of a sum by leaf.
    pub(crate) fn by_leaf(&mut self, metric: CostMetric) -> Result<Rc<BillHistory>, Failure> {
        self.get(&(metric, Vec::new()))
    }
}
