//! The entries of `extra`: columns of a source without a column in the dataset.
//!
//! Lines have them in columns of their own, such as `extra:product/vcpu`, which no program needs to
//! take apart. A file has a column for each entry that occurs in its first lines. An entry that
//! appears later on few lines is kept in a JSON object of texts.

use std::borrow::Cow;

use catalog::{OTHER_EXTRA, extra_column, extra_of_column};
use polars::prelude::{
    BooleanChunked, ChunkFull, ChunkFullNull, Column, DataFrame, IntoColumn, PlSmallStr, PolarsResult,
    StringChunked, StringChunkedBuilder,
};

use super::charges::charge;
use super::maps::{push_json, unreadable_object};
use super::tag_columns::{TagColumns, entries};
use crate::columns;

/// The largest number of columns of `extra` in a file. A Cost and Usage Report has about 250
/// columns, most of which are empty in a given bill.
pub(crate) const MOST_COLUMNS: usize = 250;

/// The entries of `extra` of some lines.
pub(crate) struct ExtraColumns {
    /// The texts of each wanted entry.
    pub(crate) columns: Vec<Column>,
    /// The other entries of each line as a JSON object of texts; null without any.
    pub(crate) others: StringChunked,
    /// The names of the columns with other entries, most frequent first.
    pub(crate) other_names: Vec<String>,
    /// The number of lines with such an entry.
    pub(crate) lines_with_others: usize,
}

impl ExtraColumns {
    /// Splits the columns of lines into those with the given names and the JSON of the others.
    pub(crate) fn split(frame: &DataFrame, names: &[String]) -> PolarsResult<ExtraColumns> {
        let wanted = |name: &String| match frame.column(name) {
            Ok(column) => column.clone(),
            Err(_) => StringChunked::full_null(PlSmallStr::from_str(name), frame.height()).into_column(),
        };
        let is_other = |column: &&Column| {
            let name = column.name().as_str();
            extra_of_column(name).is_some() && !names.iter().any(|wanted| wanted == name)
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
        Ok(ExtraColumns {
            columns: names.iter().map(wanted).collect(),
            others: objects(frame.column("extra")?.str()?, &others)?,
            other_names: others.iter().map(|column| column.name().to_string()).collect(),
            lines_with_others: lines.sum().unwrap_or(0) as usize,
        })
    }
}

/// Returns the objects of `extra` with the texts of more columns.
fn objects(extra: &StringChunked, more: &[&Column]) -> PolarsResult<StringChunked> {
    if more.is_empty() {
        return Ok(extra.clone());
    }
    let mut cells = Vec::with_capacity(more.len());
    for column in more {
        cells.push((extra_of_column(column.name()).unwrap_or_default(), column.str()?.iter()));
    }
    let mut objects = StringChunkedBuilder::new(PlSmallStr::EMPTY, extra.len());
    let mut object = String::new();
    for known in extra.iter() {
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

/// Gives lines that have `extra` as JSON alone a column for each of its entries, as far as there is
/// room. The remainder stays in `extra`.
pub(crate) fn with_columns(mut frame: DataFrame) -> PolarsResult<DataFrame> {
    let extra = frame.column("extra")?.str()?.clone();
    if extra.null_count() == extra.len() || frame.columns().iter().any(is_extra) {
        return Ok(frame);
    }
    let extra = objects_alone(&extra);
    let mut keys = TagColumns::split(&extra, &[]).other_keys;
    keys.truncate(MOST_COLUMNS);
    let split = TagColumns::split(&extra, &keys);
    for (key, texts) in keys.iter().zip(split.columns) {
        frame.with_column(texts.with_name(PlSmallStr::from_str(&extra_column(key))).into_column())?;
    }
    frame.with_column(split.others.with_name(PlSmallStr::from_static("extra")).into_column())?;
    Ok(frame)
}

fn is_extra(column: &Column) -> bool {
    extra_of_column(column.name()).is_some()
}

/// Replaces texts that are no JSON objects by objects that contain them.
fn objects_alone(extra: &StringChunked) -> StringChunked {
    let texts = extra.iter().map(|text| text.map(as_object));
    let texts: Vec<Option<Cow<'_, str>>> = texts.collect();
    texts.iter().map(Option::as_deref).collect()
}

fn as_object(text: &str) -> Cow<'_, str> {
    let is_object = text.trim() == "{}" || !entries(text).is_empty();
    if is_object { Cow::Borrowed(text) } else { Cow::Owned(unreadable_object(text)) }
}

/// Returns the lines of a stored file in the dataset's columns, and the columns of `extra`.
pub(crate) fn stored_lines(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let mut lines = columns::aligned(frame, charge())?;
    if let Ok(others) = frame.column(OTHER_EXTRA) {
        lines.with_column(others.clone().with_name(PlSmallStr::from_static("extra")))?;
    }
    for column in frame.columns().iter().filter(|column| is_extra(column)) {
        lines.with_column(column.clone())?;
    }
    Ok(lines)
}

/// Adds lines to others. Their columns of `extra` may differ.
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
