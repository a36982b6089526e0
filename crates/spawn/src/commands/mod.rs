//! The commands, one file each. The doc comment of a command's arguments is its help.

pub(crate) mod cleanup;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod deliver;
pub(crate) mod doctor;
pub(crate) mod extend;
pub(crate) mod hibernate;
pub(crate) mod launch;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod policy;
pub(crate) mod power;
pub(crate) mod proxy;
pub(crate) mod reap;
pub(crate) mod reboot;
pub(crate) mod ssh_config;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod terminate;
