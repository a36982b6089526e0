use std::fmt;
use std::str::FromStr;

use catalog::ports::Columnar;

use crate::Failure;
use crate::words::did_you_mean;

/// The format of an answer on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
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

impl Format {
    /// The names that `--output` accepts, in the order in which users see them.
    pub const ALL: [&'static str; 7] = ["table", "json", "ndjson", "csv", "yaml", "parquet", "arrow"];

    /// Returns the name that `--output` accepts.
    pub fn name(self) -> &'static str {
        Format::ALL[self as usize]
    }

    /// Returns the format for a file name with this extension: `csv`, `jsonl`, `feather`, …
    pub fn of_ending(ending: &str) -> Option<Format> {
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "yaml" | "yml" => Some(Format::Yaml),
            "parquet" => Some(Format::Parquet),
            "arrow" | "feather" => Some(Format::Arrow),
            _ => None,
        }
    }

    /// Returns the binary format, if it is one. Binary formats are never written to a terminal.
    pub fn columnar(self) -> Option<Columnar> {
        match self {
            Format::Parquet => Some(Columnar::Parquet),
            Format::Arrow => Some(Columnar::Arrow),
            Format::Table | Format::Json | Format::Ndjson | Format::Csv | Format::Yaml => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Format, Failure> {
        match text {
            "table" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            "ndjson" => Ok(Format::Ndjson),
            "csv" => Ok(Format::Csv),
            "yaml" => Ok(Format::Yaml),
            "parquet" => Ok(Format::Parquet),
            "arrow" => Ok(Format::Arrow),
            _ => Err(Failure::usage(format!(
                "\"{text}\" is not an output format{}",
                did_you_mean(text, Format::ALL)
            ))
            .hint(format!("the formats are {}", Format::ALL.join(", ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_format_name() {
        for name in Format::ALL {
            assert_eq!(name.parse::<Format>().unwrap().name(), name);
        }
        let check = |bad: &str, message: &str| {
            assert_eq!(bad.parse::<Format>().unwrap_err().message, message);
        };
        check("jsno", "\"jsno\" is not an output format; the closest match is json");
        check("xml", "\"xml\" is not an output format");
        check("", "\"\" is not an output format");
    }
}
