//! Daily costs: what a month will cost, what was unusual, and why a cost changed.
//!
//! Slices in, structs out. The crate reads no clock, file, database or text format; the day until
//! which costs are known is an argument.

mod backtest;
mod candidates;
mod day;
mod forecast;
mod history;
mod interval;
mod leaf;
mod numbers;
mod regression;
mod schedule;
mod selection;
mod series;
mod shares;
mod weeks;

pub use day::Day;
pub use forecast::{
    CostForecast, CostInterval, DayForecast, ForecastError, ForecastSettings, GroupForecast, MonthForecast,
};
pub use leaf::{ChargeKind, CostLeaf, LeafGroup, LeafPart, PlannedCost};
pub use series::DailyCosts;
pub use weeks::{WeekForecast, forecast_weeks};
