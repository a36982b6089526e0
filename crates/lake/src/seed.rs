use std::fs::{self, File};
use std::io::Write;
use std::os::fd::IntoRawFd;
use std::path::{Path, PathBuf};

use catalog::Manifest;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::folder::{self, LakeError};

/// A file that the program carries: its path in the seed, and its bytes.
pub type Embedded = (&'static str, &'static [u8]);

/// Unpacks the seed once into `cache/seed-<digest>` and returns that folder, which has a lake's layout.
///
/// Two processes may do it at once: each unpacks under a name of its own and renames; one of them wins.
pub fn unpack_seed(files: &[Embedded], cache: &Path) -> Result<PathBuf, LakeError> {
    let all: Vec<u8> = files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes].concat()).collect();
    let name = format!("seed-{}", &folder::sha256(&all)[..16]);
    let target = cache.join(&name);
    if target.join("CURRENT").exists() {
        return Ok(target);
    }
    let passing = cache.join(format!(".{name}.{}.tmp", std::process::id()));
    unpack(files, &passing)?;
    match fs::rename(&passing, &target) {
        Ok(()) => folder::sync_folder(cache)?,
        Err(_) if target.join("CURRENT").exists() => {
            fs::remove_dir_all(&passing).map_err(|e| LakeError::io(&passing, e))?;
        }
        Err(error) => return Err(LakeError::io(&target, error)),
    }
    Ok(target)
}

fn unpack(files: &[Embedded], target: &Path) -> Result<(), LakeError> {
    for (path, bytes) in files {
        let file = target.join(path);
        folder::make_folder(file.parent().expect("files of the seed stand in a folder"))?;
        folder::write_whole(&file, bytes)?;
    }
    Ok(())
}

/// The seed's manifest with its files in memory, for a machine on which no folder can be written. The
/// paths are `/proc/self/fd/…`: they hold in this process and in the ones it starts, as long as they live.
pub fn seed_in_memory(files: &[Embedded]) -> Result<Manifest, LakeError> {
    let find = |wanted: &str| files.iter().find(|(path, _)| *path == wanted).map(|(_, bytes)| *bytes);
    let unusable = |what: String| LakeError::Unusable(format!("the seed is damaged: {what}"));
    let text = find("manifest/0.json").ok_or_else(|| unusable("it has no manifest".into()))?;
    let mut manifest: Manifest = serde_json::from_slice(text).map_err(|e| unusable(e.to_string()))?;
    for file in &mut manifest.files {
        let bytes = find(&file.path).ok_or_else(|| unusable(format!("{} is missing", file.path)))?;
        file.path = in_memory(bytes).map_err(|e| LakeError::io(Path::new(&file.path), e))?;
    }
    Ok(manifest)
}

fn in_memory(bytes: &[u8]) -> std::io::Result<String> {
    // Without CLOEXEC: the locked room's process reads it too.
    let mut file = File::from(memfd_create("mycelium-seed", MemfdFlags::empty())?);
    file.write_all(bytes)?;
    // Open until the process ends, because the path means this very descriptor.
    Ok(format!("/proc/self/fd/{}", file.into_raw_fd()))
}
