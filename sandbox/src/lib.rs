//! A strict EC2 emulator on loopback, for trials without an account and for tests. It serves the
//! calls of the collector and of spawn: EC2, STS, IAM, each instance's metadata service, and
//! further services that docs/sandbox.md lists.
//!
//! It refuses the requests that AWS refuses. The crate depends on neither the lake nor the
//! warehouse: its facts about AWS arrive as [`Facts`]. It has no clock of its own and reaches no
//! address beyond loopback. AWS cannot issue its ids, keys and accounts.

mod args;
mod clock;
mod engine;
mod facts;
mod journal;
mod scenario;
mod server;
mod talk;
mod wire;

pub use args::{Command, Ports, SandboxArgs, run};
pub use clock::RealTime;
pub use facts::{FactError, Facts, RegionFact, SpotSeries, TypeFact};
pub use scenario::{
    AccountRule, CapacityRule, EventRule, FailureRule, Fault, ImdsFault, ImdsRule, InterruptionRule,
    MarketRule, MetricRule, Scenario, ScenarioError, Span, SpotPriceRule, Throttling, Timing, UserRule,
};
pub use server::{Options, Running, Sandbox, StartError};
pub use wire::Params;
