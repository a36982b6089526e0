use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use fleet::instance::InstanceView;

use crate::Ports;
use crate::delivery::{DeliveredDaemon, push};
use crate::names::{TargetArgs, find_targets};
use crate::settings::{SettingsLayer, SpawnSettings};
use crate::ssh::SessionOptions;

/// Send spawnd to running instances, or a newer one.
///
/// A launch does this by itself; this command repeats a delivery that failed, and replaces an older
/// spawnd. The file is sent through one ssh command. It replaces nothing before its length and its
/// digest are right and it runs there. Then the daemon is started, and the end that it reports is
/// compared with the instance's tag. The login user needs sudo without a password.
#[derive(Debug, Args)]
pub struct DeliverArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// The login user [default: the setting ssh.user, else that of the launch or of the image]
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Accept an unknown host key at the first connection
    #[arg(long)]
    pub trust_first: bool,
}

pub(crate) fn run_deliver(
    args: &DeliverArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let found = find_targets(&args.targets.names, &args.targets.region, ports)?;
    let flags = SettingsLayer::default().text_flag("ssh.user", "--user", args.user.as_deref());
    let ssh = SpawnSettings::resolve(ports.spawn_settings, None, flags, ports.settings)?.ssh;
    let options = SessionOptions {
        user: ssh.user.map(|user| user.value),
        jump: ssh.jump.map(|jump| jump.value),
        trust_first: args.trust_first,
        ..SessionOptions::default()
    };
    let mut delivered = Vec::new();
    let mut failures = Vec::new();
    for instance in &found.instances {
        let progress = printer.progress(&format!("sending spawnd to {}", instance.id));
        let done = push(instance, &options, ports);
        drop(progress);
        match done {
            Ok(daemon) => delivered.push(row(instance, &daemon)),
            Err(failure) => failures.push(failure),
        }
    }
    if !delivered.is_empty() {
        printer.relative_to(found.scan.at);
        printer.report(&Report::plain(page(delivered)), ports.encode)?;
    }
    // The last failure is printed as the command's own.
    let last = failures.pop();
    failures.iter().for_each(|failure| printer.failure(failure));
    last.map_or(Ok(Exit::Done), Err)
}

fn page(rows: Vec<Vec<Value>>) -> Page {
    let fields = [
        ("instance_id", ValueType::Text),
        ("name", ValueType::Text),
        ("region", ValueType::Text),
        ("spawnd", ValueType::Text),
        ("until", ValueType::Timestamp),
    ];
    Page { fields: fields.into_iter().map(|(name, ty)| Field::new(name, ty)).collect(), rows }
}

fn row(instance: &InstanceView, daemon: &DeliveredDaemon) -> Vec<Value> {
    vec![
        instance.id.as_str().into(),
        instance.name().into(),
        instance.region.as_str().into(),
        daemon.version.as_str().into(),
        Some(daemon.until).into(),
    ]
}
