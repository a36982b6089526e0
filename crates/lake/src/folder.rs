//! The lake's folder: file names, formats and atomic writes.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use catalog::ports::{AskError, StoreError};
use catalog::{FORMAT, Manifest};
use sha2::{Digest, Sha256};

/// The reason why a lake cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// Written by a newer version.
    #[error("the lake at {path} has format {found}, and this version knows up to {FORMAT}")]
    Newer {
        /// The lake.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The folder is not a lake, or the lake is damaged: one sentence.
    #[error("{0}")]
    Unusable(String),
    /// Another process holds the writer's lock.
    #[error("{path} is being written by {by}")]
    Locked {
        /// The lake.
        path: PathBuf,
        /// The other process, its machine and its command, as far as they are known.
        by: String,
    },
    /// The file system returned an error.
    #[error("{path}: {reason}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error's text.
        reason: String,
    },
}

impl LakeError {
    pub(crate) fn io(path: &Path, error: io::Error) -> LakeError {
        LakeError::Io { path: path.to_path_buf(), reason: error.to_string() }
    }
}

impl From<LakeError> for AskError {
    fn from(error: LakeError) -> AskError {
        match error {
            LakeError::Newer { path, found } => AskError::Newer { path, found, known: FORMAT },
            other => AskError::Lake(other.to_string()),
        }
    }
}

impl From<LakeError> for StoreError {
    fn from(error: LakeError) -> StoreError {
        match error {
            LakeError::Newer { path, found } => StoreError::Newer { path, found, known: FORMAT },
            LakeError::Locked { path, by } => StoreError::Locked { path, by },
            LakeError::Unusable(text) => StoreError::Foreign(text),
            other @ LakeError::Io { .. } => StoreError::Io(other.to_string()),
        }
    }
}

/// The lock file of the writer.
pub(crate) const LOCK: &str = "writer.lock";

pub(crate) fn current_path(root: &Path) -> PathBuf {
    root.join("CURRENT")
}

pub(crate) fn manifest_path(root: &Path, number: u64) -> PathBuf {
    root.join("manifest").join(format!("{number}.json"))
}

/// Makes a folder and its parents, with mode 0700.
pub(crate) fn make_folder(path: &Path) -> Result<(), LakeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| LakeError::io(path, e))
}

/// Writes a file atomically: temporary name, sync, rename, sync of the folder.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
    write_through(path, |out| out.write_all(bytes).map_err(|e| LakeError::io(path, e))).map(|_| ())
}

/// Writes a file atomically, as [`write_whole`] does, from bytes that `write` produces. Returns the
/// number of bytes and their SHA-256.
pub(crate) fn write_through(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), LakeError>,
) -> Result<(u64, String), LakeError> {
    let folder = path.parent().expect("files of a lake stand in a folder");
    let name = path.file_name().expect("files of a lake have names").to_string_lossy();
    let passing = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let failed = |e| LakeError::io(path, e);
    let written = File::create(&passing).map_err(failed).and_then(|file| {
        let out = BufWriter::new(file);
        let mut counted = Counted { out, bytes: 0, hasher: Sha256::new(), refused: None };
        if let Err(error) = write(&mut counted) {
            // A file system error is reported as such: the format's writer may have rewrapped it.
            return Err(counted.refused.map_or(error, failed));
        }
        let file = counted.out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().and_then(|()| fs::rename(&passing, path)).map_err(failed)?;
        Ok((counted.bytes, hex(&counted.hasher.finalize())))
    });
    if written.is_err() {
        // Best effort: the next writer clears temporary files of dead processes.
        let _ = fs::remove_file(&passing);
        return written;
    }
    sync_folder(folder)?;
    written
}

/// A file whose bytes are counted and digested while they are written.
struct Counted {
    out: BufWriter<File>,
    bytes: u64,
    hasher: Sha256,
    /// The file system's last error.
    refused: Option<io::Error>,
}

impl Counted {
    fn noted<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            self.refused = Some(error);
            told
        })
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        let written = self.noted(written)?;
        self.bytes += written as u64;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.noted(flushed)
    }
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), LakeError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| LakeError::io(path, e))
}

/// A temporary folder in the lake for incoming files. It is removed on drop, or else by the next
/// writer.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn make(root: &Path, what: &str) -> Result<Scratch, LakeError> {
        let path = root.join("manifest").join(format!(".{what}.{}.tmp", std::process::id()));
        // A dead process with the same id may have left this folder.
        let _ = fs::remove_dir_all(&path);
        make_folder(&path)?;
        Ok(Scratch(path))
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the number in CURRENT. None means that there is no lake yet: the folder is missing,
/// empty, or has only the files of a first run that died before its commit.
pub(crate) fn current(root: &Path) -> Result<Option<u64>, LakeError> {
    let path = current_path(root);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| damaged(root, "its CURRENT names no manifest")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => no_current(root),
        Err(error) => Err(LakeError::io(&path, error)),
    }
}

fn no_current(root: &Path) -> Result<Option<u64>, LakeError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LakeError::io(root, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(|e| LakeError::io(root, e))?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    // A first run makes the lock first. Without it, `lake` may be a folder of another program.
    let begun = names.iter().any(|name| name == LOCK);
    match names.iter().find(|name| !begun || !is_ours(name)) {
        None => Ok(None),
        Some(name) => {
            let text = format!("{} is not a lake: it holds {name} and no CURRENT", root.display());
            Err(LakeError::Unusable(text))
        }
    }
}

fn is_ours(name: &str) -> bool {
    [LOCK, "manifest", "lake", "warehouse"].contains(&name) || name.starts_with(".CURRENT.")
}

fn damaged(root: &Path, what: &str) -> LakeError {
    LakeError::Unusable(format!("the lake at {} is damaged: {what}", root.display()))
}

/// Reads a manifest. The format is checked before the rest, which a newer version may have changed.
pub(crate) fn read_manifest(root: &Path, file: &mut File) -> Result<Manifest, LakeError> {
    #[derive(serde::Deserialize)]
    struct Head {
        format: u32,
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| LakeError::io(root, e))?;
    let head: Head = serde_json::from_str(&text)
        .map_err(|e| damaged(root, &format!("its manifest cannot be read ({e})")))?;
    if head.format > FORMAT {
        return Err(LakeError::Newer { path: root.to_path_buf(), found: head.format });
    }
    serde_json::from_str(&text).map_err(|e| damaged(root, &format!("its manifest cannot be read ({e})")))
}

/// Fails when a file that the manifest lists is missing or has another size.
pub(crate) fn check_sizes(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    for file in &manifest.files {
        match fs::metadata(root.join(&file.path)) {
            Ok(found) if found.len() == file.bytes => {}
            Ok(found) => {
                let what = format!("{} has {} bytes instead of {}", file.path, found.len(), file.bytes);
                return Err(damaged(root, &what));
            }
            Err(error) => return Err(damaged(root, &format!("{} cannot be read ({error})", file.path))),
        }
    }
    Ok(())
}

/// Returns the paths of the listed files whose bytes differ from their digest. Reads every file.
///
/// Errors: a file cannot be read.
pub fn check_digests(root: &Path, manifest: &Manifest) -> Result<Vec<String>, LakeError> {
    let mut wrong = Vec::new();
    for file in &manifest.files {
        let path = root.join(&file.path);
        let bytes = fs::read(&path).map_err(|e| LakeError::io(&path, e))?;
        if sha256(&bytes) != file.sha256 {
            wrong.push(file.path.clone());
        }
    }
    Ok(wrong)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the first 16 hex digits of the bytes' SHA-256.
pub fn digest(bytes: &[u8]) -> String {
    sha256(bytes)[..16].to_string()
}

/// Returns a file's size in bytes, and its SHA-256 in lowercase hex.
pub(crate) fn content(path: &Path) -> Result<(u64, String), LakeError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut file = File::open(path).map_err(|e| LakeError::io(path, e))?;
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(|e| LakeError::io(path, e))?;
        if read == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        bytes += read as u64;
        hasher.update(&buffer[..read]);
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
