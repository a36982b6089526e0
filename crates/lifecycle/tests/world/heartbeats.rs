//! The invariants of heartbeats, and a machine that measures itself.

use super::{LifeWorld, SignalLoad, TICK, instant, secs};
use domain::Known;
use lifecycle::tag::{HeartbeatTag, UtilizationFigures};
use lifecycle::{AwsCallError, LifeEvent, UtilizationSample};

impl LifeWorld {
    pub(super) fn measured(&self) -> UtilizationSample {
        let figures = UtilizationFigures {
            cpu: Known::Is(12.5),
            network_in: Known::Is(1),
            network_out: Known::Is(2),
            disk: Known::Unseen("odd".to_string()),
            gpu: Known::Absent,
            gpu_memory: Known::Absent,
        };
        UtilizationSample { until: secs(self.mono), over: secs(self.mono - self.measures), figures }
    }

    /// Checks that a heartbeat is rare and true, and answers it.
    pub(super) fn write_heartbeat(&mut self, beat: &HeartbeatTag) -> LifeEvent {
        let every = self.terms.heartbeat.expect("a heartbeat although the terms turn it off").as_secs();
        assert!(self.beat_at.is_none_or(|at| self.now - at >= every), "too often: {beat:?}");
        assert!(!self.beat_denied, "retried although AWS denied the role");
        assert_eq!(beat.over, secs(self.mono - self.measures));
        assert!(beat.over >= secs(every) && beat.at == instant(self.now), "{beat:?} at {}", self.now);
        let text = beat.encode();
        let read = HeartbeatTag::decode(&text).map(|read| read.encode());
        assert!(text.len() <= 256 && read.as_ref() == Ok(&text), "{text}");
        if let Some(since) = beat.idle_since {
            let idle = instant(self.now).duration_since(since).as_secs();
            let quiet = matches!(self.load, SignalLoad::Quiet | SignalLoad::Flapping(_));
            assert!(quiet, "reported as idle with {:?}: {text}", self.load);
            assert!(idle <= self.mono - self.quiet_since + 120 + TICK, "idle for {idle} s: {text}");
        }
        self.beats += 1;
        self.beat_at = Some(self.now);
        self.measures = self.mono;
        let outcome = self.create_tags();
        self.beat_denied = matches!(outcome, Err(AwsCallError::Denied(_)));
        LifeEvent::HeartbeatWritten(outcome)
    }
}
