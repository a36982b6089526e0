//! The role of a launch: spawn's own, which grants spawnd the least, or one that exists.

use super::{ProvisionError, ProvisionRefusal, ProvisionRequest, ProvisionStep};
use crate::ports::{FleetError, PoliciesQuery, RoleQuery, RoleView};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of spawn's own role and of its instance profile.
pub const ROLE: &str = "spawn-instance";
/// The name of the role's inline policy.
pub const POLICY_NAME: &str = "spawnd";

/// The role that a launch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RoleRequest {
    /// spawn's own role.
    Own {
        /// The id of the role, if its policies were found equal to spawn's within the last day. As
        /// long as the role has this id, they are not read.
        checked: Option<String>,
    },
    /// The role in the instance profile with this name. Its policies are not judged.
    Named(String),
    /// No role.
    Nothing,
}

impl RoleRequest {
    /// Returns the parts of the role to read; none if there is no role.
    pub fn query(&self) -> Option<RoleQuery<'_>> {
        match self {
            RoleRequest::Own { checked } => {
                let policies = PoliciesQuery { inline: POLICY_NAME, unless_id: checked.as_deref() };
                Some(RoleQuery { name: ROLE, policies: Some(policies) })
            }
            RoleRequest::Named(name) => Some(RoleQuery { name, policies: None }),
            RoleRequest::Nothing => None,
        }
    }
}

/// The way to the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RolePlan {
    /// The instance profile with this name is used.
    Use(String),
    /// spawn's own role is created or completed.
    Complete(Vec<RoleStep>),
    /// The instance has no role, as requested.
    Nothing,
    /// The instance has no role, because the caller may not read or create it: the reason.
    Denied(String),
}

/// A part of spawn's own role that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleStep {
    /// The role with its trust policy.
    Role,
    /// The inline policy.
    Policy,
    /// The instance profile.
    Profile,
    /// The role in the instance profile.
    Membership,
}

/// Returns the trust policy and the inline policy of spawn's own role, as JSON.
pub fn role_documents(partition: &str, account: &str) -> (String, String) {
    let service = if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" };
    let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"},
    ]});
    (trust.to_string(), lifecycle::role_policy(partition, account))
}

impl RolePlan {
    pub(super) fn is_settled(&self) -> bool {
        !matches!(self, RolePlan::Complete(_))
    }

    pub(super) fn existing(&self) -> Option<String> {
        match self {
            RolePlan::Use(name) => Some(name.clone()),
            RolePlan::Complete(_) | RolePlan::Nothing | RolePlan::Denied(_) => None,
        }
    }

    pub(super) fn step(&self) -> ProvisionStep {
        match self {
            RolePlan::Use(name) => ProvisionStep::new("role", name, "use", None),
            RolePlan::Complete(steps) if steps.contains(&RoleStep::Role) => {
                ProvisionStep::new("role", ROLE, "create", Some("with spawnd's least policy".into()))
            }
            RolePlan::Complete(_) => {
                ProvisionStep::new("role", ROLE, "complete", Some("an earlier launch was interrupted".into()))
            }
            RolePlan::Nothing => ProvisionStep::new("role", "-", "none", None),
            RolePlan::Denied(why) => ProvisionStep::new("role", "-", "none", Some(why.clone())),
        }
    }

    /// Returns the note about an instance without a role.
    pub(super) fn note(&self) -> Option<String> {
        let lost = "without a role spawnd writes no tags and ends the instance by powering it off";
        match self {
            RolePlan::Denied(why) => Some(format!("{lost}: {why}")),
            RolePlan::Nothing => Some(lost.to_string()),
            RolePlan::Use(_) | RolePlan::Complete(_) => None,
        }
    }
}

pub(super) fn plan(
    request: &ProvisionRequest,
    reading: Option<&Result<RoleView, FleetError>>,
) -> Result<RolePlan, ProvisionError> {
    let view = match (&request.role, reading) {
        (RoleRequest::Nothing, _) | (_, None) => return Ok(RolePlan::Nothing),
        (_, Some(Ok(view))) => view,
        (RoleRequest::Named(name), Some(Err(error))) if error.is_denied() => {
            return Ok(RolePlan::Use(name.clone()));
        }
        (RoleRequest::Own { .. }, Some(Err(error))) if error.is_denied() => {
            return Ok(RolePlan::Denied(error.to_string()));
        }
        (_, Some(Err(error))) => return Err(ProvisionError::Unread(error.clone())),
    };
    match &request.role {
        RoleRequest::Named(name) => Ok(named(name, view)?),
        RoleRequest::Own { checked }
            if view.policies.is_none() && (view.id != *checked || checked.is_none()) =>
        {
            let why = format!("the policies of the role {ROLE} were not read");
            Err(ProvisionError::Unread(FleetError::Failed(why)))
        }
        _ => Ok(own(request, view)?),
    }
}

fn named(name: &str, view: &RoleView) -> Result<RolePlan, ProvisionRefusal> {
    let refusal = |problem: String, hint: String| ProvisionRefusal { problem, details: Vec::new(), hint };
    match &view.profile {
        Some(roles) if !roles.is_empty() => Ok(RolePlan::Use(name.to_string())),
        Some(_) => Err(refusal(
            format!("the instance profile {name} has no role"),
            format!("aws iam add-role-to-instance-profile --instance-profile-name {name} --role-name ROLE"),
        )),
        None if view.exists => Err(refusal(
            format!("the role {name} has no instance profile of that name"),
            format!("aws iam create-instance-profile --instance-profile-name {name}"),
        )),
        None => Err(refusal(
            format!("there is no instance profile \"{name}\""),
            "aws iam list-instance-profiles lists them; leave out --role for spawn's own role".into(),
        )),
    }
}

fn own(request: &ProvisionRequest, view: &RoleView) -> Result<RolePlan, ProvisionRefusal> {
    let differences = differences(view, &request.partition, &request.account);
    if !differences.is_empty() {
        return Err(ProvisionRefusal {
            problem: format!("the role {ROLE} differs from spawn's, so it is not used unseen"),
            details: differences,
            hint: format!("--role {ROLE} uses it as it is; --role none launches without a role"),
        });
    }
    let profile = view.profile.as_ref();
    let lacks_policy = view.policies.as_ref().is_some_and(|policies| policies.document.is_none());
    let missing = [
        (!view.exists, RoleStep::Role),
        (lacks_policy, RoleStep::Policy),
        (profile.is_none(), RoleStep::Profile),
        (profile.is_none_or(Vec::is_empty), RoleStep::Membership),
    ];
    let steps: Vec<RoleStep> =
        missing.into_iter().filter(|(missing, _)| *missing).map(|(_, step)| step).collect();
    Ok(if steps.is_empty() { RolePlan::Use(ROLE.to_string()) } else { RolePlan::Complete(steps) })
}

/// Returns the differences between a role and spawn's own, one line each. Missing parts, and
/// policies that were not read, are none.
pub(super) fn differences(view: &RoleView, partition: &str, account: &str) -> Vec<String> {
    let (trust, policy) = role_documents(partition, account);
    let mut found = Vec::new();
    if view.exists && view.trust.as_deref().is_none_or(|theirs| !same_document(theirs, &trust)) {
        found.push("its trust policy lets others than EC2 use it, or not EC2".to_string());
    }
    if let Some(policies) = &view.policies {
        found.extend(policies.document.iter().flat_map(|theirs| statement_differences(theirs, &policy)));
        let foreign = policies.inline.iter().filter(|name| *name != POLICY_NAME);
        found.extend(foreign.map(|name| format!("it also has the inline policy {name}")));
        found.extend(policies.attached.iter().map(|arn| format!("it also has the managed policy {arn}")));
    }
    let others = view.profile.iter().flatten().filter(|role| *role != ROLE);
    found.extend(others.map(|role| format!("its instance profile has the role {role}")));
    found
}

/// Returns the statements that only one of two policies has, one line each.
fn statement_differences(theirs: &str, ours: &str) -> Vec<String> {
    let (Some(theirs), Some(ours)) = (parse(theirs), parse(ours)) else {
        return vec![format!("its policy {POLICY_NAME} cannot be read")];
    };
    if theirs == ours {
        return Vec::new();
    }
    let statements = |document: &Value| match &document["Statement"] {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let (theirs, ours) = (statements(&theirs), statements(&ours));
    let more = theirs.iter().filter(|one| !ours.contains(one));
    let fewer = ours.iter().filter(|one| !theirs.contains(one));
    let more = more.map(|one| format!("its policy {POLICY_NAME} also has {one}"));
    let mut found: Vec<String> =
        more.chain(fewer.map(|one| format!("its policy {POLICY_NAME} lacks {one}"))).collect();
    if found.is_empty() {
        found.push(format!("its policy {POLICY_NAME} has another version or id"));
    }
    found
}

fn same_document(one: &str, other: &str) -> bool {
    parse(one).is_some_and(|one| parse(other) == Some(one))
}

/// Parses a policy into a form in which equal policies are equal: a list of one is its element, and
/// the order of a list does not matter.
fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().map(normal)
}

fn normal(value: Value) -> Value {
    match value {
        Value::Array(list) if list.len() == 1 => list.into_iter().map(normal).collect::<Vec<_>>().remove(0),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(normal).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> =
                fields.into_iter().map(|(key, value)| (key, normal(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::RolePolicies;
    use crate::provision::{GroupRequest, KeyRequest};

    fn request(role: RoleRequest) -> ProvisionRequest {
        ProvisionRequest {
            region: "eu-west-1".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            owner: "alice".into(),
            subnet: None,
            key: KeyRequest::Nothing,
            groups: GroupRequest::Named(Vec::new()),
            role,
        }
    }

    fn complete() -> RoleView {
        let (trust, policy) = role_documents("aws", "111122223333");
        RoleView {
            exists: true,
            id: Some("AROA1".into()),
            trust: Some(trust),
            policies: Some(RolePolicies {
                inline: vec![POLICY_NAME.into()],
                document: Some(policy),
                attached: Vec::new(),
            }),
            profile: Some(vec![ROLE.into()]),
        }
    }

    fn own_plan(view: RoleView) -> Result<RolePlan, ProvisionError> {
        plan(&request(RoleRequest::Own { checked: None }), Some(&Ok(view)))
    }

    #[track_caller]
    fn refused(view: RoleView) -> Vec<String> {
        match own_plan(view) {
            Err(ProvisionError::Refused(refusal)) => refusal.details,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_own_role_is_created_completed_or_used() {
        use RoleStep::{Membership, Policy, Profile, Role};
        let check = |view: RoleView, expected: RolePlan| assert_eq!(own_plan(view), Ok(expected));
        let nothing = RoleView { policies: Some(RolePolicies::default()), ..RoleView::default() };
        check(nothing, RolePlan::Complete(vec![Role, Policy, Profile, Membership]));
        check(complete(), RolePlan::Use(ROLE.into()));
        let bare = RoleView { policies: Some(RolePolicies::default()), ..complete() };
        check(bare, RolePlan::Complete(vec![Policy]));
        check(RoleView { profile: None, ..complete() }, RolePlan::Complete(vec![Profile, Membership]));
        check(RoleView { profile: Some(vec![]), ..complete() }, RolePlan::Complete(vec![Membership]));
    }

    #[test]
    fn a_role_that_differs_is_refused_with_each_difference() {
        let with = |change: fn(&mut RoleView)| {
            let mut view = complete();
            change(&mut view);
            refused(view)
        };
        let with_policies = |change: fn(&mut RolePolicies)| {
            let mut view = complete();
            change(view.policies.as_mut().unwrap());
            refused(view)
        };
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
        assert_eq!(
            with_policies(|has| has.attached.push("arn:aws:iam::aws:policy/AdministratorAccess".into())),
            [format!("it also has the managed policy {admin}")]
        );
        assert_eq!(
            with_policies(|has| has.inline.push("more".into())),
            ["it also has the inline policy more"]
        );
        assert_eq!(
            with(|view| view.profile = Some(vec!["admin".into()])),
            ["its instance profile has the role admin"]
        );
        let trust = with(|view| view.trust = view.trust.as_ref().map(|text| text.replace("ec2.", "lambda.")));
        assert_eq!(trust.len(), 1, "{trust:?}");
        assert_eq!(with(|view| view.trust = None), trust, "an unread trust policy is no proof");
        let wider = with_policies(|has| {
            has.document = has.document.as_ref().map(|text| text.replace("ec2:CreateTags", "ec2:*"))
        });
        assert_eq!(wider.len(), 2, "{wider:?}");
        assert!(wider[0].contains("also has") && wider[0].contains("ec2:*"), "{wider:?}");
        assert!(wider[1].contains("lacks") && wider[1].contains("ec2:CreateTags"), "{wider:?}");
        assert_eq!(
            with_policies(|has| has.document = Some("{".into())),
            ["its policy spawnd cannot be read"]
        );
    }

    #[test]
    fn the_spelling_of_a_policy_does_not_matter() {
        let mut view = complete();
        let policies = view.policies.as_mut().unwrap();
        policies.document = policies.document.take().map(|text| {
            text.replace("[\"ec2:CreateTags\"]", "\"ec2:CreateTags\"").replace(
                "[\"ec2:StopInstances\", \"ec2:TerminateInstances\"]",
                "[\"ec2:TerminateInstances\", \"ec2:StopInstances\"]",
            )
        });
        assert_eq!(own_plan(view), Ok(RolePlan::Use(ROLE.into())));
    }

    #[test]
    fn policies_that_were_not_read_are_trusted_by_the_id_that_was_checked() {
        let with = |checked: Option<&str>, view: RoleView| {
            plan(&request(RoleRequest::Own { checked: checked.map(String::from) }), Some(&Ok(view)))
        };
        let unread = || RoleView { policies: None, ..complete() };
        let used = Ok(RolePlan::Use(ROLE.into()));
        assert_eq!(with(Some("AROA1"), unread()), used);
        assert_eq!(with(Some("AROA2"), complete()), used, "a new role is compared");
        for (checked, view) in
            [(Some("AROA2"), unread()), (None, unread()), (None, RoleView { id: None, ..unread() })]
        {
            assert!(matches!(with(checked, view), Err(ProvisionError::Unread(_))), "{checked:?}");
        }
        let trusted = with(Some("AROA1"), RoleView { trust: Some("{}".into()), ..unread() });
        assert!(matches!(trusted, Err(ProvisionError::Refused(_))), "the trust policy is always compared");
    }

    #[test]
    fn without_permission_the_launch_has_no_role_and_other_failures_stop_it() {
        let denied = FleetError::Refused { code: "AccessDenied".into(), why: "not allowed".into() };
        let with = |role: RoleRequest, error: FleetError| plan(&request(role), Some(&Err(error)));
        assert_eq!(
            with(RoleRequest::Own { checked: None }, denied.clone()),
            Ok(RolePlan::Denied("not allowed".into()))
        );
        assert_eq!(with(RoleRequest::Named("web".into()), denied), Ok(RolePlan::Use("web".into())));
        let lost = FleetError::Failed("no answer in time".into());
        assert_eq!(with(RoleRequest::Own { checked: None }, lost.clone()), Err(ProvisionError::Unread(lost)));
    }

    #[test]
    fn a_named_role_needs_an_instance_profile_with_a_role() {
        let check = |view: RoleView, expected: Result<RolePlan, &str>| match (
            plan(&request(RoleRequest::Named("web".into())), Some(&Ok(view))),
            expected,
        ) {
            (Err(ProvisionError::Refused(refusal)), Err(problem)) => assert_eq!(refusal.problem, problem),
            (found, expected) => assert_eq!(found.ok(), expected.ok()),
        };
        check(
            RoleView { profile: Some(vec!["any".into()]), ..RoleView::default() },
            Ok(RolePlan::Use("web".into())),
        );
        check(
            RoleView { profile: Some(vec![]), ..RoleView::default() },
            Err("the instance profile web has no role"),
        );
        check(
            RoleView { exists: true, ..RoleView::default() },
            Err("the role web has no instance profile of that name"),
        );
        check(RoleView::default(), Err("there is no instance profile \"web\""));
    }
}
