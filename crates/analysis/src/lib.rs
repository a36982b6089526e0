//! Daily costs: what a month will cost, what was unusual, and why a cost changed.
//!
//! Slices in, structs out. The crate reads no clock, file, database or text format; the day until
//! which costs are known is an argument.

mod anomaly;
#[cfg(test)]
mod anomaly_tests;
mod backtest;
mod candidates;
mod change;
mod coverage;
mod day;
mod drift;
mod drivers;
mod exact_cost;
mod expectation;
mod forecast;
mod history;
mod interval;
mod leaf;
mod numbers;
mod persistence;
mod regression;
mod schedule;
mod selection;
mod series;
mod shares;
mod weeks;
mod window;

pub use anomaly::{AnomalyKind, AnomalyRule, AnomalyWalk, CostAnomaly, find_anomalies};
pub use change::{CostChange, PricedUsage};
pub use coverage::{CostCoverage, DayArrival, StatementPeriod, arrival_delay};
pub use day::Day;
pub use drivers::{CostDriver, find_drivers};
pub use exact_cost::ExactCost;
pub use expectation::DayExpectation;
pub use forecast::{
    CostForecast, CostInterval, DayForecast, ForecastError, ForecastSettings, GroupForecast, MonthForecast,
};
pub use leaf::{ChargeKind, CostLeaf, LeafGroup, LeafPart, PlannedCost};
pub use series::DailyCosts;
pub use weeks::{WeekForecast, forecast_weeks};
