use std::time::Duration;

use crate::engine::matches;
use crate::scenario::{CallFault, ImdsFault, Scenario};

/// For each failure rule of the scenario, the number of matching requests that no earlier rule
/// failed.
#[derive(Debug, Default)]
pub(super) struct FaultCounters {
    calls: Vec<u32>,
    imds: Vec<u32>,
}

impl FaultCounters {
    pub(super) fn new(rules: &Scenario) -> FaultCounters {
        FaultCounters { calls: vec![0; rules.failures.len()], imds: vec![0; rules.imds.len()] }
    }

    /// Counts a call, and returns the failure that it meets.
    pub(super) fn call_fault(&mut self, rules: &Scenario, action: &str) -> Option<CallFault> {
        for (met, rule) in
            self.calls.iter_mut().zip(&rules.failures).filter(|(_, rule)| matches(&rule.call, action))
        {
            if take_failure(met, rule.skip, rule.times) {
                return Some(rule.how.clone());
            }
        }
        None
    }

    /// Counts a metadata request, and returns the failure that it meets. `path` begins after
    /// `latest/`.
    pub(super) fn imds_fault(&mut self, rules: &Scenario, path: &str) -> Option<ImdsFault> {
        for (met, rule) in self.imds.iter_mut().zip(&rules.imds).filter(|(_, rule)| matches(&rule.path, path))
        {
            if take_failure(met, rule.skip, rule.times) {
                return Some(rule.how.clone());
            }
        }
        None
    }
}

fn take_failure(met: &mut u32, skip: u32, times: Option<u32>) -> bool {
    let number = *met;
    *met = met.saturating_add(1);
    number >= skip && times.is_none_or(|times| number - skip < times)
}

/// Converts a span to a delay of real time, at most a minute.
pub(super) fn delay(span: crate::scenario::ScenarioSpan) -> Duration {
    Duration::from_secs(span.0.as_secs().clamp(0, 60).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_rule_skips_calls_and_expires() {
        let rules = Scenario::parse("failures: [{call: Run*, skip: 1, times: 2, how: lost}]").unwrap();
        let mut faults = FaultCounters::new(&rules);
        let met: Vec<bool> = (0..5).map(|_| faults.call_fault(&rules, "RunInstances").is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert!(faults.call_fault(&rules, "StopInstances").is_none());
    }
}
