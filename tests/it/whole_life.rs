//! The life of one instance, from its launch to the reaper. On the instance, systemd is process 1,
//! Debian's cloud-init makes the first boot, OpenSSH lets the user in, and spawnd is the real one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{repository_root, run_command};

use crate::caller::{advance_clock, call_control, now};
use crate::delivery::{Newcomer, install_daemon, wait_for};
use crate::ssh_network::is_inside;
use masked_units::MASKED;

#[path = "../../spawnd/tests/it/masked_units.rs"]
mod masked_units;

/// How many times faster than the machine's time the second boot runs, and the sandbox's clock with
/// it.
const PACE: u32 = 120;
/// Seconds after which a guest that hangs is killed.
const LONGEST: &str = "200";
/// The process and group of the login user.
const LOGIN: u32 = 3100;

/// Parts of /etc that sudo, OpenSSH and cloud-init read.
const COPIED: [&str; 7] = ["cloud", "pam.d", "security", "shadow", "sudo.conf", "sudoers", "sudoers.d"];

const FIRST_BOOT: &str = "[Unit]
DefaultDependencies=no
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'sh /root/cloud-init.sh @URL@ && cp /run/console /root/console'
StandardOutput=append:/root/output
StandardError=append:/root/output
";

const SERVER: &str = "[Unit]
DefaultDependencies=no
After=first-boot.service
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /dev/null -o UsePAM=no -o PidFile=none \
    -o HostKey=/etc/ssh/ssh_host_ed25519_key -o AuthorizedKeysFile=/etc/ssh/authorized_keys
StandardError=append:/root/output
";

/// The machine behind an instance of the sandbox. Its folder is the disk.
struct BootedMachine {
    folder: tempfile::TempDir,
    /// The metadata of the instance, and its calls to EC2.
    url: String,
    process: Option<Child>,
}

impl BootedMachine {
    /// Makes the disk of an instance's image, with the public keys of its user.
    fn new(user: &Newcomer, id: &str) -> BootedMachine {
        let url = format!("{}/imds/{id}", user.world.admin.url);
        let machine = BootedMachine { folder: tempfile::tempdir().unwrap(), url, process: None };
        fs::set_permissions(machine.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for folder in ["etc/ssh", "etc/systemd/system/multi-user.target.wants", "root", "local/bin"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        for name in COPIED {
            let from = Path::new("/etc").join(name);
            run_command(Command::new("cp").arg("-a").arg(from).arg(machine.path("etc"))).expect_success();
        }
        for unit in MASKED {
            symlink("/dev/null", machine.path("etc/systemd/system").join(unit)).unwrap();
        }
        for (unit, text) in [("first-boot.service", FIRST_BOOT), ("server.service", SERVER)] {
            machine.write(&format!("etc/systemd/system/{unit}"), &text.replace("@URL@", &machine.url));
            let wanted = machine.path("etc/systemd/system/multi-user.target.wants").join(unit);
            symlink(format!("../{unit}"), wanted).unwrap();
        }
        machine.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        let script = repository_root().join("tests/stubs/cloud-init.sh");
        machine.write("root/cloud-init.sh", &fs::read_to_string(script).unwrap());
        let keys = fs::read_dir(user.world.desk.home().join(".ssh")).unwrap().flatten();
        let public =
            keys.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "pub"));
        let lines: String = public.map(|path| fs::read_to_string(path).unwrap()).collect();
        machine.write("etc/ssh/authorized_keys", &lines);
        let home = machine.path("home/ec2-user");
        fs::create_dir_all(&home).unwrap();
        chown(&home, Some(LOGIN), Some(LOGIN)).unwrap();
        machine.set_pace(1);
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Lets spawnd use the sandbox, and its clock run faster than the machine's.
    fn set_pace(&self, pace: u32) {
        let text = format!(
            "[Service]\nExecStart=\nExecStart=/usr/local/bin/spawnd daemon --sandbox {} --pace {pace}@0\n",
            self.url
        );
        self.write("etc/systemd/system/spawnd.service.d/sandbox.conf", &text);
    }

    fn output(&self) -> String {
        fs::read_to_string(self.path("root/output")).unwrap_or_default()
    }

    fn power_on(&mut self) {
        let boot = repository_root().join("spawnd/tests/stubs/boot.sh");
        let command = format!("sh '{}' '{}'", boot.display(), self.folder.path().display());
        // `script` gives the machine a terminal for its console.
        let mut timeout = Command::new("timeout");
        timeout.args(["--signal=KILL", LONGEST, "script", "--quiet", "--return", "--flush", "--command"]);
        timeout.arg(command).arg("/dev/null").env("GUEST_NETWORK", "shared");
        let console = fs::File::create(self.path("root/terminal")).unwrap();
        self.process = Some(timeout.stdin(Stdio::null()).stdout(console).spawn().unwrap());
    }

    /// Returns the console of the first boot, once cloud-init has written the host keys there; none
    /// inside if systemd does not run.
    fn console(&mut self) -> Option<Option<String>> {
        if self.process.as_mut().is_some_and(|process| process.try_wait().is_ok_and(|code| code.is_some())) {
            return Some(None);
        }
        let text = fs::read_to_string(self.path("root/console")).ok()?;
        text.contains("END SSH HOST KEY KEYS").then_some(Some(text))
    }

    /// Powers the machine off as EC2 does, unless it does so itself, and waits until systemd has
    /// ended.
    fn power_off(&mut self) {
        if let Some(first) = self.first_process() {
            run_command(Command::new("kill").args(["-s", "RTMIN+4", &first]));
        }
        let code = self.process.take().unwrap().wait().unwrap().code();
        // The kernel's signal to the parent of a process 1 that powers off is SIGINT.
        assert_eq!(code, Some(130), "{}", self.output());
    }

    /// Returns the number of the machine's process 1 outside of it.
    fn first_process(&self) -> Option<String> {
        let is_first = |folder: &Path| {
            let line = fs::read(folder.join("cmdline")).unwrap_or_default();
            line.starts_with(b"/lib/systemd/systemd\0") && line.ends_with(b"--show-status=0\0")
        };
        let found = fs::read_dir("/proc").unwrap().flatten().find(|entry| is_first(&entry.path()))?;
        Some(found.file_name().into_string().unwrap())
    }
}

impl Drop for BootedMachine {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Moves the sandbox's clock at the machine's pace until it is dropped.
struct FastClock {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl FastClock {
    fn start(url: &str) -> FastClock {
        let over = Arc::new(AtomicBool::new(false));
        let (url, ended, begun, from) = (url.to_string(), over.clone(), Instant::now(), now(url));
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                let passed = SignedDuration::try_from(begun.elapsed() * PACE).unwrap();
                if now(&url) < from + passed {
                    call_control(&url, "clock", &json!({ "until": from + passed }));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        FastClock { over, thread: Some(thread) }
    }
}

impl Drop for FastClock {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Returns the time left in the tag of a stopped instance.
fn paused(user: &Newcomer, id: &str) -> i64 {
    let tag = user.tag(id, "spawn:expiry").unwrap();
    let left = tag.strip_prefix("v1;paused;left=").and_then(|rest| rest.split(';').next());
    left.unwrap_or_else(|| panic!("{tag}")).parse().unwrap()
}

#[test]
fn an_instance_is_delivered_warned_extended_stopped_started_ended_when_idle_and_reaped() {
    let name =
        "whole_life::an_instance_is_delivered_warned_extended_stopped_started_ended_when_idle_and_reaped";
    if !is_inside(name) {
        return;
    }
    // Inside, systemd's own systemctl.
    fs::rename("/usr/bin/systemctl.real", "/usr/bin/systemctl").unwrap();
    install_daemon();
    let user = Newcomer::new("timing: {pending: 0s, visible_after: 0s, console_after: 5m}\n");
    let (admin, url) = (&user.world.admin, user.world.admin.url.clone());
    let launch = "launch t3.micro --ttl 28m --idle-timeout 10m --on-idle stop --name try";
    let mut launch = user.start("launch", &launch.split(' ').collect::<Vec<_>>());
    let id = user.instance();
    let mut machine = BootedMachine::new(&user, &id);
    machine.power_on();
    let Some(console) = wait_for("the host keys on the console", || machine.console()) else {
        println!("skipped: systemd cannot be process 1 of namespaces here");
        launch.kill().unwrap();
        launch.wait().unwrap();
        return;
    };
    call_control(&url, "console", &json!({ "instance": id, "text": console }));
    advance_clock(&url, 300);
    let ended = launch.wait().unwrap();
    assert!(ended.success(), "{} {}", user.output("launch", "err"), machine.output());
    wait_for("spawn:seen", || user.tag(&id, "spawn:seen"));

    let ask = |words: &[&str]| user.spawn(&[&["connect", "try", "--"], words].concat()).expect_success();
    let units = ask(&["sudo", "systemctl", "is-active", "spawnd.service", "spawn-dead-man.timer"]);
    assert_eq!(units, "active\nactive\n");
    let notice = ask(&["cat", "/run/spawn/notice"]);
    assert!(notice.contains("this instance will stop in 2"), "{notice}");
    let extended = user.row(&["extend", "try", "8h"]);
    assert_eq!(extended["confirmed_by"], "spawnd", "{extended}");
    assert_eq!(ask(&["sh", "-c", "cat /run/spawn/notice; true"]), "");

    let mut stop = user.start("stop", &["stop", "try"]);
    wait_for("a stop", || (admin.state(&id).0 == "stopping").then_some(()));
    machine.power_off();
    advance_clock(&url, 60);
    assert!(stop.wait().unwrap().success(), "{}", user.output("stop", "err"));
    let left = paused(&user, &id);
    assert!((29_700..=30_300).contains(&left), "{left}");
    advance_clock(&url, 10 * 3_600);
    assert_eq!(paused(&user, &id), left);
    user.spawn(&["start", "try"]).expect_success();
    let again = user.end(&id).duration_since(now(&url)).as_secs();
    assert!((left - 60..=left).contains(&again), "{left} {again}");

    machine.set_pace(PACE);
    let clock = FastClock::start(&url);
    machine.power_on();
    wait_for("the end of an idle instance", || (admin.state(&id).0 != "running").then_some(()));
    drop(clock);
    let events = admin.cloudtrail_events("StopInstances");
    let record: Value =
        serde_json::from_str(events[0]["CloudTrailEvent"].as_str().unwrap_or_default()).unwrap();
    let caller = record["userIdentity"]["arn"].as_str().unwrap();
    assert!(caller.ends_with(&format!(":assumed-role/spawn-instance/{id}")), "{events}");
    machine.power_off();
    advance_clock(&url, 60);
    assert_eq!(admin.state(&id).0, "stopped");
    let rest = paused(&user, &id);
    // Boot grace, timeout and warning are 35 minutes.
    assert!((left - 7_200..=left - 2_000).contains(&rest), "{left} {rest}");

    advance_clock(&url, 31 * 24 * 3_600);
    user.spawn(&["reap", "--stopped", "30d", "--yes"]).expect_success();
    advance_clock(&url, 60);
    assert_eq!(admin.state(&id).0, "terminated");
}
