#![allow(clippy::disallowed_methods, reason = "settings are read here")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, io};

use crate::Failure;

const PROJECT_FILE: &str = "mycelium.toml";
const FOLDER: &str = "mycelium";

/// A settings file and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// The path. A relative lake folder in the file is relative to this file's folder.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

/// The largest settings file, in bytes.
const LONGEST: u64 = 1 << 18;

impl SettingsFile {
    /// Reads a file, if it exists. Links are followed.
    ///
    /// Errors: there is something that is not a text file of at most 256 KiB.
    pub fn read(path: PathBuf) -> Result<Option<SettingsFile>, Failure> {
        match durable::read_text(&path, LONGEST) {
            Ok(text) => Ok(Some(SettingsFile { path, text })),
            Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(why) => Err(Failure::broken(format!("{} cannot be read: {why}", path.display()))),
        }
    }

    /// Reads the file of this name in the working folder, or in the nearest folder above it that
    /// has one. Errors: as [`SettingsFile::read`].
    pub fn nearest(name: &str) -> Result<Option<SettingsFile>, Failure> {
        match env::current_dir() {
            Ok(here) => search_upwards(&here, name),
            Err(_) => Ok(None),
        }
    }
}

/// All sources of settings except flags.
#[derive(Debug, Clone, Default)]
pub struct SettingsSources {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The nearest `mycelium.toml` above the working folder.
    pub project: Option<SettingsFile>,
    /// The user's `config.toml`.
    pub user: Option<SettingsFile>,
}

impl SettingsSources {
    /// Reads the environment and the two files. Errors: a file exists and cannot be read.
    pub fn read() -> Result<SettingsSources, Failure> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let mut sources = SettingsSources {
            env: env::vars_os().filter_map(text).collect(),
            home: env::home_dir().filter(|home| home.is_absolute()),
            ..SettingsSources::default()
        };
        sources.project = SettingsFile::nearest(PROJECT_FILE)?;
        if let Ok(config) = sources.folder("XDG_CONFIG_HOME", ".config") {
            sources.user = SettingsFile::read(config.join("config.toml"))?;
        }
        Ok(sources)
    }

    /// Returns the value of an environment variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the `mycelium` folder below a base folder of the XDG specification. A relative base
    /// folder is ignored, as the specification demands.
    pub(crate) fn folder(&self, variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
        let named = self.variable(variable).map(PathBuf::from).filter(|base| base.is_absolute());
        let base = named.or_else(|| Some(self.home.as_ref()?.join(below_home)));
        base.map(|base| base.join(FOLDER)).ok_or_else(|| {
            Failure::broken("this user has no home folder")
                .hint(format!("set HOME, or {variable}, to a folder that can be written"))
        })
    }
}

fn search_upwards(folder: &Path, name: &str) -> Result<Option<SettingsFile>, Failure> {
    folder.ancestors().find_map(|folder| SettingsFile::read(folder.join(name)).transpose()).transpose()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn finds_the_nearest_project_file_above() {
        let root = tempfile::tempdir().unwrap();
        let (below, beside) = (root.path().join("a/b/c"), root.path().join("a/b"));
        fs::create_dir_all(&below).unwrap();
        let check = |expected: Option<&Path>| {
            let found = search_upwards(&below, PROJECT_FILE).unwrap().map(|file| file.path);
            assert_eq!(found, expected.map(|folder| folder.join(PROJECT_FILE)));
        };
        check(None);
        fs::write(root.path().join(PROJECT_FILE), "").unwrap();
        check(Some(root.path()));
        fs::write(beside.join(PROJECT_FILE), "").unwrap();
        check(Some(&beside));
        fs::write(below.join(PROJECT_FILE), b"\xff").unwrap();
        let unread = search_upwards(&below, PROJECT_FILE).unwrap_err();
        assert!(unread.message.contains("c/mycelium.toml cannot be read"), "{unread}");
    }

    #[test]
    fn folders_follow_the_xdg_specification() {
        let check = |variable: Option<&str>, home: Option<&str>, expected: Option<&str>| {
            let env = variable.map(|value| ("XDG_CACHE_HOME".to_string(), value.to_string()));
            let sources = SettingsSources {
                env: env.into_iter().collect(),
                home: home.map(PathBuf::from),
                ..SettingsSources::default()
            };
            assert_eq!(sources.folder("XDG_CACHE_HOME", ".cache").ok(), expected.map(PathBuf::from));
        };
        check(Some("/c"), Some("/home/a"), Some("/c/mycelium"));
        check(None, Some("/home/a"), Some("/home/a/.cache/mycelium"));
        check(Some("relative"), Some("/home/a"), Some("/home/a/.cache/mycelium"));
        check(Some(""), None, None);
    }
}
