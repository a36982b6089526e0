//! Rules of security groups: adding, removing and describing them.

use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{ApiError, ApiResult, RegionView, ResourceKind, ResourceTags, SecurityGroupRule};
use crate::engine::filter::{FilterTable, RequestFilters, one};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// A rule with its group and direction.
struct GroupRuleRow {
    rule: SecurityGroupRule,
    group: String,
    incoming: bool,
}

/// The filters of DescribeSecurityGroupRules.
const RULE_FILTERS: FilterTable<GroupRuleRow> = FilterTable {
    tags: Some(|row| &row.rule.tags),
    tag: None,
    named: &[("group-id", |_, row| one(&row.group)), ("security-group-rule-id", |_, row| one(&row.rule.id))],
    bare: &[],
};

/// Returns whether two rules allow the same. Descriptions make no difference.
fn is_same(a: &SecurityGroupRule, b: &SecurityGroupRule) -> bool {
    (&a.protocol, a.ports, &a.peer) == (&b.protocol, b.ports, &b.peer)
}

/// Fails unless each rule of the request is in the group.
fn check_known(known: &[SecurityGroupRule], asked: &[SecurityGroupRule]) -> ApiResult<()> {
    if asked.iter().all(|rule| known.iter().any(|known| is_same(known, rule))) {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
    ))
}

impl RegionView<'_> {
    fn read_rules(&self, params: &QueryParamPart<'_>) -> ApiResult<Vec<SecurityGroupRule>> {
        let mut parts = params.parts("IpPermissions");
        if parts.is_empty() {
            parts.push(params.clone());
        }
        let mut rules = Vec::new();
        for part in parts {
            let protocol = part.text("IpProtocol").unwrap_or("tcp").to_string();
            let (from, to) = (part.number("FromPort")?, part.number("ToPort")?);
            let ports = if protocol == "-1" { None } else { from.zip(to) };
            if let Some((from, to)) = ports
                && (from > to && to != -1 || !(-1..=65_535).contains(&from) || !(-1..=65_535).contains(&to))
            {
                return Err(ApiError::value(format!("Invalid TCP port range ({from}-{to})")));
            }
            let mut peers: Vec<(String, Option<String>)> =
                part.text("CidrIp").map(|peer| (peer.to_string(), None)).into_iter().collect();
            for (list, key) in [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("Groups", "GroupId")] {
                for peer in part.parts(list) {
                    peers.push((peer.need(key)?.to_string(), peer.text("Description").map(String::from)));
                    if peer.text("UserId").is_some_and(|user| user != self.account) {
                        return Err(ApiError::unknown_id(ResourceKind::Group, peer.need(key)?));
                    }
                }
            }
            for (peer, description) in peers {
                if let Some(id) = peer.strip_prefix("sg-").map(|_| &peer)
                    && !self.here.groups.contains_key(id)
                {
                    return Err(ApiError::unknown_id(ResourceKind::Group, id));
                }
                if !peer.starts_with("sg-") && !is_range(&peer) {
                    return Err(ApiError::value(format!("CIDR block {peer} is malformed")));
                }
                rules.push(SecurityGroupRule {
                    id: String::new(),
                    protocol: protocol.clone(),
                    ports,
                    peer,
                    description,
                    tags: ResourceTags::new(),
                });
            }
        }
        if rules.is_empty() {
            return Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter ipPermissions",
            ));
        }
        Ok(rules)
    }

    /// Writes a rule with its group.
    fn rule_fields(
        &self,
        fields: XmlFields,
        rule: &SecurityGroupRule,
        group: &str,
        incoming: bool,
    ) -> XmlFields {
        let (from, to) = rule.ports.unwrap_or((-1, -1));
        let fields = fields
            .put("securityGroupRuleId", &rule.id)
            .put("groupId", group)
            .put("groupOwnerId", self.account)
            .put("isEgress", !incoming)
            .put("ipProtocol", &rule.protocol)
            .put("fromPort", from)
            .put("toPort", to);
        let fields = if rule.peer.starts_with("sg-") {
            fields.within("referencedGroupInfo", |fields| {
                fields.put("groupId", &rule.peer).put("userId", self.account)
            })
        } else {
            fields.put(if rule.peer.contains(':') { "cidrIpv6" } else { "cidrIpv4" }, &rule.peer)
        };
        fields.opt("description", rule.description.as_ref()).some("tagSet", tag_nodes(&rule.tags))
    }

    /// Serves DescribeSecurityGroupRules.
    pub(crate) fn describe_rules(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeSecurityGroupRules")?;
        let ids = params.list("SecurityGroupRuleId");
        let filters = RequestFilters::read(params, &RULE_FILTERS)?;
        let rows: Vec<GroupRuleRow> = self
            .here
            .groups
            .values()
            .flat_map(|group| {
                [true, false].into_iter().flat_map(move |incoming| {
                    let row = move |rule: &SecurityGroupRule| GroupRuleRow {
                        rule: rule.clone(),
                        group: group.id.clone(),
                        incoming,
                    };
                    group.rules(incoming).iter().map(row)
                })
            })
            .collect();
        if let Some(id) = ids.iter().find(|id| !rows.iter().any(|row| row.rule.id == **id)) {
            return Err(ApiError::unknown_id(ResourceKind::GroupRule, id));
        }
        let rows = rows.into_iter().filter(|row| ids.is_empty() || ids.contains(&row.rule.id.as_str()));
        let rows: Vec<GroupRuleRow> = rows.filter(|row| filters.matches_row(self, row)).collect();
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("securityGroupRuleSet", rows, |fields, row| {
            self.rule_fields(fields, &row.rule, &row.group, row.incoming)
        });
        Ok(answer.opt("nextToken", next).into())
    }

    /// Serves the actions that authorize ingress and egress rules.
    pub(crate) fn authorize_rules(
        &mut self,
        params: &QueryParamPart<'_>,
        action: &str,
    ) -> ApiResult<XmlContent> {
        let id = self.group_to_change(params, action)?;
        let mut asked = self.read_rules(params)?;
        let tags = read_own(params, "security-group-rule")?;
        self.may_tag_new("security-group-rule", &tags, action)?;
        let incoming = action.ends_with("Ingress");
        let known = self.here.groups[&id].rules(incoming);
        if let Some(rule) = asked.iter().find(|rule| known.iter().any(|known| is_same(known, rule))) {
            let words = format!("\"peer: {}, {}, ALLOW\"", rule.peer, rule.protocol);
            return Err(ApiError::new(
                "InvalidPermission.Duplicate",
                format!("the specified rule {words} already exists"),
            ));
        }
        self.finish_checks(params)?;
        for rule in &mut asked {
            rule.id = self.ids.id("sgr-");
            rule.tags.clone_from(&tags);
        }
        let answer =
            XmlFields::new().put("return", true).each("securityGroupRuleSet", &asked, |fields, rule| {
                self.rule_fields(fields, rule, &id, incoming)
            });
        if let Some(group) = self.here.groups.get_mut(&id) {
            group.rules_mut(incoming).extend(asked);
        }
        Ok(answer.into())
    }

    /// Serves RevokeSecurityGroupIngress, for rules named by id or by content.
    pub(crate) fn revoke_rules(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = self.group_to_change(params, "RevokeSecurityGroupIngress")?;
        let ids: Vec<String> = params.list("SecurityGroupRuleId").into_iter().map(String::from).collect();
        let asked = if ids.is_empty() { self.read_rules(params)? } else { Vec::new() };
        let known = self.here.groups[&id].rules(true);
        if let Some(unknown) = ids.iter().find(|id| !known.iter().any(|rule| rule.id == **id)) {
            return Err(ApiError::unknown_id(ResourceKind::GroupRule, unknown));
        }
        check_known(known, &asked)?;
        self.finish_checks(params)?;
        if let Some(group) = self.here.groups.get_mut(&id) {
            group
                .incoming
                .retain(|known| !ids.contains(&known.id) && !asked.iter().any(|rule| is_same(known, rule)));
        }
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Serves UpdateSecurityGroupRuleDescriptionsIngress, for rules named by their content.
    pub(crate) fn update_rule_descriptions(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = self.group_to_change(params, "UpdateSecurityGroupRuleDescriptionsIngress")?;
        let asked = self.read_rules(params)?;
        let known = self.here.groups[&id].rules(true);
        check_known(known, &asked)?;
        self.finish_checks(params)?;
        for rule in self.here.groups.get_mut(&id).into_iter().flat_map(|group| &mut group.incoming) {
            if let Some(new) = asked.iter().find(|new| is_same(new, rule)) {
                rule.description.clone_from(&new.description);
            }
        }
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Returns the id of the group that a call changes. Fails unless the caller may change it.
    fn group_to_change(&mut self, params: &QueryParamPart<'_>, action: &str) -> ApiResult<String> {
        let id = self.group_id(params)?;
        let tags = self.here.groups[&id].tags.clone();
        let arn = self.arn("ec2", &format!("security-group/{id}"));
        self.allow(&format!("ec2:{action}"), &arn, &tags, &[])?;
        Ok(id)
    }
}

fn is_range(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u32>().is_ok_and(|bits| bits <= most)
}
