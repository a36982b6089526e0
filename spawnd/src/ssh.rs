//! Counts SSH sessions, on every port: the established connections of the SSH server's processes,
//! after the login. A connection that only tries passwords is none.

use crate::homes::names;
use crate::kernel_tables::{read, system};
use crate::machine::Machine;
use domain::Known;
use procfs_core::FromBufReadSI;
use procfs_core::net::{TcpNetEntries, TcpNetEntry, TcpState};
use std::collections::BTreeMap;

/// The port on which a server counts that is neither OpenSSH's nor Dropbear, or is not found.
const USUAL_PORT: u16 = 22;

/// How far the connection of an SSH server's process is, by the title of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LoginStage {
    /// It serves no one yet: it listens, or a login is in progress.
    Before,
    /// The title does not show it.
    Unclear,
    /// A user has logged in.
    After,
}

/// A process of the SSH server.
struct SshServerProcess {
    stage: LoginStage,
    /// The inodes of its sockets.
    sockets: Vec<u64>,
}

/// Returns the number of SSH sessions.
pub(crate) fn sessions(machine: &Machine) -> Known<f64> {
    let mut connections = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match read(machine, path) {
            Ok(text) => connections.extend(parse_connections(&text)),
            // A machine without IPv6 has no such file.
            Err(_) if path.ends_with('6') => {}
            Err(why) => return Known::Unseen(why),
        }
    }
    Known::Is(count(&connections, &server_processes(machine)) as f64)
}

/// Counts the connections with a login, and the logins in other network namespaces. The connections
/// of those are in no table of this machine.
fn count(connections: &[TcpNetEntry], processes: &[SshServerProcess]) -> usize {
    // A process before and one after the login can share a connection, while it is handed over.
    let mut stages: BTreeMap<u64, LoginStage> = BTreeMap::new();
    for process in processes {
        for socket in &process.sockets {
            let stage = stages.entry(*socket).or_insert(process.stage);
            *stage = process.stage.min(*stage);
        }
    }
    let session = |connection: &&TcpNetEntry| match stages.get(&connection.inode) {
        Some(stage) => *stage != LoginStage::Before,
        None => connection.local_address.port() == USUAL_PORT,
    };
    let here = connections.iter().filter(session).count();
    let in_table = |socket: &u64| connections.iter().any(|connection| connection.inode == *socket);
    let elsewhere = processes.iter().filter(|process| process.stage == LoginStage::After);
    here + elsewhere.filter(|process| !process.sockets.iter().any(in_table)).count()
}

/// Parses the established connections that a process has accepted.
pub(crate) fn parse_connections(text: &str) -> Vec<TcpNetEntry> {
    let entries = text.lines().skip(1).flat_map(|line| {
        let file = format!("\n{line}\n");
        TcpNetEntries::from_buf_read(file.as_bytes(), &system()).map(|table| table.0).unwrap_or_default()
    });
    entries.filter(|entry| entry.state == TcpState::Established && entry.inode != 0).collect()
}

fn server_processes(machine: &Machine) -> Vec<SshServerProcess> {
    let is_number = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    let pids = names(&machine.path("/proc")).unwrap_or_default().into_iter().filter(is_number);
    let process = |pid: String| {
        let name = read(machine, &format!("/proc/{pid}/comm")).ok()?;
        if !is_server(name.trim()) {
            return None;
        }
        let title = read(machine, &format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let folder = machine.path(&format!("/proc/{pid}/fd"));
        let files = names(&folder).unwrap_or_default().into_iter();
        let links = files.filter_map(|name| folder.join(name).read_link().ok());
        let sockets = links.filter_map(|link| socket(&link.to_string_lossy())).collect();
        Some(SshServerProcess { stage: stage(name.trim(), &title), sockets })
    };
    pids.filter_map(process).collect()
}

/// Returns whether a process of this name is an SSH server: OpenSSH's or Dropbear. The parts of
/// OpenSSH's have names of their own since 9.8.
fn is_server(name: &str) -> bool {
    name == "sshd" || name.starts_with("sshd-") || name == "dropbear"
}

fn socket(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Returns the stage by the name and title of a process. OpenSSH's titles are, for example, `sshd:
/// ann [net]` during a login, and `sshd: ann@pts/0` after it.
pub(crate) fn stage(name: &str, title: &str) -> LoginStage {
    let title = title.replace('\0', " ");
    let own = title.trim().split_once(": ").filter(|(program, _)| is_server(program));
    match own.map(|(_, rest)| rest) {
        _ if name == "sshd-auth" => LoginStage::Before,
        Some(rest)
            if ["[net]", "[accepted]", "[preauth]", "[listener]"].iter().any(|part| rest.contains(part)) =>
        {
            LoginStage::Before
        }
        Some(rest) if rest.ends_with("[priv]") || rest.starts_with('/') => LoginStage::Unclear,
        Some(_) => LoginStage::After,
        None => LoginStage::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::path::Path;

    const ESTABLISHED: &str = "01";
    const WAITING: &str = "06";

    /// A machine with a table of connections and with processes.
    struct Host {
        folder: tempfile::TempDir,
        lines: Vec<String>,
    }

    impl Host {
        fn new() -> Host {
            Host { folder: tempfile::tempdir().expect("a folder"), lines: Vec::new() }
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }

        fn connection(mut self, port: u16, state: &str, inode: u64) -> Host {
            let slot = self.lines.len();
            self.lines.push(format!(
                "   {slot}: 0100007F:{port:04X} 0200007F:{:04X} {state} 00000000:00000000 00:00000000 \
                 00000000 0 0 {inode} 1 0000 20 4 30 10 -1\n",
                50_000 + slot
            ));
            self
        }

        fn process(self, pid: u32, name: &str, title: &str, sockets: &[u64]) -> Host {
            self.write(&format!("proc/{pid}/comm"), &format!("{name}\n"));
            self.write(&format!("proc/{pid}/cmdline"), title);
            let folder = self.folder.path().join(format!("proc/{pid}/fd"));
            std::fs::create_dir_all(&folder).expect("a folder");
            for (number, socket) in sockets.iter().enumerate() {
                std::os::unix::fs::symlink(format!("socket:[{socket}]"), folder.join(number.to_string()))
                    .expect("a link");
            }
            self
        }

        fn check(self, expected: f64) {
            self.write("proc/net/tcp", &format!("header\n{}odd\n", self.lines.concat()));
            let machine = Machine::new(self.folder.path().to_path_buf(), ClockPace::REAL);
            assert_eq!(sessions(&machine), Known::Is(expected), "{:?}", self.lines);
        }
    }

    #[test]
    fn a_session_counts_on_any_port_by_the_servers_process() {
        for port in [22, 2_200, 443, 65_000] {
            let host = || Host::new().connection(port, ESTABLISHED, 70);
            host().process(11, "sshd", "sshd: ann@pts/3\0", &[70]).check(1.0);
            host().process(11, "sshd-session", "sshd-session: ann@notty", &[5, 70]).check(1.0);
            host().process(11, "sshd", "sshd: tunnel", &[70]).check(1.0);
            host().process(11, "dropbear", "/usr/sbin/dropbear\0-R\0", &[70]).check(1.0);
            let both = host().process(11, "sshd", "sshd: ann [priv]\0", &[70]);
            both.process(12, "sshd", "sshd: ann@pts/3\0", &[70]).check(1.0);
        }
        let other =
            Host::new().connection(2_200, ESTABLISHED, 70).process(11, "nginx", "nginx: worker", &[70]);
        other.check(0.0);
        Host::new().connection(2_200, ESTABLISHED, 70).check(0.0);
    }

    #[test]
    fn a_connection_without_a_login_does_not_count() {
        for port in [22, 2_200] {
            let host = || Host::new().connection(port, ESTABLISHED, 70);
            let trying = host().process(11, "sshd", "sshd: unknown [priv]\0", &[70]);
            trying.process(12, "sshd", "sshd: unknown [net]\0", &[70]).check(0.0);
            host().process(11, "sshd", "sshd: [accepted]\0", &[70]).check(0.0);
            host().process(11, "sshd-auth", "/usr/lib/sshd-auth\0", &[70]).check(0.0);
            let listener = "sshd: /usr/sbin/sshd -D [listener] 1 of 10-100 startups";
            host().process(11, "sshd", listener, &[70]).check(0.0);
        }
        Host::new().connection(22, ESTABLISHED, 0).check(0.0);
        Host::new().connection(22, WAITING, 70).check(0.0);
    }

    #[test]
    fn an_unknown_server_counts_on_port_22_alone() {
        Host::new().connection(22, ESTABLISHED, 70).connection(22, ESTABLISHED, 71).check(2.0);
        Host::new()
            .connection(22, ESTABLISHED, 70)
            .process(11, "python3", "python3 sshd.py", &[70])
            .check(1.0);
        Host::new().connection(80, ESTABLISHED, 70).check(0.0);
    }

    #[test]
    fn counts_connections_over_ipv4_and_ipv6() {
        let line = |slot: u8, local: &str, remote: &str, state: &str| {
            format!(
                "   {slot}: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 \
                 100 1 0000 20 4 30 10 -1\n"
            )
        };
        let tcp = [
            line(0, "0100007F:0016", "0200007F:C350", ESTABLISHED),
            line(1, "0100007F:0016", "0300007F:C350", WAITING),
            line(2, "0100007F:1F90", "0400007F:C350", ESTABLISHED),
            "odd\n".to_string(),
        ];
        let host = Host::new();
        host.write("proc/net/tcp", &format!("header\n{}", tcp.concat()));
        let address = "00000000000000000000000001000000";
        let six = line(0, &format!("{address}:0016"), &format!("{address}:D431"), ESTABLISHED);
        host.write("proc/net/tcp6", &format!("header\n{six}"));
        let machine = Machine::new(host.folder.path().to_path_buf(), ClockPace::REAL);
        assert_eq!(sessions(&machine), Known::Is(2.0));
    }

    #[test]
    fn a_login_in_another_network_namespace_counts() {
        Host::new().process(11, "sshd", "sshd: ann@pts/0", &[900]).check(1.0);
        Host::new().process(11, "sshd", "sshd: ann [priv]", &[900]).check(0.0);
        Host::new().process(11, "bash", "sshd: ann@pts/0", &[900]).check(0.0);
    }
}
