//! The ports of instances to which every address may connect, by their security groups.

use std::collections::{BTreeMap, BTreeSet};

use console::Printer;
use fleet::instance::InstanceView;
use fleet::ports::RegionGroups;

use crate::Ports;

/// The open ports of security groups, by region and id.
#[derive(Debug, Default)]
pub(crate) struct OpenPorts(BTreeMap<(String, String), Vec<String>>);

impl OpenPorts {
    /// Queries the groups of these instances, all regions in parallel. Groups that could not be
    /// read have unknown ports, and the reason is printed.
    pub(crate) fn read(seen: &[&InstanceView], ports: &Ports<'_>, printer: &mut Printer) -> OpenPorts {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for one in seen {
            let groups = one.details.groups.iter().map(String::as_str);
            wanted.entry(&one.region).or_default().extend(groups);
        }
        let wanted: Vec<RegionGroups> = wanted
            .into_iter()
            .filter(|(_, groups)| !groups.is_empty())
            .map(|(region, groups)| RegionGroups {
                region: region.to_string(),
                ids: groups.into_iter().map(String::from).collect(),
            })
            .collect();
        let mut open = BTreeMap::new();
        let found = ports.provisioning.find_groups_of_regions(&wanted);
        for (asked, answer) in wanted.iter().zip(found) {
            match answer {
                Ok(groups) => open.extend(
                    groups
                        .into_iter()
                        .map(|group| ((asked.region.clone(), group.id.clone()), group.open_ports())),
                ),
                Err(why) => printer.note(&format!("open ports in {} are unknown: {why}", asked.region)),
            }
        }
        OpenPorts(open)
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
