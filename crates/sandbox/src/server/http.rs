use std::cell::RefCell;
use std::rc::Rc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Shared;
use super::front::{self, Heard, Outcome};

/// The largest body that is read.
const LARGEST: usize = 1 << 20;

/// Takes connections for ever; `instance` is the one whose port this is.
pub(super) async fn accept(listener: TcpListener, shared: Rc<RefCell<Shared>>, instance: Option<String>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("no connection: {error}");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (shared, instance) = (Rc::clone(&shared), instance.clone());
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| one(Rc::clone(&shared), instance.clone(), request));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A connection that was closed on purpose, or by the client, is no news.
            let _ = connection.await;
        });
    }
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by the scenario")]
struct Closed;

async fn one(
    shared: Rc<RefCell<Shared>>,
    instance: Option<String>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let heard = Heard {
        method: parts.method.as_str().to_string(),
        path: parts.uri.path().to_string(),
        query: parts.uri.query().unwrap_or_default().to_string(),
        headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect(),
        body: body.to_vec(),
        instance,
    };
    let Outcome { response, delay, closed } = front::answer(&shared, heard).await;
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    if closed {
        return Err(Closed.into());
    }
    Ok(response)
}

/// A response with the Date of the sandbox's clock.
pub(super) fn response(
    status: u16,
    kind: &str,
    date: domain::Timestamp,
    headers: &[(&str, String)],
    body: Vec<u8>,
) -> Response<Full<Bytes>> {
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut builder = Response::builder().status(status).header("content-type", kind).header("date", date);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(Bytes::from(body))).unwrap_or_default()
}
