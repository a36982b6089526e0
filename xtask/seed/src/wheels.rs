//! The pinned wheels: downloaded once, checked by digest, read as archives. Their code is never
//! imported or run.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// A wheel, identified by name, version and content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WheelPin {
    /// The name on PyPI.
    pub(crate) package: &'static str,
    /// The exact version.
    pub(crate) version: &'static str,
    /// The file's name.
    pub(crate) file: &'static str,
    /// SHA-256 of the file, lowercase hex.
    pub(crate) sha256: &'static str,
    /// The instant to which its data is dated; `datasets/README.md` gives the reason.
    pub(crate) observed_at: &'static str,
}

impl WheelPin {
    /// Returns package and version, the source that rows name.
    pub(crate) fn source(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    /// Returns whether the member's time stamp is on the day of `observed_at`. The releases have no
    /// other date, so the check finds a repackaged wheel.
    fn stamped_on_that_day(&self, member: &zip::read::ZipFile<'_, File>) -> bool {
        member.last_modified().is_some_and(|stamp| {
            let day = format!("{:04}-{:02}-{:02}", stamp.year(), stamp.month(), stamp.day());
            self.observed_at.starts_with(&day)
        })
    }
}

/// Instance types and offerings. Dated by the time stamps of its members, the day of the release:
/// the crawl may be older, but not younger.
pub(crate) const MOTO: WheelPin = WheelPin {
    package: "moto",
    version: "5.2.5",
    file: "moto-5.2.5-py3-none-any.whl",
    sha256: "eef62cdcf3bfe73e0863743511ba042dfaba04ba3d5ecdcb896a196c693ad528",
    observed_at: "2026-10-27T22:45:00Z",
};

/// Regions and partitions. Dated by the time stamps of its members.
pub(crate) const BOTOCORE: WheelPin = WheelPin {
    package: "botocore",
    version: "1.44.5",
    file: "botocore-1.44.5-py3-none-any.whl",
    sha256: "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921",
    observed_at: "2026-11-17T19:12:00Z",
};

/// Shared on-demand prices. Dated by its own `inserted_at` column.
pub(crate) const SPARECORES: WheelPin = WheelPin {
    package: "sparecores-data",
    version: "0.1.0",
    file: "sparecores_data-0.1.0-py3-none-any.whl",
    sha256: "5237ea4ae06953995dc8dc6fa61de9a0de94e3e5a0613c346de7643235ebeaed",
    observed_at: "2024-02-21T08:20:21Z",
};

/// On-demand prices, Shared and Dedicated mixed. Dated by its own `updated` field.
pub(crate) const LIBCLOUD: WheelPin = WheelPin {
    package: "apache-libcloud",
    version: "3.9.1",
    file: "apache_libcloud-3.9.1-py3-none-any.whl",
    sha256: "362806efe3602a781afa0b0c8ad2e8963a708c8d5957fb999735c1cc1e0762d2",
    observed_at: "2025-03-02T17:36:18Z",
};

/// All pinned wheels.
pub(crate) const PINS: [WheelPin; 4] = [MOTO, BOTOCORE, SPARECORES, LIBCLOUD];

/// A wheel in the cache folder with the pinned digest.
pub(crate) struct PinnedWheel {
    path: PathBuf,
    pin: WheelPin,
}

impl PinnedWheel {
    /// Returns the wheel from the cache folder, and downloads it if it is missing. Errors: the
    /// download fails, or the digest is not the pinned one.
    pub(crate) fn fetch(pin: WheelPin, cache: &Path) -> Result<PinnedWheel> {
        let path = cache.join(pin.file);
        if !path.exists() {
            download(pin, cache)?;
        }
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let found = domain::hex(Sha256::digest(&bytes));
        ensure!(found == pin.sha256, "{} has the digest {found}, not {}", path.display(), pin.sha256);
        Ok(PinnedWheel { path, pin })
    }

    /// Returns a member's bytes; a `.gz` member is decompressed.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let mut archive = self.open()?;
        let mut member = archive.by_name(name).with_context(|| format!("{name} in {}", self.pin.file))?;
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes)?;
        if !name.ends_with(".gz") {
            return Ok(bytes);
        }
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked)?;
        Ok(unpacked)
    }

    /// Reads a member as JSON.
    pub(crate) fn json(&self, name: &str) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.read(name)?).with_context(|| format!("{name} in {}", self.pin.file))
    }

    /// Reads a member as JSON, and checks its time stamp. For wheels that have no other date.
    pub(crate) fn dated_json(&self, name: &str) -> Result<serde_json::Value> {
        let mut archive = self.open()?;
        let member = archive.by_name(name).with_context(|| format!("{name} in {}", self.pin.file))?;
        ensure!(self.pin.stamped_on_that_day(&member), "{name} is not of {}", self.pin.observed_at);
        drop(member);
        self.json(name)
    }

    /// Returns the names of the members below a folder, sorted.
    pub(crate) fn members(&self, folder: &str) -> Result<Vec<String>> {
        let archive = self.open()?;
        let all = archive.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<Vec<String>>>()?;
        let mut names: Vec<String> = all.into_iter().filter(|name| name.starts_with(folder)).collect();
        names.sort();
        Ok(names)
    }

    fn open(&self) -> Result<zip::ZipArchive<File>> {
        Ok(zip::ZipArchive::new(File::open(&self.path)?)?)
    }
}

fn download(pin: WheelPin, cache: &Path) -> Result<()> {
    fs::create_dir_all(cache)?;
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", "--only-binary=:all:", "--dest"])
        .arg(cache)
        .arg(format!("{}=={}", pin.package, pin.version))
        .status()
        .context("starting python3 -m pip")?;
    ensure!(status.success(), "pip could not download {}", pin.source());
    Ok(())
}
