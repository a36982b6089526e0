//! S3 buckets: lists objects and reads their bytes.

use std::io::{self, Read};
use std::pin::Pin;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use catalog::ports::{GET_OBJECT, LIST_BUCKET, S3Bucket, S3Object, SourceError, StopFlag};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Runtime;

use crate::clients::{self, ANSWER};
use crate::gap::{gap, unsigned};
use crate::stopping::unless_stopped;
use crate::values::timestamp;

/// The header with a bucket's region. S3 sends it with every answer, even a refusal.
const HOME: &str = "x-amz-bucket-region";

/// Returns a client in the bucket's region. The permission to list the bucket is enough to find it.
pub(crate) async fn client(config: &SdkConfig, bucket: &str, stop: &StopFlag) -> Result<Client, SourceError> {
    let client = clients::s3(config, None);
    let region = match unless_stopped(stop, client.head_bucket().bucket(bucket).send()).await? {
        Ok(found) => found.bucket_region().map(String::from),
        Err(error) => match error.raw_response() {
            Some(answer) if answer.status().as_u16() == 404 => return Err(no_bucket(bucket)),
            // This answer has no body. The later listing returns the reason of a refusal.
            Some(answer) => answer.headers().get(HOME).map(String::from),
            None => return Err(failure(LIST_BUCKET, bucket, &error)),
        },
    };
    Ok(match region {
        Some(region) => clients::s3(config, Some(&region)),
        None => client,
    })
}

pub(crate) async fn list(
    client: &Client,
    bucket: &str,
    prefix: &str,
    stop: &StopFlag,
) -> Result<Vec<S3Object>, SourceError> {
    let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    let mut objects = Vec::new();
    while let Some(page) = unless_stopped(stop, pages.next()).await? {
        let page = page.map_err(|error| failure(LIST_BUCKET, bucket, &error))?;
        for listed in page.contents() {
            let object = object(listed);
            objects.push(object.ok_or_else(|| {
                SourceError::Failed(format!("{LIST_BUCKET}: an entry of {bucket} is incomplete: {listed:?}"))
            })?);
        }
    }
    Ok(objects)
}

fn object(listed: &aws_sdk_s3::types::Object) -> Option<S3Object> {
    Some(S3Object {
        key: listed.key()?.into(),
        bytes: listed.size()?.try_into().ok()?,
        etag: listed.e_tag()?.into(),
        modified: listed.last_modified().and_then(timestamp)?,
    })
}

pub(crate) fn open<'a>(
    runtime: &'a Runtime,
    client: &Client,
    bucket: &S3Bucket<'_>,
    object: &S3Object,
    stop: &'a StopFlag,
) -> Result<Box<dyn Read + 'a>, SourceError> {
    let call = client.get_object().bucket(bucket.name).key(&object.key).if_match(&object.etag).send();
    let answer = runtime.block_on(unless_stopped(stop, call))?;
    let answer = answer.map_err(|error| match error.code() {
        Some("PreconditionFailed") => {
            SourceError::Failed(format!("{} was overwritten after it was listed", object.key))
        }
        Some("NoSuchKey") => SourceError::Failed(format!("{} was deleted after it was listed", object.key)),
        _ => failure(GET_OBJECT, bucket.name, &error),
    })?;
    let body = Box::pin(answer.body.into_async_read());
    Ok(Box::new(ObjectBody { runtime, body, left: object.bytes, stop }))
}

/// A reader of an object's bytes, which checks their number.
struct ObjectBody<'a> {
    runtime: &'a Runtime,
    body: Pin<Box<dyn AsyncRead + Send>>,
    /// The number of bytes still expected.
    left: u64,
    stop: &'a StopFlag,
}

impl Read for ObjectBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let body = &mut self.body;
        let next = async { tokio::time::timeout(ANSWER, body.read(buffer)).await };
        // Not `ErrorKind::Interrupted`, which makes callers read again.
        let read = self.runtime.block_on(unless_stopped(self.stop, next)).map_err(io::Error::other)?;
        let read = read.map_err(|_| broken("no more bytes arrived in time"))?;
        let read = read.map_err(|e| broken(&crate::gap::innermost(&e)))?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(broken("there are more bytes than were listed")),
        }
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(broken(&format!("{} bytes are missing", self.left)));
        }
        Ok(read)
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the transfer broke: {why}"))
}

fn no_bucket(bucket: &str) -> SourceError {
    SourceError::Failed(format!("there is no bucket {bucket}"))
}

fn failure<E>(action: &'static str, bucket: &str, error: &SdkError<E, HttpResponse>) -> SourceError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let SdkError::ServiceError(refused) = error {
        return refusal(action, bucket, refused.err().code(), refused.err().message())
            .unwrap_or_else(|| SourceError::Failed(gap(action, error).why));
    }
    unsigned(error).unwrap_or_else(|| SourceError::Failed(gap(action, error).why))
}

/// Returns the error for a code of S3. None for codes that need no treatment of their own.
fn refusal(action: &str, bucket: &str, code: Option<&str>, words: Option<&str>) -> Option<SourceError> {
    let words = words.unwrap_or_default();
    Some(match code? {
        "NoSuchBucket" => no_bucket(bucket),
        // S3 refuses encrypted objects to callers that may not use their key. Its code is that of
        // every refusal, so the text alone names the action.
        "AccessDenied" if words.contains("kms:Decrypt") => SourceError::Failed(format!(
            "kms:Decrypt is not allowed, and the objects in {bucket} are encrypted: add it to the policy, for the bucket's key"
        )),
        "AccessDenied" => SourceError::Failed(format!(
            "{action} is not allowed on {bucket}: add it to the policy (collector policy s3://{bucket} prints one that is enough)"
        )),
        code @ ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => {
            SourceError::Credentials(format!("{action}: {code}: {}", words.trim_end_matches('.')))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explains_refusals_of_s3() {
        let check = |code: &str, words: &str, expected: &str| {
            let found = refusal(GET_OBJECT, "bills", Some(code), Some(words));
            assert_eq!(found.map(|error| error.to_string()).as_deref().unwrap_or("nothing"), expected);
        };
        check("NoSuchBucket", "The specified bucket does not exist", "there is no bucket bills");
        check(
            "AccessDenied",
            "Access Denied",
            "s3:GetObject is not allowed on bills: add it to the policy (collector policy s3://bills prints one that is enough)",
        );
        check(
            "AccessDenied",
            "User: … is not authorized to perform: kms:Decrypt on resource: …",
            "kms:Decrypt is not allowed, and the objects in bills are encrypted: add it to the policy, for the bucket's key",
        );
        check("ExpiredToken", "It has expired.", "s3:GetObject: ExpiredToken: It has expired");
        check("SlowDown", "", "nothing");
    }
}
