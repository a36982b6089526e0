//! The delivery of the real spawnd through a real OpenSSH server, by a user with nothing but
//! credentials: no key, no role and no settings.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::Timestamp;
use serde_json::{Value, json};
use tests::{Ran, executable_path, is_long_run, run_command};

use crate::caller::{call_control, text_between};
use crate::first_boot::boot;
use crate::spawn::World;
use crate::ssh_network::{SshServer, is_inside, public_address};

/// spawnd on an instance.
const PLACE: &str = "/usr/local/bin/spawnd";
/// The folder of a delivery that is under way.
const ARRIVING: &str = "/usr/local/lib/spawn/delivery";
/// Time in which something that was started must take effect.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts the built spawnd where the executables look for it, as `make install` does, without the
/// tables for debuggers. Only the namespaces of the test see it. Returns its path.
pub(crate) fn install_daemon() -> PathBuf {
    install_as_daemon(&executable_path("spawnd"))
}

/// Puts a program of this machine in the place of spawnd, in the same way.
pub(crate) fn install_as_daemon(program: &Path) -> PathBuf {
    let built = executable_path("spawnd");
    let folder = built.parent().and_then(Path::parent).unwrap().join("lib/mycelium");
    fs::create_dir_all(&folder).unwrap();
    run_command(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "none"]).arg(&folder))
        .expect_success();
    let path = folder.join(format!("spawnd-{}", std::env::consts::ARCH));
    run_command(Command::new("strip").arg("-o").arg(&path).arg(program)).expect_success();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let facts = json!({"version": env!("CARGO_PKG_VERSION"), "sha256": digest_of(&path), "glibc": "2.34"});
    fs::write(path.with_extension("json"), facts.to_string()).unwrap();
    path
}

pub(crate) fn digest_of(path: &Path) -> String {
    let line = run_command(Command::new("sha256sum").arg(path)).expect_success();
    line.split(' ').next().unwrap().to_string()
}

/// Waits until something is there.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "timeout: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A user of a sandbox without a key, a role or settings.
pub(crate) struct Newcomer {
    pub(crate) world: World,
}

impl Newcomer {
    pub(crate) fn new(scenario: &str) -> Newcomer {
        Newcomer { world: World::new(&format!("throttling: false\n{scenario}"), &[]) }
    }

    /// Returns the command of a user with every permission, without choices for launches.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let admin = &self.world.admin;
        let mut command = self.world.command(words);
        for choice in ["SPAWN_DELIVER", "SPAWN_KEY", "SPAWN_ROLE", "SPAWN_SSH_FROM"] {
            command.env_remove(choice);
        }
        command.env("AWS_ACCESS_KEY_ID", &admin.key).env("AWS_SECRET_ACCESS_KEY", &admin.secret);
        command.env("MYCELIUM_MIRROR", &admin.url);
        command
    }

    pub(crate) fn spawn(&self, words: &[&str]) -> Ran {
        run_command(&mut self.command(words))
    }

    /// Runs a command that prints one row.
    #[track_caller]
    pub(crate) fn row(&self, words: &[&str]) -> Value {
        let out = self.spawn(&[words, &["-o", "json"]].concat()).expect_success();
        serde_json::from_str::<Vec<Value>>(&out).unwrap().remove(0)
    }

    /// Starts a command and does not wait for it. Its output is in files of this name.
    pub(crate) fn start(&self, name: &str, words: &[&str]) -> Child {
        let file = |end: &str| File::create(self.world.desk.home().join(format!("{name}.{end}"))).unwrap();
        self.command(words).stdout(file("out")).stderr(file("err")).spawn().unwrap()
    }

    pub(crate) fn output(&self, name: &str, end: &str) -> String {
        fs::read_to_string(self.world.desk.home().join(format!("{name}.{end}"))).unwrap_or_default()
    }

    /// Returns the id of the only instance, once it exists.
    pub(crate) fn instance(&self) -> String {
        wait_for("an instance", || {
            let all = self.world.admin.call("ec2", &[("Action", "DescribeInstances")]).unwrap();
            text_between(&all, "<instanceId>", "</instanceId>")
        })
    }

    pub(crate) fn tag(&self, id: &str, key: &str) -> Option<String> {
        let form = [
            ("Action", "DescribeTags"),
            ("Filter.1.Name", "resource-id"),
            ("Filter.1.Value.1", id),
            ("Filter.2.Name", "key"),
            ("Filter.2.Value.1", key),
        ];
        text_between(&self.world.admin.call("ec2", &form).unwrap(), "<value>", "</value>")
    }

    /// Returns the end in the instance's tag.
    pub(crate) fn end(&self, id: &str) -> Timestamp {
        let tag = self.tag(id, "spawn:expiry").unwrap();
        text_between(&tag, "until=", ";").unwrap_or_else(|| panic!("{tag}")).parse().unwrap()
    }

    /// Asks spawnd on the instance for its end, through ssh.
    pub(crate) fn end_of_daemon(&self) -> Timestamp {
        let out = self.spawn(&["connect", "try", "--", "spawnd", "status", "--json"]).expect_success();
        serde_json::from_str::<Value>(&out).unwrap()["until"].as_str().unwrap().parse().unwrap()
    }

    #[track_caller]
    fn check_ends_agree(&self, id: &str) {
        let (tag, daemon) = (self.end(id), self.end_of_daemon());
        let apart = tag.duration_since(daemon).abs();
        assert!(apart.as_secs() <= 60, "the tag says {tag}, and spawnd {daemon}");
    }
}

/// Gives the machine the host key of an instance, as its first boot does. Returns the fingerprint.
pub(crate) fn write_host_key(user: &Newcomer, id: &str, folder: &Path) -> String {
    let key = call_control(&user.world.admin.url, "host-key", &json!({ "instance": id }));
    let private = folder.join("ssh_host_ed25519_key");
    fs::write(&private, key["private_key"].as_str().unwrap()).unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o600)).unwrap();
    let public = run_command(Command::new("ssh-keygen").args(["-y", "-f"]).arg(&private)).expect_success();
    fs::write(private.with_extension("pub"), public).unwrap();
    let shown = run_command(Command::new("ssh-keygen").arg("-lf").arg(&private)).expect_success();
    shown.split(' ').nth(1).unwrap().to_string()
}

#[test]
fn a_launch_delivers_spawnd_and_spawnd_confirms_each_extension() {
    if !is_inside("delivery::a_launch_delivers_spawnd_and_spawnd_confirms_each_extension") {
        return;
    }
    let file = install_daemon();
    let user = Newcomer::new("");
    let words = ["launch", "t3.micro", "--ttl", "8h", "--name", "try", "-o", "json"];
    let mut launch = user.start("launch", &words);
    let id = user.instance();
    boot(&user.world, &id);
    let fingerprint = write_host_key(&user, &id, Path::new("/etc/ssh"));
    let server = SshServer::of_instance(&user.world.admin, &id);
    let ended = launch.wait().unwrap();
    let err = user.output("launch", "err");
    assert!(ended.success(), "{err} {}", server.log());
    let rows: Vec<Value> = serde_json::from_str(&user.output("launch", "out")).unwrap();
    assert_eq!(
        (&rows[0]["instance_id"], &rows[0]["spawnd"]),
        (&json!(id), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(digest_of(Path::new(PLACE)), digest_of(&file));
    assert!(!Path::new(ARRIVING).exists());
    user.check_ends_agree(&id);
    let seen = wait_for("spawn:seen", || user.tag(&id, "spawn:seen"));
    let expected = format!("v1;version={};gen=", env!("CARGO_PKG_VERSION"));
    assert!(seen.starts_with(&expected) && seen.ends_with(&format!(";key={fingerprint}")), "{seen}");
    assert!(user.row(&["list"])["spawnd"] == env!("CARGO_PKG_VERSION"), "{:?}", user.row(&["list"]));

    let before = user.end(&id);
    let extended = user.row(&["extend", "try", "2h"]);
    assert_eq!((&extended["outcome"], &extended["confirmed_by"]), (&json!("extended"), &json!("spawnd")));
    assert_eq!(user.end(&id).duration_since(before).as_secs(), 7_200);
    user.check_ends_agree(&id);

    // Where no tag shows spawnd, as without a role, ssh asks it.
    let forget = [("Action", "DeleteTags"), ("ResourceId.1", id.as_str()), ("Tag.1.Key", "spawn:seen")];
    user.world.admin.call("ec2", &forget).unwrap();
    let logins = || server.log().matches("Accepted publickey").count();
    let earlier = logins();
    let extended = user.row(&["extend", "try", "1h"]);
    assert_eq!((&extended["outcome"], &extended["confirmed_by"]), (&json!("extended"), &json!("spawnd")));
    assert!(logins() > earlier, "{}", server.log());
    assert_eq!(user.end(&id).duration_since(before).as_secs(), 10_800);

    // A colleague, for whom the console has no keys any more, pins the host by spawn:seen.
    wait_for("spawn:seen", || user.tag(&id, "spawn:seen"));
    let silent = json!({ "instance": id, "text": "a console without keys\r\n" });
    call_control(&user.world.admin.url, "console", &silent);
    let home = user.world.desk.home().join("colleague");
    fs::create_dir_all(&home).unwrap();
    run_command(Command::new("cp").arg("-r").arg(user.world.desk.home().join(".ssh")).arg(&home))
        .expect_success();
    let words = ["connect", "try", "--", "echo", "in"];
    let found = run_command(user.command(&words).env("HOME", &home));
    assert_eq!(found.out, "in\n", "{found:?}");

    // Nothing is sent where the digest is there. Without sudo nothing is done at all.
    let again = user.row(&["deliver", "try"]);
    assert_eq!(again["spawnd"], env!("CARGO_PKG_VERSION"));
    fs::remove_file("/etc/sudoers.d/ec2-user").unwrap();
    let refused = user.spawn(&["deliver", "try"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("ec2-user has no sudo without a password"), "{refused:?}");
}

/// A line to a server that cuts each connection after so many bytes from the client.
struct CutLine {
    limit: Arc<AtomicUsize>,
    cuts: Arc<AtomicUsize>,
}

impl CutLine {
    /// Listens on port 22 of an address, in front of the server on port 2222.
    fn start(address: &str) -> CutLine {
        let line = CutLine { limit: Arc::default(), cuts: Arc::default() };
        let (limit, cuts) = (line.limit.clone(), line.cuts.clone());
        let listener = TcpListener::bind((address, 22)).unwrap();
        let server = (address.to_string(), 2222);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (limit, cuts) = (limit.clone(), cuts.clone());
                let server = TcpStream::connect(&server).unwrap();
                std::thread::spawn(move || forward(client.unwrap(), server, &limit, &cuts));
            }
        });
        line
    }

    /// Cuts the next connections after this many bytes.
    fn cut_after(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::SeqCst);
    }

    fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, limit: &AtomicUsize, cuts: &AtomicUsize) {
    let (mut answer, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answer, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let limit = limit.load(Ordering::SeqCst);
    let (mut sent, mut piece) = (0, vec![0; 16_384]);
    while let Ok(length @ 1..) = client.read(&mut piece) {
        let length = length.min(limit - sent);
        if server.write_all(&piece[..length]).is_err() {
            break;
        }
        sent += length;
        if sent == limit {
            let _ = (server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both));
            cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

/// The distance of two cuts in the long tests.
const EVERY: usize = 256 * 1024;
/// The number of cuts in a sample.
const SAMPLE: usize = 14;

#[test]
fn a_delivery_that_is_cut_installs_nothing_and_the_next_one_repairs_it() {
    if !is_inside("delivery::a_delivery_that_is_cut_installs_nothing_and_the_next_one_repairs_it") {
        return;
    }
    let file = install_daemon();
    let user = Newcomer::new("");
    user.spawn(&["launch", "t3.micro", "--ttl", "8h", "--name", "try", "--deliver", "none"]).expect_success();
    let id = user.instance();
    boot(&user.world, &id);
    write_host_key(&user, &id, Path::new("/etc/ssh"));
    let server = SshServer::of_instance_on(&user.world.admin, &id, 2222);
    let line = CutLine::start(&public_address(&user.world.admin, &id));
    let calls = || fs::read_to_string("/run/systemctl.calls").unwrap();
    let armed = calls();
    assert!(armed.contains("restart spawn-dead-man.timer"), "{armed}");
    let length = fs::metadata(&file).unwrap().len() as usize;
    let step = if is_long_run() { EVERY } else { length / SAMPLE };
    // ssh's own bytes before the first ones of the file: about 6,000.
    for (number, cut) in (8_192..length).step_by(step).enumerate() {
        line.cut_after(cut);
        let mut deliver = user.start("deliver", &["deliver", "try"]);
        wait_for("a cut", || (line.cuts() > number).then_some(()));
        wait_for("the end of the script", || (!Path::new(ARRIVING).exists()).then_some(()));
        assert!(!Path::new(PLACE).exists(), "{cut}");
        assert!(deliver.try_wait().unwrap().is_none(), "{cut}: {}", user.output("deliver", "err"));
        deliver.kill().unwrap();
        deliver.wait().unwrap();
    }
    assert_eq!(calls(), armed, "the dead-man stays as it was");
    assert!(user.row(&["list"])["time_left"].as_str().unwrap().starts_with("7h5"));
    // The same command goes on after a cut.
    line.cut_after(length / 2);
    let cuts = line.cuts();
    let mut deliver = user.start("deliver", &["deliver", "try"]);
    wait_for("a cut", || (line.cuts() > cuts).then_some(()));
    line.cut_after(usize::MAX);
    let ended = deliver.wait().unwrap();
    assert!(ended.success(), "{} {}", user.output("deliver", "err"), server.log());
    assert_eq!(digest_of(Path::new(PLACE)), digest_of(&file));
    user.check_ends_agree(&id);
}
