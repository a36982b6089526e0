//! Faults of AWS and kills of spawn at every changing call. Afterwards the same command is given
//! again, as its user would, and the account is checked.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::Timestamp;
use serde_json::{Value, json};
use tests::{Desk, Ran, is_long_run, run_command};

use crate::caller::{Caller, advance_clock, agent, call_control, now, read, text_between};
use crate::snapshot::{Serving, serve_with};

/// Trials of `make test`.
const SAMPLE: usize = 200;
/// Sandboxes side by side.
const WORKERS: usize = 8;
/// Longest duration of one command.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command, and those that prepare its instance `try`.
struct TestedCommand {
    before: &'static [&'static [&'static str]],
    /// The event between those and this one.
    event: Option<PriorEvent>,
    words: &'static [&'static str],
    /// The command that continues it.
    again: &'static [&'static str],
    leaves: LeftResources,
}

/// Something that happens to the instance.
enum PriorEvent {
    /// Its time runs out, and nothing ends it.
    Overdue,
    /// A spawnd on it confirms every later generation of its terms.
    Confirming,
}

/// The account after a command and the one that continues it.
enum LeftResources {
    /// One instance or none.
    Launched,
    /// One instance in this state, with this form of its budget.
    One(&'static str, &'static str),
    /// One instance with at least the first hours left, and at most the second.
    Hours(i64, i64),
    /// No instance.
    Terminated,
    /// Neither an instance nor one of the resources that launches share.
    Nothing,
}

const LAUNCH: &[&str] = &["launch", "t3.micro", "--ttl", "8h", "--name", "try"];
const LAUNCH_HIBERNATING: &[&str] = &["launch", "m5.large", "--ttl", "8h", "--name", "try", "--hibernation"];
const LAUNCH_TERMINATING: &[&str] =
    &["launch", "t3.micro", "--ttl", "8h", "--name", "try", "--on-expiry", "terminate"];
const EXTEND: &[&str] = &["extend", "try", "2h"];
const STOP: &[&str] = &["stop", "try"];
const HIBERNATE: &[&str] = &["hibernate", "try"];
const START: &[&str] = &["start", "try"];
const REBOOT: &[&str] = &["reboot", "try"];
const TERMINATE: &[&str] = &["terminate", "try", "--yes"];
const REAP: &[&str] = &["reap", "--yes"];
const CLEANUP: &[&str] = &["cleanup", "--yes"];

const COMMANDS: &[TestedCommand] = &[
    TestedCommand { again: &["launch", "--resume"], ..tested(&[], LAUNCH, LeftResources::Launched) },
    TestedCommand {
        event: Some(PriorEvent::Confirming),
        ..tested(&[LAUNCH], EXTEND, LeftResources::Hours(9, 12))
    },
    tested(&[LAUNCH], STOP, LeftResources::One("stopped", "v1;paused;")),
    tested(&[LAUNCH_HIBERNATING], HIBERNATE, LeftResources::One("stopped", "v1;paused;")),
    tested(&[LAUNCH, STOP], START, LeftResources::One("running", "v1;running;")),
    tested(&[LAUNCH], REBOOT, LeftResources::One("running", "v1;running;")),
    tested(&[LAUNCH], TERMINATE, LeftResources::Terminated),
    TestedCommand {
        event: Some(PriorEvent::Overdue),
        ..tested(&[LAUNCH], REAP, LeftResources::One("stopped", "v1;running;"))
    },
    TestedCommand {
        event: Some(PriorEvent::Overdue),
        ..tested(&[LAUNCH_TERMINATING], REAP, LeftResources::Terminated)
    },
    tested(&[LAUNCH, TERMINATE], CLEANUP, LeftResources::Nothing),
];

/// Returns a command that is continued by itself.
const fn tested(
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    leaves: LeftResources,
) -> TestedCommand {
    TestedCommand { before, event: None, words, again: words, leaves }
}

/// Exit code of a name that fits no instance, and of a plan without an entry.
const NO_MATCH: i32 = 3;

/// Running time after which the instance of every launch is overdue, in seconds.
const OVERDUE_AFTER: u64 = 9 * 3_600;

/// The faults of the sandbox's scenario, as rules for one call.
const FAULTS: [&str; 6] = [
    r#""lost""#,
    r#""reply-lost""#,
    r#""malformed""#,
    r#"{"refused": {"code": "Unavailable"}}"#,
    r#"{"refused": {"code": "RequestLimitExceeded"}}"#,
    r#"{"refused": {"code": "UnauthorizedOperation", "status": 403}}"#,
];

/// A call of a command: the action, and how many of the same name came before.
type CallPlace = (String, u32);

/// A reproducible sequence of pseudo-random numbers (xorshift).
pub(crate) struct Sequence(pub(crate) u64);

impl Sequence {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// One fault, one kill, or both, in one command.
#[derive(Debug, Clone)]
struct Trial {
    command: usize,
    fault: Option<(CallPlace, usize)>,
    /// Spawn is killed after the effect of this call.
    kill: Option<CallPlace>,
}

/// A user of an account of its own.
struct User {
    desk: Desk,
    caller: Caller,
    variables: Vec<(String, String)>,
}

impl User {
    fn new(serving: &Serving, account: &str) -> User {
        let desk = Desk::default();
        let url = serving.value("AWS_ENDPOINT_URL");
        let words = ["sandbox", "env", "--url", &url, "--account", account];
        let text = run_command(&mut desk.command("mycelium", &words)).expect_success();
        let pair = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_string(), value.trim_matches('\'').to_string()))
        };
        let mut variables: Vec<(String, String)> = text.lines().filter_map(pair).collect();
        let value = |name: &str| variables.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        variables.push(("MYCELIUM_MIRROR".to_string(), url.clone()));
        // Nothing in the sandbox answers ssh.
        variables.push(("SPAWN_DELIVER".to_string(), "none".to_string()));
        User { desk, caller: Caller { url, key, secret, token: None }, variables }
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.desk.command("spawn", words);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn spawn(&self, words: &[&str]) -> Ran {
        run_command(&mut self.command(words))
    }

    /// Starts a command and kills it as soon as the sandbox has made the call.
    fn spawn_and_kill(&self, words: &[&str], (action, before): &CallPlace) {
        let mut child = self.command(words);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if self.calls().get(action).is_some_and(|count| count > before) {
                child.kill().unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "{words:?} does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the number of calls by action since the last [`User::restart`].
    fn calls(&self) -> BTreeMap<String, u32> {
        let (_, text) = read(agent().get(format!("{}/_mycelium/calls", self.caller.url)).call().unwrap());
        let found: Value = serde_json::from_str(&text).unwrap();
        serde_json::from_value(found["by_action"].clone()).unwrap()
    }

    /// Counts calls from zero, with these rules for failures.
    fn restart(&self, failures: &Value) {
        call_control(&self.caller.url, "failures", failures);
        call_control(&self.caller.url, "calls", &json!({}));
    }

    /// Gives the commands that a tested one needs before it, and makes its event happen.
    fn prepare(&self, command: &TestedCommand) {
        self.restart(&json!([]));
        for words in command.before {
            self.spawn(words).expect_success();
        }
        match command.event {
            None => {}
            Some(PriorEvent::Overdue) => advance_clock(&self.caller.url, OVERDUE_AFTER),
            Some(PriorEvent::Confirming) => {
                let instances = self.instances();
                let id = instance_id(&instances[0]);
                let value = "v1;version=0.1.0;gen=1000;at=2026-11-23T10:00:00Z";
                let form = [
                    ("Action", "CreateTags"),
                    ("ResourceId.1", id),
                    ("Tag.1.Key", "spawn:seen"),
                    ("Tag.1.Value", value),
                ];
                self.caller.call("ec2", &form).unwrap();
            }
        }
    }

    /// Returns the changing calls of a command without faults, in no particular order.
    fn changing_calls(&self, command: &TestedCommand) -> Vec<CallPlace> {
        self.prepare(command);
        self.restart(&json!([]));
        self.spawn(command.words).expect_success();
        let reads = ["Describe", "Get", "List", "Lookup"];
        let changes = self.calls().into_iter();
        let changes = changes.filter(|(action, _)| !reads.iter().any(|begin| action.starts_with(begin)));
        changes.flat_map(|(action, count)| (0..count).map(move |before| (action.clone(), before))).collect()
    }

    /// Returns the elements of the instances that are not over.
    fn instances(&self) -> Vec<String> {
        let form = [
            ("Action", "DescribeInstances"),
            ("Filter.1.Name", "instance-state-name"),
            ("Filter.1.Value.1", "pending"),
            ("Filter.1.Value.2", "running"),
            ("Filter.1.Value.3", "stopping"),
            ("Filter.1.Value.4", "stopped"),
        ];
        let text = self.caller.call("ec2", &form).unwrap();
        text.split("<instanceId>").skip(1).map(String::from).collect()
    }

    /// Checks the account after a trial: the resources that the command leaves, and no instance
    /// without bounds.
    fn check_account(&self, command: &TestedCommand, first: Option<&Ran>, again: &Ran) -> Result<(), String> {
        let found = self.instances();
        let fault = |why: &str| Err(format!("{why}: {first:?}, then {again:?}"));
        if found.len() > 1 {
            return fault("more than one instance");
        }
        if let Some(why) = self.wrong_resources(command, &found, first, again) {
            return fault(&why);
        }
        if found.iter().any(|text| !self.is_bounded(text)) {
            return fault("an instance without bounds");
        }
        if matches!(command.leaves, LeftResources::Launched)
            && let Some(why) = self.left_after_cleanup(&found)
        {
            return fault(&why);
        }
        Ok(())
    }

    /// Returns how the account differs from the one that the command should leave.
    fn wrong_resources(
        &self,
        command: &TestedCommand,
        found: &[String],
        first: Option<&Ran>,
        again: &Ran,
    ) -> Option<String> {
        let is_continued = again.code == 0;
        let instance = found.first();
        let wrong = |is_wrong: bool, why: &str| is_wrong.then(|| why.to_string());
        match command.leaves {
            LeftResources::Launched => {
                let is_success = first.is_some_and(|ran| ran.code == 0);
                wrong(found.is_empty() && is_success, "a success without an instance")
            }
            // The first command may have done everything.
            _ if !(is_continued || again.code == NO_MATCH && command.may_be_over()) => {
                Some("it was not continued".to_string())
            }
            LeftResources::Terminated => wrong(instance.is_some(), "an instance is left"),
            LeftResources::Nothing => self.shared_resources(),
            LeftResources::One(state, budget) => {
                let fits =
                    |text: &String| text.contains(&format!("<name>{state}</name>")) && text.contains(budget);
                wrong(!instance.is_some_and(fits), &format!("the instance is not {state} with {budget}"))
            }
            LeftResources::Hours(least, most) => {
                let left = instance.and_then(|text| self.seconds_left(text));
                let fits = |left: i64| (least * 3_600..=most * 3_600).contains(&left);
                wrong(!left.is_some_and(fits), &format!("{left:?} seconds are left"))
            }
        }
    }

    /// Returns the running time until the deadline of a running instance, in seconds.
    fn seconds_left(&self, instance: &str) -> Option<i64> {
        let until: Timestamp = text_between(instance, "v1;running;until=", ";")?.parse().ok()?;
        Some(until.duration_since(now(&self.caller.url)).as_secs())
    }

    /// Whether the instance has both tags with a bound, and a user data with the dead-man.
    fn is_bounded(&self, instance: &str) -> bool {
        let id = instance_id(instance);
        let form = [("Action", "DescribeInstanceAttribute"), ("InstanceId", id), ("Attribute", "userData")];
        let data = self.caller.call("ec2", &form).unwrap();
        data.contains("<userData><value>")
            && ["spawn:cap", "spawn:expiry"].iter().all(|tag| instance.contains(&format!("<key>{tag}</key>")))
    }

    /// Ends the instance, lets `spawn cleanup` delete the rest, and returns the resources that are
    /// left.
    fn left_after_cleanup(&self, instances: &[String]) -> Option<String> {
        for instance in instances {
            let form = [("Action", "TerminateInstances"), ("InstanceId.1", instance_id(instance))];
            self.caller.call("ec2", &form).unwrap();
        }
        let cleaned = self.spawn(CLEANUP);
        let is_done = [0, NO_MATCH].contains(&cleaned.code);
        let left = self.shared_resources().or_else(|| (!is_done).then(|| "a failed cleanup".to_string()));
        left.map(|left| format!("{left} after {cleaned:?}"))
    }

    /// Returns the resources that launches share, and the disks.
    fn shared_resources(&self) -> Option<String> {
        let has = |service: &str, form: &[(&str, &str)], text: &str| {
            self.caller.call(service, form).is_ok_and(|answer| answer.contains(text))
        };
        let lists = [
            ("DescribeSecurityGroups", "<groupName>spawn-"),
            ("DescribeKeyPairs", "<keyName>"),
            ("DescribeVolumes", "<volumeId>"),
        ];
        let lists = lists.iter().filter(|(action, text)| has("ec2", &[("Action", action)], text));
        let mut left: Vec<&str> = lists.map(|(action, _)| *action).collect();
        for (action, parameter) in [("GetRole", "RoleName"), ("GetInstanceProfile", "InstanceProfileName")] {
            if has("iam", &[("Action", action), (parameter, "spawn-instance")], "spawn-instance") {
                left.push(action);
            }
        }
        (!left.is_empty()).then(|| format!("left over: {}", left.join(", ")))
    }
}

impl TestedCommand {
    /// Whether the same command finds nothing to do after it was carried out.
    fn may_be_over(&self) -> bool {
        self.words == REAP || matches!(self.leaves, LeftResources::Terminated | LeftResources::Nothing)
    }
}

/// Returns the id at the beginning of an instance's element.
fn instance_id(instance: &str) -> &str {
    instance.split('<').next().unwrap_or_default()
}

/// Returns the rules of a trial.
fn rules(trial: &Trial) -> Value {
    let rule = |(action, before): &CallPlace, how: Value| json!({ "call": action, "skip": before, "times": 1, "how": how });
    let fault = trial.fault.iter().map(|(place, how)| {
        let how = FAULTS[*how];
        rule(place, serde_json::from_str(how).unwrap())
    });
    let kill = trial.kill.iter().map(|place| rule(place, json!({ "slow": "60s" })));
    fault.chain(kill).collect()
}

/// Runs one trial in a fresh account.
fn run_trial(user: &User, trial: &Trial) -> Result<(), String> {
    let command = &COMMANDS[trial.command];
    user.prepare(command);
    user.restart(&rules(trial));
    let first = match &trial.kill {
        None => Some(user.spawn(command.words)),
        Some(place) => {
            user.spawn_and_kill(command.words, place);
            None
        }
    };
    user.restart(&json!([]));
    let again = user.spawn(command.again);
    user.check_account(command, first.as_ref(), &again)
}

/// Returns every pair of a fault and a kill, each fault and each kill alone.
fn all_trials(serving: &Serving) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, command) in COMMANDS.iter().enumerate() {
        let calls = User::new(serving, &account(number)).changing_calls(command);
        assert!(!calls.is_empty(), "{:?} changes nothing", command.words);
        let faults = calls.iter().flat_map(|place| (0..FAULTS.len()).map(move |how| (place.clone(), how)));
        let faults: Vec<Option<(CallPlace, usize)>> = faults.map(Some).chain([None]).collect();
        let kills: Vec<Option<CallPlace>> = calls.iter().cloned().map(Some).chain([None]).collect();
        for fault in faults {
            let all =
                kills.iter().map(|kill| Trial { command: number, fault: fault.clone(), kill: kill.clone() });
            trials.extend(all.filter(|trial| trial.fault.is_some() || trial.kill.is_some()));
        }
    }
    trials
}

/// The accounts of the sandboxes: one for each trial.
const FIRST_ACCOUNT: usize = 100;
const ACCOUNTS: usize = 4_000;

fn account(number: usize) -> String {
    format!("{:012}", FIRST_ACCOUNT + number)
}

fn start(desk: &Desk) -> Serving {
    let users = json!([{ "name": "admin" }]);
    let accounts: Vec<Value> =
        (0..ACCOUNTS).map(|number| json!({ "id": account(number), "users": users })).collect();
    let timing = "{pending: 0s, visible_after: 0s, stopping: 0s, hibernating: 0s, shutting_down: 0s, profile_after: 0s}";
    serve_with(desk, &format!("accounts: {}\nthrottling: false\ntiming: {timing}\n", json!(accounts)), &[])
}

#[test]
fn a_fault_or_a_kill_at_any_changing_call_leaves_one_bounded_instance_or_none() {
    let desk = Desk::default();
    let mut trials = all_trials(&start(&desk));
    let all = trials.len();
    if !is_long_run() {
        let mut random = Sequence(20_261_130);
        while trials.len() > SAMPLE {
            trials.swap_remove(random.below(trials.len()));
        }
    }
    println!("{} of {all} trials", trials.len());
    let queue = Mutex::new(trials.into_iter().enumerate());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let desk = Desk::default();
                let serving = start(&desk);
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((number, trial)) = next else { break };
                    let user = User::new(&serving, &account(COMMANDS.len() + number));
                    if let Err(why) = run_trial(&user, &trial) {
                        eprintln!("{trial:?}: {why}");
                        failures.lock().unwrap().push(format!("{trial:?}: {why}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failures: {}", failures.len(), failures.join("\n"));
}
