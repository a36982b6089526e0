//! Bundles: the keys of their signers, and their import.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use catalog::ports::{BundleReport, StoreError};
use catalog::{Field, Page, Value, ValueType};
use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::{Timestamp, hex, parse_hex};
use durable::{FileLock, PRIVATE};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

use crate::Ports;
use crate::ports::lake_failure;

/// Imports a bundle. Its signer must be known from an earlier import, or be named by `signer`.
pub(crate) fn import(
    path: &Path,
    signer: Option<&str>,
    dry_run: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if let Some(signer) = signer.filter(|signer| key_of(signer).is_none()) {
        return Err(Failure::usage(format!(
            "--signer \"{signer}\" is not a key; expected 64 hexadecimal digits"
        ))
        .hint("collector bundle prints the key on the machine that makes the bundle"));
    }
    let mut trusted = signers(&ports.settings.config)?;
    let own = ports.settings.config.join("bundle.key");
    if own.exists() {
        trusted.insert(hex(own_key(&ports.settings.config)?.verifying_key().as_bytes()));
    }
    let named = signer.map(str::to_lowercase);
    let stranger = Cell::new(false);
    let verify = |text: &[u8], seal: &str| {
        let signer = seal.split(' ').next().unwrap_or_default();
        stranger.set(named.is_none() && !trusted.contains(signer));
        verify(text, seal, &trusted, named.as_deref())
    };
    let progress = printer.progress("importing");
    let taken = ports.store.unpack(path, &verify, now, dry_run).map_err(|error| match error {
        error if stranger.get() => Failure::new(FailureKind::Refused, error.to_string())
            .hint("compare the key with the output of collector bundle, then add --signer KEY"),
        StoreError::BadFile(text) => Failure::new(FailureKind::Data, text)
            .hint("copy the bundle again, or make it again with collector bundle --to FILE --replace"),
        error => lake_failure(error),
    });
    drop(progress);
    let taken = taken?;
    printer.report(&Report::plain(page(&taken)), ports.encode)?;
    if dry_run {
        printer.note("dry run: the bundle is valid, and nothing was written");
        return Ok(Exit::Done);
    }
    if let Some(named) = named.filter(|named| !trusted.contains(named)) {
        remember(&ports.settings.config, &named)?;
        printer.note("its signer is trusted from now on");
    }
    if taken.kept == 0 {
        printer.note("nothing was added: the lake already has these rows");
    }
    Ok(Exit::Done)
}

/// Checks that `seal` is a signature of `text` by the `named` key, or by a trusted key if none is
/// named.
fn verify(text: &[u8], seal: &str, trusted: &BTreeSet<String>, named: Option<&str>) -> Result<(), String> {
    let (signer, signature) = seal.trim().split_once(' ').ok_or("its signature cannot be read")?;
    match named {
        Some(named) if named != signer => return Err(format!("it is signed by {signer}, not by {named}")),
        None if !trusted.contains(signer) => {
            return Err(format!("it is signed by {signer}, which is not a trusted key"));
        }
        _ => {}
    }
    let key = key_of(signer).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let signature = parse_hex(signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
    let good = key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(text, &signature).is_ok());
    if good {
        Ok(())
    } else {
        Err("its signature does not match its contents: it was changed or damaged".into())
    }
}

/// Returns the key with which this user signs; it is created on first use.
pub(crate) fn own_key(config: &Path) -> Result<SigningKey, Failure> {
    console::read_or_create_key(&config.join("bundle.key")).map(|bytes| SigningKey::from_bytes(&bytes))
}

/// The largest list of signers, in bytes.
const LONGEST_SIGNERS: u64 = 1 << 20;

fn signers_path(config: &Path) -> PathBuf {
    config.join("signers")
}

/// Reads the keys of known signers, one per line.
fn signers(config: &Path) -> Result<BTreeSet<String>, Failure> {
    let path = signers_path(config);
    let text = read_signers(&path)
        .map_err(|error| Failure::broken(format!("{} cannot be read: {error}", path.display())))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect())
}

/// Adds a key to the known signers.
fn remember(config: &Path, signer: &str) -> Result<(), Failure> {
    let path = signers_path(config);
    let written = durable::create_private_folder(config).and_then(|()| {
        // Concurrent processes must not lose each other's keys.
        let _lock = FileLock::exclusive(&config.join("signers.lock"))?;
        let mut text = read_signers(&path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        durable::write_atomic(&path, format!("{text}{signer}\n").as_bytes(), PRIVATE)
    });
    written.map_err(|e| Failure::broken(format!("{} cannot be written: {e}", path.display())))
}

/// Reads the file of known signers; without a file there are none.
fn read_signers(path: &Path) -> io::Result<String> {
    match durable::read_text(path, LONGEST_SIGNERS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

fn key_of(text: &str) -> Option<[u8; 32]> {
    parse_hex(text)?.try_into().ok()
}

/// Returns the table of a packed or imported bundle.
pub(crate) fn page(bundled: &BundleReport) -> Page {
    let fields = ["files", "rows", "rows_kept", "bytes", "manifest"];
    let count = |number: u64| Value::Int(number as i64);
    let row = vec![
        count(bundled.files),
        count(bundled.rows),
        count(bundled.kept),
        count(bundled.bytes),
        bundled.manifest.map(|number| number as i64).into(),
    ];
    Page { fields: fields.map(|name| Field::new(name, ValueType::Int)).to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer;

    use super::*;

    #[test]
    fn accepts_only_intact_contents_signed_by_a_trusted_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signer = hex(key.verifying_key().as_bytes());
        let seal = format!("{signer} {}", hex(key.sign(b"a list").to_bytes()));
        let (known, nobody) = (BTreeSet::from([signer.clone()]), BTreeSet::new());
        let other = "0".repeat(64);
        let check = |text: &[u8], seal: &str, trusted: &BTreeSet<String>, named: Option<&str>, why: &str| {
            let verdict = verify(text, seal, trusted, named).err().unwrap_or_default();
            assert!(verdict.contains(why) && verdict.is_empty() == why.is_empty(), "{verdict}");
        };
        check(b"a list", &seal, &known, None, "");
        check(b"a list", &seal, &nobody, Some(&signer), "");
        check(b"a list", &seal, &nobody, None, "not a trusted key");
        check(b"a list", &seal, &known, Some(&other), "not by");
        check(b"another", &seal, &known, None, "changed or damaged");
        check(b"a list", &format!("{signer} 00"), &known, None, "changed or damaged");
        check(b"a list", &signer, &known, None, "cannot be read");
        check(
            b"a list",
            &format!("{other} {}", "0".repeat(128)),
            &nobody,
            Some(&other),
            "changed or damaged",
        );
    }
}
