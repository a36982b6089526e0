//! The port to EC2 for launching, finding and ending instances from outside.

mod memory;

pub use memory::{FaultyCloud, LaunchFault, MemoryCloud};

use crate::launch::LaunchRequest;
use domain::{Known, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a request to EC2 failed; each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The credentials are missing or do not work.
    #[error("{0}")]
    Credentials(String),
    /// Any other failure.
    #[error("{0}")]
    Failed(String),
}

/// The caller's identity and its regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudCaller {
    /// The account number.
    pub account: String,
    /// The ARN of the caller, as used in the tag [`lifecycle::tag::OWNER`].
    pub arn: String,
    /// Codes of the regions that can be queried.
    pub regions: Vec<String>,
    /// AWS's clock at the time of its answer: deadlines are never compared with this machine's
    /// clock.
    pub now: Timestamp,
}

/// The state of an instance, in EC2's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// It is starting.
    Pending,
    /// It is running.
    Running,
    /// It is being stopped or hibernated.
    Stopping,
    /// It is stopped or hibernated.
    Stopped,
    /// It is being terminated.
    ShuttingDown,
    /// It is gone for good.
    Terminated,
}

impl InstanceState {
    /// Every state.
    pub const ALL: [InstanceState; 6] = [
        InstanceState::Pending,
        InstanceState::Running,
        InstanceState::Stopping,
        InstanceState::Stopped,
        InstanceState::ShuttingDown,
        InstanceState::Terminated,
    ];

    /// Returns EC2's name of the state.
    pub fn word(self) -> &'static str {
        ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"][self as usize]
    }

    /// Whether the clock of the budget runs.
    pub fn runs(self) -> bool {
        matches!(self, InstanceState::Pending | InstanceState::Running)
    }

    /// Whether the instance can never run again.
    pub fn is_over(self) -> bool {
        matches!(self, InstanceState::ShuttingDown | InstanceState::Terminated)
    }
}

/// The spot request of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpotRequest {
    /// Its id.
    pub request: String,
    /// Whether it launches another instance after this one is terminated.
    pub persistent: Known<bool>,
}

/// The settings of an instance's metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataSettings {
    /// Whether version 2 (session tokens) is required.
    pub session_required: bool,
    /// The hop limit of an answer.
    pub hops: u32,
    /// Whether it serves the tags.
    pub tags: bool,
}

/// An instance as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView {
    /// The account that it runs in.
    pub account: String,
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub instance_type: String,
    /// Its state.
    pub state: InstanceState,
    /// All tags.
    pub tags: BTreeMap<String, String>,
    /// When it was last started.
    pub launched: Known<Timestamp>,
    /// Whether AWS protects it from termination or stop. This takes a separate request.
    pub protected: Known<bool>,
    /// Its spot request; none for an on-demand instance.
    pub spot: Option<InstanceSpotRequest>,
    /// Its metadata service.
    pub metadata: Option<MetadataSettings>,
}

impl InstanceView {
    /// Returns the value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// Whether spawn launched it.
    pub fn managed(&self) -> bool {
        self.tag(lifecycle::tag::MANAGED) == Some(lifecycle::tag::YES)
    }

    /// Returns the owner, from spawn's tag or from the predecessor's.
    pub fn owner(&self) -> Option<&str> {
        self.tag(lifecycle::tag::OWNER).or_else(|| self.tag(lifecycle::tag::PREDECESSOR_OWNER))
    }
}

/// The instances to query.
#[derive(Debug, Clone, Copy)]
pub enum InstanceSelector<'a> {
    /// All that EC2 still shows.
    All,
    /// Those with these ids, as far as they exist.
    Ids(&'a [String]),
    /// Those of a launch, by its token and its tag.
    Launch(&'a str),
}

/// The result of a query in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionInstances {
    /// The region's code.
    pub region: String,
    /// AWS's clock at the time of its answer.
    pub at: Option<Timestamp>,
    /// All matching instances, or why the query failed.
    pub seen: Result<Vec<InstanceView>, String>,
}

/// How an instance is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReapAction {
    /// It is stopped; its disks remain and cost money.
    Stop,
    /// It is terminated; nothing is left.
    Terminate,
}

impl ReapAction {
    /// Returns the verb for messages.
    pub fn verb(self) -> &'static str {
        match self {
            ReapAction::Stop => "stop",
            ReapAction::Terminate => "terminate",
        }
    }

    /// Whether a state shows that the action is done or irrevocably begun.
    pub fn shown_by(self, state: InstanceState) -> bool {
        match self {
            ReapAction::Stop => !state.runs(),
            ReapAction::Terminate => state.is_over(),
        }
    }
}

/// The answer to one launch request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchReply {
    /// The instance with this id was launched, by this request or by an earlier one with the same
    /// token.
    Launched(String),
    /// AWS refused the request, and would refuse another one too: the reason.
    Refused(String),
    /// AWS refused the request because there are too many: the reason.
    Throttled(String),
    /// AWS knows the token from a request with other parameters: the reason.
    Mismatch(String),
    /// The token was used for an instance that has been terminated since.
    Ended,
    /// The effect of the request is unknown: no answer, or an inconclusive one.
    Lost(String),
}

/// EC2, as far as launching and ending instances needs it.
pub trait Cloud {
    /// Returns the caller's identity and its regions.
    fn caller(&self) -> Result<CloudCaller, CloudError>;

    /// Queries instances in these regions in parallel. Returns one result for each region, in their
    /// order.
    fn list_instances(&self, regions: &[String], which: InstanceSelector<'_>) -> Vec<RegionInstances>;

    /// Returns whether AWS protects the instance from termination or stop.
    fn protected(&self, region: &str, id: &str) -> Result<bool, CloudError>;

    /// Cancels a spot request, so that it launches no further instance.
    fn cancel(&self, region: &str, request: &str) -> Result<(), CloudError>;

    /// Requests the end of one instance. A success means only that AWS accepted the request.
    fn end(&self, region: &str, id: &str, how: ReapAction) -> Result<(), CloudError>;

    /// Returns the architectures of an instance type, in AWS's spelling (`x86_64`, `arm64`).
    fn architectures(&self, region: &str, instance_type: &str) -> Result<Vec<String>, CloudError>;

    /// Sends one launch request for one instance, without a retry.
    fn run(&self, request: &LaunchRequest, token: &str) -> LaunchReply;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_ec2_names() {
        let words = InstanceState::ALL.map(InstanceState::word);
        assert_eq!(words, ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]);
    }

    #[test]
    fn only_a_state_without_a_running_instance_shows_an_end() {
        let check = |how: ReapAction, verb: &str, expected: &[InstanceState]| {
            assert_eq!(how.verb(), verb);
            let found: Vec<InstanceState> =
                InstanceState::ALL.into_iter().filter(|state| how.shown_by(*state)).collect();
            assert_eq!(found, expected);
        };
        let over = [InstanceState::ShuttingDown, InstanceState::Terminated];
        check(ReapAction::Stop, "stop", &[InstanceState::Stopping, InstanceState::Stopped, over[0], over[1]]);
        check(ReapAction::Terminate, "terminate", &over);
    }
}
