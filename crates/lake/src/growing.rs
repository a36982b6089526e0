//! A Parquet file that is written piece by piece, so memory use depends on the piece, not on the
//! run.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;

use catalog::{DataFile, Dataset};
use polars::io::parquet::write::{BatchedWriter, ParquetWriter};
use polars::prelude::DataFrame;

use crate::columns;
use crate::folder::{self, LakeError};
use crate::writer::{ROW_GROUP, Writer, Written};

/// A file under a temporary name. It is removed if it is dropped before `finish`.
pub(crate) struct Growing {
    file: PathBuf,
    passing: PathBuf,
    /// None after `finish`.
    parquet: Option<BatchedWriter<BufWriter<File>>>,
    told: DataFile,
}

impl Growing {
    /// Starts the file of a run.
    pub(crate) fn start(writer: &Writer, dataset: &Dataset, run_id: &str) -> Result<Growing, LakeError> {
        let path = writer.path_of(dataset, run_id);
        let file = writer.root().join(&path);
        let folder = file.parent().expect("a file of the lake stands in a folder");
        folder::make_folder(folder)?;
        let passing = folder.join(format!(".{run_id}.parquet.{}.tmp", std::process::id()));
        let opened = File::create(&passing).map_err(|e| LakeError::io(&passing, e))?;
        let told = DataFile {
            dataset: dataset.name.into(),
            version: dataset.version,
            path,
            rows: 0,
            bytes: 0,
            sha256: String::new(),
        };
        let mut growing = Growing { file, passing, parquet: None, told };
        let schema = columns::schema(&dataset.fields());
        let parquet = ParquetWriter::new(BufWriter::new(opened)).batched(&schema);
        growing.parquet = Some(parquet.map_err(|e| growing.failed(&e))?);
        Ok(growing)
    }

    /// Adds a piece, as separate row groups.
    pub(crate) fn add(&mut self, mut piece: DataFrame) -> Result<(), LakeError> {
        piece.rechunk_mut();
        self.told.rows += piece.height() as u64;
        for from in (0..piece.height()).step_by(ROW_GROUP) {
            let parquet = self.parquet.as_mut().expect("it is not finished");
            parquet.write_batch(&piece.slice(from as i64, ROW_GROUP)).map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    /// Writes the footer, syncs the file and renames it. Size and digest are read back from the
    /// file.
    pub(crate) fn finish(mut self) -> Result<Written, LakeError> {
        let parquet = self.parquet.take().expect("it is not finished");
        parquet.finish().map_err(|e| self.failed(&e))?;
        drop(parquet);
        let failed = |e| LakeError::io(&self.passing, e);
        File::open(&self.passing).and_then(|file| file.sync_all()).map_err(failed)?;
        let (bytes, sha256) = folder::content(&self.passing)?;
        fs::rename(&self.passing, &self.file).map_err(failed)?;
        folder::sync_folder(self.file.parent().expect("a file of the lake stands in a folder"))?;
        Ok(Written(DataFile { bytes, sha256, ..self.told.clone() }))
    }

    fn failed(&self, error: &polars::prelude::PolarsError) -> LakeError {
        LakeError::Io { path: self.passing.clone(), reason: error.to_string() }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // Does nothing after `finish`. The next writer removes a file that cannot be removed here.
        let _ = fs::remove_file(&self.passing);
    }
}
