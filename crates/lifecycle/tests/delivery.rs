//! The scripts that put spawnd on an instance, in a folder in place of its disk.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the test runs scripts in a folder")]

use jiff::SignedDuration;
use lifecycle::dead_man::boothook;
use lifecycle::{DaemonSource, DeliveryFault, receive_script};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program that stands for spawnd: it logs its arguments and prints a status.
const DAEMON: &str =
    "#!/bin/sh\necho \"spawnd $@\" >>@ROOT@/calls\n[ \"$1\" = status ] && echo '{\"up\":1}'\nexit 0\n";

/// The disk of an instance.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Disk {
        let disk = Disk { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir_all(disk.path("/run")).expect("a folder");
        fs::create_dir_all(disk.path("/usr/local/bin")).expect("a folder");
        let text =
            "#!/bin/sh\necho \"systemctl $@\" >>@ROOT@/calls\ncase \"$*\" in *is-active*) exit 3 ;; esac\n";
        disk.program("/bin/systemctl", text);
        disk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn text(&self, text: &str) -> String {
        text.replace("@ROOT@", &self.folder.path().display().to_string())
    }

    fn program(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, self.text(text)).expect("a program");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    }

    /// Runs a script with every path on this disk.
    fn run(&self, script: &str, arguments: &[&str], input: &[u8]) -> Output {
        let root = self.folder.path().display().to_string();
        let script = ["/etc/", "/usr/local/", "/var/lib/", "/run/", "/sys/"]
            .iter()
            .fold(script.to_string(), |text, path| text.replace(path, &format!("{root}{path}")));
        let path = format!("{root}/bin:{}", std::env::var("PATH").unwrap_or_default());
        let mut child = Command::new("sh")
            .args(["-c", &script, "spawn"])
            .args(arguments)
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        // A script that ends early closes the pipe.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        child.wait_with_output().expect("it ends")
    }

    fn receive(&self, bytes: &[u8], length: usize, digest: &str) -> Output {
        self.run(&receive_script(), &[&length.to_string(), digest], bytes)
    }

    fn installed(&self) -> Option<String> {
        fs::read_to_string(self.path("/usr/local/bin/spawnd")).ok()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("/calls")).unwrap_or_default()
    }
}

fn digest_of(bytes: &[u8], folder: &Path) -> String {
    let file = folder.join("digest");
    fs::write(&file, bytes).expect("written");
    let output = Command::new("sha256sum").arg(&file).output().expect("coreutils");
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().expect("a digest").to_string()
}

fn fault(output: &Output) -> Option<DeliveryFault> {
    output.status.code().and_then(DeliveryFault::of_exit_code)
}

#[test]
fn a_complete_file_replaces_spawnd_and_is_started() {
    let disk = Disk::new();
    let bytes = disk.text(DAEMON).into_bytes();
    let digest = digest_of(&bytes, disk.folder.path());
    let output = disk.receive(&bytes, bytes.len(), &digest);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"up\":1}\n");
    let expected = [
        "spawnd --version",
        "systemctl --quiet is-active spawnd.service",
        "spawnd install",
        "systemctl start spawnd.service",
        "spawnd status --json",
    ];
    assert_eq!(disk.calls().lines().collect::<Vec<_>>(), expected);
    let mode = fs::metadata(disk.path("/usr/local/bin/spawnd")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert!(!disk.path("/usr/local/lib/spawn/delivery").exists());
}

#[test]
fn a_daemon_with_the_digest_is_started_and_not_sent_again() {
    let disk = Disk::new();
    disk.program("/usr/local/bin/spawnd", DAEMON);
    let text = disk.installed().expect("a program");
    let output = disk.receive(b"", text.len(), &digest_of(text.as_bytes(), disk.folder.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = disk.calls();
    assert!(calls.ends_with("systemctl start spawnd.service\nspawnd status --json\n"), "{calls}");
    assert!(!calls.contains("--version"), "{calls}");
}

#[test]
fn a_daemon_that_does_not_answer_is_reported() {
    let disk = Disk::new();
    let bytes = disk.text("#!/bin/sh\n[ \"$1\" != status ]\n").into_bytes();
    let output = disk.receive(&bytes, bytes.len(), &digest_of(&bytes, disk.folder.path()));
    assert_eq!(fault(&output), Some(DeliveryFault::NotStarted));
}

#[test]
fn a_running_daemon_is_replaced_and_restarted() {
    let disk = Disk::new();
    disk.program("/bin/systemctl", "#!/bin/sh\necho \"systemctl $@\" >>@ROOT@/calls\n");
    disk.program("/usr/local/bin/spawnd", "#!/bin/sh\nexit 9\n");
    let bytes = disk.text(DAEMON).into_bytes();
    let output = disk.receive(&bytes, bytes.len(), &digest_of(&bytes, disk.folder.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(disk.calls().contains("systemctl restart spawnd.service\n"), "{}", disk.calls());
    assert_eq!(disk.installed(), Some(disk.text(DAEMON)));
}

#[test]
fn a_delivery_cut_at_any_byte_changes_nothing() {
    let disk = Disk::new();
    disk.program("/usr/local/bin/spawnd", "#!/bin/sh\n# the old one\n");
    let bytes = disk.text(DAEMON).into_bytes();
    let digest = digest_of(&bytes, disk.folder.path());
    for cut in (0..bytes.len()).step_by(7) {
        let output = disk.receive(&bytes[..cut], bytes.len(), &digest);
        assert_eq!(fault(&output), Some(DeliveryFault::Incomplete), "{cut}");
    }
    assert!(disk.installed().is_some_and(|text| text.contains("the old one")));
    assert_eq!(disk.calls(), "");
    assert!(!disk.path("/usr/local/lib/spawn/delivery").exists());
}

#[test]
fn a_delivery_whose_bytes_stop_arriving_ends_and_lets_the_next_one_in() {
    let disk = Disk::new();
    let script = receive_script().replace("timeout 180", "timeout 1");
    // The input of `sleep` stays open.
    let stalled = format!("sleep 5 | (set -- 7 {}; {script})", "0".repeat(64));
    let output = disk.run(&stalled, &[], b"");
    assert_eq!(
        fault(&output),
        Some(DeliveryFault::Incomplete),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = disk.text(DAEMON).into_bytes();
    let output = disk.receive(&bytes, bytes.len(), &digest_of(&bytes, disk.folder.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_wrong_file_never_replaces_spawnd() {
    let check = |text: &str, change: fn(&mut Vec<u8>), expected: DeliveryFault| {
        let disk = Disk::new();
        disk.program("/usr/local/bin/spawnd", "#!/bin/sh\n# the old one\n");
        let mut bytes = disk.text(text).into_bytes();
        let (length, digest) = (bytes.len(), digest_of(&bytes, disk.folder.path()));
        change(&mut bytes);
        let output = disk.receive(&bytes, length, &digest);
        assert_eq!(fault(&output), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(disk.installed().is_some_and(|text| text.contains("the old one")), "{text}");
        assert!(!disk.calls().contains("install"), "{}", disk.calls());
    };
    check(DAEMON, |bytes| bytes[20] ^= 1, DeliveryFault::Digest);
    check("#!/bin/sh\nexit 1\n", |_| {}, DeliveryFault::DoesNotRun);
    check("\x7fELF, but no program", |_| {}, DeliveryFault::DoesNotRun);
}

#[test]
fn a_daemon_that_does_not_start_is_reported() {
    let disk = Disk::new();
    let bytes = disk.text("#!/bin/sh\n[ \"$1\" != install ]\n").into_bytes();
    let output = disk.receive(&bytes, bytes.len(), &digest_of(&bytes, disk.folder.path()));
    assert_eq!(fault(&output), Some(DeliveryFault::NotStarted));
}

/// Returns a disk with the script that gets spawnd, and a `curl` that runs these commands.
fn fetching_disk(digest: &str, curl: &str) -> (Disk, String) {
    let disk = Disk::new();
    disk.program("/bin/curl", &format!("#!/bin/sh\necho \"curl $@\" >>@ROOT@/calls\n{curl}\n"));
    disk.program("/bin/sleep", "#!/bin/sh\necho \"sleep $@\" >>@ROOT@/calls\n");
    let source = DaemonSource::new("https://mirror.example/spawnd", digest).expect("a source");
    let boot = boothook(SignedDuration::from_hours(1), "{}", "launch-1", Some(&source));
    let output = disk.run(&boot, &[], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = fs::read_to_string(disk.path("/usr/local/lib/spawn/fetch.sh")).expect("a script");
    fs::remove_file(disk.path("/calls")).expect("removed");
    // Its paths are on the disk already.
    (disk, script.replace("/usr/local/", "/usr//local/"))
}

#[test]
fn an_instance_gets_spawnd_over_https_alone_with_three_redirects() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "#!/bin/sh\nexit 0\n";
    let (disk, script) =
        fetching_disk(&digest_of(text.as_bytes(), folder.path()), "printf '#!/bin/sh\\nexit 0\\n'");
    let output = disk.run(&script, &[], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(disk.installed().as_deref(), Some(text));
    let calls = disk.calls();
    assert!(calls.starts_with("curl --proto =https --location --max-redirs 3 --fail "), "{calls}");
    assert!(calls.contains(" --max-filesize 8000000 https://mirror.example/spawnd\n"), "{calls}");
    assert!(
        calls.contains("systemctl start spawnd.service\nsystemctl disable spawn-fetch.service\n"),
        "{calls}"
    );
    // The file is there now.
    fs::remove_file(disk.path("/calls")).expect("removed");
    assert!(disk.run(&script, &[], b"").status.success());
    assert!(!disk.calls().contains("curl"), "{}", disk.calls());
}

#[test]
fn a_wrong_file_from_an_address_is_never_installed_and_is_asked_for_again() {
    let (disk, script) = fetching_disk(&"0".repeat(64), "echo something else");
    let output = disk.run(&script, &[], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(disk.installed(), None);
    let calls = disk.calls();
    assert_eq!(calls.matches("curl").count(), 8, "{calls}");
    assert!(calls.contains("sleep 5\n") && calls.contains("sleep 320\n"), "{calls}");
    assert!(!calls.contains("systemctl"), "{calls}");
}

#[test]
fn a_source_is_an_https_address_and_a_digest() {
    let check = |url: &str, digest: &str, expected: bool| {
        assert_eq!(DaemonSource::new(url, digest).is_some(), expected, "{url} {digest}");
    };
    let digest = "0123456789abcdefABCDEF".to_string() + &"0".repeat(42);
    check("https://mirror.example/spawnd-x86_64", &digest, true);
    check("https://bucket.s3.eu-west-1.amazonaws.com/k?X-Amz-Signature=a%2Fb&c=$(d)", &digest, true);
    check("http://mirror.example/spawnd", &digest, false);
    check("https://", &digest, false);
    check("https:///etc/passwd", &digest, false);
    check("https://mirror.example/' ; reboot '", &digest, false);
    check("https://mirror.example/a\nb", &digest, false);
    check("https://mirror.example/spawnd", &digest[1..], false);
    check("https://mirror.example/spawnd", &"g".repeat(64), false);
}
