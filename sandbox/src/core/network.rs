//! The default network of a region: its VPC, subnets and security groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{derived_fraction, derived_id};
use super::instance::ResourceTags;

/// The default network of a region, with the account's order of its zones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RegionNetwork {
    pub(crate) vpc: String,
    /// The zone ids, in the order of their letters.
    pub(crate) zones: Vec<String>,
    /// The subnet ids, by zone id.
    pub(crate) subnets: BTreeMap<String, String>,
    /// How many private addresses were given out, by zone id.
    #[serde(default)]
    pub(crate) given: BTreeMap<String, i64>,
}

impl RegionNetwork {
    /// Builds the default VPC of a region, with a subnet per zone.
    pub(crate) fn new(seed: u64, account: &str, region: &str, zones: &[String]) -> RegionNetwork {
        let subnet = |zone: &String| (zone.clone(), derived_id("subnet-", seed, &[account, zone]));
        let mut in_order = zones.to_vec();
        in_order.sort_by_key(|zone| (derived_fraction(seed, &[account, zone]) * 1e9) as u64);
        RegionNetwork {
            vpc: derived_id("vpc-", seed, &[account, region]),
            zones: in_order,
            subnets: zones.iter().map(subnet).collect(),
            given: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) incoming: Vec<SecurityGroupRule>,
    pub(crate) outgoing: Vec<SecurityGroupRule>,
    pub(crate) tags: ResourceTags,
}

impl SecurityGroup {
    /// Returns the rules for incoming traffic, or those for outgoing traffic.
    pub(crate) fn rules(&self, incoming: bool) -> &[SecurityGroupRule] {
        if incoming { &self.incoming } else { &self.outgoing }
    }

    /// The same, to change them.
    pub(crate) fn rules_mut(&mut self, incoming: bool) -> &mut Vec<SecurityGroupRule> {
        if incoming { &mut self.incoming } else { &mut self.outgoing }
    }

    pub(crate) fn all_rules_mut(&mut self) -> impl Iterator<Item = &mut SecurityGroupRule> {
        self.incoming.iter_mut().chain(&mut self.outgoing)
    }

    /// Builds the default group. It allows all outgoing traffic, and incoming traffic from its own
    /// members.
    pub(crate) fn default_group(seed: u64, account: &str, region: &str) -> SecurityGroup {
        let rule = |words: &str, peer: String| {
            SecurityGroupRule::open(derived_id("sgr-", seed, &[account, region, words]), peer)
        };
        let id = derived_id("sg-", seed, &[account, region]);
        SecurityGroup {
            id: id.clone(),
            name: "default".into(),
            description: "default VPC security group".into(),
            incoming: vec![rule("in", id)],
            outgoing: vec![rule("out", "0.0.0.0/0".into())],
            tags: ResourceTags::new(),
        }
    }
}

/// One rule: a protocol, a port range and a peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SecurityGroupRule {
    pub(crate) id: String,
    pub(crate) protocol: String,
    pub(crate) ports: Option<(i64, i64)>,
    /// An IPv4 or IPv6 range, or a group id.
    pub(crate) peer: String,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: ResourceTags,
}

impl SecurityGroupRule {
    /// Builds a rule for all protocols and ports.
    pub(crate) fn open(id: String, peer: String) -> SecurityGroupRule {
        SecurityGroupRule {
            id,
            protocol: "-1".into(),
            ports: None,
            peer,
            description: None,
            tags: ResourceTags::new(),
        }
    }
}
