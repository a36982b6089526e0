//! Answers calls: finds the account, the service and the action.

use domain::Timestamp;
use serde_json::Value;

use super::ec2;
use super::requests::unknown_json_action;
use super::sts::{assume_role_denied, foreign_role};
use crate::core::{ApiCall, ApiError, ApiResult, Principal, RegionView, SandboxWorld, TrailEvent, is_read};
use crate::wire::{JsonInput, QueryParams, XmlContent};

/// An answer before serialization.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ApiReply {
    Xml(XmlContent),
    Json(Value),
}

impl SandboxWorld {
    /// Answers a call. Throttling is a separate step, so that a journal can be replayed.
    pub(crate) fn call(&mut self, now: Timestamp, call: &ApiCall) -> ApiResult<ApiReply> {
        self.apply_due_events(now);
        let key = self.state.keys.get(&call.access_key);
        let principal = key.map(|key| key.principal.clone());
        let principal = principal.ok_or_else(|| {
            ApiError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
        })?;
        let account = principal.account().to_string();
        let who = principal.arn();
        let done = self.answer_in_account(now, call, &account, principal);
        if !is_read(&call.action) {
            let event = TrailEvent {
                id: call.request.clone(),
                at: now,
                service: call.service.clone(),
                region: call.region.clone(),
                action: call.action.clone(),
                who,
                access_key: call.access_key.clone(),
                error: done.as_ref().err().map(|error| error.code.to_string()),
            };
            if let Some(account) = self.state.accounts.get_mut(&account) {
                account.trail.push(event);
            }
        }
        done
    }

    /// Answers a call in the caller's account. AssumeRole for a role of another account needs the
    /// permission of both accounts.
    fn answer_in_account(
        &mut self,
        now: Timestamp,
        call: &ApiCall,
        account: &str,
        caller: Principal,
    ) -> ApiResult<ApiReply> {
        let broken = || ApiError::new("InternalError", "An internal error has occurred");
        let mut desk = self.region_view(now, account, &call.region, caller.clone()).ok_or_else(broken)?;
        let Some((role, host)) = foreign_role(call, account) else {
            return answer(&mut desk, call);
        };
        desk.may_assume(&role)?;
        let denied = assume_role_denied(&caller, &role);
        let mut desk = self.region_view(now, &host, &call.region, caller).ok_or(denied)?;
        answer(&mut desk, call)
    }
}

/// Answers a call of any service.
fn answer(desk: &mut RegionView<'_>, call: &ApiCall) -> ApiResult<ApiReply> {
    let action = call.action.as_str();
    match call.service.as_str() {
        "ec2" | "sts" | "iam" => {
            let params = QueryParams::parse(call.body.as_bytes())
                .map_err(|why| ApiError::new("MalformedQueryString", why))?;
            let whole = params.whole();
            whole.text("Action");
            whole.text("Version");
            let node = match call.service.as_str() {
                "ec2" => ec2::answer(desk, action, &whole),
                "sts" => desk.sts(action, &whole),
                _ => desk.iam_call(action, &whole),
            };
            node.map(ApiReply::Xml)
        }
        // A service that the sandbox lacks may have a body that is not JSON.
        service if !JSON.contains(&service) => Err(unknown_json_action()),
        service => {
            let input = JsonInput::parse(&call.body)?;
            let whole = input.whole();
            let value = match service {
                "ec2-instance-connect" => desk.instance_connect(action, &whole),
                "ssm" => desk.ssm(action, &whole),
                "servicequotas" => desk.service_quotas(action, &whole),
                "monitoring" => desk.cloudwatch(action, &whole),
                "pricing" => desk.pricing(action, &whole),
                "ce" => desk.cost_explorer(action, &whole),
                "cloudtrail" => desk.cloudtrail(action, &whole),
                "scheduler" => desk.scheduler(action, &whole),
                _ => Err(unknown_json_action()),
            }?;
            whole.check_all_read()?;
            Ok(ApiReply::Json(value))
        }
    }
}

/// The services with a JSON protocol.
const JSON: [&str; 8] = [
    "ec2-instance-connect",
    "ssm",
    "servicequotas",
    "monitoring",
    "pricing",
    "ce",
    "cloudtrail",
    "scheduler",
];
