//! The port to EC2's instances: reads, launches and ends them.

use super::FleetError;
use crate::instance::{InstanceView, PowerRequest, ReapAction};
use crate::launch::{LaunchReply, LaunchRequest};
use crate::remains::RemainingResource;
use domain::Timestamp;
use std::collections::BTreeMap;

/// The instances to query.
#[derive(Debug, Clone, Copy)]
pub enum InstanceSelector<'a> {
    /// All that EC2 still shows.
    All,
    /// Those with these ids, as far as they exist.
    Ids(&'a [String]),
    /// Those of a launch, by its token and its tag.
    Launch(&'a str),
}

/// The result of a query in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionInstances {
    /// The region's code.
    pub region: String,
    /// AWS's clock at the time of its answer.
    pub at: Option<Timestamp>,
    /// All matching instances, or why the query failed.
    pub seen: Result<Vec<InstanceView>, String>,
}

/// EC2's instances, as far as launching and ending them needs it.
pub trait Instances {
    /// Queries instances in these regions in parallel. Returns one result for each region, in their
    /// order.
    fn list_instances(&self, regions: &[String], which: InstanceSelector<'_>) -> Vec<RegionInstances>;

    /// Returns whether AWS protects the instance from termination or stop.
    ///
    /// # Errors
    /// AWS did not report it.
    fn read_protection(&self, region: &str, id: &str) -> Result<bool, FleetError>;

    /// Cancels a spot request, so that it launches no further instance.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn cancel_spot_request(&self, region: &str, request: &str) -> Result<(), FleetError>;

    /// Requests the end of one instance. A success means only that AWS accepted the request.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn end_instance(&self, region: &str, id: &str, how: ReapAction) -> Result<(), FleetError>;

    /// Requests a change of one instance's power. A success means only that AWS accepted it.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn change_power(&self, region: &str, id: &str, request: PowerRequest) -> Result<(), FleetError>;

    /// Writes these tags of one instance and leaves its other tags. A success means only that AWS
    /// accepted them.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn write_tags(&self, region: &str, id: &str, tags: &BTreeMap<String, String>) -> Result<(), FleetError>;

    /// Returns the newest console output of one instance; none before its first output.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn read_console(&self, region: &str, id: &str) -> Result<Option<String>, FleetError>;

    /// Returns the resources that stay when the instance has ended: these disks, its Elastic IP
    /// addresses, and the images made of it. Query them before the end, which detaches them.
    ///
    /// # Errors
    /// AWS did not report one of them.
    fn list_remains(
        &self,
        region: &str,
        id: &str,
        disks: &[String],
    ) -> Result<Vec<RemainingResource>, FleetError>;

    /// Sends the launch request as a dry run: EC2 checks the permissions and the parameters, but
    /// not the capacity, and launches nothing.
    ///
    /// # Errors
    /// EC2 would refuse the launch, or did not answer.
    fn check_launch(&self, request: &LaunchRequest) -> Result<(), FleetError>;

    /// Sends one launch request for one instance, without a retry.
    fn launch_once(&self, request: &LaunchRequest, token: &str) -> LaunchReply;
}
