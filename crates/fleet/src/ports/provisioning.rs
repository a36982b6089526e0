//! The port to the resources around instances, with reads of several of them at once.

use super::FleetError;
use super::daemon_objects::DaemonObjects;
use super::groups::{GroupRuleAge, GroupSelector, GroupView, Groups, SubnetView};
use super::keys::{KeyPairView, Keys};
use super::roles::{RoleQuery, RoleView, Roles};

/// The resources that a launch needs to know.
#[derive(Debug, Clone, Copy)]
pub struct ProvisionQuery<'a> {
    /// The region's code.
    pub region: &'a str,
    /// The names of security groups, in every VPC.
    pub group_names: &'a [String],
    /// The ids of security groups.
    pub group_ids: &'a [String],
    /// The role; none if no role is needed.
    pub role: Option<RoleQuery<'a>>,
}

/// The answers to a [`ProvisionQuery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionReadings {
    /// The region's key pairs.
    pub keys: Result<Vec<KeyPairView>, FleetError>,
    /// The region's subnets.
    pub subnets: Result<Vec<SubnetView>, FleetError>,
    /// The security groups.
    pub groups: Result<Vec<GroupView>, FleetError>,
    /// The role; none if it was not requested.
    pub role: Option<Result<RoleView, FleetError>>,
}

/// The resources of a region that a cleanup may delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionProvisions {
    /// The region's code.
    pub region: String,
    /// Its key pairs.
    pub keys: Vec<KeyPairView>,
    /// The security groups with the requested names.
    pub groups: Vec<GroupView>,
    /// The rules of these groups.
    pub rules: Vec<GroupRuleAge>,
}

/// Security groups of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionGroups {
    /// The region's code, in one entry at most.
    pub region: String,
    /// The ids of the groups.
    pub ids: Vec<String>,
}

fn find_named_or_identified<P: Groups + ?Sized>(
    port: &P,
    query: ProvisionQuery<'_>,
) -> Result<Vec<GroupView>, FleetError> {
    let mut found = Vec::new();
    if !query.group_names.is_empty() {
        found.extend(port.find_groups(query.region, GroupSelector::Names(query.group_names))?);
    }
    if !query.group_ids.is_empty() {
        found.extend(port.find_groups(query.region, GroupSelector::Ids(query.group_ids))?);
    }
    Ok(found)
}

/// Key pairs, security groups, roles and objects, also several of them at once.
pub trait Provisioning: Keys + Groups + Roles + DaemonObjects {
    /// Reads the resources that a launch needs to know.
    fn read_provisions(&self, query: ProvisionQuery<'_>) -> ProvisionReadings {
        ProvisionReadings {
            keys: self.list_keys(query.region),
            subnets: self.list_subnets(query.region),
            groups: find_named_or_identified(self, query),
            role: query.role.map(|role| self.read_role(role)),
        }
    }

    /// Reads key pairs, and the security groups with these names, in several regions. Returns one
    /// result for each region, in their order.
    fn survey_regions(
        &self,
        regions: &[String],
        names: &[String],
    ) -> Vec<Result<RegionProvisions, FleetError>> {
        let survey = |region: &String| {
            let groups = self.find_groups(region, GroupSelector::Names(names))?;
            let ids: Vec<String> = groups.iter().map(|group| group.id.clone()).collect();
            let rules = if ids.is_empty() { Vec::new() } else { self.list_rule_ages(region, &ids)? };
            Ok(RegionProvisions { region: region.clone(), keys: self.list_keys(region)?, groups, rules })
        };
        regions.iter().map(survey).collect()
    }

    /// Reads security groups of several regions. Returns one result for each entry, in their order.
    fn find_groups_of_regions(&self, wanted: &[RegionGroups]) -> Vec<Result<Vec<GroupView>, FleetError>> {
        wanted.iter().map(|one| self.find_groups(&one.region, GroupSelector::Ids(&one.ids))).collect()
    }
}
