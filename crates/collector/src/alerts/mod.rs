//! Alerts: read as JSON lines, delivered to each target, and entered in a journal, so that no
//! target gets an alert twice.

mod journal;
mod outgoing;
mod targets;

pub(crate) use journal::DeliveryJournal;
pub use outgoing::OutgoingAlert;
pub(crate) use outgoing::read_alerts;
pub(crate) use targets::read_targets;
pub use targets::{DeliveryTarget, NamedTarget};
