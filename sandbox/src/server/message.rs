use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::call_counter::CallChainPlace;

/// A request, read completely.
pub(super) struct WireRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Names in lowercase.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The instance to which the port or the path `/imds/<id>/` belongs.
    pub(super) instance: Option<String>,
}

impl WireRequest {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A response with its delay, or a connection to close without one.
pub(super) struct TimedResponse {
    pub(super) response: Response<ResponsePieces>,
    pub(super) delay: Option<Duration>,
    pub(super) closed: bool,
    /// The place of a call to a service among all calls.
    pub(super) place: Option<CallChainPlace>,
}

impl TimedResponse {
    pub(super) fn now(response: Response<ResponsePieces>) -> TimedResponse {
        TimedResponse { response, delay: None, closed: false, place: None }
    }

    pub(super) fn close() -> TimedResponse {
        TimedResponse { closed: true, ..TimedResponse::now(Response::default()) }
    }
}

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
