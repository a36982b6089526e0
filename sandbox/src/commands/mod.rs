//! The commands, one file each. The doc comment of a command's arguments is its help.

pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod env;
pub(crate) mod host_key;
pub(crate) mod imds;
pub(crate) mod instance;
pub(crate) mod interrupt;
pub(crate) mod poweroff;
pub(crate) mod schema;
pub(crate) mod serve;
