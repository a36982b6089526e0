//! The instances in the configuration for ssh: their names, users and keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use console::Failure;
use fleet::instance::InstanceView;
use fleet::ports::{CallerAccount, KeyPairView};

use super::config_file::{ConfigFiles, ConfigHost, ProxyProgram, is_alias};
use super::identity::{UserKey, find_key, list_user_keys};
use super::known_hosts::KnownHosts;
use super::login_user::{recorded_user, user_of_image};
use super::public_key::PublicKey;
use super::session::identity_file;
use super::session_args::ssh_settings;
use super::throwaway::make_key;
use crate::Ports;
use crate::owner::owners;

/// Makes the entries of instances, and reads each key pair and each image once.
pub(crate) struct HostMaker<'a> {
    ports: &'a Ports<'a>,
    user: Option<String>,
    taken: BTreeSet<String>,
    keys: Vec<UserKey>,
    /// Key pairs by region; empty where they cannot be read.
    pairs: BTreeMap<String, Vec<KeyPairView>>,
    /// Users by image.
    users: BTreeMap<Option<String>, String>,
}

impl<'a> HostMaker<'a> {
    pub(crate) fn new(ports: &'a Ports<'a>) -> Result<HostMaker<'a>, Failure> {
        Ok(HostMaker {
            ports,
            user: ssh_settings(ports)?.user.map(|user| user.value),
            taken: config_files(ports).taken_names()?,
            keys: list_user_keys(&ports.home.join(".ssh"), ports.processes),
            pairs: BTreeMap::new(),
            users: BTreeMap::new(),
        })
    }

    /// Returns the entry of an instance. Its name is left out where it cannot be one of ssh's.
    pub(crate) fn host(&mut self, instance: &InstanceView) -> Result<ConfigHost, Failure> {
        let (identity, sends_key) = match self.own_key(instance) {
            Some(path) => (path, false),
            None => (connect_key(self.ports)?.0, true),
        };
        Ok(ConfigHost {
            id: instance.id.clone(),
            region: instance.region.clone(),
            account: instance.account.clone(),
            alias: instance.name().filter(|name| is_alias(name, &self.taken)).map(String::from),
            user: self.user_of(instance),
            identity,
            sends_key,
        })
    }

    fn own_key(&mut self, instance: &InstanceView) -> Option<PathBuf> {
        let name = instance.details.key_name.as_deref()?;
        let region = &instance.region;
        if !self.pairs.contains_key(region) {
            let pairs = self.ports.provisioning.list_keys(region).unwrap_or_default();
            self.pairs.insert(region.clone(), pairs);
        }
        let pair = self.pairs.get(region)?.iter().find(|pair| pair.name == name)?;
        identity_file(find_key(&self.keys, pair)?, self.ports).ok()
    }

    fn user_of(&mut self, instance: &InstanceView) -> String {
        let chosen = self.user.clone().or_else(|| recorded_user(instance, self.ports));
        let of_image = || user_of_image(instance, self.ports);
        let known = || self.users.entry(instance.details.image.clone()).or_insert_with(of_image).clone();
        chosen.unwrap_or_else(known)
    }
}

/// Returns the configuration files of this user.
pub(crate) fn config_files(ports: &Ports<'_>) -> ConfigFiles {
    let profile = ports.aws_profile.map(String::from);
    let proxy = ProxyProgram { executable: ports.executable.clone(), profile };
    ConfigFiles::new(&ports.ssh_folder(), &ports.home, proxy)
}

/// Returns the private file and the public half of the key that ssh uses with Instance Connect. It
/// is made once. No instance accepts it, except for 60 seconds after AWS has allowed that.
pub(crate) fn connect_key(ports: &Ports<'_>) -> Result<(PathBuf, PublicKey), Failure> {
    let folder = ports.ssh_folder();
    let unusable = |error| Failure::broken(format!("{} cannot be used: {error}", folder.display()));
    durable::create_private_folder(&folder).map_err(unusable)?;
    let file = folder.join("connect");
    let known = durable::read_text(&folder.join("connect.pub"), 4096).ok();
    match known.as_deref().and_then(PublicKey::parse) {
        Some(public) => Ok((file, public)),
        None => Ok((file.clone(), make_key(&file, ports.processes)?)),
    }
}

/// Writes one instance of the caller into the configuration, if `spawn ssh-config` made one.
/// Returns the name under which ssh reaches it.
pub(crate) fn update_host(
    instance: &InstanceView,
    caller: &CallerAccount,
    ports: &Ports<'_>,
) -> Result<Option<String>, Failure> {
    let files = config_files(ports);
    if !files.exists() || !is_own(instance, caller, ports) {
        return Ok(None);
    }
    let host = HostMaker::new(ports)?.host(instance)?;
    files.update(&host)?;
    Ok(Some(host.alias.unwrap_or(host.id)))
}

/// Removes an instance that has ended for good from the configuration, with its pinned keys.
pub(crate) fn forget_host(id: &str, ports: &Ports<'_>) -> Result<(), Failure> {
    let files = config_files(ports);
    if files.exists() {
        files.remove(id)?;
    }
    forget_host_keys(&[id], ports)
}

/// Removes the pinned keys of instances that have ended for good.
pub(crate) fn forget_host_keys(ids: &[&str], ports: &Ports<'_>) -> Result<(), Failure> {
    if ids.is_empty() { Ok(()) } else { KnownHosts::open(&ports.ssh_folder())?.forget(ids) }
}

/// Whether an instance belongs to the caller. The name of another user's instance is not ours to
/// put into a configuration.
pub(crate) fn is_own(instance: &InstanceView, caller: &CallerAccount, ports: &Ports<'_>) -> bool {
    let names = owners(ports.settings, caller);
    instance.owner().is_some_and(|owner| names.iter().any(|name| fleet::owner::stable_owner(owner) == name))
}
