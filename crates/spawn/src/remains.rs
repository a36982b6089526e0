//! The resources that stay when an instance has ended, and their monthly cost.

use console::Printer;
use fleet::instance::InstanceView;
use fleet::ports::Instances;
use fleet::remains::{RemainingResource, dollars};

/// The resources that remain after an end, or why they could not be read.
pub(crate) type Remains = Result<Vec<RemainingResource>, String>;

/// Requests the resources that stay after an end. With `keeps_disks`, as after a stop, these are
/// all disks; else those that are not deleted with the instance.
pub(crate) fn query_remains(cloud: &dyn Instances, seen: &InstanceView, keeps_disks: bool) -> Remains {
    let stays = seen.disks.iter().filter(|disk| disk.stays || keeps_disks);
    let disks: Vec<String> = stays.map(|disk| disk.volume.clone()).collect();
    cloud.list_remains(&seen.region, &seen.id, &disks).map_err(|error| error.to_string())
}

/// Prints the resources that stay after an end, with their monthly cost.
pub(crate) fn report_remains(region: &str, id: &str, remains: &Remains, printer: &mut Printer) {
    match remains {
        Err(why) => printer.note(&format!("the disks and addresses that {id} leaves were not read: {why}")),
        Ok(remains) if remains.is_empty() => {}
        Ok(remains) => {
            let list: Vec<String> = remains.iter().map(|one| one.sentence(region)).collect();
            let known: u64 = remains.iter().filter_map(|one| one.monthly_cents(region)).sum();
            let cost = match remains.iter().all(|one| one.monthly_cents(region).is_some()) {
                true => format!("cost about {} a month", dollars(known)),
                false if known == 0 => "cost money".to_string(),
                false => format!("cost more than {} a month", dollars(known)),
            };
            printer.note(&format!("after {id}, {} remain and {cost}: {}", list.len(), list.join(", ")));
        }
    }
}
