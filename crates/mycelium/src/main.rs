//! `mycelium PROGRAM …`: the executable of the programs that need the AWS SDK or polars.

#![allow(clippy::disallowed_methods, reason = "executables read their arguments and wait")]

mod complete;
mod deliveries;
mod exec;
mod facts;
mod freed_memory;
mod processes;
#[cfg(test)]
mod reference_tests;
mod relay;
mod spawn_command;
mod time_zone;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use app::{PROGRAMS, Program, finish, parse_args, printer, start, start_from};
use catalog::ports::StopFlag;
use collector::CollectorArgs;
use console::{Failure, SettingsSources, clock};
use sandbox::SandboxArgs;
use spawn::{SpawnArgs, SpawnSources};

fn main() -> ExitCode {
    if app::ran_isolated_query() {
        return ExitCode::SUCCESS;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    if console::completion::is_requested() {
        complete::answer(&words);
    }
    let name = words.get(1).and_then(|word| word.to_str());
    match PROGRAMS.iter().find(|program| Some(program.name) == name) {
        Some(program) => run_program(program.program, &words[1..]),
        None => print_overview(&words),
    }
}

fn run_program(program: Program, words: &[OsString]) -> ExitCode {
    match program {
        // An executable of its own, which opens no connection.
        Program::Truffle => exec::exec_beside("truffle", words[1..].to_vec()),
        Program::Collector => run_collector(words),
        Program::Spawn => run_spawn(words),
        Program::Sandbox => run_sandbox(words),
    }
}

/// `mycelium` itself: help, the version, or the error for a word that names no program.
fn print_overview(words: &[OsString]) -> ExitCode {
    match complete::mycelium_command().try_get_matches_from(words) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => app::print_clap(&error),
    }
}

fn run_collector(words: &[OsString]) -> ExitCode {
    let args: CollectorArgs = match parse_args(words) {
        Ok(args) => args,
        Err(code) => return code,
    };
    if let collector::Command::Import(_) = &args.command {
        freed_memory::keep_freed_memory();
    }
    let flags = &args.flags;
    let done = start(flags).and_then(|(settings, screen)| {
        let store = lake_writer::LakeStore::new(settings.lake.value.clone(), app::VERSION);
        // The other commands end at once, and lose nothing that is visible.
        let stop = match &args.command {
            collector::Command::Snapshot(_) | collector::Command::Watch(_) => app::interruptible()?,
            collector::Command::Import(args) if args.is_remote() => app::interruptible()?,
            _ => StopFlag::default(),
        };
        let ports = collector::Ports {
            store: &store,
            warehouse: &|| app::open_warehouse(&settings),
            source: &|| Ok(Box::new(aws::AwsClient::new(clock)?)),
            encode: &warehouse::ColumnarEncoder,
            settings: &settings,
            clock: &clock,
            agree: &console::confirm,
            deliver: &deliveries::NetworkDelivery,
            input: &read_input,
            env: &|name| std::env::var(name).ok(),
            wait: &std::thread::sleep,
            stop: &stop,
        };
        let mut printer = printer(&settings, screen);
        // The collector's clock is the machine's: what it writes down must be when it was.
        collector::run(&args, &ports, &mut printer, clock())
    });
    finish(flags.quiet, done)
}

fn run_sandbox(words: &[OsString]) -> ExitCode {
    let args: SandboxArgs = match parse_args(words) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.flags;
    let done = start(flags).and_then(|(settings, screen)| {
        let ports = sandbox::Ports {
            facts: &|begins| facts::read_facts(&settings, begins),
            encode: &warehouse::ColumnarEncoder,
            clock: Arc::new(clock),
        };
        sandbox::run(&args, &ports, &mut printer(&settings, screen), clock())
    });
    finish(flags.quiet, done)
}

fn run_spawn(words: &[OsString]) -> ExitCode {
    let args: SpawnArgs = match parse_args(words) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.flags;
    let done = SettingsSources::read().and_then(|sources| {
        let (settings, screen) = start_from(flags, &sources)?;
        let spawn_settings = SpawnSources::read(&sources, &settings.config)?;
        let cloud = aws::AwsClient::new(clock).map_err(|error| Failure::broken(error.to_string()))?;
        let cloud = cloud.with_profile(args.account.clone());
        let ports = spawn::Ports {
            account: &cloud,
            instances: &cloud,
            access: &cloud,
            images: &cloud,
            warehouse: &|| app::open_warehouse(&settings),
            provisioning: &cloud,
            address: &cloud,
            quotas: &cloud,
            encode: &warehouse::ColumnarEncoder,
            settings: &settings,
            spawn_settings: &spawn_settings,
            aws_profile: args.account.as_deref(),
            agree: &console::confirm,
            clock: &clock,
            wait: &std::thread::sleep,
            new_id: &new_launch_id,
            prompt: &console::prompt,
            input: &read_input,
            time_zone: &time_zone::local_time_zone,
            processes: &processes::ChildProcesses,
            relay: &relay::relay_streams,
            ask_on_terminal: &console::confirm_on_terminal,
            home: home_folder()?,
            executable: exec::own_path().map_err(|error| Failure::broken(error.to_string()))?,
        };
        spawn::run(&args, &ports, &mut printer(&settings, screen), clock())
    });
    finish(flags.quiet, done)
}

/// Reads standard input, at most so many MiB of UTF-8 text.
fn read_input(mib: usize) -> std::io::Result<String> {
    domain::read_text(std::io::stdin().lock(), mib)
}

/// Returns the user's home folder.
fn home_folder() -> Result<PathBuf, Failure> {
    std::env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| {
        Failure::broken("this user has no home folder").hint("set HOME to a folder that can be written")
    })
}

/// A random UUID of version 4 in 32 hexadecimal digits.
fn new_launch_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
