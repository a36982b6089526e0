//! Measures the machine's use in one heartbeat period: from two samples of its counters, and from
//! the GPU readings of each poll in between.

use crate::counters::{CounterSample, ProcessorTimes, counter_growth};
use crate::gpu::GpuReadings;
use domain::Known;
use jiff::SignedDuration;
use lifecycle::UtilizationSample;
use lifecycle::tag::{LONGEST_PERIOD, UtilizationFigures};

/// A measurement period in progress.
pub(crate) struct HeartbeatWindow {
    since: CounterSample,
    gpu: PollMean,
    memory: PollMean,
}

impl HeartbeatWindow {
    /// Starts a window at this sample.
    pub(crate) fn since(since: CounterSample) -> HeartbeatWindow {
        HeartbeatWindow { since, gpu: PollMean::default(), memory: PollMean::default() }
    }

    /// Adds the GPU readings of one poll.
    pub(crate) fn add(&mut self, cards: &GpuReadings) {
        self.gpu.add(&cards.work);
        let bytes = match &cards.memory {
            Known::Is(bytes) => Known::Is(*bytes as f64),
            Known::Absent => Known::Absent,
            Known::Unseen(why) => Known::Unseen(why.clone()),
        };
        self.memory.add(&bytes);
    }

    /// Returns whether the window is longer than a heartbeat can state.
    pub(crate) fn is_too_long(&self, mono: SignedDuration) -> bool {
        mono - self.since.mono > LONGEST_PERIOD
    }

    /// Returns the figures from the start of the window to `now`; `None` if no time has passed.
    pub(crate) fn measured(&self, now: &CounterSample) -> Option<UtilizationSample> {
        let over = now.mono - self.since.mono;
        let figures = UtilizationFigures {
            cpu: worked(&self.since.cpu, &now.cpu),
            network_in: counter_growth(&self.since.received, &now.received),
            network_out: counter_growth(&self.since.sent, &now.sent),
            disk: counter_growth(&self.since.disk, &now.disk),
            gpu: self.gpu.value(),
            gpu_memory: match self.memory.value() {
                Known::Is(bytes) => Known::Is(bytes.round() as u64),
                Known::Absent => Known::Absent,
                Known::Unseen(why) => Known::Unseen(why),
            },
        };
        (over > SignedDuration::ZERO).then_some(UtilizationSample { until: now.mono, over, figures })
    }
}

/// Returns the share of all processors' time in which they worked, in percent. Stolen time is not
/// work.
fn worked(before: &Result<ProcessorTimes, String>, now: &Result<ProcessorTimes, String>) -> Known<f64> {
    let (old, new) = match (before, now) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => return Known::Unseen(why.clone()),
    };
    match (new.worked.checked_sub(old.worked), new.all.checked_sub(old.all)) {
        (Some(worked), Some(all)) if all >= worked && all > 0 => {
            Known::Is(worked as f64 / all as f64 * 100.0)
        }
        _ => Known::Unseen("the processor counters did not advance".to_string()),
    }
}

/// The mean over several polls. One unseen value makes the mean unseen.
#[derive(Default)]
struct PollMean {
    sum: f64,
    looks: u32,
    absent: u32,
    unseen: Option<String>,
}

impl PollMean {
    fn add(&mut self, value: &Known<f64>) {
        match value {
            Known::Is(value) => {
                self.sum += value;
                self.looks += 1;
            }
            Known::Absent => self.absent += 1,
            Known::Unseen(why) => self.unseen = Some(why.clone()),
        }
    }

    fn value(&self) -> Known<f64> {
        match (&self.unseen, self.looks, self.absent) {
            (Some(why), ..) => Known::Unseen(why.clone()),
            (None, 0, 0) => Known::Unseen("not polled yet".to_string()),
            (None, 0, _) => Known::Absent,
            (None, looks, 0) => Known::Is(self.sum / f64::from(looks)),
            (None, ..) => Known::Unseen("the set of GPUs changed".to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(worked: u64, stolen: u64, all: u64) -> Result<ProcessorTimes, String> {
        Ok(ProcessorTimes { worked, stolen, all, cores: 1 })
    }

    #[test]
    fn stolen_time_is_not_work() {
        let check = |now: Result<ProcessorTimes, String>, expected: Option<f64>| {
            assert_eq!(worked(&cpu(100, 50, 1_000), &now).value().copied(), expected, "{now:?}");
        };
        check(cpu(350, 50, 2_000), Some(25.0));
        check(cpu(350, 700, 2_000), Some(25.0));
        check(cpu(1_100, 50, 2_000), Some(100.0));
        check(cpu(100, 50, 1_000), None);
        check(cpu(99, 50, 2_000), None);
        check(cpu(350, 50, 999), None);
        check(Err("lost".to_string()), None);
    }

    #[test]
    fn a_mean_needs_a_value_from_every_poll() {
        let check = |values: &[Known<f64>], expected: Known<f64>| {
            let mut mean = PollMean::default();
            values.iter().for_each(|value| mean.add(value));
            assert_eq!(mean.value(), expected, "{values:?}");
        };
        let lost = || Known::Unseen("lost".to_string());
        check(&[Known::Is(10.0), Known::Is(0.0), Known::Is(20.0)], Known::Is(10.0));
        check(&[Known::Absent, Known::Absent], Known::Absent);
        check(&[Known::Is(10.0), lost(), Known::Is(10.0)], lost());
        check(&[Known::Absent, Known::Is(10.0)], Known::Unseen("the set of GPUs changed".to_string()));
        check(&[], Known::Unseen("not polled yet".to_string()));
    }
}
