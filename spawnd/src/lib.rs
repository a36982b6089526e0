//! The daemon that runs on each instance. It ends the instance when its time is over, and does not
//! interrupt people or programs that work. It polls the clocks, the metadata service and signs of
//! work, lets `lifecycle` decide, and performs the effects. If it is killed, hangs or never starts,
//! a systemd timer powers the instance off.
//!
//! This crate knows nothing about launching, prices, or other instances.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the daemon is a program of its own, with its own files and output"
)]

mod acknowledgement;
mod authorities;
mod counters;
mod daemon;
mod dead_man;
mod ec2;
mod editor;
pub mod fuzz_entry;
mod gpu;
mod heartbeat_window;
mod homes;
mod hooks;
mod imds;
mod jupyter;
mod kernel_tables;
mod logind;
mod look;
mod machine;
mod notices;
mod signals;
mod simulate;
mod socket;
mod ssh;
mod store;
mod trace;
mod utmp;
mod webhook;

use clap::{Parser, Subcommand};
use domain::{parse_span, visible};
use jiff::SignedDuration;
use lifecycle::Terms;
use lifecycle::idle::IdleTerms;
use machine::{ClockPace, Machine, parse_pace};
use socket::{SocketAnswer, SocketRequest};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use trace::SignalTrace;

/// Ends this instance when its time is over.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The folder that contains all files.
    #[arg(long, global = true, default_value = "/", hide = true)]
    root: PathBuf,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show when this instance ends.
    Status {
        /// Also show each idle signal, its threshold, and its effect.
        #[arg(long)]
        why: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give this instance more running time.
    Extend {
        /// Additional time, such as 90m, 2h30m or 2d.
        by: String,
        /// Extend even if the tag cannot be written; other machines do not see the extension.
        #[arg(long)]
        local_only: bool,
    },
    /// Count this instance as busy for a time.
    Keepalive {
        /// Duration, at most 24h.
        #[arg(required_unless_present = "release")]
        span: Option<String>,
        /// Name of the lease, for a renewal or release.
        #[arg(long, default_value = "keepalive")]
        name: String,
        /// Release the lease instead.
        #[arg(long)]
        release: bool,
    },
    /// Run a command and count this instance as busy while it runs.
    Run {
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Report that the work is complete: the instance ends after a warning.
    Complete,
    /// Cancel a pending idle action; the deadline is unchanged.
    Cancel,
    /// Install the systemd units, the dead-man first.
    Install,
    /// Set the dead-man to the remaining time; runs at every boot.
    #[command(hide = true)]
    Arm,
    /// Run the daemon; started by systemd.
    Daemon {
        /// Use this sandbox on the loopback for metadata and calls; with https:// for calls only.
        #[arg(long, hide = true, value_parser = sandbox_url)]
        sandbox: Option<String>,
        /// Use the metadata service at 169.254.169.254; calls still go to the sandbox.
        #[arg(long, hide = true, requires = "sandbox")]
        link_local: bool,
        /// Speed up time, such as 60@1234.5 for 60 times and a boot at second 1234.5; needs
        /// --sandbox.
        #[arg(long, hide = true, requires = "sandbox", value_parser = parse_pace)]
        pace: Option<ClockPace>,
    },
    /// Print the least IAM policy that the instance's role needs.
    Policy {
        /// The AWS account id.
        account: String,
        /// The partition: aws, aws-cn or aws-us-gov.
        #[arg(long, default_value = "aws", value_parser = ["aws", "aws-cn", "aws-us-gov"], hide_possible_values = true)]
        partition: String,
    },
    /// Replay recorded signals and print when the instance would have been stopped.
    Simulate {
        /// CSV (plain or gzip) or Parquet file, or - for CSV on standard input. Columns: time
        /// (seconds), machine (if there are several), and one per signal.
        trace: PathBuf,
        /// Time without work before the warnings begin.
        #[arg(long, default_value = "30m")]
        idle_timeout: String,
        /// Take the idle policy from a terms file, such as /etc/spawn/terms.json.
        #[arg(long, conflicts_with = "idle_timeout")]
        terms: Option<PathBuf>,
    },
}

/// Accepts only a loopback address, so that a run with the sandbox cannot cost money.
fn sandbox_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let address = rest.and_then(|rest| rest.rsplit_once(':'));
    let ip: Option<IpAddr> = address.and_then(|(host, _)| host.parse().ok());
    match ip {
        Some(ip) if ip.is_loopback() => Ok(text.to_string()),
        _ => Err("expected a loopback address, such as http://127.0.0.1:8080".to_string()),
    }
}

/// Runs the command line of this process. Returns its exit code.
pub fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("error: {}", message_lines(&why));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<ExitCode, String> {
    let pace = match &args.command {
        Verb::Daemon { pace, .. } => pace.unwrap_or(ClockPace::REAL),
        _ => ClockPace::REAL,
    };
    let machine = Machine::new(args.root, pace);
    match args.command {
        Verb::Status { why, json } => return status(&machine, why, json),
        Verb::Extend { by, local_only } => {
            return send_request(&machine, &SocketRequest::Extend { by, local_only });
        }
        Verb::Keepalive { span: Some(span), name, release: false } => {
            return send_request(&machine, &SocketRequest::KeepAlive { name, span });
        }
        Verb::Keepalive { name, .. } => {
            return send_request(&machine, &SocketRequest::Release { name });
        }
        Verb::Run { command } => return run_command(&machine, &command),
        Verb::Complete => return send_request(&machine, &SocketRequest::Complete),
        Verb::Cancel => return send_request(&machine, &SocketRequest::Cancel),
        Verb::Install => install(&machine)?,
        Verb::Arm => arm(&machine)?,
        Verb::Daemon { sandbox: Some(url), link_local: false, .. } if url.starts_with("https") => {
            return Err("the metadata service has no TLS; an https:// sandbox needs --link-local".to_string());
        }
        Verb::Daemon { sandbox: None, .. } if std::env::var_os("NOTIFY_SOCKET").is_none() => {
            return Err(
                "spawnd daemon is started by systemd, and would end this machine\nhint: sudo spawnd \
                        install"
                    .to_string(),
            );
        }
        Verb::Daemon { sandbox, link_local, .. } => daemon::run(machine, sandbox, link_local)?,
        Verb::Policy { account, .. }
            if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) =>
        {
            return Err(format!("\"{account}\" is not an account id; expected 12 digits"));
        }
        Verb::Policy { account, partition } => {
            print_line(lifecycle::role_policy(&partition, &account).trim_end())?
        }
        Verb::Simulate { trace, idle_timeout, terms } => {
            simulate(&trace, &idle_terms(terms.as_deref(), &idle_timeout)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn send_request(machine: &Machine, question: &SocketRequest) -> Result<ExitCode, String> {
    finish(socket::send_request(machine, question)?)
}

/// Returns a message with its hint on a line of its own. Any other line break is that of a foreign
/// text, such as a file's name.
fn message_lines(why: &str) -> String {
    let hint = ["\nhint: spawnd ", "\nhint: systemctl "].iter().find_map(|mark| why.rfind(mark));
    let (message, hint) = why.split_at(hint.unwrap_or(why.len()));
    match hint.strip_prefix('\n') {
        Some(hint) => format!("{}\n{}", visible(message), visible(hint)),
        None => visible(message).into_owned(),
    }
}

/// Prints a line. A reader that closed the pipe is no error.
fn print_line(text: &str) -> Result<(), String> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("the output cannot be written: {error}")),
        Ok(()) => Ok(()),
    }
}

fn finish(answer: SocketAnswer) -> Result<ExitCode, String> {
    if !answer.ok {
        return Err(answer.text);
    }
    print_lines(&answer.text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the lines of an answer, each with visible characters alone.
fn print_lines(text: &str) -> Result<(), String> {
    text.lines().try_for_each(|line| print_line(&visible(line)))
}

fn status(machine: &Machine, why: bool, json: bool) -> Result<ExitCode, String> {
    let answer = socket::send_request(machine, &SocketRequest::Status)?;
    let Some(status) = answer.status.as_ref().filter(|_| why || json) else { return finish(answer) };
    if json {
        print_line(&serde_json::to_string_pretty(status).map_err(|error| error.to_string())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_lines(&answer.text)?;
    for line in &status.signals {
        print_line(&visible(&format!("  {:<10} {}", line.signal.name(), line.sentence)))?;
    }
    print_line(&visible(&format!("  {:<10} {}", "heartbeat", status.heartbeat.sentence)))?;
    for (name, seconds) in &status.leases {
        print_line(&visible(&format!("  lease {name}: {seconds} s")))?;
    }
    for trouble in &status.troubles {
        print_line(&visible(&format!("warning: {trouble}")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Interval between two renewals of the lease of `spawnd run`.
const RENEW: Duration = Duration::from_secs(60);

/// Runs a command under a lease and renews it. If this process dies, the lease expires by itself.
fn run_command(machine: &Machine, command: &[String]) -> Result<ExitCode, String> {
    let name = format!("run-{}", std::process::id());
    let renew = SocketRequest::KeepAlive { name: name.clone(), span: "3m".to_string() };
    socket::send_request(machine, &renew)?;
    let mut child = std::process::Command::new(&command[0])
        .args(&command[1..])
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", command[0]))?;
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let status = std::thread::scope(|scope| {
        scope.spawn(move || {
            while end.recv_timeout(RENEW).is_err_and(|why| why == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                if let Err(why) = socket::send_request(machine, &renew) {
                    eprintln!("warning: {}", visible(&why));
                }
            }
        });
        let status = child.wait();
        drop(ended);
        status
    });
    socket::send_request(machine, &SocketRequest::Release { name })?;
    let code = status.map_err(|error| error.to_string())?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Returns the running time until the dead-man acts: by the state of this instance, else as a
/// dead-man without spawnd counted it, else by the launch terms or the default ones.
fn left(machine: &Machine) -> SignedDuration {
    if let Some(state) = store::own_state(machine) {
        return state.dead_man_after();
    }
    let instance = store::instance(machine);
    let terms = store::terms(machine, instance.as_deref()).ok().flatten().unwrap_or_else(Terms::unread);
    let whole = terms.budget + terms.dead_man_slack();
    store::counted(machine, instance.as_deref()).map_or(whole, |counted| counted.min(whole))
}

fn install(machine: &Machine) -> Result<(), String> {
    if !machine.path("/run/systemd/system").is_dir() {
        return Err(
            "systemd does not run on this machine, and spawnd needs its timers\nhint: spawnd installs \
                    only on an instance that systemd has booted"
                .to_string(),
        );
    }
    if !rustix::process::geteuid().is_root() {
        return Err("spawnd install writes systemd units, which only root may do\nhint: sudo spawnd install"
            .to_string());
    }
    let left = dead_man::at_boot(left(machine));
    dead_man::write_units(machine, left).map_err(|error| format!("the units cannot be written: {error}"))?;
    dead_man::start_units(machine)
}

fn arm(machine: &Machine) -> Result<(), String> {
    dead_man::arm(machine, dead_man::at_boot(left(machine)))
}

/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

fn simulate(path: &Path, terms: &IdleTerms) -> Result<(), String> {
    let (mut out, mut notes) = (std::io::stdout().lock(), std::io::stderr().lock());
    if path.as_os_str() == "-" {
        return simulate::run(SignalTrace::csv(std::io::stdin().lock())?, terms, &mut out, &mut notes);
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(failed)?;
    let mut first = Vec::new();
    (&file).take(PARQUET.len() as u64).read_to_end(&mut first).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let trace = if first == PARQUET {
        refuse_damage(path);
        SignalTrace::parquet(file)
    } else {
        SignalTrace::csv(file)
    };
    trace
        .and_then(|trace| simulate::run(trace, terms, &mut out, &mut notes))
        .map_err(|why| format!("{}: {why}", path.display()))
}

/// Reports a panic as an error: the Parquet reader panics at some damaged files.
fn refuse_damage(path: &Path) {
    let path = visible(&path.display().to_string()).into_owned();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("error: {path}: the file is damaged: {panic}");
        std::process::exit(1);
    }));
}

/// Returns the idle policy of a terms file, or the default policy with this timeout.
fn idle_terms(path: Option<&Path>, timeout: &str) -> Result<IdleTerms, String> {
    let Some(path) = path else {
        return parse_span(timeout).map(IdleTerms::after).map_err(|error| error.to_string());
    };
    let terms = store::read_terms(path)?.ok_or_else(|| format!("{}: file not found", path.display()))?;
    terms.idle.ok_or_else(|| format!("{}: the terms have no \"idle\" policy", path.display()))
}

#[cfg(test)]
mod tests {
    use super::message_lines;

    #[test]
    fn only_a_hint_of_ours_begins_a_line() {
        let check = |why: &str, expected: &str| assert_eq!(message_lines(why), expected);
        check("no answer\nhint: systemctl status spawnd", "no answer\nhint: systemctl status spawnd");
        check("a\nhint: rm.csv: not found", "a\\nhint: rm.csv: not found");
        check("a\u{202e}\nb\nhint: spawnd status\u{61c}", "a\\u{202e}\\nb\nhint: spawnd status\\u{61c}");
    }
}
