//! The files of spawnd beside the executables: `../lib/mycelium/spawnd-x86_64` and
//! `spawnd-aarch64`, each with a `.json` of its facts. `cargo xtask daemon` writes those of the
//! machine on which it runs.

#![allow(clippy::disallowed_methods, reason = "spawnd is a file beside the executables")]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use console::{Failure, FailureKind};
use lifecycle::DaemonSource;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The largest file that is sent through ssh, in bytes. A debug build fits.
const LARGEST: u64 = 64_000_000;
/// The largest file that an instance gets from an address: the limit of `units/fetch.sh`.
const LARGEST_FETCHED: usize = 8_000_000;
const LARGEST_FACTS: u64 = 4_096;
/// The first bytes of an ELF file of 64 bits in little-endian order.
const ELF: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];

/// spawnd for one architecture, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DaemonFile {
    /// Its version.
    pub(crate) version: String,
    /// The version of glibc that it needs.
    pub(crate) glibc: String,
    /// The SHA-256 of `bytes` in hexadecimal digits.
    pub(crate) sha256: String,
    /// The executable.
    pub(crate) bytes: Vec<u8>,
    /// The architecture as the file's name has it: `x86_64` or `aarch64`.
    word: &'static str,
}

/// The content of the `.json` file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DaemonFacts {
    version: String,
    sha256: String,
    glibc: String,
}

impl DaemonFile {
    /// Reads spawnd for an architecture in EC2's spelling, from the folder beside that of the
    /// executable. Its owner must be root or the owner of the executable, no one else may write to
    /// it, its digest must be that of the `.json` file, and its machine the architecture.
    ///
    /// # Errors
    /// There is no such file, or it is otherwise.
    pub(crate) fn load(executable: &Path, architecture: &str) -> Result<DaemonFile, Failure> {
        let (word, machine) = match architecture {
            "x86_64" => ("x86_64", 62),
            "arm64" => ("aarch64", 183),
            other => return Err(Failure::usage(format!("there is no spawnd for the architecture {other}"))),
        };
        let prefix = executable.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
        let path = prefix.join("lib/mycelium").join(format!("spawnd-{word}"));
        let owner = fs::metadata(executable).map(|meta| meta.uid()).unwrap_or(0);
        if word != std::env::consts::ARCH && !path.exists() {
            let message =
                format!("no spawnd for {architecture} is installed: {} does not exist", path.display());
            return Err(Failure::new(FailureKind::Data, message)
                .hint("--deliver none launches without it: the dead-man and spawn reap bound the life"));
        }
        let bytes = read_owned(&path, owner, LARGEST)?;
        let facts_path = path.with_extension("json");
        let facts: DaemonFacts = serde_json::from_slice(&read_owned(&facts_path, owner, LARGEST_FACTS)?)
            .map_err(|error| unusable(&facts_path, &error.to_string()))?;
        let sha256 = domain::hex(Sha256::digest(&bytes));
        if sha256 != facts.sha256 {
            return Err(unusable(&path, "its digest is not that of the .json file beside it"));
        }
        if !bytes.starts_with(&ELF) || bytes.get(18..20) != Some(&[machine, 0]) {
            return Err(unusable(&path, &format!("it is no program for {word}")));
        }
        Ok(DaemonFile { version: facts.version, glibc: facts.glibc, sha256, bytes, word })
    }

    /// Returns the name of the file in a bucket: each content has its own.
    pub(crate) fn object_name(&self) -> String {
        format!("spawnd-{}-{}", self.word, self.sha256)
    }

    /// Returns the source for an instance that gets this file from an address by itself. `{arch}`
    /// in the address stands for the architecture.
    ///
    /// # Errors
    /// The address has characters that no address has, or the file is too large to be fetched.
    pub(crate) fn source(&self, address: &str) -> Result<DaemonSource, Failure> {
        let length = self.bytes.len();
        if length > LARGEST_FETCHED {
            return Err(Failure::usage(format!(
                "spawnd has {length} bytes, and an instance fetches at most {LARGEST_FETCHED}"
            ))
            .hint("--deliver push sends it through ssh"));
        }
        let url = address.replace("{arch}", self.word);
        DaemonSource::new(&url, &self.sha256)
            .ok_or_else(|| Failure::usage(format!("\"{url}\" is not an https address")))
    }
}

/// Reads a regular file that only `owner` or root may write.
fn read_owned(path: &Path, owner: u32, most: u64) -> Result<Vec<u8>, Failure> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::new(FailureKind::Data, format!("{} does not exist", path.display()))
                .hint("make install installs it; --deliver none launches without spawnd"));
        }
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    if !meta.is_file() || ![0, owner].contains(&meta.uid()) || meta.mode() & 0o022 != 0 {
        let why = format!("it is no file that only root or user {owner} can change");
        return Err(unusable(path, &why));
    }
    durable::read_regular(path, most).map_err(|error| unusable(path, &error.to_string()))
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(FailureKind::Data, format!("{} is not used: {why}", path.display()))
        .hint("make install installs it again")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Returns a folder with an executable and spawnd for an architecture, made of these bytes.
    pub(crate) fn installed(word: &str, bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("lib/mycelium");
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        fs::create_dir_all(&files).unwrap();
        fs::write(folder.path().join("bin/mycelium"), "").unwrap();
        let facts = format!(
            "{{\"version\": \"0.1.0\", \"sha256\": \"{}\", \"glibc\": \"2.34\"}}",
            domain::hex(Sha256::digest(bytes))
        );
        write(&files.join(format!("spawnd-{word}.json")), facts.as_bytes());
        write(&files.join(format!("spawnd-{word}")), bytes);
        folder
    }

    fn write(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    }

    /// Returns the head of a program for a machine, by its number in ELF.
    pub(crate) fn elf(machine: u8) -> Vec<u8> {
        let mut bytes = ELF.to_vec();
        bytes.resize(64, 0);
        bytes[18] = machine;
        bytes
    }

    fn load(folder: &tempfile::TempDir, architecture: &str) -> Result<DaemonFile, String> {
        DaemonFile::load(&folder.path().join("bin/mycelium"), architecture).map_err(|error| error.message)
    }

    #[test]
    fn reads_the_file_of_each_architecture() {
        for (word, architecture, machine) in [("x86_64", "x86_64", 62), ("aarch64", "arm64", 183)] {
            let file = load(&installed(word, &elf(machine)), architecture).expect(word);
            assert_eq!((file.version.as_str(), file.glibc.as_str()), ("0.1.0", "2.34"));
            assert_eq!(file.bytes, elf(machine));
            let source = file.source("https://mirror.example/{arch}/spawnd").expect("a source");
            assert_eq!(source.url(), format!("https://mirror.example/{word}/spawnd"));
            assert!(file.source("https://mirror.example/a b").is_err());
        }
    }

    #[test]
    fn a_file_that_another_user_could_have_changed_is_not_used() {
        let check = |change: fn(&Path), expected: &str| {
            let folder = installed("x86_64", &elf(62));
            change(&folder.path().join("lib/mycelium/spawnd-x86_64"));
            let why = load(&folder, "x86_64").expect_err(expected);
            assert!(why.contains("lib/mycelium/spawnd-x86_64") && why.contains(expected), "{why}");
        };
        check(|path| fs::remove_file(path).unwrap(), "lib/mycelium/spawnd-x86_64 does not exist");
        check(|path| fs::remove_file(path.with_extension("json")).unwrap(), ".json does not exist");
        check(|path| fs::set_permissions(path, PermissionsExt::from_mode(0o775)).unwrap(), "only root or");
        check(
            |path| {
                let aside = path.with_extension("aside");
                fs::rename(path, &aside).unwrap();
                symlink(aside, path).unwrap();
            },
            "only root or",
        );
        check(|path| write(path, &elf(63)), "its digest is not that of the .json file");
        check(|path| write(&path.with_extension("json"), b"{}"), "missing field");
        check(|path| fs::write(path, vec![0; 64_000_001]).unwrap(), "more than 64000000 bytes");
    }

    #[test]
    fn a_missing_file_of_another_architecture_is_no_matter_of_the_installation() {
        let folder = installed("x86_64", &elf(62));
        let failure = DaemonFile::load(&folder.path().join("bin/mycelium"), "arm64").expect_err("no file");
        assert!(failure.message.starts_with("no spawnd for arm64 is installed"), "{failure}");
        let hint = failure.hint.expect("a hint");
        assert!(hint.starts_with("--deliver none launches without it") && !hint.contains("make"), "{hint}");
    }

    #[test]
    fn a_program_for_another_machine_is_not_used() {
        let check = |bytes: &[u8]| {
            let why = load(&installed("aarch64", bytes), "arm64").expect_err("no program");
            assert!(why.contains("it is no program for aarch64"), "{why}");
        };
        check(&elf(62));
        check(b"#!/bin/sh\n");
        check(&ELF);
        assert!(load(&installed("x86_64", &elf(62)), "i386").is_err_and(|why| why.contains("i386")));
    }
}
