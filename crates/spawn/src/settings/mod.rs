//! Settings of launches: `.spawn.yaml`, the user's `spawn.yaml`, `SPAWN_…` variables and flags.
//!
//! [`SpawnSettings::resolve`] is the one place that merges them, and each value keeps its origin.
//! The first source that has a key wins: flags, the environment, the chosen profile (of the
//! project, then of the user), the project's file, the user's file, the default. Entries of `tags`
//! and `env` are merged one by one in the same order.
//!
//! A project's file may come with a cloned repository. Until it is trusted (`trust.rs`), it sets
//! only the harmless keys of the table (`keys.rs`); the others are ignored and listed.

mod file;
mod keys;
mod layer;
mod merged;
mod schema;
mod sources;
#[cfg(test)]
mod tests;
mod trust;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use console::{Failure, Setting, SettingOrigin, Settings, SettingsFile, suggest_closest};
use domain::{InstanceType, Region, SignedDuration};
use lifecycle::EndAction;

use file::SettingsDocument;
pub(crate) use file::read_document;
pub(crate) use keys::KEYS;
pub(crate) use layer::{RawValue, SettingsLayer};
pub(crate) use merged::MergedValues;
pub(crate) use schema::settings_schema;
pub(crate) use sources::ProjectSettings;
pub use sources::SpawnSources;
pub(crate) use trust::{TRUST_FOLDER, revoke_trust, trust_file};

/// The merged settings of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpawnSettings {
    /// `type`.
    pub(crate) instance_type: Option<Setting<InstanceType>>,
    /// `region`; without the key it is the shared setting.
    pub(crate) region: Setting<Region>,
    /// `zone`: a name or an id.
    pub(crate) zone: Option<Setting<String>>,
    /// `ttl`.
    pub(crate) ttl: Option<Setting<SignedDuration>>,
    /// `idle_timeout`.
    pub(crate) idle_timeout: Option<Setting<SignedDuration>>,
    /// `on_idle`; it has an effect only with `idle_timeout`.
    pub(crate) on_idle: Setting<EndAction>,
    /// `on_expiry`.
    pub(crate) on_expiry: Setting<EndAction>,
    /// `cap`.
    pub(crate) cap: Setting<SignedDuration>,
    /// `image`: an id or an alias.
    pub(crate) image: Setting<String>,
    /// `disk`, in GiB; none for the size of the image.
    pub(crate) disk: Option<Setting<u32>>,
    /// `spot`.
    pub(crate) spot: Setting<bool>,
    /// `stoppable`.
    pub(crate) stoppable: Setting<bool>,
    /// `max_price`: a decimal text, dollars per hour.
    pub(crate) max_price: Option<Setting<String>>,
    /// `hibernation`.
    pub(crate) hibernation: Setting<bool>,
    /// `subnet`.
    pub(crate) subnet: Option<Setting<String>>,
    /// `groups`: names or ids.
    pub(crate) groups: Option<Setting<Vec<String>>>,
    /// `role`: a name, or `none`.
    pub(crate) role: Setting<String>,
    /// `key`: the name of a key pair in the region.
    pub(crate) key: Option<Setting<String>>,
    /// `deliver`: `push`, `none`, or an address.
    pub(crate) deliver: Setting<String>,
    /// `tags`.
    pub(crate) tags: BTreeMap<String, Setting<String>>,
    /// `project`.
    pub(crate) project: Option<Setting<String>>,
    /// `team`.
    pub(crate) team: Option<Setting<String>>,
    /// `env`.
    pub(crate) env: BTreeMap<String, Setting<String>>,
    /// `user_data`: a file.
    pub(crate) user_data: Option<Setting<PathBuf>>,
    /// `ssh`.
    pub(crate) ssh: SshSettings,
    /// The values of an untrusted project file that have no effect.
    pub(crate) ignored: Vec<IgnoredSetting>,
    /// All values as texts, with their origins.
    pub(crate) values: MergedValues,
}

/// The settings of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshSettings {
    /// `ssh.user`.
    pub(crate) user: Option<Setting<String>>,
    /// `ssh.from`: `auto`, `none`, or a network.
    pub(crate) from: Setting<String>,
    /// `ssh.jump`: `[USER@]HOST[:PORT]`.
    pub(crate) jump: Option<Setting<String>>,
    /// `ssh.start`: ssh starts a stopped instance without a question.
    pub(crate) start: Setting<bool>,
}

/// A value of an untrusted project file that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IgnoredSetting {
    /// The key.
    pub(crate) key: &'static str,
    /// The file and the line.
    pub(crate) origin: SettingOrigin,
}

impl IgnoredSetting {
    /// Returns a message for the user.
    pub(crate) fn note(&self) -> String {
        let IgnoredSetting { key, origin } = self;
        format!("{origin}: {key} is ignored, because the file is not trusted (spawn config trust)")
    }
}

impl SpawnSettings {
    /// Merges all sources. No other code merges settings of launches.
    ///
    /// # Errors
    /// A file has an unknown key or an invalid value, there is no profile of this name, or a flag
    /// or a variable has an invalid value. The message names the place.
    pub(crate) fn resolve(
        sources: &SpawnSources,
        profile: Option<&str>,
        flags: SettingsLayer,
        shared: &Settings,
    ) -> Result<SpawnSettings, Failure> {
        let project = sources.project.as_ref().map(|project| &project.file);
        let project = read_checked(project, sources, shared)?;
        let user = read_checked(sources.user.as_ref(), sources, shared)?;
        if let Some(name) = profile {
            check_profile(name, &[&project, &user])?;
        }
        let (layers, ignored) = order(sources, profile, flags, project, user);
        let parsed = SpawnSettings::parse(MergedValues::new(layers), sources, shared)?;
        Ok(SpawnSettings { ignored, ..parsed })
    }

    /// Returns the role that a source names, which may be `none`; none for spawn's own.
    pub(crate) fn chosen_role(&self) -> Option<&str> {
        (self.role.origin != SettingOrigin::Default).then_some(self.role.value.as_str())
    }

    /// Parses merged values.
    fn parse(
        merged: MergedValues,
        sources: &SpawnSources,
        shared: &Settings,
    ) -> Result<SpawnSettings, Failure> {
        use values::{
            parse_action, parse_delivery, parse_disk, parse_jump, parse_line, parse_login, parse_price,
            parse_region, parse_source, parse_switch, parse_tag, parse_time, parse_type, parse_variable,
            parse_zone,
        };
        let env = merged.pairs("env", parse_variable)?;
        for (name, setting) in &env {
            values::check_variable(name)
                .map_err(|why| merged::invalid_pair("env", None, &setting.origin, &why))?;
        }
        let user_data = merged.text("user_data", parse_line)?;
        Ok(SpawnSettings {
            instance_type: merged.text("type", parse_type)?,
            region: merged.text("region", parse_region)?.unwrap_or_else(|| shared.region.clone()),
            zone: merged.text("zone", parse_zone)?,
            ttl: merged.text("ttl", parse_time)?,
            idle_timeout: merged.text("idle_timeout", parse_time)?,
            on_idle: merged.or_default("on_idle", parse_action)?,
            on_expiry: merged.or_default("on_expiry", parse_action)?,
            cap: merged.or_default("cap", parse_time)?,
            image: merged.or_default("image", parse_line)?,
            disk: merged.text("disk", parse_disk)?,
            spot: merged.or_default("spot", parse_switch)?,
            stoppable: merged.or_default("stoppable", parse_switch)?,
            max_price: merged.text("max_price", parse_price)?,
            hibernation: merged.or_default("hibernation", parse_switch)?,
            subnet: merged.text("subnet", parse_line)?,
            groups: merged.list("groups", parse_line)?,
            role: merged.or_default("role", parse_line)?,
            key: merged.text("key", parse_line)?,
            deliver: merged.or_default("deliver", parse_delivery)?,
            tags: merged.pairs("tags", parse_tag)?,
            project: merged.text("project", parse_line)?,
            team: merged.text("team", parse_line)?,
            env,
            user_data: user_data.map(|setting| sources.path_of(setting)),
            ssh: SshSettings {
                user: merged.text("ssh.user", parse_login)?,
                from: merged.or_default("ssh.from", parse_source)?,
                jump: merged.text("ssh.jump", parse_jump)?,
                start: merged.or_default("ssh.start", parse_switch)?,
            },
            ignored: Vec::new(),
            values: merged,
        })
    }
}

/// Reads a file, and parses each of its values even where another source wins.
fn read_checked(
    file: Option<&SettingsFile>,
    sources: &SpawnSources,
    shared: &Settings,
) -> Result<SettingsDocument, Failure> {
    let Some(file) = file else { return Ok(SettingsDocument::default()) };
    let document = read_document(file)?;
    for layer in document.layers() {
        SpawnSettings::parse(MergedValues::new(vec![layer.clone()]), sources, shared)?;
    }
    Ok(document)
}

fn check_profile(name: &str, documents: &[&SettingsDocument]) -> Result<(), Failure> {
    let names = || documents.iter().flat_map(|document| document.profiles.keys().map(String::as_str));
    if names().any(|known| known == name) {
        return Ok(());
    }
    let near = suggest_closest(name, names());
    let known = names().collect::<Vec<_>>().join(", ");
    let hint = if known.is_empty() {
        "write it below profiles in .spawn.yaml or ~/.config/mycelium/spawn.yaml".to_string()
    } else {
        format!("the profiles are {known}")
    };
    Err(Failure::usage(format!("--profile: there is no profile \"{name}\" of launches{near}"))
        .hint(format!("{hint}; --account chooses a profile of AWS")))
}

/// Returns the names of the profiles in the settings files, for completion. A file that cannot be
/// read has none.
pub fn profile_names(sources: &SpawnSources) -> Vec<String> {
    let files = [sources.project.as_ref().map(|project| &project.file), sources.user.as_ref()];
    let documents = files.into_iter().flatten().filter_map(|file| read_document(file).ok());
    documents.flat_map(|document| document.profiles.into_keys()).collect()
}

/// Returns the values of all sources in the order of precedence, and the values of an untrusted
/// project file that are left out.
fn order(
    sources: &SpawnSources,
    profile: Option<&str>,
    flags: SettingsLayer,
    mut project: SettingsDocument,
    mut user: SettingsDocument,
) -> (Vec<SettingsLayer>, Vec<IgnoredSetting>) {
    let is_trusted = sources.project.as_ref().is_some_and(|project| project.is_trusted);
    let mut ignored = Vec::new();
    let mut of_project = |layer: SettingsLayer| {
        if is_trusted {
            return layer;
        }
        ignored.extend(
            layer
                .guarded()
                .map(|(key, setting)| IgnoredSetting { key: key.name, origin: setting.origin.clone() }),
        );
        layer.harmless()
    };
    let mut layers = vec![flags, SettingsLayer::of_environment(&sources.env)];
    if let Some(name) = profile {
        layers.extend(project.profiles.remove(name).map(&mut of_project));
        layers.extend(user.profiles.remove(name));
    }
    layers.push(of_project(project.values));
    layers.push(user.values);
    (layers, ignored)
}
