use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// A schedule of the group `default`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventSchedule {
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) zone: String,
    pub(crate) begins: Option<Timestamp>,
    pub(crate) ends: Option<Timestamp>,
    pub(crate) description: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) target: ScheduleTarget,
    pub(crate) window: Option<i64>,
    /// Whether the schedule is deleted after its last run.
    #[serde(rename = "passing")]
    pub(crate) delete_when_done: bool,
    pub(crate) token: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// Counts changes. An event planned before the latest change is ignored.
    pub(crate) plan: u32,
}

/// The call that a schedule makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScheduleTarget {
    pub(crate) arn: String,
    pub(crate) role: String,
    pub(crate) input: Option<String>,
    /// The most retries, and the age in seconds after which none follows.
    pub(crate) retry: (i64, i64),
}
