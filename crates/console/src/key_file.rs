//! A secret key in a file of the user.

#![allow(clippy::disallowed_methods, reason = "the key is a file")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::Failure;

/// Returns the 32 random bytes that a file stores as hexadecimal digits. The file is created on
/// first use, readable for its owner only.
///
/// Errors: the file cannot be read or created, or has other content.
pub fn read_or_create_key(path: &Path) -> Result<[u8; 32], Failure> {
    let failed = |e: io::Error| Failure::broken(format!("{} cannot be used: {e}", path.display()));
    if !path.exists() {
        make(path).map_err(failed)?;
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    read(text.trim()).ok_or_else(|| {
        Failure::usage(format!("{} is not a key: expected 64 hexadecimal digits", path.display()))
            .hint("move the file away, and a new key is created")
    })
}

fn read(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Creates the file. If another process creates it at the same time, the first file wins.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().expect("a key file is in a folder");
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let passing = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&passing)?;
    let linked = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&passing, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    });
    fs::remove_file(&passing)?;
    linked
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn creates_the_key_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mycelium").join("a.key");
        let first = read_or_create_key(&path).unwrap();
        assert_ne!(first, [0; 32]);
        assert_eq!(read_or_create_key(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        for wrong in ["", "ab", &"x".repeat(64), &"é".repeat(32)] {
            fs::write(&path, wrong).unwrap();
            assert!(read_or_create_key(&path).unwrap_err().message.contains("is not a key"), "{wrong}");
        }
    }
}
