//! The commands, one file each. The doc comment of a command's arguments is its help.

pub(crate) mod launch;
pub(crate) mod list;
pub(crate) mod policy;
pub(crate) mod reap;
pub(crate) mod connect;
pub(crate) mod logs;
pub(crate) mod proxy;
pub(crate) mod ssh_config;
