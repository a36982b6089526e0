//! Finds the settings files of launches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use console::{Failure, Setting, SettingOrigin, SettingsFile, SettingsSources};

use super::file::path_in;
use super::trust::{TRUST_FOLDER, is_trusted};

/// The name of a project's file.
pub(crate) const PROJECT_FILE: &str = ".spawn.yaml";

/// The name of the user's file, in the folder of the user's own files.
const USER_FILE: &str = "spawn.yaml";

/// All sources of launch settings except flags.
#[derive(Debug, Clone, Default)]
pub struct SpawnSources {
    /// The environment variables.
    pub env: BTreeMap<String, String>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The nearest `.spawn.yaml` above the working folder.
    pub(crate) project: Option<ProjectSettings>,
    /// The user's `spawn.yaml`.
    pub(crate) user: Option<SettingsFile>,
}

/// A project's settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectSettings {
    /// The file.
    pub(crate) file: SettingsFile,
    /// Whether the user trusts this content.
    pub(crate) is_trusted: bool,
}

impl SpawnSources {
    /// Finds and reads the files. `config` is the folder of the user's own files.
    ///
    /// # Errors
    /// A file exists and cannot be read.
    pub fn read(shared: &SettingsSources, config: &Path) -> Result<SpawnSources, Failure> {
        let project = SettingsFile::nearest(PROJECT_FILE)?.map(|file| {
            let is_trusted = is_trusted(&file, shared.home.as_deref(), &config.join(TRUST_FOLDER));
            ProjectSettings { file, is_trusted }
        });
        Ok(SpawnSources {
            env: shared.env.clone(),
            home: shared.home.clone(),
            project,
            user: SettingsFile::read(config.join(USER_FILE))?,
        })
    }

    /// Returns the path that a setting means: relative to the file that names it, and `~/` is the
    /// home folder there, because no shell has replaced it.
    pub(crate) fn path_of(&self, setting: Setting<String>) -> Setting<PathBuf> {
        let Setting { value, origin } = setting;
        let value = match &origin {
            SettingOrigin::File(file, _) => path_in(file, &value, self.home.as_deref()),
            _ => PathBuf::from(value),
        };
        Setting { value, origin }
    }
}
