//! The inputs of a step: observations, events and commands.

use crate::clocks::{BootIdentity, ClockReadings};
use crate::idle::SignalReading;
use crate::tag::{ExpiryTag, UtilizationFigures};
use domain::{Known, Timestamp};
use jiff::SignedDuration;

/// The inputs of one step, observed together.
#[derive(Debug, Clone, PartialEq)]
pub struct StepInputs {
    /// The clocks, read together.
    pub clocks: ClockReadings,
    /// The current boot.
    pub boot: BootIdentity,
    /// AWS's time, from the `Date` header of a response received just now.
    pub date: Option<Timestamp>,
    /// The tags that bound the life.
    pub tags: LifeTags,
    /// The idle signals, about once a minute; none in the steps between.
    pub readings: Option<Vec<SignalReading>>,
    /// The figures measured since the last [`crate::LifeEffect::Heartbeat`], or since measuring
    /// began. They come with the readings.
    pub measured: Option<UtilizationSample>,
    /// Events since the previous step, in order.
    pub events: Vec<LifeEvent>,
}

/// The two tags that bound a life. A malformed value is `Unseen`.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeTags {
    /// The value of [`crate::tag::EXPIRY`].
    pub expiry: Known<ExpiryTag>,
    /// The value of [`crate::tag::CAP`].
    pub cap: Known<Timestamp>,
}

/// An event between two steps.
#[derive(Debug, Clone, PartialEq)]
pub enum LifeEvent {
    /// A user on the machine sent a command. The answer is an [`crate::LifeEffect::Reply`] with the
    /// same ticket.
    Asked {
        /// Identifies the command.
        ticket: u64,
        /// The command.
        command: Command,
    },
    /// The outcome of [`crate::LifeEffect::WriteTag`] for this generation.
    TagWritten {
        /// The generation of the tag.
        generation: u64,
        /// Whether the write succeeded.
        outcome: Result<(), AwsCallError>,
    },
    /// The outcome of [`crate::LifeEffect::Heartbeat`].
    HeartbeatWritten(Result<(), AwsCallError>),
    /// The outcome of [`crate::LifeEffect::Call`].
    Called(Result<(), AwsCallError>),
    /// The pre-stop hook that [`crate::LifeEffect::PreStop`] started for this reason ended, or
    /// there is none.
    PreStopDone(HookTrigger),
    /// The outcome of [`crate::LifeEffect::ArmDeadMan`].
    DeadManArmed {
        /// The requested running time until the dead-man acts.
        after: SignedDuration,
        /// Whether it is armed.
        outcome: Result<(), String>,
    },
    /// AWS announced something. A repeated notice is ignored.
    Aws(AwsNotice),
    /// The machine is going down, for any reason. The time left is written to the tag.
    GoingDown,
}

/// The reason for a run of the pre-stop hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookTrigger {
    /// The instance ends. Two ends of one boot begin at different instants.
    End {
        /// When the end began, on the monotonic clock.
        since: SignedDuration,
    },
    /// AWS announced an interruption or an event; the id of its [`AwsNotice`].
    Notice(String),
}

/// A notice from AWS: a spot interruption, a rebalance recommendation, a scheduled event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsNotice {
    /// Identifies the notice; a repetition has the same id.
    pub id: String,
    /// The text.
    pub text: String,
    /// Set if AWS ends or stops the instance soon: the pre-stop hook runs at once, for at most this
    /// long.
    pub hook: Option<SignedDuration>,
}

/// A command from a user on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Adds running time.
    Extend {
        /// The time to add.
        by: SignedDuration,
        /// Extend at once, even if the tag cannot be written.
        local_only: bool,
    },
    /// Starts a lease: for a while the instance does not count as idle.
    KeepAlive {
        /// The name of the lease; a lease of the same name is replaced.
        name: String,
        /// The length of the lease.
        span: SignedDuration,
    },
    /// Ends a lease.
    Release {
        /// The lease's name.
        name: String,
    },
    /// Marks the work as complete: the instance ends, after a warning.
    Complete,
    /// Restarts the idle window, which cancels an end by idleness.
    Cancel,
}

/// Why a call to AWS failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsCallError {
    /// The instance's role lacks the permission; a retry is useless.
    #[error("denied: {0}")]
    Denied(String),
    /// The instance cannot hibernate.
    #[error("the instance cannot hibernate")]
    NoHibernation,
    /// Any other failure, from a missing route to a busy service; a retry may help.
    #[error("{0}")]
    Failed(String),
}

/// Figures that a machine measured about itself between two samples.
#[derive(Debug, Clone, PartialEq)]
pub struct UtilizationSample {
    /// The time of the later sample, on the monotonic clock.
    pub until: SignedDuration,
    /// The time between the two samples.
    pub over: SignedDuration,
    /// The figures.
    pub figures: UtilizationFigures,
}
