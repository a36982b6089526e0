//! Traces of recorded signals, as CSV or Parquet. One row has the signals of a machine from one
//! second on.

use csv::StringRecord;
use domain::{Known, RecordReader, skip_mark};
use flate2::read::MultiGzDecoder;
use lifecycle::idle::{IdleSignal, RULES};
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::ColumnDescriptor;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// The last second of the year 9999, and the longest span of one machine's rows in seconds, a
/// little less than nine years. A replay steps through each minute of it.
const LATEST: i64 = 253_402_300_799;
const LONGEST: i64 = 78_000 * 3_600;

/// The signals of one machine from this second on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TraceRow {
    pub(crate) second: i64,
    /// In the order of [`SignalTrace::signals`].
    pub(crate) values: Vec<Known<f64>>,
}

/// The rows of one machine, at least two, in order of time. The name is empty if the trace has no
/// machine column.
#[derive(Debug, PartialEq)]
pub(crate) struct MachineTrace {
    pub(crate) machine: String,
    pub(crate) rows: Vec<TraceRow>,
}

/// A trace that is read machine by machine, so that only one machine's rows are in memory.
pub(crate) struct SignalTrace<'a> {
    /// The recorded signals. The machines had no others.
    pub(crate) signals: Vec<IdleSignal>,
    lines: TraceLines<'a>,
    /// The first line of the next machine.
    next: Option<TraceLine>,
    seen: HashSet<String>,
}

/// The first bytes of a file that gzip wrote.
const GZIP: [u8; 2] = [0x1f, 0x8b];

type TraceLines<'a> = Box<dyn Iterator<Item = Result<TraceLine, String>> + 'a>;

/// One line, and its place for error messages.
struct TraceLine {
    place: String,
    machine: String,
    row: TraceRow,
}

/// The content of a column.
#[derive(Clone, Copy, PartialEq)]
enum TraceColumn {
    Time,
    Machine,
    Signal(IdleSignal),
}

impl<'a> SignalTrace<'a> {
    /// Reads CSV with a header, plain or compressed with gzip. An empty cell means that the machine
    /// does not have the device, and `?` that the value was not seen.
    pub(crate) fn csv(bytes: impl Read + 'a) -> Result<SignalTrace<'a>, String> {
        let mut bytes = BufReader::new(bytes);
        let compressed = bytes.fill_buf().map_err(|error| error.to_string())?.starts_with(&GZIP);
        let bytes: Box<dyn Read + 'a> =
            if compressed { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        let text = skip_mark(BufReader::new(bytes)).map_err(|error| error.to_string())?;
        let mut reader = csv::Reader::from_reader(RecordReader::new(text));
        let columns = columns(reader.headers().map_err(|error| error.to_string())?.iter())?;
        let kinds = columns.clone();
        let next = move || -> Result<Option<TraceLine>, String> {
            let mut record = StringRecord::new();
            reader.get_mut().start_record();
            if !reader.read_record(&mut record).map_err(|error| error.to_string())? {
                return Ok(None);
            }
            let place = format!("line {}", record.position().map_or(0, |position| position.line()));
            line(&place, &kinds, record.iter().map(csv_cell)).map(Some)
        };
        Ok(SignalTrace::new(&columns, Box::new(std::iter::repeat_with(next).map_while(Result::transpose))))
    }

    /// Reads Parquet with the same columns; time is in seconds or a timestamp. A null means that
    /// the machine does not have the device, and NaN that the value was not seen.
    pub(crate) fn parquet(file: File) -> Result<SignalTrace<'static>, String> {
        let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let columns = columns(schema.root_schema().get_fields().iter().map(|field| field.name()))?;
        let kinds = columns.clone();
        let ticks: Vec<i64> = schema.columns().iter().map(|column| ticks_per_second(column)).collect();
        let rows = RowIter::from_file_into(Box::new(reader));
        let lines = rows.enumerate().map(move |(index, row)| {
            let row = row.map_err(|error| error.to_string())?;
            let cells = row.get_column_iter().zip(&ticks).map(|((_, field), ticks)| match field {
                Field::Long(number) => TraceCell::Second(number.div_euclid(*ticks)),
                field => parquet_cell(field),
            });
            line(&format!("row {}", index + 1), &kinds, cells)
        });
        Ok(SignalTrace::new(&columns, Box::new(lines)))
    }

    fn new(columns: &[TraceColumn], lines: TraceLines<'a>) -> SignalTrace<'a> {
        let signal = |column: &TraceColumn| match column {
            TraceColumn::Signal(signal) => Some(*signal),
            TraceColumn::Time | TraceColumn::Machine => None,
        };
        let signals = columns.iter().filter_map(signal).collect();
        SignalTrace { signals, lines, next: None, seen: HashSet::new() }
    }

    /// Returns the next machine, or `None` after the last. Errors: an invalid cell, rows out of
    /// order, or fewer than two rows.
    pub(crate) fn machine(&mut self) -> Result<Option<MachineTrace>, String> {
        let first = match self.next.take() {
            Some(line) => line,
            None => match self.lines.next().transpose()? {
                Some(line) => line,
                None if self.seen.is_empty() => return Err("the trace has no rows".to_string()),
                None => return Ok(None),
            },
        };
        let machine = first.machine;
        if !self.seen.insert(machine.clone()) {
            return Err(format!(
                "{}: machine {machine} occurs again; its rows must be adjacent",
                first.place
            ));
        }
        let mut rows = vec![first.row];
        while let Some(line) = self.lines.next().transpose()? {
            if line.machine != machine {
                self.next = Some(line);
                break;
            }
            if rows.last().is_some_and(|last| last.second >= line.row.second) {
                return Err(format!("{}: time does not increase", line.place));
            }
            if line.row.second - rows[0].second > LONGEST {
                return Err(format!("{}: more than nine years after the first row", line.place));
            }
            rows.push(line.row);
        }
        let of = if machine.is_empty() { String::new() } else { format!(" of machine {machine}") };
        if rows.len() < 2 {
            return Err(format!(
                "{}: fewer than two rows{of}, expected one more as the end of the last",
                first.place
            ));
        }
        Ok(Some(MachineTrace { machine, rows }))
    }
}

fn columns<'n>(names: impl Iterator<Item = &'n str>) -> Result<Vec<TraceColumn>, String> {
    let columns: Vec<TraceColumn> = names.map(column).collect::<Result<_, _>>()?;
    match columns.iter().filter(|column| **column == TraceColumn::Time).count() {
        1 => Ok(columns),
        count => Err(format!("the trace has {count} columns named time, expected one, in seconds")),
    }
}

fn column(name: &str) -> Result<TraceColumn, String> {
    match name {
        "time" => return Ok(TraceColumn::Time),
        "machine" => return Ok(TraceColumn::Machine),
        _ => {}
    }
    IdleSignal::deserialize(StrDeserializer::<Error>::new(name)).map(TraceColumn::Signal).map_err(|_| {
        let known = RULES.iter().map(|rule| rule.signal.name()).collect::<Vec<_>>();
        format!("unknown column {name}, expected time, machine, {}", known.join(", "))
    })
}

/// Returns the units in a second of a column of timestamps, and 1 for other columns. The reader
/// returns timestamps in nanoseconds or without a time zone as plain numbers.
fn ticks_per_second(column: &ColumnDescriptor) -> i64 {
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp { unit: TimeUnit::MILLIS, .. }) => 1_000,
        Some(LogicalType::Timestamp { unit: TimeUnit::MICROS, .. }) => 1_000_000,
        Some(LogicalType::Timestamp { unit: TimeUnit::NANOS, .. }) => 1_000_000_000,
        _ => 1,
    }
}

/// One cell in either format.
enum TraceCell {
    Nothing,
    Unseen,
    Second(i64),
    Number(f64),
    Text(String),
}

fn csv_cell(text: &str) -> TraceCell {
    match text {
        "" => TraceCell::Nothing,
        "?" => TraceCell::Unseen,
        _ if text.eq_ignore_ascii_case("true") => TraceCell::Second(1),
        _ if text.eq_ignore_ascii_case("false") => TraceCell::Second(0),
        _ => text
            .parse()
            .map(TraceCell::Second)
            .or_else(|_| text.parse().map(TraceCell::Number))
            .unwrap_or_else(|_| TraceCell::Text(text.to_string())),
    }
}

fn parquet_cell(field: &Field) -> TraceCell {
    match field {
        Field::Null => TraceCell::Nothing,
        Field::Bool(holds) => TraceCell::Second(i64::from(*holds)),
        Field::Byte(number) => TraceCell::Second(i64::from(*number)),
        Field::Short(number) => TraceCell::Second(i64::from(*number)),
        Field::Int(number) => TraceCell::Second(i64::from(*number)),
        Field::UByte(number) => TraceCell::Second(i64::from(*number)),
        Field::UShort(number) => TraceCell::Second(i64::from(*number)),
        Field::UInt(number) => TraceCell::Second(i64::from(*number)),
        Field::ULong(number) => {
            i64::try_from(*number).map_or(TraceCell::Number(*number as f64), TraceCell::Second)
        }
        Field::TimestampMillis(millis) => TraceCell::Second(millis.div_euclid(1_000)),
        Field::TimestampMicros(micros) => TraceCell::Second(micros.div_euclid(1_000_000)),
        Field::Float16(number) => TraceCell::Number(number.to_f64()),
        Field::Float(number) => TraceCell::Number(f64::from(*number)),
        Field::Double(number) => TraceCell::Number(*number),
        Field::Str(text) => TraceCell::Text(text.clone()),
        // Decimals, in words: `to_string` writes them in plain digits.
        other => other.to_string().parse().map_or(TraceCell::Text(other.to_string()), TraceCell::Number),
    }
}

impl TraceCell {
    fn value(self) -> Result<Known<f64>, String> {
        match self {
            TraceCell::Nothing => Ok(Known::Absent),
            TraceCell::Number(number) if number.is_finite() => Ok(Known::Is(number)),
            TraceCell::Unseen | TraceCell::Number(_) => Ok(Known::Unseen("not recorded".to_string())),
            TraceCell::Second(number) => Ok(Known::Is(number as f64)),
            TraceCell::Text(text) => Err(format!("\"{text}\" is not a number")),
        }
    }

    fn second(self) -> Result<i64, String> {
        match self {
            TraceCell::Second(second) if (0..=LATEST).contains(&second) => Ok(second),
            // Fractions come from clocks of better resolution. A row is valid from its second on.
            TraceCell::Number(second) if (0.0..=LATEST as f64).contains(&second) => Ok(second as i64),
            other => Err(format!("time is \"{}\", expected a number of seconds", other.name())),
        }
    }

    fn name(self) -> String {
        match self {
            TraceCell::Nothing => String::new(),
            TraceCell::Unseen => "?".to_string(),
            TraceCell::Second(second) => second.to_string(),
            TraceCell::Number(number) => number.to_string(),
            TraceCell::Text(text) => text,
        }
    }
}

fn line(
    place: &str,
    columns: &[TraceColumn],
    cells: impl Iterator<Item = TraceCell>,
) -> Result<TraceLine, String> {
    let (mut second, mut machine, mut values) = (0, String::new(), Vec::new());
    for (column, cell) in columns.iter().zip(cells) {
        let at = |why: String| format!("{place}: {why}");
        match column {
            TraceColumn::Time => second = cell.second().map_err(at)?,
            TraceColumn::Machine => machine = cell.name(),
            TraceColumn::Signal(_) => values.push(cell.value().map_err(at)?),
        }
    }
    Ok(TraceLine { place: place.to_string(), machine, row: TraceRow { second, values } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::{Compression, GzipLevel};
    use parquet::data_type::{BoolType, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    const CSV: &str = "machine,time,cpu,gpu\na,0,0.5,\na,60,0,\nb,0,1,7\nb,60,?,7\nb,180,0,7\n";

    fn all(mut trace: SignalTrace<'_>) -> Result<Vec<MachineTrace>, String> {
        std::iter::from_fn(|| trace.machine().transpose()).collect()
    }

    /// Returns the rows of [`CSV`] as Parquet, with timestamps.
    fn parquet_file(compression: parquet::basic::Compression) -> File {
        let schema = "message trace { REQUIRED BYTE_ARRAY machine (UTF8); REQUIRED INT64 time \
                      (TIMESTAMP(MILLIS,true)); REQUIRED DOUBLE cpu; OPTIONAL INT64 gpu; }";
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let file = tempfile::tempfile().expect("a file");
        let own = file.try_clone().expect("a file");
        let mut writer = SerializedFileWriter::new(own, schema, properties).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        let names: Vec<_> = ["a", "a", "b", "b", "b"].map(Into::into).to_vec();
        let mut column = group.next_column().expect("a column").expect("machine");
        column.typed::<ByteArrayType>().write_batch(&names, None, None).expect("written");
        column.close().expect("closed");
        let mut column = group.next_column().expect("a column").expect("time");
        let times = [0, 60_000, 0, 60_000, 180_000];
        column.typed::<Int64Type>().write_batch(&times, None, None).expect("written");
        column.close().expect("closed");
        let mut column = group.next_column().expect("a column").expect("cpu");
        let cpu = [0.5, 0.0, 1.0, f64::NAN, 0.0];
        column.typed::<DoubleType>().write_batch(&cpu, None, None).expect("written");
        column.close().expect("closed");
        let mut column = group.next_column().expect("a column").expect("gpu");
        column.typed::<Int64Type>().write_batch(&[7, 7, 7], Some(&[0, 0, 1, 1, 1]), None).expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
        writer.close().expect("closed");
        file
    }

    #[test]
    fn csv_and_parquet_give_the_same_trace() {
        use parquet::basic::{Compression, ZstdLevel};
        let expected = all(SignalTrace::csv(CSV.as_bytes()).expect("a trace"));
        assert_eq!(expected.as_ref().map(Vec::len), Ok(2), "{expected:?}");
        for compression in
            [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())]
        {
            let trace = SignalTrace::parquet(parquet_file(compression)).expect("a trace");
            assert_eq!(trace.signals, [IdleSignal::Cpu, IdleSignal::Gpu]);
            assert_eq!(all(trace), expected, "{compression:?}");
        }
    }

    /// Writes Parquet with one column of each type; `write` writes its values.
    fn typed_file(schema: &str, write: impl Fn(&str, &mut SerializedColumnWriter<'_>)) -> File {
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let names: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_string()).collect();
        let properties = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default()));
        let file = tempfile::tempfile().expect("a file");
        let own = file.try_clone().expect("a file");
        let mut writer =
            SerializedFileWriter::new(own, schema, Arc::new(properties.build())).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        for name in names {
            let mut column = group.next_column().expect("a column").expect("a column");
            write(&name, &mut column);
            column.close().expect("closed");
        }
        group.close().expect("closed");
        writer.close().expect("closed");
        file
    }

    #[test]
    fn reads_every_width_and_unit_that_parquet_has() {
        let check = |time: &str, ticks: i64| {
            let schema = format!(
                "message t {{ REQUIRED {time}; REQUIRED BOOLEAN login; REQUIRED INT32 terminal (INTEGER(8,true)); \
                 REQUIRED INT32 ssh (INTEGER(8,false)); REQUIRED INT32 hooks (INTEGER(16,true)); REQUIRED INT32 \
                 jupyter (INTEGER(16,false)); REQUIRED INT32 editor (INTEGER(32,false)); REQUIRED INT64 disk \
                 (INTEGER(64,false)); REQUIRED FLOAT cpu; REQUIRED INT32 gpu (DECIMAL(5,2)); }}"
            );
            let file = typed_file(&schema, |name, column| {
                let written = match name {
                    "time" if ticks > 0 => {
                        let seconds =
                            [1_800_000_000, 1_800_000_060].map(|second: i64| second * ticks + ticks / 2);
                        column.typed::<Int64Type>().write_batch(&seconds, None, None)
                    }
                    "time" => column.typed::<DoubleType>().write_batch(
                        &[1_800_000_000.5, 1_800_000_060.25],
                        None,
                        None,
                    ),
                    "login" => column.typed::<BoolType>().write_batch(&[true, false], None, None),
                    "disk" => column.typed::<Int64Type>().write_batch(&[1, 0], None, None),
                    "cpu" => column.typed::<FloatType>().write_batch(&[1.0, 0.0], None, None),
                    "gpu" => column.typed::<Int32Type>().write_batch(&[100, 0], None, None),
                    _ => column.typed::<Int32Type>().write_batch(&[1, 0], None, None),
                };
                assert_eq!(written.expect("written"), 2, "{name}");
            });
            let read = all(SignalTrace::parquet(file).expect("a trace")).expect(time);
            let row = |second: i64, value: f64| TraceRow { second, values: vec![Known::Is(value); 9] };
            assert_eq!(read[0].rows, [row(1_800_000_000, 1.0), row(1_800_000_060, 0.0)], "{time}");
        };
        check("INT64 time", 1);
        check("INT64 time (TIMESTAMP(MILLIS,true))", 1_000);
        check("INT64 time (TIMESTAMP(MICROS,true))", 1_000_000);
        check("INT64 time (TIMESTAMP(MILLIS,false))", 1_000);
        check("INT64 time (TIMESTAMP(MICROS,false))", 1_000_000);
        check("INT64 time (TIMESTAMP(NANOS,true))", 1_000_000_000);
        check("INT64 time (TIMESTAMP(NANOS,false))", 1_000_000_000);
        check("DOUBLE time", 0);
    }

    #[test]
    fn reads_csv_compressed_with_gzip_and_booleans_in_words() {
        use std::io::Write;
        let plain = CSV.replace("0.5,", "True,").replace("a,60,0", "a,60.0,false").replace("b,0,", "b,0.75,");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(plain.as_bytes()).expect("written");
        let packed = packed.finish().expect("bytes");
        let text = CSV.replace("0.5", "1");
        let expected = all(SignalTrace::csv(text.as_bytes()).expect("a trace"));
        assert_eq!(all(SignalTrace::csv(packed.as_slice()).expect("a trace")), expected);
        assert!(SignalTrace::csv(&packed[..packed.len() / 2]).and_then(all).is_err());
    }

    #[test]
    fn an_invalid_trace_is_reported_with_its_line() {
        let check = |text: &str, expected: &str| {
            let error = SignalTrace::csv(text.as_bytes()).and_then(all).expect_err(text);
            assert!(error.contains(expected), "{error}");
        };
        check("", "0 columns named time, expected one");
        check("cpu\n1\n", "0 columns named time, expected one");
        check("time,time\n", "2 columns named time");
        check("time,cpuu\n0,1\n60,1\n", "unknown column cpuu, expected time, machine, cpu, network");
        check("time,cpu\n", "the trace has no rows");
        check("time,cpu\n0,1\n", "line 2: fewer than two rows, expected one more");
        check("machine,time\na,0\na,1\nb,0\n", "line 4: fewer than two rows of machine b");
        check("machine,time\na,0\na,1\nb,0\nb,1\na,2\n", "line 6: machine a occurs again");
        check("time,cpu\n0,1\n0,1\n", "line 3: time does not increase");
        check("time,cpu\n0,1\n60,x\n", "line 3: \"x\" is not a number");
        check("time,cpu\n-0.5,1\n", "line 2: time is \"-0.5\", expected a number of seconds");
        check("time,cpu\n-1,1\n", "line 2: time is \"-1\", expected a number of seconds");
        check("time,cpu\nNaN,1\n", "line 2: time is \"NaN\", expected a number of seconds");
        check("time,cpu\n?,1\n", "line 2: time is \"?\", expected a number of seconds");
        check("time,cpu\n0.2,1\n0.9,1\n", "line 3: time does not increase");
        check("time,cpu\n9999999999999,1\n", "line 2: time is \"9999999999999\"");
        check("time,cpu\n0,1\n280800000,1\n280800001,1\n", "line 4: more than nine years");
        check("time,cpu\n0\n", "line: 2");
    }

    #[test]
    fn rejects_a_parquet_file_truncated_at_any_byte() {
        use std::io::{Seek, Write};
        let mut whole = Vec::new();
        let mut file = parquet_file(parquet::basic::Compression::SNAPPY);
        file.rewind().and_then(|()| file.read_to_end(&mut whole)).expect("read");
        for length in 0..whole.len() {
            let mut part = tempfile::tempfile().expect("a file");
            part.write_all(&whole[..length]).expect("written");
            assert!(SignalTrace::parquet(part).and_then(all).is_err(), "{length}");
        }
    }
}
