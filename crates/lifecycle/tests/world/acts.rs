//! The events of a life, and the states of the machine.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerState {
    Running,
    Stopped,
    Hibernated,
    Terminated,
}

/// The state of the idle signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalLoad {
    Quiet,
    Busy,
    Unknown,
    /// Two looks never answer, as with a home folder on a dead server.
    Stuck,
    /// One look in so many is lost, and everything else is quiet.
    Flapping(u8),
}

#[derive(Debug, Clone)]
pub(crate) enum WorldAct {
    Run(u16),
    CliStop,
    ConsoleStop {
        graceful: bool,
    },
    Start {
        after: u32,
    },
    Reboot {
        down: u16,
    },
    Hibernate {
        asleep: u32,
    },
    ClockStep(i32),
    Extend {
        by: u16,
        local_only: bool,
    },
    CliExtend {
        by: u16,
    },
    LoseTags,
    GarbleTag,
    Crash {
        ticks: u16,
    },
    CrashAtEffect(u8),
    CorruptState,
    Imds(bool),
    Ec2(bool),
    Iam(bool),
    Load(SignalLoad),
    SpotNotice,
    KeepAlive {
        minutes: u16,
    },
    Cancel,
    Complete,
    /// spawnd is installed on an instance that was launched without it.
    Install,
    /// An image of the disk is launched with terms of its own; the world goes on with it.
    Image {
        minutes: u16,
    },
    /// The same without terms of its own, with the tags of the first.
    Copy,
}
