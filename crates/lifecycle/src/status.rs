//! The status of an instance, as reported to users.

use crate::clocks::ClockReadings;
use crate::end_action::EndAction;
use crate::heartbeat_schedule::HeartbeatStatus;
use crate::idle::{IdleSignal, SignalExplanation};
use crate::notice::EndCause;
use crate::state::DaemonState;
use domain::Timestamp;
use domain::format_span;
use domain::later;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// One upcoming end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndStatus {
    /// The reason.
    pub cause: EndCause,
    /// The action.
    pub action: EndAction,
    /// Seconds of running time until then.
    pub seconds: i64,
}

/// The status that `spawnd status` shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifeStatus {
    /// The end by the budget or the cap; every instance has one.
    pub end: EndStatus,
    /// The instant of that end if the instance keeps running, on the clock that `clock` names.
    pub until: Timestamp,
    /// The source of the time: `aws` or `machine`.
    pub clock: String,
    /// The instant that no extension exceeds.
    pub cap: Option<Timestamp>,
    /// The end by idleness, once the idle timeout is over.
    pub idle_end: Option<EndStatus>,
    /// Seconds without work.
    pub idle_seconds: i64,
    /// Seconds without work until the warnings begin; none without an idle policy.
    pub idle_timeout_seconds: Option<i64>,
    /// The generation of the intent.
    pub generation: u64,
    /// The latest reading of the tag, as text.
    pub tag: String,
    /// Seconds until the dead-man acts; none while it is not armed.
    pub dead_man_seconds: Option<i64>,
    /// Each lease, with its remaining seconds.
    pub leases: Vec<(String, i64)>,
    /// One entry for each signal.
    pub signals: Vec<SignalExplanation>,
    /// The heartbeat.
    pub heartbeat: HeartbeatStatus,
    /// The current problems.
    pub troubles: Vec<String>,
}

impl DaemonState {
    /// Returns the signals that count as work or hold the instance at the newest reading.
    pub fn keeping_signals(&self) -> impl Iterator<Item = IdleSignal> {
        self.watch.keeping()
    }

    /// Returns the status. `clocks` serve only to compute the instant of the end.
    pub fn status(&self, clocks: &ClockReadings) -> LifeStatus {
        let cause = if self.completed { EndCause::Complete } else { EndCause::Expiry };
        let end = |cause, left: SignedDuration| EndStatus {
            cause,
            action: self.action(cause),
            seconds: left.as_secs().max(0),
        };
        LifeStatus {
            end: end(cause, self.time_to_end()),
            until: later(self.now(clocks), self.time_to_end()),
            clock: if self.aws_time(clocks).is_some() { "aws" } else { "machine" }.to_string(),
            cap: self.cap,
            idle_end: self.time_to_idle_end().map(|left| end(EndCause::Idle, left)),
            idle_seconds: self.watch.idle_for(self.mono).as_secs(),
            idle_timeout_seconds: self.terms.idle.as_ref().map(|idle| idle.timeout.as_secs()),
            generation: self.intent.generation,
            tag: self.intent.seen.clone(),
            dead_man_seconds: self.dead_man.map(|at| (at - self.mono).as_secs()),
            leases: self
                .watch
                .leases()
                .map(|(name, at)| (name.to_string(), (at - self.mono).as_secs()))
                .collect(),
            signals: self.watch.explain(self.terms.idle.as_ref(), self.mono),
            heartbeat: self.beat_status(),
            troubles: self.trouble.iter().cloned().collect(),
        }
    }
}

impl LifeStatus {
    /// Returns the first lines of `spawnd status`: the bound, the idleness, the dead-man and the
    /// tag.
    pub fn sentences(&self) -> Vec<String> {
        let span = |seconds: i64| format_span(SignedDuration::from_secs(seconds));
        let verb = self.end.action.verb();
        let idle = match (&self.idle_end, self.idle_timeout_seconds) {
            (Some(end), _) => format!("idle: will {} in {}", end.action.verb(), span(end.seconds)),
            (None, Some(timeout)) => {
                format!("idle for {} of {}", span(self.idle_seconds), span(timeout))
            }
            (None, None) => format!("idle for {}; no idle timeout is set", span(self.idle_seconds)),
        };
        let dead_man = match self.dead_man_seconds {
            Some(seconds) => format!("dead-man: powers off in {}", span(seconds)),
            None => "dead-man: NOT armed".to_string(),
        };
        let machine = if self.clock == "aws" { "" } else { " (by this machine's clock)" };
        vec![
            format!("will {verb} in {}, at {:.0}{machine}", span(self.end.seconds), self.until),
            idle,
            dead_man,
            format!("tag: {}", self.tag),
        ]
    }
}
