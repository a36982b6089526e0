use std::time::Duration;

use clap::Args;
use console::{Exit, Failure, Printer};
use domain::visible;
use fleet::instance::InstanceView;

use crate::Ports;
use crate::names::find_targets;
use crate::ports::cloud_failure;
use crate::ssh::{Session, SessionArgs};

/// Print a log of an instance: of spawnd, of its first boot, or its serial console.
///
/// The logs of spawnd and of the boot are read through ssh and need sudo without a password. The
/// console comes from EC2, also when the instance cannot be reached; EC2 shows it some minutes
/// late. Control characters are escaped.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Name or id of the instance, or the beginning of one
    #[arg(value_name = "NAME")]
    pub name: String,
    /// spawnd's journal; this is the default
    #[arg(long, conflicts_with_all = ["boot", "console"])]
    pub spawnd: bool,
    /// cloud-init's output of the first boot, with the user-data script's
    #[arg(long, conflicts_with = "console")]
    pub boot: bool,
    /// The serial console
    #[arg(long)]
    pub console: bool,
    /// Go on printing new lines, until it is interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Regions to look in [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    #[command(flatten)]
    pub session: SessionArgs,
}

/// How long a log may take without --follow.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause between two reads of the console.
const PAUSE: Duration = Duration::from_secs(10);
/// The newest lines of a log.
const LINES: &str = "500";

pub(crate) fn run_logs(args: &LogsArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let found = find_targets(std::slice::from_ref(&args.name), &args.region, ports)?;
    let Some(instance) = found.instances.first() else { return Ok(Exit::NothingMatched) };
    if args.console {
        return print_console(instance, args.follow, ports, printer);
    }
    let mut words = match args.boot {
        true => vec!["sudo", "-n", "tail", "-n", LINES],
        false => vec!["sudo", "-n", "journalctl", "--no-pager", "-u", "spawnd.service", "-n", LINES],
    };
    words.extend(args.follow.then_some("-f"));
    words.extend(args.boot.then_some("/var/log/cloud-init-output.log"));
    let session = Session::open(instance, &args.session.options(ports)?, ports)?;
    if args.follow {
        session.stream(&words, &mut |line| print_line(line, printer))?;
        return Ok(Exit::Done);
    }
    let output = session.run(&words, b"", LIMIT)?;
    print_text(&String::from_utf8_lossy(&output.stdout), printer)?;
    match output.code {
        Some(0) => Ok(Exit::Done),
        _ => Err(refused(&instance.id, &output.stderr)),
    }
}

fn refused(id: &str, stderr: &[u8]) -> Failure {
    let why = String::from_utf8_lossy(stderr);
    let last = why.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    Failure::broken(format!("{id} did not print the log: {}", visible(last.trim())))
        .hint("spawn logs --console needs neither ssh nor sudo")
}

fn print_console(
    instance: &InstanceView,
    follow: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let read = || ports.instances.read_console(&instance.region, &instance.id).map_err(cloud_failure);
    let mut shown = read()?.unwrap_or_default();
    print_text(&shown, printer)?;
    if shown.is_empty() && !follow {
        printer.note("no match: EC2 shows no console output yet; it comes some minutes after a start");
        return Ok(Exit::NothingMatched);
    }
    while follow {
        printer.flush()?;
        (ports.wait)(PAUSE);
        let now = read()?.unwrap_or_default();
        print_text(new_part(&shown, &now), printer)?;
        shown = now;
    }
    Ok(Exit::Done)
}

/// Returns the part of a console output that an earlier one does not have. EC2 keeps the last 64
/// KiB, so its beginning may be gone.
fn new_part<'a>(earlier: &str, now: &'a str) -> &'a str {
    if let Some(rest) = now.strip_prefix(earlier) {
        return rest;
    }
    let last_lines = earlier.char_indices().rev().filter(|(_, c)| *c == '\n').nth(4).map_or(0, |(at, _)| at);
    let known = &earlier[last_lines..];
    now.rfind(known).map_or(now, |at| &now[at + known.len()..])
}

fn print_text(text: &str, printer: &mut Printer) -> Result<(), Failure> {
    text.lines().try_for_each(|line| print_line(line, printer))
}

/// Prints one line of a log, which is foreign text.
fn print_line(line: &str, printer: &mut Printer) -> Result<(), Failure> {
    let line = line.trim_end_matches(['\r', '\n']).replace('\t', "    ");
    printer.text(&format!("{}\n", visible(&line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_new_part_of_a_console_is_printed() {
        let check = |earlier: &str, now: &str, expected: &str| {
            assert_eq!(new_part(earlier, now), expected, "{earlier:?} {now:?}");
        };
        let lines =
            |numbers: std::ops::Range<u32>| numbers.map(|n| format!("line {n}\n")).collect::<String>();
        check("", "a\n", "a\n");
        check("a\n", "a\nb\n", "b\n");
        check(&lines(0..20), &lines(0..20), "");
        check(&lines(0..20), &lines(10..23), &lines(20..23));
        check(&lines(0..20), &lines(100..102), &lines(100..102));
    }
}
