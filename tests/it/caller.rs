//! Signed calls to a sandbox, as an SDK makes them, and calls to its control interface.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use domain::Timestamp;
use serde_json::{Value, json};
use tests::Desk;

use crate::sandbox::sandbox;

/// A user's keys, and the address of the sandbox.
pub(crate) struct Caller {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Caller {
    /// Returns the first user of a sandbox.
    pub(crate) fn of(desk: &Desk, url: &str) -> Caller {
        let variables = sandbox(desk, &["env", "--url", url]).expect_success();
        let variable = |name: &str| text_between(&variables, &format!("export {name}='"), "'").unwrap();
        let (key, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
        Caller { url: url.to_string(), key, secret, token: None }
    }

    /// Calls EC2 or IAM. Returns the answer, or the code of the error.
    pub(crate) fn call(&self, service: &str, form: &[(&str, &str)]) -> Result<String, String> {
        let version = if service == "ec2" { "2016-11-15" } else { "2010-05-08" };
        let form = form.iter().copied().chain([("Version", version)]);
        let body: Vec<String> =
            form.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
        let (status, text) = self.send(service, "application/x-www-form-urlencoded", &[], &body.join("&"));
        let code = || text_between(&text, "<Code>", "</Code>").unwrap_or_else(|| text.clone());
        if status == 200 { Ok(text) } else { Err(code()) }
    }

    /// Returns CloudTrail's events of the calls of one name.
    pub(crate) fn cloudtrail_events(&self, name: &str) -> Value {
        let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
        let body = json!({ "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": name }] });
        self.call_json("cloudtrail", target, &body)["Events"].clone()
    }

    /// Calls a service with a JSON protocol. Panics unless it succeeds.
    pub(crate) fn call_json(&self, service: &str, target: &str, body: &Value) -> Value {
        let headers = [("x-amz-target", target)];
        let (status, text) = self.send(service, "application/x-amz-json-1.1", &headers, &body.to_string());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Returns the state of an instance and its reason.
    pub(crate) fn state(&self, id: &str) -> (String, String) {
        let text = self.call("ec2", &[("Action", "DescribeInstances"), ("InstanceId.1", id)]).unwrap();
        let state = text_between(&text, "<instanceState>", "</instanceState>").unwrap();
        let reason = text_between(&text, "<stateReason><code>", "</code>").unwrap_or_default();
        (text_between(&state, "<name>", "</name>").unwrap(), reason)
    }

    fn send(&self, service: &str, kind: &str, more: &[(&str, &str)], body: &str) -> (u16, String) {
        let token = self.token.clone();
        let identity = Credentials::new(&self.key, &self.secret, token, None, "a test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(SystemTime::from(now(&self.url)))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let url = format!("{}/", self.url);
        let headers = more.iter().copied().chain([("content-type", kind)]);
        let bytes = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new("POST", &url, headers.clone(), bytes).unwrap();
        let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
        let mut request = agent().post(&url);
        for (name, value) in headers.chain(instructions.headers()) {
            request = request.header(name, value);
        }
        read(request.send(body).unwrap())
    }
}

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

pub(crate) fn read(mut answer: ureq::http::Response<ureq::Body>) -> (u16, String) {
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// Calls the sandbox's control interface.
pub(crate) fn call_control(url: &str, path: &str, body: &Value) -> Value {
    let (status, text) =
        read(agent().post(format!("{url}/_mycelium/{path}")).send(body.to_string()).unwrap());
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Returns the time of the sandbox's clock.
pub(crate) fn now(url: &str) -> Timestamp {
    let (_, text) = read(agent().get(format!("{url}/_mycelium/clock")).call().unwrap());
    serde_json::from_str::<Value>(&text).unwrap()["now"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn advance_clock(url: &str, seconds: u64) {
    call_control(url, "clock", &json!({ "forward_seconds": seconds }));
}

pub(crate) fn text_between(text: &str, begin: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner.to_string())
}

fn percent_encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let one = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}
