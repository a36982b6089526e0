use std::collections::BTreeMap;

/// Counts the calls to services, and how many of them had to wait for each other.
#[derive(Debug, Default)]
pub(super) struct CallCounter {
    pub(super) by_action: BTreeMap<String, u64>,
    /// The length of the longest chain of calls of which each began after the one before had its
    /// answer.
    pub(super) in_sequence: u64,
}

/// A call's place in the longest chain that leads to it; 1 for a call that waited for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallChainPlace(u64);

impl CallCounter {
    /// Counts a call that arrived.
    pub(super) fn begin(&mut self, action: &str) -> CallChainPlace {
        *self.by_action.entry(action.to_string()).or_default() += 1;
        CallChainPlace(self.in_sequence + 1)
    }

    /// Records that the answer of a call is about to be sent.
    pub(super) fn finish(&mut self, place: CallChainPlace) {
        self.in_sequence = self.in_sequence.max(place.0);
    }

    pub(super) fn total(&self) -> u64 {
        self.by_action.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_side_by_side_are_one_step_of_the_chain() {
        let mut calls = CallCounter::default();
        let first = calls.begin("A");
        calls.finish(first);
        let (second, third) = (calls.begin("B"), calls.begin("B"));
        calls.finish(second);
        let fourth = calls.begin("C");
        calls.finish(third);
        assert_eq!((calls.in_sequence, calls.total()), (2, 4));
        calls.finish(fourth);
        assert_eq!((calls.in_sequence, calls.by_action["B"]), (3, 2));
    }
}
