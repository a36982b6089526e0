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

/// The stub of `aws ssm start-session`: the session ends at an SSH server on standard input.
const STUB: &str = "#!/bin/sh
echo \"$@\" >> /run/aws.calls
exec /usr/sbin/sshd -i -e -f /dev/null -o UsePAM=no -o HostKey=/run/ssm/host-key \
    -o AuthorizedKeysFile=/run/ssm/keys 2>> /run/aws.log
";

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
            let bin = host.world.desk.home().join("bin");
            fs::create_dir_all(&bin).unwrap();
            if *program != "nothing" {
                fs::write(bin.join(program), STUB).unwrap();
                fs::set_permissions(bin.join(program), Permissions::from_mode(0o755)).unwrap();
            }
            let found = through(&host, &bin);
            assert!(found.code != 0, "{found:?}");
            found.err
        })
        .collect();
    // This machine may have the aws CLI, but not the plugin.
    assert!(messages[0].contains("the aws CLI"), "{messages:?}");
    assert!(messages[1].contains("session-manager-plugin, which is not installed"), "{messages:?}");
    assert!(messages[2].contains("the Session Manager does not know"), "{messages:?}");
}

/// Connects with these programs before the others.
fn through(host: &Host, bin: &Path) -> Ran {
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    run_command(host.world.command(&["connect", "try", "--", "echo", "in"]).env("PATH", path))
}
