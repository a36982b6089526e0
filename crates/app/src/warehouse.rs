//! Opens the warehouse over the seed and the user's lake.

use std::path::{Path, PathBuf};

use ::warehouse::{Warehouse, WarehouseSource};
use catalog::ports::{Ask, AskError};
use console::Settings;
use lake::PinnedManifest;

use crate::seed;

/// Opens the warehouse of the seed and of the user's lake, if there is one.
pub fn open_warehouse(settings: &Settings) -> Result<Box<dyn Ask>, AskError> {
    let user = PinnedManifest::newest(&settings.lake.value)?;
    let mut sources = vec![seed_source(&settings.cache)?];
    let mut folders = Vec::new();
    let lake = user.as_ref().map(|pinned| pinned.root.clone());
    if let Some(pinned) = &user {
        sources.push(WarehouseSource { root: pinned.root.clone(), manifest: pinned.manifest.clone() });
        folders.push(pinned.root.join("warehouse"));
    }
    folders.push(cache_folder(&settings.cache, lake.as_deref()));
    clear_passing(&settings.cache, folders.last().expect("just pushed"));
    let mut warehouse = Warehouse::open(sources, lake, &folders)?;
    if let Some(pinned) = user {
        warehouse.keep(Box::new(pinned));
    }
    Ok(Box::new(warehouse))
}

fn seed_source(cache: &Path) -> Result<WarehouseSource, AskError> {
    let (root, manifest) = lake::open_seed(seed::FILES, cache)?;
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
fn clear_passing(cache: &Path, warehouses: &Path) {
    for (folder, prefix) in [(cache, ".seed-"), (warehouses, ".")] {
        if let Err(error) = durable::remove_abandoned(folder, prefix) {
            tracing::info!("the cache cannot be tidied: {error}");
        }
    }
}
