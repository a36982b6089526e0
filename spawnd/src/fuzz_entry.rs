//! Fuzzing entry points, one per parser of untrusted bytes. Each takes any bytes, and none may
//! panic.

use crate::socket::{ClientRights, SocketClient};
use crate::trace::SignalTrace;
use crate::{imds, jupyter, kernel_tables, logind, socket, ssh, store, utmp};

/// Parses the kernel's tables: processors, devices, disks, connections.
pub fn kernel_table(text: &str) {
    let _ = kernel_tables::parse_cpu(text);
    let _ = kernel_tables::parse_network(text);
    let _ = kernel_tables::parse_disks(text);
    let _ = (ssh::parse_connections(text), ssh::stage("sshd", text));
}

/// Parses the accounting file in both layouts. Panics if there are more logins than records.
pub fn accounting(bytes: &[u8]) {
    for layout in [utmp::X86_64, utmp::AARCH64] {
        assert!(utmp::logins(bytes, layout).len() <= bytes.len() / 384);
    }
}

/// Parses files of the login manager and of Jupyter's servers, and responses of such a server.
pub fn session_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (logind::session(&text), logind::blocks(&text));
    let _ = (jupyter::parse_server(bytes).is_some(), jupyter::parse_kernels(&text).is_some());
}

/// Parses responses of the metadata service.
pub fn metadata(text: &str) {
    imds::parse_any_response(text);
}

/// Parses the saved state. Panics if a valid state does not survive a round trip.
pub fn state_file(bytes: &[u8]) {
    if let Ok(state) = store::decode(bytes) {
        let again = store::encode(&state).and_then(|bytes| store::decode(&bytes));
        assert_eq!(again, Ok(state));
    }
}

/// Parses one line sent to the socket.
pub fn question(line: &str) {
    let client = SocketClient { uid: 1000, gid: 1000 };
    for rights in [ClientRights::Reads, ClientRights::Extends, ClientRights::Ends] {
        let _ = socket::parse(line).and_then(|question| socket::command(question, client, rights, &[]));
    }
}

/// Parses a recorded trace as CSV. Panics unless each machine has at least two rows, in order of
/// time.
pub fn trace(bytes: &[u8]) {
    let Ok(mut trace) = SignalTrace::csv(bytes) else { return };
    while let Ok(Some(recorded)) = trace.machine() {
        assert!(recorded.rows.len() > 1 && recorded.rows.is_sorted_by_key(|row| row.second));
        assert!(recorded.rows.iter().all(|row| row.values.len() == trace.signals.len()));
    }
}
