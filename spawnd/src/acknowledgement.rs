//! The tag `spawn:seen`: the daemon's acknowledgement of the terms, with its version and the
//! fingerprint of the instance's host key. It is written at the start of the daemon and after each
//! change of the terms.

use crate::machine::Machine;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use domain::Timestamp;
use jiff::SignedDuration;
use lifecycle::AwsCallError;
use lifecycle::tag::SeenTag;
use sha2::{Digest, Sha256};

/// The public half of the key with which sshd identifies the instance.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
/// The time between two attempts after a failed one.
const RETRY: SignedDuration = SignedDuration::from_mins(1);
/// The time between two attempts after AWS denied the role: only a person can change that.
const DENIED_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// The writes of this process.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgement {
    /// The generation in the tag; none before the first write.
    written: Option<u64>,
    /// The next attempt comes no earlier, on CLOCK_MONOTONIC.
    after: Option<SignedDuration>,
}

impl Acknowledgement {
    /// Whether this generation has to be written now.
    pub(crate) fn is_due(&self, generation: u64, mono: SignedDuration) -> bool {
        self.written != Some(generation) && self.after.is_none_or(|after| mono >= after)
    }

    /// Records the outcome of a write.
    pub(crate) fn record(
        &mut self,
        generation: u64,
        outcome: &Result<(), AwsCallError>,
        mono: SignedDuration,
    ) {
        self.after = match outcome {
            Ok(()) => {
                self.written = Some(generation);
                None
            }
            Err(AwsCallError::Denied(_)) => Some(mono + DENIED_RETRY),
            Err(_) => Some(mono + RETRY),
        };
    }
}

/// Returns the tag that acknowledges this generation.
pub(crate) fn seen_tag(machine: &Machine, generation: u64, now: Timestamp) -> SeenTag {
    let version = env!("CARGO_PKG_VERSION").to_string();
    SeenTag { version, generation, at: now, host_key: host_key(machine) }
}

/// Returns the fingerprint of the instance's host key, as `ssh-keygen -l` prints it; none without
/// such a key.
fn host_key(machine: &Machine) -> Option<String> {
    let text = String::from_utf8(machine.read_plain(HOST_KEY).ok()?).ok()?;
    let ("ssh-ed25519", rest) = text.split_once(' ')? else { return None };
    let key = STANDARD.decode(rest.split_whitespace().next()?).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;

    #[test]
    fn each_generation_is_written_once_and_a_denied_write_is_repeated_after_an_hour() {
        let second = SignedDuration::from_secs;
        let mut acknowledged = Acknowledgement::default();
        assert!(acknowledged.is_due(1, second(0)));
        acknowledged.record(1, &Err(AwsCallError::Failed("no answer".to_string())), second(0));
        assert!(!acknowledged.is_due(1, second(59)) && acknowledged.is_due(1, second(60)));
        acknowledged.record(1, &Ok(()), second(60));
        assert!(!acknowledged.is_due(1, second(9_000)) && acknowledged.is_due(2, second(60)));
        acknowledged.record(2, &Err(AwsCallError::Denied("AccessDenied".to_string())), second(60));
        assert!(!acknowledged.is_due(2, second(3_659)) && acknowledged.is_due(2, second(3_660)));
    }

    #[test]
    fn the_fingerprint_is_that_of_ssh_keygen() {
        // Made with ssh-keygen -t ed25519; the fingerprint is that of ssh-keygen -l -f.
        let check = |text: &str, expected: Option<&str>| {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            let path = machine.path(HOST_KEY);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            assert_eq!(host_key(&machine).as_deref(), expected, "{text}");
        };
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOU+1qw3PI4+N+LaMuRfcyMoFKaNAwHplDexJPfaYzmL";
        let print = Some("SHA256:BqSxD2XhfqpBuPlB23ZFYe1VVxwbiSdWEGBtMO66DG8");
        check(&format!("{key} root@ip-10-0-0-1\n"), print);
        check(&format!("{key}\n"), print);
        check("ssh-rsa AAAA x\n", None);
        check("ssh-ed25519 ??? x\n", None);
        check("", None);
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(host_key(&Machine::new(folder.path().to_path_buf(), ClockPace::REAL)), None);
    }
}
