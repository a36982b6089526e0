use std::collections::BTreeMap;

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use fleet::instance::InstanceView;
use fleet::ports::InstanceSelector;

use crate::Ports;
use crate::regions::{choose_regions, query_regions, read_account};
use crate::ssh::{ConfigHost, HostMaker, config_files, forget_host_keys, is_own};

/// Let ssh, scp, rsync and editors reach your instances by name.
///
/// Writes one file with a block for each of your instances, and one Include line at the beginning
/// of ~/.ssh/config. ssh then starts spawn proxy, which finds the address, lets this machine
/// through the security group, and starts a stopped instance: unasked with the setting ssh.start,
/// else after a question on the terminal.
///
/// A name becomes a name for ssh if it has only letters, digits, - and _, if no other of your
/// instances has it, and if your own configuration does not have it. The id always is one.
/// Instances that you launch, start or connect to later are added, and terminated ones are removed.
/// With --account, ssh uses the credentials of that profile from then on.
#[derive(Debug, Args)]
pub struct SshConfigArgs {
    /// Regions to read; instances of the others stay [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
}

pub(crate) fn run_ssh_config(
    args: &SshConfigArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let (caller, regions) = read_account(ports)?;
    let chosen = choose_regions(&args.region, &caller, &regions)?;
    let scan = query_regions(ports.instances, &chosen, InstanceSelector::All, caller.now);
    let is_host =
        |seen: &&InstanceView| seen.managed() && !seen.state.is_over() && is_own(seen, &caller, ports);
    let own: Vec<&InstanceView> = scan.seen.iter().filter(is_host).collect();
    let files = config_files(ports);
    let mut maker = HostMaker::new(ports)?;
    let mut hosts = own.iter().map(|seen| maker.host(seen)).collect::<Result<Vec<_>, _>>()?;
    drop_ambiguous(&mut hosts);
    let is_read = |region: &&String| !scan.gaps.iter().any(|(gap, _)| gap == *region);
    let read: Vec<String> = chosen.iter().filter(is_read).cloned().collect();
    let removed = files.write(&hosts, &caller.account, &read)?;
    forget_ended(&removed, &scan.seen, ports)?;
    let is_new = files.include()?;
    scan.print_gaps(printer);
    printer.report(&Report::plain(page(&hosts)), ports.encode)?;
    for (seen, host) in own.iter().zip(&hosts) {
        if let (Some(name), None) = (seen.name(), &host.alias) {
            printer.note(&format!("\"{name}\" cannot be a name for ssh; use {}", seen.id));
        }
    }
    printer.note(&format!("wrote {}", files.path().display()));
    if is_new {
        printer.note("added one Include line to ~/.ssh/config");
    }
    scan.fail_on_gap()?;
    Ok(Exit::Done)
}

/// Removes the pinned host keys of instances that have ended for good: those that AWS still shows,
/// and those whose blocks were removed because AWS shows them no more.
fn forget_ended(removed: &[String], seen: &[InstanceView], ports: &Ports<'_>) -> Result<(), Failure> {
    let is_alive = |id: &str| seen.iter().any(|seen| seen.id == id && !seen.state.is_over());
    let over = seen.iter().filter(|seen| seen.state.is_over()).map(|seen| seen.id.as_str());
    let ids: Vec<&str> = removed.iter().map(String::as_str).chain(over).filter(|id| !is_alive(id)).collect();
    forget_host_keys(&ids, ports)
}

/// Leaves only the ids of instances that have the same name.
fn drop_ambiguous(hosts: &mut [ConfigHost]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for alias in hosts.iter().filter_map(|host| host.alias.as_ref()) {
        *counts.entry(alias.to_lowercase()).or_default() += 1;
    }
    for host in hosts {
        host.alias = host.alias.take().filter(|alias| counts.get(&alias.to_lowercase()) == Some(&1));
    }
}

fn page(hosts: &[ConfigHost]) -> Page {
    let names = ["host", "instance_id", "region", "user", "key"];
    let row = |host: &ConfigHost| -> Vec<Value> {
        let key =
            if host.sends_key { "instance-connect".into() } else { host.identity.display().to_string() };
        vec![
            host.alias.as_deref().unwrap_or(&host.id).into(),
            host.id.as_str().into(),
            host.region.as_str().into(),
            host.user.as_str().into(),
            key.as_str().into(),
        ]
    };
    let fields = names.into_iter().map(|name| Field::new(name, ValueType::Text)).collect();
    Page { fields, rows: hosts.iter().map(row).collect() }
}
