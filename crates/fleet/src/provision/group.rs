//! The security groups of a launch, and the rule for the caller's address.

use super::{ProvisionError, ProvisionRefusal, ProvisionRequest, ProvisionStep};
use crate::address_range::AddressRange;
use crate::ports::{GroupRule, GroupView, ProvisionReadings, SubnetView};
use serde::{Deserialize, Serialize};

/// The name of the group that lets single addresses connect to port 22.
pub const SSH_GROUP: &str = "spawn-ssh";
/// The name of the group that lets wider ranges connect to port 22. It is another group, so that an
/// instance without `--open` is never opened by one with it.
pub const OPEN_GROUP: &str = "spawn-ssh-open";

const SSH_PORT: i32 = 22;
/// The longest description of a rule, by EC2's rules.
const LONGEST_DESCRIPTION: usize = 255;
/// The longest host name in a description.
const LONGEST_HOST: usize = 63;

/// The security groups that a launch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum GroupRequest {
    /// The groups with these names or ids, which must exist. Their rules stay as they are.
    Named(Vec<String>),
    /// spawn's own group, with a rule for SSH.
    Own(RuleRequest),
}

/// The addresses that may connect to port 22.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRequest {
    /// The address ranges; none if no rule is added.
    pub sources: Vec<String>,
    /// Whether ranges of more than one address are allowed.
    pub open: bool,
    /// The description of the rules: those with the same one are replaced.
    pub description: String,
    /// Why there are no sources, for a person.
    pub missing: Option<String>,
}

impl RuleRequest {
    /// Returns the name of the group with the rules.
    pub fn group(&self) -> &'static str {
        if self.open { OPEN_GROUP } else { SSH_GROUP }
    }
}

/// The change of a group's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePlan {
    /// The rules to add, before others are removed.
    pub add: Vec<GroupRule>,
    /// The rules to remove.
    pub remove: Vec<GroupRule>,
}

/// The way to the security groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum GroupPlan {
    /// The groups with these ids are used as they are.
    Named(Vec<String>),
    /// spawn's group exists.
    Use {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// The change of its rules.
        rules: RulePlan,
        /// The ports to which every address may connect.
        open: Vec<String>,
    },
    /// spawn's group is created.
    Create {
        /// The id of its VPC.
        vpc: String,
        /// Its name.
        name: String,
        /// Its rules.
        rules: RulePlan,
    },
}

/// Returns the description of a caller's rules: `spawn`, the owner and the host, with only the
/// characters that EC2 allows.
pub fn rule_description(owner: &str, host: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-:/()#,@[]+=;{}!$*".contains(c);
    let clean = |text: &str, most: usize| {
        let text: String = text.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(most).collect();
        if text.is_empty() { "-".to_string() } else { text }
    };
    let host = clean(host, LONGEST_HOST);
    let owner = clean(owner, LONGEST_DESCRIPTION - "spawn  ".len() - host.len());
    format!("spawn {owner} {host}")
}

/// Returns the change after which these sources may connect to port 22, and no others under the
/// same description. Without sources nothing changes. A source that another rule allows already
/// gets no rule, because EC2 keeps only one of equal rules.
pub fn plan_rules(rules: &[GroupRule], sources: &[AddressRange], description: &str) -> RulePlan {
    if sources.is_empty() {
        return RulePlan::default();
    }
    let rule = |source: &AddressRange| GroupRule {
        protocol: "tcp".into(),
        ports: Some((SSH_PORT, SSH_PORT)),
        source: source.to_string(),
        description: Some(description.into()),
    };
    let wanted: Vec<GroupRule> = sources.iter().map(rule).collect();
    let has = |rules: &[GroupRule], one: &GroupRule| rules.iter().any(|other| other.allows_same(one));
    let is_own = |one: &&GroupRule| one.description.as_deref() == Some(description);
    RulePlan {
        add: wanted.iter().filter(|one| !has(rules, one)).cloned().collect(),
        remove: rules.iter().filter(is_own).filter(|one| !has(&wanted, one)).cloned().collect(),
    }
}

impl RulePlan {
    fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    fn steps(&self) -> impl Iterator<Item = ProvisionStep> {
        let step = |rule: &GroupRule, action: &str| {
            let note = format!("port {} from {}", rule.ports_text(), rule.source);
            ProvisionStep::new("rule", rule.description.as_deref().unwrap_or("-"), action, Some(note))
        };
        let added = self.add.iter().map(move |rule| step(rule, "add"));
        added.chain(self.remove.iter().map(move |rule| step(rule, "remove")))
    }
}

impl GroupPlan {
    pub(super) fn is_settled(&self) -> bool {
        match self {
            GroupPlan::Named(_) => true,
            GroupPlan::Use { rules, .. } => rules.is_empty(),
            GroupPlan::Create { .. } => false,
        }
    }

    pub(super) fn existing(&self) -> Vec<String> {
        match self {
            GroupPlan::Named(ids) => ids.clone(),
            GroupPlan::Use { id, .. } => vec![id.clone()],
            GroupPlan::Create { .. } => Vec::new(),
        }
    }

    pub(super) fn steps(&self) -> Vec<ProvisionStep> {
        match self {
            GroupPlan::Named(ids) => {
                ids.iter().map(|id| ProvisionStep::new("security group", id, "use", None)).collect()
            }
            GroupPlan::Use { name, id, rules, .. } => {
                let group = ProvisionStep::new("security group", name, "use", Some(id.clone()));
                std::iter::once(group).chain(rules.steps()).collect()
            }
            GroupPlan::Create { name, vpc, rules } => {
                let group = ProvisionStep::new("security group", name, "create", Some(format!("in {vpc}")));
                std::iter::once(group).chain(rules.steps()).collect()
            }
        }
    }

    pub(super) fn notes(&self, request: &GroupRequest) -> Vec<String> {
        let mut notes = Vec::new();
        if let GroupRequest::Own(RuleRequest { missing: Some(why), .. }) = request {
            notes.push(why.clone());
        }
        if let GroupPlan::Use { name, open, .. } = self
            && name == SSH_GROUP
            && !open.is_empty()
        {
            notes.push(format!("{name} lets every address connect to port {}", open.join(", ")));
        }
        notes
    }
}

pub(super) fn plan(
    request: &ProvisionRequest,
    readings: &ProvisionReadings,
) -> Result<GroupPlan, ProvisionError> {
    let unread = |error: &crate::ports::FleetError| ProvisionError::Unread(error.clone());
    let subnets = readings.subnets.as_ref().map_err(unread)?;
    let groups = readings.groups.as_ref().map_err(unread)?;
    let vpc = vpc_of(request, subnets)?;
    let here: Vec<&GroupView> = groups.iter().filter(|group| group.vpc == vpc).collect();
    match &request.groups {
        GroupRequest::Named(names) => {
            let ids = names.iter().map(|name| named_group(name, &here, groups, vpc));
            Ok(GroupPlan::Named(ids.collect::<Result<_, _>>()?))
        }
        GroupRequest::Own(rule) => Ok(own_group(rule, &here, vpc)?),
    }
}

fn own_group(rule: &RuleRequest, here: &[&GroupView], vpc: &str) -> Result<GroupPlan, ProvisionRefusal> {
    let sources = sources(rule)?;
    let name = rule.group().to_string();
    let Some(group) = here.iter().find(|group| group.name == name) else {
        return Ok(GroupPlan::Create {
            vpc: vpc.into(),
            name,
            rules: plan_rules(&[], &sources, &rule.description),
        });
    };
    if !group.is_managed() {
        return Err(ProvisionRefusal {
            problem: format!("the security group {name} ({}) was not created by spawn", group.id),
            details: Vec::new(),
            hint: format!("--group {} uses it as it is", group.id),
        });
    }
    let rules = plan_rules(&group.rules, &sources, &rule.description);
    Ok(GroupPlan::Use { id: group.id.clone(), name, rules, open: group.open_ports() })
}

/// Returns the ranges of a request. Without `--open` each must be a single address.
fn sources(rule: &RuleRequest) -> Result<Vec<AddressRange>, ProvisionRefusal> {
    let mut ranges = Vec::new();
    for text in &rule.sources {
        let range = AddressRange::parse(text).map_err(|error| ProvisionRefusal {
            problem: error.to_string(),
            details: Vec::new(),
            hint: "ssh.from is auto, none, or an address such as 203.0.113.7/32".into(),
        })?;
        if !rule.open && !range.is_single() {
            return Err(ProvisionRefusal {
                problem: format!("ssh.from {range} has more than one address"),
                details: Vec::new(),
                hint: "add --open to let all of them connect".into(),
            });
        }
        ranges.push(range);
    }
    Ok(ranges)
}

/// Returns the id of the VPC: that of the requested subnet, or the default one.
fn vpc_of<'a>(request: &ProvisionRequest, subnets: &'a [SubnetView]) -> Result<&'a str, ProvisionRefusal> {
    let region = &request.region;
    let lines = || {
        subnets.iter().map(|one| format!("{}  {}  {}  {}", one.id, one.vpc, one.zone, one.range)).collect()
    };
    let found = match &request.subnet {
        Some(id) => subnets.iter().find(|subnet| subnet.id == *id),
        None => subnets.iter().find(|subnet| subnet.is_default),
    };
    found.map(|subnet| subnet.vpc.as_str()).ok_or_else(|| match &request.subnet {
        Some(id) => ProvisionRefusal {
            problem: format!("{region} has no subnet \"{id}\""),
            details: lines(),
            hint: "name another one with --subnet, or leave it out for the default VPC".into(),
        },
        None => ProvisionRefusal {
            problem: format!("{region} has no default VPC with a subnet"),
            details: lines(),
            hint: match subnets.is_empty() {
                true => format!("aws ec2 create-default-vpc --region {region}"),
                false => "name one of its subnets with --subnet".into(),
            },
        },
    })
}

fn named_group(
    name: &str,
    here: &[&GroupView],
    all: &[GroupView],
    vpc: &str,
) -> Result<String, ProvisionRefusal> {
    let is_it = |group: &GroupView| group.id == name || group.name == name;
    if let Some(group) = here.iter().find(|group| is_it(group)) {
        return Ok(group.id.clone());
    }
    let elsewhere = all.iter().find(|group| is_it(group));
    Err(ProvisionRefusal {
        problem: match elsewhere {
            Some(group) => format!("the security group {name} is in {}, and the subnet in {vpc}", group.vpc),
            None => format!("there is no security group \"{name}\" in {vpc}"),
        },
        details: Vec::new(),
        hint: format!("aws ec2 describe-security-groups --filters Name=vpc-id,Values={vpc} lists them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::FleetError;
    use crate::provision::{KeyRequest, RoleRequest};

    const ALICE: &str = "spawn alice laptop";

    fn rule(source: &str, description: Option<&str>) -> GroupRule {
        GroupRule {
            protocol: "tcp".into(),
            ports: Some((22, 22)),
            source: source.into(),
            description: description.map(String::from),
        }
    }

    fn request(groups: GroupRequest, subnet: Option<&str>) -> ProvisionRequest {
        ProvisionRequest {
            region: "eu-west-1".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            owner: "alice".into(),
            subnet: subnet.map(String::from),
            key: KeyRequest::Nothing,
            groups,
            role: RoleRequest::Nothing,
        }
    }

    fn subnet(id: &str, vpc: &str, is_default: bool) -> SubnetView {
        SubnetView { id: id.into(), vpc: vpc.into(), is_default, ..SubnetView::default() }
    }

    fn own(sources: &[&str], open: bool) -> GroupRequest {
        GroupRequest::Own(RuleRequest {
            sources: sources.iter().map(|text| text.to_string()).collect(),
            open,
            description: ALICE.into(),
            missing: None,
        })
    }

    fn group(id: &str, name: &str, vpc: &str, rules: Vec<GroupRule>) -> GroupView {
        let tags = [(lifecycle::tag::MANAGED.to_string(), lifecycle::tag::YES.to_string())].into();
        GroupView { id: id.into(), name: name.into(), vpc: vpc.into(), rules, tags }
    }

    fn readings(subnets: Vec<SubnetView>, groups: Vec<GroupView>) -> ProvisionReadings {
        ProvisionReadings { keys: Ok(vec![]), subnets: Ok(subnets), groups: Ok(groups), role: None }
    }

    #[track_caller]
    fn problem(found: Result<GroupPlan, ProvisionError>) -> String {
        match found {
            Err(ProvisionError::Refused(refusal)) => refusal.problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_address_replaces_only_the_rule_with_the_same_description() {
        let range = |text: &str| AddressRange::parse(text).unwrap();
        let old = rule("203.0.113.7/32", Some(ALICE));
        let bob = rule("203.0.113.8/32", Some("spawn bob laptop"));
        let check = |rules: &[GroupRule], source: &str, add: &[GroupRule], remove: &[GroupRule]| {
            let found = plan_rules(rules, &[range(source)], ALICE);
            assert_eq!((found.add.as_slice(), found.remove.as_slice()), (add, remove), "{rules:?} {source}");
        };
        let new = rule("198.51.100.4/32", Some(ALICE));
        check(&[], "198.51.100.4/32", std::slice::from_ref(&new), &[]);
        check(
            &[old.clone(), bob.clone()],
            "198.51.100.4/32",
            std::slice::from_ref(&new),
            std::slice::from_ref(&old),
        );
        check(&[old.clone(), bob.clone()], "203.0.113.7/32", &[], &[]);
        // Both share an address: EC2 keeps one rule only.
        check(&[old.clone(), bob.clone()], "203.0.113.8/32", &[], std::slice::from_ref(&old));
        check(&[rule("2001:DB8::1/128", Some(ALICE))], "2001:db8::1/128", &[], &[]);
        // A program that was killed between the two writes.
        check(&[old.clone(), new.clone()], "198.51.100.4/32", &[], std::slice::from_ref(&old));
        assert_eq!(plan_rules(&[old], &[], ALICE), RulePlan::default());
    }

    #[test]
    fn a_description_has_three_words_with_the_characters_of_ec2() {
        assert_eq!(rule_description("team a", "my laptop"), "spawn team-a my-laptop");
        assert_eq!(rule_description("", "\n\u{1b}[2J"), "spawn - --[2J");
        assert_eq!(
            rule_description("arn:aws:iam::111122223333:user/alice", "laptop"),
            "spawn arn:aws:iam::111122223333:user/alice laptop"
        );
        let longest = rule_description(&"ä".repeat(400), &"h".repeat(400));
        assert_eq!(longest.len(), LONGEST_DESCRIPTION);
        assert!(longest.ends_with(&format!(" {}", "h".repeat(LONGEST_HOST))), "{longest}");
    }

    #[test]
    fn the_group_is_in_the_vpc_of_the_subnet_or_in_the_default_one() {
        let subnets = vec![subnet("subnet-1", "vpc-1", false), subnet("subnet-2", "vpc-2", true)];
        let created = |subnet: Option<&str>| match plan(
            &request(own(&["203.0.113.7/32"], false), subnet),
            &readings(subnets.clone(), vec![]),
        ) {
            Ok(GroupPlan::Create { vpc, name, rules }) => {
                assert_eq!((name.as_str(), rules.add.len()), (SSH_GROUP, 1));
                vpc
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(created(None), "vpc-2");
        assert_eq!(created(Some("subnet-1")), "vpc-1");
        let found = plan(&request(own(&[], false), Some("subnet-9")), &readings(subnets, vec![]));
        assert_eq!(problem(found), "eu-west-1 has no subnet \"subnet-9\"");
        let found = plan(
            &request(own(&[], false), None),
            &readings(vec![subnet("subnet-1", "vpc-1", false)], vec![]),
        );
        assert_eq!(problem(found), "eu-west-1 has no default VPC with a subnet");
    }

    #[test]
    fn an_existing_group_is_used_only_if_spawn_created_it() {
        let subnets = || vec![subnet("subnet-2", "vpc-2", true)];
        let found = group("sg-1", SSH_GROUP, "vpc-2", vec![rule("203.0.113.7/32", Some(ALICE))]);
        let elsewhere = group("sg-9", SSH_GROUP, "vpc-9", vec![]);
        let asks = request(own(&["203.0.113.7"], false), None);
        let plan_of = |groups: Vec<GroupView>| plan(&asks, &readings(subnets(), groups));
        let settled = plan_of(vec![elsewhere.clone(), found.clone()]).unwrap();
        assert!(settled.is_settled());
        assert_eq!(settled.existing(), ["sg-1"]);
        assert!(!plan_of(vec![elsewhere]).unwrap().is_settled(), "a group of another VPC");
        let foreign = GroupView { tags: Default::default(), ..found };
        assert_eq!(
            problem(plan_of(vec![foreign])),
            "the security group spawn-ssh (sg-1) was not created by spawn"
        );
    }

    #[test]
    fn more_than_one_address_needs_open_and_its_own_group() {
        let subnets = || vec![subnet("subnet-2", "vpc-2", true)];
        let plan_of = |groups: GroupRequest| plan(&request(groups, None), &readings(subnets(), vec![]));
        assert_eq!(
            problem(plan_of(own(&["203.0.113.0/24"], false))),
            "ssh.from 203.0.113.0/24 has more than one address"
        );
        assert_eq!(
            problem(plan_of(own(&["0.0.0.0/0"], false))),
            "ssh.from 0.0.0.0/0 has more than one address"
        );
        assert!(problem(plan_of(own(&["everywhere"], true))).contains("is not an address range"));
        match plan_of(own(&["0.0.0.0/0", "::/0"], true)) {
            Ok(GroupPlan::Create { name, rules, .. }) => {
                assert_eq!((name.as_str(), rules.add.len()), (OPEN_GROUP, 2));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_group_that_is_open_to_the_world_is_named() {
        let mut open = group("sg-1", SSH_GROUP, "vpc-2", vec![rule("0.0.0.0/0", None)]);
        open.rules.push(GroupRule {
            protocol: "-1".into(),
            ports: None,
            source: "::/0".into(),
            description: None,
        });
        open.rules.push(GroupRule { ports: Some((8000, 8999)), ..rule("10.0.0.0/8", None) });
        assert_eq!(open.open_ports(), ["22", "all"]);
        let asks = request(own(&["203.0.113.7"], false), None);
        let plan = plan(&asks, &readings(vec![subnet("subnet-2", "vpc-2", true)], vec![open])).unwrap();
        assert_eq!(plan.notes(&asks.groups), ["spawn-ssh lets every address connect to port 22, all"]);
    }

    #[test]
    fn named_groups_are_used_as_they_are() {
        let subnets = || vec![subnet("subnet-2", "vpc-2", true)];
        let groups = vec![group("sg-1", "web", "vpc-2", vec![]), group("sg-9", "db", "vpc-9", vec![])];
        let plan_of = |names: &[&str]| {
            let names = names.iter().map(|name| name.to_string()).collect();
            plan(&request(GroupRequest::Named(names), None), &readings(subnets(), groups.clone()))
        };
        assert_eq!(plan_of(&["web", "sg-1"]), Ok(GroupPlan::Named(vec!["sg-1".into(), "sg-1".into()])));
        assert_eq!(problem(plan_of(&["db"])), "the security group db is in vpc-9, and the subnet in vpc-2");
        assert_eq!(problem(plan_of(&["wbe"])), "there is no security group \"wbe\" in vpc-2");
    }

    #[test]
    fn unread_groups_are_not_missing_groups() {
        let lost = FleetError::Failed("no answer in time".into());
        let reading = ProvisionReadings {
            groups: Err(lost.clone()),
            ..readings(vec![subnet("subnet-2", "vpc-2", true)], vec![])
        };
        let found = plan(&request(own(&[], false), None), &reading);
        assert_eq!(found, Err(ProvisionError::Unread(lost)));
    }
}
