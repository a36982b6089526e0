use std::collections::BTreeSet;

use analysis::{CapacityVerdict, VerdictRule, judge_capacity};
use clap::Args;
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView, read_region};
use domain::Timestamp;

use crate::CommandPorts;
use crate::answer_columns::{CellColumn, INT, TEXT, TIME, ValueColumn, has_several, page_of, table_of};
use crate::capacity_facts::{AccountCapacity, JudgedRequest, RegionCapacity, TypeCapacity};
use crate::collect_command::collect_command;
use crate::columns::exact_money;
use crate::footer::note_footer;
use crate::region_scope::{check_regions, regions};

/// The datasets of the footer. The last one is not collected by region, so it has an age only in an
/// answer about all regions.
const DATASETS: [&str; 7] =
    ["offering", "quota", "instance", "capacity", "placement_score", "capacity_block", "region_access"];

/// Judge in which regions instances of a type can be had, and by which rule.
///
/// The first rule that decides gives the verdict: not offered, not opted in (no); free instances in
/// own reservations (reserved); too few vCPUs left in the on-demand quota (no); the spot placement
/// score of the same types and number of instances (8 to 10 likely, 4 to 7 possible, 1 to 3
/// unlikely, but AWS scores fewer than three types low in any case); a capacity block for sale
/// (possible); offered and within the quota (possible). Without such facts it is unknown.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Instance types; scores for all of them together count too
    #[arg(required = true, value_name = "TYPE")]
    pub types: Vec<String>,
    /// Number of instances
    #[arg(
        long, value_name = "COUNT", default_value_t = 1, allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(1..=1_000_000)
    )]
    pub count: i64,
    /// Regions, separated by commas [default: all]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    /// Account of the quota, reservations and scores [default: each account with facts]
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// Runs `truffle capacity`.
pub fn run_capacity(
    args: &CapacityArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let named = named_regions(args)?;
    let mut types: Vec<TypeCapacity> = Vec::new();
    for typed in &args.types {
        let found = TypeCapacity::load(typed, ports)?;
        if types.iter().all(|other| other.instance_type != found.instance_type) {
            types.push(found);
        }
    }
    check_named(&named, &types, ports)?;
    let all = AccountCapacity::load(ports)?;
    let lines: Vec<CapacityLine> =
        types.iter().flat_map(|found| judge_type(found, &types, &all, &named, args)).collect();
    if lines.is_empty() {
        let region = ports.settings.region.value.as_str();
        let failure = format!("not collected yet: offerings as of {}", ports.as_of);
        return Err(Failure::new(FailureKind::Data, failure).hint(collect_command("offering", region)));
    }
    printer.report(&report(&lines), ports.encode)?;
    let (scope, datasets) = match named.is_empty() {
        true => ("all".to_string(), &DATASETS[..]),
        false => (Vec::from_iter(named).join(","), &DATASETS[..DATASETS.len() - 1]),
    };
    note_footer(ports, printer, datasets, &scope, now)?;
    Ok(Exit::Done)
}

/// Returns the regions of the flag; empty for all.
fn named_regions(args: &CapacityArgs) -> Result<BTreeSet<String>, Failure> {
    if args.region.iter().any(|region| region.trim() == "all") {
        return Ok(BTreeSet::new());
    }
    args.region.iter().map(|region| read_region("--region", region.trim())).collect()
}

/// Refuses a region that does not exist. One that was not collected yet has unknown facts.
fn check_named(
    named: &BTreeSet<String>,
    types: &[TypeCapacity],
    ports: &CommandPorts<'_>,
) -> Result<(), Failure> {
    let is_known = |name: &str| types.iter().any(|found| found.regions.iter().any(|row| row.region == name));
    let unseen: Vec<&str> = named.iter().map(String::as_str).filter(|name| !is_known(name)).collect();
    if unseen.is_empty() { Ok(()) } else { check_regions(&unseen, &regions(&ports.at_any_time())?) }
}

/// A row of the answer.
struct CapacityLine {
    instance_type: String,
    count: i64,
    region: String,
    account_id: Option<String>,
    verdict: CapacityVerdict,
    rule: VerdictRule,
    explanation: String,
    vcpus_left: Option<i64>,
    free_reserved: Option<i64>,
    score: Option<i64>,
    first_observed_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
}

/// Judges each region of a type, the best verdict first.
fn judge_type(
    found: &TypeCapacity,
    types: &[TypeCapacity],
    all: &AccountCapacity,
    named: &BTreeSet<String>,
    args: &CapacityArgs,
) -> Vec<CapacityLine> {
    let typed: BTreeSet<&str> = types.iter().map(|found| found.instance_type.as_str()).collect();
    let request = JudgedRequest { count: args.count, types: &typed };
    let known: BTreeSet<&str> = found.regions.iter().map(|row| row.region.as_str()).collect();
    let wanted: BTreeSet<&str> =
        if named.is_empty() { known } else { named.iter().map(String::as_str).collect() };
    let mut lines: Vec<CapacityLine> = Vec::new();
    for region in wanted {
        let accounts = match args.account.as_deref() {
            Some(account) => BTreeSet::from([account]),
            None => all.accounts_of(region, found),
        };
        let judge = |account| judge_region(found, all, region, account, &request);
        match accounts.is_empty() {
            true => lines.push(judge(None)),
            false => lines.extend(accounts.into_iter().map(|account| judge(Some(account)))),
        }
    }
    lines.sort_by(|a, b| (a.verdict, &a.region, &a.account_id).cmp(&(b.verdict, &b.region, &b.account_id)));
    lines
}

fn judge_region(
    found: &TypeCapacity,
    all: &AccountCapacity,
    region: &str,
    account: Option<&str>,
    request: &JudgedRequest<'_>,
) -> CapacityLine {
    let here = RegionCapacity::of(found, all, region, account, request);
    let facts = here.facts();
    let (verdict, rule) = judge_capacity(&facts, request.count);
    let (explanation, decided_at) = explain(rule, &here, request.count);
    let limit = facts.quota.and_then(|quota| Some(quota.limit - quota.in_use?));
    CapacityLine {
        instance_type: found.instance_type.clone(),
        count: request.count,
        region: region.to_string(),
        account_id: account.map(String::from),
        verdict,
        rule,
        explanation,
        vcpus_left: limit.map(|left| left as i64),
        free_reserved: facts.free_reserved,
        score: facts.score.map(|score| score.score),
        first_observed_at: here.offer.and_then(|offer| offer.first_observed_at),
        decided_at,
    }
}

/// Returns the rule in words with its figures, and the time of the fact that decided.
fn explain(rule: VerdictRule, here: &RegionCapacity<'_>, count: i64) -> (String, Option<Timestamp>) {
    let quota = || {
        let Some(quota) = here.quota else { return (String::new(), None) };
        let in_use = here.in_use.map_or("use unknown".into(), |vcpus| format!("{vcpus} in use"));
        let wanted = quota.type_vcpus.map_or(0, |vcpus| vcpus * count);
        let limit = quota.value.unwrap_or_default();
        let text = format!("quota {}: {limit} vCPUs, {in_use}, {wanted} needed", quota.quota_code);
        (text, Some(quota.observed_at))
    };
    match rule {
        VerdictRule::NotOffered => ("not offered".into(), None),
        VerdictRule::NotOptedIn => ("the account has not opted in to the region".into(), None),
        VerdictRule::OwnReservations => here.reservation.map_or_else(Default::default, |row| {
            (format!("{} free in own reservations", row.free_instances), Some(row.observed_at))
        }),
        VerdictRule::Quota | VerdictRule::WithinQuota => quota(),
        VerdictRule::PlacementScore => here.score.map_or_else(Default::default, |row| {
            let place = if row.single_zone == Some(true) { " in one zone" } else { "" };
            let types = row.instance_types.join(", ");
            let text = format!("spot score {} for {types} x {}{place}", row.score, row.target_capacity);
            (text, Some(row.answered_at))
        }),
        VerdictRule::CapacityBlock => here.block.map_or_else(Default::default, |row| {
            let price = row.upfront_price.map_or("an unknown price".into(), exact_money);
            let text = format!(
                "block of {} for {} h from {} at {} {price}",
                row.instance_count,
                row.duration_hours,
                row.starts_at.strftime("%Y-%m-%d"),
                row.currency.as_deref().unwrap_or_default(),
            );
            (text, Some(row.answered_at))
        }),
        VerdictRule::NotKnown => match here.offer.and_then(|offer| offer.is_offered) {
            Some(true) => ("offered; no quota with its use, score or block is known".into(), None),
            _ => ("offerings not collected".into(), None),
        },
    }
}

const COLUMNS: &[ValueColumn<CapacityLine>] = &[
    ("instance_type", TEXT, |l| l.instance_type.as_str().into()),
    ("region", TEXT, |l| l.region.as_str().into()),
    ("account_id", TEXT, |l| l.account_id.clone().into()),
    ("count", INT, |l| l.count.into()),
    ("verdict", TEXT, |l| l.verdict.word().into()),
    ("rule", TEXT, |l| l.rule.word().into()),
    ("explanation", TEXT, |l| l.explanation.as_str().into()),
    ("vcpus_left", INT, |l| l.vcpus_left.into()),
    ("free_reserved", INT, |l| l.free_reserved.into()),
    ("score", INT, |l| l.score.into()),
    ("first_observed_at", TIME, |l| l.first_observed_at.into()),
    ("decided_at", TIME, |l| l.decided_at.into()),
];

fn report(lines: &[CapacityLine]) -> Report {
    Report { page: page_of(lines, COLUMNS), table: Some(table(lines)), ..Report::default() }
}

/// Returns the table for people. The type and the account have a column if there are several.
fn table(lines: &[CapacityLine]) -> TableView {
    let mut cells: Vec<CellColumn<CapacityLine>> = Vec::new();
    if has_several(lines, |line| &line.instance_type) {
        cells.push((TableColumn::named("instance_type", Align::Left), |line| line.instance_type.clone()));
    }
    cells.push((TableColumn::named("region", Align::Left), |line| line.region.clone()));
    if has_several(lines, |line| line.account_id.as_deref().unwrap_or_default()) {
        cells.push((TableColumn::named("account_id", Align::Left), |line| {
            line.account_id.clone().unwrap_or("-".into())
        }));
    }
    cells.push((TableColumn::named("verdict", Align::Left), |line| line.verdict.word().into()));
    cells.push((TableColumn::named("explanation", Align::Left), |line| line.explanation.clone()));
    cells.push((TableColumn::named("first_observed_at", Align::Left), |line| {
        line.first_observed_at.map_or("-".into(), |at| at.strftime("%Y-%m-%d").to_string())
    }));
    table_of(lines, cells)
}
