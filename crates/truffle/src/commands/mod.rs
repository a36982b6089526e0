//! The commands, one file each. The doc comment of a command's arguments is its help.

/// `truffle alerts`.
pub mod alerts;
/// `truffle anomalies`.
pub mod anomalies;
/// `truffle arbitrage`.
pub mod arbitrage;
/// `truffle bookmark`.
pub mod bookmark;
/// `truffle budget`.
pub mod budget;
/// `truffle calendar`.
pub mod calendar;
/// `truffle capacity`.
pub mod capacity;
/// `truffle commitment`.
pub mod commitment;
/// `truffle compare`.
pub mod compare;
/// `truffle completions`.
pub mod completions;
/// `truffle cost`.
pub mod cost;
/// `truffle export`.
pub mod export;
/// `truffle forecast`.
pub mod forecast;
/// `truffle plan`.
pub mod plan;
/// `truffle price`.
pub mod price;
mod price_history;
/// `truffle query`.
pub mod query;
/// `truffle regions`.
pub mod regions;
/// `truffle report`.
pub mod report;
/// `truffle save` and `truffle saved`.
pub mod saved;
/// `truffle schema`.
pub mod schema;
/// `truffle search`.
pub mod search;
/// `truffle show`.
pub mod show;
/// `truffle spot`.
pub mod spot;
/// `truffle status`.
pub mod status;
/// `truffle trends`.
pub mod trends;
/// `truffle version`.
pub mod version;
/// `truffle whatif`.
pub mod whatif;
/// `truffle zones`.
pub mod zones;

#[cfg(test)]
mod capacity_tests;
#[cfg(test)]
mod commitment_tests;
#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod price_tests;
#[cfg(test)]
mod tests;
