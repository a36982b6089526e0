//! An S3 address on the command line: `s3://BUCKET/PREFIX`.

use std::fmt;

use console::Failure;

/// A folder or one object in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct S3Address {
    pub(crate) bucket: String,
    /// Without a trailing slash; empty for the whole bucket.
    pub(crate) prefix: String,
}

impl S3Address {
    /// Parses an argument that begins with `s3:`; returns `None` for any other, such as a file.
    pub(crate) fn of(word: &str) -> Option<Result<S3Address, Failure>> {
        let begins = word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"));
        begins.then(|| S3Address::parse(word))
    }

    fn parse(word: &str) -> Result<S3Address, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("\"{word}\" {why}; expected s3://BUCKET/PREFIX"))
                .hint("for example s3://my-bills/exports/daily, the folder of a report or an export")
        };
        let rest = word.strip_prefix("s3://").ok_or_else(|| wrong("is not an S3 address"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("names no bucket"));
        }
        if !is_bucket(bucket) {
            return Err(wrong(&format!("names {bucket}, which is not a valid bucket name")));
        }
        Ok(S3Address { bucket: bucket.into(), prefix: prefix.trim_end_matches('/').into() })
    }

    /// Returns the key prefix to list.
    pub(crate) fn key_prefix(&self) -> String {
        match self.prefix.is_empty() || self.is_object() {
            true => self.prefix.clone(),
            false => format!("{}/", self.prefix),
        }
    }

    /// Returns whether the address is one object rather than a folder.
    pub(super) fn is_object(&self) -> bool {
        feeds::parse_key(&self.prefix).is_some()
    }

    /// Returns whether the address includes the object of that key.
    pub(super) fn covers(&self, key: &str) -> bool {
        match self.is_object() {
            true => key == self.prefix,
            false => key.starts_with(&self.key_prefix()),
        }
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// Checks the rules of "Bucket naming rules" in the S3 user guide that catch typing errors.
fn is_bucket(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let mut letters = name.chars();
    (3..=63).contains(&name.len())
        && name.chars().all(allowed)
        && edge(letters.next())
        && edge(letters.next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_addresses() {
        let check = |word: &str, expected: &str| {
            let found = match S3Address::of(word) {
                None => "no address".into(),
                Some(Ok(address)) => format!("{address} lists \"{}\"", address.key_prefix()),
                Some(Err(failure)) => failure.message,
            };
            assert_eq!(found, expected, "{word}");
        };
        check("bill.csv", "no address");
        check("s3", "no address");
        check("é3:", "no address");
        check("s3://bills", "s3://bills lists \"\"");
        check("s3://bills/", "s3://bills lists \"\"");
        check("s3://bills/p/daily/", "s3://bills/p/daily lists \"p/daily/\"");
        check("s3://bills/p/one.csv.gz", "s3://bills/p/one.csv.gz lists \"p/one.csv.gz\"");
        check("s3:/bills", "\"s3:/bills\" is not an S3 address; expected s3://BUCKET/PREFIX");
        check("S3://bills", "\"S3://bills\" is not an S3 address; expected s3://BUCKET/PREFIX");
        check("s3:///p", "\"s3:///p\" names no bucket; expected s3://BUCKET/PREFIX");
        check(
            "s3://My_Bills/p",
            "\"s3://My_Bills/p\" names My_Bills, which is not a valid bucket name; expected s3://BUCKET/PREFIX",
        );
    }

    #[test]
    fn covers_a_folder_or_one_object() {
        let check = |word: &str, key: &str, expected: bool| {
            let address = S3Address::of(word).unwrap().unwrap();
            assert_eq!(address.covers(key), expected, "{word} {key}");
        };
        check("s3://bills", "a.csv", true);
        check("s3://bills/p", "p/a.csv", true);
        check("s3://bills/p", "p2/a.csv", false);
        check("s3://bills/p/a.csv", "p/a.csv", true);
        check("s3://bills/p/a.csv", "p/a.csv.gz", false);
    }
}
