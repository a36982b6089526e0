#![allow(clippy::disallowed_methods, reason = "a terminal is a file")]

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

/// Shows the user a yes-or-no question on the terminal, and returns whether the answer is yes.
/// Returns `None` if standard input or standard error is not a terminal, or if the question cannot
/// be shown.
pub fn confirm(question: &str) -> Option<bool> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return None;
    }
    write!(stderr, "{} [y/N] ", domain::visible(question)).and_then(|()| stderr.flush()).ok()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).ok()?;
    Some(means_yes(&line))
}

/// Shows the user a yes-or-no question on the terminal of this process, wherever its standard
/// streams lead, and returns whether the answer is yes. Returns `None` without a terminal.
pub fn confirm_on_terminal(question: &str) -> Option<bool> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    write!(terminal, "{} [y/N] ", domain::visible(question)).ok()?;
    let mut line = String::new();
    BufReader::new(terminal).read_line(&mut line).ok()?;
    Some(means_yes(&line))
}

/// Shows the user a question on the terminal, and returns the typed line, which is empty at the end
/// of the input. Returns `None` if standard input or standard error is not a terminal.
pub fn prompt(question: &str) -> Option<String> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return None;
    }
    write!(stderr, "{}", domain::visible(question)).and_then(|()| stderr.flush()).ok()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).ok()?;
    Some(line)
}

fn means_yes(line: &str) -> bool {
    ["y", "yes"].contains(&line.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_y_and_yes() {
        let check = |line: &str, expected: bool| assert_eq!(means_yes(line), expected, "{line:?}");
        check("y\n", true);
        check(" Yes \n", true);
        check("\n", false);
        check("", false);
        check("no\n", false);
        check("yesterday\n", false);
    }
}
