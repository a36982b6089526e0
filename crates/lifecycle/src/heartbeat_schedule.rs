//! When an instance publishes its heartbeat: rarely, and only after all more important effects.

use crate::effect::LifeEffect;
use crate::inputs::{AwsCallError, StepInputs};
use crate::state::DaemonState;
use crate::tag::{HeartbeatTag, LONGEST_PERIOD, whole_seconds};
use domain::format_span;
use domain::later;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// No heartbeat is written when an end is nearer than this.
const NEAR: SignedDuration = SignedDuration::from_mins(2);

/// The heartbeat part of the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatStatus {
    /// Seconds between two heartbeats; none where the terms turn it off.
    pub every_seconds: Option<i64>,
    /// Heartbeats written since the daemon started.
    pub written: u64,
    /// Failed attempts since the daemon started.
    pub failed: u64,
    /// The same facts as one line for people.
    pub sentence: String,
}

impl DaemonState {
    /// Returns the heartbeat to write now, if one is due. None is due while an end is in progress
    /// or near, while the expiry tag waits to be written, before AWS's time is known, and after AWS
    /// denied the role.
    pub(crate) fn heartbeat(&mut self, inputs: &StepInputs, effects: &[LifeEffect]) -> Option<HeartbeatTag> {
        let every = self.terms.heartbeat?;
        let measured =
            inputs.measured.as_ref().filter(|found| (every..=LONGEST_PERIOD).contains(&found.over))?;
        let now = self.aws_time(&inputs.clocks)?;
        let soon = self.beats.tried.is_some_and(|at| self.mono - at < every);
        let ends = self.ending.is_some()
            || self.time_to_end() < NEAR
            || self.time_to_idle_end().is_some_and(|left| left < NEAR);
        let acts = |effect: &LifeEffect| {
            matches!(
                effect,
                LifeEffect::WriteTag(_)
                    | LifeEffect::PreStop { .. }
                    | LifeEffect::Call(_)
                    | LifeEffect::PowerOff
            )
        };
        if soon || ends || self.beats.denied() || !self.intent.is_settled() || effects.iter().any(acts) {
            return None;
        }
        self.beats.tried = Some(self.mono);
        let idle = self.watch.idle_for(self.mono);
        let idles = idle > SignedDuration::ZERO && !self.watch.newest_is_busy();
        let at = whole_seconds(later(now, measured.until - self.mono));
        Some(HeartbeatTag {
            at,
            over: SignedDuration::from_secs(measured.over.as_secs()),
            figures: measured.figures.clone(),
            idle_since: idles.then(|| whole_seconds(later(now, -idle)).min(at)),
        })
    }

    /// Records the outcome of a heartbeat. Nothing else changes.
    pub(crate) fn heartbeat_written(&mut self, outcome: &Result<(), AwsCallError>) {
        self.beats.failed = outcome.clone().err();
        match outcome {
            Ok(()) => {
                self.beats.count += 1;
                self.beats.written = Some(self.mono);
            }
            Err(_) => self.beats.failures += 1,
        }
    }

    pub(crate) fn beat_status(&self) -> HeartbeatStatus {
        let beats = &self.beats;
        let sentence = match (self.terms.heartbeat, beats.written) {
            (None, _) => "off".to_string(),
            (Some(every), None) => format!("none written yet, one every {}", format_span(every)),
            (Some(_), Some(at)) => {
                format!("{} written, the last {} ago", beats.count, format_span(self.mono - at))
            }
        };
        let again = if beats.denied() { "; not retried until spawnd restarts" } else { "" };
        let failed = match &beats.failed {
            Some(why) => format!("; the last attempt failed: {why}{again}"),
            None => String::new(),
        };
        let failures =
            if beats.failures > 0 { format!("; {} failed", beats.failures) } else { String::new() };
        HeartbeatStatus {
            every_seconds: self.terms.heartbeat.map(|every| every.as_secs()),
            written: beats.count,
            failed: beats.failures,
            sentence: format!("{sentence}{failures}{failed}"),
        }
    }
}
