//! The accounts that a bill covers: all accounts of its payer, or linked accounts alone.
//!
//! A linked account can set up a report of its own. It names the payer, as the payer's report does,
//! and contains only the lines of that account. The accounts of a bill are decided in this order:
//!
//! 1. The user named them with `--covers`.
//! 2. The delivery states the account of the report. The payer's report covers all accounts,
//!    another account's report only that account.
//! 3. Lines of the payer itself, or of several accounts, occur only in the payer's report. It
//!    covers all accounts. If it lacks an account that the lake has lines of, by that account's own
//!    report or by another source, the coverage is unknown.
//! 4. Lines of one linked account are its own report. If the lake has lines of other accounts from
//!    a statement about all accounts, the bill may be that statement's successor, so the coverage
//!    is unknown.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use catalog::ports::{BillCoverage, RunLogRow, ScopeOutcome, StoreError};
use lake::{LakeError, PinnedManifest};
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{PolarsResult, StringChunked};

use super::BillSummary;
use super::charges::charge;
use crate::log::{FOLDED, RunLog};
use crate::price_file::unreadable;

/// The accounts that a statement covers; `None` is all accounts of the payer.
pub(crate) type CoveredAccounts = Option<BTreeSet<String>>;

/// Returns the scope of a bill (`payer/month`) in the run log: `payer/month` for all accounts, or
/// `payer/ACCOUNT+…/month`.
pub(crate) fn scope(bill: &str, covered: &CoveredAccounts) -> String {
    match (covered, bill.split_once('/')) {
        (Some(accounts), Some((payer, month))) => {
            let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
            format!("{payer}/{}/{month}", accounts.join("+"))
        }
        _ => bill.to_string(),
    }
}

/// A scope of the run log, divided into its parts.
struct StatementScope<'a> {
    payer: &'a str,
    covered: CoveredAccounts,
    /// A month, or a day from Cost Explorer.
    period: &'a str,
}

impl StatementScope<'_> {
    fn parse(scope: &str) -> Option<StatementScope<'_>> {
        let (payer, rest) = scope.split_once('/')?;
        Some(match rest.split_once('/') {
            Some((accounts, period)) => {
                let covered = Some(accounts.split('+').map(String::from).collect());
                StatementScope { payer, covered, period }
            }
            None => StatementScope { payer, covered: None, period: rest },
        })
    }
}

/// The statements about charges in the lake.
pub(crate) struct KnownStatements {
    root: PathBuf,
    /// The newest manifest; `None` without a lake.
    pinned: Option<PinnedManifest>,
    log: Vec<RunLogRow>,
}

/// A statement about all accounts of a payer, or the report of linked accounts.
struct EarlierStatement<'a> {
    row: &'a RunLogRow,
    covered: CoveredAccounts,
    /// Whether it states the costs of one day, from Cost Explorer.
    is_day: bool,
}

impl KnownStatements {
    /// Reads the statements of the lake in that folder.
    pub(crate) fn read(root: PathBuf) -> Result<KnownStatements, StoreError> {
        let pinned = PinnedManifest::newest(&root)?;
        let log = match &pinned {
            Some(pinned) => RunLog::read(&root, &pinned.manifest)?.rows,
            None => Vec::new(),
        };
        Ok(KnownStatements { root, pinned, log })
    }

    /// Decides which accounts a bill from this source covers.
    ///
    /// Errors: [`StoreError::UnknownCoverage`] if it cannot be decided; [`StoreError::BadFile`] if
    /// the bill has lines of an account that `covers` does not name.
    pub(crate) fn covered_by(
        &self,
        bill: &str,
        lines: &BillSummary,
        source: &str,
        covers: BillCoverage<'_>,
    ) -> Result<CoveredAccounts, StoreError> {
        let payer = bill.split('/').next().unwrap_or_default();
        match covers {
            BillCoverage::All => Ok(None),
            BillCoverage::Accounts(named) => {
                let named: BTreeSet<String> = named.iter().cloned().collect();
                match lines.accounts.iter().find(|account| !named.contains(*account)) {
                    Some(other) => Err(StoreError::BadFile(format!(
                        "{bill} has lines of account {other}, which --covers does not name"
                    ))),
                    None => Ok(Some(named)),
                }
            }
            BillCoverage::Unknown { reporter: Some(reporter) } if reporter == payer => Ok(None),
            BillCoverage::Unknown { reporter: Some(reporter) }
                if lines.accounts.iter().all(|account| account == reporter) =>
            {
                Ok(Some(BTreeSet::from([reporter.to_string()])))
            }
            BillCoverage::Unknown { .. } => self.detect(bill, lines, source),
        }
    }

    fn detect(&self, bill: &str, lines: &BillSummary, source: &str) -> Result<CoveredAccounts, StoreError> {
        let (payer, month) = bill.split_once('/').unwrap_or_default();
        let earlier = self.in_force(payer, month);
        let accounts = lines.accounts.iter().cloned().collect::<Vec<_>>().join(",");
        let unknown = |why: String| StoreError::UnknownCoverage { why, accounts: accounts.clone() };
        let linked = lines.accounts.first().filter(|first| lines.accounts.len() == 1 && *first != payer);
        if let Some(linked) = linked {
            let only_linked = BTreeSet::from([Some(linked.clone())]);
            for statement in earlier.iter().filter(|statement| statement.covered.is_none()) {
                if !self.accounts_of(statement.row)?.is_subset(&only_linked) {
                    return Err(unknown(format!(
                        "{source} may be the bill of all accounts of payer {payer} for {month} or the report \
                         of account {linked} alone: the lake has lines of other accounts in that month"
                    )));
                }
            }
            return Ok(Some(BTreeSet::from([linked.clone()])));
        }
        for statement in &earlier {
            if let Some(missing) = self.missing_account(lines, source, statement)? {
                return Err(unknown(format!(
                    "{source} may not cover all accounts of payer {payer} for {month}: the lake has lines of \
                     account {missing} in that month, and these files have none"
                )));
            }
        }
        Ok(None)
    }

    /// Returns an account of an earlier statement that has no lines in the bill. A newer edition of
    /// the same report may leave out an account, and a month's bill replaces days in any case.
    fn missing_account(
        &self,
        lines: &BillSummary,
        source: &str,
        statement: &EarlierStatement<'_>,
    ) -> Result<Option<String>, StoreError> {
        let accounts = match &statement.covered {
            Some(accounts) => accounts.clone(),
            None if statement.is_day || statement.row.source == source => return Ok(None),
            None => self.accounts_of(statement.row)?.into_iter().flatten().collect(),
        };
        Ok(accounts.into_iter().find(|account| !lines.accounts.contains(account)))
    }

    /// Returns the statements about a month of a payer that no newer statement replaced as a whole.
    /// Days from Cost Explorer count until a month's statement about all accounts.
    fn in_force(&self, payer: &str, month: &str) -> Vec<EarlierStatement<'_>> {
        let mut rows: Vec<&RunLogRow> = self.log.iter().filter(|row| row.dataset == charge().name).collect();
        rows.sort_by_key(|row| (row.observed_at, &row.run_id));
        let mut found: Vec<EarlierStatement<'_>> = Vec::new();
        for row in rows {
            let whole = row.outcome == ScopeOutcome::Complete.word();
            let stated = whole || row.outcome == ScopeOutcome::Partial.word();
            let Some(scope) = StatementScope::parse(&row.scope).filter(|_| stated) else { continue };
            if scope.payer != payer || !scope.period.starts_with(month) {
                continue;
            }
            let is_day = scope.period != month;
            if whole && !is_day {
                found.retain(|earlier| earlier.is_day || !replaces(&scope.covered, &earlier.covered));
            }
            found.push(EarlierStatement { row, covered: scope.covered, is_day });
        }
        let is_complete = |statement: &EarlierStatement<'_>| {
            !statement.is_day
                && statement.covered.is_none()
                && statement.row.outcome == ScopeOutcome::Complete.word()
        };
        if found.iter().any(is_complete) {
            found.retain(|statement| !statement.is_day);
        }
        found
    }

    /// Returns the accounts with lines in a statement of the lake; `None` stands for lines without
    /// an account.
    fn accounts_of(&self, statement: &RunLogRow) -> Result<BTreeSet<Option<String>>, StoreError> {
        let mut accounts = BTreeSet::new();
        let Some(pinned) = &self.pinned else { return Ok(accounts) };
        let may_contain = |path: &str, run: &str| run == statement.run_id || path.contains(FOLDED);
        for file in &pinned.manifest.files {
            if file.dataset == charge().name && may_contain(&file.path, file.run()) {
                let path = self.root.join(&file.path);
                let opened = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
                add_accounts(opened, &statement.scope, &statement.run_id, &mut accounts)
                    .map_err(|e| unreadable(&path, &e))?;
            }
        }
        Ok(accounts)
    }
}

/// Returns whether a newer statement replaces all of an earlier one.
fn replaces(newer: &CoveredAccounts, earlier: &CoveredAccounts) -> bool {
    match (newer, earlier) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(newer), Some(earlier)) => earlier.is_subset(newer),
    }
}

/// Adds the accounts of a run's lines of a bill.
fn add_accounts(
    file: File,
    bill: &str,
    run_id: &str,
    accounts: &mut BTreeSet<Option<String>>,
) -> PolarsResult<()> {
    let columns = ["bill", "run_id", "sub_account_id"].map(String::from).to_vec();
    let frame = ParquetReader::new(file).with_columns(Some(columns)).finish()?;
    let texts = |name: &str| -> PolarsResult<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (bills, runs, users) = (texts("bill")?, texts("run_id")?, texts("sub_account_id")?);
    let mut last: Option<Option<&str>> = None;
    for ((of, run), user) in bills.iter().zip(runs.iter()).zip(users.iter()) {
        if of == Some(bill) && run == Some(run_id) && last != Some(user) {
            accounts.insert(user.map(String::from));
            last = Some(user);
        }
    }
    Ok(())
}
