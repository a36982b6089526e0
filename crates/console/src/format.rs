use std::fmt;
use std::str::FromStr;

use catalog::ports::ColumnarFormat;

use crate::Failure;
use crate::words::suggest_closest;

/// The format of an answer on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputFormat {
    /// Aligned columns for people.
    #[default]
    Table,
    /// One array of objects, indented.
    Json,
    /// One object per line.
    Ndjson,
    /// RFC 4180 with a header. Lines end in a bare line feed, which every CSV reader accepts.
    Csv,
    /// One sequence of mappings.
    Yaml,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC file (Feather V2).
    Arrow,
}

impl OutputFormat {
    /// The names that `--output` accepts, in the order in which users see them.
    pub const ALL: [&'static str; 7] = ["table", "json", "ndjson", "csv", "yaml", "parquet", "arrow"];

    /// Returns the name that `--output` accepts.
    pub fn name(self) -> &'static str {
        OutputFormat::ALL[self as usize]
    }

    /// Returns the format for a file name with this extension: `csv`, `jsonl`, `feather`, …
    pub fn of_ending(ending: &str) -> Option<OutputFormat> {
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(OutputFormat::Csv),
            "json" => Some(OutputFormat::Json),
            "ndjson" | "jsonl" => Some(OutputFormat::Ndjson),
            "yaml" | "yml" => Some(OutputFormat::Yaml),
            "parquet" => Some(OutputFormat::Parquet),
            "arrow" | "feather" => Some(OutputFormat::Arrow),
            _ => None,
        }
    }

    /// Returns the binary format, if it is one. Binary formats are never written to a terminal.
    pub fn columnar(self) -> Option<ColumnarFormat> {
        match self {
            OutputFormat::Parquet => Some(ColumnarFormat::Parquet),
            OutputFormat::Arrow => Some(ColumnarFormat::Arrow),
            OutputFormat::Table
            | OutputFormat::Json
            | OutputFormat::Ndjson
            | OutputFormat::Csv
            | OutputFormat::Yaml => None,
        }
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OutputFormat {
    type Err = Failure;

    fn from_str(text: &str) -> Result<OutputFormat, Failure> {
        match text {
            "table" => Ok(OutputFormat::Table),
            "json" => Ok(OutputFormat::Json),
            "ndjson" => Ok(OutputFormat::Ndjson),
            "csv" => Ok(OutputFormat::Csv),
            "yaml" => Ok(OutputFormat::Yaml),
            "parquet" => Ok(OutputFormat::Parquet),
            "arrow" => Ok(OutputFormat::Arrow),
            _ => Err(Failure::usage(format!(
                "\"{text}\" is not an output format{}",
                suggest_closest(text, OutputFormat::ALL)
            ))
            .hint(format!("the formats are {}", OutputFormat::ALL.join(", ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_format_name() {
        for name in OutputFormat::ALL {
            assert_eq!(name.parse::<OutputFormat>().unwrap().name(), name);
        }
        let check = |bad: &str, message: &str| {
            assert_eq!(bad.parse::<OutputFormat>().unwrap_err().message, message);
        };
        check("jsno", "\"jsno\" is not an output format; the closest match is json");
        check("xml", "\"xml\" is not an output format");
        check("", "\"\" is not an output format");
    }
}
