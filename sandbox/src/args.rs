#![expect(missing_docs, reason = "the doc comments of these types are the help")]

use std::path::PathBuf;
use std::sync::Arc;

use catalog::ports::Encode;
use catalog::{Field, Page, Value, ValueType};
use clap::{Args, Parser, Subcommand};
use console::{CommonFlags, Exit, Failure, FailureKind, Printer, Report};
use domain::Timestamp;
use serde_json::json;

use crate::clock::RealTime;
use crate::control_client::call_control;
use crate::facts::AwsFacts;
use crate::scenario::Scenario;
use crate::server::{Sandbox, SandboxOptions, SandboxStartError};

/// The default port.
const PORT: u16 = 4580;

/// A strict EC2 emulator on this machine, for trials without an AWS account.
///
/// It refuses the requests that AWS refuses, and its clock can be moved forward. It reaches nothing
/// beyond this machine. AWS cannot issue its ids, keys and accounts.
///
/// Exit codes: 0 done, 1 the machine failed or no sandbox answers, 2 the arguments are wrong, 4 a
/// scenario or a state folder cannot be used.
#[derive(Debug, Parser)]
#[command(name = "sandbox", bin_name = "mycelium sandbox", version, max_term_width = 100)]
pub struct SandboxArgs {
    #[command(flatten)]
    pub flags: CommonFlags,
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands of `mycelium sandbox`.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(ServeArgs),
    Env(EnvArgs),
    Clock(ClockArgs),
    /// Interrupt a spot instance: the notice first, the interruption two minutes later
    Interrupt(InstanceArgs),
    /// Power an instance off, as `poweroff` does inside it
    Poweroff(InstanceArgs),
    /// Open a separate port for an instance's metadata (IMDSv2), and print its address
    Imds(InstanceArgs),
    /// Print the JSON schema of scenario files
    Schema,
}

/// Start a sandbox, and serve until Ctrl-C
///
/// One address serves EC2, STS, IAM, SSM, EventBridge Scheduler, Service Quotas, CloudWatch, the
/// price list, Cost Explorer and CloudTrail. docs/sandbox.md lists the behaviour of each.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Port on 127.0.0.1; 0 selects a free one
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
    /// Folder that keeps the state; without it the state is in memory only
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Scenario file (YAML): capacity, interruptions, failures, quotas, users
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Seed for ids, zone names and invented spot prices
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Stop the clock at this instant; it then moves only with `sandbox clock`
    #[arg(long, value_name = "INSTANT")]
    pub frozen: Option<String>,
}

/// Print the variables that point any AWS SDK or the aws CLI at the sandbox
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
    /// Account, twelve digits [default: 000000000001]
    #[arg(long)]
    pub account: Option<String>,
    /// User of the account [default: the first one]
    #[arg(long)]
    pub user: Option<String>,
    /// Region for AWS_REGION and AWS_DEFAULT_REGION
    #[arg(long, default_value = "us-east-1")]
    pub default_region: String,
}

/// Show the sandbox's clock, or move it forward: +10h, +90s, or an instant
#[derive(Debug, Args)]
pub struct ClockArgs {
    /// Distance, such as +2h30m, or target, such as 2027-01-31T12:00:00Z
    #[arg(allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// An instance of the sandbox
#[derive(Debug, Args)]
pub struct InstanceArgs {
    /// Id of the instance
    pub instance: String,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// Everything that the sandbox takes from its caller.
pub struct Ports<'a> {
    /// Reads the facts about AWS as of the clock's start. Called only by `serve`.
    pub facts: &'a dyn Fn(Timestamp) -> Result<AwsFacts, Failure>,
    /// Reads the machine's time.
    pub real_time: RealTime,
    /// Writer of Parquet and Arrow, for reports.
    pub encode: &'a dyn Encode,
}

/// Runs a command of the sandbox. `serve` returns after SIGINT or SIGTERM.
pub fn run(args: &SandboxArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    match &args.command {
        Command::Serve(args) => serve(args, ports, printer)?,
        Command::Env(args) => env(args, printer)?,
        Command::Clock(args) => clock(args, ports, printer)?,
        Command::Interrupt(args) => {
            post_instance(args, "interrupt", printer, "received its interruption notice")?
        }
        Command::Poweroff(args) => post_instance(args, "poweroff", printer, "was powered off")?,
        Command::Imds(args) => {
            let found = call_control(&args.url, "imds", Some(&json!({ "instance": args.instance })))?;
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
            Failure::usage(format!("--frozen \"{text}\" is not an instant"))
                .hint("mycelium sandbox serve --frozen 2026-01-31T12:00:00Z")
        })?),
    };
    let options = SandboxOptions {
        facts: Arc::new((ports.facts)(frozen.unwrap_or_else(|| (ports.real_time)()))?),
        scenario: scenario(args.scenario.as_deref())?,
        seed: args.seed,
        port: args.port,
        state: args.state.clone(),
        frozen,
        real_time: Arc::clone(&ports.real_time),
    };
    let running = Sandbox::start(options).map_err(start_failure)?;
    printer.note(&format!(
        "the sandbox serves at {} until Ctrl-C; in another shell: eval \"$(mycelium sandbox env --url {})\"",
        running.url, running.url
    ));
    printer.flush()?;
    running.wait();
    Ok(())
}

fn scenario(path: Option<&std::path::Path>) -> Result<Scenario, Failure> {
    let Some(path) = path else { return Ok(Scenario::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(FailureKind::Data, format!("--scenario {}: {error}", path.display()))
            .hint("mycelium sandbox serve --scenario FILE, with a readable YAML file")
    })?;
    Scenario::parse(&text).map_err(|error| {
        Failure::new(FailureKind::Data, format!("--scenario {}: {error}", path.display()))
            .hint("mycelium sandbox schema prints the schema of scenario files")
    })
}

fn start_failure(error: SandboxStartError) -> Failure {
    let text = error.to_string();
    match error {
        SandboxStartError::Port { .. } => {
            Failure::broken(text).hint("mycelium sandbox serve --port 0 selects a free port")
        }
        SandboxStartError::State { .. } => {
            Failure::new(FailureKind::Data, text).hint("pass another folder with --state")
        }
        SandboxStartError::System(_) => Failure::broken(text),
    }
}

fn env(args: &EnvArgs, printer: &mut Printer) -> Result<(), Failure> {
    let path = args
        .account
        .as_ref()
        .map_or("credentials".to_string(), |account| format!("credentials?account={account}"));
    let found = call_control(&args.url, &path, None)?;
    let ending = args.user.as_ref().map(|user| format!(":user/{user}"));
    let keys = found["keys"].as_array().cloned().unwrap_or_default();
    let fits = |key: &&serde_json::Value| {
        ending.as_ref().is_none_or(|end| key["arn"].as_str().is_some_and(|arn| arn.ends_with(end)))
    };
    let key = keys.iter().find(fits).ok_or_else(|| {
        Failure::usage("no user of the sandbox matches --account and --user")
            .hint("add the account and its user to the scenario file: mycelium sandbox schema")
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
                let span = domain::parse_span(span).map_err(|error| {
                    Failure::usage(error.to_string()).hint("mycelium sandbox clock +2h30m")
                })?;
                json!({ "forward_seconds": span.as_secs() })
            }
            None if domain::parse_instant(text).is_some() => json!({ "until": text }),
            None => {
                return Err(Failure::usage(format!("\"{text}\" is neither a span nor an instant"))
                    .hint("mycelium sandbox clock +10h, or mycelium sandbox clock 2027-01-31T12:00:00Z"));
            }
        }),
    };
    let found = call_control(&args.url, "clock", body.as_ref())?;
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_string();
    rows(
        printer,
        ports,
        &["now", "real", "frozen"],
        vec![vec![text("now"), text("real"), found["frozen"].to_string()]],
    )
}

fn post_instance(args: &InstanceArgs, path: &str, printer: &mut Printer, done: &str) -> Result<(), Failure> {
    call_control(&args.url, path, Some(&json!({ "instance": args.instance })))?;
    printer.note(&format!("{} {done}", args.instance));
    Ok(())
}

fn rows(
    printer: &mut Printer,
    ports: &Ports<'_>,
    names: &[&str],
    rows: Vec<Vec<String>>,
) -> Result<(), Failure> {
    let fields = names.iter().map(|name| Field::new(*name, ValueType::Text)).collect();
    let rows = rows.into_iter().map(|row| row.into_iter().map(Value::Text).collect()).collect();
    printer.report(&Report::plain(Page { fields, rows }), ports.encode)
}
