//! A secret key in a file of the user.

#![allow(clippy::disallowed_methods, reason = "the key is a file")]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use durable::PRIVATE;

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
    let text = durable::read_text(path, LONGEST).map_err(failed)?;
    read(text.trim()).ok_or_else(|| {
        Failure::usage(format!("{} is not a key: expected 64 hexadecimal digits", path.display()))
            .hint("move the file away, and a new key is created")
    })
}

/// The largest key file, in bytes.
const LONGEST: u64 = 1 << 10;

fn read(text: &str) -> Option<[u8; 32]> {
    domain::parse_hex(text)?.try_into().ok()
}

/// Creates the file. If another process creates it at the same time, the first file wins.
fn make(path: &Path) -> io::Result<()> {
    durable::create_private_folder(path.parent().expect("a key file is in a folder"))?;
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    match durable::write_new(path, domain::hex(bytes).as_bytes(), PRIVATE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
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
