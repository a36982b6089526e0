//! A Parquet file that is written piece by piece, so that a run of any length needs the memory of
//! one piece.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catalog::{DataFile, Dataset, DatasetKind, Field};
use durable::{PRIVATE, TemporaryFile};
use lake::LakeError;
use polars::io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};
use polars::prelude::DataFrame;

use crate::columns;
use crate::files;
use crate::writer::{LakeWriter, ROW_GROUP, WrittenFile};

/// A file under a temporary name. Dropped before it is finished, it is removed.
pub(crate) struct ParquetAppender {
    target: AppenderTarget,
    path: PathBuf,
    parquet: BatchedWriter<Box<dyn Write + Send>>,
    told: DataFile,
}

/// The place of the bytes.
enum AppenderTarget {
    File(TemporaryFile),
    /// A dry run counts them.
    Counter(Arc<AtomicU64>),
}

struct CountingSink(Arc<AtomicU64>);

impl Write for CountingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ParquetAppender {
    /// Opens a file of a dataset with the dataset's columns. `name` is its path below the dataset's
    /// folder, without `.parquet`.
    pub(crate) fn start(
        writer: &LakeWriter,
        dataset: &Dataset,
        name: &str,
    ) -> Result<ParquetAppender, LakeError> {
        ParquetAppender::start_with(writer, dataset, name, &dataset.fields())
    }

    /// Like [`ParquetAppender::start`], with these columns.
    pub(crate) fn start_with(
        writer: &LakeWriter,
        dataset: &Dataset,
        name: &str,
        fields: &[Field],
    ) -> Result<ParquetAppender, LakeError> {
        let path = writer.path_of(dataset, name);
        let file = writer.root().join(&path);
        if !writer.is_dry_run() {
            files::make_folder(file.parent().expect("a file of the lake stands in a folder"))?;
        }
        ParquetAppender::create(file, path, dataset, fields, writer.is_dry_run())
    }

    /// Opens a file that a manifest or a bundle lists as `path`, with these columns. A dry run
    /// counts its bytes only.
    pub(crate) fn create(
        file: PathBuf,
        path: String,
        dataset: &Dataset,
        fields: &[Field],
        is_dry_run: bool,
    ) -> Result<ParquetAppender, LakeError> {
        let failed = |e| LakeError::io(&file, e);
        let (target, out): (_, Box<dyn Write + Send>) = if is_dry_run {
            let count = Arc::new(AtomicU64::new(0));
            (AppenderTarget::Counter(count.clone()), Box::new(CountingSink(count)))
        } else {
            let temporary = TemporaryFile::create(&file, PRIVATE).map_err(failed)?;
            let out = BufWriter::new(temporary.file().try_clone().map_err(failed)?);
            (AppenderTarget::File(temporary), Box::new(out))
        };
        let schema = columns::schema(fields);
        let parquet = ParquetWriter::new(out).with_compression(compression(dataset)).batched(&schema);
        let parquet = parquet.map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let told = DataFile {
            dataset: dataset.name.into(),
            version: dataset.version,
            path,
            rows: 0,
            bytes: 0,
            sha256: String::new(),
        };
        Ok(ParquetAppender { target, path: file, parquet, told })
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
        let ParquetAppender { target, path, parquet, told } = self;
        drop(parquet);
        let (bytes, sha256) = match target {
            AppenderTarget::Counter(count) => (count.load(Ordering::Relaxed), String::new()),
            AppenderTarget::File(temporary) => {
                let content = files::content(temporary.path())?;
                temporary.commit().map_err(|e| LakeError::io(&path, e))?;
                content
            }
        };
        Ok(WrittenFile(DataFile { bytes, sha256, ..told }))
    }

    fn failed(&self, error: &polars::prelude::PolarsError) -> LakeError {
        LakeError::Io { path: self.path.clone(), reason: error.to_string() }
    }
}

/// Returns the compression of a dataset's files. Each question about bills reads all lines of a
/// month, and zstd would take a third of its time. Other files are read in part, and are kept
/// small.
fn compression(dataset: &Dataset) -> ParquetCompression {
    match dataset.kind {
        DatasetKind::Statement => ParquetCompression::Snappy,
        _ => ParquetCompression::default(),
    }
}
