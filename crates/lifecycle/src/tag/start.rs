//! The start of the instance that a change from outside belongs to.

use super::{TagError, digits, shown, whole_seconds};
use domain::Timestamp;

/// The tag that names the start for which a change from outside wrote [`super::EXPIRY`]. Both tags
/// are written by one call. After another start, the instant in the expiry tag no longer holds.
pub const START: &str = "spawn:start";

/// The value of [`START`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTag {
    /// The generation of the expiry tag. The daemon writes later generations without this tag.
    pub generation: u64,
    /// EC2's launch time of the start.
    pub at: Timestamp,
}

impl StartTag {
    /// Returns the tag's value, such as `v1;gen=7;at=2026-11-23T10:00:00Z`.
    pub fn encode(&self) -> String {
        format!("v1;gen={};at={}", self.generation, whole_seconds(self.at))
    }

    /// Reads a tag's value. Anything but that form is an error.
    pub fn decode(value: &str) -> Result<StartTag, TagError> {
        let expected = "v1;gen=7;at=2026-11-23T10:00:00Z";
        decode(value).ok_or_else(|| TagError { key: START, value: shown(value), expected })
    }
}

fn decode(value: &str) -> Option<StartTag> {
    let mut parts = value.split(';');
    let ("v1", generation, at, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let generation = digits(generation.strip_prefix("gen=")?)?;
    Some(StartTag { generation, at: at.strip_prefix("at=")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back() {
        let value = "v1;gen=7;at=2026-11-23T10:00:00Z";
        let start = StartTag { generation: 7, at: "2026-11-23T10:00:00Z".parse().expect("an instant") };
        assert_eq!(StartTag::decode(value), Ok(start));
        assert_eq!(start.encode(), value);
        for bad in ["", "v2;gen=7;at=2026-11-23T10:00:00Z", "v1;gen=7", "v1;gen=-7;at=2026-11-23T10:00:00Z"] {
            let error = StartTag::decode(bad).expect_err(bad).to_string();
            assert!(error.contains("spawn:start") && error.contains("expected v1;gen=7"), "{error}");
        }
    }
}
