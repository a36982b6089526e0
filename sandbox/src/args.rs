#![expect(missing_docs, reason = "the doc comments of these types are the help")]

use std::path::PathBuf;
use std::sync::Arc;

use catalog::ports::Encode;
use catalog::{Field, Page, Type, Value};
use clap::{Args, Parser, Subcommand};
use console::{Exit, Failure, Flags, Kind, Printer, Report};
use domain::Timestamp;
use serde_json::json;

use crate::clock::RealTime;
use crate::facts::Facts;
use crate::scenario::Scenario;
use crate::server::{Options, Sandbox, StartError};
use crate::talk::ask;

/// The port when none is named.
const PORT: u16 = 4580;

/// A small, strict EC2 on this machine: try things out without an account and for nothing.
///
/// It refuses what AWS refuses, and keeps time that you can move. Nothing beyond this machine is reached, and its ids,
/// keys and accounts are such as AWS cannot issue.
///
/// Exit codes: 0 done, 1 the machine failed or no sandbox answers, 2 what was typed cannot be understood,
/// 4 a scenario or a state folder cannot be used.
#[derive(Debug, Parser)]
#[command(name = "sandbox", bin_name = "mycelium sandbox", version, max_term_width = 100)]
pub struct SandboxArgs {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the sandbox.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(ServeArgs),
    Env(EnvArgs),
    Clock(ClockArgs),
    /// AWS takes a spot instance back: first the notice, two minutes later the end
    Interrupt(InstanceArgs),
    /// Power an instance off, as if it were typed inside
    Poweroff(InstanceArgs),
    /// Open a port of its own for an instance's metadata (IMDSv2), and print its address
    Imds(InstanceArgs),
    /// Print the JSON schema of scenario files
    Schema,
}

/// Start a sandbox, and serve until Ctrl-C
///
/// One address serves EC2, STS, IAM, SSM, EventBridge Scheduler, Service Quotas, CloudWatch, the price list,
/// Cost Explorer and CloudTrail. docs/sandbox.md lists what each of them does.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
    /// Keep the state in this folder; in memory without it
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Scenario file (YAML): capacity, interruptions, failures, quotas, users
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Ids, zone names and made-up spot prices follow from it
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The clock stands still at this instant until it is moved
    #[arg(long, value_name = "INSTANT")]
    pub frozen: Option<String>,
}

/// Print the variables that point any AWS SDK or the aws CLI at the sandbox
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
    /// Account whose first user is taken
    #[arg(long)]
    pub account: Option<String>,
    /// User, when it is not the first
    #[arg(long)]
    pub user: Option<String>,
    /// Region
    #[arg(long, default_value = "us-east-1")]
    pub default_region: String,
}

/// Show the sandbox's clock, or move it forward: +10h, +90s, or an instant
#[derive(Debug, Args)]
pub struct ClockArgs {
    /// How far, such as +2h30m, or until when, such as 2027-01-31T12:00:00Z
    #[arg(allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// One instance of the sandbox
#[derive(Debug, Args)]
pub struct InstanceArgs {
    /// The instance's id
    pub instance: String,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// What the sandbox has to work with.
pub struct Ports<'a> {
    /// What it knows of AWS at the instant at which its clock begins; asked for only when it serves.
    pub facts: &'a dyn Fn(Timestamp) -> Result<Facts, Failure>,
    /// Real time.
    pub real_time: RealTime,
    /// Writer of Parquet and Arrow, for reports.
    pub encode: &'a dyn Encode,
}

/// Runs a command of the sandbox.
pub fn run(args: &SandboxArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    match &args.command {
        Command::Serve(args) => serve(args, ports, printer)?,
        Command::Env(args) => env(args, printer)?,
        Command::Clock(args) => clock(args, ports, printer)?,
        Command::Interrupt(args) => say(args, "interrupt", printer, "was given its notice")?,
        Command::Poweroff(args) => say(args, "poweroff", printer, "was powered off")?,
        Command::Imds(args) => {
            let found = ask(&args.url, "imds", Some(&json!({ "instance": args.instance })))?;
            let url = found["url"].as_str().unwrap_or_default();
            rows(printer, ports, &["instance", "url"], vec![vec![args.instance.clone(), url.to_string()]])?;
        }
        Command::Schema => printer.text(&Scenario::schema())?,
    }
    printer.flush()?;
    Ok(Exit::Done)
}

fn serve(args: &ServeArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let frozen = match &args.frozen {
        None => None,
        Some(text) => Some(domain::parse_instant(text).ok_or_else(|| {
            Failure::usage(format!("\"{text}\" is not an instant")).hint("write it as 2026-01-31T12:00:00Z")
        })?),
    };
    let options = Options {
        facts: Arc::new((ports.facts)(frozen.unwrap_or_else(|| (ports.real_time)()))?),
        scenario: scenario(args.scenario.as_deref())?,
        seed: args.seed,
        port: args.port,
        state: args.state.clone(),
        frozen,
        real_time: Arc::clone(&ports.real_time),
    };
    let running = Sandbox::start(options).map_err(failed)?;
    printer.note(&format!(
        "the sandbox serves at {} until Ctrl-C; eval \"$(mycelium sandbox env --url {})\" in another shell",
        running.url, running.url
    ));
    printer.flush()?;
    running.wait();
    Ok(())
}

fn scenario(path: Option<&std::path::Path>) -> Result<Scenario, Failure> {
    let Some(path) = path else { return Ok(Scenario::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Kind::Data, format!("{}: {error}", path.display()))
            .hint("name a readable YAML file with --scenario")
    })?;
    Scenario::parse(&text).map_err(|error| {
        Failure::new(Kind::Data, format!("{}: {error}", path.display()))
            .hint("mycelium sandbox schema prints what a scenario may hold")
    })
}

fn failed(error: StartError) -> Failure {
    let text = error.to_string();
    match error {
        StartError::Port { .. } => {
            Failure::broken(text).hint("take another port with --port, or 0 for a free one")
        }
        StartError::State { .. } => Failure::new(Kind::Data, text).hint("name another folder with --state"),
        StartError::System(_) => Failure::broken(text),
    }
}

fn env(args: &EnvArgs, printer: &mut Printer) -> Result<(), Failure> {
    let path = args
        .account
        .as_ref()
        .map_or("credentials".to_string(), |account| format!("credentials?account={account}"));
    let found = ask(&args.url, &path, None)?;
    let ending = args.user.as_ref().map(|user| format!(":user/{user}"));
    let keys = found["keys"].as_array().cloned().unwrap_or_default();
    let fits = |key: &&serde_json::Value| {
        ending.as_ref().is_none_or(|end| key["arn"].as_str().is_some_and(|arn| arn.ends_with(end)))
    };
    let key = keys.iter().find(fits).ok_or_else(|| {
        Failure::usage("the sandbox has no such account or user")
            .hint("accounts and users are made by the scenario")
    })?;
    let text = |name: &str| key[name].as_str().unwrap_or_default().to_string();
    let variables = [
        ("AWS_ENDPOINT_URL", args.url.clone()),
        ("AWS_ACCESS_KEY_ID", text("access_key")),
        ("AWS_SECRET_ACCESS_KEY", text("secret")),
        ("AWS_REGION", args.default_region.clone()),
        ("AWS_DEFAULT_REGION", args.default_region.clone()),
        ("AWS_CONFIG_FILE", "/dev/null".to_string()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_string()),
    ];
    let mut lines = String::from("unset AWS_PROFILE AWS_SESSION_TOKEN\n");
    for (name, value) in variables {
        lines.push_str(&format!("export {name}='{}'\n", value.replace('\'', "'\\''")));
    }
    printer.text(&lines)
}

fn clock(args: &ClockArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let body = match &args.to {
        None => None,
        Some(text) => Some(match text.strip_prefix('+') {
            Some(span) => {
                let span = domain::parse_span(span)
                    .map_err(|error| Failure::usage(error.to_string()).hint("such as +10h or +2h30m"))?;
                json!({ "forward_seconds": span.as_secs() })
            }
            None if domain::parse_instant(text).is_some() => json!({ "until": text }),
            None => {
                return Err(Failure::usage(format!("\"{text}\" is neither a span nor an instant"))
                    .hint("write +10h, or 2027-01-31T12:00:00Z"));
            }
        }),
    };
    let found = ask(&args.url, "clock", body.as_ref())?;
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_string();
    rows(
        printer,
        ports,
        &["now", "real", "frozen"],
        vec![vec![text("now"), text("real"), found["frozen"].to_string()]],
    )
}

fn say(args: &InstanceArgs, path: &str, printer: &mut Printer, done: &str) -> Result<(), Failure> {
    ask(&args.url, path, Some(&json!({ "instance": args.instance })))?;
    printer.note(&format!("{} {done}", args.instance));
    Ok(())
}

fn rows(
    printer: &mut Printer,
    ports: &Ports<'_>,
    names: &[&str],
    rows: Vec<Vec<String>>,
) -> Result<(), Failure> {
    let fields = names.iter().map(|name| Field::new(*name, Type::Text)).collect();
    let rows = rows.into_iter().map(|row| row.into_iter().map(Value::Text).collect()).collect();
    printer.report(&Report::plain(Page { fields, rows }), ports.encode)
}
