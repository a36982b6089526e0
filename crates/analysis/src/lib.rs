//! Daily costs: what a month will cost, what was unusual, and why a cost changed. Prices: from when
//! on a way to pay costs less than another one, the effect of a customer's discounts, spot prices
//! by time, and the commitment that would have paid. Capacity: whether instances can be had in a
//! region. Recommendations: the picks that satisfy all needs, cheapest first. Runtimes: how long a
//! job runs on another type, count or input.
//!
//! Slices in, structs out. The crate reads no clock, file, database or text format; the day until
//! which costs are known is an argument.

mod anomaly;
#[cfg(test)]
mod anomaly_tests;
mod arbitrage;
mod backtest;
mod candidates;
mod capacity;
mod change;
mod commitment;
mod coverage;
mod day;
mod discount;
mod drift;
mod drivers;
mod exact_cost;
mod expectation;
mod forecast;
mod history;
mod interruption;
mod interval;
mod leaf;
mod numbers;
mod persistence;
mod purchase_options;
mod recommendation;
mod regression;
pub mod runtimes;
mod schedule;
mod selection;
mod series;
mod shares;
mod spot_outlook;
mod spot_price;
mod weeks;
mod window;

pub use anomaly::{AnomalyKind, AnomalyRule, AnomalyWalk, CostAnomaly, find_anomalies};
pub use arbitrage::{DataMove, MarketPlace, PlaceRank, premium_percent, rank_places};
pub use capacity::{CapacityFacts, CapacityVerdict, PlacementScore, QuotaUse, VerdictRule, judge_capacity};
pub use change::{CostChange, PricedUsage};
pub use commitment::{CommitmentDemand, CommitmentEffect, PastChoices, PlanUsage};
pub use coverage::{CostCoverage, DayArrival, StatementPeriod, arrival_delay};
pub use day::Day;
pub use discount::{Discount, DiscountRate, DiscountTie, DiscountedProduct, find_discount};
pub use drivers::{CostDriver, find_drivers};
pub use exact_cost::ExactCost;
pub use expectation::DayExpectation;
pub use forecast::{
    CostForecast, CostInterval, DayForecast, ForecastError, ForecastSettings, GroupForecast, MonthForecast,
};
pub use interruption::BandTrend;
pub use leaf::{ChargeKind, CostLeaf, LeafGroup, LeafPart, PlannedCost};
pub use purchase_options::{
    BandRate, LeaseBreakEven, LeaseOffer, band_rate, break_even_interruptions, cost_with_interruptions,
    saving_percent,
};
pub use recommendation::{
    NeedRelaxation, NeedVerdict, PickCandidate, RankedPick, Recommendation, RemovingNeed, find_relaxations,
    find_removing_need, recommend,
};
pub use series::DailyCosts;
pub use spot_outlook::{
    OUTLOOK_WEEKS, OutlookGap, SpotBand, SpotOutlook, SpotOutlookModel, VolatilityClass, WeeklyPrices,
};
pub use spot_price::{SpotObservation, SpotPriceWindow, SpotStep, TRUSTED_DAYS};
pub use weeks::{WeekForecast, forecast_weeks};
