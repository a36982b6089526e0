use std::io::Write;

use crate::ports::{ColumnarFormat, Encode, Encoder};
use crate::{Field, Page};

/// A columnar format that is readable text: the format and the columns, the number of rows of each
/// page, then `end`.
pub struct TextEncode;

struct TextEncoder<'a>(Box<dyn Write + Send + 'a>);

impl Encode for TextEncode {
    fn start<'a>(
        &self,
        fields: &[Field],
        format: ColumnarFormat,
        mut out: Box<dyn Write + Send + 'a>,
    ) -> Result<Box<dyn Encoder + 'a>, String> {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        write!(out, "{format:?} {}", names.join(" ")).map_err(|e| e.to_string())?;
        Ok(Box::new(TextEncoder(out)))
    }
}

impl Encoder for TextEncoder<'_> {
    fn page(&mut self, page: &Page) -> Result<(), String> {
        write!(self.0, " {}", page.rows.len()).map_err(|e| e.to_string())
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        writeln!(self.0, " end").map_err(|e| e.to_string())
    }
}

/// An encoder that fails to start, with this text.
pub struct FailingEncode(pub &'static str);

impl Encode for FailingEncode {
    fn start<'a>(
        &self,
        _: &[Field],
        _: ColumnarFormat,
        _: Box<dyn Write + Send + 'a>,
    ) -> Result<Box<dyn Encoder + 'a>, String> {
        Err(self.0.into())
    }
}
