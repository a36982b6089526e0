use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::addresses::Address;
use super::agenda::{Agenda, Entry, Event};
use super::groups::Group;
use super::iam::{Iam, Principal};
use super::ids::{Ids, fraction};
use super::images::Image;
use super::instance::{Instance, SpotRequest, State, Usage, Volume};
use super::keys::KeyPair;
use super::network::Network;
use super::reservations::Reservation;
use super::schedules::Schedule;
use super::storage::Snapshot;
use super::templates::Template;
use super::throttle::Buckets;
use super::{ApiError, Done, sts};
use crate::facts::Facts;
use crate::scenario::Scenario;
use crate::wire::{Node, Params};

/// The account that is always there; AWS issues no such number.
pub(crate) const FIRST_ACCOUNT: &str = "000000000001";

/// A call as it was read from the wire, its signature checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) access_key: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) action: String,
    /// A form, or JSON, by the service.
    pub(crate) body: String,
    pub(crate) request: String,
}

/// An answer, before it is spelled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Xml(Node),
    Json(Value),
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) state: Everything,
    pub(crate) facts: Arc<Facts>,
    pub(crate) rules: Scenario,
    pub(crate) buckets: Buckets,
}

/// What is kept in the state folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Everything {
    pub(crate) seed: u64,
    ids: Ids,
    agenda: Agenda,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) keys: BTreeMap<String, Key>,
    latest: Timestamp,
}

/// An access key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) secret: String,
    pub(crate) session: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) principal: Principal,
}

/// An account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) iam: Iam,
    pub(crate) regions: BTreeMap<String, Regional>,
    pub(crate) usage: Vec<Usage>,
    pub(crate) trail: Vec<TrailEvent>,
}

/// What CloudTrail knows of a call.
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

/// What lies in one region of an account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Regional {
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    pub(crate) images: BTreeMap<String, Image>,
    pub(crate) spot: BTreeMap<String, SpotRequest>,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) keys: BTreeMap<String, KeyPair>,
    pub(crate) addresses: BTreeMap<String, Address>,
    pub(crate) reservations: BTreeMap<String, Reservation>,
    pub(crate) templates: BTreeMap<String, Template>,
    pub(crate) schedules: BTreeMap<String, Schedule>,
    /// Client tokens: region, zone or action, and token.
    pub(crate) tokens: BTreeMap<String, Token>,
    /// How many addresses were handed out.
    pub(crate) handed_out: u32,
    pub(crate) network: Network,
}

/// What a token was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) form: String,
    /// A reservation, requests, or the whole answer.
    pub(crate) answer: String,
}

/// One call's view of the world: its account, its region, and the instant.
pub(crate) struct Desk<'a> {
    pub(crate) now: Timestamp,
    pub(crate) seed: u64,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) caller: Principal,
    pub(crate) facts: &'a Facts,
    pub(crate) rules: &'a Scenario,
    pub(crate) ids: &'a mut Ids,
    pub(crate) iam: &'a mut Iam,
    pub(crate) here: &'a mut Regional,
    pub(crate) usage: &'a mut Vec<Usage>,
    pub(crate) keys: &'a mut BTreeMap<String, Key>,
    pub(crate) trail: &'a mut Vec<TrailEvent>,
    agenda: &'a mut Agenda,
}

impl World {
    pub(crate) fn new(facts: Arc<Facts>, rules: Scenario, seed: u64, now: Timestamp) -> World {
        let mut state = Everything {
            seed,
            ids: Ids::new(seed),
            agenda: Agenda::default(),
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
        World { state, facts, rules, buckets: Buckets::default() }
    }

    /// The world of a state folder.
    pub(crate) fn restore(facts: Arc<Facts>, rules: Scenario, state: Everything) -> World {
        World { state, facts, rules, buckets: Buckets::default() }
    }

    /// The secret of an access key.
    pub(crate) fn key(&self, access_key: &str) -> Option<&Key> {
        self.state.keys.get(access_key)
    }

    /// Lets everything happen that is due.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.state.latest = self.state.latest.max(now);
        while let Some(Entry { at, account, region, event, .. }) = self.state.agenda.due(now) {
            let caller = Principal::Service { account: account.clone() };
            if let Some(mut desk) = self.desk(at, &account, &region, caller) {
                desk.happen(event);
            }
        }
    }

    /// Answers a call. What throttles is asked before, so that a journal can be played again.
    pub(crate) fn call(&mut self, now: Timestamp, call: &Call) -> Done<Reply> {
        self.settle(now);
        let key = self.state.keys.get(&call.access_key);
        let principal = key.map(|key| key.principal.clone());
        let principal = principal.ok_or_else(|| {
            ApiError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
        })?;
        let account = principal.account().to_string();
        let who = principal.arn();
        let done = self.answered(now, call, &account, principal);
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

    /// What the caller's account says to a call; to a role of another account both have to agree.
    fn answered(&mut self, now: Timestamp, call: &Call, account: &str, caller: Principal) -> Done<Reply> {
        let broken = || ApiError::new("InternalError", "An internal error has occurred");
        let mut desk = self.desk(now, account, &call.region, caller.clone()).ok_or_else(broken)?;
        let Some((role, host)) = sts::abroad(call, account) else {
            return super::services::answer(&mut desk, call);
        };
        desk.may_assume(&role)?;
        let denied = sts::denied(&caller, &role);
        let mut desk = self.desk(now, &host, &call.region, caller).ok_or(denied)?;
        super::services::answer(&mut desk, call)
    }

    /// Whether the call finds its bucket empty. Takes its tokens.
    pub(crate) fn throttle(&mut self, now: Timestamp, call: &Call) -> Done<()> {
        if !self.rules.throttling.0 || call.service != "ec2" {
            return Ok(());
        }
        let account = self.key(&call.access_key).map(|key| key.principal.account().to_string());
        let account = account.unwrap_or_default();
        let params = Params::parse(call.body.as_bytes()).unwrap_or_default();
        self.buckets.take(now, &account, &call.region, &call.action, &params)
    }

    /// The desk of one region of one account.
    pub(crate) fn desk<'a>(
        &'a mut self,
        now: Timestamp,
        account: &'a str,
        region: &'a str,
        caller: Principal,
    ) -> Option<Desk<'a>> {
        let World { state, facts, rules, .. } = self;
        let Everything { seed, ids, agenda, accounts, keys, .. } = state;
        let Account { iam, regions, usage, trail } = accounts.get_mut(account)?;
        let here = regions.entry(region.to_string()).or_default();
        let mut desk = Desk {
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
        desk.furnish();
        Some(desk)
    }

    /// Where an instance is: its account and region.
    pub(crate) fn find(&self, instance: &str) -> Option<(String, String)> {
        self.state.accounts.iter().find_map(|(account, held)| {
            let region = held.regions.iter().find(|(_, here)| here.instances.contains_key(instance));
            region.map(|(region, _)| (account.clone(), region.clone()))
        })
    }

    /// Announces to a spot instance that it is taken back. For people at the control door.
    pub(crate) fn interrupt(&mut self, now: Timestamp, instance: &str) -> Done<()> {
        self.settle(now);
        let (account, region) =
            self.find(instance).ok_or_else(|| ApiError::no_such(super::Kind::Instance, instance))?;
        let caller = Principal::Service { account: account.clone() };
        let mut desk = self.desk(now, &account, &region, caller).expect("the account was found");
        desk.give_notice(instance)
    }

    /// `poweroff` inside an instance.
    pub(crate) fn power_off(&mut self, now: Timestamp, instance: &str) -> Done<()> {
        self.settle(now);
        let (account, region) =
            self.find(instance).ok_or_else(|| ApiError::no_such(super::Kind::Instance, instance))?;
        let caller = Principal::Service { account: account.clone() };
        let mut desk = self.desk(now, &account, &region, caller).expect("the account was found");
        desk.power_off(instance)
    }
}

impl Everything {
    fn add_account(&mut self, id: &str) {
        self.accounts.insert(id.to_string(), Account::default());
    }

    fn add_user(&mut self, account: &str, name: &str, policies: &[Value]) {
        let (key, secret) = credentials(account, name);
        let principal = Principal::User { account: account.to_string(), name: name.to_string() };
        self.keys.insert(key, Key { secret, session: None, expires: None, principal });
        if let Some(held) = self.accounts.get_mut(account) {
            held.iam.add_user(name, policies);
        }
    }
}

/// The access key of a user: it follows from the names, so that scripts can know it.
pub(crate) fn credentials(account: &str, user: &str) -> (String, String) {
    let mut ids = Ids::new((fraction(0, &[account, user]) * 1e15) as u64);
    // AWS's keys hold no 0 and no 1.
    (format!("AKIA0SANDBOX{}", ids.letters(8)), format!("sandbox/{}", ids.letters(32)))
}

/// Whether an action only reads.
pub(crate) fn is_read(action: &str) -> bool {
    ["Describe", "Get", "List", "Lookup"].iter().any(|begin| action.starts_with(begin))
}

impl Desk<'_> {
    /// Plans an event of this region.
    pub(crate) fn later(&mut self, after: jiff::SignedDuration, event: Event) {
        let at = self.now.checked_add(after).unwrap_or(Timestamp::MAX);
        self.agenda.add(at, self.account, self.region, event);
    }

    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition(), self.region, self.account)
    }

    pub(crate) fn partition(&self) -> &str {
        self.facts.regions.get(self.region).map_or("aws", |region| &region.partition)
    }

    /// All parameters were read, and the call is not a rehearsal: now things are done.
    pub(crate) fn ready(&self, params: &crate::wire::Part<'_>) -> Done<()> {
        let rehearsal = params.flag("DryRun")?.unwrap_or(false);
        params.params().all_read()?;
        if rehearsal {
            return Err(ApiError::new(
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
            ));
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { instance, change } => self.arrive(&instance, change),
            Event::Forget { instance } => self.forget(&instance),
            Event::Rebalance { instance, change } => {
                let now = self.now;
                if let Some(found) = self.unchanged(&instance, change) {
                    found.rebalance = Some(now);
                }
            }
            Event::Notice { instance, change } => {
                if self.unchanged(&instance, change).is_some() {
                    let _ = self.give_notice(&instance);
                }
            }
            Event::Interrupt { instance, change } => {
                if self.unchanged(&instance, change).is_some() {
                    self.take_back(&instance);
                }
            }
            Event::Announce { instance, change, rule } => self.announce(&instance, change, rule),
            Event::Relaunch { request } => self.relaunch(&request),
            Event::Release { reservation } => self.expire(&reservation),
            Event::Fire { schedule, plan, attempt } => self.fire(&schedule, plan, attempt),
        }
    }

    /// The instance, when its state is the one for which something was planned.
    pub(crate) fn unchanged(&mut self, id: &str, change: u32) -> Option<&mut Instance> {
        self.here.instances.get_mut(id).filter(|instance| instance.change == change)
    }

    fn forget(&mut self, id: &str) {
        if self.here.instances.get(id).is_some_and(|found| found.state == State::Terminated) {
            self.here.instances.remove(id);
        }
    }
}
