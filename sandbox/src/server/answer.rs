use domain::Timestamp;
use hyper::Response;
use quick_xml::escape::escape;

use super::cbor;
use super::message::{ResponsePieces, response};
use crate::core::{ApiError, ApiResult};
use crate::engine::ApiReply;
use crate::wire::xml_text;

/// The protocol in which a service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireProtocol {
    /// EC2's query protocol.
    Ec2,
    /// The query protocol of STS and IAM.
    Query,
    /// JSON 1.0 and 1.1.
    Json,
    /// Smithy RPC v2, CBOR.
    Cbor,
    /// REST: JSON bodies, with the action and its parameters in method, path and query.
    Rest,
}

fn namespace(service: &str) -> &'static str {
    match service {
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        _ => "http://ec2.amazonaws.com/doc/2016-11-15/",
    }
}

/// Encodes the result of a call in the protocol of its service.
pub(super) fn encode_answer(
    style: WireProtocol,
    service: &str,
    action: &str,
    request: &str,
    done: ApiResult<ApiReply>,
    now: Timestamp,
) -> Response<ResponsePieces> {
    let xml = "text/xml;charset=UTF-8";
    match (style, done) {
        (WireProtocol::Ec2 | WireProtocol::Query, Ok(ApiReply::Xml(node))) => {
            let begin = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"{}\">",
                namespace(service)
            );
            let (begin, end) = if style == WireProtocol::Ec2 {
                (format!("{begin}<requestId>{request}</requestId>"), format!("</{action}Response>"))
            } else {
                (
                    format!("{begin}<{action}Result>"),
                    format!(
                        "</{action}Result><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></{action}Response>"
                    ),
                )
            };
            let out = [begin, node.into_text(), end];
            response(200, xml, now, &[("x-amzn-requestid", request.to_string())], out)
        }
        (WireProtocol::Cbor, Ok(ApiReply::Json(value))) => {
            let headers =
                [("smithy-protocol", "rpc-v2-cbor".to_string()), ("x-amzn-requestid", request.to_string())];
            response(200, "application/cbor", now, &headers, cbor::write(&value))
        }
        (_, Ok(ApiReply::Json(value))) => {
            let headers = [("x-amzn-requestid", request.to_string())];
            response(200, "application/x-amz-json-1.1", now, &headers, value.to_string().into_bytes())
        }
        (_, Ok(ApiReply::Xml(_))) => {
            encode_answer(style, service, action, request, Err(wrong_protocol()), now)
        }
        (style, Err(error)) => encode_error(style, service, request, &error, now),
    }
}

/// The error for an action that was called in the protocol of another service.
fn wrong_protocol() -> ApiError {
    ApiError::new("InternalError", "An internal error has occurred")
}

fn encode_error(
    style: WireProtocol,
    service: &str,
    request: &str,
    error: &ApiError,
    now: Timestamp,
) -> Response<ResponsePieces> {
    let (code, message) = (xml_text(&error.code), xml_text(&error.message));
    let (code, message) = (escape(&*code), escape(&*message));
    let kind = if error.status >= 500 { "Receiver" } else { "Sender" };
    let headers = [("x-amzn-requestid", request.to_string())];
    match style {
        WireProtocol::Ec2 => {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request}</RequestID></Response>"
            );
            response(error.status, "text/xml;charset=UTF-8", now, &headers, text.into_bytes())
        }
        WireProtocol::Query => {
            let text = format!(
                "<ErrorResponse xmlns=\"{}\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>",
                namespace(service)
            );
            response(error.status, "text/xml", now, &headers, text.into_bytes())
        }
        WireProtocol::Json | WireProtocol::Rest => {
            // The JSON services use another code for the same refusal.
            let code = if error.code == "AccessDenied" { "AccessDeniedException" } else { &error.code };
            let body =
                serde_json::json!({ "__type": code, "message": error.message, "Message": error.message });
            let headers = [("x-amzn-requestid", request.to_string()), ("x-amzn-errortype", code.to_string())];
            let told = style == WireProtocol::Rest || error.status >= 500;
            response(
                if told { error.status } else { 400 },
                "application/x-amz-json-1.1",
                now,
                &headers,
                body.to_string().into_bytes(),
            )
        }
        WireProtocol::Cbor => {
            let body = serde_json::json!({ "__type": error.code, "message": error.message });
            let headers =
                [("smithy-protocol", "rpc-v2-cbor".to_string()), ("x-amzn-requestid", request.to_string())];
            response(error.status, "application/cbor", now, &headers, cbor::write(&body))
        }
    }
}
