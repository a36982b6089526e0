//! Telling people: on every terminal, in the message of the day, in a file, in the journal.

use crate::machine::{Machine, write_durably};
use crate::webhook::Webhook;
use domain::Timestamp;
use lifecycle::{Notice, Urgency};
use rustix::fs::{Mode, OFlags};
use std::path::Path;
use ureq::tls::TlsConfig;

const PTS: &str = "/dev/pts";
const NOTICE: &str = "/run/spawn/notice";
const MOTD: &str = "/run/motd.d/50-spawn";
/// Group-write on a terminal is what `mesg n` takes away.
const TAKES_MESSAGES: u32 = 0o020;

/// Everybody who is told.
pub(crate) struct Notices {
    machine: Machine,
    webhook: Webhook,
}

impl Notices {
    pub(crate) fn new(machine: Machine, sandbox: bool, tls: TlsConfig) -> Notices {
        Notices { webhook: Webhook::new(machine.clone(), sandbox, tls), machine }
    }

    /// Tells a notice here and far away.
    pub(crate) fn tell(&mut self, notice: &Notice, instance: Option<&str>, now: Timestamp) {
        tell(&self.machine, notice);
        self.webhook.post(notice, instance, now);
    }

    /// Tells what went wrong.
    pub(crate) fn trouble(&mut self, text: &str, instance: Option<&str>, now: Timestamp) {
        self.tell(&Notice { urgency: Urgency::Trouble, text: text.to_string() }, instance, now);
    }

    /// What is wrong with the telling itself.
    pub(crate) fn problem(&self) -> Option<String> {
        self.webhook.trouble().map(|why| format!("the webhook: {why}"))
    }
}

/// Tells a notice on this machine. Nothing of it can block or fail the daemon.
fn tell(machine: &Machine, notice: &Notice) {
    let text = plain(&notice.text);
    match notice.urgency {
        Urgency::Trouble => return eprintln!("<4>{text}"),
        Urgency::Warning => eprintln!("<5>{text}"),
        Urgency::Last => eprintln!("<4>{text}"),
    }
    let _ = write_durably(&machine.path(NOTICE), format!("{text}\n").as_bytes(), 0o644);
    for entry in std::fs::read_dir(machine.path(PTS)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            write_terminal(&entry.path(), &text, notice.urgency == Urgency::Last);
        }
    }
}

/// Takes the file of the last warning away: there is nothing to warn of any more.
pub(crate) fn clear(machine: &Machine) {
    let _ = std::fs::remove_file(machine.path(NOTICE));
}

/// What everybody reads who logs in.
pub(crate) fn set_motd(machine: &Machine, text: &str) {
    let path = machine.path(MOTD);
    let text = format!("{}\n", plain(text));
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
        let _ = write_durably(&path, text.as_bytes(), 0o644);
    }
}

/// Writes without waiting: a terminal that is held with ^S would hold the daemon too.
fn write_terminal(path: &Path, text: &str, always: bool) {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & TAKES_MESSAGES != 0);
    if !open && !always {
        return;
    }
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if let Ok(terminal) = rustix::fs::open(path, flags, Mode::empty()) {
        let _ = rustix::io::write(&terminal, format!("\r\n[spawnd] {text}\r\n").as_bytes());
    }
}

/// One line, no control characters: part of it may be a stranger's text.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Pace;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn terminals_that_refuse_messages_hear_only_the_last() {
        let check = |urgency: Urgency, mode: u32, heard: bool| {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
            let terminal = folder.path().join("dev/pts/3");
            std::fs::create_dir_all(folder.path().join("dev/pts")).expect("a folder");
            std::fs::write(&terminal, "").expect("a terminal");
            std::fs::set_permissions(&terminal, PermissionsExt::from_mode(mode)).expect("a mode");
            tell(&machine, &Notice { urgency, text: "stop in 5m\x1b[2J".to_string() });
            let said = std::fs::read_to_string(&terminal).expect("text");
            let expected = if heard { "\r\n[spawnd] stop in 5m [2J\r\n" } else { "" };
            assert_eq!(said, expected, "{urgency:?} {mode:o}");
            assert_eq!(machine.path(NOTICE).exists(), urgency != Urgency::Trouble);
        };
        check(Urgency::Warning, 0o620, true);
        check(Urgency::Warning, 0o600, false);
        check(Urgency::Last, 0o600, true);
        check(Urgency::Trouble, 0o620, false);
    }
}
