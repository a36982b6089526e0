//! The resources that earlier launches left: old rules, and groups, keys and the role without an
//! instance.

use super::group::rule_description;
use super::role::{ROLE, differences};
use crate::instance::InstanceView;
use crate::owner::owns;
use crate::ports::{GroupRule, GroupRuleAge, KeyPairView, RegionProvisions, RoleView};
use domain::Timestamp;
use jiff::SignedDuration;
use lifecycle::tag;
use std::collections::BTreeSet;

/// A rule that is older than this is planned for removal.
pub const RULE_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A resource that can be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CleanupResource {
    /// A rule of a security group.
    Rule {
        /// The id of the group.
        group: String,
        /// The rule.
        rule: GroupRule,
    },
    /// A security group.
    Group {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// A key pair with this name.
    Key(String),
    /// spawn's own role and instance profile.
    Role,
}

/// A resource of a cleanup, and the reason why it can be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupItem {
    /// The region's code; none for a role, which all regions share.
    pub region: Option<String>,
    /// The resource.
    pub resource: CleanupResource,
    /// The reason.
    pub reason: String,
}

/// The resources that a cleanup deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanupPlan {
    /// The resources, in the order of their deletion.
    pub items: Vec<CleanupItem>,
    /// The number of old rules of other owners, which are left alone.
    pub foreign_rules: usize,
    /// Why the role was not judged.
    pub unjudged_role: Option<String>,
}

/// The facts for a cleanup.
#[derive(Debug, Clone)]
pub struct CleanupFacts<'a> {
    /// The partition of the caller's ARN.
    pub partition: &'a str,
    /// The caller's account.
    pub account: &'a str,
    /// The owners that the caller is.
    pub owners: &'a [String],
    /// The resources of each region that could be read.
    pub regions: &'a [RegionProvisions],
    /// The instances of these regions.
    pub instances: &'a [InstanceView],
    /// Whether every region of the account could be read.
    pub is_complete: bool,
    /// spawn's own role, or why it could not be read.
    pub role: Result<&'a RoleView, String>,
    /// AWS's clock.
    pub now: Timestamp,
}

/// Plans the deletion of what no instance uses.
pub fn plan_cleanup(facts: &CleanupFacts<'_>) -> CleanupPlan {
    let mut plan = CleanupPlan::default();
    let alive = || facts.instances.iter().filter(|seen| !seen.state.is_over());
    for region in facts.regions {
        let here = || alive().filter(|seen| seen.region == region.region);
        let used: BTreeSet<&str> = here().flat_map(|seen| &seen.details.groups).map(String::as_str).collect();
        let keys: BTreeSet<&str> = here().filter_map(|seen| seen.details.key_name.as_deref()).collect();
        let item = |resource: CleanupResource, reason: String| CleanupItem {
            region: Some(region.region.clone()),
            resource,
            reason,
        };
        for group in region.groups.iter().filter(|group| group.is_managed()) {
            if used.contains(group.id.as_str()) {
                let rules = region.rules.iter().filter(|one| one.group == group.id);
                for (one, age) in rules.filter_map(|one| Some((one, old_age(one, facts.now)?))) {
                    if is_own_rule(&one.rule, facts.owners) {
                        let rule = CleanupResource::Rule { group: group.id.clone(), rule: one.rule.clone() };
                        let days = age.as_hours() / 24;
                        plan.items.push(item(rule, format!("added {days} days ago")));
                    } else {
                        plan.foreign_rules += 1;
                    }
                }
            } else {
                let resource = CleanupResource::Group { id: group.id.clone(), name: group.name.clone() };
                plan.items.push(item(resource, "no instance is in it".to_string()));
            }
        }
        for key in region.keys.iter().filter(|key| is_own_key(key, facts.owners)) {
            if !keys.contains(key.name.as_str()) {
                let reason = "no instance was launched with it".to_string();
                plan.items.push(item(CleanupResource::Key(key.name.clone()), reason));
            }
        }
    }
    let profile = format!(":instance-profile/{ROLE}");
    let wears =
        |seen: &InstanceView| seen.details.profile.as_ref().is_some_and(|arn| arn.ends_with(&profile));
    match &facts.role {
        Err(why) => plan.unjudged_role = Some(why.clone()),
        Ok(view) if !view.exists && view.profile.is_none() => {}
        Ok(_) if alive().any(wears) => {}
        Ok(view) => match differences(view, facts.partition, facts.account).first() {
            Some(difference) => plan.unjudged_role = Some(format!("it differs from spawn's: {difference}")),
            None if !facts.is_complete => {
                plan.unjudged_role = Some("an instance of an unread region may use it".to_string());
            }
            None => plan.items.push(CleanupItem {
                region: None,
                resource: CleanupResource::Role,
                reason: "no instance uses it".to_string(),
            }),
        },
    }
    plan
}

/// Returns the age of a rule that is too old. The age of a rule without its tag is not known.
fn old_age(one: &GroupRuleAge, now: Timestamp) -> Option<SignedDuration> {
    let age = now.duration_since(one.added?);
    (age > RULE_LIFE).then_some(age)
}

fn is_own_rule(rule: &GroupRule, owners: &[String]) -> bool {
    let Some(description) = &rule.description else { return false };
    let host = description.rsplit(' ').next().unwrap_or_default();
    owners.iter().any(|owner| rule_description(owner, host) == *description)
}

fn is_own_key(key: &KeyPairView, owners: &[String]) -> bool {
    let managed = key.tags.get(tag::MANAGED).map(String::as_str) == Some(tag::YES);
    let owner = key.tags.get(tag::OWNER);
    managed && owner.is_some_and(|owner| owners.iter().any(|own| owns(own, owner)))
}

impl CleanupResource {
    /// Returns the kind of resource.
    pub fn kind(&self) -> &'static str {
        match self {
            CleanupResource::Rule { .. } => "rule",
            CleanupResource::Group { .. } => "security group",
            CleanupResource::Key(_) => "key pair",
            CleanupResource::Role => "role",
        }
    }

    /// Returns the name of the resource.
    pub fn name(&self) -> String {
        match self {
            CleanupResource::Rule { group, rule } => {
                format!("{group} port {} from {}", rule.ports_text(), rule.source)
            }
            CleanupResource::Group { id, name } => format!("{name} ({id})"),
            CleanupResource::Key(name) => name.clone(),
            CleanupResource::Role => ROLE.to_string(),
        }
    }

    /// Whether the resources of a region, or the role, still have it.
    pub fn remains_in(&self, region: Option<&RegionProvisions>, role: Option<&RoleView>) -> bool {
        match (self, region) {
            (CleanupResource::Rule { group, rule }, Some(region)) => {
                let same = |one: &GroupRuleAge| one.group == *group && one.rule.allows_same(rule);
                region.rules.iter().any(same)
            }
            (CleanupResource::Group { id, .. }, Some(region)) => {
                region.groups.iter().any(|group| group.id == *id)
            }
            (CleanupResource::Key(name), Some(region)) => region.keys.iter().any(|key| key.name == *name),
            (CleanupResource::Role, _) => role.is_none_or(|view| view.exists || view.profile.is_some()),
            (_, None) => true,
        }
    }
}
