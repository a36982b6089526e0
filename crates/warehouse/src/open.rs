//! Opening a warehouse: the published file of these manifests, a new one, or one in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use catalog::ports::AskError;
use catalog::{DataFile, Manifest};
use duckdb::{AccessMode, Config, Connection};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::build;

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

/// Finds or makes the warehouse of these sources in the first folder that can be used.
///
/// Errors: [`AskError::Lake`] when the files cannot be read as what the manifests say.
pub(crate) fn home(sources: &[Source], folders: &[PathBuf]) -> Result<Home, AskError> {
    let name = file_name(sources);
    for folder in folders {
        let path = folder.join(&name);
        if path.exists() {
            return Ok(Home::File(path));
        }
        match publish(sources, &path) {
            Ok(()) => {
                tracing::info!("warehouse {} made", path.display());
                return Ok(Home::File(path));
            }
            Err(Refusal::Folder(why)) => tracing::info!("no warehouse in {}: {why}", folder.display()),
            Err(Refusal::Data(why)) => return Err(AskError::Lake(why)),
        }
    }
    Ok(Home::Memory)
}

/// Opens what [`home`] found.
pub(crate) fn connect(home: &Home, sources: &[Source]) -> Result<Connection, AskError> {
    let failed = |e: duckdb::Error| AskError::Lake(format!("the warehouse cannot be opened: {e}"));
    match home {
        Home::File(path) => {
            let config = config().and_then(|c| c.access_mode(AccessMode::ReadOnly)).map_err(failed)?;
            Connection::open_with_flags(path, config).map_err(failed)
        }
        Home::Memory => {
            let connection =
                Connection::open_in_memory_with_flags(config().map_err(failed)?).map_err(failed)?;
            build::make_all(&connection, sources).map_err(failed)?;
            Ok(connection)
        }
    }
}

enum Refusal {
    /// The folder cannot be written; another one may do.
    Folder(String),
    /// The data is not what it should be; no folder will help.
    Data(String),
}

fn publish(sources: &[Source], path: &Path) -> Result<(), Refusal> {
    let folder = path.parent().expect("a warehouse stands in a folder");
    let name = path.file_name().expect("a warehouse has a name").to_string_lossy();
    let passing = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    // Asked of the file system first: DuckDB's own words for it do not tell a full disk from bad data.
    File::create(&passing)
        .and_then(|_| fs::remove_file(&passing))
        .map_err(|e| Refusal::Folder(e.to_string()))?;
    let made = make(sources, &passing);
    if made.is_err() {
        // Of no use to anybody; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&passing);
        let _ = fs::remove_file(passing.with_extension("tmp.wal"));
    }
    made.map_err(|e| Refusal::Data(format!("the data cannot be read: {e}")))?;
    File::open(&passing)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&passing, path))
        .map_err(|e| Refusal::Folder(e.to_string()))?;
    remove_older(folder, &name);
    Ok(())
}

fn make(sources: &[Source], path: &Path) -> duckdb::Result<()> {
    let connection = Connection::open_with_flags(path, config()?)?;
    build::make_all(&connection, sources)?;
    connection.execute_batch("CHECKPOINT")?;
    connection.close().map_err(|(_, error)| error)
}

/// Warehouses of other versions of the program over the same manifest are of no more use: they are
/// disposable, and a reader that has one open keeps it.
fn remove_older(folder: &Path, name: &str) {
    let Some((number, _)) = name.split_once('-') else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other != name && other.ends_with(".duckdb") && other.starts_with(&format!("{number}-")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Everything that decides what the file holds goes into its name.
fn file_name(sources: &[Source]) -> String {
    let mut hasher = Sha256::new();
    for statement in build::statements(sources) {
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
