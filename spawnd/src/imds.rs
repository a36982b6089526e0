//! A client for the instance metadata service, version 2: the facts that an instance can read about
//! itself without permissions. Every request has a timeout. After a request without an answer the
//! rest of the round is skipped, so a dead service costs a poll one timeout and not ten.

use domain::{Known, Timestamp};
use jiff::fmt::rfc2822;
use lifecycle::tag::{self, ExpiryTag, PredecessorTags};
use lifecycle::{AwsNotice, LifeTags};
use serde::Deserialize;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::{HeaderMap, Response};

/// The address of the service on every instance.
pub(crate) const ADDRESS: &str = "http://169.254.169.254";

const LIMIT: Duration = Duration::from_secs(1);
/// The longest lifetime that a token can have. A new token is fetched after half of it.
const TOKEN_SECONDS: u64 = 21_600;
/// Responses are small. A larger one is an error.
const LARGEST: u64 = 64 * 1024;

/// The identity of this instance, from the signed identity document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceIdentity {
    pub(crate) instance_id: String,
    pub(crate) region: String,
    pub(crate) pending_time: Timestamp,
}

/// Credentials of the instance's role, valid for some hours.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RoleCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) token: String,
    pub(crate) expiration: Timestamp,
}

#[derive(Deserialize)]
struct SpotInstanceAction {
    action: String,
    time: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduledMaintenance {
    event_id: String,
    code: String,
    not_before: String,
    state: String,
}

/// A client that caches its token, the identity and AWS's time.
pub(crate) struct MetadataClient {
    agent: Agent,
    base: String,
    token: Option<(String, Instant)>,
    identity: Option<InstanceIdentity>,
    /// The `Date` header of the last response in this round.
    date: Option<Timestamp>,
    /// The reason why the rest of this round is skipped.
    silent: Option<String>,
    /// The spot notice of a stop or termination. It is final: it stays valid if later requests fail
    /// or return nothing.
    taken: Option<AwsNotice>,
}

impl MetadataClient {
    pub(crate) fn new(base: &str) -> MetadataClient {
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        MetadataClient {
            agent: config.into(),
            base: base.to_string(),
            token: None,
            identity: None,
            date: None,
            silent: None,
            taken: None,
        }
    }

    /// Starts a round of requests.
    pub(crate) fn begin_round(&mut self) {
        self.date = None;
        self.silent = None;
    }

    /// Drops the cached values that may be outdated after a sleep.
    pub(crate) fn forget(&mut self) {
        self.token = None;
        self.identity = None;
    }

    /// Returns AWS's time, if this round had a response.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.date
    }

    pub(crate) fn identity(&mut self) -> Known<InstanceIdentity> {
        if let Some(identity) = &self.identity {
            return Known::Is(identity.clone());
        }
        let read = parse::<InstanceIdentity>(self.get("dynamic/instance-identity/document"));
        self.identity = read.value().cloned();
        read
    }

    pub(crate) fn tags(&mut self) -> LifeTags {
        let expiry = match self.instance_tag(tag::EXPIRY) {
            Known::Is(text) => decode_or_unseen(ExpiryTag::decode(&text)),
            Known::Absent => Known::Absent,
            Known::Unseen(why) => Known::Unseen(why),
        };
        let cap = match self.instance_tag(tag::CAP) {
            Known::Is(text) => decode_or_unseen(tag::decode_cap(&text)),
            Known::Absent => Known::Absent,
            Known::Unseen(why) => Known::Unseen(why),
        };
        LifeTags { expiry, cap }
    }

    /// Reads the tags of spawn's predecessor; absent on an instance that it did not launch.
    pub(crate) fn predecessor(&mut self) -> Known<PredecessorTags> {
        let mut silent = None;
        let read = PredecessorTags::read(|key| match self.instance_tag(key) {
            Known::Is(text) => Some(text),
            Known::Absent => None,
            Known::Unseen(why) => {
                silent = Some(why);
                None
            }
        });
        match (silent, read) {
            (Some(why), _) => Known::Unseen(why),
            (None, Err(error)) => Known::Unseen(error.to_string()),
            (None, Ok(read)) if read == PredecessorTags::default() => Known::Absent,
            (None, Ok(read)) => Known::Is(read),
        }
    }

    pub(crate) fn credentials(&mut self) -> Known<RoleCredentials> {
        let role = match self.get("meta-data/iam/security-credentials/") {
            Known::Is(text) => text.lines().next().unwrap_or_default().to_string(),
            Known::Absent => return Known::Absent,
            Known::Unseen(why) => return Known::Unseen(why),
        };
        parse(self.get(&format!("meta-data/iam/security-credentials/{role}")))
    }

    /// Returns AWS's announcements. `events` also requests those that come long before: rebalance
    /// recommendations and maintenance. In the last minutes of a spot instance they are skipped,
    /// because they would replace the notice that matters.
    pub(crate) fn notices(&mut self, events: bool) -> Vec<AwsNotice> {
        let now = self.date;
        if let Known::Is(spot) = parse::<SpotInstanceAction>(self.get("meta-data/spot/instance-action")) {
            let notice = spot_notice(&spot, now);
            self.taken = (spot.action != "hibernate").then(|| notice.clone());
            return vec![notice];
        }
        if let Some(notice) = &self.taken {
            return vec![notice.clone()];
        }
        if !events {
            return Vec::new();
        }
        let mut notices = Vec::new();
        if let Known::Is(_) = self.get("meta-data/events/recommendations/rebalance") {
            let text =
                "AWS may reclaim this spot instance soon; save your work and prepare to move".to_string();
            notices.push(AwsNotice { id: "rebalance".to_string(), text, hook: None });
        }
        let scheduled =
            parse::<Vec<ScheduledMaintenance>>(self.get("meta-data/events/maintenance/scheduled"));
        let active = |event: &&ScheduledMaintenance| event.state == "active";
        notices.extend(scheduled.value().into_iter().flatten().filter(active).map(|event| AwsNotice {
            id: format!("event {}", event.event_id),
            text: format!(
                "AWS has scheduled {} for this instance, not before {}",
                event.code, event.not_before
            ),
            hook: None,
        }));
        notices
    }

    fn instance_tag(&mut self, key: &str) -> Known<String> {
        self.get(&format!("meta-data/tags/instance/{key}"))
    }

    /// Sends one request. A rejected token is renewed once. Status 404 is an answer: the value does
    /// not exist.
    fn get(&mut self, path: &str) -> Known<String> {
        if let Some(why) = &self.silent {
            return Known::Unseen(why.clone());
        }
        for _ in 0..2 {
            let token = match self.token() {
                Ok(token) => token,
                Err(why) => return self.give_up(why),
            };
            let url = format!("{}/latest/{path}", self.base);
            let asked = self.agent.get(url).header("X-aws-ec2-metadata-token", token).call();
            match asked.map_err(|error| error.to_string()).and_then(|answer| self.read(answer)) {
                Ok((200, text)) => return Known::Is(text),
                Ok((404, _)) => return Known::Absent,
                Ok((401, _)) => self.token = None,
                Ok((status, _)) => return Known::Unseen(format!("the metadata service returned {status}")),
                Err(why) => return self.give_up(why),
            }
        }
        self.give_up("the metadata service rejects every token".to_string())
    }

    fn give_up(&mut self, why: String) -> Known<String> {
        self.silent = Some(why.clone());
        Known::Unseen(why)
    }

    fn token(&mut self) -> Result<String, String> {
        if let Some((token, until)) = &self.token
            && *until > Instant::now()
        {
            return Ok(token.clone());
        }
        let asked = self
            .agent
            .put(format!("{}/latest/api/token", self.base))
            .header("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS.to_string())
            .send_empty();
        match asked.map_err(|error| error.to_string()).and_then(|answer| self.read(answer))? {
            (200, token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                let until = Instant::now() + Duration::from_secs(TOKEN_SECONDS / 2);
                self.token = Some((token.clone(), until));
                Ok(token)
            }
            (status, _) => Err(format!("the metadata service returned no token (status {status})")),
        }
    }

    fn read(&mut self, mut answer: Response<ureq::Body>) -> Result<(u16, String), String> {
        self.date = http_date(answer.headers()).or(self.date);
        let text = answer.body_mut().with_config().limit(LARGEST).read_to_string();
        text.map(|text| (answer.status().as_u16(), text)).map_err(|error| error.to_string())
    }
}

/// Returns the `Date` header, which every AWS response has.
pub(crate) fn http_date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get("date")?.to_str().ok()?;
    rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// For fuzzing: parses the text as every kind of response.
pub(crate) fn parse_any_response(text: &str) {
    let answer = || Known::Is(text.to_string());
    let _ = parse::<InstanceIdentity>(answer()).value().is_some();
    let _ = parse::<RoleCredentials>(answer()).value().is_some();
    let _ = parse::<Vec<ScheduledMaintenance>>(answer()).value().is_some();
    if let Known::Is(spot) = parse::<SpotInstanceAction>(answer()) {
        let _ = spot_notice(&spot, Some(Timestamp::UNIX_EPOCH));
    }
    let _ = rfc2822::parse(text);
}

fn decode_or_unseen<T>(read: Result<T, tag::TagError>) -> Known<T> {
    read.map_or_else(|error| Known::Unseen(error.to_string()), Known::Is)
}

fn parse<T: for<'a> Deserialize<'a>>(text: Known<String>) -> Known<T> {
    match text {
        Known::Is(text) => serde_json::from_str(&text)
            .map_or_else(|error| Known::Unseen(format!("metadata service response: {error}")), Known::Is),
        Known::Absent => Known::Absent,
        Known::Unseen(why) => Known::Unseen(why),
    }
}

/// Returns the notice of a spot interruption. The pre-stop hook gets the time until AWS acts, less
/// 10 s, and at most 110 s.
fn spot_notice(spot: &SpotInstanceAction, now: Option<Timestamp>) -> AwsNotice {
    let window = jiff::SignedDuration::from_secs(110);
    let left = now.map_or(window, |now| spot.time.duration_since(now) - jiff::SignedDuration::from_secs(10));
    AwsNotice {
        // Without the time: a repeated notice with another time is the same interruption.
        id: format!("spot {}", spot.action),
        text: format!(
            "AWS reclaims this spot instance: {} at {:.0}; save your work now",
            spot.action, spot.time
        ),
        hook: Some(left.clamp(jiff::SignedDuration::from_secs(1), window)),
    }
}
