use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::SandboxServerState;
use super::dispatch::{self, TimedResponse, WireRequest};

/// Maximum size of a request body, bytes.
const LARGEST: usize = 1 << 20;

/// A response body in pieces. They are sent as they were written, so a prefix does not copy
/// megabytes.
#[derive(Debug, Default)]
pub(super) struct ResponsePieces(VecDeque<Bytes>);

impl From<Vec<u8>> for ResponsePieces {
    fn from(whole: Vec<u8>) -> ResponsePieces {
        ResponsePieces(VecDeque::from([Bytes::from(whole)]))
    }
}

impl<const N: usize> From<[String; N]> for ResponsePieces {
    fn from(pieces: [String; N]) -> ResponsePieces {
        ResponsePieces(pieces.into_iter().map(Bytes::from).collect())
    }
}

impl Body for ResponsePieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut ResponsePieces>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

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
    let TimedResponse { response, delay, closed } = dispatch::answer(&shared, heard).await;
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    if closed {
        return Err(ConnectionClosed.into());
    }
    Ok(response)
}

/// Builds a response whose Date header is the sandbox's time.
pub(super) fn response(
    status: u16,
    kind: &str,
    date: domain::Timestamp,
    headers: &[(&str, String)],
    body: impl Into<ResponsePieces>,
) -> Response<ResponsePieces> {
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut builder = Response::builder().status(status).header("content-type", kind).header("date", date);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(body.into()).unwrap_or_default()
}
