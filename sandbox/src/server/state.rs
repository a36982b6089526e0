use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::call_counter::CallCounter;
use super::faults::FaultCounters;
use super::options::{SandboxOptions, SandboxStartError};
use crate::clock::SandboxClock;
use crate::core::SandboxWorld;
use crate::engine::ThrottleBuckets;
use crate::journal::WorldJournal;

/// State that all connections share.
pub(super) struct SandboxServerState {
    pub(super) world: SandboxWorld,
    pub(super) clock: SandboxClock,
    pub(super) buckets: ThrottleBuckets,
    pub(super) faults: FaultCounters,
    pub(super) journal: Option<WorldJournal>,
    /// Metadata ports by instance id.
    pub(super) ports: BTreeMap<String, u16>,
    /// Receives each new metadata port with its instance.
    pub(super) opened: mpsc::UnboundedSender<(TcpListener, String)>,
    pub(super) requests: u64,
    pub(super) calls: CallCounter,
}

impl SandboxServerState {
    /// Builds the state; `opened` receives the metadata ports that are to be served.
    pub(super) fn open(
        options: SandboxOptions,
        opened: mpsc::UnboundedSender<(TcpListener, String)>,
    ) -> Result<SandboxServerState, SandboxStartError> {
        let mut clock = SandboxClock::new(options.real_time, options.frozen);
        let now = clock.now();
        let (facts, rules) = (options.facts, options.scenario);
        let fresh = || SandboxWorld::new(Arc::clone(&facts), rules.clone(), options.seed, now);
        let (journal, world) = match options.state {
            None => (None, fresh()),
            Some(folder) => {
                let opened = WorldJournal::open(&folder, &facts, &rules, fresh, now);
                let (journal, world, last) =
                    opened.map_err(|why| SandboxStartError::State { folder, why })?;
                // The clock resumes at the last change, if that is ahead of it.
                clock.forward(last.duration_since(now));
                (Some(journal), world)
            }
        };
        let faults = FaultCounters::new(&rules);
        Ok(SandboxServerState {
            world,
            clock,
            buckets: ThrottleBuckets::default(),
            faults,
            journal,
            ports: BTreeMap::new(),
            opened,
            requests: 0,
            calls: CallCounter::default(),
        })
    }
}
