//! The scenario file: capacity, prices, interruptions and faults that a user scripts. Every field
//! has a default, and an unknown key is refused.

use domain::Timestamp;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A scenario file of `mycelium sandbox`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Additional accounts; the first one always exists.
    pub accounts: Vec<AccountRule>,
    /// Regions that the accounts opted into, with `*`; the others that need no opt-in always exist.
    pub opted_in: Vec<String>,
    /// Durations of state changes.
    pub timing: ScenarioTiming,
    /// Throttle calls with EC2's own token buckets; true by default.
    pub throttling: ThrottlingSwitch,
    /// Milliseconds of real time by which the answer to every call is delayed.
    pub latency_ms: u32,
    /// Whether the regions have a default VPC; true by default.
    pub default_vpc: DefaultVpcSwitch,
    /// Maximum rows of a page, whatever MaxResults is; AWS may also return short pages.
    pub page: Option<u32>,
    /// Service quotas of every account, by quota code, such as L-1216C47A: 640 (vCPUs).
    pub quotas: BTreeMap<String, f64>,
    /// Limits of capacity.
    pub capacity: Vec<CapacityRule>,
    /// Spot prices as a fraction of the on-demand price; they replace the known ones.
    pub spot_prices: Vec<SpotPriceRule>,
    /// Interruptions of spot instances.
    pub interruptions: Vec<InterruptionRule>,
    /// Maintenance events that AWS announces.
    pub events: Vec<EventRule>,
    /// Failures of API calls.
    pub failures: Vec<FailureRule>,
    /// Failures of the metadata service.
    pub imds: Vec<ImdsRule>,
    /// Values of CloudWatch metrics.
    pub metrics: Vec<MetricRule>,
}

/// An account and its users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRule {
    /// Twelve digits.
    pub id: String,
    /// Users; `mycelium sandbox env --account` uses the first one.
    #[serde(default)]
    pub users: Vec<UserRule>,
}

/// A user with an access key. Its id and secret are derived from the account and the name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRule {
    /// The user name.
    pub name: String,
    /// IAM policies as JSON documents; without any the user has all permissions.
    #[serde(default)]
    pub policies: Vec<serde_json::Value>,
}

/// Durations of state changes, as spans such as 8s, 2m or 1h30m; 0s means at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Timing")]
pub struct ScenarioTiming {
    /// From pending to running.
    pub pending: ScenarioSpan,
    /// From stopping to stopped.
    pub stopping: ScenarioSpan,
    /// From stopping to stopped, when hibernating.
    pub hibernating: ScenarioSpan,
    /// From shutting-down to terminated.
    pub shutting_down: ScenarioSpan,
    /// Time for which a terminated instance is still listed.
    pub terminated_visible: ScenarioSpan,
    /// Time until a new instance can be found, or a new spot request is evaluated.
    pub visible_after: ScenarioSpan,
    /// Time until EC2 knows a new instance profile, or a role added to one.
    pub profile_after: ScenarioSpan,
    /// From a start until EC2 shows the console output of the boot.
    pub console_after: ScenarioSpan,
    /// Time until a new volume, snapshot or image is ready.
    pub storage: ScenarioSpan,
    /// From the interruption notice to the interruption.
    pub spot_notice: ScenarioSpan,
    /// Time until a persistent spot request launches again.
    pub spot_relaunch: ScenarioSpan,
}

impl Default for ScenarioTiming {
    fn default() -> ScenarioTiming {
        let span = |seconds| ScenarioSpan(SignedDuration::from_secs(seconds));
        ScenarioTiming {
            pending: span(8),
            stopping: span(30),
            hibernating: span(60),
            shutting_down: span(20),
            terminated_visible: span(3600),
            visible_after: span(1),
            profile_after: span(8),
            console_after: span(20),
            storage: span(5),
            spot_notice: span(120),
            spot_relaunch: span(15),
        }
    }
}

/// Whether calls are throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "Throttling")]
pub struct ThrottlingSwitch(pub bool);

impl Default for ThrottlingSwitch {
    fn default() -> ThrottlingSwitch {
        ThrottlingSwitch(true)
    }
}

/// Whether the VPC of each region is the default one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "DefaultVpc")]
pub struct DefaultVpcSwitch(pub bool);

impl Default for DefaultVpcSwitch {
    fn default() -> DefaultVpcSwitch {
        DefaultVpcSwitch(true)
    }
}

/// The market of an instance: on demand or spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarketRule {
    /// Billed at the published price, never interrupted.
    OnDemand,
    /// Billed at the spot price, can be interrupted.
    Spot,
}

/// The capacity of a zone for some instance types. The first matching rule applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityRule {
    /// Types, with `*`: p5.*
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Zone ids, with `*`: use1-az4
    #[serde(default = "any")]
    pub zone: String,
    /// One market; without it both.
    #[serde(default)]
    pub market: Option<MarketRule>,
    /// Maximum number of instances at a time.
    #[serde(default)]
    pub available: u32,
    /// Instant at which the rule begins to apply.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// Instant at which the rule ceases to apply.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// A scripted spot price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpotPriceRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Zone ids, with `*`.
    #[serde(default = "any")]
    pub zone: String,
    /// Fraction of the on-demand price, such as 0.3.
    pub part: f64,
    /// Instant from which the price applies.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
}

/// An interruption of spot instances, some time after they begin to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterruptionRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Zone ids, with `*`.
    #[serde(default = "any")]
    pub zone: String,
    /// From running to the interruption notice.
    pub after: ScenarioSpan,
    /// Time between the rebalance recommendation and the notice; without it there is none.
    #[serde(default)]
    pub rebalance_before: Option<ScenarioSpan>,
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
    pub after: ScenarioSpan,
    /// From the announcement to the event.
    pub notice: ScenarioSpan,
}

/// A failure of API calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureRule {
    /// The action, with `*`: RunInstances
    pub call: String,
    /// Number of calls that succeed first.
    #[serde(default)]
    pub skip: u32,
    /// Number of calls that fail; without it all.
    #[serde(default)]
    pub times: Option<u32>,
    /// The kind of failure.
    pub how: CallFault,
}

/// The kind of failure of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Fault")]
pub enum CallFault {
    /// The call is refused with this code and has no effect.
    Refused {
        /// AWS's code, such as Unavailable or InsufficientInstanceCapacity.
        code: String,
        /// The error message.
        #[serde(default)]
        message: String,
        /// The HTTP status.
        #[serde(default = "five_hundred_three")]
        status: u16,
    },
    /// The connection is closed and the call has no effect.
    Lost,
    /// The call takes effect, and the connection is closed before the answer.
    ReplyLost,
    /// The call takes effect, and the answer arrives after this span of real time.
    Slow(ScenarioSpan),
    /// The call takes effect, and the answer cannot be parsed.
    Malformed,
}

/// A failure of the metadata service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImdsRule {
    /// Paths after /latest/, with `*`: meta-data/tags/*
    #[serde(default = "any")]
    pub path: String,
    /// Number of requests that succeed first.
    #[serde(default)]
    pub skip: u32,
    /// Number of requests that fail; without it all.
    #[serde(default)]
    pub times: Option<u32>,
    /// The kind of failure.
    pub how: ImdsFault,
}

/// The kind of failure of the metadata service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ImdsFault {
    /// This HTTP status without a body: 503, or 401 as for an unknown token.
    Status(u16),
    /// The connection is closed.
    Lost,
    /// The answer arrives after this span of real time.
    Slow(ScenarioSpan),
    /// The Date header is wrong by this number of seconds.
    WrongDate(i64),
    /// The credentials expired an hour ago.
    ExpiredCredentials,
}

/// Values of a CloudWatch metric of some instances, repeated while the instance runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricRule {
    /// Types, with `*`.
    #[serde(rename = "type", default = "any")]
    pub instance_type: String,
    /// Name of the metric, such as CPUUtilization.
    pub metric: String,
    /// One value per five minutes since the launch.
    pub values: Vec<f64>,
}

fn any() -> String {
    "*".to_string()
}

fn five_hundred_three() -> u16 {
    503
}

/// A span of time, written as 90s, 2h30m or 0s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioSpan(pub SignedDuration);

impl<'de> Deserialize<'de> for ScenarioSpan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ScenarioSpan, D::Error> {
        let text = String::deserialize(from)?;
        if text == "0s" {
            return Ok(ScenarioSpan(SignedDuration::ZERO));
        }
        domain::parse_span(&text).map(ScenarioSpan).map_err(serde::de::Error::custom)
    }
}

impl Serialize for ScenarioSpan {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.as_secs();
        to.serialize_str(&format!("{seconds}s"))
    }
}

impl JsonSchema for ScenarioSpan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "A span such as 90s, 2h30m or 0s." })
    }
}

/// The reason why a scenario cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(pub String);

impl Scenario {
    /// Reads a scenario from YAML; an empty text is the default. Errors: YAML that does not fit the
    /// schema, or an account id that is not twelve digits.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        if text.trim().is_empty() {
            return Ok(Scenario::default());
        }
        let scenario: Scenario =
            serde_saphyr::from_str(text).map_err(|error| ScenarioError(error.to_string()))?;
        for account in &scenario.accounts {
            if account.id.len() != 12 || !account.id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ScenarioError(format!("account \"{}\" is not twelve digits", account.id)));
            }
        }
        Ok(scenario)
    }

    /// Returns the JSON schema of scenario files, pretty-printed.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Scenario);
        serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_scenario_and_fills_in_defaults() {
        let text = "timing: {pending: 0s, stopping: 2m}\ncapacity:\n  - type: p5.*\n    market: spot\n    available: 2\nfailures:\n  - call: RunInstances\n    times: 1\n    how: reply-lost\n  - call: Stop*\n    how: {refused: {code: Unavailable}}\nthrottling: false\n";
        let scenario = Scenario::parse(text).unwrap();
        assert_eq!(scenario.timing.pending.0, SignedDuration::ZERO);
        assert_eq!(scenario.timing.stopping.0, SignedDuration::from_mins(2));
        assert_eq!(scenario.timing.shutting_down, ScenarioTiming::default().shutting_down);
        assert_eq!(scenario.capacity[0].market, Some(MarketRule::Spot));
        assert_eq!(scenario.failures[0].how, CallFault::ReplyLost);
        assert!(!scenario.throttling.0);
        assert_eq!(Scenario::parse(""), Ok(Scenario::default()));
    }

    #[test]
    fn names_the_wrong_field_or_value() {
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
    fn the_published_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sandbox-scenario.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, Scenario::schema()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == Scenario::schema(), "run the test with UPDATE_SCHEMA=1 and read the difference");
    }
}
