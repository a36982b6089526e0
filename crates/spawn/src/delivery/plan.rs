//! The part of a delivery that comes before the launch: the file is checked, and an instance that
//! gets it by itself learns its address from the user data.

use console::Failure;
use domain::{SignedDuration, format_span};
use fleet::ports::BucketObject;
use lifecycle::DaemonSource;

use super::{BucketPrefix, DaemonFile, DeliveryMethod};
use crate::Ports;
use crate::ports::cloud_failure;

/// How long a signed address lives, if the credentials do not end before.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// A boot and some repeated attempts fit into this time.
const LEAST_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// The delivery of one launch.
#[derive(Debug, Default)]
pub(crate) struct DaemonDelivery {
    /// The address from which the instance gets spawnd.
    pub(crate) source: Option<DaemonSource>,
    upload: Option<DaemonUpload>,
}

/// The object behind a signed address.
#[derive(Debug)]
struct DaemonUpload {
    place: BucketPrefix,
    object: BucketObject,
    bytes: Vec<u8>,
    /// How long the address lives, as a sentence.
    life: String,
}

impl DaemonDelivery {
    /// Plans the delivery to an instance of this architecture, in EC2's spelling. Nothing is
    /// written.
    ///
    /// # Errors
    /// There is no spawnd for the architecture, or no address for it that lives long enough.
    pub(crate) fn new(
        deliver: &str,
        architecture: &str,
        ports: &Ports<'_>,
    ) -> Result<DaemonDelivery, Failure> {
        let method = DeliveryMethod::parse(deliver)?;
        if method == DeliveryMethod::None {
            return Ok(DaemonDelivery::default());
        }
        // Without the file the delivery would fail after the launch.
        let file = DaemonFile::load(&ports.executable, architecture)?;
        match method {
            DeliveryMethod::Push | DeliveryMethod::None => Ok(DaemonDelivery::default()),
            DeliveryMethod::Address(address) => {
                Ok(DaemonDelivery { source: Some(file.source(&address)?), upload: None })
            }
            DeliveryMethod::Bucket(place) => from_bucket(place, file, ports),
        }
    }

    /// Returns the object that the launch puts into a bucket.
    pub(crate) fn resource(&self) -> Option<String> {
        Some(format!("put spawnd into {}, unless it is there", self.upload.as_ref()?.object))
    }

    /// Returns how long a signed address lives, as a sentence.
    pub(crate) fn note(&self) -> Option<&str> {
        Some(&self.upload.as_ref()?.life)
    }

    /// Puts the file where the instance will look for it, unless it is there.
    ///
    /// # Errors
    /// S3 refused the file.
    pub(crate) fn carry_out(&self, ports: &Ports<'_>) -> Result<(), Failure> {
        let Some(DaemonUpload { place, object, bytes, .. }) = &self.upload else { return Ok(()) };
        ports.provisioning.put_object_once(object, bytes).map_err(|error| match error.is_denied() {
            true => cloud_failure(error)
                .hint(format!("spawn policy --deliver {place} prints a policy that is enough")),
            false => cloud_failure(error),
        })
    }
}

/// Signs an address of the file in a bucket.
fn from_bucket(place: BucketPrefix, file: DaemonFile, ports: &Ports<'_>) -> Result<DaemonDelivery, Failure> {
    let object = place.object(&file.object_name());
    let signed = ports.provisioning.sign_object(&object, LONGEST_LIFE).map_err(cloud_failure)?;
    if !signed.url.starts_with("https://") {
        let message = format!("--deliver {place}: S3 has another endpoint here, which is not https");
        return Err(Failure::usage(message).hint("unset AWS_ENDPOINT_URL_S3, or use --deliver push"));
    }
    let life = format_span(signed.life);
    if signed.life < LEAST_LIFE {
        let message = format!(
            "--deliver {place}: an address that is signed now lives for {life}, because the credentials end \
             then; expected at least {}",
            format_span(LEAST_LIFE)
        );
        return Err(Failure::usage(message).hint("log in again, or use --deliver push"));
    }
    let source = Some(file.source(&signed.url)?);
    let life = match signed.is_end_known {
        true => format!("the instance can get spawnd from S3 for {life}; the signed address ends then"),
        false => format!(
            "the instance can get spawnd from S3 for {life}, or until the credentials end, which do not show \
             when that is"
        ),
    };
    Ok(DaemonDelivery { source, upload: Some(DaemonUpload { place, object, bytes: file.bytes, life }) })
}
