//! Opening a warehouse: the published file of these manifests, a new one, or one in memory.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use catalog::ports::AskError;
use catalog::{DataFile, Manifest};
use duckdb::{AccessMode, Config, Connection};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::build;
use crate::room::plain_words;

/// A folder of Parquet files, and the manifest that says which of them count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// The folder.
    pub root: PathBuf,
    /// The manifest.
    pub manifest: Manifest,
}

impl Source {
    /// A file's path as DuckDB is told it.
    pub(crate) fn path(&self, file: &DataFile) -> String {
        self.root.join(&file.path).to_string_lossy().into_owned()
    }
}

/// What is opened: a published file, or the statements over the sources, in memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Home {
    /// A `.duckdb` file, read-only for ever.
    File(PathBuf),
    /// Nowhere to write: made anew in memory by each process.
    Memory,
}

/// The settings of every connection of ours. DuckDB must never fetch an extension: that is a socket.
pub(crate) fn config() -> duckdb::Result<Config> {
    Config::default()
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("allow_community_extensions", "false")
}

/// Opens the warehouse of these sources in the first folder that can be used: the published file, or a new
/// one. Where no folder can be used, in memory.
///
/// Errors: [`AskError::Lake`] when the files cannot be read as what the manifests say.
pub(crate) fn open(sources: &[Source], folders: &[PathBuf]) -> Result<(Home, Connection), AskError> {
    build::check_versions(sources)?;
    let name = file_name(sources);
    for folder in folders {
        let path = folder.join(&name);
        match open_or_make(sources, &path) {
            Ok(connection) => return Ok((Home::File(path), connection)),
            Err(why) => tracing::info!("no warehouse in {}: {why}", folder.display()),
        }
    }
    connect(&Home::Memory, sources).map(|connection| (Home::Memory, connection))
}

/// Opens what [`open`] found.
pub(crate) fn connect(home: &Home, sources: &[Source]) -> Result<Connection, AskError> {
    let connection = match home {
        Home::File(path) => connect_file(path),
        Home::Memory => connect_memory(sources),
    };
    connection
        .map_err(|e| AskError::Lake(format!("the data cannot be read: {}", plain_words(&e.to_string()))))
}

fn connect_file(path: &Path) -> duckdb::Result<Connection> {
    Connection::open_with_flags(path, config()?.access_mode(AccessMode::ReadOnly)?)
}

fn connect_memory(sources: &[Source]) -> duckdb::Result<Connection> {
    let connection = Connection::open_in_memory_with_flags(config()?)?;
    build::make_all(&connection, sources)?;
    Ok(connection)
}

fn open_or_make(sources: &[Source], path: &Path) -> Result<Connection, String> {
    if path.exists() {
        match connect_file(path) {
            Ok(connection) => return Ok(connection),
            // Published and yet unreadable: it is disposable, so it is made anew.
            Err(error) => tracing::warn!("{} is made anew: {error}", path.display()),
        }
        remove(path).map_err(|e| e.to_string())?;
    }
    publish(sources, path)?;
    connect_file(path).map_err(|e| e.to_string())
}

/// Removes a file that another process may remove as well.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn publish(sources: &[Source], path: &Path) -> Result<(), String> {
    let folder = path.parent().expect("a warehouse stands in a folder");
    let name = path.file_name().expect("a warehouse has a name").to_string_lossy();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| e.to_string())?;
    let passing = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    // A process of the same id may have died here.
    remove(&passing).map_err(|e| e.to_string())?;
    let made = make(sources, &passing).map_err(|e| e.to_string()).and_then(|()| {
        let synced = File::open(&passing).and_then(|file| file.sync_all());
        synced.and_then(|()| fs::rename(&passing, path)).map_err(|e| e.to_string())
    });
    if made.is_err() {
        // Of no use to anybody; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&passing);
        let _ = fs::remove_file(passing.with_extension("tmp.wal"));
        return made;
    }
    tracing::info!("warehouse {} made", path.display());
    remove_older(folder, &name);
    Ok(())
}

fn make(sources: &[Source], path: &Path) -> duckdb::Result<()> {
    // Only this version reads it: the newest layout, whose statistics open in a third less time than those that
    // DuckDB writes for its first versions.
    let config = config()?.with("storage_compatibility_version", "latest")?;
    let connection = Connection::open_with_flags(path, config)?;
    build::make_all(&connection, sources)?;
    connection.execute_batch("CHECKPOINT")?;
    connection.close().map_err(|(_, error)| error)
}

/// Manifests whose warehouses stay in a folder.
const KEPT: usize = 3;

/// Removes the warehouses of old manifests, and those that other versions of the program made of this one.
/// They are disposable, and a reader that has one open keeps it.
fn remove_older(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let number = |name: &str| name.strip_suffix(".duckdb")?.split_once('-')?.0.parse::<u64>().ok();
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let found: Vec<(u64, String)> = names.filter_map(|name| Some((number(&name)?, name))).collect();
    let newest: BTreeSet<u64> = found.iter().map(|(number, _)| *number).collect();
    let newest: Vec<u64> = newest.into_iter().rev().take(KEPT).collect();
    for (other_number, other) in &found {
        let again = Some(*other_number) == number(name);
        if other != name && (again || !newest.contains(other_number)) {
            let _ = fs::remove_file(folder.join(other));
        }
    }
}

/// Everything that decides what the file holds goes into its name.
fn file_name(sources: &[Source]) -> String {
    let mut hasher = Sha256::new();
    for statement in build::statements(sources, &build::Lacking::new()) {
        hasher.update(statement.as_bytes());
    }
    for source in sources {
        hasher.update(serde_json::to_vec(&source.manifest).expect("a manifest is plain data"));
    }
    hasher.update(env!("CARGO_PKG_VERSION"));
    let digest: String = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let number = sources.last().map_or(0, |source| source.manifest.number);
    format!("{number}-{digest}.duckdb")
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
