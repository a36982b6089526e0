use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use domain::Region;
use toml::de::{DeTable, DeValue};

use crate::dimensions::{CostDimensions, DIMENSIONS};
use crate::words::suggest_closest;
use crate::{Failure, OutputFormat, SettingsFile, SettingsSources};

/// The keys of `mycelium.toml` and `config.toml`: the settings of all programs.
pub const SHARED_SETTINGS: [&str; 5] = ["lake", "region", "output", "color", "owner"];

/// The keys of `.spawn.yaml`, which `spawn` reads. They are known here, so that a key in the wrong
/// file is answered with the right one.
pub const LAUNCH_SETTINGS: [&str; 26] = [
    "type",
    "region",
    "zone",
    "ttl",
    "idle_timeout",
    "on_idle",
    "on_expiry",
    "cap",
    "image",
    "disk",
    "spot",
    "stoppable",
    "max_price",
    "hibernation",
    "subnet",
    "groups",
    "role",
    "key",
    "deliver",
    "tags",
    "project",
    "team",
    "env",
    "user_data",
    "ssh",
    "profiles",
];
const DEFAULT_REGION: &str = "us-east-1";

/// Whether the output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourMode {
    /// On a terminal that supports it.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColourMode {
    /// The names that `--color` accepts.
    pub const ALL: [&'static str; 3] = ["auto", "always", "never"];

    /// Returns the name that `--color` accepts.
    pub fn name(self) -> &'static str {
        ColourMode::ALL[self as usize]
    }

    /// Applies the choice to the whole process. Call it before [`crate::Screen::detect`].
    pub fn apply(self) {
        match self {
            ColourMode::Auto => anstream::ColorChoice::Auto,
            ColourMode::Always => anstream::ColorChoice::Always,
            ColourMode::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

impl fmt::Display for ColourMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ColourMode {
    type Err = Failure;

    fn from_str(text: &str) -> Result<ColourMode, Failure> {
        match text {
            "auto" => Ok(ColourMode::Auto),
            "always" => Ok(ColourMode::Always),
            "never" => Ok(ColourMode::Never),
            _ => Err(Failure::usage(format!("\"{text}\" is not a colour mode"))
                .hint(format!("the modes are {}", ColourMode::ALL.join(", ")))),
        }
    }
}

// The doc comments of the fields are the help texts.
/// The flags of every program; `None` if a flag was not given.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Common")]
pub struct CommonFlags {
    /// Output format: table, json, ndjson, csv, yaml, parquet or arrow
    #[arg(long, short, global = true, value_name = "FORMAT")]
    pub output: Option<String>,
    /// CSV for a spreadsheet program: a text that begins like a formula gets an apostrophe
    ///
    /// The first characters are =, +, -, @, tab and return. Numbers stay numbers. Without -o, the
    /// format is csv; any other format is refused.
    #[arg(long, global = true)]
    pub for_spreadsheet: bool,
    /// Folder of the lake
    #[arg(long, global = true, value_name = "FOLDER")]
    pub lake: Option<String>,
    /// Colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<String>,
    /// Print only failures on standard error
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log level on standard error: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// A flag, such as `--lake`.
    Flag(&'static str),
    /// An environment variable.
    Env(&'static str),
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// The built-in default.
    Default,
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingOrigin::Flag(name) | SettingOrigin::Env(name) => f.write_str(name),
            SettingOrigin::File(path, line) => write!(f, "{}:{line}", path.display()),
            SettingOrigin::Default => f.write_str("default"),
        }
    }
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// The origin.
    pub origin: SettingOrigin,
}

/// The settings of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The lake's folder, which may not exist yet.
    pub lake: Setting<PathBuf>,
    /// The region for commands that name none.
    pub region: Setting<Region>,
    /// The output format.
    pub output: Setting<OutputFormat>,
    /// Whether CSV is made for a spreadsheet program.
    pub for_spreadsheet: bool,
    /// Whether the output is coloured.
    pub color: Setting<ColourMode>,
    /// The owner of launched instances; none for the caller's own name.
    pub owner: Option<Setting<String>>,
    /// The tag keys of each cost dimension.
    pub dimensions: CostDimensions,
    /// The folder for files that can be recreated.
    pub cache: PathBuf,
    /// The folder of the user's own files: `config.toml`, saved searches, bookmarks.
    pub config: PathBuf,
}

impl Settings {
    /// Merges all sources. Flags take precedence, then the environment, the project's file, the
    /// user's file, and defaults. No other code merges settings.
    ///
    /// Errors: an unknown key or an invalid value, with its location.
    pub fn resolve(flags: &CommonFlags, sources: &SettingsSources) -> Result<Settings, Failure> {
        let files = [entries(sources.project.as_ref())?, entries(sources.user.as_ref())?];
        let flag = |name, typed: &Option<String>| {
            typed.as_ref().map(|text| new_setting(text, SettingOrigin::Flag(name)))
        };
        let find = |key: &str, typed: Option<Setting<String>>, variables: &[&'static str]| {
            let variable = || {
                variables
                    .iter()
                    .find_map(|name| Some(new_setting(sources.variable(name)?, SettingOrigin::Env(name))))
            };
            typed.or_else(variable).or_else(|| files.iter().find_map(|file| file.get(key).cloned()))
        };
        let lake = find("lake", flag("--lake", &flags.lake), &["MYCELIUM_LAKE"]);
        let variables = ["MYCELIUM_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
        let region = find("region", None, &variables);
        let csv = || flags.for_spreadsheet.then(|| new_setting("csv", SettingOrigin::Flag(SPREADSHEET)));
        let output = flag("--output", &flags.output).or_else(csv);
        let output = find("output", output, &["MYCELIUM_OUTPUT"]);
        let color = find("color", flag("--color", &flags.color), &["NO_COLOR"]).map(no_color);
        let output = parse_setting(output, OutputFormat::default().name(), str::parse)?;
        if flags.for_spreadsheet {
            refuse_other_format(output.value)?;
        }
        Ok(Settings {
            lake: lake_folder(lake, sources)?,
            region: parse_setting(region, DEFAULT_REGION, |text| {
                domain::parse_region_name(text).map_err(|why| Failure::usage(why.to_string()))
            })?,
            output,
            for_spreadsheet: flags.for_spreadsheet,
            color: parse_setting(color, ColourMode::default().name(), str::parse)?,
            owner: find("owner", None, &["MYCELIUM_OWNER"]).map(check_owner).transpose()?,
            dimensions: CostDimensions::of([sources.user.as_ref(), sources.project.as_ref()])?,
            cache: sources.folder("XDG_CACHE_HOME", ".cache")?,
            config: sources.folder("XDG_CONFIG_HOME", ".config")?,
        })
    }
}

const SPREADSHEET: &str = "--for-spreadsheet";

/// Refuses `--for-spreadsheet` for any format other than CSV.
///
/// Errors: a usage failure that names the format.
pub fn refuse_other_format(format: OutputFormat) -> Result<(), Failure> {
    match format {
        OutputFormat::Csv => Ok(()),
        other => Err(Failure::usage(format!("{SPREADSHEET} is for csv, and the format is {other}"))
            .hint("leave -o out, or write -o csv")),
    }
}

fn new_setting(text: &str, origin: SettingOrigin) -> Setting<String> {
    Setting { value: text.to_string(), origin }
}

/// Refuses an owner that a tag cannot hold: at most 256 characters without control characters.
fn check_owner(owner: Setting<String>) -> Result<Setting<String>, Failure> {
    let length = owner.value.chars().count();
    if !(1..=256).contains(&length) || owner.value.chars().any(char::is_control) {
        let origin = &owner.origin;
        return Err(Failure::usage(format!("{origin}: the owner {:?} does not fit into a tag", owner.value))
            .hint("write 1 to 256 characters, such as owner = \"team-a\""));
    }
    Ok(owner)
}

/// NO_COLOR with any text means `never`; see no-color.org.
fn no_color(setting: Setting<String>) -> Setting<String> {
    match setting.origin {
        SettingOrigin::Env(_) => Setting { value: ColourMode::Never.name().into(), ..setting },
        SettingOrigin::Flag(_) | SettingOrigin::File(..) | SettingOrigin::Default => setting,
    }
}

fn parse_setting<T>(
    setting: Option<Setting<String>>,
    default: &str,
    parse: impl Fn(&str) -> Result<T, Failure>,
) -> Result<Setting<T>, Failure> {
    let Setting { value, origin } = setting.unwrap_or_else(|| new_setting(default, SettingOrigin::Default));
    match parse(&value) {
        Ok(value) => Ok(Setting { value, origin }),
        Err(why) => Err(Failure { message: format!("{origin}: {}", why.message), ..why }),
    }
}

fn lake_folder(
    setting: Option<Setting<String>>,
    sources: &SettingsSources,
) -> Result<Setting<PathBuf>, Failure> {
    let Some(Setting { value, origin }) = setting else {
        let value = sources.folder("XDG_DATA_HOME", ".local/share")?;
        return Ok(Setting { value, origin: SettingOrigin::Default });
    };
    let value = match (&origin, value.strip_prefix("~/"), &sources.home) {
        // No shell has replaced the tilde in a settings file.
        (SettingOrigin::File(..), Some(rest), Some(home)) => home.join(rest),
        (SettingOrigin::File(path, _), ..) => path.parent().unwrap_or(Path::new("")).join(value),
        _ => PathBuf::from(value),
    };
    Ok(Setting { value, origin })
}

/// Returns the settings of a file by key, without the table of dimensions.
fn entries(file: Option<&SettingsFile>) -> Result<BTreeMap<&'static str, Setting<String>>, Failure> {
    let Some(SettingsFile { path, text }) = file else { return Ok(BTreeMap::new()) };
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let wrong = |at: usize, what: String| Failure::usage(format!("{}:{}: {what}", path.display(), line(at)));
    let table = DeTable::parse(text)
        .map_err(|why| wrong(why.span().map_or(0, |span| span.start), why.message().to_string()))?;
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let at = key.span().start;
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        if name == DIMENSIONS {
            return Ok(None);
        }
        let Some(known) = SHARED_SETTINGS.into_iter().find(|known| known == name) else {
            if LAUNCH_SETTINGS.iter().any(|launch| launch == name) {
                return Err(wrong(at, format!("{name} is a setting of launches, not of all programs"))
                    .hint(format!("move it to .spawn.yaml: {name}: …")));
            }
            let near = suggest_closest(name, SHARED_SETTINGS);
            return Err(wrong(at, format!("there is no setting \"{name}\"{near}")).hint(format!(
                "the settings are {}, and the table {DIMENSIONS}",
                SHARED_SETTINGS.join(", ")
            )));
        };
        let DeValue::String(value) = value.get_ref() else {
            return Err(wrong(at, format!("{name} is not a string"))
                .hint(format!("write it in quotes: {name} = \"…\"")));
        };
        Ok(Some((known, new_setting(value, SettingOrigin::File(path.clone(), line(at))))))
    };
    table.get_ref().iter().filter_map(|setting| entry(setting).transpose()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags and variables are `name=value` words; files are TOML.
    fn resolve(flags: &str, env: &str, project: &str, user: &str) -> Result<Settings, Failure> {
        let words = |text: &str| -> BTreeMap<String, String> {
            let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.into(), value.into()));
            text.split_whitespace().filter_map(pair).collect()
        };
        let file = |path: &str, text: &str| {
            (!text.is_empty()).then(|| SettingsFile { path: path.into(), text: text.into() })
        };
        let flags = words(flags);
        let flag = |name: &str| flags.get(name).cloned();
        let flags = CommonFlags {
            lake: flag("lake"),
            output: flag("output"),
            color: flag("color"),
            ..CommonFlags::default()
        };
        let sources = SettingsSources {
            env: words(env),
            home: Some("/home/ann".into()),
            project: file("/p/mycelium.toml", project),
            user: file("/home/ann/.config/mycelium/config.toml", user),
        };
        Settings::resolve(&flags, &sources)
    }

    #[test]
    fn flags_override_env_project_user_and_defaults_in_this_order() {
        let check = |flags: &str, env: &str, project: &str, user: &str, expected: [&str; 4]| {
            let s = resolve(flags, env, project, user).unwrap();
            let found = [
                format!("{} ({})", s.lake.value.display(), s.lake.origin),
                format!("{} ({})", s.region.value, s.region.origin),
                format!("{} ({})", s.output.value, s.output.origin),
                format!("{} ({})", s.color.value, s.color.origin),
            ];
            assert_eq!(found, expected);
        };
        let (lake, region) = ("/home/ann/.local/share/mycelium (default)", "us-east-1 (default)");
        let (output, color) = ("table (default)", "auto (default)");
        check("", "", "", "", [lake, region, output, color]);
        let user = "# mine\nregion = \"eu-west-1\"\nlake = \"~/lake\"\noutput = \"json\"\ncolor = \"always\"";
        check(
            "",
            "",
            "",
            user,
            [
                "/home/ann/lake (/home/ann/.config/mycelium/config.toml:3)",
                "eu-west-1 (/home/ann/.config/mycelium/config.toml:2)",
                "json (/home/ann/.config/mycelium/config.toml:4)",
                "always (/home/ann/.config/mycelium/config.toml:5)",
            ],
        );
        let project = "lake = \"data\"\nregion = \"eu-west-2\"\noutput = \"csv\"\ncolor = \"never\"";
        check(
            "",
            "",
            project,
            user,
            [
                "/p/data (/p/mycelium.toml:1)",
                "eu-west-2 (/p/mycelium.toml:2)",
                "csv (/p/mycelium.toml:3)",
                "never (/p/mycelium.toml:4)",
            ],
        );
        let env =
            "MYCELIUM_LAKE=/e MYCELIUM_REGION=eu-west-3 AWS_REGION=us-west-1 MYCELIUM_OUTPUT=yaml NO_COLOR=1";
        check(
            "",
            env,
            project,
            user,
            [
                "/e (MYCELIUM_LAKE)",
                "eu-west-3 (MYCELIUM_REGION)",
                "yaml (MYCELIUM_OUTPUT)",
                "never (NO_COLOR)",
            ],
        );
        check(
            "lake=here output=ndjson color=always",
            env,
            project,
            user,
            ["here (--lake)", "eu-west-3 (MYCELIUM_REGION)", "ndjson (--output)", "always (--color)"],
        );
        let env =
            "MYCELIUM_REGION= AWS_REGION=us-west-1 AWS_DEFAULT_REGION=us-west-2 XDG_DATA_HOME=/d NO_COLOR=";
        check("", env, "", "", ["/d/mycelium (default)", "us-west-1 (AWS_REGION)", output, color]);
        let env = "AWS_DEFAULT_REGION=us-west-2";
        check("", env, "", "", [lake, "us-west-2 (AWS_DEFAULT_REGION)", output, color]);
    }

    #[test]
    fn errors_name_their_location() {
        let check = |flags: &str, env: &str, project: &str, message: &str| {
            assert_eq!(resolve(flags, env, project, "").unwrap_err().message, message);
        };
        check("output=jsn", "", "", "--output: \"jsn\" is not an output format; the closest match is json");
        check("", "AWS_REGION=moon", "", "AWS_REGION: \"moon\" is not a region code such as eu-central-1");
        check(
            "",
            "MYCELIUM_OUTPUT=jsn",
            "",
            "MYCELIUM_OUTPUT: \"jsn\" is not an output format; the closest match is json",
        );
        check("", "", "\ncolor = \"blue\"", "/p/mycelium.toml:2: \"blue\" is not a colour mode");
        check(
            "",
            "",
            "# a\nregoin = \"eu-west-1\"",
            "/p/mycelium.toml:2: there is no setting \"regoin\"; the closest match is region",
        );
        check("", "", "[spawn]\nttl = 1", "/p/mycelium.toml:1: there is no setting \"spawn\"");
        let misplaced = "/p/mycelium.toml:2: ttl is a setting of launches, not of all programs";
        check("", "", "lake = \"a\"\nttl = \"8h\"", misplaced);
        check("", "", "lake = 1", "/p/mycelium.toml:1: lake is not a string");
        check("", "", "lake = ", "/p/mycelium.toml:1: string values must be quoted, expected literal string");
    }

    #[test]
    fn a_missing_home_folder_gives_a_hint() {
        let failure = Settings::resolve(&CommonFlags::default(), &SettingsSources::default()).unwrap_err();
        assert_eq!(failure.hint.unwrap(), "set HOME, or XDG_DATA_HOME, to a folder that can be written");
    }
}
