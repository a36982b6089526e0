//! The sandbox's state machine, without network, clock or files: `now` is an argument, and the same
//! calls with the same seed give the same answers.

mod addresses;
mod agenda;
mod asked;
mod change;
mod costs;
mod disks;
mod error;
mod expression;
mod filter;
mod fleet;
mod groups;
mod iam;
mod ids;
mod images;
mod imds;
mod instance;
mod instance_filters;
mod keys;
mod launch;
mod list;
mod managed;
mod metrics;
mod modify;
mod network;
mod offers;
mod places;
mod policy;
mod prices;
mod products;
mod profiles;
mod quota;
mod reservations;
mod schedules;
mod services;
mod spot;
mod storage;
mod sts;
mod tags;
mod templates;
#[cfg(test)]
mod tests;
mod throttle;
mod trail;
mod type_filters;
mod types;
mod world;

pub(crate) use error::{ApiError, ApiResult, ResourceKind};
pub(crate) use filter::matches;
pub(crate) use imds::{MetadataAnswer, MetadataRequest};
pub(crate) use world::{ApiCall, ApiReply, FIRST_ACCOUNT, SandboxWorld, WorldState, credentials, is_read};
