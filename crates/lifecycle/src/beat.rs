//! When an instance says how busy it was: seldom, after everything that matters, and never in its way.

use domain::format_span;
use crate::state::State;
use domain::later;
use crate::step::{Effect, Inputs, Refusal};
use crate::tag::{Figures, Heartbeat, LONGEST_PERIOD, whole_seconds};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// This near to an end nothing but the end is attended to.
const NEAR: SignedDuration = SignedDuration::from_mins(2);

/// What a machine measured of itself between two samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// When the later sample was taken, on the monotonic clock.
    pub until: SignedDuration,
    /// How long after the earlier one.
    pub over: SignedDuration,
    /// The figures.
    pub figures: Figures,
}

/// What is remembered of heartbeats, for as long as the daemon runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Beats {
    tried: Option<SignedDuration>,
    written: Option<SignedDuration>,
    count: u64,
    failures: u64,
    /// Why the last one could not be written.
    failed: Option<Refusal>,
}

impl Beats {
    /// The role may not: trying again is no use.
    fn denied(&self) -> bool {
        matches!(self.failed, Some(Refusal::Denied(_)))
    }
}

/// How the heartbeat stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatStatus {
    /// Seconds from one to the next; none where the terms turn it off.
    pub every_seconds: Option<i64>,
    /// How many were written since the daemon started.
    pub written: u64,
    /// How many could not be.
    pub failed: u64,
    /// The same as a person reads it.
    pub sentence: String,
}

impl State {
    /// The heartbeat that is due, if nothing else is: not while an end is under way or near, not while the tag of
    /// the intent waits to be written, not without AWS's time, and not for a role that may not.
    pub(crate) fn heartbeat(&mut self, inputs: &Inputs, effects: &[Effect]) -> Option<Heartbeat> {
        let every = self.terms.heartbeat?;
        let measured =
            inputs.measured.as_ref().filter(|found| (every..=LONGEST_PERIOD).contains(&found.over))?;
        let now = self.aws_time(&inputs.clocks)?;
        let soon = self.beats.tried.is_some_and(|at| self.mono - at < every);
        let ends = self.ending.is_some()
            || self.time_to_end() < NEAR
            || self.time_to_idle_end().is_some_and(|left| left < NEAR);
        let acts = |effect: &Effect| {
            matches!(
                effect,
                Effect::WriteTag(_) | Effect::PreStop { .. } | Effect::Call(_) | Effect::PowerOff
            )
        };
        if soon || ends || self.beats.denied() || !self.intent.is_settled() || effects.iter().any(acts) {
            return None;
        }
        self.beats.tried = Some(self.mono);
        let idle = self.watch.idle_for(self.mono);
        let at = whole_seconds(later(now, measured.until - self.mono));
        Some(Heartbeat {
            at,
            over: SignedDuration::from_secs(measured.over.as_secs()),
            figures: measured.figures.clone(),
            idle_since: (idle > SignedDuration::ZERO).then(|| whole_seconds(later(now, -idle)).min(at)),
        })
    }

    /// How it went. It is counted, and nothing else changes.
    pub(crate) fn heartbeat_written(&mut self, outcome: &Result<(), Refusal>) {
        self.beats.failed = outcome.clone().err();
        match outcome {
            Ok(()) => {
                self.beats.count += 1;
                self.beats.written = Some(self.mono);
            }
            Err(_) => self.beats.failures += 1,
        }
    }

    pub(crate) fn beat_status(&self) -> BeatStatus {
        let beats = &self.beats;
        let sentence = match (self.terms.heartbeat, beats.written) {
            (None, _) => "off".to_string(),
            (Some(every), None) => format!("none written yet, one is each {}", format_span(every)),
            (Some(_), Some(at)) => {
                format!("{} written, the last {} ago", beats.count, format_span(self.mono - at))
            }
        };
        let again = if beats.denied() { "; not tried again before spawnd starts anew" } else { "" };
        let failed = match &beats.failed {
            Some(why) => format!("; the last one was not: {why}{again}"),
            None => String::new(),
        };
        let failures =
            if beats.failures > 0 { format!("; {} failed", beats.failures) } else { String::new() };
        BeatStatus {
            every_seconds: self.terms.heartbeat.map(|every| every.as_secs()),
            written: beats.count,
            failed: beats.failures,
            sentence: format!("{sentence}{failures}{failed}"),
        }
    }
}
