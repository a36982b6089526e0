//! Fetches public files: without credentials, with one request each.

use std::io::Read;

use catalog::ports::{PublicFile, SourceError};

use crate::clients::HttpClients;
use crate::values::http_date;

/// Fetches a file. Messages name its address at AWS, and never a mirror's: messages become gaps, and
/// a mirror's address may be known to few.
pub(crate) fn fetch(http: &HttpClients, url: &str, known: Option<&str>) -> Result<PublicFile, SourceError> {
    let address = http.mirror.as_ref().map_or(url.to_string(), |mirror| mirror.address_of(url));
    let through = if http.mirror.is_some() { " through the mirror" } else { "" };
    let failed = |why: String| SourceError::Failed(format!("{url} cannot be fetched{through}: {why}"));
    let mut request = http.agent.get(&address);
    if let Some(etag) = known {
        request = request.header("If-None-Match", etag);
    }
    let answer = request.call().map_err(|e| failed(reason(&e)))?;
    let status = answer.status().as_u16();
    if !matches!(status, 200 | 304) {
        return Err(failed(format!("the server answers {status}")));
    }
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let date = header("date").and_then(http_date);
    let modified = header("last-modified").and_then(http_date);
    let etag = header("etag").map(String::from);
    let body = (status == 200).then(|| Box::new(answer.into_body().into_reader()) as Box<dyn Read>);
    Ok(PublicFile { body, date, modified, etag })
}

/// Returns the reason of a failed request, without an address: the texts of other errors may
/// contain that of a mirror or a proxy.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::TooManyRedirects
        | ureq::Error::ConnectionFailed
        | ureq::Error::Tls(_) => error.to_string(),
        ureq::Error::Rustls(_) => "the server's certificate is not valid".into(),
        _ => "the request failed".into(),
    }
}

/// A copy of AWS's public files. Its address is in no message: it has no `Debug` and no `Display`.
pub(crate) struct PublicMirror(String);

impl PublicMirror {
    /// Checks an address. Errors: it is not one of HTTP, or it contains a user name, a password or a
    /// query. The address is not in the error.
    pub(crate) fn parse(address: &str) -> Result<PublicMirror, SourceError> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme));
        let authority = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        let is_host = |authority: &str| !authority.is_empty() && !authority.contains('@');
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\');
        match authority.is_some_and(is_host) && address.chars().all(is_plain) {
            true => Ok(PublicMirror(address.trim_end_matches('/').to_string())),
            false => Err(SourceError::Failed(
                "MYCELIUM_MIRROR is not an address such as https://mirror.example/aws, without a user name, \
                 a password and a query"
                    .into(),
            )),
        }
    }

    /// Returns the address of a file: `https://host/path` becomes `MIRROR/host/path`.
    fn address_of(&self, url: &str) -> String {
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
