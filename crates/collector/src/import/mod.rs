mod bills;

use std::fs::File;
use std::path::{Path, PathBuf};

use catalog::ports::{BillLayout, Imported, Outcome, StoreError, Told};
use catalog::{Batch, Field, Page, Type, Value};
use clap::{Args, ValueEnum};
use console::{Exit, Failure, Kind, Printer, Report};
use domain::Timestamp;
use feeds::{Context, Spoken};

use crate::Ports;

/// Import files into the lake. They become visible all at once, or not at all.
///
/// Files may be compressed (.gz, .zst), except Parquet. The same files a second time add nothing.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What the files hold
    #[arg(value_enum)]
    pub kind: FileKind,
    /// Files to import, together
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// When the files were made, for spot-advisor, cur and focus: they do not say themselves. Without this, when
    /// they were last changed
    #[arg(long, value_name = "INSTANT")]
    pub observed_at: Option<String>,
    /// For cur and focus: the files are not all there is of their months, and add to what is known
    #[arg(long)]
    pub partial: bool,
    /// Read and count, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Kinds of files that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// AWS's price list of EC2, a region or all of them, CSV or JSON: on-demand and reserved prices
    PriceList,
    /// AWS's Savings Plans rates, CSV or JSON
    SavingsPlans,
    /// spot-advisor-data.json: interruptions and savings
    SpotAdvisor,
    /// What `aws ec2 describe-spot-price-history` prints, JSON
    SpotPriceApi,
    /// Parquet with the columns observed_at, instance_type, region, az_id and spot_usd
    SpotHistory,
    /// CSV with the columns instance_type, metric, value and, if known, config, measured_at and source
    Benchmark,
    /// AWS's Cost and Usage Report, legacy or 2.0, CSV or Parquet, all parts of it together
    Cur,
    /// Charges in FOCUS 1.0 to 1.2, CSV or Parquet, all parts of an export together
    Focus,
}

impl FileKind {
    /// Who reads such a file.
    fn reader(self) -> Reader {
        match self {
            FileKind::PriceList => Reader::Feed(feeds::FileKind::PriceList),
            FileKind::SavingsPlans => Reader::Feed(feeds::FileKind::SavingsPlans),
            FileKind::SpotAdvisor => Reader::Feed(feeds::FileKind::SpotAdvisor),
            FileKind::SpotPriceApi => Reader::Feed(feeds::FileKind::SpotPriceApi),
            FileKind::SpotHistory => Reader::History,
            FileKind::Benchmark => Reader::Feed(feeds::FileKind::Benchmark),
            FileKind::Cur => Reader::Bill(BillLayout::Cur),
            FileKind::Focus => Reader::Bill(BillLayout::Focus),
        }
    }

    /// Whether such a file says itself when it was made.
    fn is_dated(self) -> bool {
        !matches!(self, FileKind::SpotAdvisor | FileKind::Cur | FileKind::Focus)
    }

    /// The word that is typed.
    fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }
}

/// Who reads a file: row by row, or the lake, column by column.
enum Reader {
    Feed(feeds::FileKind),
    History,
    Bill(BillLayout),
}

pub(crate) fn run_import(
    args: &ImportArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let observed = observed_at(args)?;
    if args.partial && !matches!(args.kind.reader(), Reader::Bill(_)) {
        return Err(Failure::usage(format!("--partial is for cur and focus, not for {}", args.kind.word()))
            .hint("leave --partial out"));
    }
    let progress = printer.progress("importing");
    let imported = match args.kind.reader() {
        Reader::History => ports.store.import_spot_history(&args.paths, now, args.dry_run).map_err(failure),
        Reader::Feed(kind) => import_feed(kind, args, observed, ports, now),
        Reader::Bill(layout) => bills::import_bills(layout, args, observed, ports, now),
    };
    drop(progress);
    let imported = imported?;
    printer.report(&Report::plain(page(&imported)), ports.encode)?;
    match imported.manifest {
        None if args.dry_run => printer.note("dry run: nothing was written"),
        Some(_) if imported.kept == 0 => printer.note("the lake has all of this already; nothing was added"),
        _ => {}
    }
    Ok(Exit::Done)
}

fn observed_at(args: &ImportArgs) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = &args.observed_at else { return Ok(None) };
    if args.kind.is_dated() {
        return Err(Failure::usage(format!(
            "--observed-at is for spot-advisor, cur and focus: {} says itself of when it speaks",
            args.kind.word()
        ))
        .hint("leave --observed-at out"));
    }
    domain::parse_instant(text).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "\"{text}\" is no instant; expected a day or a time such as 2025-06-28 or 2025-06-28T12:00:00Z"
        ))
        .hint("collector import spot-advisor FILE --observed-at 2025-06-28")
    })
}

/// Reads the files one after the other into one run.
fn import_feed(
    kind: feeds::FileKind,
    args: &ImportArgs,
    observed: Option<Timestamp>,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<Imported, Failure> {
    let (run_id, paths) = ports.store.identify(&args.kind.word(), &args.paths).map_err(failure)?;
    let mut imported = Imported {
        dataset: kind.dataset(),
        read: 0,
        kept: 0,
        bytes: 0,
        manifest: ports.store.shown(&run_id).map_err(failure)?,
        gaps: Vec::new(),
    };
    if imported.manifest.is_some() {
        return Ok(imported);
    }
    // Read once before anything is made: a file that cannot be read leaves no lake behind.
    let mut told = Vec::new();
    for path in &paths {
        for spoken in read(kind, path, observed, now, &mut |_| Ok(()))? {
            imported.read += spoken.rows;
            imported.gaps.extend(spoken.gaps.iter().map(|gap| format!("{}: {gap}", spoken.scope)));
            told.push(statement(kind, path, spoken));
        }
    }
    check_scopes(&told)?;
    imported.kept = imported.read;
    if args.dry_run {
        return Ok(imported);
    }
    let dataset = catalog::dataset(kind.dataset()).expect("a feed fills a dataset of ours");
    let Some(mut run) = ports.store.begin(&run_id).map_err(failure)? else {
        imported.kept = 0;
        imported.manifest = ports.store.shown(&run_id).map_err(failure)?;
        return Ok(imported);
    };
    let mut again = Vec::new();
    for path in &paths {
        let spoken = read(kind, path, observed, now, &mut |batch| {
            run.add(dataset, &batch).map_err(|e| e.to_string())
        })?;
        again.extend(spoken.into_iter().map(|spoken| statement(kind, path, spoken)));
    }
    if again != told {
        return Err(Failure::new(Kind::Data, "the files changed while they were read; nothing was added")
            .hint("import them again"));
    }
    for told in told {
        run.tell(told).map_err(failure)?;
    }
    let committed = run.commit(now).map_err(failure)?;
    imported.kept = committed.rows.iter().map(|(_, rows)| rows).sum();
    imported.bytes = committed.bytes;
    imported.manifest = Some(committed.manifest);
    Ok(imported)
}

fn read(
    kind: feeds::FileKind,
    path: &Path,
    observed: Option<Timestamp>,
    now: Timestamp,
    sink: &mut dyn FnMut(Batch) -> Result<(), String>,
) -> Result<Vec<Spoken>, Failure> {
    let shown = path.display();
    let broken = |e: std::io::Error| Failure::broken(format!("{shown} cannot be read: {e}"));
    let file = File::open(path).map_err(broken)?;
    let changed = || Timestamp::try_from(file.metadata().ok()?.modified().ok()?).ok();
    let modified = observed.or_else(changed);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let context = Context { source: &name, modified, now };
    let mut reader = feeds::plain(Box::new(file)).map_err(broken)?;
    feeds::read(kind, &mut *reader, &context, sink).map_err(|error| {
        Failure::new(Kind::Data, format!("{shown}: {error}"))
            .hint("collector import --help says what each kind of file holds")
    })
}

fn statement(kind: feeds::FileKind, path: &Path, spoken: Spoken) -> Told {
    Told {
        dataset: catalog::dataset(kind.dataset()).expect("a feed fills a dataset of ours"),
        scope: spoken.scope,
        source: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        version: spoken.version,
        observed_from: spoken.observed_from,
        observed_at: spoken.observed_at,
        outcome: if spoken.complete { Outcome::Complete } else { Outcome::Partial },
        rows: spoken.rows,
        gaps: spoken.gaps,
    }
}

/// One run says one thing of a scope: two states of it in one import would each stand for the other's rows.
fn check_scopes(told: &[Told]) -> Result<(), Failure> {
    for (at, one) in told.iter().enumerate() {
        let snapshot = one.dataset.kind == catalog::Kind::Snapshot;
        if snapshot && let Some(other) = told[..at].iter().find(|other| other.scope == one.scope) {
            return Err(Failure::usage(format!(
                "{} and {} both speak of {}: one import takes one statement of a region",
                other.source, one.source, one.scope
            ))
            .hint("import them one after the other"));
        }
    }
    Ok(())
}

fn page(imported: &Imported) -> Page {
    let fields = vec![
        Field::new("dataset", Type::Text),
        Field::new("rows_read", Type::Int),
        Field::new("rows_kept", Type::Int),
        Field::new("bytes", Type::Int),
        Field::new("manifest", Type::Int),
        Field::new("gaps", Type::List(Box::new(Type::Text))),
    ];
    let row = vec![
        imported.dataset.into(),
        Value::Int(imported.read as i64),
        Value::Int(imported.kept as i64),
        Value::Int(imported.bytes as i64),
        imported.manifest.map(|number| number as i64).into(),
        imported.gaps.clone().into(),
    ];
    Page { fields, rows: vec![row] }
}

fn failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match error {
        StoreError::Locked(_) => Failure::broken(text).hint("wait for the other collector, or stop it"),
        StoreError::Newer { .. } => {
            Failure::new(Kind::Data, text).hint("upgrade mycelium, or name another lake with --lake")
        }
        StoreError::Foreign(_) => Failure::new(Kind::Data, text).hint("name an empty folder with --lake"),
        StoreError::BadFile(_) => {
            Failure::new(Kind::Data, text).hint("collector import --help says what is expected")
        }
        StoreError::Io(_) => Failure::broken(text),
    }
}
