//! Effects have one place each: files, environment, waiting, output and the clock.
//!
//! `clippy.toml` forbids the same. A crate that allows the lint as a whole, because it has files,
//! still has no clock: that is checked here alone.

use std::collections::BTreeSet;
use std::fs;

use tests::repository_root;
use xtask::style::rust_code;

use super::import_circles::without_tests;
use super::{crate_folder, crate_names, files};

/// An effect, and the crates and files whose code has it.
struct EffectPlaces {
    /// The name of a module of std, or the text of a call.
    effect: &'static str,
    places: &'static [&'static str],
}

const EFFECTS: &[EffectPlaces] = &[
    EffectPlaces {
        effect: "std::fs",
        places: &[
            "aws/src/clients.rs",
            "collector",
            "console/src/confirm.rs",
            "console/src/key_file.rs",
            "durable",
            "lake",
            "lake_writer",
            "mycelium/src/time_zone.rs",
            "sandbox",
            "spawn/src/delivery/daemon_file.rs",
            "mycelium/src/relay.rs",
            "spawn/src/journal.rs",
            "spawn/src/ssh/config_file.rs",
            "spawn/src/ssh/identity.rs",
            "spawn/src/commands/reap.rs",
            "spawn/src/launcher/plan_file.rs",
            "spawn/src/launcher/user_data.rs",
            "spawn/src/settings/trust.rs",
            "spawn/src/provision/local_user.rs",
            "spawn/src/tests/power.rs",
            "spawn/src/tests/traces.rs",
            "spawnd",
            "truffle/src/commands/export.rs",
            "truffle/src/commands/query.rs",
            "truffle/src/output_file.rs",
            "truffle/src/partitions.rs",
            "warehouse",
        ],
    },
    EffectPlaces {
        effect: "std::env",
        places: &[
            "app",
            "aws/src/clients.rs",
            "console/src/clock.rs",
            "console/src/completion.rs",
            "console/src/log.rs",
            "console/src/screen.rs",
            "console/src/sources.rs",
            "lake_writer/src/files.rs",
            "lake_writer/src/writer.rs",
            "mycelium",
            "spawnd",
        ],
    },
    EffectPlaces {
        effect: "thread::sleep",
        places: &[
            "collector/src/commands/watch.rs",
            "mycelium/src/main.rs",
            "mycelium/src/processes.rs",
            "spawnd",
        ],
    },
    EffectPlaces { effect: "println!", places: &[] },
    EffectPlaces { effect: "Timestamp::now", places: &["console/src/clock.rs", "spawnd/src/machine.rs"] },
    EffectPlaces { effect: "SystemTime::now", places: &[] },
];

#[test]
fn effects_are_in_their_places() {
    let sources: Vec<(String, String, String)> = crate_names()
        .into_iter()
        .flat_map(|name| sources_of(&name).into_iter().map(move |(file, code)| (name.clone(), file, code)))
        .collect();
    for EffectPlaces { effect, places } in EFFECTS {
        let mut used = BTreeSet::new();
        let mut unlisted = Vec::new();
        for (name, file, _) in sources.iter().filter(|(_, _, code)| has_effect(code, effect)) {
            match places.iter().find(|place| *place == file || *place == name) {
                Some(place) => drop(used.insert(*place)),
                None => unlisted.push(file),
            }
        }
        assert!(unlisted.is_empty(), "these files have {effect}, and are not listed for it: {unlisted:?}");
        let listed: BTreeSet<&str> = places.iter().copied().collect();
        assert_eq!(used, listed, "a place listed for {effect} has none: remove it from the list");
    }
}

/// Returns the files of a crate, as `name/src/file.rs`, with their code outside tests.
fn sources_of(name: &str) -> Vec<(String, String)> {
    let folder = crate_folder(name);
    let mut sources = Vec::new();
    for path in files(&folder.join("src"), ".rs") {
        let file = format!("{name}/{}", path.strip_prefix(&folder).unwrap().display());
        if !file.ends_with("tests.rs") {
            sources.push((file, without_tests(&rust_code(&fs::read_to_string(&path).unwrap()))));
        }
    }
    sources
}

#[test]
fn the_lint_is_allowed_for_listed_places_alone() {
    let listed: BTreeSet<&str> = EFFECTS.iter().flat_map(|effect| effect.places).copied().collect();
    for name in crate_names() {
        let folder = crate_folder(&name);
        for path in files(&folder.join("src"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let is_root = ["lib.rs", "main.rs"].iter().any(|root| path.ends_with(format!("src/{root}")));
            let file = format!("{name}/{}", path.strip_prefix(&folder).unwrap().display());
            let allows = text.lines().take_while(|line| !line.starts_with("use ")).any(|line| {
                line.contains("clippy::disallowed_methods") && !line.trim_start().starts_with("//")
            });
            let is_listed = listed.contains(file.as_str()) || is_root && listed.contains(name.as_str());
            let is_part = file.ends_with("tests.rs") || file.contains("/bin/");
            assert!(
                !allows || is_listed || is_part,
                "{file} allows the lint, and is not listed for an effect"
            );
        }
    }
    assert!(repository_root().join("clippy.toml").exists());
}

/// Returns whether code has a call, or names a module of std alone or in a group. The constants of
/// `std::env` are no effect.
fn has_effect(code: &str, effect: &str) -> bool {
    let code = code.replace("std::env::consts", "");
    let is_whole_word = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if code.match_indices(effect).any(|(at, _)| is_whole_word(at)) {
        return true;
    }
    let Some(module) = effect.strip_prefix("std::") else { return false };
    let groups = code.split("use std::{").skip(1).filter_map(|rest| rest.split('}').next());
    groups.flat_map(|group| group.split(',')).any(|item| item.trim().split("::").next() == Some(module))
}

#[test]
fn effects_are_found_in_code() {
    let check = |code: &str, effect: &str, expected: bool| {
        assert_eq!(has_effect(code, effect), expected, "{code}");
    };
    check("use std::fs;", "std::fs", true);
    check("use std::{env, fs, io};", "std::fs", true);
    check("use std::{env, io};", "std::fs", false);
    check("use rustix::fs;", "std::fs", false);
    check("std::env::consts::ARCH", "std::env", false);
    check("eprintln!()", "println!", false);
    check("std::thread::sleep(time)", "thread::sleep", true);
}
