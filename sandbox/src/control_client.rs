//! A client of a running sandbox's control API, over plain HTTP on loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use console::Failure;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(10);

/// Calls the control API: a POST with `body`, or a GET without one. Returns the JSON answer.
/// Errors: no sandbox answers within ten seconds, or it refuses the request.
pub(crate) fn call_control(url: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
    let address = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let away = |error: std::io::Error| {
        Failure::broken(format!("no sandbox answers at {url}: {error}"))
            .hint("start one with \"mycelium sandbox serve\", or pass its address with --url")
    };
    let mut stream = TcpStream::connect(address).map_err(away)?;
    stream.set_read_timeout(Some(LIMIT)).map_err(away)?;
    let (method, body) = match body {
        Some(body) => ("POST", body.to_string()),
        None => ("GET", String::new()),
    };
    let length = body.len();
    let request = format!(
        "{method} /_mycelium/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).map_err(away)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(away)?;
    let (_, text) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let value: Value = serde_json::from_str(text).map_err(|_| {
        Failure::broken(format!("the server at {url} is not a sandbox"))
            .hint("pass the sandbox's address with --url")
    })?;
    match value["error"].as_str() {
        Some(why) => Err(Failure::usage(why.to_string())),
        None => Ok(value),
    }
}
