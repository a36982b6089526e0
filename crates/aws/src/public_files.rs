//! Fetches public files: without credentials, with one request each.

use std::io::Read;

use catalog::ports::{PublicFile, SourceError};

use crate::clients::HttpClients;
use crate::values::http_date;

/// Fetches a file. Messages name its address at AWS, and never a mirror's: messages become gaps,
/// and a mirror's address may be known to few.
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
