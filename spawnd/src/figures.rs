//! What the machine did in the time of a heartbeat: from two samples of its counters, and what was seen of its GPUs
//! at each look in between.

use crate::gpu::Cards;
use crate::signals::{Processors, Sample, grown};
use domain::Known;
use jiff::SignedDuration;
use lifecycle::Measured;
use lifecycle::tag::{Figures, LONGEST_PERIOD};

/// Time that is being measured.
pub(crate) struct Window {
    since: Sample,
    gpu: Mean,
    memory: Mean,
}

impl Window {
    /// A window that begins with this sample.
    pub(crate) fn since(since: Sample) -> Window {
        Window { since, gpu: Mean::default(), memory: Mean::default() }
    }

    /// Takes in what one look in the window saw of the GPUs.
    pub(crate) fn add(&mut self, cards: &Cards) {
        self.gpu.add(&cards.work);
        let bytes = match &cards.memory {
            Known::Is(bytes) => Known::Is(*bytes as f64),
            Known::Absent => Known::Absent,
            Known::Unseen(why) => Known::Unseen(why.clone()),
        };
        self.memory.add(&bytes);
    }

    /// Longer than a heartbeat can say.
    pub(crate) fn is_too_long(&self, mono: SignedDuration) -> bool {
        mono - self.since.mono > LONGEST_PERIOD
    }

    /// The figures from the beginning to a later sample; none when no time has passed.
    pub(crate) fn measured(&self, now: &Sample) -> Option<Measured> {
        let over = now.mono - self.since.mono;
        let figures = Figures {
            cpu: worked(&self.since.cpu, &now.cpu),
            network_in: grown(&self.since.received, &now.received),
            network_out: grown(&self.since.sent, &now.sent),
            disk: grown(&self.since.disk, &now.disk),
            gpu: self.gpu.value(),
            gpu_memory: match self.memory.value() {
                Known::Is(bytes) => Known::Is(bytes.round() as u64),
                Known::Absent => Known::Absent,
                Known::Unseen(why) => Known::Unseen(why),
            },
        };
        (over > SignedDuration::ZERO).then_some(Measured { until: now.mono, over, figures })
    }
}

/// Percent of all processors' time in which they worked.
fn worked(before: &Result<Processors, String>, now: &Result<Processors, String>) -> Known<f64> {
    let (old, new) = match (before, now) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => return Known::Unseen(why.clone()),
    };
    match (new.worked.checked_sub(old.worked), new.all.checked_sub(old.all)) {
        (Some(worked), Some(all)) if all >= worked && all > 0 => {
            Known::Is(worked as f64 / all as f64 * 100.0)
        }
        _ => Known::Unseen("the processors' counters do not go on".to_string()),
    }
}

/// The mean of what several looks saw; one that could not see leaves it unseen.
#[derive(Default)]
struct Mean {
    sum: f64,
    looks: u32,
    absent: u32,
    unseen: Option<String>,
}

impl Mean {
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
            (None, 0, 0) => Known::Unseen("nobody has looked".to_string()),
            (None, 0, _) => Known::Absent,
            (None, looks, 0) => Known::Is(self.sum / f64::from(looks)),
            (None, ..) => Known::Unseen("it came or went".to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(worked: u64, stolen: u64, all: u64) -> Result<Processors, String> {
        Ok(Processors { worked, stolen, all })
    }

    #[test]
    fn what_the_hypervisor_took_is_no_work() {
        let check = |now: Result<Processors, String>, expected: Option<f64>| {
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
    fn a_mean_is_of_looks_that_saw() {
        let check = |values: &[Known<f64>], expected: Known<f64>| {
            let mut mean = Mean::default();
            values.iter().for_each(|value| mean.add(value));
            assert_eq!(mean.value(), expected, "{values:?}");
        };
        let lost = || Known::Unseen("lost".to_string());
        check(&[Known::Is(10.0), Known::Is(0.0), Known::Is(20.0)], Known::Is(10.0));
        check(&[Known::Absent, Known::Absent], Known::Absent);
        check(&[Known::Is(10.0), lost(), Known::Is(10.0)], lost());
        check(&[Known::Absent, Known::Is(10.0)], Known::Unseen("it came or went".to_string()));
        check(&[], Known::Unseen("nobody has looked".to_string()));
    }
}
