//! Volumes, snapshots and images.

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::instance::ResourceTags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EbsVolume {
    pub(crate) id: String,
    pub(crate) size: i64,
    pub(crate) kind: String,
    pub(crate) iops: Option<i64>,
    pub(crate) throughput: Option<i64>,
    pub(crate) encrypted: bool,
    pub(crate) snapshot: Option<String>,
    pub(crate) zone: String,
    pub(crate) created: Timestamp,
    pub(crate) instance: Option<String>,
    pub(crate) tags: ResourceTags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VolumeSnapshot {
    pub(crate) id: String,
    pub(crate) volume: String,
    pub(crate) size: i64,
    pub(crate) encrypted: bool,
    pub(crate) description: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: ResourceTags,
}

/// An image: the account's own, or a public one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MachineImage {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// The owner's account id.
    #[serde(default)]
    pub(crate) owner: String,
    pub(crate) arch: String,
    pub(crate) root_device: String,
    pub(crate) size: i64,
    pub(crate) encrypted: bool,
    pub(crate) snapshot: String,
    pub(crate) created: Timestamp,
    /// The instance that it was made from.
    #[serde(default)]
    pub(crate) source: Option<String>,
    pub(crate) tags: ResourceTags,
}

impl MachineImage {
    /// Returns `windows` for an image of Windows, and nothing for any other, as AWS does.
    pub(crate) fn platform(&self) -> Option<&'static str> {
        self.name.starts_with("Windows_Server").then_some("windows")
    }

    pub(crate) fn location(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Returns whether the image needs this snapshot.
    pub(crate) fn is_made_of(&self, snapshot: &str) -> bool {
        self.snapshot == snapshot
    }
}
