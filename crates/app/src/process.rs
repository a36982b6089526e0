//! The beginning and the end of a process: arguments, settings, signals, the exit code.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use catalog::ports::StopFlag;
use clap::Parser;
use console::{CommonFlags, Exit, Failure, OutputFormat, Printer, Screen, Settings, SettingsSources};
use domain::visible;

/// Parses the words of a command line. The error is the exit code after help, a version or a usage
/// error was printed.
pub fn parse_args<T: Parser>(words: &[OsString]) -> Result<T, ExitCode> {
    // A usage error quotes words as they were typed, and a script may have typed a foreign name.
    let shown: Vec<OsString> = words
        .iter()
        .map(|word| word.to_str().map_or(word.clone(), |word| visible(word).as_ref().into()))
        .collect();
    T::try_parse_from(words).map_err(|error| match T::try_parse_from(&shown) {
        Err(shown) => print_clap(&shown),
        Ok(_) => print_clap(&error),
    })
}

/// Prints help, a version or a usage error, and returns its exit code.
pub fn print_clap(error: &clap::Error) -> ExitCode {
    // When the reader of a pipe has gone, the exit code still reports the result.
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}

/// Resolves the settings, applies the colour setting and starts the log.
///
/// # Errors
/// A setting is invalid, or a settings file cannot be read.
pub fn start(flags: &CommonFlags) -> Result<(Settings, Screen), Failure> {
    start_from(flags, &SettingsSources::read()?)
}

/// Does the same with sources that were read already.
///
/// # Errors
/// A setting is invalid.
pub fn start_from(flags: &CommonFlags, sources: &SettingsSources) -> Result<(Settings, Screen), Failure> {
    let settings = Settings::resolve(flags, sources)?;
    settings.color.value.apply();
    console::start_log(flags.log_level.as_deref())?;
    Ok((settings, Screen::detect(flags.quiet)))
}

/// Returns a printer on standard output and standard error.
pub fn printer(settings: &Settings, screen: Screen) -> Printer {
    let mut printer =
        Printer::new(settings.output.value, screen, Box::new(io::stdout()), Box::new(io::stderr()));
    printer.set_for_spreadsheet(settings.for_spreadsheet);
    printer
}

/// Prints a failure and returns the exit code of the run.
pub fn finish(quiet: bool, result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            let screen = Screen::detect(quiet);
            let mut printer =
                Printer::new(OutputFormat::Table, screen, Box::new(io::stdout()), Box::new(io::stderr()));
            printer.failure(&failure);
            ExitCode::from(failure.kind.code())
        }
    }
}

/// Returns a flag that Ctrl-C and a service manager's SIGTERM set.
///
/// # Errors
/// The signal handlers cannot be installed.
pub fn interruptible() -> Result<StopFlag, Failure> {
    let stop = StopFlag::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, stop.flag())
            .map_err(|e| Failure::broken(format!("signals cannot be caught: {e}")))?;
    }
    Ok(stop)
}
