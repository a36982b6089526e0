//! The scenario: what a person scripts. Every field has a default, and a key that is not known is refused.

use domain::Timestamp;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A scenario file of `mycelium sandbox`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Accounts besides the first one, which is always there.
    pub accounts: Vec<AccountRule>,
    /// Regions that the accounts have opted into, with `*`; those that need no opting in are always there.
    pub opted_in: Vec<String>,
    /// How long things take.
    pub timing: Timing,
    /// EC2's own token buckets throttle calls. On unless this is false.
    pub throttling: Throttling,
    /// A page holds at most so many rows, whatever was asked for: AWS promises no more than that.
    pub page: Option<u32>,
    /// Service quotas of every account, by quota code, such as L-1216C47A: 640 (vCPUs).
    pub quotas: BTreeMap<String, f64>,
    /// Where there is no capacity, or little.
    pub capacity: Vec<CapacityRule>,
    /// Spot prices other than the ones that are known, as a part of the on-demand price.
    pub spot_prices: Vec<SpotPriceRule>,
    /// Spot instances that AWS takes back.
    pub interruptions: Vec<InterruptionRule>,
    /// Maintenance that AWS announces.
    pub events: Vec<EventRule>,
    /// Calls that fail.
    pub failures: Vec<FailureRule>,
    /// Faults of the metadata service.
    pub imds: Vec<ImdsRule>,
    /// What CloudWatch measured.
    pub metrics: Vec<MetricRule>,
}

/// An account, with its users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRule {
    /// Twelve digits.
    pub id: String,
    /// Users; the first one is named in `mycelium sandbox env --account`.
    #[serde(default)]
    pub users: Vec<UserRule>,
}

/// A user with an access key, whose id and secret follow from the names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRule {
    /// The user's name.
    pub name: String,
    /// IAM policies, as JSON documents; without any the user may do everything.
    #[serde(default)]
    pub policies: Vec<serde_json::Value>,
}

/// How long things take, as spans such as 8s, 2m or 1h30m; 0s is at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// From pending to running.
    pub pending: Span,
    /// From stopping to stopped.
    pub stopping: Span,
    /// From stopping to stopped, when hibernating.
    pub hibernating: Span,
    /// From shutting-down to terminated.
    pub shutting_down: Span,
    /// How long a terminated instance is still listed.
    pub terminated_visible: Span,
    /// How long what was just created is not found.
    pub visible_after: Span,
    /// How long a new instance profile, or a role in it, is not known to EC2.
    pub profile_after: Span,
    /// How long a new volume, snapshot or image is not ready.
    pub storage: Span,
    /// From the notice to the interruption.
    pub spot_notice: Span,
    /// How long a persistent spot request waits before it launches again.
    pub spot_relaunch: Span,
}

impl Default for Timing {
    fn default() -> Timing {
        let span = |seconds| Span(SignedDuration::from_secs(seconds));
        Timing {
            pending: span(8),
            stopping: span(30),
            hibernating: span(60),
            shutting_down: span(20),
            terminated_visible: span(3600),
            visible_after: span(1),
            profile_after: span(8),
            storage: span(5),
            spot_notice: span(120),
            spot_relaunch: span(15),
        }
    }
}

/// Whether calls are throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Throttling(pub bool);

impl Default for Throttling {
    fn default() -> Throttling {
        Throttling(true)
    }
}

/// On demand or spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarketRule {
    /// Pays the published price and is not interrupted.
    OnDemand,
    /// Pays the spot price and can be interrupted.
    Spot,
}

/// How many instances of some types a zone can still take. The first rule that fits counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityRule {
    /// Types, with `*`: p5.*
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Zone ids, with `*`: use1-az4
    #[serde(default = "any")]
    pub zone: String,
    /// One market; both without it.
    #[serde(default)]
    pub market: Option<MarketRule>,
    /// How many there can be at a time.
    #[serde(default)]
    pub available: u32,
    /// The rule begins to hold then.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// The rule ceases to hold then.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// A spot price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpotPriceRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Zone ids, with `*`.
    #[serde(default = "any")]
    pub zone: String,
    /// The part of the on-demand price, such as 0.3.
    pub part: f64,
    /// It has this price from then on.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
}

/// Spot instances that are taken back some time after they began to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterruptionRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Zone ids, with `*`.
    #[serde(default = "any")]
    pub zone: String,
    /// From running to the notice.
    pub after: Span,
    /// How long before the notice AWS recommends to rebalance; not at all without it.
    #[serde(default)]
    pub rebalance_before: Option<Span>,
}

/// A scheduled event of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// instance-stop, instance-retirement, instance-reboot, system-reboot or system-maintenance.
    pub code: String,
    /// From running to the announcement.
    pub after: Span,
    /// From the announcement to the event.
    pub notice: Span,
}

/// A call that fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureRule {
    /// The action, with `*`: RunInstances
    pub call: String,
    /// How many calls pass before it.
    #[serde(default)]
    pub skip: u32,
    /// How many calls fail; all without it.
    #[serde(default)]
    pub times: Option<u32>,
    /// How it fails.
    pub how: Fault,
}

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Fault {
    /// It is refused with this code and does nothing.
    Refused {
        /// AWS's code, such as Unavailable or InsufficientInstanceCapacity.
        code: String,
        /// The sentence.
        #[serde(default)]
        message: String,
        /// The HTTP status.
        #[serde(default = "five_hundred_three")]
        status: u16,
    },
    /// The connection is closed and nothing is done.
    Lost,
    /// It is done, and the connection is closed before the answer.
    ReplyLost,
    /// It is done, and the answer comes after this span of real time.
    Slow(Span),
    /// It is done, and the answer cannot be read.
    Malformed,
}

/// A fault of the metadata service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImdsRule {
    /// Paths after /latest/, with `*`: meta-data/tags/*
    #[serde(default = "any")]
    pub path: String,
    /// How many questions pass before it.
    #[serde(default)]
    pub skip: u32,
    /// How many questions fail; all without it.
    #[serde(default)]
    pub times: Option<u32>,
    /// How it fails.
    pub how: ImdsFault,
}

/// How the metadata service fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ImdsFault {
    /// This HTTP status, without a body: 503, or 401 as if the token were not known.
    Status(u16),
    /// The connection is closed.
    Lost,
    /// The answer comes after this span of real time.
    Slow(Span),
    /// The Date header is wrong by these seconds.
    WrongDate(i64),
    /// Credentials that expired an hour ago.
    ExpiredCredentials,
}

/// Values of one CloudWatch metric of some instances, repeated for as long as the instance runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// The metric, such as CPUUtilization.
    pub metric: String,
    /// One value for each five minutes since the launch.
    pub values: Vec<f64>,
}

fn any() -> String {
    "*".to_string()
}

fn five_hundred_three() -> u16 {
    503
}

/// A span of time, written as in 90s, 2h30m or 0s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub SignedDuration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        let text = String::deserialize(from)?;
        if text == "0s" {
            return Ok(Span(SignedDuration::ZERO));
        }
        domain::parse_span(&text).map(Span).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.as_secs();
        to.serialize_str(&format!("{seconds}s"))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "A span such as 90s, 2h30m or 0s." })
    }
}

/// A scenario that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(pub String);

impl Scenario {
    /// Reads YAML.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        if text.trim().is_empty() {
            return Ok(Scenario::default());
        }
        let scenario: Scenario =
            serde_saphyr::from_str(text).map_err(|error| ScenarioError(error.to_string()))?;
        for account in &scenario.accounts {
            if account.id.len() != 12 || !account.id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ScenarioError(format!(
                    "\"{}\" is not an account: write twelve digits",
                    account.id
                )));
            }
        }
        Ok(scenario)
    }

    /// The published schema, as JSON.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Scenario);
        serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read() {
        let text = "timing: {pending: 0s, stopping: 2m}\ncapacity:\n  - type: p5.*\n    market: spot\n    available: 2\nfailures:\n  - call: RunInstances\n    times: 1\n    how: reply-lost\n  - call: Stop*\n    how: {refused: {code: Unavailable}}\nthrottling: false\n";
        let scenario = Scenario::parse(text).unwrap();
        assert_eq!(scenario.timing.pending.0, SignedDuration::ZERO);
        assert_eq!(scenario.timing.stopping.0, SignedDuration::from_mins(2));
        assert_eq!(scenario.timing.shutting_down, Timing::default().shutting_down);
        assert_eq!(scenario.capacity[0].market, Some(MarketRule::Spot));
        assert_eq!(scenario.failures[0].how, Fault::ReplyLost);
        assert!(!scenario.throttling.0);
        assert_eq!(Scenario::parse(""), Ok(Scenario::default()));
    }

    #[test]
    fn slips_are_named() {
        let check = |text: &str, part: &str| {
            let error = Scenario::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check("timings: {}", "timings");
        check("timing: {pending: 8 parsecs}", "not a span");
        check("failures: [{call: X, how: sometimes}]", "sometimes");
        check("accounts: [{id: \"12\"}]", "twelve digits");
    }

    #[test]
    fn the_published_schema_is_the_one_in_force() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sandbox-scenario.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, Scenario::schema()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == Scenario::schema(), "run the test with UPDATE_SCHEMA=1 and read the difference");
    }
}
