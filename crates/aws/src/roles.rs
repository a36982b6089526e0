//! The port `Roles`: IAM's roles and instance profiles.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{AttachedPolicy, Role};
use fleet::ports::{FleetError, PoliciesQuery, RolePolicies, RoleQuery, RoleView, Roles};

use crate::AwsClient;
use crate::clients::{self, ServerDate};
use crate::cloud::failed;

/// The description of a role that spawn creates.
const DESCRIPTION: &str = "Instances that spawn launched: spawnd may end its own instance";

impl AwsClient {
    fn iam(&self) -> Client {
        clients::iam(&self.config(None), &ServerDate::default())
    }
}

impl Roles for AwsClient {
    fn read_role(&self, query: RoleQuery<'_>) -> Result<RoleView, FleetError> {
        self.runtime.block_on(read_role(&self.iam(), query))
    }

    fn create_role(&self, name: &str, trust: &str) -> Result<(), FleetError> {
        let call = self.iam().create_role().role_name(name).assume_role_policy_document(trust);
        let call = call.description(DESCRIPTION);
        self.runtime.block_on(call.send()).map(drop).map_err(failed("iam:CreateRole"))
    }

    fn put_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), FleetError> {
        let call = self.iam().put_role_policy().role_name(role).policy_name(policy);
        let call = call.policy_document(document);
        self.runtime.block_on(call.send()).map(drop).map_err(failed("iam:PutRolePolicy"))
    }

    fn create_profile(&self, name: &str) -> Result<(), FleetError> {
        let call = self.iam().create_instance_profile().instance_profile_name(name);
        self.runtime.block_on(call.send()).map(drop).map_err(failed("iam:CreateInstanceProfile"))
    }

    fn fill_profile(&self, name: &str) -> Result<(), FleetError> {
        let call = self.iam().add_role_to_instance_profile().instance_profile_name(name).role_name(name);
        self.runtime.block_on(call.send()).map(drop).map_err(failed("iam:AddRoleToInstanceProfile"))
    }

    fn delete_role(&self, name: &str, policy: &str) -> Result<(), FleetError> {
        let client = self.iam();
        self.runtime.block_on(async {
            let call = client.remove_role_from_instance_profile().instance_profile_name(name).role_name(name);
            gone(call.send().await.map(drop).map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
            let call = client.delete_instance_profile().instance_profile_name(name);
            gone(call.send().await.map(drop).map_err(failed("iam:DeleteInstanceProfile")))?;
            let call = client.delete_role_policy().role_name(name).policy_name(policy);
            gone(call.send().await.map(drop).map_err(failed("iam:DeleteRolePolicy")))?;
            let call = client.delete_role().role_name(name);
            gone(call.send().await.map(drop).map_err(failed("iam:DeleteRole")))
        })
    }
}

/// Turns the error for a missing resource into a success.
fn gone(done: Result<(), FleetError>) -> Result<(), FleetError> {
    known(done).map(drop)
}

/// Turns the error for a missing resource into none.
fn known<T>(done: Result<T, FleetError>) -> Result<Option<T>, FleetError> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.has_code("NoSuchEntity") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns a role and the instance profile of its name. If all policies are wanted, the four
/// requests are sent at once. Another one is needed only for a role outside the profile, because
/// the profile contains its role's id and trust policy.
pub(crate) async fn read_role(client: &Client, query: RoleQuery<'_>) -> Result<RoleView, FleetError> {
    let name = query.name;
    let (profile, policies) = match query.policies {
        Some(PoliciesQuery { inline, unless_id: None }) => {
            tokio::try_join!(read_profile(client, name), read_policies(client, name, inline))?
        }
        wanted => {
            let profile = read_profile(client, name).await?;
            let known = role_in(&profile, name).map(Role::role_id);
            match wanted.filter(|wanted| wanted.unless_id != known) {
                Some(wanted) => (profile, read_policies(client, name, wanted.inline).await?),
                None => (profile, None),
            }
        }
    };
    let mut role = role_in(&profile, name).cloned();
    if role.is_none() {
        let call = client.get_role().role_name(name);
        role = known(call.send().await.map_err(failed("iam:GetRole")))?.and_then(|answer| answer.role);
    }
    Ok(RoleView {
        exists: role.is_some(),
        id: role.as_ref().map(|role| role.role_id().to_string()),
        trust: role.as_ref().and_then(Role::assume_role_policy_document).map(decoded),
        policies,
        profile: profile.map(|roles| roles.iter().map(|role| role.role_name().to_string()).collect()),
    })
}

fn role_in<'a>(profile: &'a Option<Vec<Role>>, name: &str) -> Option<&'a Role> {
    profile.iter().flatten().find(|role| role.role_name() == name)
}

/// Returns the roles in an instance profile; none if there is no such profile.
async fn read_profile(client: &Client, name: &str) -> Result<Option<Vec<Role>>, FleetError> {
    let call = client.get_instance_profile().instance_profile_name(name);
    let answer = known(call.send().await.map_err(failed("iam:GetInstanceProfile")))?;
    Ok(answer.and_then(|answer| answer.instance_profile).map(|profile| profile.roles))
}

/// Returns the policies of a role; empty if there is no such role.
async fn read_policies(
    client: &Client,
    role: &str,
    inline: &str,
) -> Result<Option<RolePolicies>, FleetError> {
    let document = async {
        let call = client.get_role_policy().role_name(role).policy_name(inline);
        let answer = known(call.send().await.map_err(failed("iam:GetRolePolicy")))?;
        Ok(answer.map(|answer| decoded(answer.policy_document())))
    };
    let (document, inline, attached) =
        tokio::try_join!(document, inline_policies(client, role), attached_policies(client, role))?;
    Ok(Some(RolePolicies { inline, document, attached }))
}

/// Returns the names of a role's inline policies; empty if there is no such role.
async fn inline_policies(client: &Client, role: &str) -> Result<Vec<String>, FleetError> {
    let mut pages = client.list_role_policies().role_name(role).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = known(page.map_err(failed("iam:ListRolePolicies")))?;
        names.extend(page.iter().flat_map(|page| page.policy_names()).cloned());
    }
    Ok(names)
}

/// Returns the ARNs of a role's managed policies; empty if there is no such role.
async fn attached_policies(client: &Client, role: &str) -> Result<Vec<String>, FleetError> {
    let mut pages = client.list_attached_role_policies().role_name(role).into_paginator().send();
    let mut arns = Vec::new();
    while let Some(page) = pages.next().await {
        let page = known(page.map_err(failed("iam:ListAttachedRolePolicies")))?;
        let policies = page.as_ref().map(|page| page.attached_policies()).unwrap_or_default();
        arns.extend(policies.iter().filter_map(AttachedPolicy::policy_arn).map(String::from));
    }
    Ok(arns)
}

/// Decodes a policy document, which IAM percent-encodes (RFC 3986).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_a_policy_document() {
        let check = |text: &str, expected: &str| assert_eq!(decoded(text), expected);
        check("%7B%22Version%22%3A%222012-10-17%22%7D", "{\"Version\":\"2012-10-17\"}");
        check("a+b%20c", "a+b c");
        check("100%", "100%");
        check("%zz%4", "%zz%4");
        check("%C3%A4", "ä");
    }
}
