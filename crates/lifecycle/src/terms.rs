//! The terms agreed at launch: the bounds, the actions and the idle policy of one instance.

use crate::clock_time;
use crate::end_action::EndAction;
use crate::idle::IdleTerms;
use domain::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How the instance was bought, which limits the actions that work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurchasingOption {
    /// On demand: every action works.
    #[default]
    OnDemand,
    /// A one-time spot request: AWS refuses to stop it.
    Spot,
    /// A persistent spot request: terminating the instance makes EC2 launch another one.
    PersistentSpot,
}

/// The effect of an operating-system power-off (`InstanceInitiatedShutdownBehavior`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerOff {
    /// The instance is stopped.
    #[default]
    Stops,
    /// The instance is terminated.
    Terminates,
}

/// The terms of an instance's life, written to its disk at launch. They contain no secret.
///
/// Unknown keys are refused, so that a misspelt bound never counts as a missing one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Terms {
    /// The instance that they were written for. Without it they are for every instance with this
    /// disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The budget of running time; it pauses while the instance is stopped or hibernated.
    #[serde(with = "clock_time::text")]
    pub budget: SignedDuration,
    /// The instant that no extension exceeds. Only the launching principal may move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Timestamp>,
    /// The action when the budget is spent or the cap is reached.
    pub on_expiry: EndAction,
    /// The action when the work is reported as complete.
    #[serde(default = "terminate")]
    pub on_complete: EndAction,
    /// When and how idleness ends the instance. Without it, idleness is shown and has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleTerms>,
    /// How it was bought.
    #[serde(default)]
    pub market: PurchasingOption,
    /// The effect of a power-off from inside.
    #[serde(default)]
    pub power_off: PowerOff,
    /// The shortest time between the first warning and the end.
    #[serde(default = "five_minutes", with = "clock_time::text")]
    pub grace: SignedDuration,
    /// The time limit of the pre-stop hook.
    #[serde(default = "two_minutes", with = "clock_time::text")]
    pub pre_stop_limit: SignedDuration,
    /// The time between two heartbeat tags, such as `15m`; none, written `off`, disables them.
    #[serde(default = "quarter", with = "or_off")]
    pub heartbeat: Option<SignedDuration>,
}

fn terminate() -> EndAction {
    EndAction::Terminate
}

fn five_minutes() -> SignedDuration {
    SignedDuration::from_mins(5)
}

fn two_minutes() -> SignedDuration {
    SignedDuration::from_mins(2)
}

/// Returns the default interval, which is also the shortest: a tag is not a stream of figures.
fn quarter() -> Option<SignedDuration> {
    Some(SHORTEST_BEAT)
}

const SHORTEST_BEAT: SignedDuration = SignedDuration::from_mins(15);
const LONGEST_BEAT: SignedDuration = SignedDuration::from_hours(24);

/// Serde functions for a span or `off`.
mod or_off {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        every: &Option<SignedDuration>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match every {
            Some(every) => crate::clock_time::text::serialize(every, out),
            None => out.serialize_str("off"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<SignedDuration>, D::Error> {
        match String::deserialize(input)?.as_str() {
            "off" => Ok(None),
            text => domain::parse_span(text).map(Some).map_err(D::Error::custom),
        }
    }
}

/// The longest grace period: a warning older than this does not announce the same end.
pub(crate) const LONGEST_GRACE: SignedDuration = SignedDuration::from_mins(30);

/// The longest pre-stop limit, so that hook, calls and fallbacks finish before the dead-man acts.
const LONGEST_PRE_STOP: SignedDuration = SignedDuration::from_mins(3);

impl Terms {
    /// Returns terms with this budget, a stop at its end, and the documented defaults.
    pub fn with_budget(budget: SignedDuration) -> Terms {
        Terms {
            instance: None,
            budget,
            cap: None,
            on_expiry: EndAction::Stop,
            on_complete: terminate(),
            idle: None,
            market: PurchasingOption::OnDemand,
            power_off: PowerOff::Stops,
            grace: five_minutes(),
            pre_stop_limit: two_minutes(),
            heartbeat: quarter(),
        }
    }

    /// Returns the terms that apply if none could be read: four hours, then a stop. Terms without a
    /// bound do not exist.
    pub fn unread() -> Terms {
        Terms::with_budget(SignedDuration::from_hours(4))
    }

    /// Returns the action that works in this market. One-time spot cannot be stopped, so it is
    /// terminated; persistent spot would be replaced when terminated, so it is stopped.
    pub fn workable(&self, wanted: EndAction) -> EndAction {
        match (self.market, wanted) {
            (PurchasingOption::Spot, _) => EndAction::Terminate,
            (PurchasingOption::PersistentSpot, EndAction::Terminate) => EndAction::Stop,
            (_, wanted) => wanted,
        }
    }

    /// Returns the first problem of these terms as one sentence, or none for valid terms.
    pub fn problem(&self) -> Option<String> {
        if self.grace > LONGEST_GRACE {
            return Some(format!("grace is {}, expected at most 30m", domain::format_span(self.grace)));
        }
        if self.pre_stop_limit > LONGEST_PRE_STOP {
            let limit = domain::format_span(self.pre_stop_limit);
            return Some(format!(
                "pre-stop-limit is {limit}, expected at most 3m: the dead-man does not wait"
            ));
        }
        if self.market == PurchasingOption::PersistentSpot && self.power_off == PowerOff::Terminates {
            let text = "persistent spot with power-off terminates is launched again by EC2, expected power-off stops";
            return Some(text.to_string());
        }
        if let Some(every) = self.heartbeat
            && !(SHORTEST_BEAT..=LONGEST_BEAT).contains(&every)
        {
            let every = domain::format_span(every);
            return Some(format!("heartbeat is {every}, expected 15m to 1d, or off"));
        }
        let thresholds = self.idle.iter().flat_map(|idle| &idle.thresholds);
        let bad = thresholds.into_iter().find(|(_, value)| !value.is_finite() || **value <= 0.0)?;
        Some(format!("the idle threshold of {:?} is {}, expected a number above 0", bad.0, bad.1))
    }

    /// Returns how long after the budget the dead-man ends the instance. That is later than every
    /// attempt of the daemon.
    pub fn dead_man_slack(&self) -> SignedDuration {
        self.grace + SignedDuration::from_mins(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_market_gets_an_action_that_works() {
        let check = |market: PurchasingOption, wanted: EndAction, expected: EndAction| {
            let terms = Terms { market, ..Terms::unread() };
            assert_eq!(terms.workable(wanted), expected, "{market:?} {wanted:?}");
        };
        check(PurchasingOption::OnDemand, EndAction::Stop, EndAction::Stop);
        check(PurchasingOption::OnDemand, EndAction::Terminate, EndAction::Terminate);
        check(PurchasingOption::Spot, EndAction::Stop, EndAction::Terminate);
        check(PurchasingOption::Spot, EndAction::Hibernate, EndAction::Terminate);
        check(PurchasingOption::PersistentSpot, EndAction::Hibernate, EndAction::Hibernate);
        check(PurchasingOption::PersistentSpot, EndAction::Terminate, EndAction::Stop);
    }

    #[test]
    fn invalid_terms_name_their_problem() {
        let check = |terms: Terms, expected: Option<&str>| {
            let problem = terms.problem();
            assert_eq!(problem.is_some(), expected.is_some(), "{problem:?}");
            assert!(problem.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        let minutes = SignedDuration::from_mins;
        check(Terms::unread(), None);
        check(Terms { grace: minutes(30), pre_stop_limit: minutes(3), ..Terms::unread() }, None);
        check(Terms { grace: minutes(31), ..Terms::unread() }, Some("grace is 31m"));
        check(Terms { pre_stop_limit: minutes(4), ..Terms::unread() }, Some("pre-stop-limit is 4m"));
        let persistent = Terms { market: PurchasingOption::PersistentSpot, ..Terms::unread() };
        check(persistent.clone(), None);
        check(Terms { power_off: PowerOff::Terminates, ..persistent }, Some("launched again by EC2"));
        for (heartbeat, problem) in [
            (None, None),
            (Some(minutes(15)), None),
            (Some(minutes(1_440)), None),
            (Some(minutes(14)), Some("heartbeat is 14m, expected 15m to 1d, or off")),
            (Some(minutes(1_441)), Some("heartbeat is 1d1m")),
        ] {
            check(Terms { heartbeat, ..Terms::unread() }, problem);
        }
        for bad in [0.0, -1.0, f64::NAN] {
            let mut idle = IdleTerms::after(minutes(30));
            idle.thresholds.insert(crate::idle::IdleSignal::Cpu, bad);
            check(Terms { idle: Some(idle), ..Terms::unread() }, Some("threshold of Cpu"));
        }
    }
}
