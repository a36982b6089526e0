//! The keys of `.spawn.yaml`: one table behind reading, the environment, trust and the schema.

use ValueShape::{Choice, List, Number, Pairs, Switch, Text};

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueShape {
    /// One text.
    Text,
    /// One number, perhaps with a unit.
    Number,
    /// Yes or no.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List,
    /// Names with a text each. The entries of all sources are merged.
    Pairs,
}

/// A key of `.spawn.yaml`. A dot stands for a section: `ssh.user` is `user` below `ssh`.
#[derive(Debug)]
pub(crate) struct LaunchKey {
    /// Its name.
    pub(crate) name: &'static str,
    /// The form of its value.
    pub(crate) shape: ValueShape,
    /// The environment variable with the same meaning; a list is separated by commas.
    pub(crate) variable: Option<&'static str>,
    /// Whether a project file may set it without `spawn config trust`: it runs no code, grants no
    /// right and opens no network.
    pub(crate) is_harmless: bool,
    /// The default, written as in the file.
    pub(crate) default: Option<&'static str>,
    /// An example for messages and the schema.
    pub(crate) example: &'static str,
    /// Its meaning, for the schema.
    pub(crate) help: &'static str,
}

const ACTIONS: ValueShape = Choice(&["stop", "hibernate", "terminate"]);

/// Returns a key that a project file may set without trust.
const fn harmless(
    name: &'static str,
    shape: ValueShape,
    variable: &'static str,
    example: &'static str,
    help: &'static str,
) -> LaunchKey {
    LaunchKey { name, shape, variable: Some(variable), is_harmless: true, default: None, example, help }
}

/// Returns a key that a project file may set only when it is trusted.
const fn guarded(
    name: &'static str,
    shape: ValueShape,
    variable: &'static str,
    example: &'static str,
    help: &'static str,
) -> LaunchKey {
    LaunchKey { is_harmless: false, ..harmless(name, shape, variable, example, help) }
}

const fn or(default: &'static str, key: LaunchKey) -> LaunchKey {
    LaunchKey { default: Some(default), ..key }
}

const fn without_variable(key: LaunchKey) -> LaunchKey {
    LaunchKey { variable: None, ..key }
}

/// Every key, in the order of `spawn config show`.
pub(crate) const KEYS: &[LaunchKey] = &[
    harmless("type", Text, "SPAWN_TYPE", "t3.micro", "The instance type."),
    harmless(
        "region",
        Text,
        "SPAWN_REGION",
        "eu-central-1",
        "The region of launches. It wins over the region of mycelium.toml and of the AWS variables.",
    ),
    harmless("zone", Text, "SPAWN_ZONE", "eu-central-1a", "The availability zone."),
    harmless("ttl", Text, "SPAWN_TTL", "8h", "The running time until the deadline: 90m, 8h, 2d."),
    harmless(
        "idle_timeout",
        Text,
        "SPAWN_IDLE_TIMEOUT",
        "1h",
        "How long the instance may be idle before spawnd ends it.",
    ),
    or("stop", harmless("on_idle", ACTIONS, "SPAWN_ON_IDLE", "stop", "The action after idle_timeout.")),
    or("stop", harmless("on_expiry", ACTIONS, "SPAWN_ON_EXPIRY", "stop", "The action at the deadline.")),
    or("7d", guarded("cap", Text, "SPAWN_CAP", "7d", "The longest life, extensions included.")),
    or(
        "al2023",
        guarded("image", Text, "SPAWN_IMAGE", "ubuntu-24.04", "The image: an id such as ami-… or an alias."),
    ),
    harmless("disk", Number, "SPAWN_DISK", "50", "The size of the root disk in GiB."),
    or("no", harmless("spot", Switch, "SPAWN_SPOT", "yes", "Launch a spot instance.")),
    or(
        "no",
        guarded(
            "stoppable",
            Switch,
            "SPAWN_STOPPABLE",
            "yes",
            "Use a persistent spot request: its instance can be stopped.",
        ),
    ),
    harmless(
        "max_price",
        Number,
        "SPAWN_MAX_PRICE",
        "0.05",
        "The highest price in dollars per hour; a higher one is refused before the launch.",
    ),
    or("no", guarded("hibernation", Switch, "SPAWN_HIBERNATION", "yes", "Prepare for hibernation.")),
    guarded("subnet", Text, "SPAWN_SUBNET", "subnet-0123456789abcdef0", "The subnet."),
    guarded("groups", List, "SPAWN_GROUPS", "spawn-ssh", "Security groups, by name or id."),
    or("spawn-instance", guarded("role", Text, "SPAWN_ROLE", "none", "The role of the instance, or none.")),
    guarded("key", Text, "SPAWN_KEY", "work", "The name of a key pair in the region."),
    or(
        "push",
        guarded(
            "deliver",
            Text,
            "SPAWN_DELIVER",
            "push",
            "The way of spawnd to the instance: push, https://…/{arch}, s3://bucket/prefix or none.",
        ),
    ),
    without_variable(harmless("tags", Pairs, "", "{cost-center: \"42\"}", "Tags of everything launched.")),
    harmless("project", Text, "SPAWN_PROJECT", "speech", "The value of the tag project."),
    harmless("team", Text, "SPAWN_TEAM", "research", "The value of the tag team."),
    without_variable(guarded(
        "env",
        Pairs,
        "",
        "{WANDB_MODE: offline}",
        "Environment variables, written to /etc/spawn/env over ssh.",
    )),
    guarded(
        "user_data",
        Text,
        "SPAWN_USER_DATA",
        "setup.sh",
        "A file for cloud-init. A relative path is relative to the file that names it.",
    ),
    guarded("ssh.user", Text, "SPAWN_SSH_USER", "ubuntu", "The login user."),
    or(
        "auto",
        guarded(
            "ssh.from",
            Text,
            "SPAWN_SSH_FROM",
            "203.0.113.0/24",
            "The addresses that may reach port 22: auto (this machine), a network, or none.",
        ),
    ),
    guarded("ssh.jump", Text, "SPAWN_SSH_JUMP", "ann@bastion.example.com", "A bastion host."),
    or(
        "no",
        guarded("ssh.start", Switch, "SPAWN_SSH_START", "yes", "Let ssh start a stopped instance unasked."),
    ),
];

/// The key of named sets of settings.
pub(crate) const PROFILES: &str = "profiles";

/// Names from the documented schema of the predecessor and from AWS, and the names of our keys.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("default_region", "region"),
    ("default_ttl", "ttl"),
    ("default_idle_timeout", "idle_timeout"),
    ("ssh.default_key", "key"),
    ("ssh.default_user", "ssh.user"),
    ("instance", "type, image and hibernation"),
    ("instance_type", "type"),
    ("security_groups", "groups"),
    ("iam_role", "role"),
];

/// Returns the key with this name.
pub(crate) fn launch_key(name: &str) -> Option<&'static LaunchKey> {
    KEYS.iter().find(|key| key.name == name)
}

/// Returns our name of a key that has another name elsewhere.
pub(crate) fn own_name(name: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
}

/// Returns the sections and keys that stand directly in a section; `""` is the whole file.
pub(crate) fn names_in(section: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in KEYS {
        let Some(rest) = key.name.strip_prefix(section) else { continue };
        let name = rest.split('.').next().unwrap_or(rest);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl ValueShape {
    /// Returns the name of the form for messages.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Text => "a text",
            Number => "a number",
            Switch => "yes or no",
            Choice(_) => "one word",
            List => "a list",
            Pairs => "a mapping of names to texts",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_untrusted_file_may_set_the_closed_list_alone() {
        let harmless: BTreeSet<&str> =
            KEYS.iter().filter(|key| key.is_harmless).map(|key| key.name).collect();
        let expected = [
            "type",
            "region",
            "zone",
            "ttl",
            "idle_timeout",
            "on_expiry",
            "on_idle",
            "disk",
            "spot",
            "max_price",
            "tags",
            "project",
            "team",
        ];
        assert_eq!(harmless, BTreeSet::from(expected));
    }

    #[test]
    fn the_shared_settings_name_every_launch_key() {
        let mut names = names_in("");
        names.push(PROFILES);
        assert_eq!(names, console::LAUNCH_SETTINGS);
        assert_eq!(names_in("ssh."), ["user", "from", "jump", "start"]);
    }

    #[test]
    fn names_and_variables_are_consistent() {
        let names: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), KEYS.len());
        for key in KEYS {
            let expected = format!("SPAWN_{}", key.name.replace('.', "_").to_uppercase());
            assert!(key.variable.is_none_or(|variable| variable == expected), "{}", key.name);
        }
        for (old, new) in OTHER_NAMES {
            assert!(!names.contains(old), "{old}");
            assert!(new.contains(' ') || names.contains(new), "{new}");
        }
    }
}
