//! STS: the caller's identity, and AssumeRole, also across accounts.

use domain::Timestamp;
use serde_json::{Value, json};

use super::requests::unknown_action;
use crate::core::{
    AccessKey, ApiCall, ApiError, ApiResult, IamDecision, PolicyContext, Principal, RegionView, ResourceTags,
    decide, named_principals, statements,
};
use crate::wire::{QueryParamPart, QueryParams, XmlContent, XmlFields};

/// The longest session, in seconds, that another role's session can start ("Role chaining", IAM
/// user guide).
const CHAINED: i64 = 3600;

/// Returns the ARN and the account of the role that a call assumes, if it is another account's
/// role.
pub(crate) fn foreign_role(call: &ApiCall, account: &str) -> Option<(String, String)> {
    let asked = call.service == "sts" && call.action == "AssumeRole";
    let params = QueryParams::parse(call.body.as_bytes()).ok().filter(|_| asked)?;
    let arn = params.whole().text("RoleArn")?.to_string();
    let host = arn.split(':').nth(4).filter(|host| *host != account)?.to_string();
    Some((arn, host))
}

/// The error for a role that may not be assumed. It does not reveal whether the role exists.
pub(crate) fn assume_role_denied(caller: &Principal, arn: &str) -> ApiError {
    let who = caller.arn();
    ApiError::new(
        "AccessDenied",
        format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"),
    )
}

impl RegionView<'_> {
    /// Answers a call of STS.
    pub(crate) fn sts(&mut self, action: &str, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        match action {
            "GetCallerIdentity" => {
                params.params().check_all_read()?;
                let id = match &self.caller {
                    Principal::User { name, .. } => format!("AIDA0SANDBOX{}", name.to_ascii_uppercase()),
                    Principal::Role { role, session, .. } => {
                        format!("AROA0SANDBOX{}:{session}", role.to_ascii_uppercase())
                    }
                    Principal::Service { account } => account.clone(),
                };
                Ok(XmlFields::new()
                    .put("UserId", id)
                    .put("Account", self.account)
                    .put("Arn", self.caller.arn())
                    .into())
            }
            "AssumeRole" => self.assume_role(params),
            _ => Err(unknown_action(action)),
        }
    }

    /// Fails unless the caller's own account allows it to assume the role.
    pub(crate) fn may_assume(&mut self, arn: &str) -> ApiResult<()> {
        self.allow("sts:AssumeRole", arn, &ResourceTags::new(), &[])
    }

    /// Serves AssumeRole in the role's account. For a caller of another account, the permission of
    /// that account was checked before.
    fn assume_role(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let arn = params.need("RoleArn")?.to_string();
        let session = params.need("RoleSessionName")?.to_string();
        let good = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !(2..=64).contains(&session.len()) || !session.chars().all(good) {
            return Err(ApiError::new(
                "ValidationError",
                format!(
                    "Value '{session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
                ),
            ));
        }
        let seconds = params.number("DurationSeconds")?.unwrap_or(3600);
        let external = params.text("ExternalId");
        let name = arn.rsplit('/').next().unwrap_or_default().to_string();
        let known = self.iam.role_arn(self.account, self.partition(), &name) == arn;
        let role = self.iam.roles.get(&name).filter(|_| known);
        let role = role.ok_or_else(|| assume_role_denied(&self.caller, &arn))?;
        let chained = matches!(self.caller, Principal::Role { .. });
        let longest = if chained { CHAINED.min(role.longest) } else { role.longest };
        if !(900..=longest).contains(&seconds) {
            return Err(ApiError::new(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role or the 1-hour limit of role chaining, or is below 900.",
            ));
        }
        if !self.trusts_caller(&role.trust, external) {
            return Err(assume_role_denied(&self.caller, &arn));
        }
        if self.caller.account() == self.account {
            self.may_assume(&arn)?;
        }
        params.params().check_all_read()?;
        let principal = Principal::Role {
            account: self.account.to_string(),
            role: name.clone(),
            session: session.clone(),
            source: None,
        };
        let who = principal.arn();
        let expires = self.now + jiff::SignedDuration::from_secs(seconds);
        let (access_key, key) = self.issue(principal, expires);
        let credentials = XmlFields::new()
            .put("AccessKeyId", access_key)
            .put("SecretAccessKey", &key.secret)
            .put("SessionToken", key.session.as_deref().unwrap_or_default())
            .put("Expiration", expires);
        let user = XmlFields::new().put("AssumedRoleId", format!("AROA0SANDBOX:{session}")).put("Arn", who);
        Ok(XmlFields::new().put("Credentials", credentials).put("AssumedRoleUser", user).into())
    }

    /// Returns whether the trust policy's statements that name the caller allow AssumeRole, with
    /// their conditions.
    fn trusts_caller(&self, trust: &Value, external: Option<&str>) -> bool {
        let (account, who) = (self.caller.account(), self.caller.arn());
        let root = format!("arn:{}:iam::{account}:root", self.partition());
        let names = ["*", account, root.as_str(), who.as_str()];
        let speaks = |statement: &&Value| {
            named_principals(&statement["Principal"], "AWS").iter().any(|name| names.contains(name))
        };
        let said: Vec<&Value> = statements(trust).into_iter().filter(speaks).collect();
        let mut context = PolicyContext::new();
        context.insert("aws:principalaccount".to_string(), vec![account.to_string()]);
        context.insert("aws:principalarn".to_string(), vec![who.clone()]);
        if let Some(external) = external {
            context.insert("sts:externalid".to_string(), vec![external.to_string()]);
        }
        let document = json!({ "Statement": said });
        decide(&[document], "sts:AssumeRole", "*", &context) == IamDecision::Allow
    }

    /// Issues session credentials that are valid until `expires`.
    pub(crate) fn issue(&mut self, principal: Principal, expires: Timestamp) -> (String, AccessKey) {
        let access_key = format!("ASIA0SANDBOX{}", self.ids.letters(8));
        let key = AccessKey {
            secret: self.ids.letters(40),
            session: Some(format!("sandbox/{}", self.ids.letters(120))),
            expires: Some(expires),
            principal,
        };
        self.keys.insert(access_key.clone(), key.clone());
        (access_key, key)
    }
}
