//! The port `Groups`: EC2's security groups and subnets.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, ResourceType, SecurityGroup, SecurityGroupRule, Subnet,
};
use domain::Timestamp;
use fleet::ports::{
    FleetError, GroupRule, GroupRuleAge, GroupSelector, GroupView, Groups, RULE_ADDED_TAG, SubnetView,
};

use crate::AwsClient;
use crate::cloud::failed;
use crate::tags::{specification, tag_map};

/// The description of spawn's groups. EC2 cannot change it later.
const DESCRIPTION: &str = "SSH to instances that spawn launched";

impl Groups for AwsClient {
    fn find_groups(&self, region: &str, which: GroupSelector<'_>) -> Result<Vec<GroupView>, FleetError> {
        self.runtime.block_on(find_groups(&self.ec2(region), which))
    }

    fn list_subnets(&self, region: &str) -> Result<Vec<SubnetView>, FleetError> {
        self.runtime.block_on(list_subnets(&self.ec2(region)))
    }

    fn list_rule_ages(&self, region: &str, groups: &[String]) -> Result<Vec<GroupRuleAge>, FleetError> {
        self.runtime.block_on(list_rule_ages(&self.ec2(region), groups))
    }

    fn create_group(
        &self,
        region: &str,
        vpc: &str,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, FleetError> {
        let call = self.ec2(region).create_security_group().group_name(name).description(DESCRIPTION);
        let call = call.vpc_id(vpc).tag_specifications(specification(ResourceType::SecurityGroup, tags));
        let answer = self.runtime.block_on(call.send()).map_err(failed("ec2:CreateSecurityGroup"))?;
        let missing = || FleetError::Failed("ec2:CreateSecurityGroup: the answer has no id".to_string());
        answer.group_id().map(String::from).ok_or_else(missing)
    }

    fn add_rule(
        &self,
        region: &str,
        group: &str,
        rule: &GroupRule,
        added: Timestamp,
    ) -> Result<(), FleetError> {
        let tags = [(RULE_ADDED_TAG.to_string(), format!("{added:.0}"))].into();
        let call = self.ec2(region).authorize_security_group_ingress().group_id(group);
        let call = call.ip_permissions(permission(rule, true));
        let call = call.tag_specifications(specification(ResourceType::SecurityGroupRule, &tags));
        self.runtime.block_on(call.send()).map(drop).map_err(failed("ec2:AuthorizeSecurityGroupIngress"))
    }

    fn remove_rule(&self, region: &str, group: &str, rule: &GroupRule) -> Result<(), FleetError> {
        let call = self.ec2(region).revoke_security_group_ingress().group_id(group);
        let call = call.ip_permissions(permission(rule, false));
        self.runtime.block_on(call.send()).map(drop).map_err(failed("ec2:RevokeSecurityGroupIngress"))
    }

    fn delete_group(&self, region: &str, group: &str) -> Result<(), FleetError> {
        let call = self.ec2(region).delete_security_group().group_id(group);
        self.runtime.block_on(call.send()).map(drop).map_err(failed("ec2:DeleteSecurityGroup"))
    }
}

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

/// Returns the groups with these names or ids. Filters are used, because an unknown id as a
/// parameter is an error of the whole call.
pub(crate) async fn find_groups(
    client: &Client,
    which: GroupSelector<'_>,
) -> Result<Vec<GroupView>, FleetError> {
    let filter = match which {
        GroupSelector::Names(names) => filter("group-name", names),
        GroupSelector::Ids(ids) => filter("group-id", ids),
    };
    let mut pages =
        client.describe_security_groups().filters(filter).max_results(1000).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ec2:DescribeSecurityGroups"))?;
        found.extend(page.security_groups().iter().map(group_view));
    }
    Ok(found)
}

/// Returns all subnets of the client's region.
pub(crate) async fn list_subnets(client: &Client) -> Result<Vec<SubnetView>, FleetError> {
    let mut pages = client.describe_subnets().max_results(1000).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ec2:DescribeSubnets"))?;
        found.extend(page.subnets().iter().map(subnet_view));
    }
    Ok(found)
}

/// Returns the incoming rules of these groups with the instants in their tags.
pub(crate) async fn list_rule_ages(
    client: &Client,
    groups: &[String],
) -> Result<Vec<GroupRuleAge>, FleetError> {
    let call = client.describe_security_group_rules().filters(filter("group-id", groups));
    let mut pages = call.max_results(1000).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ec2:DescribeSecurityGroupRules"))?;
        let incoming = page.security_group_rules().iter().filter(|rule| rule.is_egress() != Some(true));
        found.extend(incoming.filter_map(rule_age));
    }
    Ok(found)
}

fn subnet_view(subnet: &Subnet) -> SubnetView {
    let text = |text: Option<&str>| text.unwrap_or_default().to_string();
    SubnetView {
        id: text(subnet.subnet_id()),
        vpc: text(subnet.vpc_id()),
        zone: text(subnet.availability_zone()),
        is_default: subnet.default_for_az() == Some(true),
        range: text(subnet.cidr_block()),
    }
}

fn group_view(group: &SecurityGroup) -> GroupView {
    let text = |text: Option<&str>| text.unwrap_or_default().to_string();
    GroupView {
        id: text(group.group_id()),
        name: text(group.group_name()),
        vpc: text(group.vpc_id()),
        rules: group.ip_permissions().iter().flat_map(rules).collect(),
        tags: tag_map(group.tags()),
    }
}

/// Returns the rules of a permission, one for each source.
fn rules(permission: &IpPermission) -> Vec<GroupRule> {
    let rule = |source: Option<&str>, description: Option<&str>| {
        Some(GroupRule {
            protocol: permission.ip_protocol().unwrap_or("-1").to_string(),
            ports: permission.from_port().zip(permission.to_port()),
            source: source?.to_string(),
            description: description.map(String::from),
        })
    };
    let four = permission.ip_ranges().iter().map(|one| rule(one.cidr_ip(), one.description()));
    let six = permission.ipv6_ranges().iter().map(|one| rule(one.cidr_ipv6(), one.description()));
    let groups = permission.user_id_group_pairs().iter().map(|one| rule(one.group_id(), one.description()));
    let lists = permission.prefix_list_ids().iter().map(|one| rule(one.prefix_list_id(), one.description()));
    four.chain(six).chain(groups).chain(lists).flatten().collect()
}

fn rule_age(rule: &SecurityGroupRule) -> Option<GroupRuleAge> {
    let other = rule.referenced_group_info().and_then(|group| group.group_id());
    let source = rule.cidr_ipv4().or(rule.cidr_ipv6()).or(other).or(rule.prefix_list_id())?;
    let protocol = rule.ip_protocol().unwrap_or("-1").to_string();
    let ports = rule.from_port().zip(rule.to_port()).filter(|_| protocol != "-1");
    Some(GroupRuleAge {
        group: rule.group_id()?.to_string(),
        added: tag_map(rule.tags()).get(RULE_ADDED_TAG).and_then(|text| text.parse().ok()),
        rule: GroupRule {
            protocol,
            ports,
            source: source.to_string(),
            description: rule.description().map(String::from),
        },
    })
}

/// Returns the permission of one rule with an address range. A removal names no description,
/// because EC2 compares it.
fn permission(rule: &GroupRule, describes: bool) -> IpPermission {
    let builder = IpPermission::builder().ip_protocol(&rule.protocol);
    let builder = match rule.ports {
        Some((from, to)) => builder.from_port(from).to_port(to),
        None => builder,
    };
    let description = rule.description.clone().filter(|_| describes);
    if rule.source.contains(':') {
        let range = Ipv6Range::builder().cidr_ipv6(&rule.source).set_description(description);
        builder.ipv6_ranges(range.build()).build()
    } else {
        let range = IpRange::builder().cidr_ip(&rule.source).set_description(description);
        builder.ip_ranges(range.build()).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_has_one_rule_for_each_source() {
        let rule = |source: &str| GroupRule {
            protocol: "tcp".into(),
            ports: Some((22, 22)),
            source: source.into(),
            description: Some("spawn alice laptop".into()),
        };
        for source in ["203.0.113.7/32", "2001:db8::1/128"] {
            assert_eq!(rules(&permission(&rule(source), true)), [rule(source)]);
            let removed = rules(&permission(&rule(source), false));
            assert_eq!(removed, [GroupRule { description: None, ..rule(source) }]);
        }
    }
}
