//! The masked units of the tests that boot systemd.

/// Units of this machine's /usr that do not work in a guest.
pub(crate) const MASKED: [&str; 8] = [
    "console-getty.service",
    "systemd-logind.service",
    "dbus.service",
    "dbus.socket",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "systemd-journald-audit.socket",
    "systemd-sysctl.service",
];
