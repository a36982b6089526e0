//! AWS through its SDK and its public files. Implements the ports `Source`, `Account`,
//! `Instances`, `Images` and `Quotas`.
//!
//! `Source` requests pages and returns rows without interpreting them. Each of its calls only
//! reads, and `catalog` lists it as an action of its dataset. Buckets are only listed and read.
//! `Instances` launches and ends instances, with one call for each request.
//!
//! This is the only crate that depends on aws-sdk-*. It owns the async runtime and all concurrency
//! over regions. It writes no files, and does not decide which rows to keep or which instances to
//! launch or end.

mod account;
mod caller_address;
mod clients;
mod cloud;
mod daemon_objects;
mod datasets;
mod document;
mod fleet_error;
mod gap;
mod groups;
mod heartbeat;
mod images;
mod keys;
mod launch_call;
mod objects;
mod provisioning;
mod public_files;
mod public_mirror;
mod quotas;
mod region_context;
mod region_query;
mod remote_access;
mod request_answers;
mod roles;
mod row;
mod row_sink;
mod stopping;
mod tags;
mod values;
mod zone_ids;

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use catalog::ports::{
    AwsDocument, DocumentSummary, PartSink, ProfileAccount, PublicFile, S3Bucket, S3Object, ScopeReport,
    SnapshotQuery, SnapshotRequest, SnapshotRowSink, Source, SourceError, StopFlag,
};
use domain::Timestamp;
use tokio::runtime::Runtime;

use clients::HttpClients;
use request_answers::AnswerRecorder;

/// AWS, as seen with this machine's credentials and network.
pub struct AwsClient {
    runtime: Runtime,
    http: HttpClients,
    clock: fn() -> Timestamp,
    /// The profile of calls that name none; without it the default credentials.
    profile: Option<String>,
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
            profile: None,
            profiles: Mutex::default(),
            buckets: Mutex::default(),
        })
    }

    /// Uses the credentials of a profile for calls that name none. The ports of `fleet` never name
    /// one.
    pub fn with_profile(self, profile: Option<String>) -> AwsClient {
        AwsClient { profile, ..self }
    }

    fn config(&self, profile: Option<&str>) -> SdkConfig {
        let profile = profile.or(self.profile.as_deref());
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
        self.runtime.block_on(account::account(&config, profile, self.clock))
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
                SnapshotRequest::Capacity(capacity) => {
                    let mut recorder = AnswerRecorder::new(&config, look, self.clock, stop, sink);
                    datasets::request_answers(capacity, &mut recorder).await?;
                    Ok(recorder.finish())
                }
                SnapshotRequest::All | SnapshotRequest::Instances { .. } => {
                    region_query::run(&config, look, self.clock, stop, sink).await
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
        self.runtime.block_on(datasets::deliver_document(&config, account, document, stop, sink))
    }

    fn fetch(&self, url: &str, known: Option<&str>) -> Result<PublicFile, SourceError> {
        public_files::fetch(&self.http, url, known)
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
}
