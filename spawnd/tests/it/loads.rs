//! Real load on a real kernel. Terminals, connections and devices are the kernel's own, in
//! namespaces of the test. Time runs 240 times as fast, so nine seconds between two keys are 36
//! minutes.

use crate::fake::{FakeWorld, PACE};
use crate::namespaces::{inside_of, sh};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{ptsname, unlockpt};
use std::cell::Cell;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const TERMS: &str = r#"{"budget":"9h","on-expiry":"terminate","idle":{"timeout":"40m"}}"#;
/// The same terms with a budget longer than the test.
const DAYS: &str = r#"{"budget":"4d","on-expiry":"terminate","idle":{"timeout":"40m"}}"#;
const OUTPUT: &str =
    r#"{"budget":"9h","on-expiry":"terminate","idle":{"timeout":"40m","thresholds":{"output":1}}}"#;
/// The kernel updates the times of a terminal in steps of 8 s.
pub(crate) const BETWEEN_KEYS: Duration = Duration::from_secs(9);
/// Twice the boot grace, the timeout and the grace, in seconds of the daemon's time.
const LONG: u64 = 2 * (15 + 40 + 10) * 60;

fn inside(test: &str) -> bool {
    inside_of("loads", test)
}

/// Creates a machine with terminals of its own.
pub(crate) fn with_terminals(terms: &str) -> FakeWorld {
    let mut world = FakeWorld::new(terms);
    world.mount(&["-t", "devpts", "-o", "newinstance,ptmxmode=666", "none"], "dev/pts");
    world
}

/// A terminal of the kernel, and a program on it that is killed on drop.
struct PseudoTerminal {
    master: File,
    program: Child,
}

impl PseudoTerminal {
    fn new(world: &FakeWorld, script: &str) -> PseudoTerminal {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let master = rustix::fs::open(world.path("dev/pts/ptmx"), flags, Mode::empty()).expect("a terminal");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name").to_string_lossy().to_string();
        let side = || {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            let file = rustix::fs::open(world.path(name.trim_start_matches('/')), flags, Mode::empty());
            Stdio::from(file.expect("the other side"))
        };
        let program = Command::new("sh").args(["-c", script]).stdin(side()).stdout(side()).spawn();
        PseudoTerminal { master: File::from(master), program: program.expect("a shell") }
    }

    fn key(&mut self) {
        self.master.write_all(b"\n").expect("a key");
    }
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Returns the line of one signal in `spawnd status --why`.
pub(crate) fn why(world: &FakeWorld, signal: &str) -> String {
    let text = String::from_utf8(world.run(&["status", "--why"]).stdout).expect("text");
    text.lines().find(|line| line.trim_start().starts_with(signal)).unwrap_or_default().to_string()
}

/// Acts every nine seconds, until two idle lives would be over.
fn act_for_two_idle_lives(world: &FakeWorld, mut act: impl FnMut()) {
    while world.uptime() < LONG {
        act();
        let until = Instant::now() + BETWEEN_KEYS;
        world.until(LONG.saturating_sub(world.uptime()).min(BETWEEN_KEYS.as_secs() * PACE), |_| {
            Instant::now() >= until
        });
    }
}

#[test]
fn real_typing_keeps_the_instance_and_output_does_not() {
    if !inside("real_typing_keeps_the_instance_and_output_does_not") {
        return;
    }
    let mut worlds =
        [with_terminals(TERMS), with_terminals(TERMS), with_terminals(OUTPUT), with_terminals(TERMS)];
    let build = "while :; do echo compiling; sleep 0.2; done";
    let mut typed = PseudoTerminal::new(&worlds[0], "exec cat > /dev/null");
    let _build = PseudoTerminal::new(&worlds[1], build);
    let _shown = PseudoTerminal::new(&worlds[2], build);
    let mut unread = PseudoTerminal::new(&worlds[3], "exec sleep 600");
    worlds.iter_mut().for_each(FakeWorld::start);
    act_for_two_idle_lives(&worlds[0], || {
        typed.key();
        unread.key();
    });
    let stopped: Vec<bool> = worlds.iter().map(|world| world.received_call("StopInstances")).collect();
    // Input that is read; output; output that the terms count; input that is never read.
    assert_eq!(stopped, [false, true, false, true], "{}", worlds[0].log());
    assert!(why(&worlds[2], "output").contains("busy from 1 terminals printed to"));
    assert!(why(&worlds[0], "output").contains("off; the terms can turn it on"));
}

#[test]
fn a_real_detached_tmux_is_idle() {
    if !inside("a_real_detached_tmux_is_idle") {
        return;
    }
    if Command::new("tmux").arg("-V").output().is_err() {
        println!("skipped: tmux is not installed");
        return;
    }
    let mut world = with_terminals(TERMS);
    sh(&format!("mount --bind {} /dev/pts", world.path("dev/pts").display()));
    let tmux = |arguments: &[&str]| {
        let mut command = Command::new("tmux");
        command.env("TMUX_TMPDIR", world.path("")).args(["-f", "/dev/null"]).args(arguments);
        assert!(command.status().expect("tmux runs").success(), "{arguments:?}");
    };
    tmux(&["new-session", "-d", "while :; do date; sleep 1; done"]);
    assert!(world.path("dev/pts/0").exists(), "tmux has a terminal in this world");
    let folder = world.path("");
    world.start();
    let stopped = world.until(LONG, |world| world.received_call("StopInstances"));
    let ended = Command::new("tmux").env("TMUX_TMPDIR", folder).arg("kill-server").status();
    assert!(ended.is_ok_and(|status| status.success()));
    assert!(stopped, "{}", world.log());
}

/// Sends 2 MiB in each of the daemon's minutes over a device, and as much over the loopback. Delays
/// by a busy machine are made up for, so that the average rate is right.
struct PacedTraffic {
    socket: UdpSocket,
    began: Instant,
    sent: Cell<f64>,
}

impl PacedTraffic {
    const PACKET: [u8; 1400] = [0; 1400];
    /// 2 MiB a minute.
    const BYTES_A_SECOND: f64 = 2.0 * 1024.0 * 1024.0 / 60.0;

    fn new() -> PacedTraffic {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        PacedTraffic { socket, began: Instant::now(), sent: Cell::new(0.0) }
    }

    /// Sends the packets that are due since the last call.
    fn flow(&self) {
        let due = self.began.elapsed().as_secs_f64() * PACE as f64 * PacedTraffic::BYTES_A_SECOND;
        while self.sent.get() < due {
            for address in ["192.0.2.2:9", "127.0.0.1:9"] {
                let _ = self.socket.send_to(&PacedTraffic::PACKET, address);
            }
            self.sent.set(self.sent.get() + PacedTraffic::PACKET.len() as f64);
        }
    }
}

#[test]
fn real_connections_and_traffic_keep_the_instance() {
    if !inside("real_connections_and_traffic_keep_the_instance") {
        return;
    }
    sh("ip link add ens5 type veth peer name far && ip address add 192.0.2.1/24 dev ens5
        ip link set ens5 up && ip link set far up
        ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev ens5 nud permanent");
    let mut worlds = [FakeWorld::new(DAYS), FakeWorld::new(DAYS)];
    for world in &worlds {
        // The tables are the kernel's own. That ens5 has hardware behind it is the test's claim.
        std::fs::remove_dir_all(world.path("proc/net")).expect("removed");
        std::os::unix::fs::symlink("/proc/self/net", world.path("proc/net")).expect("a link");
    }
    worlds[1].write("sys/class/net/ens5/device", "");
    let sshd = TcpListener::bind("127.0.0.1:22").expect("the port");
    let client = TcpStream::connect("127.0.0.1:22").expect("a connection");
    let server = sshd.accept().expect("a connection");
    worlds.iter_mut().for_each(FakeWorld::start);
    let traffic = PacedTraffic::new();
    let flowing = |seconds: u64, holds: &dyn Fn() -> bool| {
        worlds[0].until(seconds, |_| {
            traffic.flow();
            holds()
        })
    };
    let stopped = || worlds.each_ref().map(|world| world.received_call("StopInstances"));
    let lines = || [why(&worlds[1], "network"), why(&worlds[0], "network"), why(&worlds[0], "ssh")];
    let judged = || {
        let [device, loopback, ssh] = lines();
        device.contains("busy in 2 of")
            && loopback.starts_with("  network    0.00")
            && ssh.contains("1.00")
            && ssh.contains("holds at most 4h")
    };
    assert!(flowing(LONG, &judged), "{:?}", lines());
    flowing(LONG, &|| worlds[0].uptime() >= LONG);
    // The open, quiet connection keeps both machines running.
    assert_eq!(stopped(), [false; 2], "{:?}", lines());
    drop((client, server, sshd));
    // After the connection is closed, the machine with only loopback traffic is stopped.
    let closed = worlds[0].uptime();
    let gone = flowing(2 * LONG, &|| stopped() == [true, false]);
    assert!(gone, "{:?} {}", stopped(), worlds[0].log());
    // The busy machine is kept running for as long again as an idle one lives.
    flowing(LONG.saturating_sub(worlds[0].uptime() - closed), &|| false);
    assert_eq!(stopped(), [true, false], "{:?}", lines());
}

/// Creates a loop device over a file in memory; `None` without loop devices. Its counters are the
/// kernel's, and no other program uses it. It is detached when it is closed.
fn loop_device(world: &mut FakeWorld) -> Option<(String, File)> {
    world.mount(&["-t", "tmpfs", "-o", "size=40m", "none"], "disk");
    let image = world.path("disk/image");
    File::create(&image).and_then(|file| file.set_len(32 << 20)).expect("an image");
    let output = Command::new("losetup").args(["--find", "--show"]).arg(&image).output().ok()?;
    let device = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let file = File::options().write(true).open(&device).ok()?;
    let let_go = Command::new("losetup").args(["--detach", &device]).status();
    assert!(let_go.is_ok_and(|status| status.success()), "{device}");
    Some((device.trim_start_matches("/dev/").to_string(), file))
}

#[test]
fn real_writes_to_a_disk_keep_the_instance() {
    if !inside("real_writes_to_a_disk_keep_the_instance") {
        return;
    }
    let mut worlds = [FakeWorld::new(TERMS), FakeWorld::new(TERMS)];
    let Some((name, mut device)) = loop_device(&mut worlds[0]) else {
        println!("skipped: there are no loop devices");
        return;
    };
    for world in &worlds {
        std::fs::remove_file(world.path("proc/diskstats")).expect("removed");
        std::os::unix::fs::symlink("/proc/diskstats", world.path("proc/diskstats")).expect("a link");
        world.write(&format!("sys/block/{name}/size"), "");
    }
    // The first machine claims that there is hardware behind the device. The other does not, as is
    // usual for a loop device.
    worlds[0].write(&format!("sys/block/{name}/device"), "");
    worlds.iter_mut().for_each(FakeWorld::start);
    let block = vec![7; 16 << 20];
    while worlds[0].uptime() < LONG * 3 / 4 {
        device.seek(SeekFrom::Start(0)).and_then(|_| device.write_all(&block)).expect("written");
        device.sync_data().expect("on the disk");
        std::thread::sleep(Duration::from_millis(50));
    }
    let stopped = worlds.each_ref().map(|world| world.received_call("StopInstances"));
    assert_eq!(stopped, [false, true], "{} {}", why(&worlds[0], "disk"), worlds[0].log());
    assert!(why(&worlds[0], "disk").contains("busy in "), "{}", why(&worlds[0], "disk"));
}

/// `login` writes the same record as sshd, so this test needs no SSH server.
#[test]
fn a_real_login_is_work_once_and_an_open_session_is_not() {
    if !inside("a_real_login_is_work_once_and_an_open_session_is_not") {
        return;
    }
    let mut world = with_terminals(TERMS);
    world.write("run/utmp", "");
    let (run, terminals) = (world.path("run"), world.path("dev/pts"));
    sh(&format!("mount --bind {} /run && mount --bind {} /dev/pts", run.display(), terminals.display()));
    world.start();
    world.until(20 * 60, |world| world.uptime() >= 20 * 60);
    let at = world.uptime();
    let written = |world: &FakeWorld| std::fs::metadata(world.path("run/utmp")).map_or(0, |file| file.len());
    let mut session = Command::new("script");
    session.args(["--quiet", "--command", "login -f root", "/dev/null"]);
    let session = session.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut session) = session else {
        println!("skipped: `script` is not installed");
        return;
    };
    if !world.until(10 * 60, |world| written(world) > 0) {
        let _ = session.kill();
        println!("skipped: there is no login that keeps records");
        return;
    }
    let seen = world.until(10 * 60, |world| why(world, "login").contains("last busy"));
    let stopped = world.until(LONG, |world| world.received_call("StopInstances"));
    let (ended, open) = (world.uptime(), session.try_wait().is_ok_and(|ended| ended.is_none()));
    let _ = session.kill();
    let _ = session.wait();
    assert!(seen, "{}", why(&world, "login"));
    assert!(open, "the session was open to the end");
    // The timeout and the grace, less one poll.
    assert!(stopped && ended >= at + 50 * 60 - 60, "from {at} to {ended}: {}", world.log());
}
