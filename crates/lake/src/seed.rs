use std::fs::{self, File};
use std::io::Write;
use std::os::fd::IntoRawFd;
use std::path::{Path, PathBuf};

use catalog::Manifest;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::PinnedManifest;
use crate::error::LakeError;
use crate::folder;
use durable::{PRIVATE, TemporaryFolder};

/// A file compiled into the program: its path in the seed, and its bytes.
pub type EmbeddedFile = (&'static str, &'static [u8]);

/// Returns the seed's folder and manifest. The seed is unpacked in `cache`, and unpacked again when
/// the copy cannot be read. When the cache cannot be written, the files are in memory and the
/// folder is `/`.
///
/// Errors: the seed itself is damaged.
pub fn open_seed(files: &[EmbeddedFile], cache: &Path) -> Result<(PathBuf, Manifest), LakeError> {
    unpacked(files, cache).or_else(|error| {
        tracing::info!("the seed cannot be read: {error}");
        unpack_seed_again(files, cache)
    })
}

/// Replaces a damaged copy of the seed; otherwise like [`open_seed`].
///
/// Errors: the seed itself is damaged.
pub fn unpack_seed_again(files: &[EmbeddedFile], cache: &Path) -> Result<(PathBuf, Manifest), LakeError> {
    let folder = cache.join(name(files));
    let opened = fs::remove_dir_all(&folder).map_err(|e| LakeError::io(&folder, e));
    opened.and_then(|()| unpacked(files, cache)).or_else(|error| {
        tracing::info!("the seed is read from memory: {error}");
        Ok((PathBuf::from("/"), seed_in_memory(files)?))
    })
}

fn unpacked(files: &[EmbeddedFile], cache: &Path) -> Result<(PathBuf, Manifest), LakeError> {
    let root = unpack_seed(files, cache)?;
    let pinned = PinnedManifest::newest(&root)?;
    let pinned = pinned.ok_or_else(|| LakeError::Unusable("the seed has no manifest".into()))?;
    Ok((root, pinned.manifest))
}

/// The folder's name, with the manifest's digest. The manifest has the digest of every other file.
fn name(files: &[EmbeddedFile]) -> String {
    let manifest = files.iter().filter(|(path, _)| path.starts_with("manifest/"));
    let text: Vec<u8> = manifest.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    format!("seed-{}", folder::digest(&text))
}

/// Unpacks the seed once into `cache/seed-<digest>` and returns that folder, which has a lake's
/// layout.
///
/// Safe when several processes unpack at once: each writes under its own temporary name, and the
/// first rename wins.
fn unpack_seed(files: &[EmbeddedFile], cache: &Path) -> Result<PathBuf, LakeError> {
    let name = name(files);
    let target = cache.join(&name);
    if target.join("CURRENT").exists() {
        return Ok(target);
    }
    let failed = |e| LakeError::io(&target, e);
    durable::create_private_folder(cache).map_err(failed)?;
    let unpacked = TemporaryFolder::create(&target).map_err(failed)?;
    unpack(files, unpacked.path())?;
    match unpacked.commit() {
        Err(error) if !target.join("CURRENT").exists() => Err(failed(error)),
        _ => Ok(target),
    }
}

fn unpack(files: &[EmbeddedFile], target: &Path) -> Result<(), LakeError> {
    for (path, bytes) in files {
        let file = target.join(path);
        let failed = |e| LakeError::io(&file, e);
        let folder = file.parent().expect("files of the seed stand in a folder");
        durable::create_private_folder(folder).map_err(failed)?;
        durable::write_atomic(&file, bytes, PRIVATE).map_err(failed)?;
    }
    Ok(())
}

/// Returns the seed's manifest with its files in memory, for a machine without a writable folder.
/// The paths are `/proc/self/fd/…`. They are valid in this process and its children while these
/// run.
fn seed_in_memory(files: &[EmbeddedFile]) -> Result<Manifest, LakeError> {
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
    // Without CLOEXEC: the isolated query process reads it too.
    let mut file = File::from(memfd_create("mycelium-seed", MemfdFlags::empty())?);
    file.write_all(bytes)?;
    // Left open until the process ends, because the path names this descriptor.
    Ok(format!("/proc/self/fd/{}", file.into_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"format":1,"number":0,"tool_version":"","written_at":"","files":[
        {"dataset":"zone","version":1,"path":"lake/zone/v=1/z.parquet","rows":1,"bytes":4,"sha256":""}]}"#;
    const FILES: &[EmbeddedFile] =
        &[("lake/zone/v=1/z.parquet", b"zone"), ("manifest/0.json", MANIFEST.as_bytes()), ("CURRENT", b"0")];

    #[test]
    fn unpacks_a_damaged_seed_again() {
        let cache = tempfile::tempdir().unwrap();
        let (root, manifest) = open_seed(FILES, cache.path()).unwrap();
        let file = root.join(&manifest.files[0].path);
        let check = |damage: &dyn Fn()| {
            damage();
            assert_eq!(open_seed(FILES, cache.path()).unwrap(), (root.clone(), manifest.clone()));
            assert_eq!(fs::read(&file).unwrap(), b"zone");
        };
        check(&|| ());
        check(&|| fs::remove_file(&file).unwrap());
        check(&|| fs::write(&file, "zo").unwrap());
        check(&|| fs::remove_file(root.join("manifest/0.json")).unwrap());
        check(&|| fs::remove_file(root.join("CURRENT")).unwrap());
    }

    #[test]
    fn reads_the_seed_from_memory_without_a_cache() {
        let (root, manifest) = open_seed(FILES, Path::new("/dev/null/cache")).unwrap();
        assert_eq!(fs::read(root.join(&manifest.files[0].path)).unwrap(), b"zone");
    }
}
