use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// An event that happens without a call when its time has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum SandboxEvent {
    /// An instance leaves a transitional state. Ignored if its state has changed since.
    Arrive { instance: String, change: u32 },
    /// A terminated instance disappears from the listings.
    Forget { instance: String },
    /// AWS sends a rebalance recommendation.
    Rebalance { instance: String, change: u32 },
    /// AWS announces that it will reclaim a spot instance.
    Notice { instance: String, change: u32 },
    /// AWS reclaims a spot instance.
    Interrupt { instance: String, change: u32 },
    /// AWS announces a maintenance event.
    Announce { instance: String, change: u32, rule: usize },
    /// An open spot request tries to launch.
    Relaunch { request: String },
    /// A capacity reservation reaches its end date.
    Release { reservation: String },
    /// A schedule is due. Ignored if the schedule has changed since: then `plan` differs.
    Fire { schedule: String, plan: u32, attempt: i64 },
}

/// The planned events of all accounts and regions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct EventQueue {
    /// Latest first, so that the next event is the last element.
    entries: Vec<EventQueueEntry>,
    added: u64,
}

/// A planned event with its time, account and region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EventQueueEntry {
    pub(crate) at: Timestamp,
    number: u64,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) event: SandboxEvent,
}

impl EventQueue {
    pub(crate) fn push(&mut self, at: Timestamp, account: &str, region: &str, event: SandboxEvent) {
        self.added += 1;
        let key = (at, self.added);
        let place = self.entries.partition_point(|entry| (entry.at, entry.number) > key);
        let (account, region) = (account.to_string(), region.to_string());
        self.entries.insert(place, EventQueueEntry { at, number: self.added, account, region, event });
    }

    /// Removes and returns the earliest event that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<EventQueueEntry> {
        if self.entries.last()?.at > now { None } else { self.entries.pop() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_by_time_then_in_order_of_insertion() {
        let mut agenda = EventQueue::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (seconds, name) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
            agenda.push(at(seconds), "", "", SandboxEvent::Forget { instance: name.to_string() });
        }
        let mut seen = Vec::new();
        while let Some(entry) = agenda.pop_due(at(5)) {
            let SandboxEvent::Forget { instance } = entry.event else { unreachable!() };
            seen.push(instance);
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        agenda.push(at(9), "", "", SandboxEvent::Forget { instance: String::new() });
        assert!(agenda.pop_due(at(8)).is_none());
    }
}
