//! Decorators of the ports that fail on demand, for tests.

use super::FleetError;
use super::account::{Account, AccountRegions, CallerAccount};
use super::instances::{InstanceSelector, Instances, RegionInstances};
use super::memory::MemoryFleet;
use crate::instance::{PowerRequest, ReapAction};
use crate::launch::{LaunchRefusal, LaunchReply, LaunchRequest};
use crate::remains::RemainingResource;
use jiff::SignedDuration;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

/// The fault in one launch request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchFault {
    /// No fault.
    Fine,
    /// The request never arrives.
    Lost,
    /// The request is executed, and its answer is lost.
    ReplyLost,
    /// The request is executed twice, in sequence; one answer arrives.
    Twice,
    /// The request arrives after this many seconds, and its answer is lost.
    Late(u32),
    /// The request is refused.
    Refused,
    /// EC2 does not know the key of the request yet.
    NotYet,
    /// The request is refused because there are too many.
    Throttled,
}

/// The fault in one change of an existing instance: of its power, its tags or its spot request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeFault {
    /// No fault.
    Fine,
    /// The request never arrives.
    Lost,
    /// The request is executed, and its answer is lost.
    ReplyLost,
    /// The request is refused.
    Refused,
    /// The caller is killed before it sends the request: a panic with this value.
    KilledBefore,
    /// The caller is killed after the request was executed: a panic with this value.
    KilledAfter,
}

/// An account that rejects the caller's credentials.
pub struct FaultyAccount(
    /// The reason that AWS gives.
    pub String,
);

impl Account for FaultyAccount {
    fn caller(&self) -> Result<CallerAccount, FleetError> {
        Err(FleetError::Credentials(self.0.clone()))
    }

    fn regions(&self) -> Result<AccountRegions, FleetError> {
        Err(FleetError::Credentials(self.0.clone()))
    }
}

/// Instances with injected faults in their launches and queries.
pub struct FaultyInstances<'a> {
    /// The instances without faults.
    pub fleet: &'a MemoryFleet,
    /// The faults of the next launch requests; later requests have none.
    pub runs: RefCell<VecDeque<LaunchFault>>,
    /// How many of the next queries fail.
    pub blind: Cell<u32>,
    /// Ids of instances that AWS refuses to end.
    pub stubborn: Vec<String>,
    /// Codes of regions whose queries fail.
    pub unread: Vec<String>,
    /// The faults of the next changes; later changes have none.
    pub changes: RefCell<VecDeque<ChangeFault>>,
}

impl<'a> FaultyInstances<'a> {
    /// Returns these instances without faults.
    pub fn new(fleet: &'a MemoryFleet) -> FaultyInstances<'a> {
        FaultyInstances {
            fleet,
            runs: RefCell::default(),
            blind: Cell::new(0),
            stubborn: Vec::new(),
            unread: Vec::new(),
            changes: RefCell::default(),
        }
    }

    /// Sends a change with its fault.
    fn change(&self, send: impl FnOnce() -> Result<(), FleetError>) -> Result<(), FleetError> {
        let fault = self.changes.borrow_mut().pop_front().unwrap_or(ChangeFault::Fine);
        let lost = || Err(FleetError::Failed("no answer in time".to_string()));
        match fault {
            ChangeFault::Fine => send(),
            ChangeFault::Lost => lost(),
            ChangeFault::ReplyLost => send().and_then(|()| lost()),
            ChangeFault::Refused => Err(FleetError::Refused {
                code: "UnauthorizedOperation".to_string(),
                why: "you are not authorized".to_string(),
            }),
            ChangeFault::KilledBefore => std::panic::panic_any(fault),
            ChangeFault::KilledAfter => {
                drop(send());
                std::panic::panic_any(fault)
            }
        }
    }
}

impl Instances for FaultyInstances<'_> {
    fn list_instances(&self, regions: &[String], which: InstanceSelector<'_>) -> Vec<RegionInstances> {
        let mut looked = self.fleet.list_instances(regions, which);
        for one in looked.iter_mut().filter(|one| self.unread.contains(&one.region)) {
            one.seen = Err("no answer in time".to_string());
        }
        if self.blind.get() > 0 {
            self.blind.set(self.blind.get() - 1);
            looked.iter_mut().for_each(|one| one.seen = Err("no answer in time".to_string()));
        }
        looked
    }

    fn read_protection(&self, region: &str, id: &str) -> Result<bool, FleetError> {
        self.fleet.read_protection(region, id)
    }

    fn cancel_spot_request(&self, region: &str, request: &str) -> Result<(), FleetError> {
        self.change(|| self.fleet.cancel_spot_request(region, request))
    }

    fn end_instance(&self, region: &str, id: &str, how: ReapAction) -> Result<(), FleetError> {
        if self.stubborn.iter().any(|stubborn| stubborn == id) {
            return Err(FleetError::Failed("AWS does not do it".to_string()));
        }
        self.fleet.end_instance(region, id, how)
    }

    fn change_power(&self, region: &str, id: &str, request: PowerRequest) -> Result<(), FleetError> {
        if self.stubborn.iter().any(|stubborn| stubborn == id) {
            return Err(FleetError::Failed("AWS does not do it".to_string()));
        }
        self.change(|| self.fleet.change_power(region, id, request))
    }

    fn write_tags(&self, region: &str, id: &str, tags: &BTreeMap<String, String>) -> Result<(), FleetError> {
        self.change(|| self.fleet.write_tags(region, id, tags))
    }

    fn read_console(&self, region: &str, id: &str) -> Result<Option<String>, FleetError> {
        self.fleet.read_console(region, id)
    }

    fn list_remains(
        &self,
        region: &str,
        id: &str,
        disks: &[String],
    ) -> Result<Vec<RemainingResource>, FleetError> {
        self.fleet.list_remains(region, id, disks)
    }

    fn check_launch(&self, request: &LaunchRequest) -> Result<(), FleetError> {
        match self.runs.borrow().front() {
            Some(LaunchFault::Refused) => {
                let LaunchRefusal { code, why } = no_capacity();
                Err(FleetError::Refused { code, why })
            }
            _ => self.fleet.check_launch(request),
        }
    }

    fn launch_once(&self, request: &LaunchRequest, token: &str) -> LaunchReply {
        let lost = || LaunchReply::Lost("no answer in time".to_string());
        match self.runs.borrow_mut().pop_front().unwrap_or(LaunchFault::Fine) {
            LaunchFault::Fine => self.fleet.launch_once(request, token),
            LaunchFault::Lost => lost(),
            LaunchFault::ReplyLost => {
                self.fleet.launch_once(request, token);
                lost()
            }
            LaunchFault::Twice => {
                self.fleet.launch_once(request, token);
                self.fleet.launch_once(request, token)
            }
            LaunchFault::Late(seconds) => {
                self.fleet.launch_late(request, token, SignedDuration::from_secs(i64::from(seconds)));
                lost()
            }
            LaunchFault::Refused => LaunchReply::Refused(no_capacity()),
            LaunchFault::NotYet => LaunchReply::NotYet(LaunchRefusal {
                code: "InvalidKeyPair.NotFound".to_string(),
                why: "there is no such key".to_string(),
            }),
            LaunchFault::Throttled => LaunchReply::Throttled(LaunchRefusal {
                code: "RequestLimitExceeded".to_string(),
                why: "too many requests".to_string(),
            }),
        }
    }
}

fn no_capacity() -> LaunchRefusal {
    LaunchRefusal {
        code: "InsufficientInstanceCapacity".to_string(),
        why: "there is no capacity".to_string(),
    }
}
