//! Spot prices in memory, 24 bytes for each observation, in the order of the files.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use catalog::Dataset;
use polars::prelude::{
    Column, DataFrame, DataType, IntoSeries, NamedFrom, PlSmallStr, PolarsResult, Series, StringChunked,
    TimeUnit,
};

/// The columns that identify a series, in the sort order of the files.
pub(crate) const SERIES: [&str; 5] = ["instance_type", "az_id", "product", "region", "currency"];

/// The number of a null text.
const NO_TEXT: u32 = u32::MAX;

/// A null price: the price ended, or is not known. Real prices are never negative.
const NO_PRICE: i64 = i64::MIN;

/// One observation. Its order is the sort order of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpotPriceChange {
    /// An index of [`SpotPriceSet::series`].
    series: u32,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    /// In units of 10^-10 of the currency. [`NO_PRICE`] is null.
    price: i64,
    /// The run that added it, as a number of [`TextPool`].
    run: u32,
}

/// An instance family, and its first and last observation.
pub(crate) struct FamilySpan {
    pub(crate) family: String,
    /// Microseconds since 1970.
    pub(crate) from: i64,
    /// Microseconds since 1970.
    pub(crate) until: i64,
}

/// Texts, each with a number.
#[derive(Debug, Default)]
struct TextPool {
    all: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl TextPool {
    fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return NO_TEXT };
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    fn get(&self, number: u32) -> Option<&str> {
        self.all.get(number as usize).map(String::as_str)
    }
}

/// Observations of prices, and the names of their series. The numbers in a [`SpotPriceChange`] are
/// valid only in the `SpotPriceSet` that read it.
#[derive(Debug, Default)]
pub(crate) struct SpotPriceSet {
    texts: TextPool,
    series: Vec<[u32; 5]>,
    numbers: HashMap<[u32; 5], u32>,
    changes: Vec<SpotPriceChange>,
}

impl SpotPriceSet {
    /// Returns the number of observations.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Returns the number of series that were ever added.
    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn changes(&self) -> &[SpotPriceChange] {
        &self.changes
    }

    /// Removes the observations and keeps the names.
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
    }

    /// Adds the rows of a frame. The run is the frame's `run_id`, or `run` where that column is
    /// missing or null.
    pub(crate) fn extend(&mut self, frame: &DataFrame, run: Option<&str>) -> PolarsResult<()> {
        let mut changes = std::mem::take(&mut self.changes);
        let done = self.read(frame, run, |change| changes.push(change));
        self.changes = changes;
        done
    }

    /// Calls `each` with every row of a frame.
    pub(crate) fn read(
        &mut self,
        frame: &DataFrame,
        run: Option<&str>,
        mut each: impl FnMut(SpotPriceChange),
    ) -> PolarsResult<()> {
        let mut names = Vec::with_capacity(SERIES.len());
        for name in SERIES {
            names.push(text_column(frame, name)?);
        }
        let runs = text_column(frame, "run_id")?;
        let instants =
            frame.column("observed_at")?.cast(&DataType::Datetime(TimeUnit::Microseconds, None))?;
        let instants = instants.cast(&DataType::Int64)?;
        let prices = frame.column("price_per_hour")?.cast(&DataType::Decimal(18, 10))?;
        let given = self.texts.number(run);
        let mut names: Vec<_> =
            names.iter().map(|column| column.str().map(|c| c.iter())).collect::<Result<_, _>>()?;
        let mut runs = runs.str()?.iter();
        let mut before: Option<([Option<&str>; 5], u32)> = None;
        let mut run_before: Option<(Option<&str>, u32)> = None;
        for (at, price) in instants.i64()?.iter().zip(prices.decimal()?.physical().iter()) {
            let mut texts = [None; 5];
            for (text, name) in texts.iter_mut().zip(&mut names) {
                *text = name.next().flatten();
            }
            // Most rows have the series of the row before.
            let series = match before {
                Some((same, series)) if same == texts => series,
                _ => self.number(texts),
            };
            before = Some((texts, series));
            let brought = runs.next().flatten();
            let run = match run_before {
                Some((same, number)) if same == brought => number,
                _ if brought.is_none() => given,
                _ => self.texts.number(brought),
            };
            run_before = Some((brought, run));
            let price = price.map_or(NO_PRICE, |price| price as i64);
            each(SpotPriceChange { series, at: at.unwrap_or_default(), price, run });
        }
        Ok(())
    }

    fn number(&mut self, names: [Option<&str>; 5]) -> u32 {
        let key = names.map(|name| self.texts.number(name));
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.series.len() as u32;
        self.series.push(key);
        self.numbers.insert(key, number);
        number
    }

    /// Sorts the observations in the order of the files and removes duplicates. Of the runs that
    /// added the same observation, the kept one does not depend on the order of imports.
    pub(crate) fn settle(&mut self) {
        self.order_names();
        self.changes.sort_unstable();
        self.changes.dedup_by_key(|change| (change.series, change.at, change.price));
    }

    /// Renumbers texts and series in the sort order of the texts.
    fn order_names(&mut self) {
        let texts = ranks(&mut self.texts.all);
        self.texts.numbers = numbered(&self.texts.all);
        for key in &mut self.series {
            *key = key.map(|number| renumbered(&texts, number));
        }
        let series = ranks(&mut self.series);
        self.numbers = numbered(&self.series);
        for change in &mut self.changes {
            change.series = series[change.series as usize];
            change.run = renumbered(&texts, change.run);
        }
    }

    /// Returns the span of each family. The observations must be settled.
    pub(crate) fn spans(&self) -> Vec<FamilySpan> {
        let mut spans: Vec<FamilySpan> = Vec::new();
        for (_, group) in self.by_series() {
            let (from, until) = (group[0].at, group[group.len() - 1].at);
            let family = self.family(&group[0]);
            match spans.last_mut() {
                Some(last) if last.family == family => {
                    last.from = last.from.min(from);
                    last.until = last.until.max(until);
                }
                _ => spans.push(FamilySpan { family: family.into(), from, until }),
            }
        }
        spans
    }

    /// Returns the observations of each series, with the index of the first one. The observations
    /// must be settled.
    fn by_series(&self) -> impl Iterator<Item = (usize, &[SpotPriceChange])> {
        let mut start = 0;
        self.changes.chunk_by(|a, b| a.series == b.series).map(move |group| {
            start += group.len();
            (start - group.len(), group)
        })
    }

    /// Removes observations that no question as of `cut` or later reads: of each series those older
    /// than its newest observation at or before `cut`. Observations of the same instant stay
    /// together. The observations must be settled.
    pub(crate) fn forget_before(&mut self, cut: i64) {
        let mut kept = Vec::with_capacity(self.changes.len());
        for (_, group) in self.by_series() {
            let held = group.iter().rfind(|change| change.at <= cut).map_or(i64::MIN, |change| change.at);
            kept.extend(group.iter().filter(|change| change.at >= held));
        }
        self.changes = kept;
    }

    /// Adds the observations to the counts of their regions. The observations must be settled.
    pub(crate) fn count_regions(&self, counts: &mut BTreeMap<String, u64>) {
        for (_, group) in self.by_series() {
            let region = self.texts.get(self.series[group[0].series as usize][3]).unwrap_or_default();
            *counts.entry(region.into()).or_default() += group.len() as u64;
        }
    }

    /// The instance type of an observation. Empty when it is not known.
    pub(crate) fn instance_type(&self, change: &SpotPriceChange) -> &str {
        self.texts.get(self.series[change.series as usize][0]).unwrap_or_default()
    }

    /// The family of an observation: the part of its type before the dot.
    pub(crate) fn family(&self, change: &SpotPriceChange) -> &str {
        let name = self.instance_type(change);
        name.split_once('.').map_or(name, |(family, _)| family)
    }

    /// Returns some of the observations as rows of the dataset's files.
    pub(crate) fn frame(&self, dataset: &Dataset, rows: Range<usize>) -> PolarsResult<DataFrame> {
        let rows = &self.changes[rows];
        let column = |name: &str| -> PolarsResult<Column> {
            let named = PlSmallStr::from_str(name);
            let series = match name {
                "observed_at" => {
                    let instants: Vec<i64> = rows.iter().map(|change| change.at).collect();
                    Series::new(named, instants).into_datetime(TimeUnit::Microseconds, None)
                }
                "price_per_hour" => {
                    let known = |change: &SpotPriceChange| {
                        (change.price != NO_PRICE).then_some(i128::from(change.price))
                    };
                    let prices: Vec<Option<i128>> = rows.iter().map(known).collect();
                    Series::new(named, prices).into_decimal(18, 10)?
                }
                "run_id" => self.texts_of(named, rows.iter().map(|change| change.run)),
                name => {
                    let at = SERIES.iter().position(|known| *known == name).expect("a column of spot prices");
                    self.texts_of(named, rows.iter().map(|change| self.series[change.series as usize][at]))
                }
            };
            Ok(Column::from(series))
        };
        let columns =
            dataset.fields().iter().map(|field| column(&field.name)).collect::<PolarsResult<Vec<_>>>()?;
        DataFrame::new(rows.len(), columns)
    }

    fn texts_of(&self, name: PlSmallStr, numbers: impl Iterator<Item = u32>) -> Series {
        numbers.map(|number| self.texts.get(number)).collect::<StringChunked>().with_name(name).into_series()
    }

    /// Starts a search for the observations that a file has already. The observations must be
    /// settled.
    pub(crate) fn search(&self) -> KnownPriceSearch {
        let mut starts = vec![0..0; self.series.len()];
        for (start, group) in self.by_series() {
            starts[group[0].series as usize] = start..start + group.len();
        }
        KnownPriceSearch { starts, known: vec![false; self.changes.len()], next: 0 }
    }

    /// Marks the observations that are rows of the frame.
    pub(crate) fn find(&mut self, frame: &DataFrame, search: &mut KnownPriceSearch) -> PolarsResult<()> {
        let changes = std::mem::take(&mut self.changes);
        let done = self.read(frame, None, |told| search.mark(&changes, &told));
        self.changes = changes;
        done
    }

    /// Removes the marked observations.
    pub(crate) fn drop_known(&mut self, search: &KnownPriceSearch) {
        let mut known = search.known.iter();
        self.changes.retain(|_| !known.next().expect("one mark for each observation"));
    }
}

/// Marks on settled observations, set by [`SpotPriceSet::find`].
pub(crate) struct KnownPriceSearch {
    starts: Vec<Range<usize>>,
    known: Vec<bool>,
    /// The index of the expected next match: files have the same order.
    next: usize,
}

impl KnownPriceSearch {
    fn mark(&mut self, changes: &[SpotPriceChange], told: &SpotPriceChange) {
        let key = |change: &SpotPriceChange| (change.series, change.at, change.price);
        let wanted = key(told);
        let at = if changes.get(self.next).is_some_and(|change| key(change) == wanted) {
            self.next
        } else {
            // A series that first appears in the searched file has no observations here.
            let Some(range) = self.starts.get(told.series as usize) else { return };
            match changes[range.clone()].binary_search_by_key(&wanted, key) {
                Ok(at) => range.start + at,
                Err(_) => return,
            }
        };
        self.known[at] = true;
        self.next = at + 1;
    }
}

/// Returns a column as text. A missing column, as in an older layout, is all null.
fn text_column(frame: &DataFrame, name: &str) -> PolarsResult<Column> {
    match frame.column(name) {
        Ok(column) => column.cast(&DataType::String),
        Err(_) => Ok(Column::full_null(PlSmallStr::from_str(name), frame.height(), &DataType::String)),
    }
}

/// Sorts the items. Returns the new index of each old one.
fn ranks<T: Ord + Clone>(all: &mut Vec<T>) -> Vec<u32> {
    let mut order: Vec<u32> = (0..all.len() as u32).collect();
    order.sort_by(|a, b| all[*a as usize].cmp(&all[*b as usize]));
    let mut ranks = vec![0; all.len()];
    for (rank, old) in order.iter().enumerate() {
        ranks[*old as usize] = rank as u32;
    }
    *all = order.iter().map(|old| all[*old as usize].clone()).collect();
    ranks
}

fn numbered<T: std::hash::Hash + Eq + Clone>(all: &[T]) -> HashMap<T, u32> {
    all.iter().enumerate().map(|(number, item)| (item.clone(), number as u32)).collect()
}

fn renumbered(ranks: &[u32], number: u32) -> u32 {
    if number == NO_TEXT { NO_TEXT } else { ranks[number as usize] }
}
