//! A strict, small EC2 on loopback, with STS, IAM, the metadata service of each instance, and what else
//! the collector and spawn ask: for trying things out without an account, and for tests.
//!
//! It refuses what AWS refuses. This room will never know a lake or a warehouse (what it knows of AWS is
//! handed to it as [`Facts`]), never a clock of its own, and never an address beyond loopback. Ids, keys
//! and accounts are such as AWS cannot issue.

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
