//! Facts about an account that cost requests to read and that rarely change: its regions, and the
//! id of spawn's role when its policies were compared last. A launch uses them for a day.

use std::collections::BTreeMap;

use domain::Timestamp;
use durable::PRIVATE;
use fleet::ports::{AccountRegions, CallerAccount, RoleView};
use fleet::provision::role_documents;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::Ports;

/// How long a fact is used.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// The largest file that is read.
const LONGEST: u64 = 1024 * 1024;

/// The file's content: the facts by account number.
type AccountCache = BTreeMap<String, CachedAccount>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct CachedAccount {
    regions: Option<CachedRegions>,
    role: Option<CheckedRole>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CachedRegions {
    /// The regions that can be queried.
    enabled: Vec<String>,
    read_at: Timestamp,
}

/// A role with the same policies as spawn's.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CheckedRole {
    id: String,
    /// spawn's own documents at that time: another version of spawn compares again.
    documents: (String, String),
    checked_at: Timestamp,
}

/// Whether a region was enabled in one of the accounts, so that the request for the regions can
/// probably be left out. [`has_region`] decides.
pub(crate) fn may_have_region(region: &str, ports: &Ports<'_>) -> bool {
    let mut known = read(ports).into_values().filter_map(|account| account.regions);
    known.any(|regions| regions.enabled.iter().any(|one| one == region))
}

/// Whether a region was enabled in the caller's account within the last day.
pub(crate) fn has_region(region: &str, caller: &CallerAccount, ports: &Ports<'_>) -> bool {
    let regions = read(ports).remove(&caller.account).and_then(|account| account.regions);
    regions.is_some_and(|known| {
        is_fresh(known.read_at, caller.now) && known.enabled.iter().any(|one| one == region)
    })
}

/// Replaces the regions of the caller's account.
pub(crate) fn remember_regions(regions: &AccountRegions, caller: &CallerAccount, ports: &Ports<'_>) {
    let cached = CachedRegions { enabled: regions.enabled.clone(), read_at: caller.now };
    update(caller, ports, |account| account.regions = Some(cached));
}

/// Returns the id of spawn's role in the caller's account, if its policies were equal to spawn's
/// within the last day.
pub(crate) fn checked_role(caller: &CallerAccount, ports: &Ports<'_>) -> Option<String> {
    let role = read(ports).remove(&caller.account)?.role?;
    let is_current = is_fresh(role.checked_at, caller.now) && role.documents == documents(caller);
    is_current.then_some(role.id)
}

/// Records that the policies of spawn's role were read and are equal to spawn's.
pub(crate) fn remember_role(view: &RoleView, caller: &CallerAccount, ports: &Ports<'_>) {
    let (Some(id), Some(_)) = (&view.id, &view.policies) else { return };
    let role = CheckedRole { id: id.clone(), documents: documents(caller), checked_at: caller.now };
    update(caller, ports, |account| account.role = Some(role));
}

fn documents(caller: &CallerAccount) -> (String, String) {
    role_documents(caller.partition(), &caller.account)
}

/// An instant in the future is of a clock that was wrong.
fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..LIFE).contains(&now.duration_since(at))
}

/// Changes the facts of the caller's account. A failure changes no answer: the next launch sends
/// more requests.
fn update(caller: &CallerAccount, ports: &Ports<'_>, change: impl FnOnce(&mut CachedAccount)) {
    let mut accounts = read(ports);
    change(accounts.entry(caller.account.clone()).or_default());
    let text = serde_json::to_string(&accounts).expect("the facts are plain JSON");
    let folder = &ports.settings.cache;
    let written = durable::create_private_folder(folder)
        .and_then(|()| durable::write_atomic(&folder.join(FILE), text.as_bytes(), PRIVATE));
    drop(written);
}

const FILE: &str = "accounts.json";

fn read(ports: &Ports<'_>) -> AccountCache {
    let text = durable::read_text(&ports.settings.cache.join(FILE), LONGEST);
    text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_used_for_a_day() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let check = |seconds: i64, expected: bool| {
            assert_eq!(is_fresh(now - SignedDuration::from_secs(seconds), now), expected, "{seconds}");
        };
        check(0, true);
        check(86_399, true);
        check(86_400, false);
        check(-1, false);
    }
}
