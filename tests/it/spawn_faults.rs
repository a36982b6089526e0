//! Faults of AWS and kills of spawn at every changing call. Afterwards the same command is given
//! again, as its user would, and the account is checked.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Desk, Ran, is_long_run, run_command};

use crate::caller::{Caller, agent, call_control, read};
use crate::snapshot::{Serving, serve_with};

/// Trials of `make test`.
const SAMPLE: usize = 200;
/// Sandboxes side by side.
const WORKERS: usize = 4;
/// Longest duration of one command.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command, and those that prepare its instance `try`.
struct TestedCommand {
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    /// The command that continues it.
    again: &'static [&'static str],
    leaves: LeftInstance,
}

/// The instance after a command and the one that continues it.
enum LeftInstance {
    /// One instance or none.
    Launched,
    /// One in this state, with this form of its budget.
    One(&'static str, &'static str),
    /// None.
    Terminated,
}

const LAUNCH: &[&str] = &["launch", "t3.micro", "--ttl", "8h", "--name", "try"];

const STOP: &[&str] = &["stop", "try"];
const START: &[&str] = &["start", "try"];
const REBOOT: &[&str] = &["reboot", "try"];
const TERMINATE: &[&str] = &["terminate", "try", "--yes"];

const COMMANDS: &[TestedCommand] = &[
    TestedCommand {
        before: &[],
        words: LAUNCH,
        again: &["launch", "--resume"],
        leaves: LeftInstance::Launched,
    },
    TestedCommand {
        before: &[LAUNCH],
        words: STOP,
        again: STOP,
        leaves: LeftInstance::One("stopped", "v1;paused;"),
    },
    TestedCommand {
        before: &[LAUNCH, STOP],
        words: START,
        again: START,
        leaves: LeftInstance::One("running", "v1;running;"),
    },
    TestedCommand {
        before: &[LAUNCH],
        words: REBOOT,
        again: REBOOT,
        leaves: LeftInstance::One("running", "v1;running;"),
    },
    TestedCommand { before: &[LAUNCH], words: TERMINATE, again: TERMINATE, leaves: LeftInstance::Terminated },
];

/// Exit code of a name that fits no instance.
const NO_MATCH: i32 = 3;

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

    /// Gives the commands that a tested one needs before it.
    fn prepare(&self, command: &TestedCommand) {
        self.restart(&json!([]));
        for words in command.before {
            self.spawn(words).expect_success();
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

    /// Checks the account after a trial: the instance that the command leaves, and none without
    /// bounds.
    fn check_account(&self, command: &TestedCommand, first: Option<&Ran>, again: &Ran) -> Result<(), String> {
        let found = self.instances();
        let fault = |why: &str| Err(format!("{why}: {first:?}, then {again:?}"));
        if found.len() > 1 {
            return fault("more than one instance");
        }
        match command.leaves {
            LeftInstance::Launched if found.is_empty() && first.is_some_and(|ran| ran.code == 0) => {
                return fault("a success without an instance");
            }
            LeftInstance::Launched => {}
            LeftInstance::Terminated if !found.is_empty() => return fault("an instance is left"),
            // The first command has terminated it.
            LeftInstance::Terminated if again.code == NO_MATCH => {}
            LeftInstance::Terminated | LeftInstance::One(..) if again.code != 0 => {
                return fault("it was not continued");
            }
            LeftInstance::Terminated => {}
            LeftInstance::One(state, budget) => {
                let Some(text) = found.first() else { return fault("no instance is left") };
                if !text.contains(&format!("<name>{state}</name>")) || !text.contains(budget) {
                    return fault(&format!("the instance is not {state} with {budget}"));
                }
            }
        }
        for text in &found {
            let id = text.split('<').next().unwrap_or_default();
            let form =
                [("Action", "DescribeInstanceAttribute"), ("InstanceId", id), ("Attribute", "userData")];
            let data = self.caller.call("ec2", &form).unwrap();
            let is_armed = data.contains("<userData><value>");
            let is_bounded =
                text.contains("<key>spawn:cap</key>") && text.contains("<key>spawn:expiry</key>");
            if !is_armed || !is_bounded {
                return fault("an instance without bounds");
            }
        }
        Ok(())
    }
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
    let timing = "{pending: 0s, visible_after: 0s, stopping: 0s, shutting_down: 0s, profile_after: 0s}";
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
                        failures.lock().unwrap().push(format!("{trial:?}: {why}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failures: {}", failures.len(), failures.join("\n"));
}
