//! The delivery of spawnd to an instance.

mod daemon_file;
mod method;
mod plan;
mod push;

pub(crate) use daemon_file::DaemonFile;
#[cfg(test)]
pub(crate) use daemon_file::tests::{elf, installed};
pub(crate) use method::{BucketPrefix, DeliveryMethod};
pub(crate) use plan::DaemonDelivery;
pub(crate) use push::{DeliveredDaemon, push};
