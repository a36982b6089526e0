//! `mycelium PROGRAM …`: the one heavy executable, and the only place where lake and warehouse meet.

mod complete;
mod doors;
mod facts;
mod seed;

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use catalog::ports::Stop;
use clap::{CommandFactory, FromArgMatches, Parser};
use collector::CollectorArgs;
use console::{Exit, Failure, Flags, Kind, Printer, Screen, Settings, Sources};
use domain::Timestamp;
use sandbox::SandboxArgs;
use spawn::SpawnArgs;
use truffle::TruffleArgs;

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    if typed.get(1).is_some_and(|word| word == warehouse::ROOM_ARGUMENT) {
        warehouse::enter();
        return ExitCode::SUCCESS;
    }
    complete::answer_shell();
    match typed.get(1).and_then(|word| word.to_str()) {
        Some("truffle") => run_truffle(&typed[1..]),
        Some("collector") => run_collector(&typed[1..]),
        Some("sandbox") => run_sandbox(&typed[1..]),
        Some("spawn") => run_spawn(&typed[1..]),
        _ => about(&typed),
    }
}

/// `mycelium` itself: help, version, or a word that is no program.
fn about(typed: &[OsString]) -> ExitCode {
    match complete::mycelium().try_get_matches_from(typed) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => say_clap(&error),
    }
}

fn say_clap(error: &clap::Error) -> ExitCode {
    // Where the reader has gone there is nobody to tell.
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}

/// Typed words as arguments; the exit code when they are help or cannot be understood.
fn parse<T: Parser + CommandFactory + FromArgMatches>(typed: &[OsString]) -> Result<T, ExitCode> {
    T::try_parse_from(typed).map_err(|error| say_clap(&error))
}

fn run_truffle(typed: &[OsString]) -> ExitCode {
    let args: TruffleArgs = match parse(typed) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.common.flags;
    let done = start(flags).and_then(|(settings, screen)| {
        let doors = truffle::Doors {
            open: &|| doors::warehouse(&settings),
            encode: &warehouse::ColumnarEncoder,
            settings: &settings,
            screen,
            version: VERSION,
            completions: &complete::script,
        };
        truffle::run(&args, &doors, now()?)
    });
    end(flags.quiet, done)
}

fn run_collector(typed: &[OsString]) -> ExitCode {
    let args: CollectorArgs = match parse(typed) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.flags;
    let done = start(flags).and_then(|(settings, screen)| {
        let store = lake_writer::LakeStore::new(settings.lake.value.clone(), VERSION);
        // The other commands end at once, and lose nothing that is visible.
        let stop = match &args.command {
            collector::Command::Snapshot(_) | collector::Command::Watch(_) => interruptible()?,
            collector::Command::Import(args) if args.is_remote() => interruptible()?,
            _ => Stop::default(),
        };
        let ports = collector::Ports {
            store: &store,
            open: &|| doors::warehouse(&settings),
            source: &|| Ok(Box::new(aws::Aws::new(clock)?)),
            config: &settings.config,
            region: &settings.region.value,
            clock: &clock,
            agree: &console::agree,
            stop: &stop,
            encode: &warehouse::ColumnarEncoder,
        };
        let mut printer = printer(&settings, screen);
        // The collector's clock is the machine's: what it writes down must be when it was.
        collector::run(&args, &ports, &mut printer, clock())
    });
    end(flags.quiet, done)
}

/// A flag that Ctrl-C and a service manager's SIGTERM set.
fn interruptible() -> Result<Stop, Failure> {
    let stop = Stop::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, stop.flag())
            .map_err(|e| Failure::broken(format!("signals cannot be caught: {e}")))?;
    }
    Ok(stop)
}

fn run_sandbox(typed: &[OsString]) -> ExitCode {
    let args: SandboxArgs = match parse(typed) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.flags;
    let done = start(flags).and_then(|(settings, screen)| {
        let ports = sandbox::Ports {
            facts: &|begins| facts::facts(&settings, begins),
            real_time: Arc::new(clock),
            encode: &warehouse::ColumnarEncoder,
        };
        sandbox::run(&args, &ports, &mut printer(&settings, screen))
    });
    end(flags.quiet, done)
}

fn run_spawn(typed: &[OsString]) -> ExitCode {
    let args: SpawnArgs = match parse(typed) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.flags;
    let done = start(flags).and_then(|(settings, screen)| {
        let cloud = aws::Aws::new(clock).map_err(|error| Failure::broken(error.to_string()))?;
        let ports = spawn::Ports {
            cloud: &cloud,
            journal: &settings.config.join("launches"),
            region: &settings.region.value,
            clock: &clock,
            wait: &std::thread::sleep,
            new_id: &new_id,
            encode: &warehouse::ColumnarEncoder,
        };
        spawn::run(&args, &ports, &mut printer(&settings, screen))
    });
    end(flags.quiet, done)
}

/// Thirty-two digits that nobody had before: the keys of the standard library's hashes are the system's entropy.
fn new_id() -> String {
    let draw = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", draw(), draw())
}

fn printer(settings: &Settings, screen: Screen) -> Printer {
    Printer::new(settings.output.value, screen, Box::new(io::stdout()), Box::new(io::stderr()))
}

fn start(flags: &Flags) -> Result<(Settings, Screen), Failure> {
    let settings = Settings::resolve(flags, &Sources::read()?)?;
    settings.color.value.apply();
    console::start_log(flags.log_level.as_deref())?;
    Ok((settings, Screen::detect(flags.quiet)))
}

/// The machine's clock: its only door.
#[expect(clippy::disallowed_methods, reason = "everybody else is handed `now`")]
pub(crate) fn clock() -> Timestamp {
    Timestamp::now()
}

/// The instant of asking: the machine's clock, or MYCELIUM_NOW so that an answer can be repeated.
pub(crate) fn now() -> Result<Timestamp, Failure> {
    match std::env::var("MYCELIUM_NOW") {
        Err(_) => Ok(clock()),
        Ok(text) => domain::parse_instant(&text).ok_or_else(|| {
            Failure::usage(format!(
                "MYCELIUM_NOW is \"{text}\": a day or an instant such as 2026-01-31T12:00:00Z is expected"
            ))
        }),
    }
}

fn end(quiet: bool, ended: Result<Exit, Failure>) -> ExitCode {
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            let screen = Screen::detect(quiet);
            let mut printer =
                Printer::new(console::Format::Table, screen, Box::new(io::stdout()), Box::new(io::stderr()));
            printer.failure(&failure);
            ExitCode::from(Kind::code(failure.kind))
        }
    }
}
