//! Events that happen without a call, by the clock or through the control API.

use domain::Timestamp;

use crate::core::{
    ApiError, ApiResult, EventQueueEntry, Principal, RegionView, ResourceKind, SandboxEvent,
    SandboxInstanceState, SandboxWorld,
};

impl SandboxWorld {
    /// Applies all events that are due at `now`.
    pub(crate) fn apply_due_events(&mut self, now: Timestamp) {
        self.state.latest = self.state.latest.max(now);
        while let Some(EventQueueEntry { at, account, region, event, .. }) = self.state.agenda.pop_due(now) {
            let caller = Principal::Service { account: account.clone() };
            if let Some(mut desk) = self.region_view(at, &account, &region, caller) {
                desk.apply_event(event);
            }
        }
    }

    /// Sends an interruption notice to a spot instance, for the control endpoint.
    pub(crate) fn interrupt(&mut self, now: Timestamp, instance: &str) -> ApiResult<()> {
        self.apply_due_events(now);
        let (account, region) =
            self.find(instance).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, instance))?;
        let caller = Principal::Service { account: account.clone() };
        let mut desk = self.region_view(now, &account, &region, caller).expect("the account was found");
        desk.send_interruption_notice(instance)
    }

    /// Shuts an instance down from inside, as `poweroff` does.
    pub(crate) fn power_off(&mut self, now: Timestamp, instance: &str) -> ApiResult<()> {
        self.apply_due_events(now);
        let (account, region) =
            self.find(instance).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, instance))?;
        let caller = Principal::Service { account: account.clone() };
        let mut desk = self.region_view(now, &account, &region, caller).expect("the account was found");
        desk.power_off(instance)
    }
}

impl RegionView<'_> {
    fn apply_event(&mut self, event: SandboxEvent) {
        match event {
            SandboxEvent::Arrive { instance, change } => self.finish_transition(&instance, change),
            SandboxEvent::Forget { instance } => self.forget(&instance),
            SandboxEvent::Rebalance { instance, change } => {
                let now = self.now;
                if let Some(found) = self.unchanged(&instance, change) {
                    found.rebalance = Some(now);
                }
            }
            SandboxEvent::Notice { instance, change } => {
                if self.unchanged(&instance, change).is_some() {
                    let _ = self.send_interruption_notice(&instance);
                }
            }
            SandboxEvent::Interrupt { instance, change } => {
                if self.unchanged(&instance, change).is_some() {
                    self.reclaim_instance(&instance);
                }
            }
            SandboxEvent::Announce { instance, change, rule } => self.announce(&instance, change, rule),
            SandboxEvent::Relaunch { request } => self.relaunch(&request),
            SandboxEvent::Release { reservation } => self.expire(&reservation),
            SandboxEvent::Fire { schedule, plan, attempt } => self.run_schedule(&schedule, plan, attempt),
        }
    }

    fn forget(&mut self, id: &str) {
        if self.here.instances.get(id).is_some_and(|found| found.state == SandboxInstanceState::Terminated) {
            self.here.instances.remove(id);
        }
    }
}
