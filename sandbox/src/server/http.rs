use std::cell::RefCell;
use std::rc::Rc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::dispatch;
use super::message::{ResponsePieces, TimedResponse, WireRequest};
use super::state::SandboxServerState;

/// Maximum size of a request body, bytes.
const LARGEST: usize = 1 << 20;

/// Accepts connections until the task is aborted. `instance` is the owner of a metadata port.
pub(super) async fn accept(
    listener: TcpListener,
    shared: Rc<RefCell<SandboxServerState>>,
    instance: Option<String>,
) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (shared, instance) = (Rc::clone(&shared), instance.clone());
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| serve_request(Rc::clone(&shared), instance.clone(), request));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // Errors are ignored: the scenario or the client may close a connection.
            let _ = connection.await;
        });
    }
}

/// The error with which hyper closes a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by the scenario")]
struct ConnectionClosed;

async fn serve_request(
    shared: Rc<RefCell<SandboxServerState>>,
    instance: Option<String>,
    request: Request<Incoming>,
) -> Result<Response<ResponsePieces>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let heard = WireRequest {
        method: parts.method.as_str().to_string(),
        path: parts.uri.path().to_string(),
        query: parts.uri.query().unwrap_or_default().to_string(),
        headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect(),
        body: body.to_vec(),
        instance,
    };
    let TimedResponse { response, delay, closed, place } = dispatch::answer(&shared, heard).await;
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(place) = place {
        shared.borrow_mut().calls.finish(place);
    }
    if closed {
        return Err(ConnectionClosed.into());
    }
    Ok(response)
}
