//! Limits of foreign Parquet files, so that reading one takes bounded memory.

use domain::LARGEST_FIELD;
use polars::io::parquet::metadata::FileMetadata;
use polars::prelude::{DataFrame, DataType, PlSmallStr, StringChunked};

/// Limit of a row group without compression, in bytes. Several copies of it may be in memory.
const LARGEST_GROUP: usize = 512 << 20;

/// Limit of the names in a column's path. The Parquet reader calls itself for each.
const DEEPEST_COLUMN: usize = 16;

/// Checks the sizes and the nesting that a footer states. The error is a lowercase fragment that
/// names the limit.
pub(crate) fn check_footer(footer: &FileMetadata) -> Result<(), String> {
    if footer.row_groups.iter().any(|group| group.total_byte_size() > LARGEST_GROUP) {
        return Err(format!(
            "a row group has more than {} MiB, the limit; write the file with smaller row groups",
            LARGEST_GROUP >> 20
        ));
    }
    if footer.schema().columns().iter().any(|column| column.path_in_schema.len() > DEEPEST_COLUMN) {
        return Err(format!(
            "a column is nested more than {DEEPEST_COLUMN} levels deep, the limit of Parquet"
        ));
    }
    Ok(())
}

/// Returns the size of the largest rows in bytes, as the average of the row group with the largest.
pub(crate) fn row_size(footer: &FileMetadata) -> usize {
    let sizes = footer.row_groups.iter().map(|group| group.total_byte_size() / group.num_rows().max(1));
    sizes.max().unwrap_or_default()
}

/// Returns the bytes of a frame's texts.
pub(crate) fn text_bytes(frame: &DataFrame) -> usize {
    texts(frame).map(|(_, bytes)| bytes).sum()
}

/// Checks the length of each text. The error is a lowercase fragment that names the column.
pub(crate) fn check_fields(frame: &DataFrame) -> Result<(), String> {
    for (name, _) in texts(frame).filter(|(_, bytes)| *bytes > LARGEST_FIELD) {
        let column = frame.column(name).and_then(|column| column.str()).map_err(|e| e.to_string())?;
        if column.iter().flatten().any(|text| text.len() > LARGEST_FIELD) {
            let mib = LARGEST_FIELD >> 20;
            return Err(format!(
                "its column {name} has a field of more than {mib} MiB, the limit of a field"
            ));
        }
    }
    Ok(())
}

/// Returns the name and the size of each column of texts.
fn texts(frame: &DataFrame) -> impl Iterator<Item = (&PlSmallStr, usize)> {
    let of_text = frame.columns().iter().filter(|column| *column.dtype() == DataType::String);
    let size = |texts: &StringChunked| texts.downcast_iter().map(|chunk| chunk.total_bytes_len()).sum();
    of_text.map(move |column| (column.name(), column.str().map_or(0, size)))
}
