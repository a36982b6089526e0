//! Daily costs: what a month will cost, what was unusual, and why a cost changed.
//!
//! Slices in, structs out. The crate reads no clock, file, database or text format; the day until
//! which costs are known is an argument.

mod coverage;
mod day;
mod series;

pub use coverage::{CostCoverage, DayArrival, StatementPeriod, arrival_delay};
pub use day::Day;
pub use series::DailyCosts;
