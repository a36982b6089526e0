//! Sessions over a real SSH server, on a real kernel. The server is OpenSSH's if it is installed,
//! else asyncssh from the test tools; the client is OpenSSH's. Each server has its own namespaces
//! with nothing but a loopback in its network, and ends with everything in them.

use crate::fake::{FakeWorld, is_long_run};
use crate::loads::{BETWEEN_KEYS, TERMS, why, with_terminals};
use crate::namespaces::inside_of;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const MINUTE: u64 = 60;
/// Time for which an open connection counts after the last hard activity.
const HOLD: u64 = 4 * 60 * MINUTE;
/// The idle timeout and its grace.
const IDLE: u64 = 50 * MINUTE;
/// Duration of the sessions in a sample: longer than an instance without sessions would run.
const SAMPLE: u64 = IDLE + 20 * MINUTE;

/// Returns the path of OpenSSH's server, if it is installed and can take a user's rights.
fn openssh() -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/setgroups").unwrap_or_default();
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("sshd")).find(|path| path.is_file()).filter(|_| groups.trim() != "deny")
}

/// Returns the command that serves SSH and accepts this key; `None` without a server.
fn server(key: &Path) -> Option<String> {
    let (key, entering) = (key.display(), key.with_extension("pub"));
    let entering = entering.display();
    if let Some(sshd) = openssh() {
        let own = "-o UsePAM=no -o PermitRootLogin=prohibit-password -o StrictModes=no -o PidFile=none";
        let here = "-o ListenAddress=127.0.0.1 -o Port=22";
        let keys = format!("-o HostKey={key} -o AuthorizedKeysFile={entering}");
        // sshd writes its records of logins to this folder.
        let quiet = "mount -t tmpfs none /var/log";
        return Some(format!("{quiet}; exec {} -D -e -f /dev/null {own} {here} {keys}", sshd.display()));
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/ssh/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/sshd.py");
    python.is_file().then(|| format!("exec {} {script} {key} {entering}", python.display()))
}

/// A machine with the terminals and the network of an SSH server.
struct SshHost {
    world: FakeWorld,
    server: Child,
    client: Option<Child>,
}

impl SshHost {
    /// Starts a server; `None` if there is none.
    fn new() -> Option<SshHost> {
        let world = with_terminals(TERMS);
        world.write("run/utmp", "");
        world.write("run/sshd/empty", "");
        let key = world.path("key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        let serve = server(&key).filter(|_| made.is_ok_and(|status| status.success()))?;
        let (run, terminals) = (world.path("run"), world.path("dev/pts"));
        let script = format!(
            "ip link set lo up; mount --bind {} /dev/pts; mount --bind {} /run; {serve}",
            terminals.display(),
            run.display()
        );
        let log = std::fs::File::create(world.path("sshd.log")).expect("a log");
        let server = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--mount-proc",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-ec",
                &script,
            ])
            .stderr(log)
            .spawn()
            .expect("unshare runs");
        std::fs::remove_dir_all(world.path("proc/net")).expect("removed");
        let tables = format!("/proc/{}/net", server.id());
        std::os::unix::fs::symlink(tables, world.path("proc/net")).expect("a link");
        let host = SshHost { world, server, client: None };
        // 0016 is port 22, 0A is LISTEN.
        let listens = |world: &FakeWorld| world.read("proc/net/tcp").contains(":0016 00000000:0000 0A");
        assert!(host.world.until(60 * MINUTE, listens), "{}", host.world.read("sshd.log"));
        Some(host)
    }

    /// Connects with a new terminal and runs `program` on it.
    fn session(&mut self, program: &str) {
        let network = format!("--net=/proc/{}/ns/net", self.server.id());
        let own =
            ["-F", "none", "-tt", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"];
        let trusting = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
        let client = Command::new("nsenter")
            .args([&network, "--", "ssh"])
            .args(own)
            .args(trusting)
            .arg("-i")
            .arg(self.world.path("key"))
            .args(["root@127.0.0.1", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.world.path("ssh.log")).expect("a log"))
            .spawn();
        self.client = Some(client.expect("nsenter runs"));
        let there = |world: &FakeWorld| world.path("dev/pts/0").exists();
        let logs = || self.world.read("ssh.log") + &self.world.read("sshd.log");
        assert!(self.world.until(60 * MINUTE, there), "no terminal: {}", logs());
    }

    fn key(&mut self) {
        let keys = self.client.as_mut().and_then(|client| client.stdin.as_mut()).expect("a session");
        keys.write_all(b"\n").and_then(|()| keys.flush()).expect("a key");
    }

    fn stopped(&self) -> bool {
        self.world.received_call("StopInstances")
    }

    fn open(&mut self) -> bool {
        self.client.as_mut().is_some_and(|client| client.try_wait().is_ok_and(|ended| ended.is_none()))
    }
}

impl Drop for SshHost {
    fn drop(&mut self) {
        for child in self.client.iter_mut().chain([&mut self.server]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn real_ssh_sessions_become_idle_after_hours_without_typing() {
    if !inside_of("ssh", "real_ssh_sessions_become_idle_after_hours_without_typing") {
        return;
    }
    let hosts = [SshHost::new(), SshHost::new(), SshHost::new()];
    let [Some(mut idle), Some(mut typed), Some(mut deaf)] = hosts else {
        println!("skipped: neither OpenSSH nor .tools/ssh is installed; see: cargo xtask setup --tests");
        return;
    };
    for host in [&mut idle, &mut typed, &mut deaf] {
        host.world.start();
    }
    // After the grace of the boot, so that the hold begins with the session.
    idle.world.until(20 * MINUTE, |world| world.uptime() >= 20 * MINUTE);
    let began = idle.world.uptime();
    idle.session("exec sh -i");
    typed.session("exec sh -i");
    deaf.session("while :; do echo compiling; sleep 0.2; done");
    let came = idle.world.until(30 * MINUTE, |world| why(world, "terminal").contains("last busy"));
    assert!(came, "{}", why(&idle.world, "terminal"));
    if openssh().is_some() {
        // OpenSSH writes an accounting record for each login.
        let seen = idle.world.until(30 * MINUTE, |world| why(world, "login").contains("last busy"));
        assert!(seen, "{}", why(&idle.world, "login"));
    }
    let mut held = String::new();
    let most = if is_long_run() { HOLD + 3 * IDLE } else { SAMPLE };
    while !(idle.stopped() && deaf.stopped()) && idle.world.uptime() < began + most {
        typed.key();
        // Input for a program that reads nothing.
        deaf.key();
        if idle.world.uptime() < began + HOLD / 2 {
            held = why(&idle.world, "ssh");
        }
        let next = Instant::now() + BETWEEN_KEYS;
        idle.world.until(HOLD, |_| Instant::now() >= next || (idle.stopped() && deaf.stopped()));
    }
    let ended = idle.world.uptime();
    assert!(
        held.contains("1.00") && held.contains("holds at most 4h after the last hard activity"),
        "{held}"
    );
    let stopped = [&idle, &typed, &deaf].map(SshHost::stopped);
    let all_open = [&mut idle, &mut typed, &mut deaf].into_iter().all(SshHost::open);
    assert!(all_open, "every session was open to the end");
    if !is_long_run() {
        assert_eq!(stopped, [false, false, false], "an open session did not keep its instance");
        return;
    }
    assert_eq!(stopped, [true, false, true], "{} {}", why(&typed.world, "terminal"), typed.world.log());
    // Less one poll and one reading.
    assert!(ended + 2 * MINUTE >= began + HOLD + IDLE, "from {began} to {ended}: {}", idle.world.log());
    let over = why(&idle.world, "ssh");
    assert!(over.contains("1.00") && over.contains("expired 4h after the last hard activity"), "{over}");
}
