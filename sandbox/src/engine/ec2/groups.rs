//! Security groups and their rules.

use std::borrow::Cow;

use super::launch_params::no_default_vpc;
use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{
    ApiError, ApiResult, RegionView, ResourceKind, ResourceTags, SandboxInstanceState, SecurityGroup,
    SecurityGroupRule, request_tags,
};
use crate::engine::filter::{FilterTable, RequestFilters, many, one, own, owned};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The filters of DescribeSecurityGroups. Each filter for rules compares every rule on its own.
const GROUP_FILTERS: FilterTable<SecurityGroup> = FilterTable {
    tags: Some(|group| &group.tags),
    tag: None,
    named: &[
        ("description", |_, group| one(&group.description)),
        ("egress.ip-permission.cidr", |_, group| peer_values(&group.outgoing, RulePeerKind::Four)),
        ("egress.ip-permission.from-port", |_, group| owned(ports(&group.outgoing).map(|ports| ports.0))),
        ("egress.ip-permission.group-id", |_, group| peer_values(&group.outgoing, RulePeerKind::Group)),
        ("egress.ip-permission.group-name", |desk, group| desk.peer_names(&group.outgoing)),
        ("egress.ip-permission.ipv6-cidr", |_, group| peer_values(&group.outgoing, RulePeerKind::Six)),
        ("egress.ip-permission.protocol", |_, group| many(group.outgoing.iter().map(|rule| &rule.protocol))),
        ("egress.ip-permission.to-port", |_, group| owned(ports(&group.outgoing).map(|ports| ports.1))),
        ("egress.ip-permission.user-id", |desk, group| {
            many(peer_values(&group.outgoing, RulePeerKind::Group).iter().map(|_| desk.account))
        }),
        ("group-id", |_, group| one(&group.id)),
        ("group-name", |_, group| one(&group.name)),
        ("ip-permission.cidr", |_, group| peer_values(&group.incoming, RulePeerKind::Four)),
        ("ip-permission.from-port", |_, group| owned(ports(&group.incoming).map(|ports| ports.0))),
        ("ip-permission.group-id", |_, group| peer_values(&group.incoming, RulePeerKind::Group)),
        ("ip-permission.group-name", |desk, group| desk.peer_names(&group.incoming)),
        ("ip-permission.ipv6-cidr", |_, group| peer_values(&group.incoming, RulePeerKind::Six)),
        ("ip-permission.protocol", |_, group| many(group.incoming.iter().map(|rule| &rule.protocol))),
        ("ip-permission.to-port", |_, group| owned(ports(&group.incoming).map(|ports| ports.1))),
        ("ip-permission.user-id", |desk, group| {
            many(peer_values(&group.incoming, RulePeerKind::Group).iter().map(|_| desk.account))
        }),
        ("owner-id", |desk, _| own(desk.account)),
        ("vpc-id", |desk, _| one(&desk.here.network.vpc)),
    ],
    bare: &["egress.ip-permission.prefix-list-id", "ip-permission.prefix-list-id"],
};

/// The kinds of peers in rules.
#[derive(Clone, Copy, PartialEq)]
enum RulePeerKind {
    Four,
    Six,
    Group,
}

impl SecurityGroupRule {
    fn kind(&self) -> RulePeerKind {
        match () {
            () if self.peer.starts_with("sg-") => RulePeerKind::Group,
            () if self.peer.contains(':') => RulePeerKind::Six,
            () => RulePeerKind::Four,
        }
    }
}

fn peer_values(rules: &[SecurityGroupRule], kind: RulePeerKind) -> Vec<Cow<'_, str>> {
    many(rules.iter().filter(|rule| rule.kind() == kind).map(|rule| &rule.peer))
}

fn ports(rules: &[SecurityGroupRule]) -> impl Iterator<Item = (i64, i64)> {
    rules.iter().filter_map(|rule| rule.ports)
}

impl RegionView<'_> {
    /// Returns the names of the groups that rules refer to.
    fn peer_names(&self, rules: &[SecurityGroupRule]) -> Vec<Cow<'_, str>> {
        let named = rules.iter().filter_map(|rule| self.here.groups.get(&rule.peer));
        many(named.map(|group| &group.name))
    }

    /// Serves DescribeSecurityGroups.
    pub(crate) fn describe_groups(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeSecurityGroups")?;
        let ids = params.list("GroupId");
        let names = params.list("GroupName");
        if let Some(id) = ids.iter().find(|id| !self.here.groups.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::Group, id));
        }
        if let Some(name) =
            names.iter().find(|name| !self.here.groups.values().any(|group| group.name == **name))
        {
            return Err(ApiError::new(
                "InvalidGroup.NotFound",
                format!("The security group '{name}' does not exist in default VPC '{}'", self.vpc()),
            ));
        }
        let filters = RequestFilters::read(params, &GROUP_FILTERS)?;
        let named = |group: &&SecurityGroup| {
            (names.is_empty() || names.contains(&group.name.as_str()))
                && (ids.is_empty() || ids.contains(&group.id.as_str()))
        };
        let rows = self.here.groups.values().filter(named).filter(|group| filters.matches_row(self, group));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> = rows.into_iter().map(|group| self.group_node(group)).collect();
        Ok(XmlFields::new().put("securityGroupInfo", nodes).opt("nextToken", next).into())
    }

    fn group_node(&self, group: &SecurityGroup) -> XmlContent {
        let rules = |rules: &[SecurityGroupRule]| {
            rules.iter().map(|rule| self.rule_node(rule)).collect::<Vec<XmlContent>>()
        };
        XmlFields::new()
            .put("ownerId", self.account)
            .put("groupId", &group.id)
            .put("groupName", &group.name)
            .put("groupDescription", &group.description)
            .put("vpcId", self.vpc())
            .put("securityGroupArn", self.arn("ec2", &format!("security-group/{}", group.id)))
            .put("ipPermissions", rules(&group.incoming))
            .put("ipPermissionsEgress", rules(&group.outgoing))
            .some("tagSet", tag_nodes(&group.tags))
            .into()
    }

    fn rule_node(&self, rule: &SecurityGroupRule) -> XmlContent {
        let peer = |name| -> Vec<XmlContent> {
            vec![
                XmlFields::new().put(name, &rule.peer).opt("description", rule.description.as_deref()).into(),
            ]
        };
        let mut fields = XmlFields::new().put("ipProtocol", &rule.protocol);
        if let Some((from, to)) = rule.ports {
            fields = fields.put("fromPort", from).put("toPort", to);
        }
        let group = rule.peer.starts_with("sg-");
        let six = rule.peer.contains(':');
        let pair = || {
            vec![
                XmlFields::new()
                    .put("userId", self.account)
                    .put("groupId", &rule.peer)
                    .opt("description", rule.description.as_deref())
                    .into(),
            ]
        };
        fields
            .put("groups", if group { pair() } else { Vec::new() })
            .put("ipRanges", if group || six { Vec::new() } else { peer("cidrIp") })
            .put("ipv6Ranges", if six { peer("cidrIpv6") } else { Vec::new() })
            .put("prefixListIds", Vec::new())
            .into()
    }

    /// Serves CreateSecurityGroup.
    pub(crate) fn create_group(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let tags = read_own(params, "security-group")?;
        let arn = self.arn("ec2", "security-group/*");
        self.allow("ec2:CreateSecurityGroup", &arn, &ResourceTags::new(), &request_tags(&tags))?;
        self.may_tag_new("security-group", &tags, "CreateSecurityGroup")?;
        let name = params.need("GroupName")?;
        let description = params.need("GroupDescription")?;
        if params.text("VpcId").is_none() && !self.has_default_vpc() {
            return Err(no_default_vpc());
        }
        if params.text("VpcId").is_some_and(|vpc| vpc != self.vpc()) {
            return Err(ApiError::unknown_id(ResourceKind::Vpc, params.need("VpcId")?));
        }
        if name.starts_with("sg-") || name.len() > 255 {
            return Err(ApiError::value(format!(
                "Invalid group name '{name}': it must not begin with 'sg-' and can have at most 255 characters"
            )));
        }
        if self.here.groups.values().any(|group| group.name == name) {
            return Err(ApiError::new(
                "InvalidGroup.Duplicate",
                format!("The security group '{name}' already exists for VPC '{}'", self.vpc()),
            ));
        }
        self.finish_checks(params)?;
        let id = self.ids.id("sg-");
        let all = SecurityGroupRule::open(self.ids.id("sgr-"), "0.0.0.0/0".into());
        let shown = tag_nodes(&tags);
        let group = SecurityGroup {
            id: id.clone(),
            name: name.into(),
            description: description.into(),
            incoming: Vec::new(),
            outgoing: vec![all],
            tags,
        };
        self.here.groups.insert(id.clone(), group);
        Ok(XmlFields::new()
            .put("groupId", &id)
            .put("securityGroupArn", self.arn("ec2", &format!("security-group/{id}")))
            .some("tagSet", shown)
            .into())
    }

    pub(super) fn group_id(&self, params: &QueryParamPart<'_>) -> ApiResult<String> {
        let by_name = |name: &str| {
            self.here.groups.values().find(|group| group.name == name).map(|group| group.id.clone())
        };
        match (params.text("GroupId"), params.text("GroupName")) {
            (Some(id), _) if self.here.groups.contains_key(id) => Ok(id.to_string()),
            (Some(id), _) => Err(ApiError::unknown_id(ResourceKind::Group, id)),
            (None, Some(name)) => by_name(name).ok_or_else(|| {
                ApiError::new(
                    "InvalidGroup.NotFound",
                    format!("The security group '{name}' does not exist in default VPC '{}'", self.vpc()),
                )
            }),
            (None, None) => Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter groupName or groupId",
            )),
        }
    }

    /// Serves DeleteSecurityGroup. Fails while an instance or another group uses the group.
    pub(crate) fn delete_group(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = self.group_id(params)?;
        let tags = self.here.groups[&id].tags.clone();
        let arn = self.arn("ec2", &format!("security-group/{id}"));
        self.allow("ec2:DeleteSecurityGroup", &arn, &tags, &[])?;
        if self.here.groups[&id].name == "default" {
            return Err(ApiError::new(
                "CannotDelete",
                format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
            ));
        }
        let worn = self
            .here
            .instances
            .values()
            .any(|found| found.state != SandboxInstanceState::Terminated && found.groups.contains(&id));
        let named = self.here.groups.values().any(|group| {
            group.id != id && group.incoming.iter().chain(&group.outgoing).any(|rule| rule.peer == id)
        });
        if worn || named {
            return Err(ApiError::new(
                "DependencyViolation",
                format!("resource {id} has a dependent object"),
            ));
        }
        self.finish_checks(params)?;
        self.here.groups.remove(&id);
        Ok(XmlFields::new().put("return", true).put("groupId", id).into())
    }
}
