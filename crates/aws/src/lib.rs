//! AWS through its SDK and its public files, behind the port `Source`: pages in, rows out, nothing interpreted.
//!
//! This is the only room that names aws-sdk-*, and it owns the async runtime and all concurrency over regions. It
//! will never write a file, decide what is worth keeping, or change anything in an account: every call that it makes
//! is in [`Aws::actions`]'s table and only reads.

mod clients;
mod costs;
mod document;
mod fleet;
mod gap;
mod instance_type;
mod look;
mod market;
mod places;
mod prices;
mod public;
mod quota;
mod spot;
mod utilization;
mod values;

use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use catalog::Dataset;
use catalog::ports::{
    Account, Asked, Delivered, Document, Fetched, Look, PartSink, SeenSink, Source, SourceError, Stop, Told,
};
use domain::Timestamp;
use tokio::runtime::Runtime;

use clients::Http;

/// AWS, as this machine's credentials and network reach it.
pub struct Aws {
    runtime: Runtime,
    http: Http,
    clock: fn() -> Timestamp,
    /// What was read of each profile, so that credentials are found once.
    profiles: Mutex<Vec<(Option<String>, SdkConfig)>>,
}

impl Aws {
    /// AWS by the usual variables and files of its SDKs; `AWS_CA_BUNDLE` names certificates that are trusted (by the SDK beside the system's),
    /// and `HTTPS_PROXY` with `NO_PROXY` a proxy. `MYCELIUM_MIRROR` is the address of a copy of the public files, each
    /// under its host's name, that is asked instead. `clock` is this machine's. Nothing is asked yet.
    pub fn new(clock: fn() -> Timestamp) -> Result<Aws, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|e| SourceError::Failed(format!("the async runtime does not start: {e}")))?;
        Ok(Aws { runtime, http: Http::new()?, clock, profiles: Mutex::default() })
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

    fn actions(&self, dataset: &Dataset) -> &'static [&'static str] {
        look::actions(dataset)
    }
}
