//! The days that the bills of each account cover.

use std::collections::{BTreeMap, BTreeSet};

use analysis::{CostCoverage, Day, StatementPeriod};
use catalog::rows::CostStatementRow;

use crate::cost_days::{day_of, read_day, read_month};
use crate::leaf_key::LeafCosts;

/// The accounts of a payer that have the same statements: a linked account with a report of its
/// own, or all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StatementAccounts {
    payer: String,
    linked_account: Option<String>,
}

/// The covered days of all accounts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct AccountCoverage {
    accounts: BTreeMap<StatementAccounts, CostCoverage>,
}

impl AccountCoverage {
    /// Returns the days that the valid statements cover. A linked account's own report covers no
    /// day of another account. The newest `delay` days of an unfinished month may lack charges.
    pub(crate) fn of(statements: &[CostStatementRow], leaves: &[LeafCosts], delay: i32) -> AccountCoverage {
        let valid: Vec<&CostStatementRow> = statements.iter().filter(|one| one.is_valid).collect();
        let linked: BTreeSet<(&str, &str)> = valid
            .iter()
            .flat_map(|one| one.linked_accounts.iter().map(|account| (one.payer.as_str(), account.as_str())))
            .collect();
        let with_all = valid.iter().filter(|one| one.linked_accounts.is_empty());
        let payers: BTreeSet<&str> = with_all.map(|one| one.payer.as_str()).collect();
        let common = payers.iter().map(|payer| (*payer, None));
        let own = linked.iter().map(|(payer, account)| (*payer, Some(*account)));
        let newest = NewestUsage::of(leaves, &linked);
        let covered = |(payer, account): (&str, Option<&str>)| {
            let is_about = |one: &&&CostStatementRow| {
                let has = |account: &str| one.linked_accounts.iter().any(|linked| linked == account);
                one.payer == payer && (one.linked_accounts.is_empty() || account.is_some_and(has))
            };
            let periods: Vec<StatementPeriod> =
                valid.iter().filter(is_about).filter_map(|one| newest.period(one)).collect();
            let accounts =
                StatementAccounts { payer: payer.into(), linked_account: account.map(String::from) };
            (accounts, CostCoverage::of(&periods, delay))
        };
        AccountCoverage { accounts: common.chain(own).map(covered).collect() }
    }

    /// Returns the covered days of each group of accounts with the same statements.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &CostCoverage> + Clone {
        self.accounts.values()
    }

    /// Returns the covered days of an account; `None` if no statement is about it.
    pub(crate) fn of_account(&self, payer: &str, account: Option<&str>) -> Option<&CostCoverage> {
        let key = |account: Option<&str>| StatementAccounts {
            payer: payer.into(),
            linked_account: account.map(String::from),
        };
        self.accounts.get(&key(account)).or_else(|| self.accounts.get(&key(None)))
    }

    /// Returns whether all accounts of the payer have the day, except those whose bills end before.
    pub(crate) fn covers_payer(&self, payer: &str, day: Day) -> bool {
        let own = self.accounts.iter().filter(|(accounts, _)| accounts.payer == payer);
        let mut active = own.filter(|(_, one)| last_day(one).is_some_and(|last| last >= day)).peekable();
        active.peek().is_some() && active.all(|(_, one)| one.covers(day))
    }

    /// Returns the first covered day.
    pub(crate) fn first_day(&self) -> Option<Day> {
        self.parts().filter_map(|one| one.spans.first()).map(|(first, _)| *first).min()
    }

    /// Returns the last covered day.
    pub(crate) fn last_day(&self) -> Option<Day> {
        self.parts().filter_map(last_day).max()
    }

    /// Returns the newest complete day of all accounts with bills from this month on; without any,
    /// the newest one of an account.
    pub(crate) fn complete_through(&self, newest_month: Day) -> Option<Day> {
        let is_newest = |one: &&CostCoverage| last_day(one).is_some_and(|last| last >= newest_month);
        let earliest = self.parts().filter(is_newest).filter_map(|one| one.complete_through).min();
        earliest.or_else(|| self.parts().filter_map(|one| one.complete_through).max())
    }

    /// Returns the first of these days that an account lacks. An account whose bills end before the
    /// first day does not count.
    pub(crate) fn uncovered_day(&self, first: Day, end: Day) -> Option<Day> {
        let active = self.parts().filter(|one| last_day(one).is_some_and(|last| last >= first));
        let covers = |day: Day| active.clone().count() > 0 && active.clone().all(|one| one.covers(day));
        (first.0..end.0).map(Day).find(|day| !covers(*day))
    }

    /// Returns the payers with a report about all accounts that ends before that of a linked
    /// account: the last day of the former, and the accounts of the latter.
    pub(crate) fn ended_beside_linked(&self) -> Vec<(&str, Day, Vec<&str>)> {
        let of_all = self.accounts.iter().filter(|(accounts, _)| accounts.linked_account.is_none());
        let ended = |(all, coverage): (&'_ StatementAccounts, &CostCoverage)| {
            let last = last_day(coverage)?;
            let later = self.accounts.iter().filter(|(accounts, coverage)| {
                accounts.payer == all.payer && last_day(coverage).is_some_and(|own| own > last)
            });
            let later: Vec<(&str, &str)> = later
                .filter_map(|(accounts, _)| Some((&*accounts.payer, accounts.linked_account.as_deref()?)))
                .collect();
            let (payer, _) = *later.first()?;
            Some((payer, last, later.into_iter().map(|(_, account)| account).collect()))
        };
        of_all.filter_map(ended).collect()
    }
}

fn last_day(coverage: &CostCoverage) -> Option<Day> {
    coverage.spans.last().map(|(_, end)| *end - 1)
}

/// Returns the days of a statement's period: the first one, and the day after the last one.
pub(crate) fn period_of(statement: &CostStatementRow) -> Option<(Day, Day)> {
    match read_month(&statement.period) {
        Some(first) => Some((first, first.next_month())),
        None => read_day(&statement.period).map(|day| (day, day + 1)),
    }
}

/// The newest day with usage of each payer and account; without usage, that with a charge.
struct NewestUsage<'a> {
    /// By payer, and by the account if it has a report of its own.
    days: BTreeMap<(&'a str, Option<&'a str>), NewestDay>,
}

#[derive(Debug, Clone, Copy)]
struct NewestDay {
    usage: Option<Day>,
    any: Day,
}

impl<'a> NewestUsage<'a> {
    fn of(leaves: &'a [LeafCosts], linked: &BTreeSet<(&str, &str)>) -> NewestUsage<'a> {
        let mut days: BTreeMap<(&str, Option<&str>), NewestDay> = BTreeMap::new();
        for leaf in leaves {
            let Some((day, _)) = leaf.days.last() else { continue };
            let is_usage = leaf.key.category.as_deref().is_none_or(|category| category == "Usage");
            let payer = leaf.key.payer.as_str();
            let account = leaf.key.account.as_deref().filter(|account| linked.contains(&(payer, account)));
            let found = days.entry((payer, account)).or_insert(NewestDay { usage: None, any: *day });
            found.usage = found.usage.max(is_usage.then_some(*day));
            found.any = found.any.max(*day);
        }
        NewestUsage { days }
    }

    /// Returns the period of a statement; `None` if none of its accounts has a charge.
    fn period(&self, statement: &CostStatementRow) -> Option<StatementPeriod> {
        let (first, end) = period_of(statement)?;
        let payer = statement.payer.as_str();
        let own = statement.linked_accounts.iter().filter_map(|it| self.days.get(&(payer, Some(it))));
        // Without charges of other accounts, those of the linked ones show how far the report goes.
        let of_all = || {
            let own = self.days.range((payer, None)..).take_while(|((other, _), _)| *other == payer);
            self.days.get(&(payer, None)).map_or_else(|| own.map(|(_, day)| *day).collect(), |day| vec![*day])
        };
        let days: Vec<NewestDay> =
            if statement.linked_accounts.is_empty() { of_all() } else { own.copied().collect() };
        let usage = days.iter().filter_map(|day| day.usage).max();
        let newest_usage = usage.or_else(|| days.iter().map(|day| day.any).max())?;
        Some(StatementPeriod { first, end, observed: day_of(statement.observed_at), newest_usage })
    }
}
