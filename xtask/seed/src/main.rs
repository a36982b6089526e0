//! Derives `datasets/seed/`, the data for the first run, from four pinned wheels and our own table
//! of accelerators. Run it as `cargo xtask seed`; two runs write the same bytes.
//!
//! The crate decides which of the packages' data is believed. It never imports or runs the
//! packages, sends no request to AWS, and does not depend on the warehouse that reads its output.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tasks use files and print")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use catalog::{DataFile, FORMAT, Manifest, Page};
use sha2::{Digest, Sha256};

use crate::listings::{PriceCell, PriceListing};
use crate::pages::{SeedPage, SeedRun};
use crate::readme_counts::OmittedCells;
use crate::rule::{PriceDoubt, PriceVerdict, TypeShape};
use crate::sources::{SourceRegion, ZoneOffering};
use crate::wheels::{BOTOCORE, LIBCLOUD, MOTO, PINS, PinnedWheel, SPARECORES};

mod instance;
mod listings;
mod pages;
mod readme_counts;
mod rule;
mod sources;
mod wheels;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let cache = root.join(".tools/wheels");
    for pin in PINS {
        PinnedWheel::fetch(pin, &cache)?;
    }
    let moto = PinnedWheel::fetch(MOTO, &cache)?;
    let types = sources::types(&moto)?;
    let offerings = sources::offerings(&moto)?;
    let regions = sources::regions(&PinnedWheel::fetch(BOTOCORE, &cache)?)?;
    let shapes = types
        .iter()
        .map(|(name, record)| Ok((name.clone(), instance::shape(record)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    let (verdicts, left_out) = verdicts(&cache, &shapes, &offerings, &regions)?;

    let filled = [
        pages::regions(&regions)?,
        pages::zones(&offerings, &regions)?,
        pages::instance_types(&types)?,
        pages::accelerators(&fs::read_to_string(root.join("datasets/accelerators.csv"))?)?,
        pages::offerings(&offerings, &regions)?,
        pages::prices(&verdicts, &offerings, &regions)?,
    ];
    let rows = write(&root.join("datasets/seed"), filled)?;
    refresh_readme(&root, &readme_counts::section(&rows, &verdicts, left_out)?)
}

/// Returns the rule's verdict on every cell of a known type and region, including offered cells
/// that no source prices. Also returns the number of cells left out.
fn verdicts(
    cache: &Path,
    shapes: &BTreeMap<String, TypeShape>,
    offerings: &[ZoneOffering],
    regions: &BTreeMap<String, SourceRegion>,
) -> Result<(BTreeMap<PriceCell, PriceVerdict>, OmittedCells)> {
    let sparecores = PinnedWheel::fetch(SPARECORES, cache)?.read("sc_data/data/sc-data-all.db")?;
    let sparecores = listings::sparecores(&sparecores)?;
    let libcloud =
        listings::libcloud(&PinnedWheel::fetch(LIBCLOUD, cache)?.json("libcloud/data/pricing.json")?)?;
    let mut verdicts = rule::judge(&sparecores, &libcloud, shapes);
    let judged = verdicts.len();
    verdicts.retain(|cell, _| regions.contains_key(&cell.0));
    let left_out =
        OmittedCells { retired: cells(&sparecores, &libcloud) - judged, elsewhere: judged - verdicts.len() };
    for offering in offerings {
        let cell = (offering.region.clone(), offering.instance_type.clone());
        verdicts.entry(cell).or_insert(PriceVerdict::Unknown(PriceDoubt::Unlisted));
    }
    Ok((verdicts, left_out))
}

fn cells(a: &PriceListing, b: &PriceListing) -> usize {
    a.len() + b.keys().filter(|cell| !a.contains_key(*cell)).count()
}

/// Writes the seed folder from scratch. Returns the number of rows of each dataset.
fn write(seed: &Path, filled: [SeedPage; 6]) -> Result<Vec<(String, usize)>> {
    for old in ["lake", "manifest"] {
        let old = seed.join(old);
        if old.exists() {
            fs::remove_dir_all(&old)?;
        }
    }
    let runs: Vec<SeedRun> = filled.iter().flat_map(|filled| filled.runs.clone()).collect();
    let collection = pages::runs(&runs)?;
    let names = ["region", "zone", "instance_type", "accelerator", "offering", "price"];
    let pages = names.into_iter().zip(filled.iter().map(|filled| &filled.page));
    let files = pages
        .chain([("collection_run", &collection)])
        .map(|(dataset, page)| write_file(seed, dataset, page))
        .collect::<Result<Vec<DataFile>>>()?;
    let rows = files.iter().map(|file| (file.dataset.clone(), file.rows as usize)).collect();
    let manifest = Manifest {
        format: FORMAT,
        number: 0,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        // The seed is as old as its youngest source; the clock would give other bytes in every run.
        written_at: BOTOCORE.observed_at.into(),
        files,
    };
    fs::create_dir_all(seed.join("manifest"))?;
    lake_writer::write_manifest(seed, &manifest)?;
    Ok(rows)
}

fn write_file(seed: &Path, dataset: &str, page: &Page) -> Result<DataFile> {
    let version = catalog::dataset(dataset).with_context(|| format!("no dataset {dataset}"))?.version;
    let path = format!("lake/{dataset}/v={version}/seed.parquet");
    let bytes = lake_writer::parquet_bytes(page).map_err(|error| anyhow!("{dataset}: {error}"))?;
    let file: PathBuf = seed.join(&path);
    fs::create_dir_all(file.parent().context("a file without folder")?)?;
    fs::write(&file, &bytes)?;
    Ok(DataFile {
        dataset: dataset.into(),
        version,
        path,
        rows: page.rows.len() as u64,
        bytes: bytes.len() as u64,
        sha256: domain::hex(Sha256::digest(&bytes)),
    })
}

fn refresh_readme(root: &Path, section: &str) -> Result<()> {
    let path = root.join("datasets/README.md");
    let readme = fs::read_to_string(&path).context("reading datasets/README.md")?;
    fs::write(&path, readme_counts::refresh(&readme, section)?)?;
    Ok(())
}
