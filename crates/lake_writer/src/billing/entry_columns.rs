//! JSON objects of bill lines with a column for each entry: tags, and the columns of a source
//! without a column in the dataset (`extra`).
//!
//! Lines have each entry in a column of its own, such as `tag:user:^team` or `extra:product/vcpu`,
//! which no program needs to take apart. A file has a column for each entry that occurs in its
//! first lines. An entry that appears later on few lines is kept in a JSON object of texts.

use catalog::{OTHER_EXTRA, OTHER_TAGS, extra_column, extra_of_column, tag_column, tag_of_column};
use polars::prelude::{
    BooleanChunked, ChunkFull, ChunkFullNull, Column, DataFrame, IntoColumn, PlSmallStr, PolarsResult,
    StringChunked, StringChunkedBuilder,
};

use super::charges::charge;
use super::maps::{push_json, unreadable_object};
use super::object_entries::ObjectEntries;
use crate::columns;

/// A kind of object.
pub(crate) struct ObjectKind {
    /// The dataset's column with whole objects.
    object: &'static str,
    /// Whether files have that column, for texts that are no objects.
    is_stored: bool,
    /// The column with the entries that have no column of their own.
    pub(crate) others: &'static str,
    /// The largest number of columns of entries in a file.
    pub(crate) most_columns: usize,
    column: fn(&str) -> String,
    key: fn(&str) -> Option<String>,
}

/// Tags. AWS activates at most 500 keys, and few of them are on many lines.
pub(crate) const TAGS: ObjectKind = ObjectKind {
    object: "tags",
    is_stored: true,
    others: OTHER_TAGS,
    most_columns: 100,
    column: tag_column,
    key: tag_of_column,
};

/// Entries of `extra`. A Cost and Usage Report has about 250 columns, most of which are empty in a
/// given bill.
pub(crate) const EXTRA: ObjectKind = ObjectKind {
    object: "extra",
    is_stored: false,
    others: OTHER_EXTRA,
    most_columns: 250,
    column: extra_column,
    key: extra_of_column,
};

impl ObjectKind {
    /// Returns the key of an entry from its column; none for another column.
    pub(crate) fn key(&self, column: &Column) -> Option<String> {
        (self.key)(column.name())
    }
}

/// The entries of some lines.
#[derive(Clone)]
pub(crate) struct EntryColumns {
    /// The texts of each wanted entry.
    pub(crate) columns: Vec<Column>,
    /// The other entries of each line as a JSON object of texts; null without any.
    pub(crate) others: StringChunked,
    /// The names of the columns with other entries, most frequent first.
    pub(crate) other_names: Vec<String>,
    /// The number of lines with such an entry.
    pub(crate) lines_with_others: usize,
}

impl EntryColumns {
    /// Splits the columns of lines into those with the given names and the JSON of the others.
    pub(crate) fn split(
        frame: &DataFrame,
        kind: &ObjectKind,
        names: &[String],
    ) -> PolarsResult<EntryColumns> {
        let wanted = |name: &String| match frame.column(name) {
            Ok(column) => column.clone(),
            Err(_) => StringChunked::full_null(PlSmallStr::from_str(name), frame.height()).into_column(),
        };
        let is_other = |column: &&Column| {
            let name = column.name().as_str();
            kind.key(column).is_some() && !names.iter().any(|wanted| wanted == name)
        };
        let mut others: Vec<&Column> = frame
            .columns()
            .iter()
            .filter(is_other)
            .filter(|column| column.null_count() < column.len())
            .collect();
        others.sort_by_key(|column| (column.null_count(), column.name().clone()));
        let mut lines = BooleanChunked::full(PlSmallStr::EMPTY, false, frame.height());
        for column in &others {
            lines = &lines | &column.is_not_null();
        }
        Ok(EntryColumns {
            columns: names.iter().map(wanted).collect(),
            others: objects(frame, kind, &others)?,
            other_names: others.iter().map(|column| column.name().to_string()).collect(),
            lines_with_others: lines.sum().unwrap_or(0) as usize,
        })
    }
}

/// Returns the objects of the other entries, with the texts of more columns.
fn objects(frame: &DataFrame, kind: &ObjectKind, more: &[&Column]) -> PolarsResult<StringChunked> {
    let known = match frame.column(kind.others) {
        Ok(known) => known.str()?.clone(),
        Err(_) => StringChunked::full_null(PlSmallStr::EMPTY, frame.height()),
    };
    if more.is_empty() {
        return Ok(known);
    }
    let mut cells = Vec::with_capacity(more.len());
    for column in more {
        cells.push((kind.key(column).unwrap_or_default(), column.str()?.iter()));
    }
    let mut objects = StringChunkedBuilder::new(PlSmallStr::EMPTY, known.len());
    let mut object = String::new();
    for known in known.iter() {
        object.clear();
        object.push_str(known.and_then(|known| known.strip_suffix('}')).unwrap_or("{"));
        for (key, texts) in &mut cells {
            let Some(text) = texts.next().flatten() else { continue };
            if object.len() > 1 {
                object.push(',');
            }
            push_json(&mut object, key);
            object.push(':');
            push_json(&mut object, text);
        }
        match object.len() {
            1 => objects.append_null(),
            _ => {
                object.push('}');
                objects.append_value(&object);
            }
        }
    }
    Ok(objects.finish())
}

/// Gives lines that have whole objects a column for each entry, as far as there is room. The
/// remaining entries are put into the column of others. A text that is no object stays where it
/// is, if that column is stored.
pub(crate) fn with_columns(mut frame: DataFrame) -> PolarsResult<DataFrame> {
    for kind in [&TAGS, &EXTRA] {
        let objects = frame.column(kind.object)?.str()?.clone();
        if objects.null_count() == objects.len() || frame.column(kind.others).is_ok() {
            continue;
        }
        let entries = ObjectEntries::of(&objects);
        let mut keys = entries.keys();
        keys.truncate(kind.most_columns);
        let split = entries.split(&keys);
        for (key, texts) in keys.iter().zip(split.columns) {
            let name = PlSmallStr::from_string((kind.column)(key));
            frame.with_column(texts.with_name(name).into_column())?;
        }
        let others = if kind.is_stored { split.others } else { with_texts(split.others, &split.texts) };
        frame.with_column(others.with_name(PlSmallStr::from_static(kind.others)).into_column())?;
        frame.with_column(split.texts.with_name(PlSmallStr::from_static(kind.object)).into_column())?;
    }
    Ok(frame)
}

/// Returns objects with one for each text that is no object.
fn with_texts(objects: StringChunked, texts: &StringChunked) -> StringChunked {
    if texts.null_count() == texts.len() {
        return objects;
    }
    let pairs = objects.iter().zip(texts.iter());
    pairs.map(|(object, text)| object.map(String::from).or(text.map(unreadable_object))).collect()
}

/// The first version of files without whole objects of tags.
const COLUMNS_ALONE: u32 = 3;

/// Returns the lines of a stored file of this version in the dataset's columns, and the columns of
/// entries.
pub(crate) fn stored_lines(frame: &DataFrame, version: u32) -> PolarsResult<DataFrame> {
    let mut lines = columns::aligned(frame, charge())?;
    let kinds: &[&ObjectKind] = if version < COLUMNS_ALONE { &[&EXTRA] } else { &[&TAGS, &EXTRA] };
    for column in frame.columns() {
        let name = column.name().as_str();
        if kinds.iter().any(|kind| name == kind.others || kind.key(column).is_some()) {
            lines.with_column(column.clone())?;
        }
    }
    Ok(lines)
}

/// Adds lines to others. Their columns of entries may differ.
pub(crate) fn append(lines: &mut DataFrame, mut more: DataFrame) -> PolarsResult<()> {
    let add_missing = |to: &mut DataFrame, from: &DataFrame| -> PolarsResult<()> {
        for column in from.columns() {
            if to.column(column.name()).is_err() {
                let height = to.height();
                to.with_column(Column::full_null(column.name().clone(), height, column.dtype()))?;
            }
        }
        Ok(())
    };
    add_missing(lines, &more)?;
    add_missing(&mut more, lines)?;
    let names: Vec<PlSmallStr> = lines.columns().iter().map(|column| column.name().clone()).collect();
    lines.vstack_mut(&more.select(names)?).map(|_| ())
}
