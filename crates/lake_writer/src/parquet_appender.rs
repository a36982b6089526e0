//! A Parquet file that is written piece by piece, so that a run of any length needs the memory of
//! one piece.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use catalog::{DataFile, Dataset};
use durable::{PRIVATE, TemporaryFile};
use lake::LakeError;
use polars::io::parquet::write::{BatchedWriter, ParquetWriter};
use polars::prelude::DataFrame;

use crate::columns;
use crate::files;
use crate::writer::{LakeWriter, ROW_GROUP, WrittenFile};

/// A file under a temporary name. Dropped before it is finished, it is removed.
pub(crate) struct ParquetAppender {
    temporary: TemporaryFile,
    path: PathBuf,
    parquet: BatchedWriter<BufWriter<File>>,
    told: DataFile,
}

impl ParquetAppender {
    /// Opens the file of a run.
    pub(crate) fn start(
        writer: &LakeWriter,
        dataset: &Dataset,
        run_id: &str,
    ) -> Result<ParquetAppender, LakeError> {
        let path = writer.path_of(dataset, run_id);
        let file = writer.root().join(&path);
        files::make_folder(file.parent().expect("a file of the lake stands in a folder"))?;
        ParquetAppender::create(file, path, dataset)
    }

    /// Opens a file that a manifest or a bundle lists as `path`.
    pub(crate) fn create(
        file: PathBuf,
        path: String,
        dataset: &Dataset,
    ) -> Result<ParquetAppender, LakeError> {
        let failed = |e| LakeError::io(&file, e);
        let temporary = TemporaryFile::create(&file, PRIVATE).map_err(failed)?;
        let out = BufWriter::new(temporary.file().try_clone().map_err(failed)?);
        let schema = columns::schema(&dataset.fields());
        let parquet = ParquetWriter::new(out).batched(&schema);
        let parquet = parquet.map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let told = DataFile {
            dataset: dataset.name.into(),
            version: dataset.version,
            path,
            rows: 0,
            bytes: 0,
            sha256: String::new(),
        };
        Ok(ParquetAppender { temporary, path: file, parquet, told })
    }

    /// Adds a piece as row groups of its own.
    pub(crate) fn add(&mut self, mut piece: DataFrame) -> Result<(), LakeError> {
        piece.rechunk_mut();
        self.told.rows += piece.height() as u64;
        for from in (0..piece.height()).step_by(ROW_GROUP) {
            let written = self.parquet.write_batch(&piece.slice(from as i64, ROW_GROUP));
            written.map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    /// Writes the rest and commits the file. Its length and digest are read back from the disk.
    pub(crate) fn finish(self) -> Result<WrittenFile, LakeError> {
        self.parquet.finish().map_err(|e| self.failed(&e))?;
        let ParquetAppender { temporary, path, parquet, told } = self;
        drop(parquet);
        let (bytes, sha256) = files::content(temporary.path())?;
        temporary.commit().map_err(|e| LakeError::io(&path, e))?;
        Ok(WrittenFile(DataFile { bytes, sha256, ..told }))
    }

    fn failed(&self, error: &polars::prelude::PolarsError) -> LakeError {
        LakeError::Io { path: self.path.clone(), reason: error.to_string() }
    }
}
