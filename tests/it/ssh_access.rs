//! `spawn connect` against a real OpenSSH server that plays the sandbox's instances.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::{Ran, is_long_run, run_command};

use crate::caller::{call_control, text_between};
use crate::spawn::World;
use crate::spawn_faults::Sequence;
use crate::ssh_network::{SshServer, import_key, is_inside, make_key, public_address};

fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// A running instance named `try`, with a key pair whose private half is in the user's folder.
struct Host {
    world: World,
    id: String,
}

impl Host {
    fn new(scenario: &str, more: &[(&str, &str)]) -> Host {
        let world = World::new(&format!("throttling: false\n{scenario}"), &[]);
        let key = make_key(&world.desk.home().join(".ssh/id_ed25519"));
        let public = text_of(&key.with_extension("pub"));
        import_key(&world.admin, "mine", &public);
        let form = [&[("KeyName", "mine")], more].concat();
        let id = world.instance(&[("spawn:managed", "true"), ("Name", "try")], &form);
        Host { world, id }
    }

    fn serve(&self) -> SshServer {
        SshServer::of_instance(&self.world.admin, &self.id)
    }

    fn connect(&self, words: &[&str]) -> Ran {
        self.world.spawn(&[&["connect"], words].concat())
    }

    fn calls(&self) -> Value {
        call_control(&self.world.admin.url, "calls", &json!({}))["by_action"].clone()
    }
}

/// Pieces that a shell, ssh or a terminal could misread.
const PIECES: [&str; 24] = [
    "a",
    " ",
    "'",
    "\"",
    "\\",
    "$HOME",
    "$(id)",
    "`id`",
    ";",
    "&",
    "|",
    "*",
    "?",
    "~",
    "\n",
    "\t",
    "-",
    "--",
    "-oProxyCommand=id",
    "{a,b}",
    "!!",
    "#",
    "ä",
    "%h",
];

#[test]
fn random_words_of_a_command_arrive_unchanged() {
    if !is_inside("ssh_access::random_words_of_a_command_arrive_unchanged") {
        return;
    }
    let host = Host::new("", &[]);
    let _server = host.serve();
    let mut random = Sequence(20_261_123);
    for number in 0..if is_long_run() { 640 } else { 64 } {
        let count = 1 + random.below(6);
        let words: Vec<String> =
            (0..count).map(|_| (0..random.below(5)).map(|_| PIECES[random.below(24)]).collect()).collect();
        let plain: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = [&["try", "--", "printf", "<%s>"], &plain[..]].concat();
        let found = host.connect(&command).expect_success();
        let expected: String = words.iter().map(|word| format!("<{word}>")).collect();
        assert_eq!(found, expected, "list {number}: {words:?}");
    }
}

#[test]
fn the_exit_code_and_both_streams_of_a_command_are_those_of_the_instance() {
    if !is_inside("ssh_access::the_exit_code_and_both_streams_of_a_command_are_those_of_the_instance") {
        return;
    }
    let host = Host::new("", &[]);
    let _server = host.serve();
    let found = host.connect(&["try", "--", "sh", "-c", "echo out; echo err >&2; id -un; exit 7"]);
    assert_eq!((found.code, found.out.as_str()), (7, "out\nec2-user\n"), "{found:?}");
    assert!(found.err.contains("err\n"), "{found:?}");
}

#[test]
fn an_unknown_host_key_is_refused_unless_the_first_one_is_trusted() {
    if !is_inside("ssh_access::an_unknown_host_key_is_refused_unless_the_first_one_is_trusted") {
        return;
    }
    let host = Host::new("", &[]);
    let _server = host.serve();
    let silent = json!({ "instance": host.id, "text": "a console without keys\r\n" });
    call_control(&host.world.admin.url, "console", &silent);
    let refused = host.connect(&["try", "--", "touch", "/run/user-was-here"]);
    assert!(refused.code != 0 && refused.err.contains("--trust-first"), "{refused:?}");
    let trusted = host.connect(&["try", "--trust-first", "--", "echo", "in"]);
    assert_eq!(trusted.expect_success(), "in\n");
    // The key is pinned now.
    assert_eq!(host.connect(&["try", "--", "echo", "again"]).expect_success(), "again\n");
}

#[test]
fn another_machine_at_the_address_of_an_instance_is_refused() {
    if !is_inside("ssh_access::another_machine_at_the_address_of_an_instance_is_refused") {
        return;
    }
    let host = Host::new("", &[]);
    let server = host.serve();
    assert_eq!(host.connect(&["try", "--", "echo", "in"]).expect_success(), "in\n");
    drop(server);
    let other = make_key(&host.world.desk.home().join("other"));
    let public = text_of(&host.world.desk.home().join(".ssh/id_ed25519.pub"));
    let address = public_address(&host.world.admin, &host.id);
    let other_machine = SshServer::start(&address, 22, &text_of(&other), &public, &[]);
    for words in [&["try", "--", "echo", "in"][..], &["try", "--trust-first", "--", "echo", "in"]] {
        let refused = host.connect(words);
        assert!(refused.code != 0 && !refused.out.contains("in"), "{refused:?}");
    }
    assert!(!other_machine.log().contains("Accepted"), "{}", other_machine.log());
}

#[test]
fn instance_connect_lets_a_user_in_whose_key_the_instance_does_not_have() {
    if !is_inside("ssh_access::instance_connect_lets_a_user_in_whose_key_the_instance_does_not_have") {
        return;
    }
    let host = Host::new("", &[]);
    let server = host.serve();
    fs::remove_dir_all(host.world.desk.home().join(".ssh")).unwrap();
    let found = host.connect(&["try", "--", "id", "-un"]);
    assert_eq!(found.out, "ec2-user\n", "{found:?} {}", server.log());
    assert_eq!(host.calls()["SendSSHPublicKey"], 1);
    let left = fs::read_dir(host.world.desk.home()).unwrap().flatten().map(|entry| entry.path());
    let left: Vec<PathBuf> = left.filter(|path| path.ends_with("id_ed25519")).collect();
    assert!(left.is_empty(), "the throwaway key is not kept: {left:?}");
}

#[test]
fn a_private_instance_is_reached_through_a_bastion() {
    if !is_inside("ssh_access::a_private_instance_is_reached_through_a_bastion") {
        return;
    }
    let private =
        [("NetworkInterface.1.DeviceIndex", "0"), ("NetworkInterface.1.AssociatePublicIpAddress", "false")];
    let host = Host::new("", &private);
    let form = [("Action", "DescribeInstances"), ("InstanceId.1", host.id.as_str())];
    let shown = host.world.admin.call("ec2", &form).unwrap();
    let address = text_between(&shown, "<privateIpAddress>", "</privateIpAddress>").unwrap();
    run_command(Command::new("ip").args(["address", "add", &format!("{address}/32"), "dev", "lo"]))
        .expect_success();
    let public = text_of(&host.world.desk.home().join(".ssh/id_ed25519.pub"));
    let key = call_control(&host.world.admin.url, "host-key", &json!({ "instance": host.id }));
    let private_key = key["private_key"].as_str().unwrap();
    let target = SshServer::start(&address, 22, private_key, &public, &[]);
    let own = make_key(&host.world.desk.home().join("bastion"));
    let bastion = SshServer::start("198.19.250.7", 22, &text_of(&own), &public, &["AllowTcpForwarding=yes"]);
    // The bastion's keys are the user's own affair. ssh takes its home folder from the list of
    // users, so the test's choices are those of the machine.
    let known = format!("198.19.250.7 {}", text_of(&own.with_extension("pub")));
    fs::write("/etc/ssh/ssh_known_hosts", known).unwrap();
    let key = host.world.desk.home().join(".ssh/id_ed25519");
    fs::write("/etc/ssh/ssh_config", format!("Host 198.19.250.7\n  IdentityFile {}\n", key.display()))
        .unwrap();
    fs::write(host.world.desk.home().join(".spawn.yaml"), "ssh: {jump: ec2-user@198.19.250.7}\n").unwrap();
    host.world.spawn(&["config", "trust", "--yes"]).expect_success();
    let found = host.connect(&["try", "--", "echo", "in"]);
    assert_eq!(found.out, "in\n", "{found:?} {} {}", bastion.log(), target.log());
    assert!(bastion.log().contains("Accepted publickey"), "{}", bastion.log());
}

/// The stub of the aws CLI and of its plugin. `aws ssm start-session` is a shell of the instance's
/// user, a command there, or an SSH server on the standard streams.
const STUB: &str = r#"#!/usr/bin/python3
import json, os, sys
words = sys.argv[1:]
with open("/run/aws.calls", "a") as calls:
    calls.write(json.dumps(words) + "\n")
if words == ["--version"]:
    sys.exit()
value = lambda name: words[words.index(name) + 1] if name in words else None
if value("--document-name") == "AWS-StartSSHSession":
    options = ["UsePAM=no", "HostKey=/run/ssm/host-key", "AuthorizedKeysFile=/run/ssm/keys"]
    options = [word for option in options for word in ["-o", option]]
    os.execv("/usr/sbin/sshd", ["/usr/sbin/sshd", "-i", "-e", "-f", "/dev/null", *options])
parameters = value("--parameters")
os.setgid(3100)
os.setuid(3100)
os.execv("/bin/sh", ["sh"] + (["-c", json.loads(parameters)["command"][0]] if parameters else []))
"#;

/// Makes the stub a program of this name in the folder `bin` of the user.
fn install_stub(host: &Host, program: &str) -> PathBuf {
    let bin = host.world.desk.home().join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(program), STUB).unwrap();
    fs::set_permissions(bin.join(program), Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn session_manager_is_the_last_way_and_each_missing_part_has_its_own_message() {
    if !is_inside("ssh_access::session_manager_is_the_last_way_and_each_missing_part_has_its_own_message") {
        return;
    }
    let private =
        [("NetworkInterface.1.DeviceIndex", "0"), ("NetworkInterface.1.AssociatePublicIpAddress", "false")];
    let host = Host::new("", &private);
    let messages: Vec<String> = ["nothing", "aws", "session-manager-plugin"]
        .iter()
        .map(|program| {
            let bin = match *program {
                "nothing" => host.world.desk.home().join("bin"),
                program => install_stub(&host, program),
            };
            let found = through(&host, &bin, &["connect", "try", "--", "echo", "in"]);
            assert!(found.code != 0, "{found:?}");
            found.err
        })
        .collect();
    // This machine may have the aws CLI, but not the plugin.
    assert!(messages[0].contains("the aws CLI"), "{messages:?}");
    assert!(messages[1].contains("session-manager-plugin, which is not installed"), "{messages:?}");
    assert!(messages[2].contains("the Session Manager does not know"), "{messages:?}");
}

/// Runs a command with these programs before the others.
fn through(host: &Host, bin: &Path, words: &[&str]) -> Ran {
    run_command(host.world.command(words).env("PATH", path_with(bin)))
}

fn path_with(bin: &Path) -> String {
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

/// Gives an instance a role with the policy of Systems Manager, whose agent then reports it.
fn register(host: &Host) {
    let admin = &host.world.admin;
    let iam = |form: &[(&str, &str)]| admin.call("iam", form).unwrap();
    let role = ("RoleName", "managed");
    iam(&[("Action", "CreateRole"), role, ("AssumeRolePolicyDocument", crate::daemon::TRUST)]);
    let policy = ("PolicyArn", "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore");
    iam(&[("Action", "AttachRolePolicy"), role, policy]);
    iam(&[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "managed")]);
    iam(&[("Action", "AddRoleToInstanceProfile"), ("InstanceProfileName", "managed"), role]);
    crate::caller::advance_clock(&admin.url, 60);
    let form = [
        ("Action", "AssociateIamInstanceProfile"),
        ("IamInstanceProfile.Name", "managed"),
        ("InstanceId", host.id.as_str()),
    ];
    admin.call("ec2", &form).unwrap();
    crate::caller::advance_clock(&admin.url, 60);
}

#[test]
fn the_session_manager_opens_shells_runs_programs_and_carries_ssh() {
    if !is_inside("ssh_access::the_session_manager_opens_shells_runs_programs_and_carries_ssh") {
        return;
    }
    let private =
        [("NetworkInterface.1.DeviceIndex", "0"), ("NetworkInterface.1.AssociatePublicIpAddress", "false")];
    let host = Host::new("", &private);
    register(&host);
    install_stub(&host, "session-manager-plugin");
    let bin = install_stub(&host, "aws");
    let found = through(&host, &bin, &["connect", "try", "--", "printf", "<%s>", "a b", "it's $HOME"]);
    assert_eq!((found.code, found.out.as_str()), (0, "<a b><it's $HOME>"), "{found:?}");
    assert!(found.err.contains("the Session Manager opens a shell"), "{found:?}");
    let shell = host.world.desk.home().join("shell");
    fs::write(&shell, "id -un; exit 7\n").unwrap();
    let mut command = host.world.command(&["connect", "try", "--via", "session-manager"]);
    let input = fs::File::open(&shell).unwrap();
    let found = run_command(command.env("PATH", path_with(&bin)).stdin(input));
    assert_eq!((found.code, found.out.as_str()), (7, "ec2-user\n"), "{found:?}");

    // ssh itself, through the ProxyCommand of its configuration.
    fs::create_dir_all("/run/ssm").unwrap();
    let key = call_control(&host.world.admin.url, "host-key", &json!({ "instance": host.id }));
    fs::write("/run/ssm/host-key", key["private_key"].as_str().unwrap()).unwrap();
    fs::set_permissions("/run/ssm/host-key", Permissions::from_mode(0o600)).unwrap();
    fs::copy(host.world.desk.home().join(".ssh/id_ed25519.pub"), "/run/ssm/keys").unwrap();
    let caller = host.world.alice.call("sts", &[("Action", "GetCallerIdentity")]).unwrap();
    let owner = text_between(&caller, "<Arn>", "</Arn>").unwrap();
    let tag = [("Tag.1.Key", "spawn:owner"), ("Tag.1.Value", owner.as_str())];
    let form = [&[("Action", "CreateTags"), ("ResourceId.1", host.id.as_str())], &tag[..]].concat();
    host.world.admin.call("ec2", &form).unwrap();
    through(&host, &bin, &["ssh-config"]).expect_success();
    let config = host.world.desk.home().join(".config/mycelium/ssh/config");
    let spawn = host.world.command(&[]);
    let variables = spawn.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let variables: Vec<_> = variables.collect();
    let mut command = Command::new("ssh");
    command.env_clear().envs(variables).env("PATH", path_with(&bin));
    let found = run_command(command.arg("-F").arg(&config).args(["try", "echo in; id -un"]));
    assert_eq!(found.out, "in\nec2-user\n", "{found:?}");
    let calls = text_of(Path::new("/run/aws.calls"));
    let expected = format!("\"--target\", \"{}\", \"--document-name\", \"AWS-StartSSHSession\"", host.id);
    assert!(calls.contains(&expected), "{calls}");
}
