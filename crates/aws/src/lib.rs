//! AWS through its SDK and its public files. Implements the ports `Source`, `Account` and
//! `Instances`.
//!
//! `Source` requests pages and returns rows without interpreting them. Each of its calls only
//! reads, and is listed by [`AwsClient::actions`]. Buckets are only listed and read. `Instances`
//! launches and ends instances, with one call for each request.
//!
//! This is the only crate that depends on aws-sdk-*. It owns the async runtime and all concurrency
//! over regions. It writes no files, and does not decide which rows to keep or which instances to
//! launch or end.
//!
//! # A snapshot of one dataset
//!
//! Each region is one task; at most eight run at a time. An interceptor of each client notes the
//! `Date` of AWS's answers, so a report has AWS's time and never the machine's. Pages of rows go
//! through one bounded channel. Each region ends with a report: complete, partial, empty or failed,
//! with its gaps.
//!
//! Zones and types are partial statements, because an account sees only a part of them: they add
//! rows and retire none. So do hours of utilization, because each request has a window of time. A
//! snapshot of instances also reports utilization from the heartbeats that spawnd wrote into tags.
//! These tags are removed from the instance's own tags, which would otherwise differ every 15
//! minutes. Instances, volumes and the like have a scope of account and region. Placement scores
//! and capacity blocks have the request as their scope. Answers with the content of a file (costs,
//! products of the price list) are returned as that document, and the crate `feeds` parses both.
//!
//! # Costs of requests
//!
//! The maximum is enforced here, where the calls are made: requests of Cost Explorer are counted as
//! they are sent, with their retries; metrics of CloudWatch page by page.
//!
//! # Files in buckets
//!
//! An object is read in the state in which it was listed, and its length is checked. If a file is
//! newer than its manifest and less than one hour old, a delivery is in progress. Each of these
//! cases is a gap, so that no mixture of two deliveries is imported. An object is looked up in the
//! bucket that is read, whatever bucket its manifest names, because exports are copied together
//! with their manifests. The version of a statement is the digest of the keys and ETags of its
//! objects.

mod clients;
mod cloud;
mod costs;
mod document;
mod fleet;
mod gap;
mod heartbeat;
mod instance_type;
mod look;
mod market;
mod objects;
mod places;
mod prices;
mod public;
mod quota;
mod spot;
mod utilization;
mod values;

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use catalog::Dataset;
use catalog::ports::{
    AwsDocument, DocumentSummary, PartSink, ProfileAccount, PublicFile, S3Bucket, S3Object, ScopeReport,
    SnapshotQuery, SnapshotRequest, SnapshotRowSink, Source, SourceError, StopFlag,
};
use domain::Timestamp;
use tokio::runtime::Runtime;

use clients::HttpClients;

/// AWS, as seen with this machine's credentials and network.
pub struct AwsClient {
    runtime: Runtime,
    http: HttpClients,
    clock: fn() -> Timestamp,
    /// The configuration of each profile, so that credentials are resolved once.
    profiles: Mutex<Vec<(Option<String>, SdkConfig)>>,
    /// A client for each profile and bucket, so that a bucket's region is found once.
    buckets: Mutex<Vec<(Option<String>, String, aws_sdk_s3::Client)>>,
}

impl AwsClient {
    /// Sets up the runtime and the HTTP clients, and sends nothing yet. `clock` is this machine's
    /// clock.
    ///
    /// The usual variables and files of the AWS SDKs apply. `AWS_CA_BUNDLE` is a file of trusted
    /// certificates; the SDK trusts the system's too. `HTTPS_PROXY` and `NO_PROXY` set a proxy.
    /// `MYCELIUM_MIRROR` is the address of a copy of the public files, each below its host's name,
    /// which is used instead of AWS.
    ///
    /// Errors: the runtime cannot start, or the certificates cannot be read.
    pub fn new(clock: fn() -> Timestamp) -> Result<AwsClient, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|e| SourceError::Failed(format!("the async runtime does not start: {e}")))?;
        Ok(AwsClient {
            runtime,
            http: HttpClients::new()?,
            clock,
            profiles: Mutex::default(),
            buckets: Mutex::default(),
        })
    }

    fn config(&self, profile: Option<&str>) -> SdkConfig {
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, config)) = profiles.iter().find(|(known, _)| known.as_deref() == profile) {
            return config.clone();
        }
        let config = self.runtime.block_on(clients::config(&self.http, profile));
        profiles.push((profile.map(String::from), config.clone()));
        config
    }

    fn s3(&self, bucket: &S3Bucket<'_>, stop: &StopFlag) -> Result<aws_sdk_s3::Client, SourceError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |profile: &Option<String>, name: &str| {
            profile.as_deref() == bucket.profile && name == bucket.name
        };
        if let Some((.., client)) = buckets.iter().find(|(profile, name, _)| is_it(profile, name)) {
            return Ok(client.clone());
        }
        let config = self.config(bucket.profile);
        let client = self.runtime.block_on(objects::client(&config, bucket.name, stop))?;
        buckets.push((bucket.profile.map(String::from), bucket.name.into(), client.clone()));
        Ok(client)
    }
}

impl Source for AwsClient {
    fn account(&self, profile: Option<&str>) -> Result<ProfileAccount, SourceError> {
        let config = self.config(profile);
        self.runtime.block_on(places::account(&config, profile, self.clock))
    }

    fn snapshot(
        &self,
        look: &SnapshotQuery<'_>,
        stop: &StopFlag,
        sink: SnapshotRowSink<'_>,
    ) -> Result<Vec<ScopeReport>, SourceError> {
        let config = self.config(look.account.profile.as_deref());
        self.runtime.block_on(async {
            match look.asked {
                SnapshotRequest::Capacity(room) => {
                    market::look(&config, look, room, self.clock, stop, sink).await
                }
                SnapshotRequest::All | SnapshotRequest::Instances { .. } => {
                    look::look(&config, look, self.clock, stop, sink).await
                }
            }
        })
    }

    fn document(
        &self,
        account: &ProfileAccount,
        document: &AwsDocument<'_>,
        stop: &StopFlag,
        sink: PartSink<'_>,
    ) -> Result<DocumentSummary, SourceError> {
        let config = self.config(account.profile.as_deref());
        self.runtime.block_on(document::deliver(&config, account, document, stop, sink))
    }

    fn fetch(&self, url: &str, known: Option<&str>) -> Result<PublicFile, SourceError> {
        public::fetch(&self.http, url, known)
    }

    fn list(
        &self,
        bucket: &S3Bucket<'_>,
        prefix: &str,
        stop: &StopFlag,
    ) -> Result<Vec<S3Object>, SourceError> {
        let client = self.s3(bucket, stop)?;
        self.runtime.block_on(objects::list(&client, bucket.name, prefix, stop))
    }

    fn open<'a>(
        &'a self,
        bucket: &S3Bucket<'_>,
        object: &S3Object,
        stop: &'a StopFlag,
    ) -> Result<Box<dyn Read + 'a>, SourceError> {
        objects::open(&self.runtime, &self.s3(bucket, stop)?, bucket, object, stop)
    }

    fn actions(&self, dataset: &Dataset) -> &'static [&'static str] {
        look::actions(dataset)
    }
}
