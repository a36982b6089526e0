//! What a person is told who asks how things stand.

use crate::beat::BeatStatus;
use crate::idle::Explained;
use crate::notice::Cause;
use domain::format_span;
use crate::state::{Clocks, State};
use domain::later;
use crate::terms::Action;
use domain::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// One end that is coming.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndStatus {
    /// Why.
    pub cause: Cause,
    /// What will be done.
    pub action: Action,
    /// Seconds of running time until then.
    pub seconds: i64,
}

/// How things stand, as `spawnd status` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The end by the budget or the cap; there always is one.
    pub end: EndStatus,
    /// When that is, if the instance runs on, on AWS's clock or (see `clock`) the machine's.
    pub until: Timestamp,
    /// `aws` or `machine`.
    pub clock: String,
    /// The instant that no extension passes.
    pub cap: Option<Timestamp>,
    /// The end by idleness, once the idle timeout is over.
    pub idle_end: Option<EndStatus>,
    /// Seconds without work.
    pub idle_seconds: i64,
    /// Seconds without work after which the warnings begin; none when idleness ends nothing.
    pub idle_timeout_seconds: Option<i64>,
    /// The generation of the intent.
    pub generation: u64,
    /// What was last seen of the tag.
    pub tag: String,
    /// Seconds until the dead-man acts; none while it is not armed.
    pub dead_man_seconds: Option<i64>,
    /// Each lease, with the seconds that it still holds.
    pub leases: Vec<(String, i64)>,
    /// Each signal.
    pub signals: Vec<Explained>,
    /// The heartbeat.
    pub heartbeat: BeatStatus,
    /// What is wrong at present.
    pub troubles: Vec<String>,
}

impl State {
    /// How things stand; `clocks` only serve to name the end's instant.
    pub fn status(&self, clocks: &Clocks) -> Status {
        let cause = if self.completed { Cause::Complete } else { Cause::Expiry };
        let end = |cause, left: SignedDuration| EndStatus {
            cause,
            action: self.action(cause),
            seconds: left.as_secs().max(0),
        };
        Status {
            end: end(cause, self.time_to_end()),
            until: later(self.now(clocks), self.time_to_end()),
            clock: if self.aws_time(clocks).is_some() { "aws" } else { "machine" }.to_string(),
            cap: self.cap,
            idle_end: self.time_to_idle_end().map(|left| end(Cause::Idle, left)),
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

impl Status {
    /// The first sentences of `spawnd status`: the bound, the idleness and the dead-man.
    pub fn sentences(&self) -> Vec<String> {
        let span = |seconds: i64| format_span(SignedDuration::from_secs(seconds));
        let verb = self.end.action.verb();
        let idle = match (&self.idle_end, self.idle_timeout_seconds) {
            (Some(end), _) => format!("idle: will {} in {}", end.action.verb(), span(end.seconds)),
            (None, Some(timeout)) => {
                format!("idle for {} of {}", span(self.idle_seconds), span(timeout))
            }
            (None, None) => format!("idle for {}; idleness ends nothing here", span(self.idle_seconds)),
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
