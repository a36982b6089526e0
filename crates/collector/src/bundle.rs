use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use catalog::ports::BundleReport;
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::Timestamp;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::{Ports, lake_failure};

/// Pack the lake's public data into one signed file, for machines without a network.
///
/// The bundle holds prices, offerings, types, zones, spot history and interruptions, with the time
/// of each observation. It holds no account data. It is signed with your own key, which is created
/// on first use. To import it on the other machine, run collector import bundle FILE --signer KEY.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// File to write
    #[arg(long = "to", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub to: PathBuf,
    /// Overwrite FILE if it exists
    #[arg(long)]
    pub replace: bool,
    /// Show the contents and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_bundle(
    args: &BundleArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let to = args.to.display();
    if args.to.exists() && !args.replace {
        return Err(Failure::usage(format!("--to {to} already exists"))
            .hint("choose another name, or overwrite it with --replace"));
    }
    let folder = args.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() || args.to.is_dir() || args.to.file_name().is_none() {
        return Err(Failure::usage(format!("--to {to} is not a file in an existing folder")));
    }
    let target = folder.join(args.to.file_name().expect("checked above"));
    let key = if args.dry_run { None } else { Some(own_key(ports.config)?) };
    let seal = |text: &[u8]| {
        let key = key.as_ref().expect("a dry run signs nothing");
        format!("{} {}", hex(key.verifying_key().as_bytes()), hex(&key.sign(text).to_bytes()))
    };
    let progress = printer.progress("packing");
    let packed = ports.store.pack(&target, &seal, now, args.dry_run).map_err(lake_failure)?;
    drop(progress);
    let Some(packed) = packed.filter(|packed| packed.files > 0) else {
        printer.note("public data is not collected yet: run collector snapshot");
        return Ok(Exit::NothingMatched);
    };
    printer.report(&Report::plain(page(&packed)), ports.encode)?;
    match key {
        None => printer.note("dry run: nothing was written"),
        Some(key) => printer.note(&format!(
            "signed by {}: import it elsewhere with collector import bundle {to} --signer KEY",
            hex(key.verifying_key().as_bytes())
        )),
    }
    Ok(Exit::Done)
}

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
    let mut trusted = signers(ports.config)?;
    let own = ports.config.join("bundle.key");
    if own.exists() {
        trusted.insert(hex(own_key(ports.config)?.verifying_key().as_bytes()));
    }
    let named = signer.map(str::to_lowercase);
    let stranger = Cell::new(false);
    let verify = |text: &[u8], seal: &str| {
        let signer = seal.split(' ').next().unwrap_or_default();
        stranger.set(named.is_none() && !trusted.contains(signer));
        verify(text, seal, &trusted, named.as_deref())
    };
    let progress = printer.progress("importing");
    let taken = ports.store.unpack(path, &verify, now, dry_run).map_err(|error| {
        let failure = lake_failure(error);
        match stranger.get() {
            true => Failure::new(FailureKind::Refused, failure.message)
                .hint("compare the key with the output of collector bundle, then add --signer KEY"),
            false => failure,
        }
    });
    drop(progress);
    let taken = taken?;
    printer.report(&Report::plain(page(&taken)), ports.encode)?;
    if dry_run {
        printer.note("dry run: the bundle is valid, and nothing was written");
        return Ok(Exit::Done);
    }
    if let Some(named) = named.filter(|named| !trusted.contains(named)) {
        remember(ports.config, &named)?;
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
    let signature = bytes(signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
    let good = key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(text, &signature).is_ok());
    if good {
        Ok(())
    } else {
        Err("its signature does not match its contents: it was changed or damaged".into())
    }
}

fn own_key(config: &Path) -> Result<SigningKey, Failure> {
    console::read_or_create_key(&config.join("bundle.key")).map(|bytes| SigningKey::from_bytes(&bytes))
}

fn signers_path(config: &Path) -> PathBuf {
    config.join("signers")
}

/// Reads the keys of known signers, one per line.
fn signers(config: &Path) -> Result<BTreeSet<String>, Failure> {
    let path = signers_path(config);
    match fs::read_to_string(&path) {
        Ok(text) => {
            Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(Failure::broken(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn remember(config: &Path, signer: &str) -> Result<(), Failure> {
    let path = signers_path(config);
    let written = fs::create_dir_all(config).and_then(|()| {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        // A single append of one line, so that concurrent processes do not lose each other's keys.
        file.write_all(format!("{signer}\n").as_bytes())?;
        file.sync_all()
    });
    written.map_err(|e| Failure::broken(format!("{} cannot be written: {e}", path.display())))
}

fn key_of(text: &str) -> Option<[u8; 32]> {
    bytes(text)?.try_into().ok()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let good = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| {
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("it is ASCII"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("they are digits")).collect()
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn page(bundled: &BundleReport) -> Page {
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
    use super::*;

    #[test]
    fn accepts_only_intact_contents_signed_by_a_trusted_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signer = hex(key.verifying_key().as_bytes());
        let seal = format!("{signer} {}", hex(&key.sign(b"a list").to_bytes()));
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
