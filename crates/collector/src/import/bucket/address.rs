//! `s3://BUCKET/PREFIX`, as it is typed.

use std::fmt;

use console::Failure;

/// A place in S3: a folder, or one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) bucket: String,
    /// Without a slash at its end; empty is the whole bucket.
    pub(crate) prefix: String,
}

impl Address {
    /// The address that a word is; none when it is none in S3, such as a file.
    pub(crate) fn of(word: &str) -> Option<Result<Address, Failure>> {
        let begins = word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"));
        begins.then(|| Address::read(word))
    }

    fn read(word: &str) -> Result<Address, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("\"{word}\" {why}; expected s3://BUCKET/PREFIX"))
                .hint("such as s3://my-bills/exports/daily, the folder of a report or an export")
        };
        let rest = word.strip_prefix("s3://").ok_or_else(|| wrong("is no address in S3"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("names no bucket"));
        }
        if !is_bucket(bucket) {
            return Err(wrong(&format!("names {bucket}, and no bucket can be called so")));
        }
        Ok(Address { bucket: bucket.into(), prefix: prefix.trim_end_matches('/').into() })
    }

    /// What the keys begin with that are listed for it.
    pub(crate) fn listed(&self) -> String {
        match self.prefix.is_empty() || self.is_object() {
            true => self.prefix.clone(),
            false => format!("{}/", self.prefix),
        }
    }

    /// Whether it names one object rather than a folder.
    pub(super) fn is_object(&self) -> bool {
        feeds::place(&self.prefix).is_some()
    }

    /// Whether an object of that key is named by it.
    pub(super) fn covers(&self, key: &str) -> bool {
        match self.is_object() {
            true => key == self.prefix,
            false => key.starts_with(&self.listed()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// "Bucket naming rules" of S3's user guide, as far as they tell a slip.
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
    fn what_is_typed() {
        let check = |word: &str, expected: &str| {
            let found = match Address::of(word) {
                None => "no address".into(),
                Some(Ok(address)) => format!("{address} lists \"{}\"", address.listed()),
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
        check("s3:/bills", "\"s3:/bills\" is no address in S3; expected s3://BUCKET/PREFIX");
        check("S3://bills", "\"S3://bills\" is no address in S3; expected s3://BUCKET/PREFIX");
        check("s3:///p", "\"s3:///p\" names no bucket; expected s3://BUCKET/PREFIX");
        check(
            "s3://My_Bills/p",
            "\"s3://My_Bills/p\" names My_Bills, and no bucket can be called so; expected s3://BUCKET/PREFIX",
        );
    }

    #[test]
    fn what_it_covers() {
        let check = |word: &str, key: &str, expected: bool| {
            let address = Address::of(word).unwrap().unwrap();
            assert_eq!(address.covers(key), expected, "{word} {key}");
        };
        check("s3://bills", "a.csv", true);
        check("s3://bills/p", "p/a.csv", true);
        check("s3://bills/p", "p2/a.csv", false);
        check("s3://bills/p/a.csv", "p/a.csv", true);
        check("s3://bills/p/a.csv", "p/a.csv.gz", false);
    }
}
