use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::answer::{self, WireProtocol};
use super::faults::delay;
use super::message::{TimedResponse, WireRequest, response};
use super::state::SandboxServerState;
use super::{cbor, control, rest};
use crate::core::{ApiCall, ApiError, ApiResult, is_read};
use crate::engine::{ApiReply, MetadataAnswer, MetadataRequest};
use crate::journal::WorldChange;
use crate::scenario::{CallFault, ImdsFault};
use crate::wire::sigv4::{AuthorizationHeader, SignedRequest};

/// The path of AWS's page with the caller's public address, below a mirror's address.
const CALLER_ADDRESS_PATH: &str = "/checkip.amazonaws.com";

/// The public address of every caller. Instances have other addresses of the same range.
const CALLER_ADDRESS: &str = "198.19.250.1";

/// Routes a request to the control API, the metadata service or an API, and answers it.
pub(super) async fn answer(
    shared: &Rc<RefCell<SandboxServerState>>,
    mut heard: WireRequest,
) -> TimedResponse {
    if let Some(rest) = heard.path.strip_prefix("/_mycelium/") {
        let rest = rest.to_string();
        return TimedResponse::now(control::answer(shared, &heard, &rest).await);
    }
    // Calls to a service also arrive on an instance's address. Their path stays as it is, because
    // the signature covers it.
    if let Some(rest) = heard.path.strip_prefix("/imds/").filter(|_| heard.header("authorization").is_none())
    {
        let (instance, path) = rest.split_once('/').unwrap_or((rest, ""));
        (heard.instance, heard.path) = (Some(instance.to_string()), format!("/{path}"));
    }
    match heard.instance.clone() {
        Some(instance) if heard.header("authorization").is_none() && (heard.method != "POST") => {
            metadata(&mut shared.borrow_mut(), &instance, &heard)
        }
        _ if heard.path.trim_end_matches('/') == CALLER_ADDRESS_PATH => {
            let now = shared.borrow().clock.now();
            let text = format!("{CALLER_ADDRESS}\n").into_bytes();
            TimedResponse::now(response(200, "text/plain", now, &[], text))
        }
        _ => counted_call(&mut shared.borrow_mut(), &heard),
    }
}

fn metadata(shared: &mut SandboxServerState, instance: &str, heard: &WireRequest) -> TimedResponse {
    let path = heard.path.trim_start_matches('/').to_string();
    let after = path.split_once('/').map_or("", |(_, after)| after).to_string();
    let fault = shared.faults.imds_fault(&shared.world.rules, &after);
    let now = shared.clock.now();
    let mut date = now;
    let mut delayed = None;
    match fault {
        Some(ImdsFault::Status(status)) => {
            return TimedResponse::now(response(status, "text/html", now, &[], Vec::new()));
        }
        Some(ImdsFault::Lost) => return TimedResponse::close(),
        Some(ImdsFault::Slow(span)) => delayed = Some(delay(span)),
        Some(ImdsFault::WrongDate(seconds)) => date = now + jiff::SignedDuration::from_secs(seconds),
        Some(ImdsFault::ExpiredCredentials) | None => {}
    }
    let asked = MetadataRequest {
        method: heard.method.clone(),
        path: path.clone(),
        token: heard.header("x-aws-ec2-metadata-token").map(String::from),
        lifetime: heard.header("x-aws-ec2-metadata-token-ttl-seconds").map(String::from),
        forwarded: heard.header("x-forwarded-for").is_some(),
        hops: heard.header("x-sandbox-hops").and_then(|text| text.parse().ok()).unwrap_or(1),
    };
    let deed = WorldChange::Metadata(instance.to_string(), path);
    if after.starts_with("meta-data/iam/security-credentials/")
        && let Some(journal) = &mut shared.journal
        && journal.append(now, &deed).is_err()
    {
        return TimedResponse::now(response(500, "text/plain", now, &[], Vec::new()));
    }
    let (status, headers, mut text) = match shared.world.metadata(now, instance, &asked) {
        MetadataAnswer::Text(text) => (200, Vec::new(), text),
        MetadataAnswer::Token(token, seconds) => {
            (200, vec![("x-aws-ec2-metadata-token-ttl-seconds", seconds.to_string())], token)
        }
        MetadataAnswer::Bytes(bytes) => {
            let answer = TimedResponse::now(response(200, "application/octet-stream", date, &[], bytes));
            return TimedResponse { delay: delayed, ..answer };
        }
        MetadataAnswer::Status(status) => (status, Vec::new(), error_page(status)),
        MetadataAnswer::Silence => return TimedResponse::close(),
    };
    if fault == Some(ImdsFault::ExpiredCredentials) {
        text = expired(&text, now);
    }
    let kind = if status == 200 { "text/plain" } else { "text/html" };
    TimedResponse {
        delay: delayed,
        ..TimedResponse::now(response(status, kind, date, &headers, text.into_bytes()))
    }
}

fn expired(text: &str, now: domain::Timestamp) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(text) else { return text.to_string() };
    document["Expiration"] =
        Value::String((now - jiff::SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    format!("{document:#}")
}

/// Returns the error page of the metadata service.
fn error_page(status: u16) -> String {
    let title = match status {
        400 => "400 - Bad Request",
        401 => "401 - Unauthorized",
        403 => "403 - Forbidden",
        404 => "404 - Not Found",
        _ => "405 - Not Allowed",
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    )
}

/// Counts a signed call to a service, answers it, and delays the answer by the scenario's latency.
fn counted_call(shared: &mut SandboxServerState, heard: &WireRequest) -> TimedResponse {
    let Some(found) = heard.header("authorization").and_then(AuthorizationHeader::read) else {
        return api(shared, heard);
    };
    let place = shared.calls.begin(&decode_call(&found.service, heard).1);
    let answer = api(shared, heard);
    let latency = Duration::from_millis(shared.world.rules.latency_ms.into());
    let delay = answer.delay.unwrap_or_default() + latency;
    TimedResponse { delay: Some(delay), place: Some(place), ..answer }
}

/// Answers a call to a service.
fn api(shared: &mut SandboxServerState, heard: &WireRequest) -> TimedResponse {
    shared.requests += 1;
    let now = shared.clock.now();
    let request = format!("{:08x}-5a6d-4b6f-8000-{:012x}", now.as_second() as u32, shared.requests);
    let authorization = heard.header("authorization").and_then(AuthorizationHeader::read);
    let service = authorization.as_ref().map_or("ec2", |found| found.service.as_str()).to_string();
    let (style, action, body) = decode_call(&service, heard);
    let spell =
        |done: ApiResult<ApiReply>| answer::encode_answer(style, &service, &action, &request, done, now);
    let Some(authorization) = authorization else {
        return TimedResponse::now(spell(Err(ApiError::new(
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ))));
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return TimedResponse::now(spell(Err(error))),
    };
    if let Err(error) = check(shared, &authorization, heard, style) {
        return TimedResponse::now(spell(Err(error)));
    }
    let call = ApiCall {
        access_key: authorization.access_key,
        service: service.clone(),
        region: authorization.region,
        action: action.clone(),
        body,
        request: request.clone(),
    };
    if !shared.world.has_region(&call.region) {
        return TimedResponse::now(spell(Err(unknown_key(style))));
    }
    let fault = shared.faults.call_fault(&shared.world.rules, &action);
    match &fault {
        Some(CallFault::Lost) => return TimedResponse::close(),
        Some(CallFault::Refused { code, message, status }) => {
            let error = ApiError { code: code.clone().into(), message: message.clone(), status: *status };
            return TimedResponse::now(spell(Err(error)));
        }
        _ => {}
    }
    let done = perform_call(shared, &call);
    if let Err(error) = &done {
        tracing::info!("{service} {action}: {error}");
        if ["InvalidAction", "UnknownOperationException", "UnknownParameter"].contains(&error.code.as_ref()) {
            tracing::warn!("the sandbox does not serve {service} {action}: {error}");
        }
    }
    match fault {
        Some(CallFault::ReplyLost) => TimedResponse::close(),
        Some(CallFault::Malformed) => {
            TimedResponse::now(response(200, "text/xml", now, &[], b"<Response><unfinished".to_vec()))
        }
        Some(CallFault::Slow(span)) => {
            TimedResponse { delay: Some(delay(span)), ..TimedResponse::now(spell(done)) }
        }
        _ => TimedResponse::now(spell(done)),
    }
}

/// Makes a call: throttles it, writes a change to the journal, and then performs it.
fn perform_call(shared: &mut SandboxServerState, call: &ApiCall) -> ApiResult<ApiReply> {
    let now = shared.clock.now();
    shared.buckets.throttle(&shared.world, now, call)?;
    let broken = |error: std::io::Error| {
        tracing::error!("cannot write the state folder: {error}");
        ApiError::new("InternalError", "An internal error has occurred")
    };
    if let Some(journal) = shared.journal.as_mut().filter(|_| !is_read(&call.action)) {
        journal.append(now, &WorldChange::Call(call.clone())).map_err(broken)?;
    }
    let done = shared.world.call(now, call);
    if let Some(journal) = &mut shared.journal {
        journal.snapshot_if_long(&shared.world, now).map_err(broken)?;
    }
    done
}

/// Returns the protocol of a call, its action, and its body in the form that the engine reads.
fn decode_call(service: &str, heard: &WireRequest) -> (WireProtocol, String, ApiResult<String>) {
    let text = || {
        String::from_utf8(heard.body.clone())
            .map_err(|_| ApiError::new("MalformedQueryString", "The body is not UTF-8"))
    };
    if let Some(target) = heard.header("x-amz-target") {
        let action = target.rsplit('.').next().unwrap_or_default().to_string();
        let body = text().map(|body| if body.is_empty() { "{}".to_string() } else { body });
        return (WireProtocol::Json, action, body);
    }
    if service == "scheduler" {
        let (action, body) = rest::decode_call(heard);
        return (WireProtocol::Rest, action, body);
    }
    if let Some((_, action)) = heard.path.split_once("/operation/") {
        let body = cbor::read(&heard.body).map(|value| value.to_string());
        let body = body.ok_or_else(|| ApiError::new("SerializationException", "The body is not CBOR"));
        return (WireProtocol::Cbor, action.to_string(), body);
    }
    let form = if heard.method == "GET" { Ok(heard.query.clone()) } else { text() };
    let action = form.as_ref().ok().and_then(|form| {
        form_urlencoded::parse(form.as_bytes())
            .find(|(key, _)| key == "Action")
            .map(|(_, value)| value.into_owned())
    });
    let style = if service == "ec2" { WireProtocol::Ec2 } else { WireProtocol::Query };
    (style, action.unwrap_or_default(), form)
}

/// The error for an unknown access key, and for a region that the account has not opted into.
fn unknown_key(style: WireProtocol) -> ApiError {
    let invalid = "The security token included in the request is invalid.";
    match style {
        WireProtocol::Ec2 => {
            ApiError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
        }
        WireProtocol::Json | WireProtocol::Cbor | WireProtocol::Rest => {
            ApiError::new("UnrecognizedClientException", invalid)
        }
        WireProtocol::Query => ApiError::new("InvalidClientTokenId", invalid),
    }
}

/// Checks the credentials, the signature, the date and the expiry of a request.
fn check(
    shared: &SandboxServerState,
    authorization: &AuthorizationHeader,
    heard: &WireRequest,
    style: WireProtocol,
) -> ApiResult<()> {
    let ec2 = style == WireProtocol::Ec2;
    let json = matches!(style, WireProtocol::Json | WireProtocol::Cbor | WireProtocol::Rest);
    let unknown = || unknown_key(style);
    let key = shared.world.key(&authorization.access_key).ok_or_else(unknown)?;
    if key.session.as_deref() != heard.header("x-amz-security-token") {
        return Err(unknown());
    }
    let signed = SignedRequest {
        method: &heard.method,
        path: &heard.path,
        query: &heard.query,
        headers: &heard.headers,
        body: &heard.body,
    };
    if !authorization.is_made_with(&key.secret, &signed) {
        return Err(match (ec2, json) {
            (true, _) => {
                ApiError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
            }
            (_, true) => ApiError::new(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            ),
            _ => ApiError::new(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            ),
        });
    }
    // A client takes its time from the machine or from the answers' Date header: both are accepted.
    let skew = signed
        .instant()
        .map(|at| [shared.clock.real(), shared.clock.now()].map(|now| now.duration_since(at).abs()));
    let limit = jiff::SignedDuration::from_mins(if ec2 { 5 } else { 15 });
    if skew.is_none_or(|skew| skew.iter().all(|skew| *skew > limit)) {
        return Err(if ec2 {
            ApiError::new("RequestExpired", "Request has expired.")
        } else {
            ApiError::new("SignatureDoesNotMatch", "Signature expired")
        });
    }
    if key.expires.is_some_and(|end| end <= shared.clock.now()) {
        return Err(match (ec2, json) {
            (true, _) => ApiError::new("RequestExpired", "Request has expired."),
            (_, true) => ApiError::new(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            _ => ApiError::new("ExpiredToken", "The security token included in the request is expired"),
        });
    }
    Ok(())
}
