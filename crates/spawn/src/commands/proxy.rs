use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use console::{Exit, Failure, FailureKind, Printer};
use fleet::instance::{InstanceState, InstanceView};
use fleet::ports::{CallerAccount, InstanceSelector};
use jiff::SignedDuration;

use crate::ports::cloud_failure;
use crate::ssh::{
    SessionFailure, SessionFault, SessionOptions, address_of, check_session_manager, connect_key,
    is_instance_id, jump_command, pin_host, send_key, ssh_settings, tunnel_command,
};
use crate::{Ports, ProcessCommand};

/// Connect the standard input and output with an instance's ssh server; ssh starts this.
///
/// spawn ssh-config writes it as ProxyCommand. It finds the present address, lets this machine
/// through the security group of spawn, pins the host key, and starts a stopped instance: unasked
/// with the setting ssh.start, else after a question on the terminal. Without a terminal it fails.
#[derive(Debug, Args)]
pub struct ProxyArgs {
    /// Id of the instance
    #[arg(value_name = "ID")]
    pub id: String,
    /// The instance's region
    #[arg(long, value_name = "REGION")]
    pub region: String,
    /// Login user, for --send-key
    #[arg(long, value_name = "USER", default_value = "ec2-user")]
    pub user: String,
    /// Let EC2 Instance Connect accept spawn's own key for 60 seconds
    #[arg(long)]
    pub send_key: bool,
}

/// Attempts and the pause between two: five minutes.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(5);
/// Within this time after a start, a server that cannot be reached is taken for one that boots.
const BOOT: SignedDuration = SignedDuration::from_mins(6);
const SSH_PORT: u16 = 22;
/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run_proxy(args: &ProxyArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    if !is_instance_id(&args.id) {
        return Err(Failure::usage(format!("{:?} is not an instance id", args.id))
            .hint("spawn connect NAME finds an instance by its name"));
    }
    let region = console::read_region("--region", &args.region)?;
    let caller = ports.account.caller().map_err(cloud_failure)?;
    let settings = ssh_settings(ports)?;
    let mut instance = find(&args.id, &region, ports)?;
    if !matches!(instance.state, InstanceState::Running | InstanceState::Pending) {
        instance = wake(instance, settings.start.value, ports, printer)?;
    }
    instance = await_running(instance, ports)?;
    match crate::provision::renew_rule(&instance, &settings.from.value, &caller, ports) {
        Ok(crate::provision::RuleRenewal::Renewed(source)) => {
            printer.note(&format!("the security group now allows ssh from {source}"));
        }
        Ok(_) => {}
        // The network may allow the connection all the same.
        Err(failed) => printer.note(&format!("the security group was not changed: {}", failed.message)),
    }
    let options = SessionOptions { jump: settings.jump.map(|jump| jump.value), ..SessionOptions::default() };
    let is_booting = is_booting(&instance, &caller);
    await_success(is_booting, ports, || pin_host(&instance, &options, ports))?;
    connect(args, &instance, &options, is_booting, ports)
}

fn find(id: &str, region: &str, ports: &Ports<'_>) -> Result<InstanceView, Failure> {
    let (ids, regions) = ([id.to_string()], [region.to_string()]);
    let answer = ports.instances.list_instances(&regions, InstanceSelector::Ids(&ids)).pop();
    let seen = answer.map_or(Ok(Vec::new()), |answer| answer.seen).map_err(Failure::broken)?;
    seen.into_iter().find(|seen| seen.id == id && seen.managed()).ok_or_else(|| {
        Failure::new(
            FailureKind::NoMatch,
            format!("{id} does not exist in {region}, or spawn did not launch it"),
        )
        .hint("spawn ssh-config writes the instances that exist now")
    })
}

/// Waits until a pending instance is running and has an address.
fn await_running(mut instance: InstanceView, ports: &Ports<'_>) -> Result<InstanceView, Failure> {
    for _ in 0..ATTEMPTS {
        if instance.state != InstanceState::Pending {
            break;
        }
        (ports.wait)(PAUSE);
        instance = find(&instance.id, &instance.region, ports)?;
    }
    Ok(instance)
}

fn is_booting(instance: &InstanceView, caller: &CallerAccount) -> bool {
    let launched = instance.launched.value();
    launched.is_none_or(|launched| caller.now.duration_since(*launched) < BOOT)
}

/// Repeats an attempt while the instance boots and has no host key or no server yet.
fn await_success<T>(
    is_booting: bool,
    ports: &Ports<'_>,
    attempt: impl Fn() -> Result<T, SessionFailure>,
) -> Result<T, Failure> {
    let mut left = if is_booting { ATTEMPTS } else { 0 };
    loop {
        match attempt() {
            Err(failed)
                if left > 0
                    && matches!(failed.fault, SessionFault::HostKeyUnknown | SessionFault::Unreachable) =>
            {
                left -= 1;
                (ports.wait)(PAUSE);
            }
            done => return Ok(done?),
        }
    }
}

fn connect(
    args: &ProxyArgs,
    instance: &InstanceView,
    options: &SessionOptions,
    is_booting: bool,
    ports: &Ports<'_>,
) -> Result<Exit, Failure> {
    let send = || match args.send_key {
        true => send_key(instance, &args.user, &connect_key(ports)?.1.line(), ports),
        false => Ok(()),
    };
    let address = address_of(instance, options.jump.is_some())?;
    let has_public = instance.details.public_address.is_some() || instance.details.ipv6_address.is_some();
    let command = match &options.jump {
        Some(jump) => Some(jump_command(jump, address)?),
        None if !has_public && check_session_manager(instance, ports).is_ok() => {
            Some(tunnel_command(instance, ports)?)
        }
        None => None,
    };
    if let Some(command) = command {
        send()?;
        let code = ports.processes.hand_over(&command);
        let code = code.map_err(|error| {
            Failure::broken(format!("{} cannot be started: {error}", command.program.display()))
        })?;
        return Ok(if code == 0 { Exit::Done } else { Exit::Program(u8::try_from(code).unwrap_or(1)) });
    }
    await_success(is_booting, ports, || relay(address, &instance.id, &send, ports))?;
    Ok(Exit::Done)
}

/// Connects the standard streams with the server. The key is sent when the connection stands,
/// because it is accepted for 60 seconds only.
fn relay(
    address: IpAddr,
    id: &str,
    send: &dyn Fn() -> Result<(), SessionFailure>,
    ports: &Ports<'_>,
) -> Result<(), SessionFailure> {
    let before = || send().map_err(|failed| io::Error::other(failed.failure.message));
    (ports.relay)(SocketAddr::new(address, SSH_PORT), &before).map_err(|error| {
        let fault = match error.kind() {
            io::ErrorKind::Other => SessionFault::Other,
            _ => SessionFault::Unreachable,
        };
        SessionFailure::of(fault, format!("{id} cannot be reached at {address}: {error}"))
            .hint("its security group must allow port 22 from here")
    })
}

/// Starts a stopped instance, after a question unless the setting allows it.
fn wake(
    instance: InstanceView,
    unasked: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<InstanceView, Failure> {
    let InstanceView { id, state, region, .. } = &instance;
    let name = instance.name().unwrap_or(id);
    if !matches!(state, InstanceState::Stopped) {
        return Err(Failure::broken(format!("{name} is {}", state.word()))
            .hint("spawn list shows the instances that run"));
    }
    let start = format!("spawn start {id}");
    match unasked || (ports.ask_on_terminal)(&format!("{name} is stopped; start it?")).unwrap_or(false) {
        true => printer.note(&format!("starting {name}")),
        false => {
            return Err(Failure::broken(format!("{name} is stopped"))
                .hint(format!("{start}, or ssh.start: yes in .spawn.yaml")));
        }
    }
    start_instance(id, region, ports)?;
    find(id, region, ports)
}

/// Starts an instance with the command for it. ssh owns the standard output of this process.
fn start_instance(id: &str, region: &str, ports: &Ports<'_>) -> Result<(), Failure> {
    let args = ["spawn", "start", id, "--region", region].map(Into::into).into();
    let account = ports.aws_profile.map(|name| ("AWS_PROFILE".into(), name.into()));
    let program = ports.executable.clone().into_os_string();
    let command = ProcessCommand { program, args, env: account.into_iter().collect() };
    let ended = ports.processes.capture(&command, b"", START_LIMIT);
    let failed = |why: String| {
        Err(Failure::broken(format!("{id} was not started: {why}")).hint(format!("spawn start {id}")))
    };
    match ended {
        Ok(output) if output.code == Some(0) => Ok(()),
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = stderr.lines().find_map(|line| line.strip_prefix("error: "));
            failed(line.unwrap_or("the command gave no reason").to_string())
        }
        Err(error) => failed(error.to_string()),
    }
}
