//! The names of the instances that a command saw last, for completions.
//!
//! A completion must answer in milliseconds and without a network, so it reads this file. Every
//! command that queries instances writes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::{Timestamp, format_span};
use durable::PRIVATE;
use fleet::instance::{InstanceState, InstanceView};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::Ports;
use crate::regions::RegionScan;

/// The largest file that is read.
const LONGEST: u64 = 4 * 1024 * 1024;

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
struct CachedInstances {
    account: String,
    instances: Vec<CachedInstance>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CachedInstance {
    id: String,
    name: Option<String>,
    instance_type: String,
    region: String,
    state: InstanceState,
    /// When its region was read.
    seen_at: Timestamp,
}

impl CachedInstance {
    /// Returns the type, the place, the state and the age of these facts.
    fn describe(&self, now: Timestamp) -> String {
        let age = now.duration_since(self.seen_at).as_secs().max(0);
        let age = format_span(SignedDuration::from_secs(if age < 60 { age } else { age - age % 60 }));
        format!("{} in {}, {} {age} ago", self.instance_type, self.region, self.state.word())
    }
}

/// A word that completes the name of an instance, and its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameCandidate {
    /// The name or the id.
    pub word: String,
    /// The instance and the age of these facts, such as `t3.micro in us-east-1, running 5m ago`.
    pub help: String,
}

/// Returns the names and ids of the instances that were seen last. A name with a character that a
/// shell interprets is left out.
pub fn cached_names(cache: &Path, now: Timestamp) -> Vec<NameCandidate> {
    let cached = read(cache).unwrap_or_default();
    let candidates = cached.instances.into_iter().flat_map(|one| {
        let help = one.describe(now);
        let words = one.name.filter(|name| is_plain(name)).into_iter().chain([one.id]);
        words.map(move |word| NameCandidate { word, help: help.clone() }).collect::<Vec<_>>()
    });
    candidates.collect()
}

/// Returns the instances of the account that had this name when they were seen last, each with the
/// place, the state and the age of these facts.
pub(crate) fn same_name(name: &str, account: &str, now: Timestamp, ports: &Ports<'_>) -> Vec<String> {
    let cached = read(&ports.settings.cache).filter(|cached| cached.account == account).unwrap_or_default();
    let same = cached.instances.into_iter().filter(|one| one.name.as_deref() == Some(name));
    same.map(|one| format!("{} ({})", one.id, one.describe(now))).collect()
}

/// Whether a shell reads the text as one word, whatever the shell is.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(plain)
}

/// Replaces the cached instances of the regions that were read. A failure changes no answer: the
/// next completion has older names.
pub(crate) fn remember(scan: &RegionScan, account: &str, regions: &[String], ports: &Ports<'_>) {
    let cache = &ports.settings.cache;
    let kept = read(cache).filter(|cached| cached.account == account).unwrap_or_default().instances;
    let unread: BTreeSet<&str> = scan.gaps.iter().map(|(region, _)| region.as_str()).collect();
    let is_read = |region: &String| regions.contains(region) && !unread.contains(region.as_str());
    let fresh = scan.seen.iter().filter(|seen| seen.managed() && !seen.state.is_over());
    let instances = kept.into_iter().filter(|one| !is_read(&one.region));
    write(account, instances.chain(fresh.map(|seen| cached_instance(seen, scan.at))).collect(), cache);
}

/// Replaces one cached instance of the caller's account by the given state of it.
pub(crate) fn update(seen: &InstanceView, account: &str, seen_at: Timestamp, ports: &Ports<'_>) {
    let cache = &ports.settings.cache;
    let known = read(cache).filter(|cached| cached.account == account).unwrap_or_default().instances;
    let others = known.into_iter().filter(|one| one.id != seen.id);
    let own = Some(seen).filter(|seen| !seen.state.is_over()).map(|seen| cached_instance(seen, seen_at));
    write(account, others.chain(own).collect(), cache);
}

fn write(account: &str, instances: Vec<CachedInstance>, cache: &Path) {
    let content = CachedInstances { account: account.to_string(), instances };
    let text = serde_json::to_string(&content).expect("the names are plain JSON");
    let written = durable::create_private_folder(cache)
        .and_then(|()| durable::write_atomic(&file(cache), text.as_bytes(), PRIVATE));
    drop(written);
}

fn cached_instance(seen: &InstanceView, seen_at: Timestamp) -> CachedInstance {
    CachedInstance {
        id: seen.id.clone(),
        name: seen.name().map(String::from),
        instance_type: seen.instance_type.clone(),
        region: seen.region.clone(),
        state: seen.state,
        seen_at,
    }
}

fn read(cache: &Path) -> Option<CachedInstances> {
    serde_json::from_str(&durable::read_text(&file(cache), LONGEST).ok()?).ok()
}

fn file(cache: &Path) -> PathBuf {
    cache.join("instances.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_interpret_is_not_offered() {
        for good in ["try", "web-1", "a.b_c", "0"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", "-rf", "a b", "$(reboot)", "`reboot`", "a;b", "a'b", "\u{e9}", "a\nb", "~", "*"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
