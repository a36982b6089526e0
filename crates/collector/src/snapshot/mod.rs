mod account;
mod public;
mod state;

use catalog::ports::{Outcome, Source, SourceError, Stop, Store, Told};
use catalog::{Dataset, Field, Page, Type, Value};
use clap::Args;
use console::{Exit, Failure, Kind, Printer, Report};
use domain::{Region, Timestamp};

use crate::{Ports, held, lake_failure};
use state::State;

/// Datasets that an account is asked for, in the order in which they are.
const OF_ACCOUNTS: [&str; 10] = [
    "zone",
    "instance_type",
    "offering",
    "instance",
    "volume",
    "address",
    "spot_request",
    "capacity",
    "quota",
    "spot_price",
];

/// How long AWS keeps spot prices.
const KEPT: &str = "90d";

/// Datasets that AWS publishes for everybody: no account is needed.
const PUBLIC: [&str; 3] = ["interruption", "price", "savings_plan"];

/// Ask AWS how things are, and keep the answer in the lake.
///
/// An account's datasets (zone, instance_type, offering, instance, volume, address, spot_request, capacity, quota,
/// spot_price) are asked for with the credentials that the aws CLI would use, in every region that the account can
/// use; interruption, price and savings_plan are public files and need none. The price lists are some hundred MB a
/// region: without --region those of your own region (`region` in mycelium.toml, AWS_REGION) are taken.
///
/// Each dataset becomes visible at once or not at all. A region that cannot be seen is a gap with its reason, in the
/// lake and in every answer that touches it; the others land. What has not changed since the last time adds no rows.
/// Throttled calls are made again, up to 10 times each with growing pauses. Nothing that is called costs money. The
/// exit code is 0 when anything was seen, and 1 when nothing was or an account could not be asked.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// Datasets; all of them without any
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// Regions, joined by commas, or all
    #[arg(long, value_delimiter = ',')]
    pub region: Vec<String>,
    /// Profiles of ~/.aws/config, joined by commas; without this the default credentials
    #[arg(long, value_name = "PROFILE", value_delimiter = ',')]
    pub account: Vec<String>,
    /// For spot_price: from when, such as 2026-11-01 or 30d (AWS keeps 90 days). Without this from where the last
    /// snapshot ended, and 7 days the first time
    #[arg(long, value_name = "INSTANT|DAYS")]
    pub since: Option<String>,
    /// For price: the list that held then, back to 2018-05, instead of the current one
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<String>,
    /// Say what would be asked, and ask for no data
    #[arg(long)]
    pub dry_run: bool,
}

/// What was typed, understood.
struct Wanted {
    of_accounts: Vec<&'static Dataset>,
    public: Vec<&'static Dataset>,
    /// None is everywhere.
    regions: Option<Vec<String>>,
    all_regions: bool,
    profiles: Vec<Option<String>>,
    since: Option<Timestamp>,
    as_of: Option<Timestamp>,
}

/// What a snapshot works with.
struct Work<'a> {
    source: &'a dyn Source,
    store: &'a dyn Store,
    stop: &'a Stop,
    clock: &'a dyn Fn() -> Timestamp,
    state: State,
    lines: Vec<Line>,
}

/// One line of the summary.
struct Line {
    told: Told,
    seconds: f64,
}

impl Line {
    fn failed(&self) -> bool {
        self.told.outcome == Outcome::Failed
    }
}

pub(crate) fn run_snapshot(
    args: &SnapshotArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let wanted = understand(args, now)?;
    let source = (ports.source)().map_err(source_failure)?;
    let shown = ports.store.look().map_err(lake_failure)?;
    let mut work = Work {
        source: &*source,
        store: ports.store,
        stop: ports.stop,
        clock: ports.clock,
        state: State::new(shown.map(|shown| shown.log).unwrap_or_default()),
        lines: Vec::new(),
    };
    if args.dry_run {
        return plan(&wanted, &work, ports, printer);
    }
    let mut failures = Vec::new();
    for dataset in &wanted.public {
        let done = public::snapshot(&mut work, &wanted, dataset, ports, printer);
        keep_going(done, &mut failures)?;
    }
    if !wanted.of_accounts.is_empty() {
        for profile in &wanted.profiles {
            let done = account::snapshot(&mut work, &wanted, profile.as_deref(), printer);
            keep_going(done, &mut failures)?;
        }
    }
    if failures.is_empty() || !work.lines.is_empty() {
        printer.report(&Report::plain(summary(&work.lines)), ports.encode)?;
    }
    if work.lines.iter().any(|line| line.told.dataset.name == "price" && !line.failed()) {
        held::note(ports, printer, now);
    }
    if failures.is_empty() && !work.lines.is_empty() && work.lines.iter().all(Line::failed) {
        let why = work.lines[0].told.gaps.first().map_or("AWS gave no reason", String::as_str);
        failures.push(Failure::broken(format!("nothing could be seen: {why}")));
    }
    finish(failures, printer)
}

/// A part that failed does not keep the others from being tried, unless nothing can be written or somebody stops.
fn keep_going(done: Result<(), Failure>, failures: &mut Vec<Failure>) -> Result<(), Failure> {
    match done {
        Err(failure) if matches!(failure.kind, Kind::Interrupted | Kind::Data | Kind::Usage) => Err(failure),
        Err(failure) => {
            failures.push(failure);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// What failed as a whole is said at the end: the first by the exit code, the others before it.
fn finish(failures: Vec<Failure>, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(Exit::Done) };
    printer.flush()?;
    for other in failures {
        printer.failure(&other);
    }
    Err(first)
}

fn understand(args: &SnapshotArgs, now: Timestamp) -> Result<Wanted, Failure> {
    let named = datasets(&args.datasets)?;
    let of = |names: &[&'static str]| -> Vec<&'static Dataset> {
        let wanted = names.iter().filter(|name| named.is_empty() || named.contains(name));
        wanted.filter_map(|name| catalog::dataset(name)).collect()
    };
    let (of_accounts, public) = (of(&OF_ACCOUNTS), of(&PUBLIC));
    let only = |flag: &str, name: &'static str, given: &Option<String>| {
        if given.is_some() && named != [name] {
            return Err(Failure::usage(format!("{flag} is for {name} alone"))
                .hint(format!("collector snapshot {name} {flag} …")));
        }
        Ok(())
    };
    only("--since", "spot_price", &args.since)?;
    only("--as-of", "price", &args.as_of)?;
    let all_regions = args.region.iter().any(|region| region == "all");
    if all_regions && args.region.len() > 1 {
        return Err(Failure::usage("--region is all, or names regions").hint("leave all out"));
    }
    for region in args.region.iter().filter(|region| *region != "all") {
        Region::parse(region).map_err(|why| Failure::usage(why.to_string()))?;
    }
    let profiles: Vec<Option<String>> = args.account.iter().cloned().map(Some).collect();
    if !profiles.is_empty() && of_accounts.is_empty() {
        return Err(Failure::usage("--account names whose eyes see, and what is asked for is public")
            .hint("leave --account out"));
    }
    Ok(Wanted {
        of_accounts,
        public,
        regions: (!args.region.is_empty() && !all_regions).then(|| args.region.clone()),
        all_regions,
        profiles: if profiles.is_empty() { vec![None] } else { profiles },
        since: args.since.as_deref().map(|text| since(text, now)).transpose()?,
        as_of: args.as_of.as_deref().map(as_of).transpose()?,
    })
}

/// The names that were typed, each once.
pub(crate) fn datasets(typed: &[String]) -> Result<Vec<&'static str>, Failure> {
    let known = || OF_ACCOUNTS.into_iter().chain(PUBLIC);
    let find = |typed: &String| {
        known().find(|name| name == typed).ok_or_else(|| {
            let near = console::did_you_mean(typed, known());
            Failure::usage(format!("there is no dataset \"{typed}\" to snapshot{near}"))
                .hint(format!("they are {}", known().collect::<Vec<_>>().join(", ")))
        })
    };
    typed.iter().map(find).collect()
}

/// `30d`, or an instant, within what AWS keeps.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let found = domain::before(now, text).or_else(|| domain::parse_instant(text));
    let oldest = domain::before(now, KEPT);
    found.filter(|since| *since < now && oldest.is_none_or(|oldest| *since >= oldest)).ok_or_else(|| {
        Failure::usage(format!(
            "--since is \"{text}\"; expected an instant or days within the 90 that AWS keeps"
        ))
        .hint("collector snapshot spot_price --since 30d")
    })
}

fn as_of(text: &str) -> Result<Timestamp, Failure> {
    domain::parse_instant(text).ok_or_else(|| {
        Failure::usage(format!("--as-of is \"{text}\"; expected a day or an instant"))
            .hint("collector snapshot price --as-of 2024-03-01")
    })
}

fn source_failure(error: SourceError) -> Failure {
    let text = error.to_string();
    match error {
        SourceError::Credentials(_) => Failure::broken(text).hint(
            "sign in as for the aws CLI (aws configure, aws sso login), name a profile with --account, or ask for \
             public data alone: collector snapshot price",
        ),
        SourceError::Interrupted => Failure::new(Kind::Interrupted, text),
        SourceError::Sink(_) | SourceError::Failed(_) => Failure::broken(text),
    }
}

/// Says what would be asked. Who the profiles are is asked for, and nothing else.
fn plan(wanted: &Wanted, work: &Work<'_>, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let fields = ["dataset", "account", "regions", "calls", "cost_usd"].map(|name| match name {
        "regions" | "calls" => Field::new(name, Type::List(Box::new(Type::Text))),
        _ => Field::new(name, Type::Text),
    });
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for dataset in &wanted.public {
        let regions = public::regions(wanted, dataset, ports);
        rows.push(vec![
            dataset.name.into(),
            Value::Null,
            regions.into(),
            vec![format!("GET {}", public::address(dataset))].into(),
            "0".into(),
        ]);
    }
    for profile in wanted.profiles.iter().filter(|_| !wanted.of_accounts.is_empty()) {
        let account = work.source.account(profile.as_deref()).map_err(source_failure)?;
        for dataset in &wanted.of_accounts {
            let regions = wanted.regions.clone().unwrap_or_else(|| account.enabled.clone());
            let calls: Vec<String> = work.source.actions(dataset).iter().map(|a| a.to_string()).collect();
            rows.push(vec![
                dataset.name.into(),
                account.account_id.as_str().into(),
                regions.into(),
                calls.into(),
                "0".into(),
            ]);
        }
    }
    printer.report(&Report::plain(Page { fields: fields.into(), rows }), ports.encode)?;
    printer.note("dry run: no data was asked for, and nothing was written");
    Ok(Exit::Done)
}

fn summary(lines: &[Line]) -> Page {
    let fields = vec![
        Field::new("dataset", Type::Text),
        Field::new("scope", Type::Text),
        Field::new("outcome", Type::Text),
        Field::new("rows", Type::Int),
        Field::new("observed_at", Type::Timestamp),
        Field::new("seconds", Type::Float),
        Field::new("gaps", Type::List(Box::new(Type::Text))),
    ];
    let row = |line: &Line| {
        vec![
            line.told.dataset.name.into(),
            line.told.scope.as_str().into(),
            line.told.outcome.word().into(),
            Value::Int(line.told.rows as i64),
            line.told.observed_at.into(),
            ((line.seconds * 10.0).round() / 10.0).into(),
            line.told.gaps.clone().into(),
        ]
    };
    Page { fields, rows: lines.iter().map(row).collect() }
}

impl Work<'_> {
    /// Makes a run visible: the rows that are new, and what was told. Says what that brought.
    fn land(
        &mut self,
        dataset: &'static Dataset,
        name: &str,
        batches: Vec<catalog::Batch>,
        told: Vec<Told>,
        started: Timestamp,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let run_id = format!("snapshot-{}-{name}", dataset.name.replace('_', "-"));
        let begun = self.store.begin(&run_id).map_err(lake_failure)?;
        let mut run = begun.ok_or_else(|| {
            Failure::broken(format!("a run named {run_id} is visible already")).hint("try again in a second")
        })?;
        for batch in &batches {
            run.add(dataset, batch).map_err(lake_failure)?;
        }
        drop(batches);
        for told in &told {
            run.tell(told.clone()).map_err(lake_failure)?;
        }
        let committed = run.commit((self.clock)()).map_err(lake_failure)?;
        let kept: u64 = committed.rows.iter().map(|(_, rows)| rows).sum();
        let gaps: usize = told.iter().map(|told| told.gaps.len()).sum();
        let seconds = (self.clock)().duration_since(started).as_secs_f64();
        printer.note(&format!(
            "{}: {} rows told, {kept} new, {gaps} gaps, {} bytes, {seconds:.1} s; visible in manifest {}",
            dataset.name,
            told.iter().map(|told| told.rows).sum::<u64>(),
            committed.bytes,
            committed.manifest
        ));
        for told in &told {
            self.state.learn(told.logged(&run_id));
        }
        self.lines.extend(told.into_iter().map(|told| Line { told, seconds }));
        Ok(())
    }

    /// A name for a run that begins now.
    fn stamp(&self, started: Timestamp) -> String {
        format!("{}", started.as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_instants_within_ninety_days() {
        let now = domain::parse_instant("2026-11-23").unwrap();
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(since(text, now).ok().map(|at| at.to_string()).as_deref(), expected, "{text}");
        };
        check("30d", Some("2026-10-24T00:00:00Z"));
        check("90d", Some("2026-08-25T00:00:00Z"));
        check("2026-11-01", Some("2026-11-01T00:00:00Z"));
        for wrong in ["0d", "-3d", "120d", "2025-01-01", "2027-01-01", "d", "99999999d", "soon"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_said() {
        let typed = |names: &[&str]| datasets(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(typed(&["price", "zone"]).unwrap(), ["price", "zone"]);
        assert!(typed(&["prices"]).unwrap_err().message.contains("did you mean price?"));
        assert!(typed(&["benchmark"]).is_err());
    }
}
