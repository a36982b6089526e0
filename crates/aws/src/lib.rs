//! AWS through its SDK and its public files. Implements the ports `Source` and `Cloud`.
//!
//! `Source` requests pages and returns rows without interpreting them. Each of its calls only
//! reads, and is listed by [`Aws::actions`]. Buckets are only listed and read. `Cloud` launches and
//! ends instances, with one call for each request.
//!
//! This is the only crate that depends on aws-sdk-*. It owns the async runtime and all concurrency
//! over regions. It writes no files, and does not decide which rows to keep or which instances to
//! launch or end.

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
    Account, Asked, Bucket, Delivered, Document, Fetched, Look, Object, PartSink, SeenSink, Source,
    SourceError, Stop, Told,
};
use domain::Timestamp;
use tokio::runtime::Runtime;

use clients::Http;

/// AWS, as seen with this machine's credentials and network.
pub struct Aws {
    runtime: Runtime,
    http: Http,
    clock: fn() -> Timestamp,
    /// The configuration of each profile, so that credentials are resolved once.
    profiles: Mutex<Vec<(Option<String>, SdkConfig)>>,
    /// A client for each profile and bucket, so that a bucket's region is found once.
    buckets: Mutex<Vec<(Option<String>, String, aws_sdk_s3::Client)>>,
}

impl Aws {
    /// Sets up the runtime and the HTTP clients, and sends nothing yet. `clock` is this machine's
    /// clock.
    ///
    /// The usual variables and files of the AWS SDKs apply. `AWS_CA_BUNDLE` is a file of trusted
    /// certificates; the SDK trusts the system's too. `HTTPS_PROXY` and `NO_PROXY` set a proxy.
    /// `MYCELIUM_MIRROR` is the address of a copy of the public files, each below its host's name,
    /// which is used instead of AWS.
    ///
    /// Errors: the runtime cannot start, or the certificates cannot be read.
    pub fn new(clock: fn() -> Timestamp) -> Result<Aws, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|e| SourceError::Failed(format!("the async runtime does not start: {e}")))?;
        Ok(Aws { runtime, http: Http::new()?, clock, profiles: Mutex::default(), buckets: Mutex::default() })
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

    fn s3(&self, bucket: &Bucket<'_>, stop: &Stop) -> Result<aws_sdk_s3::Client, SourceError> {
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

impl Source for Aws {
    fn account(&self, profile: Option<&str>) -> Result<Account, SourceError> {
        let config = self.config(profile);
        self.runtime.block_on(places::account(&config, profile, self.clock))
    }

    fn look(&self, look: &Look<'_>, stop: &Stop, sink: SeenSink<'_>) -> Result<Vec<Told>, SourceError> {
        let config = self.config(look.account.profile.as_deref());
        self.runtime.block_on(async {
            match look.asked {
                Asked::Capacity(room) => market::look(&config, look, room, self.clock, stop, sink).await,
                Asked::All | Asked::Instances { .. } => {
                    look::look(&config, look, self.clock, stop, sink).await
                }
            }
        })
    }

    fn document(
        &self,
        account: &Account,
        document: &Document<'_>,
        stop: &Stop,
        sink: PartSink<'_>,
    ) -> Result<Delivered, SourceError> {
        let config = self.config(account.profile.as_deref());
        self.runtime.block_on(document::deliver(&config, account, document, stop, sink))
    }

    fn fetch(&self, url: &str, known: Option<&str>) -> Result<Fetched, SourceError> {
        public::fetch(&self.http, url, known)
    }

    fn list(&self, bucket: &Bucket<'_>, prefix: &str, stop: &Stop) -> Result<Vec<Object>, SourceError> {
        let client = self.s3(bucket, stop)?;
        self.runtime.block_on(objects::list(&client, bucket.name, prefix, stop))
    }

    fn open<'a>(
        &'a self,
        bucket: &Bucket<'_>,
        object: &Object,
        stop: &'a Stop,
    ) -> Result<Box<dyn Read + 'a>, SourceError> {
        objects::open(&self.runtime, &self.s3(bucket, stop)?, bucket, object, stop)
    }

    fn actions(&self, dataset: &Dataset) -> &'static [&'static str] {
        look::actions(dataset)
    }
}
