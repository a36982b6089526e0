//! The installed units under a systemd that is process 1, in its own namespaces. `systemctl
//! poweroff` is the kernel's there, and ends the namespaces. Their clocks begin at the boot, as
//! those of an instance do. The tests do not cover real hardware or a kernel that hangs.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::masked_units::MASKED;

/// The second of the guest at which the dead-man acts, in the tests that wait for it.
const DUE: f64 = 25.0;
/// Seconds, longer than any guest takes. Only a guest that hangs reaches this limit.
const LONGEST: &str = "200";

/// A machine on which systemd boots and runs one script of the test.
struct SystemdGuest {
    folder: tempfile::TempDir,
}

/// The end of a guest.
#[derive(Debug, PartialEq)]
enum GuestEnd {
    PowerOff,
    Reboot,
    Other(Option<i32>, String),
}

const SCRIPT: &str = "[Unit]
After=basic.target
DefaultDependencies=no
[Service]
ExecStart=/bin/sh /root/script
StandardOutput=append:/root/output
StandardError=append:/root/output
";

/// Waits until the daemon answers.
const UP: &str = "until spawnd status; do sleep 0.2; done\n";

impl SystemdGuest {
    /// Returns a guest for this script, or `None` with a message if systemd cannot be process 1 of
    /// namespaces.
    fn new(script: &str) -> Option<SystemdGuest> {
        let probe = SystemdGuest::build("systemctl poweroff\n");
        if let GuestEnd::Other(code, said) = probe.boot() {
            let last = said.lines().last().unwrap_or("no output").to_string();
            println!("skipped: systemd cannot be process 1 of namespaces here ({code:?}: {last})");
            return None;
        }
        Some(SystemdGuest::build(script))
    }

    fn build(script: &str) -> SystemdGuest {
        let guest = SystemdGuest { folder: tempfile::tempdir().expect("a folder") };
        guest.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        guest.write("etc/spawn/terms.json", r#"{"budget":"1h","on-expiry":"stop"}"#);
        guest.write("etc/systemd/system/script.service", SCRIPT);
        guest.write("root/script", script);
        guest.write("etc/systemd/system/multi-user.target.wants/.none", "");
        let wanted = guest.path("etc/systemd/system/multi-user.target.wants/script.service");
        symlink("../script.service", wanted).expect("a link");
        for unit in MASKED {
            symlink("/dev/null", guest.path("etc/systemd/system").join(unit)).expect("a link");
        }
        std::fs::create_dir_all(guest.path("local/bin")).expect("a folder");
        std::fs::copy(env!("CARGO_BIN_EXE_spawnd"), guest.path("local/bin/spawnd")).expect("a copy");
        guest
    }

    /// Shortens the dead-man's hour and a quarter. Everything else is as installed.
    fn short(self) -> SystemdGuest {
        let text = format!("[Timer]\nOnBootSec=\nOnBootSec={DUE}s\nOnBootSec={}s\n", DUE + 5.0);
        self.write("etc/systemd/system/spawn-dead-man.timer.d/zz-short.conf", &text);
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Boots the guest and waits for its end.
    fn boot(&self) -> GuestEnd {
        let boot = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/boot.sh");
        // `script` gives the guest a terminal for its console.
        let output = Command::new("timeout")
            .args(["--signal=KILL", LONGEST, "script", "--quiet", "--return", "--flush", "--command"])
            .arg(format!("sh '{boot}' '{}'", self.folder.path().display()))
            .arg("/dev/null")
            .stdin(Stdio::null())
            .output();
        let Ok(output) = output else {
            return GuestEnd::Other(None, "`script` is not installed".to_string());
        };
        match output.status.code() {
            // The kernel's signals to the parent of a process 1 that powers off (SIGINT) or reboots
            // (SIGHUP).
            Some(130) => GuestEnd::PowerOff,
            Some(129) => GuestEnd::Reboot,
            code => GuestEnd::Other(code, String::from_utf8_lossy(&output.stdout).to_string()),
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.path("root/output")).unwrap_or_default()
    }

    /// Returns the words after `name` at the start of a line of the script's output.
    fn value(&self, name: &str) -> String {
        let said = self.said();
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {said}")).to_string()
    }
}

#[test]
fn the_dead_man_is_armed_and_restored_and_reloads_do_not_move_it() {
    let script = format!(
        "dropin=/run/systemd/system/spawn-dead-man.timer.d/left.conf
        next() {{ systemctl show -P NextElapseUSecMonotonic spawn-dead-man.timer; }}
        armed() {{ sed -n 's/^OnBootSec=\\(.*[0-9]\\)s$/\\1/p' $dropin | head -n 1; }}
        if test -e /root/before; then
            until systemctl is-active --quiet spawn-dead-man.timer; do sleep 0.2; done
            echo second $(armed) $(systemctl is-active spawn-dead-man.timer)
            exec systemctl poweroff
        fi
        touch /root/before
        spawnd install || exit 1
        {UP}
        until test -e $dropin; do sleep 0.2; done
        sleep 1
        echo first $(armed) $(systemctl is-active spawn-dead-man.timer)
        echo verify $(systemd-analyze verify --man=no spawnd.service spawn-dead-man.timer spawn-arm.service 2>&1) $?
        echo next $(next)
        for i in 1 2 3; do sleep 1; systemctl daemon-reload; done
        echo after-reloads $(next)
        old=$(systemctl show -P MainPID spawnd.service)
        kill -KILL $old
        until test $(systemctl show -P MainPID spawnd.service) != $old; do sleep 0.2; done
        {UP}
        echo restarted yes
        exec systemctl reboot\n"
    );
    let Some(guest) = SystemdGuest::new(&script) else { return };
    assert_eq!(guest.boot(), GuestEnd::Reboot, "{}", guest.said());
    assert_eq!(guest.value("verify"), "0");
    assert_eq!(guest.value("next"), guest.value("after-reloads"));
    assert_eq!(guest.value("restarted"), "yes");
    assert_eq!(guest.boot(), GuestEnd::PowerOff, "{}", guest.said());
    // An hour, five minutes of grace and ten of slack. The clock of the second boot starts again.
    for boot in ["first", "second"] {
        let said = guest.value(boot);
        let (seconds, active) = said.split_once(' ').expect("two words");
        let seconds: i64 = seconds.parse().expect("seconds");
        assert!((4_300..=4_510).contains(&seconds) && active == "active", "{}", guest.said());
    }
}

/// A process named sshd with both ends of an established connection on port 2222.
const SSHD: &str = "use IO::Socket::INET; my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => \
                    2222, Listen => 1) or die; my $client = IO::Socket::INET->new('127.0.0.1:2222') or die; my $own = \
                    $server->accept(); sleep 1000;";

#[test]
fn the_daemon_works_under_the_filters_of_its_unit() {
    let script = format!(
        "mkdir -p /home/ann/.local/share/code-server /etc/spawn/idle.d
        touch /home/ann/.local/share/code-server/heartbeat
        chown -R 1000 /home/ann && chmod 700 /home/ann
        printf '#!/bin/sh\ngrep -E \"Seccomp:|NoNewPrivs\" /proc/self/status > /root/hook\nenv >> /root/hook\nexit 1\n' \
            > /etc/spawn/idle.d/quiet
        chmod 755 /etc/spawn/idle.d/quiet
        mkdir /root/bin && cp /usr/bin/perl /root/bin/sshd && /root/bin/sshd /root/sshd.pl &
        script --quiet --flush --command 'chmod 620 $(tty); chown 1000 $(tty); sleep 1000' /root/terminal > /dev/null &
        until test -e /dev/pts/0 && ss -tn state established | grep -q :2222; do sleep 0.2; done
        spawnd install || exit 1
        {UP}
        until test -e /run/systemd/system/spawn-dead-man.timer.d/left.conf; do sleep 0.2; done
        echo confined $(grep -hE 'Seccomp:|NoNewPrivs|CapBnd' /proc/$(systemctl show -P MainPID spawnd.service)/status)
        until test -s /root/hook; do sleep 0.2; done
        echo hook $(cat /root/hook)
        until spawnd status --why | grep -q 'hooks *0.00'; do sleep 0.2; done
        for signal in hooks ssh editor inhibitor; do echo $signal $(spawnd status --why | grep \"^ *$signal \"); done
        spawnd extend 1h --local-only
        spawnd complete
        until grep -q spawnd /root/terminal; do sleep 0.2; done
        echo terminal $(tr -d '\r' < /root/terminal)
        echo modes $(cd /; stat -c %n=%a run/motd.d run/motd.d/50-spawn run/spawn run/spawn/notice run/spawn/spawnd.sock var/lib/spawn/state.json)
        exec systemctl poweroff\n"
    );
    let Some(guest) = SystemdGuest::new(&script) else { return };
    guest.write("root/sshd.pl", SSHD);
    if ["/usr/bin/perl", "/usr/bin/ss"].iter().any(|program| !std::path::Path::new(program).exists()) {
        println!("skipped: perl or ss is not installed");
        return;
    }
    assert_eq!(guest.boot(), GuestEnd::PowerOff, "{}", guest.said());
    // CAP_DAC_OVERRIDE and CAP_SYS_PTRACE.
    assert_eq!(
        guest.value("confined"),
        "CapBnd: 0000000000080002 NoNewPrivs: 1 Seccomp: 2",
        "{}",
        guest.said()
    );
    let hook = guest.value("hook");
    assert!(hook.starts_with("NoNewPrivs: 0 Seccomp: 0 ") && !hook.contains("NOTIFY_SOCKET"), "{hook}");
    for (signal, expected) in [("hooks", "0.00"), ("ssh", "2.00"), ("editor", "0.00"), ("inhibitor", "")] {
        let line = guest.value(signal);
        assert!(line.contains(expected) && !line.contains("could not be read"), "{line}");
    }
    assert!(guest.value("terminal").contains("this instance will terminate in"), "{}", guest.said());
    let modes = "run/motd.d=755 run/motd.d/50-spawn=644 run/spawn=755 run/spawn/notice=644 \
                 run/spawn/spawnd.sock=666 var/lib/spawn/state.json=600";
    assert_eq!(guest.value("modes"), modes, "{}", guest.said());
}

/// Boots a guest that only the dead-man can end. Checks that it ends in time and not before.
fn check_ended_by_the_dead_man(script: &str, prepare: impl FnOnce(&SystemdGuest)) {
    let watch =
        "while :; do echo at $(cut -d' ' -f1 /proc/uptime); sleep 0.5; systemctl daemon-reload; done\n";
    let Some(guest) = SystemdGuest::new(&format!("{script}{watch}")) else { return };
    let guest = guest.short();
    prepare(&guest);
    assert_eq!(guest.boot(), GuestEnd::PowerOff, "{}", guest.said());
    let said = guest.said();
    let mut seen = said.lines().filter_map(|line| line.strip_prefix("at ")?.parse::<f64>().ok());
    let last = seen.next_back().unwrap_or_else(|| panic!("no times in the output: {said}"));
    assert!((DUE - 5.0..DUE + 60.0).contains(&last), "it ended at {last}: {said}");
}

#[test]
fn the_dead_man_acts_if_the_daemon_never_starts() {
    check_ended_by_the_dead_man("spawnd install\n", |guest| {
        std::fs::rename(guest.path("local/bin/spawnd"), guest.path("local/bin/real")).expect("renamed");
        guest.write(
            "local/bin/spawnd",
            "#!/bin/sh\ntest $1 = install && exec /usr/local/bin/real install\nexit 1\n",
        );
        std::fs::set_permissions(guest.path("local/bin/spawnd"), PermissionsExt::from_mode(0o755))
            .expect("a mode");
    });
}

#[test]
fn the_dead_man_acts_if_the_daemon_hangs() {
    let stop = "kill -STOP $(systemctl show -P MainPID spawnd.service)\n";
    check_ended_by_the_dead_man(&format!("spawnd install\n{UP}{stop}"), |_| {});
}

#[test]
fn the_dead_man_acts_if_the_daemon_is_masked() {
    let mask = "ln -sf /dev/null /etc/systemd/system/spawnd.service
        systemctl daemon-reload
        systemctl kill --signal=KILL spawnd.service\n";
    check_ended_by_the_dead_man(&format!("spawnd install\n{UP}{mask}"), |_| {});
}
