//! Fetches datasets from AWS: one file for each way of fetching.

pub(crate) mod access;
pub(crate) mod account;
mod costs;
mod heartbeats;
mod prices;
pub(crate) mod public_files;
mod region_query;
pub(crate) mod utilization;
