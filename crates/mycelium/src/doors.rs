//! Opens the warehouse over the seed and the user's lake.

use std::path::{Path, PathBuf};

use catalog::ports::{Ask, AskError};
use console::Settings;
use lake::Pinned;
use warehouse::{Source, Warehouse};

use crate::seed;

/// The warehouse of the seed and of whatever the user's lake holds.
pub(crate) fn warehouse(settings: &Settings) -> Result<Box<dyn Ask>, AskError> {
    let user = Pinned::newest(&settings.lake.value)?;
    let mut sources = vec![seed_source(&settings.cache)?];
    let mut folders = Vec::new();
    let lake = user.as_ref().map(|pinned| pinned.root.clone());
    if let Some(pinned) = &user {
        sources.push(Source { root: pinned.root.clone(), manifest: pinned.manifest.clone() });
        folders.push(pinned.root.join("warehouse"));
    }
    folders.extend(cache_folder(&settings.cache));
    let mut warehouse = Warehouse::open(sources, lake, &folders)?;
    if let Some(pinned) = user {
        warehouse.keep(Box::new(pinned));
    }
    Ok(Box::new(warehouse))
}

fn seed_source(cache: &Path) -> Result<Source, AskError> {
    match lake::unpack_seed(seed::FILES, cache) {
        Ok(root) => {
            let pinned =
                Pinned::newest(&root)?.ok_or_else(|| AskError::Lake("the seed holds no manifest".into()))?;
            Ok(Source { root, manifest: pinned.manifest })
        }
        // No folder can be written: the seed is read from memory.
        Err(_) => Ok(Source { root: PathBuf::from("/"), manifest: lake::seed_in_memory(seed::FILES)? }),
    }
}

/// The cache's folder for warehouses, where it can be made.
fn cache_folder(cache: &Path) -> Option<PathBuf> {
    let folder = cache.join("warehouse");
    lake::make_folder(&folder).ok().map(|()| folder)
}
