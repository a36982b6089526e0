use super::prices::LINUX;
use crate::core::{
    ApiError, ApiResult, HourlyRate, MaintenanceEvent, RegionView, ReservationTarget, ResourceKind,
    ResourceTags, SandboxEvent, SandboxInstance, SandboxInstanceState, StateReason, UsageRecord, matches,
};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

impl RegionView<'_> {
    /// Returns the ids that a call names. Fails if one of the instances does not exist.
    pub(crate) fn named_instances(&self, params: &QueryParamPart<'_>) -> ApiResult<Vec<String>> {
        let ids: Vec<String> = params.list("InstanceId").into_iter().map(String::from).collect();
        if ids.is_empty() {
            return Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter InstanceId",
            ));
        }
        let missing: Vec<&String> = ids.iter().filter(|id| self.visible(id).is_none()).collect();
        match missing.as_slice() {
            [] => Ok(ids),
            [one] => Err(ApiError::unknown_id(ResourceKind::Instance, one)),
            several => {
                let list: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
                Err(ApiError::new(
                    "InvalidInstanceID.NotFound",
                    format!("The instance IDs '{}' do not exist", list.join(", ")),
                ))
            }
        }
    }

    /// Returns an instance. A new one is found only after the scenario's `visible_after`.
    pub(crate) fn visible(&self, id: &str) -> Option<&SandboxInstance> {
        self.here.instances.get(id).filter(|found| found.visible <= self.now)
    }

    fn may_change(&mut self, action: &str, ids: &[String]) -> ApiResult<()> {
        for id in ids {
            let Some(found) = self.here.instances.get(id) else { continue };
            let tags: ResourceTags = found.tags.clone();
            let kind = found.instance_type.clone();
            let arn = self.arn("ec2", &format!("instance/{id}"));
            self.allow(action, &arn, &tags, &[("ec2:InstanceType".to_string(), vec![kind])])?;
        }
        Ok(())
    }

    pub(crate) fn start_instances(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids = self.named_instances(params)?;
        self.may_change("ec2:StartInstances", &ids)?;
        for id in &ids {
            let found = &self.here.instances[id];
            if !matches!(
                found.state,
                SandboxInstanceState::Stopped | SandboxInstanceState::Running | SandboxInstanceState::Pending
            ) {
                return Err(wrong_state(id, found.state, "started"));
            }
            if found.state == SandboxInstanceState::Stopped {
                let (name, zone, spot) = (&found.instance_type, &found.zone, found.spot_request.is_some());
                let held = !self.slots(found, zone, spot).is_empty();
                if !held {
                    self.within_quota(name, 1, spot)?;
                }
                if matches!(found.target, ReservationTarget::Named(_) | ReservationTarget::Only) && !held {
                    return Err(ApiError::new(
                        "ReservationCapacityExceeded",
                        "The requested reservation does not have sufficient compatible and available capacity for this request.",
                    ));
                }
                if self.free_capacity(name, zone, spot) == 0 && !held {
                    return Err(ApiError::new("InsufficientInstanceCapacity", "Insufficient capacity."));
                }
            }
        }
        self.finish_checks(params)?;
        let mut nodes = Vec::new();
        for id in ids {
            let before = self.here.instances[&id].state;
            if before == SandboxInstanceState::Stopped {
                self.start(&id);
            }
            nodes.push(self.state_change_node(&id, before));
        }
        Ok(XmlFields::new().put("instancesSet", nodes).into())
    }

    /// Starts a stopped instance. It gets a new launch time and, without an Elastic IP, a new
    /// public address.
    pub(crate) fn start(&mut self, id: &str) {
        let address = self.address_for(id);
        let now = self.now;
        let Some(found) = self.here.instances.get_mut(id) else { return };
        found.launched = now;
        found.public_ip = address;
        found.reason = None;
        found.hibernated = false;
        let request = found.spot_request.clone();
        let draft = found.clone();
        let slot = self.slots(&draft, &draft.zone, request.is_some()).into_iter().next();
        if let Some(found) = self.here.instances.get_mut(id) {
            found.capacity = slot;
        }
        self.begin_transition(id, SandboxInstanceState::Pending, self.rules.timing.pending.0);
        self.set_request(request.as_deref(), "active", "fulfilled");
    }

    pub(crate) fn stop_instances(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids = self.named_instances(params)?;
        let hibernate = params.flag("Hibernate")?.unwrap_or(false);
        params.flag("Force")?;
        params.flag("SkipOsShutdown")?;
        self.may_change("ec2:StopInstances", &ids)?;
        for id in &ids {
            let found = &self.here.instances[id];
            if !matches!(
                found.state,
                SandboxInstanceState::Running
                    | SandboxInstanceState::Stopping
                    | SandboxInstanceState::Stopped
                    | SandboxInstanceState::Pending
            ) {
                return Err(wrong_state(id, found.state, "stopped"));
            }
            if found.state == SandboxInstanceState::Pending {
                return Err(wrong_state(id, found.state, "stopped"));
            }
            if found.stop_protected {
                return Err(ApiError::new(
                    "OperationNotPermitted",
                    format!(
                        "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
                    ),
                ));
            }
            if self.request_of(id).is_some_and(|request| !request.persistent) {
                return Err(ApiError::new(
                    "UnsupportedOperation",
                    format!(
                        "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests."
                    ),
                ));
            }
            if hibernate && !found.hibernation {
                return Err(ApiError::new(
                    "UnsupportedHibernationConfiguration",
                    format!("The instance '{id}' was not launched with hibernation enabled."),
                ));
            }
        }
        self.finish_checks(params)?;
        let mut nodes = Vec::new();
        for id in ids {
            let before = self.here.instances[&id].state;
            if before == SandboxInstanceState::Running {
                let code = if hibernate { "UserInitiatedHibernate" } else { "UserInitiatedShutdown" };
                self.stop(&id, hibernate, StateReason::user(code, self.now));
                let request = self.here.instances[&id].spot_request.clone();
                self.set_request(request.as_deref(), "disabled", "instance-stopped-by-user");
            }
            nodes.push(self.state_change_node(&id, before));
        }
        Ok(XmlFields::new().put("instancesSet", nodes).into())
    }

    /// Moves a running instance to stopping.
    pub(crate) fn stop(&mut self, id: &str, hibernate: bool, reason: StateReason) {
        self.close_bill(id);
        if let Some(found) = self.here.instances.get_mut(id) {
            found.reason = Some(reason);
            found.hibernated = hibernate;
            found.notice = None;
            found.rebalance = None;
        }
        let timing = &self.rules.timing;
        let span = if hibernate { timing.hibernating.0 } else { timing.stopping.0 };
        self.begin_transition(id, SandboxInstanceState::Stopping, span);
    }

    /// Serves TerminateInstances. As in EC2, stop protection refuses it too, and a protected
    /// instance also protects the named instances of its zone. Those in other zones are
    /// terminated, and the call still fails.
    pub(crate) fn terminate_instances(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids = self.named_instances(params)?;
        params.flag("SkipOsShutdown")?;
        params.flag("Force")?;
        self.may_change("ec2:TerminateInstances", &ids)?;
        let guarded: Vec<&String> = ids
            .iter()
            .filter(|id| {
                let found = &self.here.instances[*id];
                (found.protected || found.stop_protected) && !found.state.is_over()
            })
            .collect();
        let refusal = guarded.first().map(|id| {
            let protected = self.here.instances[*id].protected;
            let attribute = if protected { "disableApiTermination" } else { "disableApiStop" };
            ApiError::new("OperationNotPermitted", format!(
                "The instance '{id}' may not be terminated. Modify its '{attribute}' instance attribute and try again."
            ))
        });
        let zones: Vec<String> = guarded.iter().map(|id| self.here.instances[*id].zone.clone()).collect();
        self.finish_checks(params)?;
        let mut nodes = Vec::new();
        for id in ids {
            let before = self.here.instances[&id].state;
            if zones.contains(&self.here.instances[&id].zone) {
                continue;
            }
            if !before.is_over() {
                self.terminate(
                    &id,
                    StateReason::user("UserInitiatedShutdown", self.now),
                    "instance-terminated-by-user",
                );
            }
            nodes.push(self.state_change_node(&id, before));
        }
        match refusal {
            Some(error) => Err(error),
            None => Ok(XmlFields::new().put("instancesSet", nodes).into()),
        }
    }

    /// Moves an instance to shutting-down. Its persistent spot request opens again.
    pub(crate) fn terminate(&mut self, id: &str, reason: StateReason, status: &str) {
        self.close_bill(id);
        if let Some(found) = self.here.instances.get_mut(id) {
            found.reason = Some(reason);
            found.hibernated = false;
            found.notice = None;
        }
        self.begin_transition(id, SandboxInstanceState::ShuttingDown, self.rules.timing.shutting_down.0);
        self.update_request_of_ended(id, status);
    }

    pub(crate) fn reboot_instances(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids = self.named_instances(params)?;
        self.may_change("ec2:RebootInstances", &ids)?;
        if let Some(id) =
            ids.iter().find(|id| self.here.instances[*id].state != SandboxInstanceState::Running)
        {
            return Err(wrong_state(id, self.here.instances[id].state, "rebooted"));
        }
        self.finish_checks(params)?;
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Shuts an instance down from inside: it stops or terminates, by its shutdown behavior.
    pub(crate) fn power_off(&mut self, id: &str) -> ApiResult<()> {
        let found =
            self.here.instances.get(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, id))?;
        if found.state != SandboxInstanceState::Running {
            return Err(wrong_state(id, found.state, "powered off"));
        }
        let reason = StateReason {
            code: "Client.InstanceInitiatedShutdown".to_string(),
            message: "Client.InstanceInitiatedShutdown: Instance initiated shutdown".to_string(),
            text: String::new(),
        };
        if found.terminate_on_shutdown {
            self.terminate(id, reason, "instance-terminated-by-user");
        } else {
            self.stop(id, false, reason);
            let request = self.here.instances[id].spot_request.clone();
            self.set_request(request.as_deref(), "disabled", "instance-stopped-by-user");
        }
        Ok(())
    }

    fn begin_transition(&mut self, id: &str, state: SandboxInstanceState, span: jiff::SignedDuration) {
        let Some(found) = self.here.instances.get_mut(id) else { return };
        found.state = state;
        if !state.is_up() {
            found.capacity = None;
        }
        found.change += 1;
        let change = found.change;
        self.plan_event(span, SandboxEvent::Arrive { instance: id.to_string(), change });
    }

    fn state_change_node(&self, id: &str, before: SandboxInstanceState) -> XmlContent {
        let now = self.here.instances[id].state;
        XmlFields::new()
            .put("instanceId", id)
            .put("currentState", now.node())
            .put("previousState", before.node())
            .into()
    }

    /// Moves an instance from a transitional state to the state that follows.
    pub(crate) fn finish_transition(&mut self, id: &str, change: u32) {
        let Some(found) = self.unchanged(id, change) else { return };
        found.state = match found.state {
            SandboxInstanceState::Pending => SandboxInstanceState::Running,
            SandboxInstanceState::Stopping => SandboxInstanceState::Stopped,
            SandboxInstanceState::ShuttingDown => SandboxInstanceState::Terminated,
            state => state,
        };
        found.change += 1;
        match found.state {
            SandboxInstanceState::Running => self.start_running(id),
            SandboxInstanceState::Stopped => {
                let kept = self.elastic_of(id).map(|address| address.ip.clone());
                if let Some(found) = self.here.instances.get_mut(id) {
                    found.public_ip = kept;
                }
            }
            SandboxInstanceState::Terminated => self.free_resources(id),
            _ => {}
        }
    }

    fn start_running(&mut self, id: &str) {
        let found = self.here.instances[id].clone();
        let spot = found.spot_request.is_some();
        let rate = if spot {
            self.spot_price(&found.instance_type, &found.zone, LINUX, self.now)
        } else {
            self.on_demand(&found.instance_type)
        };
        if let Some(running) = self.here.instances.get_mut(id) {
            running.bill = Some(self.usage.len());
        }
        self.usage.push(UsageRecord {
            instance: id.to_string(),
            region: self.region.to_string(),
            instance_type: found.instance_type.clone(),
            spot,
            zone: found.zone.clone(),
            rate: HourlyRate(rate.unwrap_or_default()),
            from: found.launched,
            until: None,
            tags: found.tags.clone(),
        });
        let rules = self.rules;
        let fits = |pattern: &str| matches(pattern, &found.instance_type);
        let change = found.change;
        let instance = || id.to_string();
        for rule in rules
            .interruptions
            .iter()
            .filter(|rule| spot && fits(&rule.instance_type) && matches(&rule.zone, &found.zone))
        {
            if let Some(before) = rule.rebalance_before {
                self.plan_event(
                    rule.after.0 - before.0,
                    SandboxEvent::Rebalance { instance: instance(), change },
                );
            }
            self.plan_event(rule.after.0, SandboxEvent::Notice { instance: instance(), change });
        }
        for (number, rule) in rules.events.iter().enumerate().filter(|(_, rule)| fits(&rule.instance_type)) {
            self.plan_event(
                rule.after.0,
                SandboxEvent::Announce { instance: instance(), change, rule: number },
            );
        }
    }

    pub(crate) fn announce(&mut self, id: &str, change: u32, rule: usize) {
        let Some(rule) = self.rules.events.get(rule) else { return };
        let event = self.ids.id("instance-event-");
        let at = self.now + rule.notice.0;
        if let Some(found) = self.unchanged(id, change) {
            found.events.push(MaintenanceEvent { id: event, code: rule.code.clone(), at });
        }
    }

    fn close_bill(&mut self, id: &str) {
        let now = self.now;
        if let Some(open) = self.open_bill(id) {
            open.until = Some(now);
        }
    }

    /// Returns the open billing record of an instance.
    pub(crate) fn open_bill(&mut self, id: &str) -> Option<&mut UsageRecord> {
        let last = self.here.instances.get(id)?.bill?;
        self.usage.get_mut(last).filter(|usage| usage.until.is_none())
    }

    /// Frees the resources of a terminated instance: its addresses, and its volumes according to
    /// their `DeleteOnTermination`.
    fn free_resources(&mut self, id: &str) {
        let now = self.now;
        let Some(found) = self.here.instances.get_mut(id) else { return };
        found.public_ip = None;
        found.interface_tags.clear();
        let volumes = std::mem::take(&mut found.volumes);
        for mapping in volumes {
            if mapping.delete {
                self.here.volumes.remove(&mapping.volume);
            } else if let Some(volume) = self.here.volumes.get_mut(&mapping.volume) {
                volume.instance = None;
            }
        }
        for address in
            self.here.addresses.values_mut().filter(|address| address.instance.as_deref() == Some(id))
        {
            address.instance = None;
        }
        debug_assert!(now >= self.here.instances[id].launched, "time runs forward");
        self.plan_event(
            self.rules.timing.terminated_visible.0,
            SandboxEvent::Forget { instance: id.to_string() },
        );
    }
}

/// Builds an `IncorrectInstanceState` error with AWS's message.
pub(crate) fn wrong_state(id: &str, state: SandboxInstanceState, done: &str) -> ApiError {
    let message = match (state, done) {
        (SandboxInstanceState::Pending, "stopped") => {
            format!("The instance '{id}' is not in a state from which it can be stopped.")
        }
        (_, "started" | "stopped" | "rebooted") => {
            format!("The instance '{id}' is not in a state from which it can be {done}.")
        }
        _ => format!("The instance '{id}' is not in the '{}' state.", "running"),
    };
    ApiError::new("IncorrectInstanceState", message)
}
