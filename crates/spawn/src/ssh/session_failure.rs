//! The reasons why a session cannot be had, as ssh reports them on its standard error.

use console::Failure;

/// Why a session cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFault {
    /// The instance has no published host key yet. It may appear in the console output some minutes
    /// after the start; after that only `--trust-first` helps.
    HostKeyUnknown,
    /// The server has another host key than the pinned one: nothing was sent.
    HostKeyChanged,
    /// The server cannot be reached: it may still be booting.
    Unreachable,
    /// The server accepts no key that is at hand.
    KeyRefused,
    /// The time limit of the command is over.
    TimedOut,
    /// Anything else, such as a missing ssh program; trying again does not help.
    Other,
}

/// A session that cannot be had, with its message and hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFailure {
    /// The fault, which decides whether trying again may help.
    pub(crate) fault: SessionFault,
    /// The message and the next command to type.
    pub(crate) failure: Failure,
}

impl From<SessionFailure> for Failure {
    fn from(failed: SessionFailure) -> Failure {
        failed.failure
    }
}

/// Any other failure of a session, such as a file that cannot be used.
impl From<Failure> for SessionFailure {
    fn from(failure: Failure) -> SessionFailure {
        SessionFailure { fault: SessionFault::Other, failure }
    }
}

impl SessionFailure {
    pub(crate) fn of(fault: SessionFault, message: impl Into<String>) -> SessionFailure {
        SessionFailure { fault, failure: Failure::broken(message) }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> SessionFailure {
        SessionFailure { failure: self.failure.hint(hint), ..self }
    }

    /// Returns the failure for a program of OpenSSH that is not installed.
    pub(crate) fn no_client(program: &str) -> SessionFailure {
        SessionFailure::of(SessionFault::Other, format!("{program} is not installed"))
            .hint("install OpenSSH's client: apt install openssh-client, or dnf install openssh-clients")
    }

    /// Returns the failure of a connection to an instance, from ssh's standard error.
    pub(crate) fn of_connection(id: &str, user: &str, stderr: &[u8]) -> SessionFailure {
        let text = String::from_utf8_lossy(stderr);
        let fault = fault_of(&text);
        let message = match fault {
            SessionFault::HostKeyChanged => format!("the server is not {id}: its host key is another one"),
            SessionFault::Unreachable => format!("{id} cannot be reached through ssh"),
            SessionFault::KeyRefused => format!("{id} accepts no key of {user}"),
            _ => format!("the connection to {id} failed"),
        };
        let hint = match fault {
            SessionFault::HostKeyChanged => {
                Some("the address may belong to another instance by now: run the same command again")
            }
            SessionFault::Unreachable => {
                Some("its security group must allow port 22 from here; a boot takes about a minute")
            }
            SessionFault::KeyRefused => Some("name another user with --user, or a key with --identity"),
            _ => None,
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut excerpt: Vec<String> = lines.map(String::from).collect();
        excerpt.drain(..excerpt.len().saturating_sub(LINES));
        let failure = Failure { excerpt, hint: hint.map(String::from), ..Failure::broken(message) };
        SessionFailure { fault, failure }
    }
}

/// The last lines of ssh that are shown.
const LINES: usize = 4;

/// Texts of OpenSSH, and the fault that each of them means. The first that is found counts: a
/// changed host key also closes the connection.
const TEXTS: [(&str, SessionFault); 18] = [
    ("Host key verification failed", SessionFault::HostKeyChanged),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", SessionFault::HostKeyChanged),
    ("no matching host key type found", SessionFault::HostKeyChanged),
    ("Permission denied (", SessionFault::KeyRefused),
    ("Too many authentication failures", SessionFault::KeyRefused),
    ("UNPROTECTED PRIVATE KEY FILE", SessionFault::KeyRefused),
    ("Connection refused", SessionFault::Unreachable),
    ("timed out", SessionFault::Unreachable),
    ("No route to host", SessionFault::Unreachable),
    ("Network is unreachable", SessionFault::Unreachable),
    ("Could not resolve hostname", SessionFault::Unreachable),
    ("Connection closed", SessionFault::Unreachable),
    ("closed by remote host", SessionFault::Unreachable),
    ("Connection reset", SessionFault::Unreachable),
    ("Broken pipe", SessionFault::Unreachable),
    ("not responding", SessionFault::Unreachable),
    ("kex_exchange_identification", SessionFault::Unreachable),
    ("System is booting up", SessionFault::Unreachable),
];

fn fault_of(stderr: &str) -> SessionFault {
    let found = TEXTS.iter().find(|(text, _)| stderr.contains(text));
    found.map_or(SessionFault::Other, |(_, fault)| *fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_ssh_are_faults() {
        let check = |stderr: &str, expected: SessionFault| {
            let found = SessionFailure::of_connection("i-1", "ubuntu", stderr.as_bytes());
            assert_eq!(found.fault, expected, "{stderr}");
            assert!(found.failure.message.contains("i-1"), "{}", found.failure.message);
        };
        check("ssh: connect to host 198.18.0.7 port 22: Connection refused", SessionFault::Unreachable);
        check("ssh: connect to host 198.18.0.7 port 22: Connection timed out", SessionFault::Unreachable);
        check("ubuntu@198.18.0.7: Permission denied (publickey).", SessionFault::KeyRefused);
        check(
            "No ED25519 host key is known for i-1 and you have requested strict checking.\nHost key \
             verification failed.\nConnection closed by 198.18.0.7 port 22",
            SessionFault::HostKeyChanged,
        );
        check("Connection to 198.18.0.7 closed by remote host.", SessionFault::Unreachable);
        check("client_loop: send disconnect: Broken pipe", SessionFault::Unreachable);
        check("Timeout, server 198.18.0.7 not responding.", SessionFault::Unreachable);
        check("Bad owner or permissions on /home/a/.ssh/config", SessionFault::Other);
    }

    #[test]
    fn only_the_last_lines_are_shown() {
        let long = (0..20).map(|line| format!("line {line}\r\n\n")).collect::<String>();
        let found = SessionFailure::of_connection("i-1", "ubuntu", long.as_bytes());
        assert_eq!(found.failure.excerpt, ["line 16", "line 17", "line 18", "line 19"]);
    }
}
