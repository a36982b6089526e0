//! Opens a warehouse: the published file of these manifests, a new file, or one in memory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use catalog::ports::AskError;
use duckdb::{AccessMode, Config, Connection};
use durable::TemporaryFolder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::build;
use crate::message::plain_message;
use crate::source::WarehouseSource;
use crate::verify::verify;

/// The storage of a warehouse.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum WarehouseStorage {
    /// A published `.duckdb` file, which is never written again.
    File(PathBuf),
    /// No writable folder: each process creates the tables and views in memory.
    Memory,
}

/// Returns the settings of every connection. DuckDB must never download an extension, because that
/// opens a socket.
pub(crate) fn config() -> duckdb::Result<Config> {
    Config::default()
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("allow_community_extensions", "false")
}

/// Opens the warehouse of these sources in the first usable folder: the published file, or a new
/// one. Without a usable folder, it is in memory.
///
/// Errors: [`AskError::Damaged`] if a file differs from its manifest; [`AskError::Lake`] if the
/// files cannot be read as the manifests describe them.
pub(crate) fn open(
    sources: &[WarehouseSource],
    folders: &[PathBuf],
) -> Result<(WarehouseStorage, Connection), AskError> {
    build::check_versions(sources)?;
    let name = file_name(sources);
    let paths = || folders.iter().map(|folder| folder.join(&name));
    for path in paths() {
        if let Some(connection) = open_published(&path) {
            return Ok((WarehouseStorage::File(path), connection));
        }
    }
    verify(sources, folders, |_| true)?;
    for path in paths() {
        match publish(sources, &path).and_then(|()| connect_file(&path).map_err(|e| e.to_string())) {
            Ok(connection) => return Ok((WarehouseStorage::File(path), connection)),
            Err(why) => tracing::info!("{} cannot be created: {why}", path.display()),
        }
    }
    connect(&WarehouseStorage::Memory, sources).map(|connection| (WarehouseStorage::Memory, connection))
}

/// Opens the storage that [`open`] returned.
pub(crate) fn connect(home: &WarehouseStorage, sources: &[WarehouseSource]) -> Result<Connection, AskError> {
    let connection = match home {
        WarehouseStorage::File(path) => connect_file(path),
        WarehouseStorage::Memory => connect_memory(sources),
    };
    connection
        .map_err(|e| AskError::Lake(format!("the data cannot be read: {}", plain_message(&e.to_string()))))
}

fn connect_file(path: &Path) -> duckdb::Result<Connection> {
    Connection::open_with_flags(path, config()?.access_mode(AccessMode::ReadOnly)?)
}

fn connect_memory(sources: &[WarehouseSource]) -> duckdb::Result<Connection> {
    let connection = Connection::open_in_memory_with_flags(config()?)?;
    build::make_all(&connection, sources)?;
    Ok(connection)
}

/// Opens a published file. None when there is none, or when it cannot be read: it is disposable,
/// and is created again.
fn open_published(path: &Path) -> Option<Connection> {
    if !path.exists() {
        return None;
    }
    let opened = connect_file(path);
    if let Err(error) = &opened {
        tracing::warn!("{} is created again: {error}", path.display());
    }
    opened.ok()
}

/// Creates the file in a private temporary folder beside its final name. DuckDB opens files by name
/// and writes a log beside them, so the folder protects both.
fn publish(sources: &[WarehouseSource], path: &Path) -> Result<(), String> {
    let folder = path.parent().expect("a warehouse file is in a folder");
    let name = path.file_name().expect("a warehouse has a name").to_string_lossy();
    let failed = |error: io::Error| error.to_string();
    durable::create_private_folder(folder).map_err(failed)?;
    let temporary = TemporaryFolder::create(path).map_err(failed)?;
    let made = temporary.path().join(&*name);
    make(sources, &made).map_err(|error| error.to_string())?;
    File::open(&made).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&made, path).map_err(failed)?;
    tracing::info!("warehouse {} created", path.display());
    remove_older(folder, &name);
    Ok(())
}

fn make(sources: &[WarehouseSource], path: &Path) -> duckdb::Result<()> {
    // Only this version reads the file, so it has the newest layout. Its statistics open in a third
    // less time than those of the layout for DuckDB's first versions.
    let config = config()?.with("storage_compatibility_version", "latest")?;
    let connection = Connection::open_with_flags(path, config)?;
    build::make_all(&connection, sources)?;
    connection.execute_batch("CHECKPOINT")?;
    connection.close().map_err(|(_, error)| error)
}

/// Number of newest manifests that keep their warehouse files in a folder.
const KEPT: usize = 3;

/// Removes the warehouse files of old manifests, and files that other program versions created for
/// this manifest. They are disposable, and a reader keeps a file that it has open.
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

/// Returns the file's name. It depends on everything that determines the file's content.
fn file_name(sources: &[WarehouseSource]) -> String {
    let mut hasher = Sha256::new();
    for statement in build::statements(sources, &build::FoundColumns::new()) {
        hasher.update(statement.as_bytes());
    }
    hasher.update(build::OF_ACCOUNT);
    for source in sources {
        hasher.update(serde_json::to_vec(&source.manifest).expect("a manifest is plain data"));
    }
    hasher.update(env!("CARGO_PKG_VERSION"));
    let digest = domain::hex(&hasher.finalize()[..8]);
    let number = sources.last().map_or(0, |source| source.manifest.number);
    format!("{number}-{digest}.duckdb")
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
