use std::path::PathBuf;
use std::sync::Arc;

use domain::Timestamp;

use crate::clock::RealTime;
use crate::facts::AwsFacts;
use crate::scenario::Scenario;

/// Settings of a sandbox.
pub struct SandboxOptions {
    /// Facts about AWS.
    pub facts: Arc<AwsFacts>,
    /// Scripted capacity, prices, interruptions and faults.
    pub scenario: Scenario,
    /// Seed for ids, zone names and invented prices.
    pub seed: u64,
    /// Port on 127.0.0.1; 0 selects a free one.
    pub port: u16,
    /// State folder; `None` keeps the state in memory.
    pub state: Option<PathBuf>,
    /// Instant at which the clock is frozen; `None` lets it run.
    pub frozen: Option<Timestamp>,
    /// Reads the machine's time.
    pub real_time: RealTime,
}

impl SandboxOptions {
    /// Returns settings with the state in memory, a free port, and the built-in facts.
    pub fn new(real_time: RealTime) -> SandboxOptions {
        SandboxOptions {
            facts: Arc::new(AwsFacts::small()),
            scenario: Scenario::default(),
            seed: 0,
            port: 0,
            state: None,
            frozen: None,
            real_time,
        }
    }
}

/// The reason why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxStartError {
    /// The port is taken, or loopback is not available.
    #[error("cannot listen on 127.0.0.1:{port}: {why}")]
    Port {
        /// The port.
        port: u16,
        /// The system's error.
        why: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error("cannot use the state folder {folder}: {why}")]
    State {
        /// The folder.
        folder: PathBuf,
        /// The system's error, or the fault in the folder.
        why: std::io::Error,
    },
    /// The system refused a socket option or a thread.
    #[error("the sandbox cannot start: {0}")]
    System(#[from] std::io::Error),
}
