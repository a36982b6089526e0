//! The delivery of spawnd to an instance.

mod daemon_file;
mod method;
mod push;

pub(crate) use daemon_file::DaemonFile;
pub(crate) use method::DeliveryMethod;
pub(crate) use push::{DeliveredDaemon, push};
