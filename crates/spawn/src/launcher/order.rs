//! The choices of a launch, merged from flags and settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use console::{Failure, Printer, Setting, SettingOrigin};
use domain::Timestamp;
use fleet::image::{ImageAlias, ImageChoice};
use fleet::launch::{LaunchAccess, SpotMarket};
use fleet::launch_plan::{LaunchBound, LaunchChoices, LaunchPlanError};
use lifecycle::EndAction;
use lifecycle::clock_time::parse_clock;
use serde::{Deserialize, Serialize};

use crate::Ports;
use crate::delivery::DeliveryMethod;
use crate::launcher::args::LaunchArgs;
use crate::provision::ProvisionFlags;
use crate::settings::{SettingsLayer, SpawnSettings};

/// Everything that a user chose for a launch. It is the main part of a plan file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaunchOrder {
    /// The choices for the instance.
    pub(crate) choices: LaunchChoices,
    /// An id or an alias of an image; an id in a plan file.
    pub(crate) image: String,
    /// The highest price per hour.
    pub(crate) max_price: Option<String>,
    /// The name of a key pair, or `none`; none for a key of the user.
    pub(crate) key: Option<String>,
    /// Names or ids of security groups; empty for spawn's own group.
    pub(crate) groups: Vec<String>,
    /// The addresses that may connect to port 22: `auto`, `none`, or an address range.
    pub(crate) ssh_from: String,
    /// Whether more than one address may connect.
    pub(crate) open: bool,
    /// The name of a role, or `none`; none for spawn's own.
    pub(crate) role: Option<String>,
    /// How spawnd gets onto the instance, and how ssh reaches it.
    pub(crate) access: LaunchAccess,
    /// A file for cloud-init.
    pub(crate) user_data: Option<PathBuf>,
    /// Environment variables.
    pub(crate) env: BTreeMap<String, String>,
}

/// The most characters of a tag's value, by AWS's tag restrictions.
const LONGEST_NAME: usize = 256;

/// Returns the settings of a launch.
///
/// # Errors
/// A flag, a variable or a settings file has an invalid value.
pub(crate) fn resolve_settings(args: &LaunchArgs, ports: &Ports<'_>) -> Result<SpawnSettings, Failure> {
    let flags = SettingsLayer::default()
        .text_flag("type", "TYPE", args.instance_type.as_deref())
        .text_flag("region", "--region", args.region.as_deref())
        .text_flag("zone", "--zone", args.zone.as_deref())
        .text_flag("subnet", "--subnet", args.subnet.as_deref())
        .text_flag("ttl", "--ttl", args.ttl.as_deref())
        .text_flag("cap", "--cap", args.cap.as_deref())
        .text_flag("on_expiry", "--on-expiry", args.on_expiry.as_deref())
        .text_flag("idle_timeout", "--idle-timeout", args.idle_timeout.as_deref())
        .text_flag("on_idle", "--on-idle", args.on_idle.as_deref())
        .text_flag("image", "--image", args.image.as_deref())
        .text_flag("disk", "--disk", args.disk.as_deref())
        .switch_flag("hibernation", "--hibernation", args.hibernation)
        .switch_flag("spot", "--spot", args.spot)
        .switch_flag("stoppable", "--stoppable", args.stoppable)
        .text_flag("max_price", "--max-price", args.max_price.as_deref())
        .text_flag("key", "--key", args.key.as_deref())
        .list_flag("groups", "--group", &args.group)
        .text_flag("role", "--role", args.role.as_deref())
        .text_flag("ssh.user", "--user", args.user.as_deref())
        .text_flag("deliver", "--deliver", args.deliver.as_deref())
        .text_flag("user_data", "--user-data", args.user_data.as_deref())
        .text_flag("project", "--project", args.project.as_deref())
        .text_flag("team", "--team", args.team.as_deref())
        .pairs_flag("tags", "--tag", &args.tag)?
        .pairs_flag("env", "--env", &args.env)?;
    SpawnSettings::resolve(ports.spawn_settings, args.profile.as_deref(), flags, ports.settings)
}

impl LaunchOrder {
    /// Reads the flags and the settings, and checks them as far as that needs no request.
    ///
    /// # Errors
    /// A value is missing, invalid, or contradicts another one.
    pub(crate) fn read(
        args: &LaunchArgs,
        ports: &Ports<'_>,
        printer: &mut Printer,
    ) -> Result<LaunchOrder, Failure> {
        let settings = resolve_settings(args, ports)?;
        settings.ignored.iter().for_each(|ignored| printer.note(&ignored.note()));
        let instance_type = settings.instance_type.as_ref().ok_or_else(|| {
            Failure::usage("the instance type is missing").hint("spawn launch t3.micro --ttl 8h")
        })?;
        let image = &settings.image.value;
        if ImageChoice::parse(image).is_none() {
            let names = ImageAlias::ALL.map(ImageAlias::name).join(", ");
            return Err(Failure::usage(format!(
                "{}: \"{image}\" is not an image id such as ami-0123456789abcdef0",
                place(&settings.image.origin, "image")
            ))
            .hint(format!("the short names of images are {names}")));
        }
        let choices = LaunchChoices {
            region: settings.region.value.to_string(),
            zone: value(&settings.zone),
            subnet: value(&settings.subnet),
            bound: bound(args, &settings, ports)?,
            cap: settings.cap.value,
            on_expiry: chosen(&settings.on_expiry),
            idle_timeout: value(&settings.idle_timeout),
            on_idle: chosen(&settings.on_idle)
                .filter(|_| settings.idle_timeout.is_some() || args.on_idle.is_some()),
            disk_gib: value(&settings.disk),
            hibernation: settings.hibernation.value,
            spot: spot_market(&settings)?,
            name: args.name.as_deref().map(check_name).transpose()?,
            tags: tags(&settings),
            instance_type: instance_type.value.to_string(),
        };
        choices.check().map_err(|error| plan_failure(&error))?;
        Ok(LaunchOrder {
            choices,
            image: image.clone(),
            max_price: value(&settings.max_price),
            key: value(&settings.key),
            groups: value(&settings.groups).unwrap_or_default(),
            ssh_from: settings.ssh.from.value.clone(),
            open: args.open,
            role: settings.chosen_role().map(String::from),
            access: LaunchAccess {
                deliver: settings.deliver.value.clone(),
                user: value(&settings.ssh.user),
                jump: value(&settings.ssh.jump),
            },
            user_data: value(&settings.user_data),
            env: variables(&settings)?,
        })
    }
}

impl LaunchOrder {
    /// Returns the choices of the key pair, the security groups and the role.
    pub(crate) fn provision_flags(&self) -> ProvisionFlags<'_> {
        ProvisionFlags {
            region: &self.choices.region,
            subnet: self.choices.subnet.as_deref(),
            key: self.key.as_deref(),
            groups: &self.groups,
            role: self.role.as_deref(),
            ssh_from: &self.ssh_from,
            open: self.open,
            compares_role: false,
        }
    }
}

/// Converts a contradiction to a failure with its hint.
pub(crate) fn plan_failure(error: &LaunchPlanError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        LaunchPlanError::OverCap(budget, _) => {
            let budget = domain::format_span(*budget);
            failure.hint(format!("add --cap {budget}, or use a shorter --ttl"))
        }
        LaunchPlanError::IsOver(_) => failure.hint("spawn launch t3.micro --until eod"),
        LaunchPlanError::SpotEnds { .. } => failure.hint("add --stoppable, or choose terminate"),
        LaunchPlanError::SpotReturns(_) => failure.hint("leave out --stoppable, or choose stop"),
        LaunchPlanError::HibernationMissing(_) => failure.hint("add --hibernation"),
        LaunchPlanError::SpotHibernation => failure.hint("leave out --hibernation or --spot"),
        LaunchPlanError::HibernationType(_) | LaunchPlanError::HibernationMemory(..) => {
            failure.hint("leave out --hibernation, or choose another type")
        }
        LaunchPlanError::Disk(_, least) => failure.hint(format!("--disk {least}, or leave it out")),
        LaunchPlanError::IdleTimeoutMissing => failure.hint("add --idle-timeout 1h"),
        LaunchPlanError::Image(..) => failure.hint("leave out --image for the newest Amazon Linux 2023"),
        LaunchPlanError::Tag(_) => failure.hint("change the --tag, or the tags in .spawn.yaml"),
        LaunchPlanError::Terms(_) => failure,
    }
}

fn value<T: Clone>(setting: &Option<Setting<T>>) -> Option<T> {
    setting.as_ref().map(|setting| setting.value.clone())
}

/// Returns an action that was chosen; none for the default, which depends on the market.
fn chosen(setting: &Setting<EndAction>) -> Option<EndAction> {
    (setting.origin != SettingOrigin::Default).then_some(setting.value)
}

/// Returns the place of a value for messages: a flag, a variable, or a line of a file with the key.
fn place(origin: &SettingOrigin, key: &str) -> String {
    match origin {
        SettingOrigin::File(..) => format!("{origin}: {key}"),
        _ => origin.to_string(),
    }
}

fn bound(args: &LaunchArgs, settings: &SpawnSettings, ports: &Ports<'_>) -> Result<LaunchBound, Failure> {
    if let Some(text) = &args.until {
        return parse_end(text, ports).map(LaunchBound::Until);
    }
    match &settings.ttl {
        Some(ttl) => Ok(LaunchBound::For(ttl.value)),
        None => {
            let kind = settings.instance_type.as_ref().map_or("t3.micro", |kind| kind.value.as_str());
            Err(Failure::usage("--ttl is required: no instance is launched without a time limit")
                .hint(format!("spawn launch {kind} --ttl 8h")))
        }
    }
}

/// Reads the instant or the clock time of `--until`. A clock time is in the user's time zone.
pub(crate) fn parse_end(text: &str, ports: &Ports<'_>) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    parse_clock(text, (ports.clock)(), &(ports.time_zone)()).map_err(|error| {
        Failure::usage(format!("--until: {error}"))
            .hint("an instant is written as 2026-12-24T18:00:00Z or 2026-12-24T18:00:00+01:00")
    })
}

fn spot_market(settings: &SpawnSettings) -> Result<Option<SpotMarket>, Failure> {
    let stoppable = settings.stoppable.value;
    if !settings.spot.value {
        let is_flag = matches!(settings.stoppable.origin, SettingOrigin::Flag(_));
        return match stoppable && is_flag {
            true => Err(Failure::usage("--stoppable needs --spot").hint("add --spot, or leave it out")),
            false => Ok(None),
        };
    }
    Ok(Some(SpotMarket { stoppable, max_price: value(&settings.max_price) }))
}

fn tags(settings: &SpawnSettings) -> BTreeMap<String, String> {
    let own = settings.tags.iter().map(|(key, setting)| (key.clone(), setting.value.clone()));
    let mut tags: BTreeMap<String, String> = own.collect();
    for (key, setting) in [("project", &settings.project), ("team", &settings.team)] {
        if let Some(setting) = setting {
            tags.insert(key.to_string(), setting.value.clone());
        }
    }
    tags
}

/// Returns the environment variables. They travel through ssh, so they need the delivery `push`.
fn variables(settings: &SpawnSettings) -> Result<BTreeMap<String, String>, Failure> {
    let variables = settings.env.iter().map(|(name, setting)| (name.clone(), setting.value.clone()));
    let variables: BTreeMap<String, String> = variables.collect();
    let deliver = &settings.deliver.value;
    if variables.is_empty() || DeliveryMethod::parse(deliver)? == DeliveryMethod::Push {
        return Ok(variables);
    }
    Err(Failure::usage(format!("--env needs ssh, and --deliver {deliver} does not use it"))
        .hint("leave out --env, or use --deliver push"))
}

/// Refuses a name that AWS cannot store or that no terminal can show.
fn check_name(name: &str) -> Result<String, Failure> {
    let failure = |problem: &str| {
        Failure::usage(format!("--name {name:?} {problem}")).hint("spawn launch t3.micro --ttl 8h --name try")
    };
    match name.chars().count() {
        0 => Err(failure("is empty")),
        count if count > LONGEST_NAME => Err(failure("has more than 256 characters")),
        _ if name.chars().any(char::is_control) => Err(failure("contains a control character")),
        _ => Ok(name.to_string()),
    }
}
