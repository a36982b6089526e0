//! The mirror from which public files are fetched instead of from AWS.

use catalog::ports::SourceError;

/// A copy of AWS's public files. Its address is in no message: it has no `Debug` and no `Display`.
pub(crate) struct PublicMirror(String);

impl PublicMirror {
    /// Checks an address. Errors: it is not one of HTTP, or it contains a user name, a password or
    /// a query. The address is not in the error.
    pub(crate) fn parse(address: &str) -> Result<PublicMirror, SourceError> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme));
        let authority = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        let is_host = |authority: &str| !authority.is_empty() && !authority.contains('@');
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\');
        match authority.is_some_and(is_host) && address.chars().all(is_plain) {
            true => Ok(PublicMirror(address.trim_end_matches('/').to_string())),
            false => Err(SourceError::Failed(
                "MYCELIUM_MIRROR is not an address such as https://mirror.example/aws without user name, \
                 password and query"
                    .into(),
            )),
        }
    }

    /// Returns the address of a file: `https://host/path` becomes `MIRROR/host/path`.
    pub(crate) fn address_of(&self, url: &str) -> String {
        format!("{}/{}", self.0, url.trim_start_matches("https://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_has_neither_credentials_nor_a_query() {
        let check = |address: &str, expected: Option<&str>| {
            let found = PublicMirror::parse(address);
            let shown = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(!shown.contains("hunter2"), "{shown}");
            let url = "https://pricing.us-east-1.amazonaws.com/offers/x.csv";
            assert_eq!(found.ok().map(|mirror| mirror.address_of(url)).as_deref(), expected, "{address}");
        };
        let file = "pricing.us-east-1.amazonaws.com/offers/x.csv";
        check("https://mirror.example", Some(&format!("https://mirror.example/{file}")));
        check("http://127.0.0.1:8080/a/", Some(&format!("http://127.0.0.1:8080/a/{file}")));
        check("https://mirror.example/@scope", Some(&format!("https://mirror.example/@scope/{file}")));
        check("https://ann:hunter2@mirror.example", None);
        check("https://hunter2@mirror.example/aws", None);
        check("https://mirror.example/aws?token=hunter2", None);
        check("https://mirror.example/#hunter2", None);
        check("https://ann:hunter2\\@mirror.example", None);
        check("ann:hunter2@mirror.example", None);
        check("ftp://mirror.example", None);
        check("https://", None);
        check("https://mirror.example/a b", None);
    }
}
