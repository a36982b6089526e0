//! A strict EC2 emulator on loopback, for trials without an account and for tests. It serves the
//! calls of the collector and of spawn: EC2, STS, IAM, each instance's metadata service, and
//! further services that docs/sandbox.md lists.
//!
//! It refuses the requests that AWS refuses. The crate depends on neither the lake nor the
//! warehouse: its facts about AWS arrive as [`AwsFacts`]. It has no clock of its own and reaches no
//! address beyond loopback. AWS cannot issue its ids, keys and accounts.
//!
//! The module `engine` is a pure state machine, `wire` encodes calls and answers, and `server` owns
//! the sockets. Tests and trials cannot cost money: `--sandbox` of spawnd accepts loopback
//! addresses only and acts on ids `i-sandbox…` alone, and without `--sandbox` such ids are refused.

#![allow(clippy::disallowed_methods, reason = "it records its changes in a file")]

mod args;
mod clock;
mod commands;
mod control_client;
mod core;
mod engine;
mod facts;
mod journal;
mod ports;
mod run;
mod scenario;
mod server;
mod wire;

pub use args::{Command, SandboxArgs};
pub use clock::RealTime;
pub use facts::{AwsFacts, FactError, RegionFact, SpotSeries, TypeFact};
pub use ports::Ports;
pub use run::run;
pub use scenario::{
    AccountRule, CallFault, CapacityRule, DefaultVpcSwitch, EventRule, FailureRule, ImdsFault, ImdsRule,
    InterruptionRule, MarketRule, MetricRule, Scenario, ScenarioError, ScenarioSpan, ScenarioTiming,
    SpotPriceRule, ThrottlingSwitch, UserRule,
};
pub use server::{RunningSandbox, Sandbox, SandboxOptions, SandboxStartError};
pub use wire::QueryParams;
