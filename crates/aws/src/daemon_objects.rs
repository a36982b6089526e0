//! The port `DaemonObjects`: presigned addresses and conditional writes of S3.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use catalog::ports::{GET_OBJECT, S3Bucket, SourceError, StopFlag};
use domain::{SignedDuration, Timestamp};
use fleet::ports::{BucketObject, DaemonObjects, FleetError, SignedAddress};

use crate::AwsClient;
use crate::fleet_error::failed;

const PUT_OBJECT: &str = "s3:PutObject";
/// Codes of S3 for an object that exists, or that another program is writing.
const EXISTS: [&str; 2] = ["PreconditionFailed", "ConditionalRequestConflict"];

impl DaemonObjects for AwsClient {
    fn sign_object(
        &self,
        object: &BucketObject,
        longest: SignedDuration,
    ) -> Result<SignedAddress, FleetError> {
        let client = self.bucket_client(&object.bucket)?;
        // A second request for credentials may return other ones, with another end.
        let credentials = self.credentials()?;
        let end = credentials.expiry().and_then(|end| Timestamp::try_from(end).ok());
        let is_end_known = end.is_some() || credentials.session_token().is_none();
        let left = end.map(|end| end.duration_since((self.clock)()));
        let life = left.map_or(longest, |left| left.min(longest)).max(SignedDuration::ZERO);
        // S3 accepts no life of zero seconds; a caller refuses such a short one.
        let seconds = Duration::from_secs(life.as_secs().max(1).unsigned_abs());
        let signing = PresigningConfig::expires_in(seconds).map_err(|error| {
            FleetError::Failed(format!("an address in {} cannot be signed: {error}", object.bucket))
        })?;
        let signer = client.config().to_builder().credentials_provider(credentials).build();
        let call = Client::from_conf(signer).get_object().bucket(&object.bucket).key(&object.key);
        let signed = self.runtime.block_on(call.presigned(signing)).map_err(failed(GET_OBJECT))?;
        Ok(SignedAddress { url: signed.uri().to_string(), life, is_end_known })
    }

    fn put_object_once(&self, object: &BucketObject, bytes: &[u8]) -> Result<(), FleetError> {
        let client = self.bucket_client(&object.bucket)?;
        // Without the permission to list the bucket, S3 does not say that an object is missing.
        let length = match self.runtime.block_on(stored_length(&client, object)) {
            Ok(length) => length,
            Err(_) => {
                let call = client.put_object().bucket(&object.bucket).key(&object.key).if_none_match("*");
                match self.runtime.block_on(call.body(ByteStream::from(bytes.to_vec())).send()) {
                    Err(error) if error.code().is_some_and(|code| EXISTS.contains(&code)) => {}
                    done => drop(done.map_err(refused(PUT_OBJECT, object))?),
                }
                let stored = self.runtime.block_on(stored_length(&client, object));
                stored.map_err(refused(GET_OBJECT, object))?
            }
        };
        if length != i64::try_from(bytes.len()).ok() {
            let length = length.unwrap_or_default();
            let message = format!("{object} has {length} bytes and is not spawnd, which has {}", bytes.len());
            return Err(FleetError::Failed(message));
        }
        Ok(())
    }
}

impl AwsClient {
    /// Returns a client in a bucket's region, with the credentials of this run.
    fn bucket_client(&self, bucket: &str) -> Result<Client, FleetError> {
        let place = S3Bucket { profile: None, name: bucket };
        self.s3(&place, &StopFlag::default()).map_err(|error| match error {
            SourceError::Credentials(why) => FleetError::Credentials(why),
            other => FleetError::Failed(other.to_string()),
        })
    }

    /// Returns the credentials of this run.
    fn credentials(&self) -> Result<Credentials, FleetError> {
        let missing = |why: String| FleetError::Credentials(format!("no AWS credentials: {why}"));
        let config = self.config(None);
        let provider = config.credentials_provider().ok_or_else(|| missing("no provider".to_string()))?;
        let found = self.runtime.block_on(provider.provide_credentials());
        found.map_err(|error| missing(crate::gap::innermost(&error)))
    }
}

/// Returns the length of an object that exists.
async fn stored_length(
    client: &Client,
    object: &BucketObject,
) -> Result<Option<i64>, SdkError<HeadObjectError, HttpResponse>> {
    let found = client.head_object().bucket(&object.bucket).key(&object.key).send().await?;
    Ok(found.content_length())
}

/// Returns the conversion of a failed call's error. The answer to a HEAD request has no code.
fn refused<E>(action: &'static str, object: &BucketObject) -> impl Fn(SdkError<E, HttpResponse>) -> FleetError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| {
        if error.raw_response().is_none_or(|answer| answer.status().as_u16() != 403) {
            return failed(action)(error);
        }
        let words =
            error.message().map_or(String::new(), |words| format!(": {}", words.trim_end_matches('.')));
        let why = format!("{action} is not allowed on {object}{words}");
        FleetError::Refused { code: "AccessDenied".to_string(), why }
    }
}
