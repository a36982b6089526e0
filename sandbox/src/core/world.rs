use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account::{AccessKey, SandboxAccount};
use super::event_queue::EventQueue;
use super::iam_directory::Principal;
use super::ids::{IdSource, derived_fraction};
use super::region_view::RegionView;
use super::text_pattern::matches;
use crate::facts::{AwsFacts, RegionFact};
use crate::scenario::Scenario;

/// The account that every sandbox has. AWS issues no account id like this.
pub(crate) const FIRST_ACCOUNT: &str = "000000000001";

/// The whole sandbox: its state, and the facts and rules that it follows.
pub(crate) struct SandboxWorld {
    pub(crate) state: WorldState,
    pub(crate) facts: Arc<AwsFacts>,
    pub(crate) rules: Scenario,
}

/// The state that is stored in the state folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorldState {
    pub(crate) seed: u64,
    ids: IdSource,
    pub(crate) agenda: EventQueue,
    pub(crate) accounts: BTreeMap<String, SandboxAccount>,
    pub(crate) keys: BTreeMap<String, AccessKey>,
    pub(crate) latest: Timestamp,
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
        SandboxWorld { state, facts, rules }
    }

    /// Restores a world from stored state.
    pub(crate) fn restore(facts: Arc<AwsFacts>, rules: Scenario, state: WorldState) -> SandboxWorld {
        SandboxWorld { state, facts, rules }
    }

    pub(crate) fn key(&self, access_key: &str) -> Option<&AccessKey> {
        self.state.keys.get(access_key)
    }

    /// Returns the view of one region of an account; none if the account is unknown.
    pub(crate) fn region_view<'a>(
        &'a mut self,
        now: Timestamp,
        account: &'a str,
        region: &'a str,
        caller: Principal,
    ) -> Option<RegionView<'a>> {
        let SandboxWorld { state, facts, rules } = self;
        let WorldState { seed, ids, agenda, accounts, keys, .. } = state;
        let SandboxAccount { iam, regions, usage, trail } = accounts.get_mut(account)?;
        let here = regions.entry(region.to_string()).or_default();
        here.create_default_network(
            *seed,
            account,
            region,
            facts.zones.get(region).map_or(&[], Vec::as_slice),
        );
        Some(RegionView {
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
        })
    }

    /// Returns whether accounts can use the region: it is known and, where needed, opted into.
    pub(crate) fn has_region(&self, name: &str) -> bool {
        let opted_in = self.rules.opted_in.iter().any(|known| matches(known, name));
        let known = self.facts.regions.get(name);
        self.facts.zones.contains_key(name) && (opted_in || !known.is_some_and(RegionFact::needs_opt_in))
    }

    /// Returns the account and region of an instance.
    pub(crate) fn find(&self, instance: &str) -> Option<(String, String)> {
        self.state.accounts.iter().find_map(|(account, held)| {
            let region = held.regions.iter().find(|(_, here)| here.instances.contains_key(instance));
            region.map(|(region, _)| (account.clone(), region.clone()))
        })
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
