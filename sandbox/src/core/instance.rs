use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Tags, by key.
pub(crate) type ResourceTags = BTreeMap<String, String>;

/// An instance's state; `code` is AWS's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SandboxInstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl SandboxInstanceState {
    pub(crate) fn name(self) -> &'static str {
        ["pending", "running", "shutting-down", "terminated", "stopping", "stopped"][self as usize]
    }

    pub(crate) fn code(self) -> u32 {
        [0, 16, 32, 48, 64, 80][self as usize]
    }

    /// Returns whether the instance will never run again.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, SandboxInstanceState::ShuttingDown | SandboxInstanceState::Terminated)
    }

    /// Returns whether the instance takes capacity and counts against the quotas.
    pub(crate) fn is_up(self) -> bool {
        matches!(self, SandboxInstanceState::Pending | SandboxInstanceState::Running)
    }
}

/// The options of the instance metadata service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetadataOptions {
    pub(crate) tokens: String,
    pub(crate) hops: i64,
    pub(crate) endpoint: String,
    pub(crate) ipv6: String,
    pub(crate) tags: String,
}

/// A maintenance event that AWS has scheduled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MaintenanceEvent {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) at: Timestamp,
}

/// The reason for an instance's last change of state, with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StateReason {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) text: String,
}

impl StateReason {
    /// Builds the reason for a user's request, such as `Client.UserInitiatedShutdown`.
    pub(crate) fn user(code: &str, now: Timestamp) -> StateReason {
        StateReason {
            code: format!("Client.{code}"),
            message: format!(
                "Client.{code}: User initiated {}",
                if code.ends_with("Hibernate") { "hibernate" } else { "shutdown" }
            ),
            text: format!("User initiated ({})", now.strftime("%Y-%m-%d %H:%M:%S GMT")),
        }
    }

    /// Builds the reason for an action of AWS.
    pub(crate) fn server(code: &str, sentence: &str, now: Timestamp) -> StateReason {
        StateReason {
            code: format!("Server.{code}"),
            message: format!("Server.{code}: {sentence}"),
            text: format!("Server.{code} ({})", now.strftime("%Y-%m-%d %H:%M:%S GMT")),
        }
    }
}

/// A volume attachment, from the instance's side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VolumeAttachment {
    pub(crate) device: String,
    pub(crate) volume: String,
    pub(crate) delete: bool,
    pub(crate) since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SandboxInstance {
    pub(crate) id: String,
    pub(crate) reservation: String,
    pub(crate) index: usize,
    pub(crate) image: String,
    pub(crate) instance_type: String,
    pub(crate) arch: String,
    pub(crate) key: Option<String>,
    pub(crate) state: SandboxInstanceState,
    /// Counts changes of state. An event planned before the latest change is ignored.
    pub(crate) change: u32,
    pub(crate) reason: Option<StateReason>,
    pub(crate) created: Timestamp,
    /// The time of the latest start.
    pub(crate) launched: Timestamp,
    pub(crate) visible: Timestamp,
    /// The zone id.
    pub(crate) zone: String,
    pub(crate) subnet: String,
    pub(crate) groups: Vec<String>,
    pub(crate) private_ip: String,
    pub(crate) public_ip: Option<String>,
    /// Whether it gets a public address at each start.
    #[serde(default = "yes")]
    pub(crate) public: bool,
    pub(crate) interface: String,
    #[serde(default)]
    pub(crate) interface_tags: ResourceTags,
    pub(crate) volumes: Vec<VolumeAttachment>,
    pub(crate) spot_request: Option<String>,
    pub(crate) terminate_on_shutdown: bool,
    pub(crate) protected: bool,
    pub(crate) stop_protected: bool,
    pub(crate) hibernation: bool,
    pub(crate) hibernated: bool,
    pub(crate) metadata: MetadataOptions,
    /// The association id and the name of the instance profile.
    pub(crate) profile: Option<(String, String)>,
    pub(crate) user_data: Option<String>,
    pub(crate) ebs_optimized: bool,
    pub(crate) monitoring: bool,
    pub(crate) token: String,
    pub(crate) tags: ResourceTags,
    pub(crate) rebalance: Option<Timestamp>,
    /// Which capacity reservations it may use; `capacity` is the one in use.
    pub(crate) target: ReservationTarget,
    pub(crate) capacity: Option<String>,
    /// When AWS reclaims it, and the action: terminate, stop or hibernate.
    pub(crate) notice: Option<(Timestamp, String)>,
    pub(crate) events: Vec<MaintenanceEvent>,
    /// The console output that a test machine wrote; without it that of an untouched boot.
    #[serde(default)]
    pub(crate) console: Option<String>,
    /// Keys of EC2 Instance Connect.
    #[serde(default)]
    pub(crate) pushed_keys: Vec<PushedKey>,
    /// The index of its latest record in the account's usage.
    #[serde(default)]
    pub(crate) bill: Option<usize>,
}

/// A public key that EC2 Instance Connect sent to an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PushedKey {
    /// The login that accepts it.
    pub(crate) user: String,
    /// In OpenSSH's format.
    pub(crate) key: String,
    pub(crate) until: Timestamp,
}

fn yes() -> bool {
    true
}

/// Which capacity reservations an instance may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReservationTarget {
    /// An open one that fits, if there is one.
    #[default]
    Open,
    /// None.
    Never,
    /// Only an open one that fits.
    Only,
    /// Only the reservation with this id.
    Named(String),
}

impl ReservationTarget {
    /// Returns AWS's name of the preference; none for a named reservation.
    pub(crate) fn preference(&self) -> Option<&'static str> {
        match self {
            ReservationTarget::Open => Some("open"),
            ReservationTarget::Never => Some("none"),
            ReservationTarget::Only => Some("capacity-reservations-only"),
            ReservationTarget::Named(_) => None,
        }
    }
}

/// A requested volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DiskRequest {
    pub(crate) device: String,
    pub(crate) size: i64,
    pub(crate) kind: String,
    pub(crate) iops: Option<i64>,
    pub(crate) throughput: Option<i64>,
    pub(crate) encrypted: bool,
    pub(crate) snapshot: Option<String>,
    pub(crate) delete: bool,
}

/// A spot request and its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SpotRequest {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) persistent: bool,
    /// The interruption behavior: terminate, stop or hibernate.
    pub(crate) behaviour: String,
    pub(crate) max_price: String,
    pub(crate) valid_until: Option<Timestamp>,
    /// open, active, closed, cancelled, failed or disabled.
    pub(crate) state: String,
    pub(crate) status: String,
    pub(crate) updated: Timestamp,
    pub(crate) instance: Option<String>,
    /// The template of each launch. Its zone is empty before the first one.
    pub(crate) launch: Box<SandboxInstance>,
    /// The zone ids in which it may launch.
    pub(crate) zones: Vec<String>,
    pub(crate) disks: Vec<DiskRequest>,
    pub(crate) volume_tags: ResourceTags,
    pub(crate) tags: ResourceTags,
}
