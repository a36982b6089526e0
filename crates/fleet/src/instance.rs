//! An instance as EC2 describes it, and the ways to end it.

use domain::{Known, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// A disk of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedDisk {
    /// The volume's id.
    pub volume: String,
    /// Whether it stays when the instance is terminated.
    pub stays: bool,
}

/// The placement, the addresses and the build of an instance; none where EC2 reports nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceDetails {
    /// The name of its availability zone, such as `eu-west-1a`.
    pub zone: Option<String>,
    /// The public IPv4 address, which a stop takes away.
    pub public_address: Option<String>,
    /// The private IPv4 address.
    pub private_address: Option<String>,
    /// The first IPv6 address.
    pub ipv6_address: Option<String>,
    /// The name of the key pair that it was launched with.
    pub key_name: Option<String>,
    /// The id of its image.
    pub image: Option<String>,
    /// The id of its VPC.
    pub vpc: Option<String>,
    /// The id of its subnet.
    pub subnet: Option<String>,
    /// Ids of its security groups.
    pub groups: Vec<String>,
    /// The ARN of its instance profile.
    pub profile: Option<String>,
    /// Whether it can be hibernated.
    pub hibernates: bool,
    /// The architecture in EC2's spelling, such as `x86_64`.
    pub architecture: Option<String>,
    /// The platform in EC2's spelling, such as `Linux/UNIX`.
    pub platform: Option<String>,
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
    /// When it was created: a start does not change it.
    pub created: Known<Timestamp>,
    /// When it was stopped or terminated, if EC2's transition reason names the instant.
    pub stopped: Option<Timestamp>,
    /// EC2's reason for its last change of state, as code and sentence.
    pub reason: Option<String>,
    /// Its disks.
    pub disks: Vec<AttachedDisk>,
    /// Whether AWS protects it from termination or stop. This takes a separate request.
    pub protected: Known<bool>,
    /// Its spot request; none for an on-demand instance.
    pub spot: Option<InstanceSpotRequest>,
    /// Its metadata service.
    pub metadata: Option<MetadataSettings>,
    /// Its placement, addresses and build.
    pub details: InstanceDetails,
}

/// The tag with an instance's name.
pub const NAME_TAG: &str = "Name";

/// The first start of an instance is at most this long after its creation.
const FIRST_START: SignedDuration = SignedDuration::from_mins(1);

impl InstanceView {
    /// Returns the value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// Returns its name: the tag `Name`, unless that is empty.
    pub fn name(&self) -> Option<&str> {
        self.tag(NAME_TAG).filter(|name| !name.is_empty())
    }

    /// Whether spawn launched it.
    pub fn managed(&self) -> bool {
        self.tag(lifecycle::tag::MANAGED) == Some(lifecycle::tag::YES)
    }

    /// Whether it was stopped and started again since it was created, as far as that is known.
    pub fn was_restarted(&self) -> bool {
        match (&self.launched, &self.created) {
            (Known::Is(launched), Known::Is(created)) => launched.duration_since(*created) > FIRST_START,
            _ => false,
        }
    }

    /// Returns its platform in EC2's spelling: Linux unless EC2 names another one.
    pub fn platform(&self) -> &str {
        self.details.platform.as_deref().unwrap_or("Linux/UNIX")
    }

    /// Returns the owner, from spawn's tag or from the predecessor's.
    pub fn owner(&self) -> Option<&str> {
        self.tag(lifecycle::tag::OWNER).or_else(|| self.tag(lifecycle::tag::PREDECESSOR_OWNER))
    }
}

/// A change of an instance's power, as requested from EC2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerRequest {
    /// Start a stopped or hibernated instance.
    Start,
    /// Stop it; its disks remain.
    Stop,
    /// Stop it without waiting for its operating system.
    ForceStop,
    /// Write its memory to its disk and stop it.
    Hibernate,
    /// Restart its operating system.
    Reboot,
    /// Terminate it.
    Terminate,
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
