use clap::Args;
use console::{Exit, Failure, Printer};
use domain::visible;
use fleet::instance::{InstanceState, InstanceView};

use crate::Ports;
use crate::instance_traces::write_traces;
use crate::names::find_targets;
use crate::ssh::{
    Session, SessionArgs, SessionFailure, SessionFault, SessionOptions, SessionRoute, TerminalRequest,
    check_session_manager, quote_words, read_forward, shell_command,
};

/// Open a shell on an instance, or run a program there, through ssh.
///
/// The key is the one of the instance's key pair, found in an agent or in ~/.ssh by its public
/// half. Without it, EC2 Instance Connect accepts a throwaway key. Without a way for ssh, the
/// Session Manager opens the shell; it needs the aws CLI and session-manager-plugin.
///
/// The host key is pinned before the first connection and checked at every one. It comes from the
/// console output of the first boot, else from the fingerprint in the tag spawn:seen.
///
/// The exit code is that of the program on the instance. It is 1 if there is no connection, 2 for
/// an invalid command line, and 3 if no instance has this name.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Name or id of the instance, or the beginning of one
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Forward a port of this machine: PORT, or PORT:HOST:PORT as in ssh; several are allowed
    #[arg(short = 'L', value_name = "PORT")]
    pub forward: Vec<String>,
    /// Give the program a terminal on the instance; a shell always has one
    #[arg(long, short = 't')]
    pub tty: bool,
    /// Print the ssh command and do not connect
    #[arg(long)]
    pub print: bool,
    /// Regions to look in [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    #[command(flatten)]
    pub session: SessionArgs,
    /// The program to run and its arguments, after --; each word arrives as it is typed
    #[arg(last = true, value_name = "CMD")]
    pub program: Vec<String>,
}

pub(crate) fn run_connect(
    args: &ConnectArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let options = args.session.options(ports)?;
    // An invalid word or forwarding is refused before AWS is called and a key is sent.
    args.forward.iter().try_for_each(|forward| read_forward(forward).map(drop))?;
    quote_words(&args.program)?;
    let found = find_targets(std::slice::from_ref(&args.name), &args.region, ports)?;
    let Some(instance) = found.instances.first() else { return Ok(Exit::NothingMatched) };
    write_traces(instance, &found.caller, found.scan.at, ports, printer);
    let words: Vec<&str> = args.program.iter().map(String::as_str).collect();
    let request = TerminalRequest { words: &words, forwards: &args.forward, tty: args.tty };
    if options.via == Some(SessionRoute::SessionManager) {
        return open_session_manager(instance, &request, args.print, ports, printer);
    }
    match open_ssh(instance, &options, &request, args.print, ports, printer) {
        Err(failed) if may_fall_back(&failed, instance, &options, &request) && !args.print => {
            fall_back(instance, failed, &request, ports, printer)
        }
        done => Ok(done?),
    }
}

fn open_ssh(
    instance: &InstanceView,
    options: &SessionOptions,
    request: &TerminalRequest<'_>,
    print: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, SessionFailure> {
    let session = Session::open(instance, options, ports)?;
    if print {
        printer.text(&format!("{}\n", session.command_line(request)?))?;
        return Ok(Exit::Done);
    }
    printer.flush()?;
    session.hand_over(request).map(exit_of)
}

/// Whether the Session Manager may do what ssh could not. It forwards no ports.
fn may_fall_back(
    failed: &SessionFailure,
    instance: &InstanceView,
    options: &SessionOptions,
    request: &TerminalRequest<'_>,
) -> bool {
    let no_way = [SessionFault::Unreachable, SessionFault::KeyRefused, SessionFault::HostKeyUnknown];
    options.via.is_none()
        && request.forwards.is_empty()
        && instance.state == InstanceState::Running
        && no_way.contains(&failed.fault)
}

fn fall_back(
    instance: &InstanceView,
    failed: SessionFailure,
    request: &TerminalRequest<'_>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    if let Err(other) = check_session_manager(instance, ports) {
        let mut failure = failed.failure;
        failure.excerpt.push(other.message);
        return Err(failure);
    }
    printer.note(&format!("{}; the Session Manager opens a shell", failed.failure.message));
    run_session_manager(instance, request, ports)
}

fn open_session_manager(
    instance: &InstanceView,
    request: &TerminalRequest<'_>,
    print: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    if !request.forwards.is_empty() {
        return Err(Failure::usage("-L needs ssh, and --via session-manager does without it")
            .hint("leave out --via, or -L"));
    }
    if print {
        let command = shell_command(instance, request.words, ports)?;
        let words = command.args.iter().map(|word| word.to_string_lossy());
        let line = quote_words(&words.collect::<Vec<_>>())?;
        printer.text(&format!("aws {line}\n"))?;
        return Ok(Exit::Done);
    }
    check_session_manager(instance, ports)?;
    run_session_manager(instance, request, ports)
}

fn run_session_manager(
    instance: &InstanceView,
    request: &TerminalRequest<'_>,
    ports: &Ports<'_>,
) -> Result<Exit, Failure> {
    let command = shell_command(instance, request.words, ports)?;
    let code = ports.processes.hand_over(&command);
    code.map(exit_of)
        .map_err(|error| Failure::broken(format!("aws cannot be started: {}", visible(&error.to_string()))))
}

/// Returns the exit code of a program as that of this one.
fn exit_of(code: i32) -> Exit {
    match code {
        0 => Exit::Done,
        other => Exit::Program(u8::try_from(other).unwrap_or(1)),
    }
}
