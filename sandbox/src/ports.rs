use catalog::ports::Encode;
use console::Failure;
use domain::Timestamp;

use crate::clock::RealTime;
use crate::facts::AwsFacts;

/// Ports of the sandbox to the outside.
pub struct Ports<'a> {
    /// Reads the facts about AWS as of the clock's start. Called only by `serve`.
    pub facts: &'a dyn Fn(Timestamp) -> Result<AwsFacts, Failure>,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// Reads the machine's time. The server's threads share it.
    pub clock: RealTime,
}
