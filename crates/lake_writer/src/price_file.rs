//! A Parquet file that is read one row group at a time, with the statistics of its footer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::DataFile;
use polars::io::SerReader;
use polars::io::parquet::metadata::FileMetadataRef;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{DataFrame, PolarsError, PolarsResult};

use crate::parquet_guard::guarded;
use crate::prices::FamilySpan;
use lake::LakeError;

/// An open file with its footer.
pub(crate) struct PriceFile {
    path: PathBuf,
    footer: FileMetadataRef,
}

impl PriceFile {
    /// Opens a file of the lake. Its digest must have been compared before.
    pub(crate) fn of(root: &Path, file: &DataFile) -> Result<PriceFile, LakeError> {
        PriceFile::open(&root.join(&file.path))
    }

    pub(crate) fn open(path: &Path) -> Result<PriceFile, LakeError> {
        let opened = durable::open_regular(path).map_err(|e| LakeError::io(path, e))?;
        let mut reader = ParquetReader::new(opened);
        let footer = guarded(|| reader.get_metadata().cloned()).map_err(|e| unreadable(path, &e))?;
        Ok(PriceFile { path: path.to_path_buf(), footer })
    }

    /// Returns the number of row groups.
    pub(crate) fn groups(&self) -> usize {
        self.footer.row_groups.len()
    }

    /// Returns true unless the footer's statistics exclude that the row group has an observation in
    /// one of the spans.
    pub(crate) fn may_contain(&self, group: usize, spans: &[FamilySpan]) -> bool {
        let (instants, types) = (self.instants(group), self.types(group));
        spans.iter().any(|span| {
            let then =
                instants.as_ref().is_none_or(|(first, last)| span.from <= *last && span.until >= *first);
            let (begin, end) = (span.family.as_bytes(), format!("{}/", span.family));
            then && types
                .as_ref()
                // Type names are the family, a dot and a size. They sort before `<family>/`.
                .is_none_or(|(first, last)| first.as_slice() < end.as_bytes() && last.as_slice() >= begin)
        })
    }

    /// The earliest instant in the file, in microseconds since 1970. None when the footer has no
    /// statistics.
    pub(crate) fn earliest(&self) -> Option<i64> {
        let firsts = (0..self.groups()).map(|group| self.instants(group).map(|(first, _)| first));
        firsts.collect::<Option<Vec<i64>>>()?.into_iter().min()
    }

    fn instants(&self, group: usize) -> Option<(i64, i64)> {
        let column = self.footer.row_groups[group].columns_under_root_iter("observed_at")?.next()?;
        let statistics = column.statistics(&self.footer.footer_buf)?.ok()?;
        let statistics = statistics.as_int64()?;
        Some((statistics.min_value?, statistics.max_value?))
    }

    fn types(&self, group: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let column = self.footer.row_groups[group].columns_under_root_iter("instance_type")?.next()?;
        let statistics = column.statistics(&self.footer.footer_buf)?.ok()?;
        let statistics = statistics.as_binary()?;
        Some((statistics.min_value.clone()?, statistics.max_value.clone()?))
    }

    /// Returns the number of rows in a row group.
    pub(crate) fn rows(&self, group: usize) -> usize {
        self.footer.row_groups[group].num_rows()
    }

    /// Returns the size of a row group before compression, in bytes, as the footer states it.
    pub(crate) fn uncompressed_bytes(&self, group: usize) -> usize {
        self.footer.row_groups[group].total_byte_size()
    }

    /// Reads up to `rows` rows of a row group, starting at row `from`.
    pub(crate) fn read(&self, group: usize, from: usize, rows: usize) -> Result<DataFrame, LakeError> {
        let opened = File::open(&self.path).map_err(|e| LakeError::io(&self.path, e))?;
        read_group(opened, &self.footer, group, from, rows, None).map_err(|e| unreadable(&self.path, &e))
    }
}

/// Reads rows of one row group. The footer is reduced to that group, so no other group is read.
pub(crate) fn read_group(
    file: File,
    footer: &FileMetadataRef,
    group: usize,
    from: usize,
    rows: usize,
    columns: Option<Vec<String>>,
) -> PolarsResult<DataFrame> {
    let mut alone = (**footer).clone();
    alone.row_groups = vec![alone.row_groups.swap_remove(group)];
    alone.num_rows = alone.row_groups[0].num_rows();
    let mut reader = ParquetReader::new(file);
    reader.set_metadata(Arc::new(alone));
    guarded(|| reader.with_columns(columns).with_slice(Some((from, rows))).finish())
}

pub(crate) fn unreadable(path: &Path, error: &PolarsError) -> LakeError {
    LakeError::BadFile(format!("{} cannot be read as Parquet: {error}", path.display()))
}
