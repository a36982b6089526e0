use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use console::{Failure, FailureKind, Printer};
use domain::Timestamp;

use crate::ports::Ports;
use crate::scenario::Scenario;
use crate::server::{Sandbox, SandboxOptions, SandboxStartError};

/// The default port.
const PORT: u16 = 4580;

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

/// Runs `sandbox serve`. The clock of the sandbox starts at `now`, unless it is frozen.
pub(crate) fn run_serve(
    args: &ServeArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    let frozen = match &args.frozen {
        None => None,
        Some(text) => Some(domain::parse_instant(text).ok_or_else(|| {
            Failure::usage(format!("--frozen \"{text}\" is not an instant"))
                .hint("mycelium sandbox serve --frozen 2026-01-31T12:00:00Z")
        })?),
    };
    let options = SandboxOptions {
        facts: Arc::new((ports.facts)(frozen.unwrap_or(now))?),
        scenario: scenario(args.scenario.as_deref())?,
        seed: args.seed,
        port: args.port,
        state: args.state.clone(),
        frozen,
        real_time: Arc::clone(&ports.clock),
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

/// Limit of a scenario file, in MiB.
const LARGEST_SCENARIO: usize = 16;

fn scenario(path: Option<&Path>) -> Result<Scenario, Failure> {
    let Some(path) = path else { return Ok(Scenario::default()) };
    let text = std::fs::File::open(path).and_then(|file| domain::read_text(file, LARGEST_SCENARIO));
    let text = text.map_err(|error| {
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
