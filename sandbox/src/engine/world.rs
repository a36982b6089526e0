use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::addresses::ElasticIp;
use super::agenda::{EventQueue, EventQueueEntry, SandboxEvent};
use super::groups::SecurityGroup;
use super::iam::{IamDirectory, Principal};
use super::ids::{IdSource, derived_fraction};
use super::images::MachineImage;
use super::instance::{EbsVolume, SandboxInstance, SandboxInstanceState, SpotRequest, UsageRecord};
use super::keys::KeyPair;
use super::network::RegionNetwork;
use super::reservations::CapacityReservation;
use super::schedules::EventSchedule;
use super::storage::VolumeSnapshot;
use super::templates::LaunchTemplate;
use super::throttle::ThrottleBuckets;
use super::{ApiError, ApiResult, sts};
use crate::facts::AwsFacts;
use crate::scenario::Scenario;
use crate::wire::{QueryParams, XmlContent};

/// The account that every sandbox has. AWS issues no account id like this.
pub(crate) const FIRST_ACCOUNT: &str = "000000000001";

/// A call as read from the wire, with its signature already checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApiCall {
    pub(crate) access_key: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) action: String,
    /// A URL-encoded form or JSON, depending on the service.
    pub(crate) body: String,
    pub(crate) request: String,
}

/// An answer before serialization.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ApiReply {
    Xml(XmlContent),
    Json(Value),
}

/// The whole sandbox: its state, and the facts and rules that it follows.
pub(crate) struct SandboxWorld {
    pub(crate) state: WorldState,
    pub(crate) facts: Arc<AwsFacts>,
    pub(crate) rules: Scenario,
    pub(crate) buckets: ThrottleBuckets,
}

/// The state that is stored in the state folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorldState {
    pub(crate) seed: u64,
    ids: IdSource,
    agenda: EventQueue,
    pub(crate) accounts: BTreeMap<String, SandboxAccount>,
    pub(crate) keys: BTreeMap<String, AccessKey>,
    latest: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub(crate) secret: String,
    pub(crate) session: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) principal: Principal,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SandboxAccount {
    pub(crate) iam: IamDirectory,
    pub(crate) regions: BTreeMap<String, RegionResources>,
    pub(crate) usage: Vec<UsageRecord>,
    pub(crate) trail: Vec<TrailEvent>,
}

/// The CloudTrail record of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TrailEvent {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) action: String,
    pub(crate) who: String,
    pub(crate) access_key: String,
    pub(crate) error: Option<String>,
}

/// The resources of an account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RegionResources {
    pub(crate) instances: BTreeMap<String, SandboxInstance>,
    pub(crate) volumes: BTreeMap<String, EbsVolume>,
    pub(crate) snapshots: BTreeMap<String, VolumeSnapshot>,
    pub(crate) images: BTreeMap<String, MachineImage>,
    pub(crate) spot: BTreeMap<String, SpotRequest>,
    pub(crate) groups: BTreeMap<String, SecurityGroup>,
    pub(crate) keys: BTreeMap<String, KeyPair>,
    pub(crate) addresses: BTreeMap<String, ElasticIp>,
    pub(crate) reservations: BTreeMap<String, CapacityReservation>,
    pub(crate) templates: BTreeMap<String, LaunchTemplate>,
    pub(crate) schedules: BTreeMap<String, EventSchedule>,
    /// Used idempotency tokens. The key is a scope (region, zone or action) and the token.
    pub(crate) tokens: BTreeMap<String, ClientTokenUse>,
    /// The counter from which public addresses are made.
    pub(crate) handed_out: u32,
    pub(crate) network: RegionNetwork,
}

/// The first use of an idempotency token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClientTokenUse {
    pub(crate) form: String,
    /// The reservation id, the spot request ids, or the whole answer.
    pub(crate) answer: String,
}

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
    agenda: &'a mut EventQueue,
}

impl SandboxWorld {
    pub(crate) fn new(facts: Arc<AwsFacts>, rules: Scenario, seed: u64, now: Timestamp) -> SandboxWorld {
        let mut state = WorldState {
            seed,
            ids: IdSource::new(seed),
            agenda: EventQueue::default(),
            accounts: BTreeMap::new(),
            keys: BTreeMap::new(),
            latest: now,
        };
        state.add_account(FIRST_ACCOUNT);
        state.add_user(FIRST_ACCOUNT, "sandbox", &[]);
        for account in &rules.accounts {
            state.add_account(&account.id);
            for user in &account.users {
                state.add_user(&account.id, &user.name, &user.policies);
            }
        }
        SandboxWorld { state, facts, rules, buckets: ThrottleBuckets::default() }
    }

    /// Restores a world from stored state.
    pub(crate) fn restore(facts: Arc<AwsFacts>, rules: Scenario, state: WorldState) -> SandboxWorld {
        SandboxWorld { state, facts, rules, buckets: ThrottleBuckets::default() }
    }

    pub(crate) fn key(&self, access_key: &str) -> Option<&AccessKey> {
        self.state.keys.get(access_key)
    }

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

    /// Answers a call. Throttling is a separate step, so that a journal can be replayed.
    pub(crate) fn call(&mut self, now: Timestamp, call: &ApiCall) -> ApiResult<ApiReply> {
        self.apply_due_events(now);
        let key = self.state.keys.get(&call.access_key);
        let principal = key.map(|key| key.principal.clone());
        let principal = principal.ok_or_else(|| {
            ApiError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
        })?;
        let account = principal.account().to_string();
        let who = principal.arn();
        let done = self.answer_in_account(now, call, &account, principal);
        if !is_read(&call.action) {
            let event = TrailEvent {
                id: call.request.clone(),
                at: now,
                service: call.service.clone(),
                region: call.region.clone(),
                action: call.action.clone(),
                who,
                access_key: call.access_key.clone(),
                error: done.as_ref().err().map(|error| error.code.to_string()),
            };
            if let Some(account) = self.state.accounts.get_mut(&account) {
                account.trail.push(event);
            }
        }
        done
    }

    /// Answers a call in the caller's account. AssumeRole for a role of another account needs the
    /// permission of both accounts.
    fn answer_in_account(
        &mut self,
        now: Timestamp,
        call: &ApiCall,
        account: &str,
        caller: Principal,
    ) -> ApiResult<ApiReply> {
        let broken = || ApiError::new("InternalError", "An internal error has occurred");
        let mut desk = self.region_view(now, account, &call.region, caller.clone()).ok_or_else(broken)?;
        let Some((role, host)) = sts::foreign_role(call, account) else {
            return super::services::answer(&mut desk, call);
        };
        desk.may_assume(&role)?;
        let denied = sts::assume_role_denied(&caller, &role);
        let mut desk = self.region_view(now, &host, &call.region, caller).ok_or(denied)?;
        super::services::answer(&mut desk, call)
    }

    /// Takes the call's tokens from its buckets. Fails with `RequestLimitExceeded` if one is empty.
    pub(crate) fn throttle(&mut self, now: Timestamp, call: &ApiCall) -> ApiResult<()> {
        if !self.rules.throttling.0 || call.service != "ec2" {
            return Ok(());
        }
        let account = self.key(&call.access_key).map(|key| key.principal.account().to_string());
        let account = account.unwrap_or_default();
        let params = QueryParams::parse(call.body.as_bytes()).unwrap_or_default();
        self.buckets.take(now, &account, &call.region, &call.action, &params)
    }

    /// Returns the view of one region of an account; none if the account is unknown.
    pub(crate) fn region_view<'a>(
        &'a mut self,
        now: Timestamp,
        account: &'a str,
        region: &'a str,
        caller: Principal,
    ) -> Option<RegionView<'a>> {
        let SandboxWorld { state, facts, rules, .. } = self;
        let WorldState { seed, ids, agenda, accounts, keys, .. } = state;
        let SandboxAccount { iam, regions, usage, trail } = accounts.get_mut(account)?;
        let here = regions.entry(region.to_string()).or_default();
        let mut desk = RegionView {
            now,
            seed: *seed,
            account,
            region,
            caller,
            facts,
            rules,
            ids,
            iam,
            here,
            usage,
            keys,
            trail,
            agenda,
        };
        desk.create_default_network();
        Some(desk)
    }

    /// Returns the account and region of an instance.
    pub(crate) fn find(&self, instance: &str) -> Option<(String, String)> {
        self.state.accounts.iter().find_map(|(account, held)| {
            let region = held.regions.iter().find(|(_, here)| here.instances.contains_key(instance));
            region.map(|(region, _)| (account.clone(), region.clone()))
        })
    }

    /// Sends an interruption notice to a spot instance, for the control endpoint.
    pub(crate) fn interrupt(&mut self, now: Timestamp, instance: &str) -> ApiResult<()> {
        self.apply_due_events(now);
        let (account, region) = self
            .find(instance)
            .ok_or_else(|| ApiError::unknown_id(super::ResourceKind::Instance, instance))?;
        let caller = Principal::Service { account: account.clone() };
        let mut desk = self.region_view(now, &account, &region, caller).expect("the account was found");
        desk.send_interruption_notice(instance)
    }

    /// Shuts an instance down from inside, as `poweroff` does.
    pub(crate) fn power_off(&mut self, now: Timestamp, instance: &str) -> ApiResult<()> {
        self.apply_due_events(now);
        let (account, region) = self
            .find(instance)
            .ok_or_else(|| ApiError::unknown_id(super::ResourceKind::Instance, instance))?;
        let caller = Principal::Service { account: account.clone() };
        let mut desk = self.region_view(now, &account, &region, caller).expect("the account was found");
        desk.power_off(instance)
    }
}

impl WorldState {
    fn add_account(&mut self, id: &str) {
        self.accounts.insert(id.to_string(), SandboxAccount::default());
    }

    fn add_user(&mut self, account: &str, name: &str, policies: &[Value]) {
        let (key, secret) = credentials(account, name);
        let principal = Principal::User { account: account.to_string(), name: name.to_string() };
        self.keys.insert(key, AccessKey { secret, session: None, expires: None, principal });
        if let Some(held) = self.accounts.get_mut(account) {
            held.iam.add_user(name, policies);
        }
    }
}

/// Returns a user's access key id and secret. They are derived from the names, so that scripts can
/// know them in advance.
pub(crate) fn credentials(account: &str, user: &str) -> (String, String) {
    let mut ids = IdSource::new((derived_fraction(0, &[account, user]) * 1e15) as u64);
    // AWS's key ids contain no 0 and no 1, so this is never a real one.
    (format!("AKIA0SANDBOX{}", ids.letters(8)), format!("sandbox/{}", ids.letters(32)))
}

/// Returns whether an action only reads, judged by its name.
pub(crate) fn is_read(action: &str) -> bool {
    ["Describe", "Get", "List", "Lookup"].iter().any(|begin| action.starts_with(begin))
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

    /// Fails on parameters that were not read, and with `DryRunOperation` on a dry run. Calls
    /// change state only after this check.
    pub(crate) fn finish_checks(&self, params: &crate::wire::QueryParamPart<'_>) -> ApiResult<()> {
        let rehearsal = params.flag("DryRun")?.unwrap_or(false);
        params.params().check_all_read()?;
        if rehearsal {
            return Err(ApiError::new(
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
            ));
        }
        Ok(())
    }

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

    /// Returns the instance if its state has not changed since the event was planned.
    pub(crate) fn unchanged(&mut self, id: &str, change: u32) -> Option<&mut SandboxInstance> {
        self.here.instances.get_mut(id).filter(|instance| instance.change == change)
    }

    fn forget(&mut self, id: &str) {
        if self.here.instances.get(id).is_some_and(|found| found.state == SandboxInstanceState::Terminated) {
            self.here.instances.remove(id);
        }
    }
}
