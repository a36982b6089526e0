//! The seed data inside the executable.

use lake::EmbeddedFile;

macro_rules! embedded {
    ($($path:literal,)*) => {
        &[$(($path, include_bytes!(concat!("../../../datasets/seed/", $path))),)*]
    };
}

/// Every file of `datasets/seed`. `CURRENT` is last: if it exists, so do the others.
pub(crate) const FILES: &[EmbeddedFile] = embedded![
    "LICENSE",
    "lake/accelerator/v=1/seed.parquet",
    "lake/collection_run/v=1/seed.parquet",
    "lake/instance_type/v=1/seed.parquet",
    "lake/offering/v=1/seed.parquet",
    "lake/price/v=1/seed.parquet",
    "lake/region/v=1/seed.parquet",
    "lake/zone/v=1/seed.parquet",
    "manifest/0.json",
    "CURRENT",
];
