mod bills;
mod bucket;
mod feed;
mod kind;

use std::path::PathBuf;

use catalog::ports::Imported;
use clap::{Args, ValueEnum};
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

pub(crate) use self::bucket::Address;
use self::kind::{FileKind, Reader};
use crate::{Ports, bundle, lake_failure, summary};

/// Import files into the lake, or bills from S3. They become visible all at once, or not at all.
///
/// Files may be compressed (.gz, .zst), except Parquet. The same files a second time add nothing.
///
/// A line stands for a scope (a region, an account's month): rows_read are those that the files hold, rows_kept those
/// of them that are new in the lake, bytes what they take there. A line without a scope sums up several; where one file
/// holds new rows of several scopes, its bytes are in that line alone.
///
/// s3://BUCKET/PREFIX is the folder of a Cost and Usage Report or of a data export (CUR 2.0, FOCUS), or one above such
/// folders. Of each month what its newest manifest names is taken, whole, and replaces what was known of that month and
/// account; older deliveries beside it are not counted. A month that has not changed since the last time is not fetched
/// again, and one that cannot be had is a gap with its reason: the others land. Where there is no manifest, files are
/// taken as long as no two folders can hold the same bill. It needs s3:ListBucket and s3:GetObject
/// (collector policy s3://BUCKET/PREFIX prints a policy), and passes through a folder of the lake, a month at a time.
#[derive(Debug, Args)]
#[command(after_long_help = kinds())]
pub struct ImportArgs {
    /// Files to import, together, or one s3://BUCKET/PREFIX. What they hold may be said before them; without it their
    /// beginning tells
    #[arg(required = true, value_name = "[KIND] PATH", value_hint = clap::ValueHint::FilePath)]
    pub paths: Vec<PathBuf>,
    /// When the files were made, for spot-advisor, cur, focus and cost-explorer: they do not say themselves.
    /// Without this, when they were last changed
    #[arg(long, value_name = "INSTANT")]
    pub observed_at: Option<String>,
    /// The files are not all there is of their regions or months, and add to what is known: for price-list,
    /// savings-plans, cur and focus
    #[arg(long, conflicts_with = "whole")]
    pub partial: bool,
    /// The files are all there is of their regions, and retire what they do not list: for price-list and
    /// savings-plans, which do not say it themselves
    #[arg(long)]
    pub whole: bool,
    /// The account that the answers are about, for cost-explorer: they do not say themselves
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// For a bundle: the key of who signed it, as collector bundle printed it; known keys need not be named again
    #[arg(long, value_name = "KEY")]
    pub signer: Option<String>,
    /// For bills from S3: the profile of ~/.aws/config that reads them; without this the default credentials
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// For bills from S3: these months alone, such as 2026-10, joined by commas
    #[arg(long, value_name = "MONTH", value_delimiter = ',')]
    pub month: Vec<String>,
    /// Read and count, and write nothing; from S3 fetch nothing but manifests, and say what would come
    #[arg(long)]
    pub dry_run: bool,
}

impl ImportArgs {
    /// Whether the words name a place in S3, from which things come slowly.
    pub fn is_remote(&self) -> bool {
        self.paths.iter().any(|word| word.to_str().and_then(Address::of).is_some())
    }
}

/// What `--help` says of the kinds.
fn kinds() -> String {
    let mut text = "Kinds of files:\n".to_string();
    for kind in FileKind::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
        let help = kind.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!("  {:<15} {help}\n", kind.get_name());
    }
    text
}

/// The words for the kinds.
pub(crate) fn kind_names() -> Vec<String> {
    FileKind::value_variants().iter().map(|kind| kind.word()).collect()
}

/// What was asked for.
struct Order<'a> {
    kind: FileKind,
    paths: &'a [PathBuf],
    observed_at: Option<Timestamp>,
    whole: bool,
    partial: bool,
    account: Option<&'a str>,
    dry_run: bool,
}

impl Order<'_> {
    /// What names the run beside the files' bytes: said to be of another time, share or account, the same bytes
    /// say something else.
    fn name(&self) -> String {
        let mut name = self.kind.word();
        if let Some(at) = self.observed_at {
            name += &format!("-{}", at.as_microsecond());
        }
        for (said, word) in [(self.whole, "-whole"), (self.partial, "-partial")] {
            name += if said { word } else { "" };
        }
        if let Some(account) = self.account {
            name += &format!("-{account}");
        }
        name
    }
}

pub(crate) fn run_import(
    args: &ImportArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if let Some(order) = bucket::order(args)? {
        return bucket::run_import(&order, ports, printer, now);
    }
    let (said, paths) = kind::told_apart(&args.paths)?;
    let kind = match said {
        Some(kind) => kind,
        None => kind::recognised(paths, ports)?,
    };
    check_flags(args, kind)?;
    let order = Order {
        kind,
        paths,
        observed_at: observed_at(args)?,
        whole: args.whole,
        partial: args.partial,
        account: args.account.as_deref(),
        dry_run: args.dry_run,
    };
    if said.is_none() {
        printer.note(&format!("taken as {}", kind.word()));
    }
    if let Reader::Bundle = kind.reader(false) {
        let [path] = paths else {
            return Err(Failure::usage("one bundle is imported at a time").hint("name one file"));
        };
        return bundle::import(path, args.signer.as_deref(), args.dry_run, ports, printer, now);
    }
    let started = (ports.clock)();
    let progress = printer.progress("importing");
    let imported = match kind.reader(kind::is_parquet(&paths[0])?) {
        Reader::History => ports.store.import_spot_history(paths, now, args.dry_run).map_err(lake_failure),
        Reader::Feed(feed) => feed::import_feed(feed, &order, ports, now),
        Reader::Bundle => unreachable!("it was taken in above"),
        Reader::Bill(layout) => bills::import_bills(layout, &order, ports, now),
    };
    drop(progress);
    let imported = imported?;
    let seconds = (ports.clock)().duration_since(started).as_secs_f64();
    let Imported { told, brought, manifest } = imported;
    let lines = summary::lines(brought.dataset, told, &brought, manifest, seconds);
    printer.report(&Report::plain(summary::page(&lines)), ports.encode)?;
    match manifest {
        None if args.dry_run => printer.note("dry run: nothing was written"),
        Some(_) if brought.rows == 0 => printer.note("the lake has all of this already; nothing was added"),
        _ => {}
    }
    Ok(Exit::Done)
}

/// Refuses flags that would do nothing.
fn check_flags(args: &ImportArgs, kind: FileKind) -> Result<(), Failure> {
    let bill = matches!(kind, FileKind::Cur | FileKind::Focus);
    let slips = [
        (
            args.observed_at.is_some() && kind.is_dated(),
            "--observed-at",
            "spot-advisor, cur, focus and cost-explorer",
        ),
        (args.partial && !kind.may_be_partial(), "--partial", "price-list, savings-plans, cur and focus"),
        (args.whole && (bill || !kind.may_be_partial()), "--whole", "price-list and savings-plans"),
        (args.account.is_some() && kind != FileKind::CostExplorer, "--account", "cost-explorer"),
        (args.signer.is_some() && kind != FileKind::Bundle, "--signer", "bundle"),
        (args.profile.is_some(), "--profile", "bills from s3://BUCKET/PREFIX"),
        (!args.month.is_empty(), "--month", "bills from s3://BUCKET/PREFIX"),
    ];
    if let Some((_, flag, kinds)) = slips.iter().find(|(slip, ..)| *slip) {
        return Err(Failure::usage(format!("{flag} is for {kinds}, and this is {}", kind.word()))
            .hint(format!("leave {flag} out")));
    }
    args.account.as_deref().map_or(Ok(()), check_account)
}

/// An account is its 12 digits.
pub(crate) fn check_account(account: &str) -> Result<(), Failure> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Failure::usage(format!("\"{account}\" is no account; expected its 12 digits"))
        .hint("aws sts get-caller-identity prints it"))
}

fn observed_at(args: &ImportArgs) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = &args.observed_at else { return Ok(None) };
    domain::parse_instant(text).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "\"{text}\" is no instant; expected a day or a time such as 2025-06-28 or 2025-06-28T12:00:00Z"
        ))
        .hint("collector import spot-advisor FILE --observed-at 2025-06-28")
    })
}
