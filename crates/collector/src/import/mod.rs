pub(crate) mod args;
mod bills;
mod bucket;
mod feed;
mod kind;
mod request;
mod text_files;

use catalog::ports::ImportReport;
use clap::ValueEnum;
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

use self::args::ImportArgs;
pub(crate) use self::bucket::address::S3Address;
use self::kind::{ImportKind, ImportReader};
use self::request::ImportRequest;
use crate::{Ports, bundle, lake_failure, summary};

/// Returns the names of the kinds.
pub(crate) fn kind_names() -> Vec<String> {
    ImportKind::value_variants().iter().map(|kind| kind.word()).collect()
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
    paths.iter().try_for_each(|path| text_files::refuse_foreign_format(path))?;
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
        covers: &args.covers,
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
    let imported = match kind.reader(text_files::is_parquet(&paths[0])?) {
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
    let ImportReport { told, brought, manifest, notes } = imported;
    let lines = summary::lines(brought.dataset, told, &brought, manifest, seconds);
    printer.report(&Report::plain(summary::page(&lines)), ports.encode)?;
    notes.iter().for_each(|note| printer.note(note));
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
            "spot-advisor, discount, cur, focus and cost-explorer",
        ),
        (args.partial && !kind.may_be_partial(), "--partial", "price-list, savings-plans, cur and focus"),
        (!args.covers.is_empty() && !bill, "--covers", "cur and focus"),
        (args.whole && (bill || !kind.may_be_partial()), "--whole", "price-list and savings-plans"),
        (
            args.account.is_some() && kind != ImportKind::CostExplorer,
            "--account",
            "cost-explorer and bills from s3://BUCKET/PREFIX",
        ),
        (args.signer.is_some() && kind != ImportKind::Bundle, "--signer", "bundle"),
        (!args.month.is_empty(), "--month", "bills from s3://BUCKET/PREFIX"),
    ];
    if let Some((_, flag, kinds)) = slips.iter().find(|(slip, ..)| *slip) {
        return Err(Failure::usage(format!("{flag} is for {kinds}, not for {}", kind.word()))
            .hint(format!("remove {flag}")));
    }
    bills::check_covers(&args.covers)?;
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
