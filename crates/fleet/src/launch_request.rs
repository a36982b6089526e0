//! The parameters of a launch, and how an instance differs from them.

use crate::instance::InstanceView;
use domain::AzId;
use lifecycle::PowerOff;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parameters of a RunInstances request for one instance. Equal requests have the same text, so
/// that AWS recognizes a repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchRequest {
    /// The region's code.
    pub region: String,
    /// The name or the id of an availability zone, such as `eu-west-1a` or `euw1-az1`; none lets
    /// EC2 choose.
    pub zone: Option<String>,
    /// The id of a subnet; none for the default one.
    pub subnet: Option<String>,
    /// The instance type.
    pub instance_type: String,
    /// The id of an image, or `resolve:ssm:` and a public parameter that names one.
    pub image: String,
    /// The name of a key pair for SSH.
    pub key: Option<String>,
    /// Ids of security groups; without any, EC2 uses the VPC's default group.
    pub groups: Vec<String>,
    /// The name of an instance profile.
    pub profile: Option<String>,
    /// The root volume; none for the image's own settings.
    pub root: Option<RootVolume>,
    /// Whether the instance can be hibernated.
    pub hibernation: bool,
    /// The spot request; none for an on-demand instance.
    pub spot: Option<SpotMarket>,
    /// The effect of a power-off from inside.
    pub power_off: PowerOff,
    /// The tags of the instance and of the resources that come with it.
    pub tags: BTreeMap<String, String>,
    /// The user data for cloud-init.
    pub user_data: Vec<u8>,
}

/// The encrypted root volume of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootVolume {
    /// The image's name of its root device, such as `/dev/xvda`.
    pub device: String,
    /// Its size in GiB.
    pub gib: u32,
}

/// The spot request of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpotMarket {
    /// Whether the instance can be stopped. Then the request is persistent: EC2 launches another
    /// instance after a termination, unless the request is cancelled first.
    pub stoppable: bool,
    /// The highest price per hour, in dollars; none for the on-demand price.
    pub max_price: Option<String>,
}

impl LaunchRequest {
    /// Returns everything that EC2 creates for the request, one text each.
    pub fn resources(&self) -> Vec<String> {
        let market = match &self.spot {
            None => "on demand",
            Some(SpotMarket { stoppable: false, .. }) => "spot, one-time",
            Some(SpotMarket { stoppable: true, .. }) => "spot, persistent",
        };
        let mut found = vec![format!("instance {}, {market}", self.instance_type)];
        if let Some(root) = &self.root {
            found.push(format!("root volume of {} GiB, gp3, encrypted, deleted with the instance", root.gib));
        }
        found.push("network interface, deleted with the instance".to_string());
        if self.spot.is_some() {
            found.push("spot request".to_string());
        }
        found
    }

    /// Returns the differences between an instance and this request, one line each.
    pub fn differences(&self, seen: &InstanceView) -> Vec<String> {
        let mut found = Vec::new();
        if seen.instance_type != self.instance_type {
            found.push(format!("it is a {}, requested was a {}", seen.instance_type, self.instance_type));
        }
        for (key, value) in &self.tags {
            match seen.tag(key) {
                Some(other) if other == value => {}
                Some(other) => found.push(format!("tag {key} is \"{other}\", requested was \"{value}\"")),
                None => found.push(format!("tag {key} is missing")),
            }
        }
        match seen.metadata {
            Some(access) if access.session_required && access.hops == 1 && access.tags => {}
            _ => found.push(
                "its metadata service is less strict than requested, or does not serve tags".to_string(),
            ),
        }
        self.compare_details(seen, &mut found);
        found
    }

    fn compare_details(&self, seen: &InstanceView, found: &mut Vec<String>) {
        let details = &seen.details;
        let profile = details.profile.as_deref().and_then(|arn| arn.rsplit('/').next());
        let named = [
            ("zone", self.zone.as_deref().filter(|zone| !AzId::is_valid(zone)), details.zone.as_deref()),
            ("subnet", self.subnet.as_deref(), details.subnet.as_deref()),
            ("key", self.key.as_deref(), details.key_name.as_deref()),
            ("instance profile", self.profile.as_deref(), profile),
        ];
        for (what, requested, actual) in named {
            if let Some(requested) = requested.filter(|requested| Some(*requested) != actual) {
                let actual = actual.unwrap_or("none");
                found.push(format!("its {what} is {actual}, requested was {requested}"));
            }
        }
        let missing = self.groups.iter().filter(|group| !details.groups.contains(group));
        found.extend(missing.map(|group| format!("it is not in the security group {group}")));
        if self.hibernation && !details.hibernates {
            found.push("it cannot be hibernated, requested was hibernation".to_string());
        }
        if self.spot.is_some() != seen.spot.is_some() {
            let market = |spot| if spot { "a spot instance" } else { "an on-demand instance" };
            let (actual, requested) = (market(seen.spot.is_some()), market(self.spot.is_some()));
            found.push(format!("it is {actual}, requested was {requested}"));
        }
    }
}
