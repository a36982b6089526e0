#![allow(clippy::disallowed_methods, reason = "the log level is a variable")]

use std::io::{self, Write};

use domain::visible;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::Failure;
use crate::words::suggest_closest;

const LEVELS: [(&str, LevelFilter); 5] = [
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The levels if none is set. The AWS SDK warns of every place without credentials. The programs
/// report missing credentials themselves, so the SDK's warnings are off.
const DEFAULT_LEVELS: &str = "warn,aws_config=off,aws_runtime=off,aws_smithy_runtime=off";

/// Starts the log on stderr, at the level of `--log-level`, else of MYCELIUM_LOG, else `warn`. Call
/// it once.
///
/// Errors: a usage failure for any level other than error, warn, info, debug and trace.
pub fn start_log(level: Option<&str>) -> Result<(), Failure> {
    let variable = std::env::var("MYCELIUM_LOG").ok();
    tracing_subscriber::fmt()
        .with_env_filter(match resolve_level(level, variable.as_deref())? {
            // The client of public files logs addresses, also that of a mirror.
            Some(level) => EnvFilter::new(format!("{level},ureq=off,ureq_proto=off")),
            None => EnvFilter::new(DEFAULT_LEVELS),
        })
        .with_writer(|| VisibleLines(io::stderr()))
        // Colours would look like those of foreign text.
        .with_ansi(false)
        .try_init()
        .map_err(|e| Failure::broken(format!("cannot start the log: {e}")))
}

/// Writes each event on one line, without a character that acts on a terminal.
struct VisibleLines<W>(W);

impl<W: Write> Write for VisibleLines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        writeln!(self.0, "{}", visible(line))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn resolve_level(flag: Option<&str>, variable: Option<&str>) -> Result<Option<LevelFilter>, Failure> {
    let (word, from) = match (flag, variable) {
        (Some(word), _) => (word, "--log-level"),
        (None, Some(word)) if !word.is_empty() => (word, "MYCELIUM_LOG"),
        (None, _) => return Ok(None),
    };
    let names = LEVELS.map(|(name, _)| name);
    LEVELS.iter().find(|(name, _)| *name == word).map(|(_, level)| Some(*level)).ok_or_else(|| {
        Failure::usage(format!("\"{word}\" ({from}) is not a log level{}", suggest_closest(word, names)))
            .hint(format!("the levels are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut log = VisibleLines(Vec::new());
        log.write_all("WARN a\nhint: b\x1b[2J\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(log.0).unwrap(), "WARN a\\nhint: b\\u{1b}[2J\n");
    }

    #[test]
    fn the_flag_takes_precedence_over_the_variable() {
        let check = |flag, variable, expected: Result<Option<LevelFilter>, &str>| {
            let found = resolve_level(flag, variable).map_err(|failure| failure.message);
            assert_eq!(found, expected.map_err(String::from));
        };
        check(None, None, Ok(None));
        check(None, Some(""), Ok(None));
        check(None, Some("debug"), Ok(Some(LevelFilter::DEBUG)));
        check(Some("error"), Some("debug"), Ok(Some(LevelFilter::ERROR)));
        check(
            Some("wran"),
            None,
            Err("\"wran\" (--log-level) is not a log level; the closest match is warn"),
        );
        check(None, Some("truffle=debug"), Err("\"truffle=debug\" (MYCELIUM_LOG) is not a log level"));
    }
}
