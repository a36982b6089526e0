use std::io::ErrorKind;
use std::time::Duration;

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::{SignedDuration, Timestamp, format_span};
use fleet::ports::{AccountRegions, CallerAccount, FleetError};
use fleet::provision::ProvisionPlan;
use fleet::refusal::vcpu_quota;

use crate::delivery::DaemonFile;
use crate::ports::cloud_failure;
use crate::provision::{ProvisionFlags, plan_provision};
use crate::settings::{SettingsLayer, SpawnSettings};
use crate::{Ports, ProcessCommand, regions};

/// Check that launches and sessions can work, and name the command that cures each problem.
///
/// Nothing is changed: AWS is only read. Each check has one row: ok, warning (something is missing
/// that not every launch needs) or failed. Exit code 1 when a check failed.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The region of the checks [default: the setting region]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckLevel {
    Ok,
    Warning,
    Failed,
}

impl CheckLevel {
    fn word(self) -> &'static str {
        ["ok", "warning", "failed"][self as usize]
    }
}

/// A check with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DoctorCheck {
    check: &'static str,
    level: CheckLevel,
    detail: String,
    /// The command that cures the problem.
    cure: Option<String>,
}

impl DoctorCheck {
    fn ok(check: &'static str, detail: impl Into<String>) -> DoctorCheck {
        DoctorCheck { check, level: CheckLevel::Ok, detail: detail.into(), cure: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> DoctorCheck {
        DoctorCheck { check, level: CheckLevel::Warning, detail: detail.into(), cure: Some(cure.into()) }
    }

    fn failed(check: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> DoctorCheck {
        DoctorCheck { check, level: CheckLevel::Failed, detail: detail.into(), cure: Some(cure.into()) }
    }

    /// Returns the failed check for a failure. The failure's hint is the cure.
    fn of_failure(check: &'static str, failure: Failure) -> DoctorCheck {
        let detail = [vec![failure.message], failure.excerpt].concat().join("; ");
        DoctorCheck { check, level: CheckLevel::Failed, detail, cure: failure.hint }
    }
}

pub(crate) fn run_doctor(
    args: &DoctorArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    // As for a launch without flags: the settings of the user and of the project apply.
    let settings =
        SpawnSettings::resolve(ports.spawn_settings, None, SettingsLayer::default(), ports.settings)?;
    let region = match &args.region {
        Some(name) => console::read_region("--region", name)?,
        None => settings.region.value.to_string(),
    };
    let progress = printer.progress("checking");
    let mut checks = match regions::read_account(ports) {
        Ok((caller, usable)) => account_checks(&caller, &usable, &region, &settings, ports),
        Err(failure) => vec![DoctorCheck::of_failure("credentials", failure)],
    };
    checks.extend(machine_checks(ports));
    drop(progress);
    printer.report(&Report::plain(page(&checks)), ports.encode)?;
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    match count(CheckLevel::Failed) {
        0 => Ok(Exit::Done),
        failed => Err(Failure::broken(format!("{failed} of {} checks failed", checks.len()))
            .hint("run the commands of the column cure, then spawn doctor again")),
    }
}

/// Returns the checks that need AWS.
fn account_checks(
    caller: &CallerAccount,
    usable: &AccountRegions,
    region: &str,
    settings: &SpawnSettings,
    ports: &Ports<'_>,
) -> Vec<DoctorCheck> {
    let mut checks = vec![
        DoctorCheck::ok("credentials", format!("account {}, {}", caller.account, caller.arn)),
        clock_check(caller.now, (ports.clock)()),
    ];
    if let Err(failure) = regions::choose_regions(&[region.to_string()], caller, usable) {
        checks.push(DoctorCheck::of_failure("region", failure));
        return checks;
    }
    checks.push(DoctorCheck::ok("region", region));
    checks.push(vpc_check(region, settings, ports));
    checks.extend(quota_checks(region, ports));
    checks.extend(provision_checks(caller, region, settings, ports));
    checks
}

/// AWS refuses signatures that are off by five minutes.
const CLOCK_LIMIT: SignedDuration = SignedDuration::from_mins(4);
/// Answers take time, so a small difference is none.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

fn clock_check(aws: Timestamp, machine: Timestamp) -> DoctorCheck {
    let ahead = machine.duration_since(aws);
    let side = if ahead.is_negative() { "behind" } else { "ahead of" };
    let detail = format!("this machine is {} {side} AWS", format_span(ahead.abs()));
    let cure = "timedatectl set-ntp true";
    match ahead.abs() {
        off if off <= CLOCK_TOLERANCE => DoctorCheck::ok("clock", detail),
        off if off <= CLOCK_LIMIT => DoctorCheck::warning("clock", detail, cure),
        _ => DoctorCheck::failed("clock", format!("{detail}, so AWS refuses its signatures"), cure),
    }
}

fn vpc_check(region: &str, settings: &SpawnSettings, ports: &Ports<'_>) -> DoctorCheck {
    const CHECK: &str = "default VPC";
    if let Some(subnet) = &settings.subnet {
        return DoctorCheck::ok(CHECK, format!("not needed: launches use {}", subnet.value));
    }
    match ports.provisioning.list_subnets(region) {
        Err(error) => DoctorCheck::of_failure(CHECK, cloud_failure(error)),
        Ok(subnets) => match subnets.iter().filter(|subnet| subnet.is_default).count() {
            0 => {
                let cure = format!("aws ec2 create-default-vpc --region {region}");
                let detail = format!("{region} has no default VPC; a launch needs --subnet");
                DoctorCheck::failed(CHECK, detail, cure)
            }
            1 => DoctorCheck::ok(CHECK, "it has 1 subnet"),
            more => DoctorCheck::ok(CHECK, format!("it has {more} subnets")),
        },
    }
}

/// Returns the checks of the vCPU quotas: of general types, and of types with a GPU. A new
/// account has a GPU quota of zero.
fn quota_checks(region: &str, ports: &Ports<'_>) -> Vec<DoctorCheck> {
    let kinds = [("quota", "t3.micro", 5, true), ("GPU quota", "g5.xlarge", 4, false)];
    let check = |(check, instance_type, wanted, is_needed): (&'static str, &str, u32, bool)| {
        let code = vcpu_quota(instance_type, false);
        let cure = format!(
            "aws service-quotas request-service-quota-increase --region {region} --service-code ec2 \
             --quota-code {code} --desired-value {wanted}"
        );
        match ports.quotas.read_quota(region, code) {
            Ok(vcpus) if vcpus >= f64::from(wanted) => {
                DoctorCheck::ok(check, format!("{vcpus} vCPUs on demand ({code})"))
            }
            Ok(vcpus) => {
                let detail = format!("{vcpus} vCPUs on demand ({code}), too few for {instance_type}");
                let level = if is_needed { DoctorCheck::failed } else { DoctorCheck::warning };
                level(check, detail, cure)
            }
            Err(error) => unread(check, error),
        }
    };
    kinds.map(check).into()
}

/// Returns the warning for something that could not be read. A launch does not read it.
fn unread(check: &'static str, error: FleetError) -> DoctorCheck {
    let failure = cloud_failure(error);
    DoctorCheck { level: CheckLevel::Warning, ..DoctorCheck::of_failure(check, failure) }
}

/// Returns the checks of the key, the security group and the role, by the plan of a launch.
fn provision_checks(
    caller: &CallerAccount,
    region: &str,
    settings: &SpawnSettings,
    ports: &Ports<'_>,
) -> Vec<DoctorCheck> {
    let flags = ProvisionFlags {
        region,
        subnet: settings.subnet.as_ref().map(|subnet| subnet.value.as_str()),
        key: settings.key.as_ref().map(|key| key.value.as_str()),
        groups: settings.groups.as_ref().map_or(&[][..], |groups| groups.value.as_slice()),
        role: settings.chosen_role(),
        ssh_from: &settings.ssh.from.value,
        compares_role: true,
        open: false,
    };
    let refused = match plan_provision(&flags, caller, ports) {
        Ok(plan) => return plan_checks(&plan),
        Err(failure) => failure,
    };
    // Without a role, the key and the group can be judged even if the role is the problem.
    match plan_provision(&ProvisionFlags { role: Some("none"), ..flags }, caller, ports) {
        Ok(plan) => {
            let mut checks = plan_checks(&plan);
            checks.retain(|check| check.check != "role");
            checks.push(DoctorCheck::of_failure("role", refused));
            checks
        }
        Err(failure) => vec![DoctorCheck::of_failure("key and group", failure)],
    }
}

fn plan_checks(plan: &ProvisionPlan) -> Vec<DoctorCheck> {
    let mut checks: Vec<DoctorCheck> = Vec::new();
    for step in plan.steps() {
        let check = match step.resource.as_str() {
            "key pair" => "key",
            "role" => "role",
            _ => "group",
        };
        let detail = match step.action.as_str() {
            "use" => format!("{} is used", step.name),
            "none" => "none".to_string(),
            action => format!("{}: a launch will {action} it", step.name),
        };
        let detail = step.note.iter().fold(detail, |detail, note| format!("{detail} ({note})"));
        match checks.iter_mut().find(|known| known.check == check) {
            Some(known) => known.detail = format!("{}; {detail}", known.detail),
            None => checks.push(DoctorCheck::ok(check, detail)),
        }
    }
    for note in plan.notes() {
        checks.push(DoctorCheck { level: CheckLevel::Warning, ..DoctorCheck::ok("launch", note) });
    }
    checks
}

/// Returns the checks of this machine.
fn machine_checks(ports: &Ports<'_>) -> Vec<DoctorCheck> {
    let mut checks: Vec<DoctorCheck> = [("spawnd files", "x86_64"), ("spawnd files (arm64)", "arm64")]
        .map(|(check, arch)| match DaemonFile::load(&ports.executable, arch) {
            Ok(file) => DoctorCheck::ok(check, format!("version {}, glibc {}", file.version, file.glibc)),
            Err(failure) => {
                DoctorCheck { level: CheckLevel::Warning, ..DoctorCheck::of_failure(check, failure) }
            }
        })
        .into();
    let manual = "https://docs.aws.amazon.com/systems-manager/latest/userguide/";
    let install = "install it: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html";
    checks.push(program_check("ssh", &["-V"], true, "sudo apt-get install openssh-client", ports));
    // Both are needed for the Session Manager alone.
    checks.push(program_check("aws", &["--version"], false, install, ports));
    checks.push(program_check(
        "session-manager-plugin",
        &["--version"],
        false,
        &format!("install it: {manual}session-manager-working-with-install-plugin.html"),
        ports,
    ));
    checks.push(price_check(ports));
    checks
}

/// The time limit of a program that prints its version.
const VERSION_LIMIT: Duration = Duration::from_secs(5);

fn program_check(
    program: &'static str,
    words: &[&str],
    is_needed: bool,
    cure: &str,
    ports: &Ports<'_>,
) -> DoctorCheck {
    let command = ProcessCommand {
        program: program.into(),
        args: words.iter().map(Into::into).collect(),
        ..ProcessCommand::default()
    };
    let bad = |detail: &str| match is_needed {
        true => DoctorCheck::failed(program, detail, cure),
        false => DoctorCheck::warning(program, detail, cure),
    };
    match ports.processes.capture(&command, b"", VERSION_LIMIT) {
        Ok(output) if output.code == Some(0) => {
            // ssh prints its version on standard error.
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).trim().lines().next().unwrap_or_default().to_string();
            DoctorCheck::ok(program, text)
        }
        Ok(output) => {
            let code = output.code.map_or("no exit code".to_string(), |code| format!("exit code {code}"));
            bad(&format!("it does not run: {code}"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => bad("it is not installed"),
        Err(error) => bad(&format!("it cannot be started: {error}")),
    }
}

/// Checks that the local data can be read: plans and lists compute costs from its prices.
fn price_check(ports: &Ports<'_>) -> DoctorCheck {
    const CHECK: &str = "prices";
    match (ports.warehouse)() {
        Ok(warehouse) => {
            let place = warehouse.place();
            let lake = place.lake.map_or("the seed data".to_string(), |lake| lake.display().to_string());
            DoctorCheck::ok(CHECK, format!("from {lake}"))
        }
        Err(error) => DoctorCheck::warning(CHECK, error.to_string(), "truffle status"),
    }
}

fn page(checks: &[DoctorCheck]) -> Page {
    let fields = ["check", "result", "detail", "cure"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let row = |check: &DoctorCheck| -> Vec<Value> {
        vec![
            check.check.into(),
            check.level.word().into(),
            check.detail.as_str().into(),
            check.cure.as_deref().into(),
        ]
    };
    Page { fields, rows: checks.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_aws_refuses_is_a_failure() {
        let aws: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let check = |seconds: i64, level: CheckLevel, detail: &str| {
            let found = clock_check(aws, aws + SignedDuration::from_secs(seconds));
            assert_eq!(found.level, level, "{seconds}");
            assert!(found.detail.contains(detail), "{}", found.detail);
        };
        check(0, CheckLevel::Ok, "0s");
        check(-30, CheckLevel::Ok, "30s behind AWS");
        check(31, CheckLevel::Warning, "31s ahead of AWS");
        check(-240, CheckLevel::Warning, "4m behind AWS");
        check(241, CheckLevel::Failed, "4m1s ahead of AWS, so AWS refuses its signatures");
        check(-86_400, CheckLevel::Failed, "1d behind AWS");
    }
}
