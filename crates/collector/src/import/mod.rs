mod bills;
mod bucket;
mod feed;
mod kind;

use std::path::PathBuf;

use catalog::ports::ImportReport;
use clap::{Args, ValueEnum};
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

pub(crate) use self::bucket::S3Address;
use self::kind::{ImportKind, ImportReader};
use crate::{Ports, bundle, lake_failure, summary};

/// Import files into the lake, or bills from S3.
///
/// The files of one command become visible together or not at all. They may be compressed (.gz,
/// .zst), except Parquet. Importing the same files again adds nothing.
///
/// The summary has one line per scope (a region, or an account's month). rows_read counts the rows
/// in the files, rows_kept those that are new in the lake, and bytes their size in the lake. A line
/// without a scope is a total. If one file holds new rows of several scopes, only the total shows
/// its bytes.
///
/// s3://BUCKET/PREFIX is the folder of a Cost and Usage Report or of a data export (CUR 2.0,
/// FOCUS), or a folder above such folders. The newest manifest of each month decides which files
/// are imported. They replace the data of that month and account; older deliveries are not counted.
/// A month that has not changed since the last import is not fetched again. A month that cannot be
/// read becomes a gap with its reason, and the other months are imported. Without a manifest, files
/// are imported only if no two folders can hold the same bill. The import needs s3:ListBucket and
/// s3:GetObject; collector policy s3://BUCKET/PREFIX prints a policy. Each month is first copied
/// into a temporary folder of the lake.
#[derive(Debug, Args)]
#[command(after_long_help = kinds())]
pub struct ImportArgs {
    /// Files of one kind, or one s3://BUCKET/PREFIX. Without KIND, the kind is detected from the
    /// beginning of the files
    #[arg(required = true, value_name = "[KIND] PATH", value_hint = clap::ValueHint::FilePath)]
    pub paths: Vec<PathBuf>,
    /// Time at which the files were made, for spot-advisor, cur, focus and cost-explorer, which do
    /// not state it [default: the last change of the file]
    #[arg(long, value_name = "INSTANT")]
    pub observed_at: Option<String>,
    /// Treat the files as incomplete and only add their rows: for price-list, savings-plans, cur
    /// and focus
    #[arg(long, conflicts_with = "whole")]
    pub partial: bool,
    /// Treat the files as complete for their regions and retire prices that they do not list: for
    /// price-list and savings-plans
    #[arg(long)]
    pub whole: bool,
    /// Account id of the costs, for cost-explorer, which does not state it
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Key of the signer, for a bundle, as collector bundle printed it; needed only for a new
    /// signer
    #[arg(long, value_name = "KEY")]
    pub signer: Option<String>,
    /// Profile of ~/.aws/config, for bills from S3 [default: the default credentials]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Months to import, such as 2026-10, joined by commas, for bills from S3 [default: all]
    #[arg(long, value_name = "MONTH", value_delimiter = ',')]
    pub month: Vec<String>,
    /// Show the result and write nothing; from S3, fetch only manifests
    #[arg(long)]
    pub dry_run: bool,
}

impl ImportArgs {
    /// Returns whether an argument is an S3 address, which is read over the network.
    pub fn is_remote(&self) -> bool {
        self.paths.iter().any(|word| word.to_str().and_then(S3Address::of).is_some())
    }
}

/// Returns the section of `--help` that lists the kinds.
fn kinds() -> String {
    let mut text = "Kinds of files:\n".to_string();
    for kind in ImportKind::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
        let help = kind.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!("  {:<15} {help}\n", kind.get_name());
    }
    text
}

/// Returns the names of the kinds.
pub(crate) fn kind_names() -> Vec<String> {
    ImportKind::value_variants().iter().map(|kind| kind.word()).collect()
}

/// A checked import of local files.
struct ImportRequest<'a> {
    kind: ImportKind,
    paths: &'a [PathBuf],
    observed_at: Option<Timestamp>,
    whole: bool,
    partial: bool,
    account: Option<&'a str>,
    dry_run: bool,
}

impl ImportRequest<'_> {
    /// Returns the part of the run's name that stands beside the digest of the files. The same
    /// bytes with another time, completeness or account are another run.
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
    if let Some(order) = bucket::parse_request(args)? {
        return bucket::run_import(&order, ports, printer, now);
    }
    let (said, paths) = kind::split_arguments(&args.paths)?;
    let kind = match said {
        Some(kind) => kind,
        None => kind::detect_kind(paths, ports)?,
    };
    check_flags(args, kind)?;
    let order = ImportRequest {
        kind,
        paths,
        observed_at: observed_at(args)?,
        whole: args.whole,
        partial: args.partial,
        account: args.account.as_deref(),
        dry_run: args.dry_run,
    };
    if said.is_none() {
        printer.note(&format!("detected kind: {}", kind.word()));
    }
    if let ImportReader::Bundle = kind.reader(false) {
        let [path] = paths else {
            return Err(Failure::usage("only one bundle can be imported at a time")
                .hint("collector import bundle FILE"));
        };
        return bundle::import(path, args.signer.as_deref(), args.dry_run, ports, printer, now);
    }
    let started = (ports.clock)();
    let progress = printer.progress("importing");
    let imported = match kind.reader(kind::is_parquet(&paths[0])?) {
        ImportReader::History => {
            ports.store.import_spot_history(paths, now, args.dry_run).map_err(lake_failure)
        }
        ImportReader::Feed(feed) => feed::import_feed(feed, &order, ports, now),
        ImportReader::Bundle => unreachable!("bundles are imported above"),
        ImportReader::Bill(layout) => bills::import_bills(layout, &order, ports, now),
    };
    drop(progress);
    let imported = imported?;
    let seconds = (ports.clock)().duration_since(started).as_secs_f64();
    let ImportReport { told, brought, manifest } = imported;
    let lines = summary::lines(brought.dataset, told, &brought, manifest, seconds);
    printer.report(&Report::plain(summary::page(&lines)), ports.encode)?;
    match manifest {
        None if args.dry_run => printer.note("dry run: nothing was written"),
        Some(_) if brought.rows == 0 => printer.note("nothing was added: the lake already has these rows"),
        _ => {}
    }
    Ok(Exit::Done)
}

/// Rejects flags that have no effect.
fn check_flags(args: &ImportArgs, kind: ImportKind) -> Result<(), Failure> {
    let bill = matches!(kind, ImportKind::Cur | ImportKind::Focus);
    let slips = [
        (
            args.observed_at.is_some() && kind.is_dated(),
            "--observed-at",
            "spot-advisor, cur, focus and cost-explorer",
        ),
        (args.partial && !kind.may_be_partial(), "--partial", "price-list, savings-plans, cur and focus"),
        (args.whole && (bill || !kind.may_be_partial()), "--whole", "price-list and savings-plans"),
        (args.account.is_some() && kind != ImportKind::CostExplorer, "--account", "cost-explorer"),
        (args.signer.is_some() && kind != ImportKind::Bundle, "--signer", "bundle"),
        (args.profile.is_some(), "--profile", "bills from s3://BUCKET/PREFIX"),
        (!args.month.is_empty(), "--month", "bills from s3://BUCKET/PREFIX"),
    ];
    if let Some((_, flag, kinds)) = slips.iter().find(|(slip, ..)| *slip) {
        return Err(Failure::usage(format!("{flag} is for {kinds}, not for {}", kind.word()))
            .hint(format!("remove {flag}")));
    }
    args.account.as_deref().map_or(Ok(()), check_account)
}

/// Checks that an account id has 12 digits.
pub(crate) fn check_account(account: &str) -> Result<(), Failure> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Failure::usage(format!("--account \"{account}\" is not an account id; expected 12 digits"))
        .hint("find the id with aws sts get-caller-identity"))
}

fn observed_at(args: &ImportArgs) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = &args.observed_at else { return Ok(None) };
    domain::parse_instant(text).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "--observed-at \"{text}\" is not a time; expected one such as 2025-06-28 or 2025-06-28T12:00:00Z"
        ))
        .hint("collector import spot-advisor FILE --observed-at 2025-06-28")
    })
}
