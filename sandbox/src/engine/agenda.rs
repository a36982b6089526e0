use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that will happen by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// An instance comes out of a passing state; void when the state has changed since.
    Arrive { instance: String, change: u32 },
    /// A terminated instance is no longer listed.
    Forget { instance: String },
    /// AWS recommends to rebalance.
    Rebalance { instance: String, change: u32 },
    /// AWS announces that it takes a spot instance back.
    Notice { instance: String, change: u32 },
    /// AWS takes a spot instance back.
    Interrupt { instance: String, change: u32 },
    /// A scheduled event is announced.
    Announce { instance: String, change: u32, rule: usize },
    /// An open spot request tries to launch.
    Relaunch { request: String },
    /// A capacity reservation ends.
    Release { reservation: String },
    /// A schedule is due; void when its plan has changed since.
    Fire { schedule: String, plan: u32, attempt: i64 },
}

/// What will happen, the next first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Agenda {
    /// In falling order, so that the next one is the last.
    entries: Vec<Entry>,
    added: u64,
}

/// An event and where it happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    number: u64,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) event: Event,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Timestamp, account: &str, region: &str, event: Event) {
        self.added += 1;
        let key = (at, self.added);
        let place = self.entries.partition_point(|entry| (entry.at, entry.number) > key);
        let (account, region) = (account.to_string(), region.to_string());
        self.entries.insert(place, Entry { at, number: self.added, account, region, event });
    }

    /// The next one that is due.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<Entry> {
        if self.entries.last()?.at > now { None } else { self.entries.pop() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_equals_in_order() {
        let mut agenda = Agenda::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (seconds, name) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
            agenda.add(at(seconds), "", "", Event::Forget { instance: name.to_string() });
        }
        let mut seen = Vec::new();
        while let Some(entry) = agenda.due(at(5)) {
            let Event::Forget { instance } = entry.event else { unreachable!() };
            seen.push(instance);
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        agenda.add(at(9), "", "", Event::Forget { instance: String::new() });
        assert!(agenda.due(at(8)).is_none());
    }
}
