//! Runs on each instance and makes sure that none outlives its time, and that nobody who works is cut
//! off. It looks (the clocks, the metadata service, signs of work), asks `lifecycle` what follows, and
//! does it. Should it be killed, hang or never start, a timer of systemd ends the instance.
//!
//! This room will never know how an instance is launched, what it costs, or any other instance.

mod authorities;
mod daemon;
mod dead_man;
mod ec2;
mod figures;
mod gpu;
mod hooks;
mod imds;
mod jupyter;
mod logind;
mod machine;
mod notices;
mod signals;
mod simulate;
mod socket;
mod store;
pub mod strangers;
mod trace;
mod utmp;
mod webhook;

use clap::{Parser, Subcommand};
use lifecycle::Terms;
use lifecycle::idle::IdleTerms;
use domain::parse_span;
use machine::{Machine, Pace, parse_pace};
use socket::{Answer, Question};
use std::fs::File;
use std::io::{Read, Seek};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use trace::Trace;

/// Ends this instance when its time is over.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The folder under which all files are.
    #[arg(long, global = true, default_value = "/", hide = true)]
    root: PathBuf,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show when this instance ends.
    Status {
        /// Also show each signal of idleness, its threshold, and what it keeps.
        #[arg(long)]
        why: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give this instance more running time.
    Extend {
        /// How much more: 90m, 2h30m, 2d.
        by: String,
        /// Also when the tag cannot be written, so that nobody outside knows.
        #[arg(long)]
        local_only: bool,
    },
    /// Keep this instance from being taken for idle.
    Keepalive {
        /// For how long, at most 24h.
        span: String,
        /// Names the lease, so that it can be renewed or released.
        #[arg(long, default_value = "keepalive")]
        name: String,
        /// End the lease instead.
        #[arg(long)]
        release: bool,
    },
    /// Run a command; as long as it runs the instance is not idle.
    Run {
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Say that the work is complete: the instance ends after the warning.
    Complete,
    /// Cancel a pending idle action; the time bound is unchanged.
    Cancel,
    /// Install the units of systemd, the dead-man first.
    Install,
    /// Set the dead-man to what is left; done at every boot.
    #[command(hide = true)]
    Arm,
    /// Look after this instance; started by systemd.
    Daemon {
        /// Take metadata and calls from this sandbox on the loopback; with https:// only the calls.
        #[arg(long, hide = true, value_parser = sandbox_url)]
        sandbox: Option<String>,
        /// Ask the metadata service at its own address all the same; the calls still go to the sandbox.
        #[arg(long, hide = true, requires = "sandbox")]
        link_local: bool,
        /// Let time pass faster, as 60@1234.5; only with a sandbox.
        #[arg(long, hide = true, requires = "sandbox", value_parser = parse_pace)]
        pace: Option<Pace>,
    },
    /// Print the least that the instance's role must allow, as an IAM policy.
    Policy {
        /// The account's number.
        account: String,
        /// The partition: aws, aws-cn or aws-us-gov.
        #[arg(long, default_value = "aws")]
        partition: String,
    },
    /// Replay recorded signals and say when the instance would have been stopped.
    Simulate {
        /// A CSV or Parquet file, or - for CSV from standard input: columns time (seconds), machine (if
        /// there are several), and one for each signal.
        trace: PathBuf,
        /// How long nothing may happen before the warnings begin.
        #[arg(long, default_value = "30m")]
        idle_timeout: String,
        /// Take the idle policy from terms such as /etc/spawn/terms.json.
        #[arg(long, conflicts_with = "idle_timeout")]
        terms: Option<PathBuf>,
    },
}

/// Real money is out of reach: the sandbox is on this machine.
fn sandbox_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let address = rest.and_then(|rest| rest.rsplit_once(':'));
    let ip: Option<IpAddr> = address.and_then(|(host, _)| host.parse().ok());
    match ip {
        Some(ip) if ip.is_loopback() => Ok(text.to_string()),
        _ => Err("expected the loopback, such as http://127.0.0.1:8080".to_string()),
    }
}

/// The command line: reads the arguments of this process and does what they say.
pub fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("spawnd: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<ExitCode, String> {
    let pace = match &args.command {
        Verb::Daemon { pace, .. } => pace.unwrap_or(Pace::REAL),
        _ => Pace::REAL,
    };
    let machine = Machine::new(args.root, pace);
    match args.command {
        Verb::Status { why, json } => return status(&machine, why, json),
        Verb::Extend { by, local_only } => return ask(&machine, &Question::Extend { by, local_only }),
        Verb::Keepalive { name, release: true, .. } => return ask(&machine, &Question::Release { name }),
        Verb::Keepalive { span, name, .. } => return ask(&machine, &Question::KeepAlive { name, span }),
        Verb::Run { command } => return run_command(&machine, &command),
        Verb::Complete => return ask(&machine, &Question::Complete),
        Verb::Cancel => return ask(&machine, &Question::Cancel),
        Verb::Install => install(&machine)?,
        Verb::Arm => arm(&machine)?,
        Verb::Daemon { sandbox: Some(url), link_local: false, .. } if url.starts_with("https") => {
            return Err("the metadata service speaks no TLS: add --link-local".to_string());
        }
        Verb::Daemon { sandbox, link_local, .. } => daemon::run(machine, sandbox, link_local)?,
        Verb::Policy { account, partition } => println!("{:#}", ec2::policy(&partition, &account)),
        Verb::Simulate { trace, idle_timeout, terms } => {
            simulate(&trace, &idle_terms(terms.as_deref(), &idle_timeout)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(machine: &Machine, question: &Question) -> Result<ExitCode, String> {
    finish(socket::ask(machine, question)?)
}

fn finish(answer: Answer) -> Result<ExitCode, String> {
    if !answer.ok {
        return Err(answer.text);
    }
    println!("{}", answer.text);
    Ok(ExitCode::SUCCESS)
}

fn status(machine: &Machine, why: bool, json: bool) -> Result<ExitCode, String> {
    let answer = socket::ask(machine, &Question::Status)?;
    let Some(status) = answer.status.as_ref().filter(|_| why || json) else { return finish(answer) };
    if json {
        println!("{}", serde_json::to_string_pretty(status).map_err(|error| error.to_string())?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", answer.text);
    for line in &status.signals {
        println!("  {:<10} {}", format!("{:?}", line.signal).to_lowercase(), line.sentence);
    }
    println!("  {:<10} {}", "heartbeat", status.heartbeat.sentence);
    for (name, seconds) in &status.leases {
        println!("  lease {name}: {seconds} s");
    }
    for trouble in &status.troubles {
        println!("trouble: {trouble}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Between two renewals of the lease of `spawnd run`.
const RENEW: Duration = Duration::from_secs(60);

/// Runs a command under a lease that is renewed while it runs; when this process dies, it ends by itself.
fn run_command(machine: &Machine, command: &[String]) -> Result<ExitCode, String> {
    let name = format!("run-{}", std::process::id());
    let renew = Question::KeepAlive { name: name.clone(), span: "3m".to_string() };
    socket::ask(machine, &renew)?;
    let mut child = std::process::Command::new(&command[0])
        .args(&command[1..])
        .spawn()
        .map_err(|error| format!("{} cannot be run: {error}", command[0]))?;
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let status = std::thread::scope(|scope| {
        scope.spawn(move || {
            while end.recv_timeout(RENEW).is_err_and(|why| why == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                if let Err(why) = socket::ask(machine, &renew) {
                    eprintln!("spawnd: {why}");
                }
            }
        });
        let status = child.wait();
        drop(ended);
        status
    });
    socket::ask(machine, &Question::Release { name })?;
    let code = status.map_err(|error| error.to_string())?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The terms of the launch, or what holds without any.
fn terms(machine: &Machine) -> Terms {
    store::terms(machine).ok().flatten().unwrap_or_else(Terms::unread)
}

fn install(machine: &Machine) -> Result<(), String> {
    let terms = terms(machine);
    let left = terms.budget + terms.dead_man_slack();
    dead_man::write_units(machine, left).map_err(|error| format!("the units cannot be written: {error}"))?;
    dead_man::start_units(machine)
}

fn arm(machine: &Machine) -> Result<(), String> {
    let left = match store::load(machine) {
        Ok(Some(state)) => state.dead_man_after(),
        Ok(None) | Err(_) => {
            let terms = terms(machine);
            terms.budget + terms.dead_man_slack()
        }
    };
    dead_man::arm(machine, dead_man::at_boot(left))
}

/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

fn simulate(path: &Path, terms: &IdleTerms) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    if path.as_os_str() == "-" {
        return simulate::run(Trace::csv(std::io::stdin().lock())?, terms, &mut out);
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(failed)?;
    let mut first = Vec::new();
    (&file).take(PARQUET.len() as u64).read_to_end(&mut first).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let trace = if first == PARQUET {
        refuse_damage(path);
        Trace::parquet(file)
    } else {
        Trace::csv(file)
    };
    trace
        .and_then(|trace| simulate::run(trace, terms, &mut out))
        .map_err(|why| format!("{}: {why}", path.display()))
}

/// The reader of Parquet panics at some damaged files: that is a refusal like any other.
fn refuse_damage(path: &Path) {
    let path = path.display().to_string();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("spawnd: {path}: the file is damaged: {panic}");
        std::process::exit(1);
    }));
}

/// The policy of a file of terms, or the documented one with this timeout.
fn idle_terms(path: Option<&Path>, timeout: &str) -> Result<IdleTerms, String> {
    let Some(path) = path else {
        return parse_span(timeout).map(IdleTerms::after).map_err(|error| error.to_string());
    };
    let terms =
        store::read_terms(path)?.ok_or_else(|| format!("{}: there is no such file", path.display()))?;
    terms.idle.ok_or_else(|| format!("{}: there is no \"idle\" in it", path.display()))
}
