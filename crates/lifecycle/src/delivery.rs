//! The shell scripts that put spawnd on an instance: one reads the file from standard input, the
//! other gets it from an address. Both check the digest, the place and that the file runs there
//! before they replace anything, and start the daemon.

/// The part that both scripts share.
const PLACE: &str = include_str!("../units/place.sh");
const RECEIVE: &str = include_str!("../units/receive.sh");
const FETCH: &str = include_str!("../units/fetch.sh");

/// The unit that runs the script of [`DaemonSource::script`], as path and text.
pub(crate) const FETCH_UNIT: (&str, &str) =
    ("/etc/systemd/system/spawn-fetch.service", include_str!("../units/spawn-fetch.service"));
/// The path of that script.
pub(crate) const FETCH_SCRIPT: &str = "/usr/local/lib/spawn/fetch.sh";

/// Returns the script for a file on standard input. Root runs it with two arguments: the number of
/// bytes and the SHA-256 digest in hexadecimal digits. It prints the daemon's status as JSON. An
/// exit code other than 0 is one of [`DeliveryFault`].
pub fn receive_script() -> String {
    format!("{PLACE}{RECEIVE}")
}

/// The reasons why a script ends without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// Fewer bytes arrived than announced within three minutes, as after a lost connection.
    Incomplete,
    /// The bytes have another digest.
    Digest,
    /// The program does not run there: the system's glibc may be too old.
    DoesNotRun,
    /// The file could not be written or renamed.
    NotPlaced,
    /// The daemon was placed and does not start.
    NotStarted,
    /// Another delivery to the same instance was not over after a minute.
    Busy,
}

impl DeliveryFault {
    /// Returns the reason for an exit code of the scripts; none for any other code.
    pub fn of_exit_code(code: i32) -> Option<DeliveryFault> {
        Some(match code {
            11 => DeliveryFault::Incomplete,
            12 => DeliveryFault::Digest,
            13 => DeliveryFault::DoesNotRun,
            14 => DeliveryFault::NotPlaced,
            15 => DeliveryFault::NotStarted,
            16 => DeliveryFault::Busy,
            _ => return None,
        })
    }
}

/// An address from which an instance gets spawnd by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSource {
    url: String,
    sha256: String,
}

impl DaemonSource {
    /// Creates a source. `None` if `url` is not an https address of plain characters, or `sha256`
    /// is not 64 hexadecimal digits.
    pub fn new(url: &str, sha256: &str) -> Option<DaemonSource> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&byte);
        let rest = url.strip_prefix("https://")?;
        let is_url = !rest.is_empty() && !rest.starts_with(['/', '?', '#']) && rest.bytes().all(plain);
        let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_url && is_digest)
            .then(|| DaemonSource { url: url.to_string(), sha256: sha256.to_ascii_lowercase() })
    }

    /// Returns the address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the script that gets, checks and starts spawnd.
    pub(crate) fn script(&self) -> String {
        let fetch = FETCH.replace("@DIGEST@", &self.sha256).replace("@URL@", &self.url);
        format!("{PLACE}{fetch}")
    }
}
