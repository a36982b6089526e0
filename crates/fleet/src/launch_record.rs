//! The record of a launch, as the journal stores it.
//!
//! Version 2 has a list of places and a count, for launches that try several places or launch
//! several instances. This program writes one place and the count 1, and refuses a record with
//! more. Version 1 has no version, and the region is part of its request.

use crate::launch_request::{LaunchRequest, RootVolume, SpotMarket};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use lifecycle::PowerOff;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The record of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredLaunch", into = "StoredLaunch")]
pub struct LaunchRecord {
    /// Its id, also the value of the tag [`lifecycle::tag::LAUNCH`].
    pub id: String,
    /// The account that it was planned for.
    pub account: String,
    /// AWS's clock when it was planned.
    pub planned: Timestamp,
    /// The request.
    pub request: LaunchRequest,
    /// Whether its key, group or role was created for it, so that EC2 may not know them yet.
    pub fresh: bool,
    /// How spawnd gets onto the instance, and how ssh reaches it.
    pub access: LaunchAccess,
    /// The progress of the launch.
    pub phase: LaunchPhase,
}

/// How spawnd gets onto an instance, and how ssh reaches it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchAccess {
    /// The way of spawnd: `push`, `none` or an address. Records of version 1 have `none`.
    pub deliver: String,
    /// The login user. In the choices of a launch none stands for the image's; the records of older
    /// versions also have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The bastion host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
}

/// The progress of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchPhase {
    /// Nothing was sent.
    Planned,
    /// The request was sent, the last time at this instant or a little later, and no answer was
    /// recorded.
    Sent(Timestamp),
    /// The instance with this id was launched and must be read back.
    Launched(String),
    /// It is over.
    Over(LaunchConclusion),
}

/// How a launch ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchConclusion {
    /// The instance with this id was launched and read back.
    Running(String),
    /// AWS refused, for this reason. Nothing was launched.
    Refused(String),
    /// An instance was launched, and terminated before it was seen running.
    Ended,
    /// The launch has no instance, and none will appear.
    Nothing,
}

impl LaunchRecord {
    /// Creates the record of a planned launch.
    pub fn new(id: String, account: String, request: LaunchRequest, now: Timestamp) -> LaunchRecord {
        LaunchRecord {
            id,
            account,
            planned: now,
            request,
            fresh: false,
            access: no_delivery(),
            phase: LaunchPhase::Planned,
        }
    }

    /// Returns the client token: AWS answers a second request with it as it did the first.
    pub fn token(&self) -> String {
        format!("spawn-{}", self.id)
    }

    /// Returns the id of the launched instance, once it is known and as long as it may run.
    pub fn instance(&self) -> Option<&str> {
        match &self.phase {
            LaunchPhase::Launched(id) | LaunchPhase::Over(LaunchConclusion::Running(id)) => Some(id),
            LaunchPhase::Planned | LaunchPhase::Sent(_) | LaunchPhase::Over(_) => None,
        }
    }

    /// Whether a launcher must resume it.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, LaunchPhase::Over(_))
    }
}

/// The version that this program writes.
const VERSION: u32 = 2;

/// A record in the form of its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLaunch {
    #[serde(default = "first_version")]
    version: u32,
    id: String,
    account: String,
    planned: Timestamp,
    #[serde(default = "one")]
    count: u32,
    #[serde(default)]
    places: Vec<StoredPlace>,
    request: StoredRequest,
    #[serde(default)]
    fresh: bool,
    #[serde(default = "no_delivery")]
    access: LaunchAccess,
    phase: LaunchPhase,
}

fn no_delivery() -> LaunchAccess {
    LaunchAccess { deliver: "none".to_string(), ..LaunchAccess::default() }
}

fn first_version() -> u32 {
    1
}

fn one() -> u32 {
    1
}

/// A place to launch in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPlace {
    region: String,
    zone: Option<String>,
    subnet: Option<String>,
}

/// A request without its place.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRequest {
    /// Version 1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    instance_type: String,
    image: String,
    key: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    root: Option<RootVolume>,
    #[serde(default)]
    hibernation: bool,
    #[serde(default)]
    spot: Option<SpotMarket>,
    power_off: PowerOff,
    tags: BTreeMap<String, String>,
    /// Base64; plain text in version 1.
    user_data: String,
}

/// The reason that a record cannot be continued.
#[derive(Debug, thiserror::Error)]
enum LaunchRecordError {
    #[error("its version is {0}, and this program knows the versions 1 and 2")]
    Version(u32),
    #[error("it has {0} places and the count {1}, and this program continues one of each")]
    Several(usize, u32),
    #[error("its request has no region")]
    NoRegion,
    #[error("its user data is not base64")]
    UserData,
}

impl From<LaunchRecord> for StoredLaunch {
    fn from(record: LaunchRecord) -> StoredLaunch {
        let request = record.request;
        let place = StoredPlace { region: request.region, zone: request.zone, subnet: request.subnet };
        StoredLaunch {
            version: VERSION,
            id: record.id,
            account: record.account,
            planned: record.planned,
            count: 1,
            places: vec![place],
            request: StoredRequest {
                region: None,
                instance_type: request.instance_type,
                image: request.image,
                key: request.key,
                groups: request.groups,
                profile: request.profile,
                root: request.root,
                hibernation: request.hibernation,
                spot: request.spot,
                power_off: request.power_off,
                tags: request.tags,
                user_data: STANDARD.encode(request.user_data),
            },
            fresh: record.fresh,
            access: record.access,
            phase: record.phase,
        }
    }
}

impl TryFrom<StoredLaunch> for LaunchRecord {
    type Error = LaunchRecordError;

    fn try_from(mut stored: StoredLaunch) -> Result<LaunchRecord, LaunchRecordError> {
        let request = stored.request;
        let (place, user_data) = match stored.version {
            1 => {
                let region = request.region.ok_or(LaunchRecordError::NoRegion)?;
                (StoredPlace { region, zone: None, subnet: None }, request.user_data.into_bytes())
            }
            VERSION => {
                if stored.places.len() != 1 || stored.count != 1 {
                    return Err(LaunchRecordError::Several(stored.places.len(), stored.count));
                }
                let bytes = STANDARD.decode(&request.user_data);
                (stored.places.remove(0), bytes.map_err(|_| LaunchRecordError::UserData)?)
            }
            other => return Err(LaunchRecordError::Version(other)),
        };
        Ok(LaunchRecord {
            id: stored.id,
            account: stored.account,
            planned: stored.planned,
            request: LaunchRequest {
                region: place.region,
                zone: place.zone,
                subnet: place.subnet,
                instance_type: request.instance_type,
                image: request.image,
                key: request.key,
                groups: request.groups,
                profile: request.profile,
                root: request.root,
                hibernation: request.hibernation,
                spot: request.spot,
                power_off: request.power_off,
                tags: request.tags,
                user_data,
            },
            fresh: stored.fresh,
            access: stored.access,
            phase: stored.phase,
        })
    }
}
