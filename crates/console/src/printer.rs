use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use catalog::Page;
use catalog::ports::Encode;
use domain::{Timestamp, visible};

use crate::columns::{describe_columns, hidden_columns, select_columns, sources, view};
use crate::format_writer::{self, FormatSettings, FormatWriter};
use crate::table::{self, TableDrawing};
use crate::{Failure, OutputFormat, Progress, Report, Screen, TableView};

/// Moves a terminal's cursor to the first line, and clears everything below it.
const CLEAR: &[u8] = b"\x1b[H\x1b[J";

/// The output of a program: data goes to `out`, messages to `err`.
pub struct Printer {
    format: OutputFormat,
    screen: Screen,
    columns: Vec<String>,
    now: Option<Timestamp>,
    verbose: bool,
    for_spreadsheet: bool,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
}

impl Printer {
    /// Returns a printer for one format. `screen` describes the terminals behind `out` and `err`.
    /// `out` is written in large pieces and needs no buffer.
    pub fn new(format: OutputFormat, screen: Screen, out: Box<dyn Write>, err: Box<dyn Write>) -> Printer {
        let (columns, now) = (Vec::new(), None);
        Printer { format, screen, columns, now, verbose: false, for_spreadsheet: false, out, err }
    }

    /// Returns a printer that writes the same columns to a file, without colours and without
    /// messages.
    pub fn to_file(&self, format: OutputFormat, file: Box<dyn Write>) -> Printer {
        let (screen, sink) = (self.screen.to_file(), Box::new(io::sink()));
        Printer {
            columns: self.columns.clone(),
            now: self.now,
            for_spreadsheet: self.for_spreadsheet,
            ..Printer::new(format, screen, file, sink)
        }
    }

    /// Writes the data to a file in this format from now on, without colours. Messages still go to
    /// the same place.
    pub fn redirect(&mut self, format: OutputFormat, file: Box<dyn Write>) {
        self.format = format;
        self.screen = self.screen.to_file();
        self.out = file;
    }

    /// Returns the format of the data.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Returns the properties of stdout and stderr.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// Makes the instants in reports' tables relative to `now`. Without it they are exact.
    pub fn relative_to(&mut self, now: Timestamp) {
        self.now = Some(now);
    }

    /// Sets whether messages are long.
    pub fn set_verbose(&mut self, verbose: bool) {
        self.verbose = verbose;
    }

    /// Returns whether messages are long.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Sets whether CSV is made for a spreadsheet program: a text that it would run as a formula
    /// gets an apostrophe.
    pub fn set_for_spreadsheet(&mut self, for_spreadsheet: bool) {
        self.for_spreadsheet = for_spreadsheet;
    }

    /// Limits the output to these columns, in this order and in every format. An empty list selects
    /// all columns, in a table at most eight. The single name `help` prints the list of the columns
    /// instead of the rows, and no notes. A name that an answer does not have is a usage failure at
    /// its first page.
    pub fn columns(&mut self, names: Vec<String>) {
        self.columns = names;
    }

    /// Returns whether reports print the list of their columns instead of their rows.
    pub fn lists_columns(&self) -> bool {
        self.columns == ["help"]
    }

    /// Prints a whole answer.
    ///
    /// Errors: a wanted column does not exist, a binary format would go to a terminal, or the
    /// reader closed the output ([`Failure::is_broken_pipe`]).
    pub fn report(&mut self, report: &Report, encode: &dyn Encode) -> Result<(), Failure> {
        if self.lists_columns() {
            return self.print(&[], &Report::plain(describe_columns(report)), encode);
        }
        self.print(&self.columns.clone(), report, encode)?;
        let hidden = hidden_columns(report);
        if hidden > 0 && self.format == OutputFormat::Table && self.columns.is_empty() {
            let columns = if hidden == 1 { "column" } else { "columns" };
            self.note(&format!("{hidden} more {columns}: -o json shows all"));
        }
        Ok(())
    }

    fn print(&mut self, wanted: &[String], report: &Report, encode: &dyn Encode) -> Result<(), Failure> {
        self.refuse_terminal()?;
        if self.format == OutputFormat::Table {
            let drawing = TableDrawing::new(view(wanted, report, self.now)?.as_ref(), self.screen, false);
            return self.write(drawing.print(&drawing.layout(None), true).as_bytes());
        }
        let page = select_columns(wanted, &sources(report, self.format == OutputFormat::Csv))?;
        let mut bytes = Vec::new();
        let mut sheet = format_writer::open(&self.settings(), encode);
        sheet.page(&page, &mut bytes)?;
        sheet.finish(&mut bytes)?;
        self.write(&bytes)
    }

    /// Prints plain text without columns, such as a script. It is the same in every format.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())
    }

    /// Clears a terminal, so that the next answer replaces the last one. Does nothing if the output
    /// is not a terminal.
    pub fn clear_screen(&mut self) -> Result<(), Failure> {
        if self.screen.is_terminal() { self.write(CLEAR) } else { Ok(()) }
    }

    /// Starts an answer that comes in pages.
    pub fn stream<'a>(&'a mut self, encode: &'a dyn Encode) -> PageStream<'a> {
        let sheet = format_writer::open(&self.settings(), encode);
        PageStream { printer: self, sheet, rows: 0 }
    }

    /// Starts an answer whose cells keep their line breaks in a table, such as a query plan.
    pub fn stream_lines<'a>(&'a mut self, encode: &'a dyn Encode) -> PageStream<'a> {
        let settings = FormatSettings { keep_lines: true, ..self.settings() };
        PageStream { sheet: format_writer::open(&settings, encode), printer: self, rows: 0 }
    }

    fn settings(&self) -> FormatSettings {
        let Printer { format, screen, for_spreadsheet, .. } = *self;
        FormatSettings { format, screen, for_spreadsheet, keep_lines: false }
    }

    /// Prints one line on stderr, unless `--quiet` or `--columns help` is set.
    pub fn note(&mut self, text: &str) {
        if !self.screen.quiet && !self.lists_columns() {
            self.print_message(&visible(text));
        }
    }

    /// Prints a failure and its hint on stderr. Prints nothing if the reader closed the output.
    pub fn failure(&mut self, failure: &Failure) {
        if failure.is_broken_pipe() {
            return;
        }
        self.label("error", AnsiColor::Red, &failure.message);
        for line in &failure.excerpt {
            self.print_message(format!("  {}", visible(line)).trim_end());
        }
        if let Some(hint) = &failure.hint {
            self.label("hint", AnsiColor::Cyan, hint);
        }
    }

    /// Shows a spinner on stderr until the returned value is dropped.
    pub fn progress(&self, what: &str) -> Progress {
        Progress::new(&self.screen, what)
    }

    /// Writes out all buffered data. Call it before the process ends.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(unwritten)
    }

    fn label(&mut self, label: &str, colour: AnsiColor, text: &str) {
        let coloured = self.screen.colour && self.screen.interactive_err;
        let style = Style::new().bold().fg_color(Some(colour.into()));
        let style = if coloured { style } else { Style::new() };
        self.print_message(&format!("{style}{label}:{style:#} {}", visible(text)));
    }

    fn print_message(&mut self, line: &str) {
        // A failure to write to stderr cannot be reported anywhere.
        let _ = writeln!(self.err, "{line}");
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(unwritten)
    }

    fn refuse_terminal(&self) -> Result<(), Failure> {
        if self.format.columnar().is_none() || !self.screen.is_terminal() {
            return Ok(());
        }
        let name = self.format;
        Err(Failure::usage(format!("{name} is a binary format, and the output is a terminal"))
            .hint(format!("redirect it: > result.{name}")))
    }
}

fn unwritten(why: io::Error) -> Failure {
    match why.kind() {
        io::ErrorKind::BrokenPipe => Failure::broken_pipe(),
        _ => Failure::broken(format!("the output cannot be written: {why}")),
    }
}

/// A long answer in progress. Without [`PageStream::finish`] it stays incomplete, and a reader can
/// detect that.
pub struct PageStream<'a> {
    printer: &'a mut Printer,
    sheet: Box<dyn FormatWriter + 'a>,
    rows: u64,
}

impl PageStream<'_> {
    /// Prints a page. All pages have the same columns; a page without rows still defines them.
    ///
    /// Errors: those of [`Printer::report`].
    pub fn page(&mut self, page: Page) -> Result<(), Failure> {
        self.printer.refuse_terminal()?;
        if self.printer.lists_columns() {
            return self.list_columns(page);
        }
        let page: Cow<'_, Page> = select_columns(&self.printer.columns, &[&page])?;
        self.rows += page.rows.len() as u64;
        self.put(|sheet, bytes| sheet.page(&page, bytes))
    }

    /// Prints the columns instead of the first page. All of them are in a table by default.
    fn list_columns(&mut self, mut page: Page) -> Result<(), Failure> {
        if self.rows > 0 {
            return Ok(());
        }
        page.rows.clear();
        let every = TableView { columns: table::view_of(&page).columns, ..TableView::default() };
        let list = describe_columns(&Report { page, table: Some(every), ..Report::default() });
        self.rows = list.rows.len() as u64;
        self.put(|sheet, bytes| sheet.page(&list, bytes))
    }

    /// Ends the answer and returns its number of rows.
    pub fn finish(mut self) -> Result<u64, Failure> {
        self.put(|sheet, bytes| sheet.finish(bytes))?;
        self.printer.flush()?;
        Ok(self.rows)
    }

    fn put(
        &mut self,
        part: impl FnOnce(&mut dyn FormatWriter, &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        part(self.sheet.as_mut(), &mut bytes)?;
        self.printer.write(&bytes)
    }
}
