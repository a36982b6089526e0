//! Opens the warehouse over the seed and the user's lake.

use std::path::{Path, PathBuf};

use ::warehouse::{Warehouse, WarehouseSource};
use catalog::Manifest;
use catalog::ports::{Ask, AskError, LakeDamage};
use console::Settings;
use lake::{LakeError, PinnedManifest};

use crate::seed;

/// Opens the warehouse of the seed and of the user's lake, if there is one, until the process ends.
/// With a key, texts that identify people, machines and accounts are replaced by stand-ins of that
/// key.
///
/// # Errors
/// The lake or the seed cannot be read.
pub fn open_warehouse_until_exit(
    settings: &Settings,
    redaction_key: Option<&str>,
) -> Result<&'static dyn Ask, AskError> {
    // Never closed: at the end of the process the kernel frees the memory faster than DuckDB does.
    Ok(Box::leak(open(settings, redaction_key)?))
}

/// Opens the warehouse of the seed and of the user's lake, if there is one. It is closed when it is
/// dropped.
///
/// # Errors
/// The lake or the seed cannot be read.
pub fn open_warehouse(settings: &Settings) -> Result<Box<dyn Ask>, AskError> {
    open(settings, None)
}

fn open(settings: &Settings, redaction_key: Option<&str>) -> Result<Box<dyn Ask>, AskError> {
    let user = PinnedManifest::newest(&settings.lake.value)?;
    let seed = seed_source(lake::open_seed(seed::FILES, &settings.cache))?;
    let copy = seed.root.clone();
    match open_sources(seed, user, settings, redaction_key) {
        // The seed is embedded, so a damaged copy is replaced.
        Err(AskError::Damaged(LakeDamage::File { lake, .. })) if lake == copy => {
            let seed = seed_source(lake::unpack_seed_again(seed::FILES, &settings.cache))?;
            open_sources(seed, PinnedManifest::newest(&settings.lake.value)?, settings, redaction_key)
        }
        opened => opened,
    }
}

fn open_sources(
    seed: WarehouseSource,
    user: Option<PinnedManifest>,
    settings: &Settings,
    redaction_key: Option<&str>,
) -> Result<Box<dyn Ask>, AskError> {
    let mut sources = vec![seed];
    let mut folders = Vec::new();
    let lake = user.as_ref().map(|pinned| pinned.root.clone());
    if let Some(pinned) = &user {
        sources.push(WarehouseSource { root: pinned.root.clone(), manifest: pinned.manifest.clone() });
        folders.push(pinned.root.join("warehouse"));
    }
    folders.push(cache_folder(&settings.cache, lake.as_deref()));
    clear_temporary(&settings.cache, folders.last().expect("just pushed"));
    let mut warehouse = Warehouse::open(sources, lake, &folders, redaction_key)?;
    if let Some(pinned) = user {
        warehouse.keep(Box::new(pinned));
    }
    Ok(Box::new(warehouse))
}

fn seed_source(opened: Result<(PathBuf, Manifest), LakeError>) -> Result<WarehouseSource, AskError> {
    let (root, manifest) = opened?;
    Ok(WarehouseSource { root, manifest })
}

/// Returns the cache folder for warehouses of that lake. Each lake has its own, so that two lakes
/// never remove each other's warehouses.
fn cache_folder(cache: &Path, lake: Option<&Path>) -> PathBuf {
    let name = match lake {
        Some(root) => {
            let path = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
            lake::digest(path.as_os_str().as_encoded_bytes())
        }
        None => "seed".into(),
    };
    cache.join("warehouse").join(name)
}

/// Removes temporary files of dead processes from the cache. A failure changes no answer.
fn clear_temporary(cache: &Path, warehouses: &Path) {
    for (folder, prefix) in [(cache, ".seed-"), (warehouses, ".")] {
        if let Err(error) = durable::remove_abandoned(folder, prefix) {
            tracing::info!("the cache cannot be tidied: {error}");
        }
    }
}
