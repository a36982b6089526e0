//! The port to EC2, as whoever launches and ends instances from outside sees it.

mod memory;

pub use memory::{Fault, Faulty, Memory};

use crate::launch::Request;
use domain::{Known, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why EC2 could not be asked or did not do it; each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// There are no credentials, or they do not work.
    #[error("{0}")]
    Credentials(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Who asks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's number.
    pub account: String,
    /// The ARN that AWS gives the caller; it is what [`lifecycle::tag::OWNER`] holds.
    pub arn: String,
    /// Region codes that can be asked.
    pub regions: Vec<String>,
    /// AWS's clock when it said so: deadlines are never compared with this machine's.
    pub now: Timestamp,
}

/// The state of an instance, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It starts.
    Pending,
    /// It runs.
    Running,
    /// It is being stopped or hibernated.
    Stopping,
    /// It is stopped or hibernated.
    Stopped,
    /// It is being terminated.
    ShuttingDown,
    /// It is gone for good.
    Terminated,
}

impl State {
    /// Every state.
    pub const ALL: [State; 6] = [
        State::Pending,
        State::Running,
        State::Stopping,
        State::Stopped,
        State::ShuttingDown,
        State::Terminated,
    ];

    /// EC2's word.
    pub fn word(self) -> &'static str {
        ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"][self as usize]
    }

    /// Whether its clock runs.
    pub fn runs(self) -> bool {
        matches!(self, State::Pending | State::Running)
    }

    /// Whether nothing brings it back.
    pub fn is_over(self) -> bool {
        matches!(self, State::ShuttingDown | State::Terminated)
    }
}

/// The spot request of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Its id.
    pub request: String,
    /// Whether it launches another instance when this one is terminated.
    pub persistent: Known<bool>,
}

/// Who may ask an instance's metadata service, and what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Version 2 is required.
    pub session_required: bool,
    /// How many hops an answer may take.
    pub hops: u32,
    /// Whether it tells the tags.
    pub tags: bool,
}

/// What was seen of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The account that it runs in.
    pub account: String,
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub instance_type: String,
    /// Its state.
    pub state: State,
    /// All tags.
    pub tags: BTreeMap<String, String>,
    /// When it was last started.
    pub launched: Known<Timestamp>,
    /// Whether AWS protects it from being terminated or stopped; asked for apart.
    pub protected: Known<bool>,
    /// Its spot request; none when it was bought on demand.
    pub spot: Option<Spot>,
    /// Its metadata service.
    pub metadata: Option<Metadata>,
}

impl Seen {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// Whether spawn launched it.
    pub fn managed(&self) -> bool {
        self.tag(lifecycle::tag::MANAGED) == Some(lifecycle::tag::YES)
    }

    /// Who owns it, by the tag or the predecessor's.
    pub fn owner(&self) -> Option<&str> {
        self.tag(lifecycle::tag::OWNER).or_else(|| self.tag(lifecycle::tag::PREDECESSOR_OWNER))
    }
}

/// Which instances are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// All that EC2 still shows.
    All,
    /// Those with these ids, as far as they are there.
    Ids(&'a [String]),
    /// Those of a launch, by its token and by its tag.
    Launch(&'a str),
}

/// How a look into one region ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The region's code.
    pub region: String,
    /// AWS's clock when it answered.
    pub at: Option<Timestamp>,
    /// What was seen, all of it, or why nothing is known.
    pub seen: Result<Vec<Seen>, String>,
}

/// How an instance is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is stopped; its disks stay and cost.
    Stop,
    /// It is terminated; nothing is left.
    Terminate,
}

impl How {
    /// The verb for a sentence.
    pub fn verb(self) -> &'static str {
        match self {
            How::Stop => "stop",
            How::Terminate => "terminate",
        }
    }

    /// Whether a state shows that it was done, or irrevocably begun.
    pub fn shown_by(self, state: State) -> bool {
        match self {
            How::Stop => !state.runs(),
            How::Terminate => state.is_over(),
        }
    }
}

/// How one request to launch was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// This instance was launched, by this request or by an earlier one with the same token.
    Launched(String),
    /// AWS says that this request did nothing, and that another one would do nothing either: why.
    Refused(String),
    /// AWS says that this request did nothing because there are too many: why.
    Throttled(String),
    /// AWS knows the token from a request that asked for something else: why.
    Mismatch(String),
    /// The token was used for an instance that is terminated since.
    Ended,
    /// Nobody knows what the request did: no answer, or one that says nothing.
    Lost(String),
}

/// EC2, to those who launch and end instances.
pub trait Cloud {
    /// Who asks, and where.
    fn caller(&self) -> Result<Caller, CloudError>;

    /// Looks at instances in these regions side by side, each with its own end, in their order.
    fn look(&self, regions: &[String], which: Which<'_>) -> Vec<Looked>;

    /// Whether AWS protects the instance from being terminated or stopped.
    fn protected(&self, region: &str, id: &str) -> Result<bool, CloudError>;

    /// Cancels a spot request, so that it launches nothing more.
    fn cancel(&self, region: &str, request: &str) -> Result<(), CloudError>;

    /// Asks for the end of one instance. That it was accepted is all that is known then.
    fn end(&self, region: &str, id: &str, how: How) -> Result<(), CloudError>;

    /// The architectures of an instance type, in AWS's words (`x86_64`, `arm64`).
    fn architectures(&self, region: &str, instance_type: &str) -> Result<Vec<String>, CloudError>;

    /// Sends one request to launch one instance, once.
    fn run(&self, request: &Request, token: &str) -> Reply;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_ec2s_words() {
        let words = State::ALL.map(State::word);
        assert_eq!(words, ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]);
    }

    #[test]
    fn an_end_is_shown_by_states_from_which_nothing_runs_on() {
        let check = |how: How, verb: &str, expected: &[State]| {
            assert_eq!(how.verb(), verb);
            let found: Vec<State> = State::ALL.into_iter().filter(|state| how.shown_by(*state)).collect();
            assert_eq!(found, expected);
        };
        let over = [State::ShuttingDown, State::Terminated];
        check(How::Stop, "stop", &[State::Stopping, State::Stopped, over[0], over[1]]);
        check(How::Terminate, "terminate", &over);
    }
}
