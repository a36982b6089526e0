//! The ways in which spawnd gets onto an instance.

use std::fmt::{self, Display, Formatter};

use console::{Failure, suggest_closest};
use fleet::ports::BucketObject;

/// A way in which spawnd gets onto an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeliveryMethod {
    /// Through ssh, once the instance runs.
    Push,
    /// The instance gets it from this address, in which `{arch}` stands for `x86_64` or `aarch64`.
    Address(String),
    /// The instance gets it from a bucket of S3, in which the launch puts it.
    Bucket(BucketPrefix),
    /// Not at all: only the dead-man bounds the life from inside.
    None,
}

/// A bucket, and the beginning of the keys in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketPrefix {
    bucket: String,
    prefix: String,
}

impl BucketPrefix {
    /// Reads `s3://bucket/prefix`; none if it is not one. The characters are those that S3 accepts
    /// in names of buckets, and calls safe in keys.
    fn parse(text: &str) -> Option<BucketPrefix> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let of_bucket =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let is_bucket = (3..=63).contains(&bucket.len()) && bucket.bytes().all(of_bucket);
        let prefix = prefix.trim_end_matches('/');
        let is_prefix = prefix.len() <= 512 && prefix.bytes().all(of_key);
        (is_bucket && is_prefix)
            .then(|| BucketPrefix { bucket: bucket.to_string(), prefix: prefix.to_string() })
    }

    /// Returns the pattern of the keys of all files of spawnd, for a policy.
    pub(crate) fn resource(&self) -> String {
        let BucketObject { bucket, key } = self.object("spawnd-*");
        format!("arn:*:s3:::{bucket}/{key}")
    }

    /// Returns the object of this name.
    pub(crate) fn object(&self, name: &str) -> BucketObject {
        let separator = if self.prefix.is_empty() { "" } else { "/" };
        BucketObject { bucket: self.bucket.clone(), key: format!("{}{separator}{name}", self.prefix) }
    }
}

impl Display for BucketPrefix {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let separator = if self.prefix.is_empty() { "" } else { "/" };
        write!(formatter, "s3://{}{separator}{}", self.bucket, self.prefix)
    }
}

impl DeliveryMethod {
    /// Reads the flag `--deliver` or the setting `deliver`.
    pub(crate) fn parse(text: &str) -> Result<DeliveryMethod, Failure> {
        match text {
            "push" => Ok(DeliveryMethod::Push),
            "none" => Ok(DeliveryMethod::None),
            _ if text.starts_with("https://") => Ok(DeliveryMethod::Address(text.to_string())),
            _ => {
                if let Some(place) = BucketPrefix::parse(text) {
                    return Ok(DeliveryMethod::Bucket(place));
                }
                let near = suggest_closest(text, ["push", "none"]);
                let message =
                    format!("\"{text}\" is not push, none, an https:// address or s3://bucket/prefix{near}");
                Err(Failure::usage(message).hint("--deliver push sends spawnd through ssh"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_four_ways() {
        let check = |text: &str, expected: DeliveryMethod| {
            assert_eq!(DeliveryMethod::parse(text), Ok(expected), "{text}");
        };
        check("push", DeliveryMethod::Push);
        check("none", DeliveryMethod::None);
        let address = "https://mirror.example/spawnd-{arch}";
        check(address, DeliveryMethod::Address(address.to_string()));
        let object = |text: &str| match DeliveryMethod::parse(text) {
            Ok(DeliveryMethod::Bucket(place)) => place.object("spawnd-x86_64"),
            other => panic!("{text}: {other:?}"),
        };
        let expected = |key: &str| BucketObject { bucket: "tools".to_string(), key: key.to_string() };
        assert_eq!(object("s3://tools"), expected("spawnd-x86_64"));
        assert_eq!(object("s3://tools/a/b/"), expected("a/b/spawnd-x86_64"));
        for bad in ["", "pull", "http://mirror.example/spawnd", "s3://", "s3://Tools/a", "s3://tools/a b"] {
            let failure = DeliveryMethod::parse(bad).expect_err(bad);
            assert!(failure.message.contains("is not push, none, an https:// address or s3://"), "{failure}");
        }
    }
}
