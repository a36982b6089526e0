//! The traces of instances on this machine: names for completions, the configuration for ssh,
//! pinned host keys.

use std::time::Duration;

use super::*;
use crate::{ProcessRunner, cached_names};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// A user with a configuration for ssh, which `spawn ssh-config` wrote before the first launch.
fn configured() -> SpawnHome {
    let home = SpawnHome::new();
    let folder = home.0.path().join("ssh");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("connect.pub"), format!("{KEY}\n")).unwrap();
    home.spawn(&faulty(&memory(), &[]), &["ssh-config"]).good();
    home
}

fn read(home: &SpawnHome, file: &str) -> String {
    std::fs::read_to_string(home.0.path().join(file)).unwrap()
}

fn names(home: &SpawnHome, now: Timestamp) -> Vec<String> {
    let names = cached_names(&home.0.path().join(".cache/mycelium"), now);
    let state = |help: &str| help.split(", ").last().unwrap().split(' ').next().unwrap().to_string();
    names.into_iter().map(|one| format!("{} {}", one.word, state(&one.help))).collect()
}

#[test]
fn a_launch_writes_the_traces_and_a_termination_removes_them() {
    let cloud = memory();
    let home = configured();
    let spawn = |words: &[&str]| home.spawn(&faulty(&cloud, &[]), words);
    let hosts = || read(&home, "ssh/config");
    let launched = spawn(&[&LAUNCH[..], &["--user", "bob"]].concat());
    assert!(launched.err.contains("ssh try opens a shell on it"), "{}", launched.err);
    launched.good();
    assert_eq!(names(&home, cloud.now()), ["try running", "i-memory0000 running"]);
    assert!(hosts().contains("Host try i-memory0000\n") && hosts().contains("User bob\n"), "{}", hosts());
    spawn(&["ssh-config"]).good();
    assert!(hosts().contains("User bob\n"), "the user of the launch: {}", hosts());
    spawn(&["stop", "try"]).good();
    assert_eq!(names(&home, cloud.now()), ["try stopped", "i-memory0000 stopped"]);
    std::fs::write(home.0.path().join("ssh/config"), "").unwrap();
    spawn(&["start", "try"]).good();
    assert!(hosts().contains("Host try i-memory0000\n"), "{}", hosts());
    let pinned = format!("i-other {KEY}\n");
    std::fs::write(home.0.path().join("ssh/known_hosts"), format!("i-memory0000 {KEY}\n{pinned}")).unwrap();
    spawn(&["terminate", "try", "--yes"]).good();
    assert_eq!(names(&home, cloud.now()), [""; 0]);
    assert!(!hosts().contains("i-memory0000"), "{}", hosts());
    assert_eq!(read(&home, "ssh/known_hosts"), pinned);
}

#[test]
fn reap_removes_the_traces_of_the_instances_that_it_terminates() {
    let cloud = memory();
    let home = configured();
    let spawn = |words: &[&str]| home.spawn(&faulty(&cloud, &[]), words);
    spawn(&LAUNCH).good();
    std::fs::write(home.0.path().join("ssh/known_hosts"), format!("i-memory0000 {KEY}\n")).unwrap();
    cloud.forward(SignedDuration::from_hours(24));
    spawn(&["reap", "--yes"]).good();
    assert_eq!(names(&home, cloud.now()), [""; 0]);
    assert!(!read(&home, "ssh/config").contains("i-memory0000"), "{}", read(&home, "ssh/config"));
    assert_eq!(read(&home, "ssh/known_hosts"), "");
}

#[test]
fn a_launch_notes_the_instances_that_have_its_name() {
    let cloud = memory();
    let home = configured();
    let spawn = |words: &[&str]| home.spawn(&faulty(&cloud, &[]), words);
    let launched = spawn(&LAUNCH);
    assert!(!launched.err.contains("has the name"), "{}", launched.err);
    launched.good();
    let again = spawn(&[&LAUNCH[..], &["--dry-run"]].concat());
    assert!(again.err.starts_with("i-memory0000 (t3.micro in us-east-1, running "), "{}", again.err);
    assert!(again.err.contains(" ago) has the name try too: later commands need the ids"), "{}", again.err);
    again.good();
}

#[test]
fn connect_refuses_an_invalid_forwarding_and_word_before_it_calls_aws() {
    let home = SpawnHome::new();
    let refused = |more: &[&str]| {
        let words = [&["connect", "missing"], more].concat();
        home.spawn(&faulty(&memory(), &[]), &words).failed().to_string()
    };
    assert!(refused(&["-L", "99999"]).contains("is not a forwarding"));
    assert!(refused(&["--", "a\0b"]).contains("NUL"), "{}", refused(&["--", "a\0b"]));
    assert!(refused(&["-L", "8888"]).contains("launched no instance"));
}

#[test]
fn ssh_config_forgets_the_host_keys_of_ended_instances_alone() {
    let cloud = memory();
    let home = configured();
    let spawn = |words: &[&str]| home.spawn(&faulty(&cloud, &[]), words);
    for id in ["i-1", "i-2", "i-3"] {
        cloud.add(instance(id, -1));
    }
    spawn(&["ssh-config"]).good();
    let pins = ["i-1", "i-2", "i-3", "i-4"].map(|id| format!("{id} {KEY}\n")).concat();
    std::fs::write(home.0.path().join("ssh/known_hosts"), pins).unwrap();
    cloud.change("i-1", |it| it.state = InstanceState::Terminated);
    cloud.change("i-2", |it| drop(it.tags.insert(tag::OWNER.into(), "bob".into())));
    spawn(&["ssh-config", "--region", "us-east-1"]).good();
    let kept = ["i-2", "i-3", "i-4"].map(|id| format!("{id} {KEY}\n")).concat();
    assert_eq!(read(&home, "ssh/known_hosts"), kept);
    assert!(!read(&home, "ssh/config").contains("i-2"), "the instance of another owner is no host");
}

#[test]
fn the_user_of_a_copied_tag_is_not_used() {
    let cloud = memory();
    let home = configured();
    let spawn = |words: &[&str]| home.spawn(&faulty(&cloud, &[]), words);
    spawn(&[&LAUNCH[..], &["--user", "bob"]].concat()).good();
    let copy = |it: &mut InstanceView| drop(it.tags.insert(tag::LAUNCH.into(), "0123456789abcdef".into()));
    cloud.add(change(instance("i-copy", -1), copy));
    let outside = |it: &mut InstanceView| drop(it.tags.insert(tag::LAUNCH.into(), "../launches/x".into()));
    cloud.add(change(instance("i-outside", -1), outside));
    let out = spawn(&["ssh-config", "-o", "csv"]).good();
    for expected in [
        "try,i-memory0000,us-east-1,bob,",
        "i-copy,i-copy,us-east-1,ec2-user,",
        "i-outside,us-east-1,ec2-user,",
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
}

/// A machine on which every program fails with the same error.
#[derive(Default)]
struct FailingPrograms(RefCell<Vec<Vec<String>>>);

impl ProcessRunner for FailingPrograms {
    fn capture(&self, command: &ProcessCommand, _: &[u8], _: Duration) -> std::io::Result<ProcessOutput> {
        let words = [&command.program].into_iter().chain(&command.args);
        self.0.borrow_mut().push(words.map(|word| word.to_str().unwrap().to_string()).collect());
        let stderr = b"note: starting\nerror: there is no capacity\n".to_vec();
        Ok(ProcessOutput { code: Some(1), stderr, ..ProcessOutput::default() })
    }

    fn stream(
        &self,
        _: &ProcessCommand,
        _: &mut dyn FnMut(&str) -> std::io::Result<()>,
    ) -> std::io::Result<Option<i32>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn hand_over(&self, _: &ProcessCommand) -> std::io::Result<i32> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

#[test]
fn the_proxy_starts_an_instance_with_the_account_of_the_configuration() {
    let cloud = memory();
    cloud.add(change(instance("i-1", -1), |it| it.state = InstanceState::Stopped));
    let programs = FailingPrograms::default();
    let words = ["spawn", "--account", "work", "proxy", "i-1", "--region", "us-east-1"];
    let args = SpawnArgs::try_parse_from(words).unwrap();
    let start = ("SPAWN_SSH_START".to_string(), "yes".to_string());
    let sources = SpawnSources { env: [start].into(), ..SpawnSources::default() };
    let provisions = MemoryProvisions::with_default_vpc("us-east-1");
    let ran = SpawnHome::new().with_ports(&cloud, &faulty(&cloud, &[]), &provisions, |ports, printer| {
        let ports = Ports {
            aws_profile: args.account.as_deref(),
            processes: &programs,
            spawn_settings: &sources,
            home: ports.home.clone(),
            executable: ports.executable.clone(),
            ..*ports
        };
        run(&args, &ports, printer, noon())
    });
    assert_eq!(ran.failed(), "i-1 was not started: there is no capacity");
    let start = "/opt/mycelium/bin/mycelium spawn start i-1 --region us-east-1 --account work";
    assert_eq!(programs.0.borrow().iter().map(|words| words.join(" ")).collect::<Vec<_>>(), [start]);
}
