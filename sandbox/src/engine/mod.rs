//! The sandbox's services, without network, clock or files: `now` is an argument, and the same
//! calls with the same seed give the same answers.

mod cloudtrail;
mod cloudwatch;
mod cost_explorer;
mod dispatch;
mod ec2;
mod events;
mod filter;
mod iam;
mod imds;
mod instance_connect;
mod pricing;
mod requests;
mod scheduler;
mod service_quotas;
mod ssm;
mod sts;
#[cfg(test)]
mod tests;
mod throttle;

pub(crate) use dispatch::ApiReply;
pub(crate) use imds::{MetadataAnswer, MetadataRequest};
pub(crate) use throttle::ThrottleBuckets;
