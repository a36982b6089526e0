//! The daemon's acknowledgement of the terms, and the pin of the instance's host key.

use super::{TagError, digits, shown, whole_seconds};
use domain::Timestamp;

/// The tag that spawnd writes at its start and after each change of the terms. It shows from
/// outside that the daemon runs, and which terms it follows.
pub const SEEN: &str = "spawn:seen";

/// The longest version that is read.
const LONGEST_VERSION: usize = 40;

/// The value of [`SEEN`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenTag {
    /// The version of spawnd.
    pub version: String,
    /// The generation of the terms that the daemon follows.
    pub generation: u64,
    /// When the daemon wrote the tag.
    pub at: Timestamp,
    /// The fingerprint of the instance's ed25519 host key in OpenSSH's form: `SHA256:` and 43
    /// characters of base64. None if the instance has no such key.
    pub host_key: Option<String>,
}

impl SeenTag {
    /// Returns the tag's value, such as
    /// `v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z;key=SHA256:…`.
    pub fn encode(&self) -> String {
        let (version, generation, at) = (&self.version, self.generation, whole_seconds(self.at));
        let key = self.host_key.as_ref().map(|key| format!(";key={key}")).unwrap_or_default();
        format!("v1;version={version};gen={generation};at={at}{key}")
    }

    /// Reads a tag's value. Anything but that form is an error.
    pub fn decode(value: &str) -> Result<SeenTag, TagError> {
        let expected = "v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z;key=SHA256:…";
        decode_seen(value).ok_or_else(|| TagError { key: SEEN, value: shown(value), expected })
    }
}

fn decode_seen(value: &str) -> Option<SeenTag> {
    let mut parts = value.split(';');
    let ("v1", version, generation, at) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    let key = parts.next();
    if parts.next().is_some() {
        return None;
    }
    Some(SeenTag {
        version: version.strip_prefix("version=").filter(|text| is_version(text))?.to_string(),
        generation: digits(generation.strip_prefix("gen=")?)?,
        at: at.strip_prefix("at=")?.parse().ok()?,
        host_key: match key {
            Some(key) => Some(key.strip_prefix("key=").filter(|text| is_fingerprint(text))?.to_string()),
            None => None,
        },
    })
}

fn is_version(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
    (1..=LONGEST_VERSION).contains(&text.len()) && text.bytes().all(plain)
}

fn is_fingerprint(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    text.strip_prefix("SHA256:").is_some_and(|digest| digest.len() == 43 && digest.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SHA256:BCt85BTspN/lG+67t2QBP8VrdTTz3iD+5IQFDuIQpyo";

    fn seen(host_key: Option<&str>) -> SeenTag {
        SeenTag {
            version: "0.1.0".to_string(),
            generation: 7,
            at: "2026-11-23T10:00:00Z".parse().expect("an instant"),
            host_key: host_key.map(str::to_string),
        }
    }

    #[test]
    fn values_are_read_back() {
        let check = |value: &str, expected: SeenTag| {
            assert_eq!(SeenTag::decode(value), Ok(expected.clone()));
            assert_eq!(expected.encode(), value);
        };
        check("v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z", seen(None));
        check(&format!("v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z;key={KEY}"), seen(Some(KEY)));
    }

    #[test]
    fn a_value_is_never_text_for_a_shell_or_a_terminal() {
        let check = |value: &str| {
            let error = SeenTag::decode(value).expect_err(value).to_string();
            assert!(error.contains("spawn:seen") && error.contains("expected v1;version="), "{error}");
        };
        check("");
        check("v2;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z");
        check("v1;version=;gen=7;at=2026-11-23T10:00:00Z");
        check("v1;version=$(id);gen=7;at=2026-11-23T10:00:00Z");
        check("v1;version=0.1.0;gen=-7;at=2026-11-23T10:00:00Z");
        check("v1;version=0.1.0;gen=7;at=soon");
        check("v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z;key=MD5:00");
        check(&format!("v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z;key={KEY}x"));
        check(&format!("v1;version=0.1.0;gen=7;at=2026-11-23T10:00:00Z;key={KEY};more=1"));
    }
}
