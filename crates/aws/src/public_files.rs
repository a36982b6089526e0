//! Fetches public files: without credentials, with one request each.

use std::io::Read;

use catalog::ports::{PublicFile, SourceError};

use crate::clients::HttpClients;
use crate::values::http_date;

pub(crate) fn fetch(http: &HttpClients, url: &str, known: Option<&str>) -> Result<PublicFile, SourceError> {
    let address = http.mirror.as_deref().map_or(url.to_string(), |mirror| mirrored(mirror, url));
    let failed = |why: String| SourceError::Failed(format!("{address} cannot be fetched: {why}"));
    let mut request = http.agent.get(&address);
    if let Some(etag) = known {
        request = request.header("If-None-Match", etag);
    }
    let answer = request.call().map_err(|e| failed(e.to_string()))?;
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

/// The mirror's address of a file: `https://host/path` becomes `MIRROR/host/path`.
fn mirrored(mirror: &str, url: &str) -> String {
    format!("{}/{}", mirror.trim_end_matches('/'), url.trim_start_matches("https://"))
}
