#![allow(clippy::disallowed_methods, reason = "tests write settings files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use console::{CommonFlags, Failure, Settings, SettingsFile, SettingsSources};
use domain::SignedDuration;
use lifecycle::EndAction;

use super::keys::{KEYS, ValueShape};
use super::sources::{ProjectSettings, SpawnSources};
use super::trust::{is_trusted, revoke_trust, trust_file};
use super::{SettingsLayer, SpawnSettings, settings_schema};

/// The files and the environment of a test; the project's file is trusted unless a test changes
/// that.
fn sources(env: &str, project: &str, user: &str) -> SpawnSources {
    let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.into(), value.into()));
    let file = |path: &str, text: &str| {
        (!text.is_empty()).then(|| SettingsFile { path: path.into(), text: text.into() })
    };
    SpawnSources {
        env: env.split_whitespace().filter_map(pair).collect(),
        home: Some("/home/ann".into()),
        project: file("/p/.spawn.yaml", project).map(|file| ProjectSettings { file, is_trusted: true }),
        user: file("/u/spawn.yaml", user),
    }
}

fn untrusted(mut sources: SpawnSources) -> SpawnSources {
    sources.project.iter_mut().for_each(|project| project.is_trusted = false);
    sources
}

fn shared() -> Settings {
    let sources = SettingsSources {
        env: BTreeMap::from([("AWS_REGION".into(), "us-west-2".into())]),
        home: Some("/home/ann".into()),
        ..SettingsSources::default()
    };
    Settings::resolve(&CommonFlags::default(), &sources).unwrap()
}

fn resolve(
    sources: &SpawnSources,
    profile: Option<&str>,
    flags: SettingsLayer,
) -> Result<SpawnSettings, Failure> {
    SpawnSettings::resolve(sources, profile, flags, &shared())
}

fn plain(sources: &SpawnSources) -> SpawnSettings {
    resolve(sources, None, SettingsLayer::default()).unwrap()
}

#[test]
fn flags_override_variables_profiles_files_and_defaults_in_this_order() {
    let user = "# mine\ncap: 2d\nprofiles:\n  ml:\n    cap: 3d\n";
    let project = "cap: 4d\nprofiles:\n  ml:\n    ttl: 1h\n    cap: 5d\n";
    let check = |env: &str, project: &str, profile: Option<&str>, flag: Option<&str>, expected: &str| {
        let flags = SettingsLayer::default().text_flag("cap", "--cap", flag);
        let cap = resolve(&sources(env, project, user), profile, flags).unwrap().cap;
        let found = format!("{}d {}", cap.value.as_hours() / 24, cap.origin);
        assert_eq!(found, expected);
    };
    check("", "", None, None, "2d /u/spawn.yaml:2");
    check("", project, None, None, "4d /p/.spawn.yaml:1");
    check("", "ttl: 1h", Some("ml"), None, "3d /u/spawn.yaml:5");
    check("", project, Some("ml"), None, "5d /p/.spawn.yaml:5");
    check("SPAWN_CAP=6d", project, Some("ml"), None, "6d SPAWN_CAP");
    check("SPAWN_CAP=", project, None, None, "4d /p/.spawn.yaml:1");
    check("SPAWN_CAP=6d", project, Some("ml"), Some("1d"), "1d --cap");
    let defaults = plain(&sources("", "", ""));
    assert_eq!(defaults.cap.value, SignedDuration::from_hours(7 * 24));
    assert_eq!(defaults.cap.origin.to_string(), "default");
    assert_eq!(defaults.on_expiry.value, EndAction::Stop);
    assert_eq!((defaults.image.value.as_str(), defaults.deliver.value.as_str()), ("al2023", "push"));
    assert_eq!((defaults.spot.value, defaults.disk), (false, None));
}

#[test]
fn the_region_of_launches_wins_over_that_of_all_programs() {
    let check = |env: &str, project: &str, expected: &str| {
        let region = plain(&sources(env, project, "")).region;
        assert_eq!(format!("{} {}", region.value, region.origin), expected);
    };
    check("", "", "us-west-2 AWS_REGION");
    check("", "region: eu-west-1", "eu-west-1 /p/.spawn.yaml:1");
    check("SPAWN_REGION=Frankfurt", "region: eu-west-1", "eu-central-1 SPAWN_REGION");
}

#[test]
fn entries_of_tags_are_merged_one_by_one() {
    let project = "tags: {team: a, stage: 0123}\n";
    let user = "tags:\n  team: b\n  owner: ann\n";
    let typed = ["stage=x=y".to_string()];
    let flags = SettingsLayer::default().pairs_flag("tags", "--tag", &typed).unwrap();
    let found = resolve(&sources("", project, user), None, flags).unwrap().tags;
    let found: Vec<String> =
        found.iter().map(|(name, tag)| format!("{name}={} {}", tag.value, tag.origin)).collect();
    assert_eq!(found, ["owner=ann /u/spawn.yaml:3", "stage=x=y --tag", "team=a /p/.spawn.yaml:1"]);
    let verbatim = plain(&sources("", project, "")).tags;
    assert_eq!(verbatim["stage"].value, "0123", "no text becomes a number");
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let check = |env: &str, project: &str, expected: &str| {
        let found = plain(&sources(env, project, "")).user_data.unwrap();
        assert_eq!(found.value, Path::new(expected));
    };
    check("", "user_data: boot/setup.sh", "/p/boot/setup.sh");
    check("", "user_data: ~/setup.sh", "/home/ann/setup.sh");
    check("", "user_data: /setup.sh", "/setup.sh");
    check("SPAWN_USER_DATA=setup.sh", "", "setup.sh");
}

/// A file that sets one key.
fn example(key: &super::keys::LaunchKey) -> String {
    let value = match key.shape {
        ValueShape::List => format!("[{}]", key.example),
        _ => key.example.to_string(),
    };
    match key.name.split_once('.') {
        Some((section, name)) => format!("{section}:\n  {name}: {value}\n"),
        None => format!("{}: {value}\n", key.name),
    }
}

#[test]
fn an_untrusted_file_sets_only_harmless_keys_and_the_others_are_listed() {
    for key in KEYS {
        let sources = untrusted(sources("", &example(key), ""));
        let found = plain(&sources);
        let ignored: Vec<&str> = found.ignored.iter().map(|ignored| ignored.key).collect();
        if key.is_harmless {
            assert!(ignored.is_empty() && found.values.find(key.name).is_some(), "{}", key.name);
        } else {
            assert_eq!(ignored, [key.name]);
            assert_eq!(found.values.find(key.name), None);
        }
    }
    let file = "ttl: 1h\nimage: ami-1\nprofiles:\n  ml:\n    role: admin\n  other:\n    key: k\n";
    let sources = untrusted(sources("", file, "role: mine"));
    let found = resolve(&sources, Some("ml"), SettingsLayer::default()).unwrap();
    assert_eq!(found.role.value, "mine");
    let notes: Vec<String> = found.ignored.iter().map(super::IgnoredSetting::note).collect();
    let why = "is ignored, because the file is not trusted (spawn config trust)";
    assert_eq!(
        notes,
        [format!("/p/.spawn.yaml:5: role {why}"), format!("/p/.spawn.yaml:2: image {why}")],
        "a profile that was not chosen has no effect, and is not listed"
    );
}

#[test]
fn errors_name_the_place_and_the_cure() {
    let check = |project: &str, message: &str, hint: &str| {
        let failure = resolve(&sources("", project, ""), None, SettingsLayer::default()).unwrap_err();
        let found = failure.hint.as_deref().unwrap_or_default();
        assert_eq!(failure.message, message);
        assert!(found.contains(hint), "{found}");
    };
    let at = "/p/.spawn.yaml";
    check("tll: 8h", &format!("{at}:1: there is no key \"tll\"; the closest match is ttl"), "type, region");
    check(
        "\nssh:\n  usr: a",
        &format!("{at}:3: there is no key \"ssh.usr\"; the closest match is user"),
        "jump",
    );
    check("default_ttl: 8h", &format!("{at}:1: there is no key \"default_ttl\""), "write ttl instead");
    check(
        "ttl: 1h\nlake: here",
        &format!("{at}:2: lake is a setting of all programs, not of launches"),
        "mycelium.toml",
    );
    check("ttl: [8h]", &format!("{at}:1: ttl is not a text"), "write ttl: 8h");
    check("tags: x", &format!("{at}:1: tags is not a mapping of names to texts"), "write tags: {");
    check("groups: web", &format!("{at}:1: groups is not a list"), "write groups: [spawn-ssh]");
    check("ssh: me", &format!("{at}:1: ssh is not a section"), "indented");
    check("profiles:\n  a: 1", &format!("{at}:2: the profile \"a\" is not a section"), "indented");
    check("profiles: {a: {profiles: {}}}", &format!("{at}:1: there is no key \"profiles\""), "the keys are");
}

#[test]
fn a_wrong_value_is_an_error_even_where_another_source_wins() {
    let check = |project: &str, message: &str| {
        let flags = SettingsLayer::default().text_flag("ttl", "--ttl", Some("1h"));
        let failure = resolve(&sources("", project, ""), None, flags).unwrap_err();
        assert!(failure.message.starts_with(message), "{failure}");
    };
    check("ttl: 8", "/p/.spawn.yaml:1: ttl: \"8\" is not a span of time");
    check("profiles: {a: {ttl: soon}}", "/p/.spawn.yaml:1: ttl: \"soon\" is not a span of time");
    check("spot: maybe", "/p/.spawn.yaml:1: spot: \"maybe\" is not yes or no");
    check("env:\n  1X: a", "/p/.spawn.yaml:2: env: \"1X\" is not a name");
    check("env: {X: \"a\\nb\"}", "/p/.spawn.yaml:1: env.X: the value contains a control character");
    check("type: t3", "/p/.spawn.yaml:1: type: ");
    let env = resolve(&sources("SPAWN_TTL=soon", "", ""), None, SettingsLayer::default()).unwrap_err();
    assert!(env.message.starts_with("SPAWN_TTL: \"soon\" is not a span"), "{env}");
    let flag = SettingsLayer::default().text_flag("disk", "--disk", Some("big"));
    let flag = resolve(&sources("", "", ""), None, flag).unwrap_err();
    assert!(flag.message.starts_with("--disk: \"big\" is not a disk size"), "{flag}");
    assert_eq!((env.hint.as_deref(), flag.hint.as_deref()), (Some("SPAWN_TTL=8h"), Some("--disk 50")));
}

#[test]
fn broken_yaml_names_its_line() {
    for (text, expected) in [
        ("ttl: 8h\nttl: 9h", "2: the key \"ttl\" occurs twice"),
        ("profiles:\n  a: {}\n  a: {}", "3: the key \"a\" occurs twice"),
        ("ttl: \"8h", "1: unclosed quote"),
        ("ttl: 8h\n\tspot: yes", "1: while scanning a plain scalar, found a tab"),
        ("- ttl", "1: the file has no keys with values"),
        ("just words", "1: the file has no keys with values"),
        ("ttl: 8h\n---\nttl: 9h", "3: the file has more than one document"),
        ("ttl: !include secret", "1: "),
        ("profiles:\n  a: &a {ttl: 8h}\n  b: {<<: *a}", "3: merge keys (<<) are not supported"),
    ] {
        let failure = resolve(&sources("", text, ""), None, SettingsLayer::default()).unwrap_err();
        let expected = format!("/p/.spawn.yaml:{expected}");
        assert!(failure.message.starts_with(&expected), "{text:?}: {failure}");
        assert!(failure.hint.is_some(), "{text:?}");
    }
    for text in ["", "# nothing\n", "---\n", "{}", "~", "ssh:\n", "profiles:\n"] {
        assert_eq!(plain(&sources("", text, "")).ttl, None, "{text:?}");
    }
}

#[test]
fn an_unknown_profile_is_refused_with_the_nearest_one() {
    let known = sources("", "profiles: {ml-dev: {}}", "profiles: {prod: {}}");
    let failure = resolve(&known, Some("ml-dve"), SettingsLayer::default()).unwrap_err();
    assert_eq!(
        failure.message,
        "--profile: there is no profile \"ml-dve\" of launches; the closest match is ml-dev"
    );
    let hint = failure.hint.unwrap();
    assert!(hint.contains("ml-dev, prod") && hint.contains("--account"), "{hint}");
    assert!(resolve(&known, Some("prod"), SettingsLayer::default()).is_ok());
    let none = resolve(&sources("", "", ""), Some("x"), SettingsLayer::default()).unwrap_err();
    assert!(none.hint.unwrap().contains("below profiles"));
}

#[test]
fn pairs_of_flags_have_a_name_and_no_name_twice() {
    let check = |words: &[&str], message: &str| {
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        let failure = SettingsLayer::default().pairs_flag("tags", "--tag", &words).unwrap_err();
        assert_eq!(failure.message, message);
    };
    check(&["a"], "--tag \"a\" is not written as NAME=VALUE");
    check(&["=a"], "--tag \"=a\" is not written as NAME=VALUE");
    check(&["a=1", "a=2"], "--tag: \"a\" is given twice");
}

#[test]
fn trust_ends_when_the_file_or_a_file_it_names_changes() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("setup.sh"), "echo one").unwrap();
    let folder = home.path().join("trusted");
    let file = |text: &str| SettingsFile { path: project.join(".spawn.yaml"), text: text.into() };
    let text = "user_data: setup.sh\n";
    let trusts = |text: &str| is_trusted(&file(text), None, &folder);
    assert!(!trusts(text));
    trust_file(&file(text), None, &folder).unwrap();
    assert!(trusts(text));
    assert!(!trusts("user_data: setup.sh\nrole: admin\n"), "changed content");
    let elsewhere = SettingsFile { path: home.path().join(".spawn.yaml"), text: text.into() };
    fs::write(home.path().join("setup.sh"), "echo one").unwrap();
    assert!(!is_trusted(&elsewhere, None, &folder), "the same content in another folder");
    fs::write(project.join("setup.sh"), "echo two").unwrap();
    assert!(!trusts(text), "a file that it names changed");
    fs::write(project.join("setup.sh"), "echo one").unwrap();
    assert!(trusts(text));
    assert_eq!(revoke_trust(&file(text), None, &folder), Ok(true));
    assert!(!trusts(text));
    assert_eq!(revoke_trust(&file(text), None, &folder), Ok(false));
    fs::remove_file(project.join("setup.sh")).unwrap();
    let failure = trust_file(&file(text), None, &folder).unwrap_err();
    assert!(failure.message.contains("setup.sh cannot be read"), "{failure}");
}

#[test]
fn the_published_schema_is_current_and_every_example_is_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spawn.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(path, settings_schema()).unwrap();
    }
    let published = fs::read_to_string(path).unwrap_or_default();
    assert!(published == settings_schema(), "run the test with UPDATE_SCHEMA=1 and read the difference");
    for key in KEYS {
        let found = plain(&sources("", &example(key), ""));
        assert!(found.values.find(key.name).is_some(), "{}", key.name);
    }
}

#[test]
fn the_page_of_settings_names_every_key_with_its_variable_default_and_trust() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let page = fs::read_to_string(path).unwrap();
    let page = page.split_once("## Launches").unwrap().1;
    for key in KEYS {
        let mark = format!("| `{}` |", key.name);
        let row = page.lines().find(|line| line.starts_with(&mark)).unwrap_or_else(|| panic!("{mark}"));
        assert!(key.variable.is_none_or(|variable| row.contains(&format!("`{variable}`"))), "{row}");
        assert!(key.default.is_none_or(|default| row.contains(&format!("`{default}`"))), "{row}");
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[4] == "yes", !key.is_harmless, "{row}");
    }
}

#[test]
fn every_part_of_a_file_is_read_or_refused() {
    let seed = include_str!("../../../../fuzz/seeds/spawn_yaml/all.yaml");
    assert!(resolve(&sources("", seed, ""), Some("other"), SettingsLayer::default()).is_ok());
    for at in (0..seed.len()).filter(|at| seed.is_char_boundary(*at)) {
        crate::fuzz_entry::spawn_yaml(&seed[..at]);
        crate::fuzz_entry::spawn_yaml(&seed[at..]);
    }
}

#[test]
fn a_file_with_random_changes_is_read_or_refused() {
    let seed: Vec<char> = include_str!("../../../../fuzz/seeds/spawn_yaml/all.yaml").chars().collect();
    let marks: Vec<char> = "\n \t:-{}[]&*!|>%@`\"'#,?<~\u{feff}\u{85}é0ay".chars().collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    };
    let mut read = 0;
    for _ in 0..500 {
        let mut text = seed.clone();
        for _ in 0..=random(4) {
            let at = random(text.len());
            match random(3) {
                0 => text[at] = marks[random(marks.len())],
                1 => text.insert(at, marks[random(marks.len())]),
                _ => drop(text.remove(at)),
            }
        }
        let text: String = text.into_iter().collect();
        crate::fuzz_entry::spawn_yaml(&text);
        read += u32::from(resolve(&sources("", &text, ""), None, SettingsLayer::default()).is_ok());
    }
    assert!((25..475).contains(&read), "{read} of 500 files were valid");
}
