//! Import of bills, which the lake reads column by column.

use std::path::PathBuf;

use catalog::ports::{BillCoverage, BillFiles, BillLayout, ImportReport};
use console::Failure;
use domain::Timestamp;

use super::request::ImportRequest;
use super::text_files;
use crate::Ports;
use crate::lake_failure;

pub(super) fn import_bills(
    layout: BillLayout,
    order: &ImportRequest<'_>,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<ImportReport, Failure> {
    let observed_at = order.observed_at.or_else(|| newest_change(order.paths)).unwrap_or(now).min(now);
    let whole = !order.partial;
    let files = BillFiles {
        layout,
        paths: order.paths,
        observed_at,
        whole,
        covers: coverage(order.covers, None),
        open: &text_files::open,
        origin: None,
    };
    ports.store.import_bills(&files, now, order.dry_run).map_err(lake_failure)
}

/// Returns the coverage that `--covers` names. `reporter` is the account of the report, if the
/// delivery states it.
pub(super) fn coverage<'a>(covers: &'a [String], reporter: Option<&'a str>) -> BillCoverage<'a> {
    match covers {
        [] => BillCoverage::Unknown { reporter },
        [all] if all == "all" => BillCoverage::All,
        accounts => BillCoverage::Accounts(accounts),
    }
}

/// Checks the values of `--covers`: account ids, or `all` alone.
pub(super) fn check_covers(covers: &[String]) -> Result<(), Failure> {
    let is_id = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_valid = |text: &str| is_id(text) || (text == "all" && covers.len() == 1);
    match covers.iter().find(|text| !is_valid(text)) {
        None => Ok(()),
        Some(text) => Err(Failure::usage(format!(
            "--covers \"{text}\" is not an account id; expected ids of 12 digits joined by commas, or all"
        ))
        .hint("the column lineItem/UsageAccountId or SubAccountId has the ids")),
    }
}

/// Returns the last change of the newest file: a bill does not state when it was made.
fn newest_change(paths: &[PathBuf]) -> Option<Timestamp> {
    let changed = |path: &PathBuf| Timestamp::try_from(path.metadata().ok()?.modified().ok()?).ok();
    paths.iter().filter_map(changed).max()
}
