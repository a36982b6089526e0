//! The commands, one file each. The doc comment of a command's arguments is its help. `snapshot`
//! and `import` have folders of their own.

pub(crate) mod bundle;
pub(crate) mod compact;
pub(crate) mod drop;
pub(crate) mod forget;
pub(crate) mod notify;
pub(crate) mod policy;
pub(crate) mod prune;
pub(crate) mod status;
pub(crate) mod watch;
