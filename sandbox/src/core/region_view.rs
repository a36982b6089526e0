use std::collections::BTreeMap;

use domain::Timestamp;

use super::account::{AccessKey, TrailEvent, UsageRecord};
use super::event_queue::{EventQueue, SandboxEvent};
use super::iam_directory::{IamDirectory, Principal};
use super::ids::IdSource;
use super::instance::SandboxInstance;
use super::resources::RegionResources;
use crate::facts::AwsFacts;
use crate::scenario::Scenario;

/// The view of one call: its time, its account, and the resources of its region.
pub(crate) struct RegionView<'a> {
    pub(crate) now: Timestamp,
    pub(crate) seed: u64,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) caller: Principal,
    pub(crate) facts: &'a AwsFacts,
    pub(crate) rules: &'a Scenario,
    pub(crate) ids: &'a mut IdSource,
    pub(crate) iam: &'a mut IamDirectory,
    pub(crate) here: &'a mut RegionResources,
    pub(crate) usage: &'a mut Vec<UsageRecord>,
    pub(crate) keys: &'a mut BTreeMap<String, AccessKey>,
    pub(crate) trail: &'a mut Vec<TrailEvent>,
    pub(super) agenda: &'a mut EventQueue,
}

impl RegionView<'_> {
    /// Plans an event in this region, `after` from now.
    pub(crate) fn plan_event(&mut self, after: jiff::SignedDuration, event: SandboxEvent) {
        let at = self.now.checked_add(after).unwrap_or(Timestamp::MAX);
        self.agenda.push(at, self.account, self.region, event);
    }

    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition(), self.region, self.account)
    }

    pub(crate) fn partition(&self) -> &str {
        self.facts.regions.get(self.region).map_or("aws", |region| &region.partition)
    }

    /// Returns the instance if its state has not changed since the event was planned.
    pub(crate) fn unchanged(&mut self, id: &str, change: u32) -> Option<&mut SandboxInstance> {
        self.here.instances.get_mut(id).filter(|instance| instance.change == change)
    }
}
