use std::collections::BTreeMap;

use catalog::{Field, Page, Value, ValueType};
use clap::{Args, Subcommand};
use console::{Exit, Failure, FailureKind, Printer, Report, Setting, SettingOrigin};

use crate::Ports;
use crate::settings::{
    KEYS, ProjectSettings, RawValue, SettingsLayer, SpawnSettings, TRUST_FOLDER, read_document, revoke_trust,
    settings_schema, trust_file,
};

/// Show, trust and describe the settings of launches.
///
/// The settings of launches are the keys of .spawn.yaml in the working folder or the nearest folder
/// above it, of ~/.config/mycelium/spawn.yaml, and the SPAWN_ variables, such as SPAWN_TTL. Flags
/// win over variables, variables over the project's file, and that one over the user's file.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The commands of `spawn config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Show(ConfigShowArgs),
    Trust(ConfigTrustArgs),
    Schema(ConfigSchemaArgs),
}

/// Show every setting of launches with its source.
///
/// The source is a flag, a variable, or a file with the line. The values of env are not shown,
/// because they may be secrets.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// The named set of settings to apply, from profiles in the settings files
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Trust the project's .spawn.yaml with its present content.
///
/// A file that came with a cloned repository must not run code or grant rights. Without trust it
/// sets only type, region, zone, ttl, idle_timeout, on_idle, on_expiry, disk, spot, max_price,
/// tags, project and team. The other keys are ignored, and each command that uses the settings
/// names them.
///
/// Trust covers the path, the content of the file, and the content of the files that user_data
/// names. After a change the file has to be trusted again.
#[derive(Debug, Args)]
pub struct ConfigTrustArgs {
    /// Trust without a question
    #[arg(long)]
    pub yes: bool,
    /// End the trust
    #[arg(long, conflicts_with = "yes")]
    pub revoke: bool,
}

/// Print the JSON schema of .spawn.yaml, for editors.
#[derive(Debug, Args)]
pub struct ConfigSchemaArgs {}

pub(crate) fn run_config(
    args: &ConfigArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Show(args) => show(args, ports, printer),
        ConfigCommand::Trust(args) => trust(args, ports, printer),
        ConfigCommand::Schema(_) => printer.text(&settings_schema()).map(|()| Exit::Done),
    }
}

fn show(args: &ConfigShowArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let flags = SettingsLayer::default();
    let settings =
        SpawnSettings::resolve(ports.spawn_settings, args.profile.as_deref(), flags, ports.settings)?;
    let rows = KEYS.iter().flat_map(|key| match settings.values.find(key.name) {
        Some(Setting { value, origin }) => value_rows(key.name, &value, &origin),
        None if key.name == "region" => {
            let Setting { value, origin } = &settings.region;
            vec![row(key.name, Some(value.as_str()), Some(origin))]
        }
        None => vec![row(key.name, key.default, key.default.and(Some(&SettingOrigin::Default)))],
    });
    printer.report(&Report::plain(page(rows.collect())), ports.encode)?;
    settings.ignored.iter().for_each(|ignored| printer.note(&ignored.note()));
    Ok(Exit::Done)
}

fn trust(args: &ConfigTrustArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let Some(ProjectSettings { file, is_trusted }) = &ports.spawn_settings.project else {
        return Err(Failure::new(FailureKind::NoMatch, "no folder from here upwards has a .spawn.yaml")
            .hint("the user's own file ~/.config/mycelium/spawn.yaml needs no trust"));
    };
    let (home, folder) = (ports.spawn_settings.home.as_deref(), ports.settings.config.join(TRUST_FOLDER));
    let path = file.path.display();
    if args.revoke {
        let was_trusted = revoke_trust(file, home, &folder)?;
        printer.note(&format!("{path} is {} trusted", if was_trusted { "no longer" } else { "not" }));
        return Ok(Exit::Done);
    }
    // An invalid value is reported here, and not by the first launch.
    SpawnSettings::resolve(ports.spawn_settings, None, SettingsLayer::default(), ports.settings)?;
    if *is_trusted {
        printer.note(&format!("{path} is trusted already"));
        return Ok(Exit::Done);
    }
    let document = read_document(file)?;
    let guarded = document.layers().flat_map(SettingsLayer::guarded);
    let rows: Vec<Vec<Value>> =
        guarded.flat_map(|(key, setting)| value_rows(key.name, &setting.value, &setting.origin)).collect();
    if rows.is_empty() {
        printer.note(&format!("{path} needs no trust: each of its keys has an effect without it"));
    } else {
        printer.report(&Report::plain(page(rows)), ports.encode)?;
    }
    if !args.yes && (ports.agree)(&format!("trust {path} with these values?")) != Some(true) {
        return Err(Failure::usage(format!("{path} is not trusted: there was no consent"))
            .hint("spawn config trust --yes"));
    }
    trust_file(file, home, &folder)?;
    printer.note(&format!("{path} is trusted with its present content"));
    Ok(Exit::Done)
}

fn page(rows: Vec<Vec<Value>>) -> Page {
    let fields = ["setting", "value", "source"].map(|name| Field::new(name, ValueType::Text));
    Page { fields: fields.into(), rows }
}

fn value_rows(key: &str, value: &RawValue, origin: &SettingOrigin) -> Vec<Vec<Value>> {
    match value {
        RawValue::Text(text) => vec![row(key, Some(text), Some(origin))],
        RawValue::List(texts) => vec![row(key, Some(&texts.join(",")), Some(origin))],
        RawValue::Pairs(pairs) => pair_rows(key, pairs),
    }
}

fn pair_rows(key: &str, pairs: &BTreeMap<String, Setting<String>>) -> Vec<Vec<Value>> {
    let one = |(name, setting): (&String, &Setting<String>)| {
        let value = if key == "env" { "hidden" } else { &setting.value };
        row(&format!("{key}.{name}"), Some(value), Some(&setting.origin))
    };
    pairs.iter().map(one).collect()
}

fn row(key: &str, value: Option<&str>, origin: Option<&SettingOrigin>) -> Vec<Value> {
    vec![key.into(), value.into(), origin.map(ToString::to_string).as_deref().into()]
}
