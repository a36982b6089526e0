use std::io::{self, BufRead, IsTerminal, Write};

/// Puts a question to whoever sits at the terminal: whether they typed yes. None where standard input is no terminal,
/// or nobody can be shown the question: then nobody is there to agree.
pub fn agree(question: &str) -> Option<bool> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return None;
    }
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).ok()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).ok()?;
    Some(means_yes(&line))
}

fn means_yes(line: &str) -> bool {
    ["y", "yes"].contains(&line.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let check = |line: &str, expected: bool| assert_eq!(means_yes(line), expected, "{line:?}");
        check("y\n", true);
        check(" Yes \n", true);
        check("\n", false);
        check("", false);
        check("no\n", false);
        check("yesterday\n", false);
    }
}
