//! A real OpenSSH server that plays the instances of a sandbox, in namespaces of the test's own.
//! `cargo xtask setup --tests` unpacks the server.

use std::fs::{self, File, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Ran, repository_root, run_command};

use crate::caller::{Caller, call_control, text_between};
use crate::spawn::World;

/// Marks the process inside the namespaces.
const INSIDE: &str = "MYCELIUM_TEST_INSIDE";

/// Time in which a server must listen.
const LONGEST_START: Duration = Duration::from_secs(20);

/// Runs the test of this name again in new namespaces. Returns true in the inner process. Where
/// namespaces, overlays or the server are missing, the test is skipped with a message.
pub(crate) fn is_inside(test: &str) -> bool {
    let debian = repository_root().join(".tools/debian");
    let setup = |tree: &Path| {
        let script = repository_root().join("tests/stubs/ssh-network.sh");
        Command::new("sh").arg(script).arg(tree).output()
    };
    if std::env::var_os(INSIDE).is_some() {
        let done = setup(&debian).expect("a shell");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        return true;
    }
    let skip = |why: &str| {
        println!("skipped: {why}");
        false
    };
    if !debian.join("unpacked.txt").exists() {
        return skip("no OpenSSH server; cargo xtask setup --tests unpacks one where apt-get can have it");
    }
    let probe = "sh \"$0\" \"$1\"";
    let script = repository_root().join("tests/stubs/ssh-network.sh");
    let allowed = namespaces().args(["sh", "-c", probe]).arg(script).arg(&debian).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return skip("namespaces with overlays are not allowed here");
    }
    let program = std::env::current_exe().expect("this program");
    let output = namespaces().arg(program).args(["--exact", test, "--nocapture"]).env(INSIDE, "1").output();
    let output = output.expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text.lines().filter(|line| line.contains("skipped: ")).for_each(|line| println!("{line}"));
    false
}

fn namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--propagation", "private"]);
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]);
    command
}

/// An SSH server on an address of the range. It ends with this value.
pub(crate) struct SshServer {
    child: Child,
    /// The address at which it listens.
    pub(crate) address: String,
    folder: PathBuf,
}

impl SshServer {
    /// Starts a server with a private host key and a file of authorized keys. `port` 22 is the one
    /// that clients expect.
    pub(crate) fn start(address: &str, port: u16, host_key: &str, keys: &str, more: &[&str]) -> SshServer {
        let folder = PathBuf::from(format!("/run/server-{address}-{port}"));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            path.display().to_string()
        };
        let host_key = file("host-key", host_key);
        let keys = file("authorized-keys", keys);
        fs::set_permissions(&keys, Permissions::from_mode(0o644)).unwrap();
        let options = [
            format!("HostKey={host_key}"),
            format!("AuthorizedKeysFile={keys}"),
            format!("ListenAddress={address}"),
            format!("Port={port}"),
        ];
        let fixed = ["UsePAM=no", "PasswordAuthentication=no", "PidFile=none", "MaxStartups=100"];
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", "/dev/null"]);
        for option in options.iter().map(String::as_str).chain(fixed).chain(more.iter().copied()) {
            command.args(["-o", option]);
        }
        let log = File::create(folder.join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = SshServer { child, address: address.to_string(), folder };
        let began = Instant::now();
        while TcpStream::connect((address, port)).is_err() {
            assert!(began.elapsed() < LONGEST_START, "{}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Starts the server of an instance, as its image would: with the host key of its console, the
    /// key pair of its launch, and the keys of Instance Connect.
    pub(crate) fn of_instance(caller: &Caller, instance: &str) -> SshServer {
        SshServer::of_instance_on(caller, instance, 22)
    }

    /// Starts it on another port, behind a line of the test's own.
    pub(crate) fn of_instance_on(caller: &Caller, instance: &str, port: u16) -> SshServer {
        let metadata = format!("{}/imds/{instance}", caller.url);
        fs::write("/run/sandbox-url", &metadata).unwrap();
        let host_key = call_control(&caller.url, "host-key", &json!({ "instance": instance }));
        let script = repository_root().join("tests/stubs/pushed-keys.sh");
        // sshd runs the command only if root owns it and each folder above it.
        let command = Path::new("/run/pushed-keys.sh");
        fs::copy(script, command).unwrap();
        fs::set_permissions(command, Permissions::from_mode(0o755)).unwrap();
        let more = [
            format!("AuthorizedKeysCommand={} {metadata} %u", command.display()),
            "AuthorizedKeysCommandUser=ec2-user".to_string(),
        ];
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let keys = public_key(caller, instance).unwrap_or_default();
        let private = host_key["private_key"].as_str().unwrap();
        SshServer::start(&public_address(caller, instance), port, private, &keys, &more)
    }

    /// Returns what the server wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the public address of a running instance.
pub(crate) fn public_address(caller: &Caller, instance: &str) -> String {
    let form = [("Action", "DescribeInstances"), ("InstanceId.1", instance)];
    let text = caller.call("ec2", &form).unwrap();
    text_between(&text, "<ipAddress>", "</ipAddress>").expect("a public address")
}

/// Returns the public key of the instance's key pair.
fn public_key(caller: &Caller, instance: &str) -> Option<String> {
    let form = [("Action", "DescribeInstances"), ("InstanceId.1", instance)];
    let text = caller.call("ec2", &form).unwrap();
    let name = text_between(&text, "<keyName>", "</keyName>")?;
    let form = [("Action", "DescribeKeyPairs"), ("KeyName.1", &name), ("IncludePublicKey", "true")];
    text_between(&caller.call("ec2", &form).unwrap(), "<publicKey>", "</publicKey>")
}

/// Makes an ed25519 key without a passphrase. Returns the path of its private half.
pub(crate) fn make_key(path: &Path) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f"]).arg(path);
    run_command(&mut command).expect_success();
    path.to_path_buf()
}

/// Imports a public key in OpenSSH's format under a name.
pub(crate) fn import_key(caller: &Caller, name: &str, public: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), public).unwrap();
    let material = run_command(Command::new("base64").arg("-w0").arg(file.path())).expect_success();
    let form = [("Action", "ImportKeyPair"), ("KeyName", name), ("PublicKeyMaterial", &material)];
    caller.call("ec2", &form).unwrap();
}

/// Runs ssh with these options against the login of an address. It asks nothing.
fn ssh(known_hosts: &Path, key: &Path, address: &str, more: &[&str]) -> Ran {
    let known_hosts = format!("UserKnownHostsFile={}", known_hosts.display());
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o"]);
    command.args([&known_hosts, "-i"]).arg(key).args(more).arg(format!("ec2-user@{address}"));
    run_command(command.arg("sudo -n id -u"))
}

#[test]
fn a_real_server_plays_an_instance_with_its_host_key_and_its_users_keys() {
    if !is_inside("ssh_network::a_real_server_plays_an_instance_with_its_host_key_and_its_users_keys") {
        return;
    }
    let world = World::new("throttling: false\n", &[]);
    let folder = world.desk.home();
    let (mine, pushed) = (make_key(&folder.join("mine")), make_key(&folder.join("pushed")));
    let public = |key: &Path| fs::read_to_string(key.with_extension("pub")).unwrap();
    import_key(&world.admin, "mine", &public(&mine));
    let id = world.instance(&[("spawn:managed", "true")], &[("KeyName", "mine")]);
    let server = SshServer::of_instance(&world.admin, &id);
    let console = call_control(&world.admin.url, "host-key", &json!({ "instance": id }));
    let host_key = folder.join("host-key");
    fs::write(&host_key, console["private_key"].as_str().unwrap()).unwrap();
    fs::set_permissions(&host_key, Permissions::from_mode(0o600)).unwrap();
    let mut derive = Command::new("ssh-keygen");
    let line = run_command(derive.args(["-y", "-f"]).arg(&host_key)).expect_success();
    let known_hosts = folder.join("known_hosts");
    fs::write(&known_hosts, format!("{} {line}", server.address)).unwrap();
    let check = |key: &Path, expected: i32| {
        let found = ssh(&known_hosts, key, &server.address, &[]);
        assert_eq!(found.code, expected, "{found:?} {}", server.log());
        found.out
    };
    assert_eq!(check(&mine, 0), "0\n");
    check(&pushed, 255);
    let body = json!({ "InstanceId": id, "InstanceOSUser": "ec2-user", "SSHPublicKey": public(&pushed) });
    let target = "AWSEC2InstanceConnectService.SendSSHPublicKey";
    let sent = world.admin.call_json("ec2-instance-connect", target, &body);
    assert_eq!(sent["Success"], true);
    assert_eq!(check(&pushed, 0), "0\n");
    crate::caller::advance_clock(&world.admin.url, 61);
    check(&pushed, 255);
    fs::write(&known_hosts, format!("{} {}", server.address, public(&mine))).unwrap();
    check(&mine, 255);
}
