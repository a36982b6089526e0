//! The port to EC2's security groups and subnets.

use super::FleetError;
use crate::address_range::AddressRange;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An incoming rule of a security group: who may connect, to which ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRule {
    /// The protocol: `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub protocol: String,
    /// The first and the last port; none for all of them.
    pub ports: Option<(i32, i32)>,
    /// An address range, or the id of a group or a prefix list.
    pub source: String,
    /// Its description.
    pub description: Option<String>,
}

impl GroupRule {
    /// Returns the address range of its source, if it is one.
    pub fn range(&self) -> Option<AddressRange> {
        AddressRange::parse(&self.source).ok()
    }

    /// Whether both let the same source connect to the same ports. Their descriptions may differ,
    /// and EC2 keeps only one of such rules.
    pub fn allows_same(&self, other: &GroupRule) -> bool {
        let same_source = match (self.range(), other.range()) {
            (Some(one), Some(other)) => one == other,
            _ => self.source == other.source,
        };
        same_source && self.protocol == other.protocol && self.ports == other.ports
    }

    /// Returns its ports for people, such as `22`, `8000-8999`, `udp 53` or `all`.
    pub fn ports_text(&self) -> String {
        let ports = match self.ports {
            _ if self.protocol == "-1" => return "all".to_string(),
            None => "all".to_string(),
            Some((from, to)) if from == to => from.to_string(),
            Some((from, to)) => format!("{from}-{to}"),
        };
        if self.protocol == "tcp" { ports } else { format!("{} {ports}", self.protocol) }
    }
}

/// A security group, as EC2 describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub id: String,
    /// Its name, unique in its VPC.
    pub name: String,
    /// The id of its VPC.
    pub vpc: String,
    /// Its incoming rules.
    pub rules: Vec<GroupRule>,
    /// All tags.
    pub tags: BTreeMap<String, String>,
}

impl GroupView {
    /// Whether spawn created it.
    pub fn is_managed(&self) -> bool {
        self.tags.get(lifecycle::tag::MANAGED).map(String::as_str) == Some(lifecycle::tag::YES)
    }

    /// Returns the ports to which every address may connect.
    pub fn open_ports(&self) -> Vec<String> {
        let open = self.rules.iter().filter(|rule| rule.range().is_some_and(|range| range.is_everything()));
        let mut ports: Vec<String> = open.map(GroupRule::ports_text).collect();
        ports.sort();
        ports.dedup();
        ports
    }
}

/// A subnet, as EC2 describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetView {
    /// Its id.
    pub id: String,
    /// The id of its VPC.
    pub vpc: String,
    /// The name of its availability zone.
    pub zone: String,
    /// Whether it is the zone's subnet of the default VPC.
    pub is_default: bool,
    /// Its addresses, such as `10.0.1.0/24`.
    pub range: String,
}

/// The security groups to query.
#[derive(Debug, Clone, Copy)]
pub enum GroupSelector<'a> {
    /// Those with these names, in every VPC.
    Names(&'a [String]),
    /// Those with these ids, as far as they exist.
    Ids(&'a [String]),
}

/// The instant at which spawn added a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRuleAge {
    /// The id of the rule's group.
    pub group: String,
    /// The rule.
    pub rule: GroupRule,
    /// The instant in its tag; none if it has no such tag.
    pub added: Option<Timestamp>,
}

/// The tag of a rule with the instant at which it was added.
pub const RULE_ADDED_TAG: &str = "spawn:added";

/// EC2's security groups and subnets.
pub trait Groups {
    /// Returns the security groups with their incoming rules.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn find_groups(&self, region: &str, which: GroupSelector<'_>) -> Result<Vec<GroupView>, FleetError>;

    /// Returns all subnets of a region.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn list_subnets(&self, region: &str) -> Result<Vec<SubnetView>, FleetError>;

    /// Returns the incoming rules of these groups with the instants in their tags.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn list_rule_ages(&self, region: &str, groups: &[String]) -> Result<Vec<GroupRuleAge>, FleetError>;

    /// Creates a security group and returns its id.
    ///
    /// # Errors
    /// The name is taken in the VPC, AWS refused the request or did not answer.
    fn create_group(
        &self,
        region: &str,
        vpc: &str,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, FleetError>;

    /// Adds an incoming rule, which EC2 tags with `added`. A success means only that AWS accepted
    /// it.
    ///
    /// # Errors
    /// The group has such a rule, AWS refused the request or did not answer.
    fn add_rule(
        &self,
        region: &str,
        group: &str,
        rule: &GroupRule,
        added: Timestamp,
    ) -> Result<(), FleetError>;

    /// Removes an incoming rule. A success means only that AWS accepted it.
    ///
    /// # Errors
    /// The group has no such rule, AWS refused the request or did not answer.
    fn remove_rule(&self, region: &str, group: &str, rule: &GroupRule) -> Result<(), FleetError>;

    /// Deletes a security group.
    ///
    /// # Errors
    /// It is in use, AWS refused the request or did not answer.
    fn delete_group(&self, region: &str, group: &str) -> Result<(), FleetError>;
}
