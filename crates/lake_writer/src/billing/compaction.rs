//! Rewrites bill lines in the layout of version 0.1, which had one file for each import and no
//! columns of tags.

use catalog::DataFile;
use lake::LakeError;

use super::charges::charge;
use super::month_files::MonthFiles;
use crate::price_file::{PriceFile, unreadable};
use crate::writer::WrittenFile;
use crate::{LakeWriter, columns};

/// Returns true for bill lines in the layout of version 0.1.
fn is_older_bill(file: &DataFile) -> bool {
    file.dataset == charge().name && file.month().is_none()
}

/// Writes the lines of all such files by month. Returns these files and the new ones. Its memory
/// does not grow with the bills.
pub(crate) fn compact_bills(writer: &LakeWriter) -> Result<(Vec<DataFile>, Vec<WrittenFile>), LakeError> {
    let replaced: Vec<DataFile> =
        writer.manifest().files.iter().filter(|file| is_older_bill(file)).cloned().collect();
    lake::verify_files(writer.root(), replaced.iter())?;
    let mut written = Vec::new();
    for file in &replaced {
        let opened = PriceFile::of(writer.root(), file)?;
        let misread = |e| unreadable(&writer.root().join(&file.path), &e);
        let mut lines = MonthFiles::new(file.run(), file.run());
        for group in 0..opened.groups() {
            let frame = opened.read(group, 0, usize::MAX)?;
            let frame = columns::aligned(&frame, charge()).map_err(misread)?;
            lines.add(frame).map_err(misread)?;
            while lines.is_full() {
                lines.write_largest(writer)?;
            }
        }
        written.extend(lines.finish(writer)?);
    }
    Ok((replaced, written))
}

#[cfg(test)]
mod tests {
    use catalog::ports::Store;
    use catalog::{Page, Value, tag_column};
    use domain::Timestamp;
    use lake::PinnedManifest;
    use polars::prelude::DataFrame;

    use super::*;
    use crate::LakeStore;

    /// Lines of a bill: bill, tags, `extra`.
    fn page(lines: &[(&str, &str, &str)]) -> Page {
        let fields = charge().fields();
        let cell = |name: &str, line: &(&str, &str, &str)| match name {
            "bill" => line.0.into(),
            "tags" if !line.1.is_empty() => line.1.into(),
            "extra" if !line.2.is_empty() => line.2.into(),
            "source_format" => if line.2.is_empty() { "cur" } else { "cost-explorer" }.into(),
            "run_id" => "run".into(),
            _ => Value::Null,
        };
        let row = |line| fields.iter().map(|field| cell(&field.name, line)).collect();
        Page { rows: lines.iter().map(row).collect(), fields }
    }

    fn cells(frame: &DataFrame, name: &str) -> String {
        let column = frame.column(name).unwrap().cast(&polars::prelude::DataType::String).unwrap();
        column.str().unwrap().iter().map(|text| text.unwrap_or("-")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn bills_of_the_older_layout_are_split_by_month_and_get_columns_of_tags() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_microsecond(0).unwrap();
        let mut writer = LakeWriter::open(folder.path()).unwrap();
        let estimated = r#"{"Estimated":"true"}"#;
        let mut lines = vec![
            ("1/2026-09", r#"{"user:Team":"a"}"#, ""),
            ("1/2026-10", r#"{"user:Team":"b","user:team":"c"}"#, ""),
            ("1/2026-10-05", "", estimated),
            ("1/2026-10-06", "", r#"{"x":"y"}"#),
            ("1/2026-10", "no JSON", ""),
        ];
        // A key that comes late gets a column in another file of the same run.
        lines.extend(std::iter::repeat_n(("1/2026-09", r#"{"late":"x"}"#, ""), 20));
        let written = writer.write(charge(), "run", &page(&lines)).unwrap();
        writer.commit(vec![written], "0", now).unwrap();
        drop(writer);
        let store = LakeStore::new(folder.path().to_path_buf(), "0");
        let planned = store.compact(now, true).unwrap();
        assert_eq!((planned.manifest, planned.datasets[0].after.rows), (None, lines.len() as u64));
        let after = store.compact(now, false).unwrap();
        assert_eq!((after.manifest, after.datasets[0].after.rows), (Some(2), lines.len() as u64));

        let pinned = PinnedManifest::newest(folder.path()).unwrap().unwrap();
        let frame = |path: &str| {
            let path = format!("lake/charge/v=1/month={path}.parquet");
            let file = pinned.manifest.files.iter().find(|file| file.path == path).expect(&path);
            assert_eq!(file.run(), "run");
            PriceFile::of(folder.path(), file).unwrap().read(0, 0, usize::MAX).unwrap()
        };
        let october = frame("2026-10/run");
        assert_eq!(cells(&october, "bill"), "1/2026-10 1/2026-10-05 1/2026-10-06 1/2026-10");
        assert_eq!(cells(&october, &tag_column("user:Team")), "b - - -");
        assert_eq!(cells(&october, &tag_column("user:team")), "c - - -");
        assert_eq!(cells(&october, "estimated"), "- true false -");
        assert_eq!(cells(&october, "run_id"), "run run run run");
        let tags = r#"{"user:Team":"b","user:team":"c"} - - no JSON"#;
        assert_eq!(cells(&october, "tags"), tags);
        let files = pinned.manifest.files.iter().filter(|file| file.month() == Some("2026-09"));
        let rows: Vec<u64> = files.map(|file| file.rows).collect();
        assert_eq!(rows.iter().sum::<u64>(), 21);
        assert!(cells(&frame("2026-09/run"), &tag_column("late")).ends_with(" x"));
        assert_eq!(store.compact(now, false).unwrap().manifest, None, "nothing is left to rewrite");
    }
}
