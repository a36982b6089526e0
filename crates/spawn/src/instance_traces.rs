//! The traces of an instance on this machine: its name for completions, its block in the
//! configuration for ssh, and its pinned host keys.

use console::{Failure, Printer};
use domain::Timestamp;
use fleet::instance::InstanceView;
use fleet::ports::CallerAccount;

use crate::ssh::{forget_host, update_host};
use crate::{Ports, names_cache};

/// Writes the traces of an instance that was launched or started. Returns the name under which ssh
/// reaches it, if ssh has a configuration. A failure is a note, because it does not change the
/// instance.
pub(crate) fn write_traces(
    seen: &InstanceView,
    caller: &CallerAccount,
    now: Timestamp,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Option<String> {
    names_cache::update(seen, &caller.account, now, ports);
    note_failure(update_host(seen, caller, ports), printer).flatten()
}

/// Removes the traces of an instance that has ended for good.
pub(crate) fn remove_traces(
    seen: &InstanceView,
    caller: &CallerAccount,
    now: Timestamp,
    ports: &Ports<'_>,
    printer: &mut Printer,
) {
    names_cache::update(seen, &caller.account, now, ports);
    note_failure(forget_host(&seen.id, ports), printer);
}

fn note_failure<T>(done: Result<T, Failure>, printer: &mut Printer) -> Option<T> {
    done.map_err(|failed| {
        printer.note(&format!("the configuration of ssh was not updated: {}", failed.message))
    })
    .ok()
}
