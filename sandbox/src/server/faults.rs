use std::time::Duration;

use crate::core::matches;
use crate::scenario::{CallFault, ImdsFault, Scenario};

/// The number of matching requests for each failure rule of the scenario.
#[derive(Debug, Default)]
pub(super) struct FaultCounters {
    calls: Vec<u32>,
    imds: Vec<u32>,
}

impl FaultCounters {
    pub(super) fn new(rules: &Scenario) -> FaultCounters {
        FaultCounters { calls: vec![0; rules.failures.len()], imds: vec![0; rules.imds.len()] }
    }

    /// Starts the counts of calls again, for new rules.
    pub(super) fn restart_calls(&mut self, rules: &Scenario) {
        self.calls = vec![0; rules.failures.len()];
    }

    /// Counts a call for each rule that matches it. Returns the failure of the first rule that is
    /// due.
    pub(super) fn call_fault(&mut self, rules: &Scenario, action: &str) -> Option<CallFault> {
        let mut fault = None;
        for (met, rule) in
            self.calls.iter_mut().zip(&rules.failures).filter(|(_, rule)| matches(&rule.call, action))
        {
            let fails = take_failure(met, rule.skip, rule.times);
            fault = fault.or_else(|| fails.then(|| rule.how.clone()));
        }
        fault
    }

    /// Counts a metadata request for each rule that matches it. Returns the failure of the first
    /// rule that is due. `path` begins after `latest/`.
    pub(super) fn imds_fault(&mut self, rules: &Scenario, path: &str) -> Option<ImdsFault> {
        let mut fault = None;
        for (met, rule) in self.imds.iter_mut().zip(&rules.imds).filter(|(_, rule)| matches(&rule.path, path))
        {
            let fails = take_failure(met, rule.skip, rule.times);
            fault = fault.or_else(|| fails.then(|| rule.how.clone()));
        }
        fault
    }
}

/// Counts a matching request. Returns whether the rule fails it.
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

    #[test]
    fn every_rule_counts_each_call_that_it_matches() {
        let text =
            "failures: [{call: Run*, times: 1, how: lost}, {call: '*', skip: 2, times: 2, how: malformed}]
imds: [{path: meta-data/*, times: 1, how: lost}, {path: '*', skip: 2, times: 2, how: {status: 503}}]";
        let rules = Scenario::parse(text).unwrap();
        let mut faults = FaultCounters::new(&rules);
        let calls: Vec<Option<CallFault>> =
            (0..5).map(|_| faults.call_fault(&rules, "RunInstances")).collect();
        let malformed = Some(CallFault::Malformed);
        assert_eq!(calls, [Some(CallFault::Lost), None, malformed.clone(), malformed, None]);
        let requests: Vec<Option<ImdsFault>> =
            (0..5).map(|_| faults.imds_fault(&rules, "meta-data/x")).collect();
        let status = Some(ImdsFault::Status(503));
        assert_eq!(requests, [Some(ImdsFault::Lost), None, status.clone(), status, None]);
    }
}
