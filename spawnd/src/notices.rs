//! Shows notices to people: on every terminal, in the message of the day, in a file, in the
//! journal, and through the webhook.

use crate::machine::{Machine, write_durably};
use crate::webhook::Webhook;
use domain::Timestamp;
use lifecycle::{NoticeUrgency, UserNotice};
use rustix::fs::{Mode, OFlags};
use std::path::Path;
use ureq::tls::TlsConfig;

const PTS: &str = "/dev/pts";
const NOTICE: &str = "/run/spawn/notice";
const MOTD: &str = "/run/motd.d/50-spawn";
/// The group's right to write to a terminal, which `mesg n` removes.
const TAKES_MESSAGES: u32 = 0o020;

/// All receivers of notices.
pub(crate) struct NoticeChannels {
    machine: Machine,
    webhook: Webhook,
}

impl NoticeChannels {
    pub(crate) fn new(machine: Machine, sandbox: bool, tls: TlsConfig) -> NoticeChannels {
        NoticeChannels { webhook: Webhook::new(machine.clone(), sandbox, tls), machine }
    }

    /// Shows a notice on this machine and posts it to the webhook.
    pub(crate) fn show_notice(&mut self, notice: &UserNotice, instance: Option<&str>, now: Timestamp) {
        show_notice(&self.machine, notice);
        self.webhook.post(notice, instance, now);
    }

    /// Reports a problem.
    pub(crate) fn trouble(&mut self, text: &str, instance: Option<&str>, now: Timestamp) {
        self.show_notice(&UserNotice::new(NoticeUrgency::Trouble, text), instance, now);
    }

    /// Returns the present problem with the notices themselves, if any.
    pub(crate) fn problem(&self) -> Option<String> {
        self.webhook.trouble().map(|why| format!("webhook: {why}"))
    }
}

/// Shows a notice on this machine. It can neither block the daemon nor fail.
fn show_notice(machine: &Machine, notice: &UserNotice) {
    let text = plain(&notice.text);
    match notice.urgency {
        NoticeUrgency::Trouble => return eprintln!("<4>{text}"),
        NoticeUrgency::Warning => eprintln!("<5>{text}"),
        NoticeUrgency::Last => eprintln!("<4>{text}"),
    }
    let _ = write_durably(&machine.path(NOTICE), format!("{text}\n").as_bytes(), 0o644);
    for entry in std::fs::read_dir(machine.path(PTS)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            write_terminal(&entry.path(), &text, notice.urgency == NoticeUrgency::Last);
        }
    }
}

/// Removes the file of the last warning, because the warning no longer applies.
pub(crate) fn clear(machine: &Machine) {
    let _ = std::fs::remove_file(machine.path(NOTICE));
}

/// Sets the message that is shown at each login.
pub(crate) fn set_motd(machine: &Machine, text: &str) {
    let path = machine.path(MOTD);
    let text = format!("{}\n", plain(text));
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
        let _ = write_durably(&path, text.as_bytes(), 0o644);
    }
}

/// Writes without waiting: a terminal stopped with ^S must not stop the daemon too.
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

/// Returns the text as one line of visible characters, because part of it may be untrusted.
fn plain(text: &str) -> String {
    text.chars().map(|c| if domain::is_invisible(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_terminal_that_refuses_messages_gets_only_the_last_warning() {
        let check = |urgency: NoticeUrgency, mode: u32, heard: bool| {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            let terminal = folder.path().join("dev/pts/3");
            std::fs::create_dir_all(folder.path().join("dev/pts")).expect("a folder");
            std::fs::write(&terminal, "").expect("a terminal");
            std::fs::set_permissions(&terminal, PermissionsExt::from_mode(mode)).expect("a mode");
            show_notice(&machine, &UserNotice::new(urgency, "stop in 5m\x1b[2J"));
            let said = std::fs::read_to_string(&terminal).expect("text");
            let expected = if heard { "\r\n[spawnd] stop in 5m [2J\r\n" } else { "" };
            assert_eq!(said, expected, "{urgency:?} {mode:o}");
            assert_eq!(machine.path(NOTICE).exists(), urgency != NoticeUrgency::Trouble);
        };
        check(NoticeUrgency::Warning, 0o620, true);
        check(NoticeUrgency::Warning, 0o600, false);
        check(NoticeUrgency::Last, 0o600, true);
        check(NoticeUrgency::Trouble, 0o620, false);
    }
}
