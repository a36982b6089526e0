//! Rewrites bill lines in older layouts. Version 3 had daily sums without quantities, and no sums
//! by the values of a tag. Version 2 had all tags as JSON beside their columns. Version 1 also had
//! `extra` as JSON alone and no daily sums; at first it had one file for each import, and no
//! columns of tags.

use std::collections::BTreeMap;

use catalog::DataFile;
use lake::LakeError;

use super::charges::charge;
use super::entry_columns::stored_lines;
use super::month_files::MonthFiles;
use crate::LakeWriter;
use crate::price_file::{PriceFile, unreadable};
use crate::writer::WrittenFile;

/// Returns true for bill lines in an older layout.
fn is_older_bill(file: &DataFile) -> bool {
    file.dataset == charge().name && file.version < charge().version
}

/// Writes the lines of all such files by month. Returns these files and the new ones. Its memory
/// does not grow with the bills.
pub(crate) fn compact_bills(writer: &LakeWriter) -> Result<(Vec<DataFile>, Vec<WrittenFile>), LakeError> {
    let replaced: Vec<DataFile> =
        writer.manifest().files.iter().filter(|file| is_older_bill(file)).cloned().collect();
    lake::verify_files(writer.root(), replaced.iter())?;
    let mut runs: BTreeMap<&str, Vec<&DataFile>> = BTreeMap::new();
    for file in &replaced {
        runs.entry(file.run()).or_default().push(file);
    }
    let mut written = Vec::new();
    for (run, files) in runs {
        let mut lines = MonthFiles::new(run, run);
        for file in files {
            add_file(writer, file, &mut lines)?;
        }
        written.extend(lines.finish(writer)?);
    }
    Ok((replaced, written))
}

fn add_file(writer: &LakeWriter, file: &DataFile, lines: &mut MonthFiles) -> Result<(), LakeError> {
    let opened = PriceFile::of(writer.root(), file)?;
    let misread = |e| unreadable(&writer.root().join(&file.path), &e);
    for group in 0..opened.groups() {
        let frame = opened.read(group, 0, usize::MAX)?;
        lines.add(stored_lines(&frame, file.version).map_err(misread)?).map_err(misread)?;
        while lines.is_full() {
            lines.write_largest(writer)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use catalog::ports::Store;
    use catalog::{Dataset, OTHER_EXTRA, OTHER_TAGS, Page, Value, extra_column, tag_column};
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
    fn bills_of_older_layouts_are_split_by_month_and_get_columns_of_tags_and_extra() {
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
        let older = Dataset { version: 1, ..charge().clone() };
        let written = writer.write(&older, "run", &page(&lines)).unwrap();
        let of_month = [("2/2026-10", r#"{"user:Team":"d"}"#, r#"{"x":"\"q\"","Z":"w"}"#)];
        let later = writer.write(&older, "month=2026-10/run", &page(&of_month)).unwrap();
        writer.commit(vec![written, later], "0", now).unwrap();
        let all = lines.len() as u64 + 1;
        drop(writer);
        let store = LakeStore::new(folder.path().to_path_buf(), "0");
        let planned = store.compact(now, true).unwrap();
        assert_eq!((planned.manifest, planned.datasets[0].after.rows), (None, all));
        let after = store.compact(now, false).unwrap();
        assert_eq!((after.manifest, after.datasets[0].after.rows), (Some(2), all));

        let pinned = PinnedManifest::newest(folder.path()).unwrap().unwrap();
        let frame = |path: &str| {
            let path = format!("lake/charge/v=4/month={path}.parquet");
            let file = pinned.manifest.files.iter().find(|file| file.path == path).expect(&path);
            assert_eq!(file.run(), "run");
            PriceFile::of(folder.path(), file).unwrap().read(0, 0, usize::MAX).unwrap()
        };
        let october = frame("2026-10/run");
        assert_eq!(cells(&october, "bill"), "1/2026-10 1/2026-10-05 1/2026-10-06 1/2026-10 2/2026-10");
        assert_eq!(cells(&october, &tag_column("user:Team")), "b - - - d");
        assert_eq!(cells(&october, &tag_column("user:team")), "c - - - -");
        assert_eq!(cells(&october, "estimated"), "- true false - false");
        assert_eq!(cells(&october, "run_id"), "run run run run run");
        assert_eq!(cells(&october, "tags"), "- - - no JSON -", "a text that is no object stays");
        assert_eq!(cells(&october, OTHER_TAGS), "- - - - -");
        assert_eq!(cells(&october, &extra_column("x")), "- - y - \"q\"");
        assert_eq!(cells(&october, &extra_column("Z")), "- - - - w");
        assert_eq!(cells(&october, &extra_column("Estimated")), "- true - - -");
        assert_eq!(cells(&october, OTHER_EXTRA), "- - - - -");
        assert!(october.column("extra").is_err(), "it is not stored");
        let files = pinned.manifest.files.iter().filter(|file| file.month() == Some("2026-09"));
        let rows: Vec<u64> = files.map(|file| file.rows).collect();
        assert_eq!(rows.iter().sum::<u64>(), 21);
        assert!(cells(&frame("2026-09/run"), &tag_column("late")).ends_with(" x"));
        assert_eq!(store.compact(now, false).unwrap().manifest, None, "nothing is left to rewrite");
    }
}
