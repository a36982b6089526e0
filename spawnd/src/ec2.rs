//! The daemon's four calls to EC2 (stop, hibernate, terminate, tag), signed with the credentials of
//! the instance's role.

use crate::imds::{MetadataClient, RoleCredentials};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::{AwsCallError, EndAction};
use std::time::{Duration, SystemTime};
use ureq::Agent;
use ureq::tls::TlsConfig;

const LIMIT: Duration = Duration::from_secs(4);
const LARGEST: u64 = 256 * 1024;
/// Credentials are renewed this long before they expire.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Error codes for a missing permission.
const DENIED: [&str; 4] = ["UnauthorizedOperation", "AccessDenied", "AuthFailure", "OptInRequired"];
/// Error codes for expired credentials.
const EXPIRED: [&str; 2] = ["RequestExpired", "ExpiredToken"];

/// The API actions that the daemon calls.
const ENDING: [&str; 2] = ["StopInstances", "TerminateInstances"];
const TAGGING: &str = "CreateTags";

/// An EC2 client for this instance only.
pub(crate) struct Ec2Client {
    agent: Agent,
    /// The sandbox's address; `None` for the region's public endpoint.
    sandbox: Option<String>,
    credentials: Option<RoleCredentials>,
}

impl Ec2Client {
    pub(crate) fn new(sandbox: Option<String>, tls: TlsConfig) -> Ec2Client {
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .https_only(sandbox.is_none())
            .tls_config(tls)
            .build();
        Ec2Client { agent: config.into(), sandbox, credentials: None }
    }

    /// Drops the cached credentials, which date from before a sleep.
    pub(crate) fn forget(&mut self) {
        self.credentials = None;
    }

    /// Stops, hibernates or terminates this instance.
    pub(crate) fn end(
        &mut self,
        imds: &mut MetadataClient,
        action: EndAction,
        now: Timestamp,
    ) -> Result<(), AwsCallError> {
        let (name, hibernate) = match action {
            EndAction::Stop => (ENDING[0], false),
            EndAction::Hibernate => (ENDING[0], true),
            EndAction::Terminate => (ENDING[1], false),
        };
        let mut form = vec![("Action", name.to_string())];
        if hibernate {
            form.push(("Hibernate", "true".to_string()));
        }
        self.call(imds, form, "InstanceId.1", now)
    }

    /// Writes one tag on this instance.
    pub(crate) fn write_tag(
        &mut self,
        imds: &mut MetadataClient,
        key: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), AwsCallError> {
        let form = vec![
            ("Action", TAGGING.to_string()),
            ("Tag.1.Key", key.to_string()),
            ("Tag.1.Value", value.to_string()),
        ];
        self.call(imds, form, "ResourceId.1", now)
    }

    /// Makes one call. Expired credentials are renewed once.
    fn call(
        &mut self,
        imds: &mut MetadataClient,
        mut form: Vec<(&'static str, String)>,
        subject: &'static str,
        now: Timestamp,
    ) -> Result<(), AwsCallError> {
        let identity = match imds.identity() {
            Known::Is(identity) => identity,
            _ => return Err(AwsCallError::Failed("the instance id is not known yet".to_string())),
        };
        form.push((subject, identity.instance_id.clone()));
        form.push(("Version", "2016-11-15".to_string()));
        let body = encode(&form);
        for _ in 0..2 {
            let credentials = self.credentials(imds, now)?;
            let (status, text) = self.send(&identity.region, &body, &credentials, now)?;
            if status == 200 {
                return Ok(());
            }
            let code = between(&text, "<Code>", "</Code>").unwrap_or("no code").to_string();
            if !EXPIRED.contains(&code.as_str()) {
                return Err(refusal(status, &code, &text));
            }
            self.credentials = None;
        }
        Err(AwsCallError::Failed("the credentials of the role have expired".to_string()))
    }

    fn credentials(
        &mut self,
        imds: &mut MetadataClient,
        now: Timestamp,
    ) -> Result<RoleCredentials, AwsCallError> {
        if let Some(held) = &self.credentials
            && held.expiration.duration_since(now) > MARGIN
        {
            return Ok(held.clone());
        }
        match imds.credentials() {
            Known::Is(fresh) => Ok(self.credentials.insert(fresh).clone()),
            Known::Absent => Err(AwsCallError::Denied("the instance has no role".to_string())),
            Known::Unseen(why) => Err(AwsCallError::Failed(format!("no credentials: {why}"))),
        }
    }

    fn send(
        &self,
        region: &str,
        body: &str,
        credentials: &RoleCredentials,
        now: Timestamp,
    ) -> Result<(u16, String), AwsCallError> {
        let failed = |error: &dyn std::fmt::Display| AwsCallError::Failed(error.to_string());
        let url = self.sandbox.clone().unwrap_or_else(|| endpoint(region));
        let mut request = self.agent.post(&url).header("content-type", FORM);
        for (name, value) in
            signature(&url, region, body, credentials, now).map_err(|error| failed(&error))?
        {
            request = request.header(name, value);
        }
        let mut answer = request.send(body).map_err(|error| failed(&error))?;
        let text = answer.body_mut().with_config().limit(LARGEST).read_to_string();
        Ok((answer.status().as_u16(), text.map_err(|error| failed(&error))?))
    }
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Returns the region's public endpoint. China has its own domain.
fn endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://ec2.{region}.{suffix}/")
}

/// Returns the headers that sign this call. `now` is AWS's time, so a wrong local clock does no
/// harm.
fn signature(
    url: &str,
    region: &str,
    body: &str,
    credentials: &RoleCredentials,
    now: Timestamp,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let identity = Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        Some(credentials.token.clone()),
        None,
        "instance role",
    )
    .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("ec2")
        .time(SystemTime::from(now))
        .settings(SigningSettings::default())
        .build()?
        .into();
    let headers = [("content-type", FORM)].into_iter();
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

fn refusal(status: u16, code: &str, text: &str) -> AwsCallError {
    if DENIED.contains(&code) {
        return AwsCallError::Denied(code.to_string());
    }
    if code == "UnsupportedHibernationConfiguration" {
        return AwsCallError::NoHibernation;
    }
    let message = between(text, "<Message>", "</Message>").unwrap_or_default();
    AwsCallError::Failed(format!(
        "EC2 returned {status} {code} {}",
        message.chars().take(200).collect::<String>()
    ))
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// Encodes a form. Every byte is percent-encoded except the unreserved characters of RFC 3986.
fn encode(form: &[(&str, String)]) -> String {
    let one = |text: &str| -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        text.bytes()
            .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    form.iter().map(|(key, value)| format!("{}={}", one(key), one(value))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encodes_forms() {
        let form = [("Action", "CreateTags".to_string()), ("Tag.1.Value", "v1;left=3 é".to_string())];
        assert_eq!(encode(&form), "Action=CreateTags&Tag.1.Value=v1%3Bleft%3D3%20%C3%A9");
    }

    #[test]
    fn maps_error_codes_to_refusals() {
        let check = |code: &str, expected: AwsCallError| {
            let text = format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>"
            );
            assert_eq!(refusal(400, between(&text, "<Code>", "</Code>").expect("a code"), &text), expected);
        };
        check("UnauthorizedOperation", AwsCallError::Denied("UnauthorizedOperation".to_string()));
        check("UnsupportedHibernationConfiguration", AwsCallError::NoHibernation);
        check("Unavailable", AwsCallError::Failed("EC2 returned 400 Unavailable m".to_string()));
    }

    #[test]
    fn each_region_has_its_endpoint() {
        assert_eq!(endpoint("eu-west-1"), "https://ec2.eu-west-1.amazonaws.com/");
        assert_eq!(endpoint("cn-north-1"), "https://ec2.cn-north-1.amazonaws.com.cn/");
    }

    #[test]
    fn signs_a_call_with_the_session_token() {
        let credentials = RoleCredentials {
            access_key_id: "ASIAEXAMPLE".to_string(),
            secret_access_key: "secret".to_string(),
            token: "session".to_string(),
            expiration: Timestamp::MAX,
        };
        let now = "2026-11-23T10:00:00Z".parse().expect("an instant");
        let headers =
            signature(&endpoint("eu-west-1"), "eu-west-1", "Action=StopInstances", &credentials, now)
                .expect("signed");
        let header =
            |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("x-amz-date"), Some("20261123T100000Z"));
        assert_eq!(header("x-amz-security-token"), Some("session"));
        let authorization = header("authorization").expect("an authorization");
        assert!(
            authorization
                .starts_with("AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20261123/eu-west-1/ec2/aws4_request")
        );
    }
}
