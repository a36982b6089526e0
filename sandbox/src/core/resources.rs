//! The resources of an account in one region.

use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::instance::{ResourceTags, SandboxInstance, SpotRequest};
use super::network::{RegionNetwork, SecurityGroup};
use super::schedule::EventSchedule;
use super::storage::{EbsVolume, MachineImage, VolumeSnapshot};

/// The resources of an account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RegionResources {
    pub(crate) instances: BTreeMap<String, SandboxInstance>,
    pub(crate) volumes: BTreeMap<String, EbsVolume>,
    pub(crate) snapshots: BTreeMap<String, VolumeSnapshot>,
    pub(crate) images: BTreeMap<String, MachineImage>,
    pub(crate) spot: BTreeMap<String, SpotRequest>,
    pub(crate) groups: BTreeMap<String, SecurityGroup>,
    pub(crate) keys: BTreeMap<String, KeyPair>,
    pub(crate) addresses: BTreeMap<String, ElasticIp>,
    pub(crate) reservations: BTreeMap<String, CapacityReservation>,
    pub(crate) templates: BTreeMap<String, LaunchTemplate>,
    pub(crate) schedules: BTreeMap<String, EventSchedule>,
    /// Used idempotency tokens. The key is a scope (region, zone or action) and the token.
    pub(crate) tokens: BTreeMap<String, ClientTokenUse>,
    /// The counter from which public addresses are made.
    pub(crate) handed_out: u32,
    pub(crate) network: RegionNetwork,
}

impl RegionResources {
    /// Creates the default VPC and the default group, unless the region has them.
    pub(crate) fn create_default_network(
        &mut self,
        seed: u64,
        account: &str,
        region: &str,
        zones: &[String],
    ) {
        if self.network.vpc.is_empty() {
            self.network = RegionNetwork::new(seed, account, region, zones);
            let group = SecurityGroup::default_group(seed, account, region);
            self.groups.insert(group.id.clone(), group);
        }
    }
}

/// The first use of an idempotency token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClientTokenUse {
    pub(crate) form: String,
    /// The reservation id, the spot request ids, or the whole answer.
    pub(crate) answer: String,
}

/// An Elastic IP address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ElasticIp {
    pub(crate) id: String,
    pub(crate) ip: String,
    pub(crate) association: String,
    pub(crate) instance: Option<String>,
    pub(crate) tags: ResourceTags,
}

/// A key pair. Only its public key is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyPair {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) fingerprint: String,
    pub(crate) public: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: ResourceTags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LaunchTemplate {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) creator: String,
    /// Version 1 first.
    pub(crate) versions: Vec<LaunchTemplateVersion>,
    pub(crate) tags: ResourceTags,
}

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LaunchTemplateVersion {
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) creator: String,
    /// Parameters, as RunInstances spells them.
    pub(crate) data: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CapacityReservation {
    pub(crate) id: String,
    pub(crate) instance_type: String,
    pub(crate) platform: String,
    /// The zone id.
    pub(crate) zone: String,
    pub(crate) count: u32,
    /// Whether matching instances use it without naming it.
    pub(crate) open: bool,
    pub(crate) ebs_optimized: bool,
    pub(crate) created: Timestamp,
    pub(crate) ends: Option<Timestamp>,
    /// active, expired or cancelled.
    pub(crate) state: String,
    pub(crate) tags: ResourceTags,
}

impl CapacityReservation {
    pub(crate) fn is_active(&self) -> bool {
        self.state == "active"
    }

    /// Returns how many instances can run in it.
    pub(crate) fn places(&self) -> usize {
        if self.is_active() { self.count as usize } else { 0 }
    }
}
