//! The encoding of tags. No other module knows it.

mod heartbeat;
mod seen;
mod start;

pub use heartbeat::{HEARTBEAT, HeartbeatTag, LONGEST_PERIOD, UNSEEN, UtilizationFigures};
pub use seen::{SEEN, SeenTag};
pub use start::{START, StartTag};

use crate::end_action::EndAction;
use crate::terms::LONGEST_GRACE;
use domain::Timestamp;
use domain::parse_span;
use jiff::SignedDuration;

/// The tag with the intent: one composite value, so that a reader never sees half of a change.
pub const EXPIRY: &str = "spawn:expiry";
/// The tag with the cap, an RFC 3339 instant. The instance's own role may not write it.
pub const CAP: &str = "spawn:cap";
/// The tag of every instance that spawn launched; its value is [`YES`].
pub const MANAGED: &str = "spawn:managed";
/// The value of [`MANAGED`].
pub const YES: &str = "true";
/// The tag with the owner: the ARN of the principal that launched the instance.
pub const OWNER: &str = "spawn:owner";
/// The tag that names the launch, so that it can be found again after a lost answer.
pub const LAUNCH: &str = "spawn:launch-id";
/// The tag with the instant at which the launch was planned: budget and cap count from it. A copy
/// of the tags on another instance is older than that instance.
pub const PLANNED: &str = "spawn:planned";
/// The tag with the action for an instance that outlives its time, for use from outside.
pub const ON_EXPIRY: &str = "spawn:on-expiry";
/// The predecessor's owner tag, an ARN too.
pub const PREDECESSOR_OWNER: &str = "spawn:iam-user";
/// The predecessor's tag with the running time left of an instance that it stopped.
pub const PREDECESSOR_LEFT: &str = "spawn:ttl-remaining";
/// Tags of the predecessor that are read and never written.
pub const PREDECESSOR: [&str; 4] =
    ["spawn:ttl", "spawn:ttl-deadline", "spawn:idle-timeout", "spawn:hibernate-on-idle"];

/// Whether the budget is running down, and how much is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetIntent {
    /// The clock runs; the budget is spent at this instant.
    Running(Timestamp),
    /// The clock stands (stopped or hibernated); this much running time is left.
    Paused(SignedDuration),
}

/// The value of [`EXPIRY`]: an intent and its generation. Every change of the intent raises the
/// generation by one; the highest generation wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryTag {
    /// The intent.
    pub intent: BudgetIntent,
    /// How many times the intent was changed.
    pub generation: u64,
}

/// A malformed tag value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag {key} is \"{value}\", expected {expected}")]
pub struct TagError {
    key: &'static str,
    value: String,
    expected: &'static str,
}

/// Generations from this one on are refused: no intent changes so often, and adding one cannot
/// overflow.
const LAST_GENERATION: u64 = 1 << 48;

/// The longest accepted budget in seconds: ten years.
const LONGEST_LEFT: u64 = 10 * 366 * 86_400;

const EXPIRY_FORM: &str = "v1;running;until=2026-11-23T10:00:00Z;gen=7 or v1;paused;left=3600;gen=8";

impl ExpiryTag {
    /// Returns the tag's value, such as `v1;running;until=2026-11-23T10:00:00Z;gen=7` or
    /// `v1;paused;left=3600;gen=8` (whole seconds, none negative).
    pub fn encode(&self) -> String {
        match self.intent {
            BudgetIntent::Running(until) => {
                format!("v1;running;until={};gen={}", whole_seconds(until), self.generation)
            }
            BudgetIntent::Paused(left) => {
                format!("v1;paused;left={};gen={}", left.as_secs().max(0), self.generation)
            }
        }
    }

    /// Reads a tag's value. Anything but the two forms is an error.
    pub fn decode(value: &str) -> Result<ExpiryTag, TagError> {
        decode_expiry(value).ok_or_else(|| TagError {
            key: EXPIRY,
            value: shown(value),
            expected: EXPIRY_FORM,
        })
    }
}

fn decode_expiry(value: &str) -> Option<ExpiryTag> {
    let mut parts = value.split(';');
    let ("v1", form, amount, generation, None) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next())
    else {
        return None;
    };
    let intent = match form {
        "running" => BudgetIntent::Running(amount.strip_prefix("until=")?.parse().ok()?),
        "paused" => {
            let seconds = digits(amount.strip_prefix("left=")?).filter(|left| *left <= LONGEST_LEFT)?;
            BudgetIntent::Paused(SignedDuration::from_secs(seconds as i64))
        }
        _ => return None,
    };
    Some(ExpiryTag { intent, generation: digits(generation.strip_prefix("gen=")?)? })
}

/// Reads a number below [`LAST_GENERATION`] of digits only: no sign, no blank, no later overflow.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|number| *number < LAST_GENERATION)
}

/// Reads the value of [`CAP`], an RFC 3339 instant such as `2026-11-30T10:00:00Z`. Anything else is
/// an error.
pub fn decode_cap(value: &str) -> Result<Timestamp, TagError> {
    let expected = "an instant such as 2026-11-30T10:00:00Z";
    value.parse().map_err(|_| TagError { key: CAP, value: shown(value), expected })
}

/// Returns the value of [`CAP`], in whole seconds.
pub fn encode_cap(cap: Timestamp) -> String {
    whole_seconds(cap).to_string()
}

/// The value of [`ON_EXPIRY`]: the part of the terms that is needed outside the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnExpiryTag {
    /// The action.
    pub action: EndAction,
    /// The grace period of the terms; actions from outside wait for it too.
    pub grace: SignedDuration,
}

impl OnExpiryTag {
    /// The value for a missing tag: the mildest action, and the longest grace period that terms may
    /// have.
    pub const UNSAID: OnExpiryTag = OnExpiryTag { action: EndAction::Stop, grace: LONGEST_GRACE };

    /// Returns the tag's value, such as `v1;terminate;grace=300` (seconds).
    pub fn encode(&self) -> String {
        format!("v1;{};grace={}", self.action.verb(), self.grace.as_secs().max(0))
    }

    /// Reads a tag's value. Anything but that form is an error.
    pub fn decode(value: &str) -> Result<OnExpiryTag, TagError> {
        let expected = "v1;stop;grace=300, with stop, hibernate or terminate";
        decode_on_expiry(value).ok_or_else(|| TagError { key: ON_EXPIRY, value: shown(value), expected })
    }
}

fn decode_on_expiry(value: &str) -> Option<OnExpiryTag> {
    let mut parts = value.split(';');
    let ("v1", verb, grace, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let all = [EndAction::Stop, EndAction::Hibernate, EndAction::Terminate];
    let grace = SignedDuration::from_secs(digits(grace.strip_prefix("grace=")?)? as i64);
    let action = all.into_iter().find(|action| action.verb() == verb)?;
    (grace <= LONGEST_GRACE).then_some(OnExpiryTag { action, grace })
}

/// The predecessor's tags of an instance that it launched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PredecessorTags {
    /// `spawn:ttl`: the running time agreed at launch.
    pub budget: Option<SignedDuration>,
    /// `spawn:ttl-deadline`: the instant at which that time is over; it wins over the budget.
    pub deadline: Option<Timestamp>,
    /// `spawn:idle-timeout`.
    pub idle_timeout: Option<SignedDuration>,
    /// `spawn:hibernate-on-idle`.
    pub hibernate_on_idle: bool,
}

impl PredecessorTags {
    /// Reads the predecessor's tags through `get`. Spans are in Go's form (`8h0m0s`, `0s` for
    /// none), sometimes with days (`2d3h`). Any other value is an error, and never a missing bound.
    pub fn read(mut get: impl FnMut(&str) -> Option<String>) -> Result<PredecessorTags, TagError> {
        let [ttl, deadline, idle, hibernate] = PREDECESSOR;
        Ok(PredecessorTags {
            budget: get(ttl).map(|value| go_span(ttl, &value)).transpose()?.flatten(),
            deadline: get(deadline)
                .map(|value| {
                    let expected = "an instant such as 2026-11-30T10:00:00Z";
                    value.parse().map_err(|_| TagError { key: deadline, value: shown(&value), expected })
                })
                .transpose()?,
            idle_timeout: get(idle).map(|value| go_span(idle, &value)).transpose()?.flatten(),
            hibernate_on_idle: get(hibernate).is_some_and(|value| value == "true"),
        })
    }
}

/// Reads a span of the predecessor; `0s` and `0` mean none.
fn go_span(key: &'static str, value: &str) -> Result<Option<SignedDuration>, TagError> {
    if matches!(value, "0" | "0s") {
        return Ok(None);
    }
    let expected = "a span such as 8h or 1h30m0s";
    parse_span(value).map(Some).map_err(|_| TagError { key, value: shown(value), expected })
}

pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Returns at most 80 characters, without control characters: a tag's value is untrusted text.
fn shown(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read_back() {
        let check = |value: &str, intent: BudgetIntent, generation: u64| {
            let expiry = ExpiryTag { intent, generation };
            assert_eq!(ExpiryTag::decode(value), Ok(expiry), "{value}");
            assert_eq!(expiry.encode(), value);
        };
        let until = "2026-11-23T10:00:00Z".parse().expect("an instant");
        check("v1;running;until=2026-11-23T10:00:00Z;gen=7", BudgetIntent::Running(until), 7);
        check("v1;paused;left=3600;gen=8", BudgetIntent::Paused(SignedDuration::from_secs(3600)), 8);
    }

    #[test]
    fn malformed_values_are_errors_that_show_the_form() {
        for bad in [
            "",
            "none",
            "v2;paused;left=3600;gen=8",
            "v1;paused;left=-1;gen=8",
            "v1;paused;left=+1;gen=8",
            "v1;paused;left=3600;gen=8;x",
            "v1;paused;left=3600",
            "v1;running;until=tomorrow;gen=1",
            "v1;paused;left=3600;gen=18446744073709551615",
            "v1;paused;left=9223372036854775807;gen=1",
            "v1; paused;left=3600;gen=8",
        ] {
            let error = ExpiryTag::decode(bad).expect_err(bad).to_string();
            assert!(error.contains("expected v1;running;until="), "{error}");
        }
        let error =
            ExpiryTag::decode(&format!("\x1b[2J{}", "x".repeat(300))).expect_err("garbage").to_string();
        assert!(!error.contains('\x1b') && error.len() < 200, "{error}");
    }

    #[test]
    fn a_cap_is_an_instant() {
        let cap = decode_cap("2026-11-30T10:00:00Z").expect("a cap");
        assert_eq!(encode_cap(cap), "2026-11-30T10:00:00Z");
        assert!(decode_cap("7d").is_err());
    }

    #[test]
    fn on_expiry_values_are_read_back() {
        let check = |value: &str, action: EndAction, seconds: i64| {
            let said = OnExpiryTag { action, grace: SignedDuration::from_secs(seconds) };
            assert_eq!(OnExpiryTag::decode(value), Ok(said), "{value}");
            assert_eq!(said.encode(), value);
        };
        check("v1;stop;grace=300", EndAction::Stop, 300);
        check("v1;hibernate;grace=0", EndAction::Hibernate, 0);
        check("v1;terminate;grace=1800", EndAction::Terminate, 1800);
        for bad in [
            "",
            "stop",
            "v2;stop;grace=300",
            "v1;reboot;grace=300",
            "v1;stop;grace=1801",
            "v1;stop;grace=-1",
            "v1;stop;300",
            "v1;stop;grace=300;x",
        ] {
            let error = OnExpiryTag::decode(bad).expect_err(bad).to_string();
            assert!(error.contains("spawn:on-expiry") && error.contains("expected v1;stop"), "{error}");
        }
    }

    #[test]
    fn reads_the_predecessors_tags() {
        let check = |key: &str, value: &str, expected: Result<PredecessorTags, ()>| {
            let read = PredecessorTags::read(|asked| (asked == key).then(|| value.to_string()));
            assert_eq!(read.map_err(|_| ()), expected, "{key}={value}");
        };
        let span = SignedDuration::from_secs;
        let none = PredecessorTags::default;
        check("spawn:ttl", "8h", Ok(PredecessorTags { budget: Some(span(28_800)), ..none() }));
        check("spawn:ttl", "1h30m0s", Ok(PredecessorTags { budget: Some(span(5_400)), ..none() }));
        check("spawn:ttl", "2d3h", Ok(PredecessorTags { budget: Some(span(183_600)), ..none() }));
        check("spawn:ttl", "0s", Ok(none()));
        check("spawn:ttl", "forever", Err(()));
        check("spawn:idle-timeout", "45m", Ok(PredecessorTags { idle_timeout: Some(span(2_700)), ..none() }));
        check("spawn:hibernate-on-idle", "true", Ok(PredecessorTags { hibernate_on_idle: true, ..none() }));
        check("spawn:ttl-deadline", "soon", Err(()));
        let deadline = "2026-11-23T10:00:00Z".parse().ok();
        check("spawn:ttl-deadline", "2026-11-23T10:00:00Z", Ok(PredecessorTags { deadline, ..none() }));
        check("spawn:other", "8h", Ok(none()));
    }

    proptest! {
        #[test]
        fn any_expiry_is_read_back(seconds in 0i64..300_000_000, generation in 0..LAST_GENERATION, paused: bool) {
            let intent = if paused {
                BudgetIntent::Paused(SignedDuration::from_secs(seconds))
            } else {
                BudgetIntent::Running(Timestamp::from_second(seconds).expect("in range"))
            };
            let expiry = ExpiryTag { intent, generation };
            prop_assert_eq!(ExpiryTag::decode(&expiry.encode()), Ok(expiry));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Ok(expiry) = ExpiryTag::decode(&text) {
                prop_assert_eq!(ExpiryTag::decode(&expiry.encode()), Ok(expiry));
            }
            if let Ok(said) = OnExpiryTag::decode(&text) {
                prop_assert_eq!(OnExpiryTag::decode(&said.encode()), Ok(said));
            }
        }
    }
}
