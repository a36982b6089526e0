//! Checks the arguments of a snapshot and turns them into a plan.

use std::collections::BTreeSet;

use catalog::Dataset;
use catalog::ports::{CapacityRequest, CostGroup};
use console::Failure;
use domain::{InstanceType, Region, Timestamp};

use super::SnapshotArgs;

/// Datasets that are read with an account, in the order in which they are read.
const OF_ACCOUNTS: [&str; 11] = [
    "region_access",
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

/// Datasets that AWS publishes and that need no account.
const PUBLIC: [&str; 4] = ["interruption", "price", "savings_plan", "spot_feed"];

/// Datasets that are collected only by name: those that cost money, and those that answer a
/// request.
const NAMED: [&str; 4] = ["charge", "utilization", "placement_score", "capacity_block"];

/// Datasets that cost money.
pub(crate) const PAID: [&str; 2] = ["charge", "utilization"];

/// Datasets that `--type` applies to.
const OF_TYPES: [&str; 3] = ["price", "placement_score", "capacity_block"];

/// Datasets with a history, and the days for which AWS keeps it.
const DATED: [(&str, i64); 3] = [("spot_price", 90), ("charge", 395), ("utilization", 455)];

/// Dimensions of costs: the word on the command line, and Cost Explorer's name.
const DIMENSIONS: [(&str, &str); 8] = [
    ("service", "SERVICE"),
    ("region", "REGION"),
    ("instance-type", "INSTANCE_TYPE"),
    ("account", "LINKED_ACCOUNT"),
    ("record-type", "RECORD_TYPE"),
    ("usage-type", "USAGE_TYPE"),
    ("operation", "OPERATION"),
    ("zone", "AZ"),
];

/// Default limit of requests to Cost Explorer, for all accounts together.
const REQUESTS: u32 = 100;

/// Default duration of a capacity block, hours: AWS sells whole days.
const HOURS: u32 = 24;

pub(super) struct SnapshotPlan {
    pub(super) of_accounts: Vec<&'static Dataset>,
    pub(super) public: Vec<&'static Dataset>,
    /// `None` means every region.
    pub(super) regions: Option<Vec<String>>,
    pub(super) all_regions: bool,
    pub(super) profiles: Vec<Option<String>>,
    pub(super) since: Option<Timestamp>,
    pub(super) as_of: Option<Timestamp>,
    /// The grouping of costs.
    pub(super) by: Vec<CostGroup>,
    /// Maximum requests to Cost Explorer per account.
    pub(super) requests: u32,
    /// The requested capacity, and the types whose prices are requested.
    pub(super) room: CapacityRequest,
}

pub(super) fn plan_snapshot(args: &SnapshotArgs, now: Timestamp) -> Result<SnapshotPlan, Failure> {
    let named = parse_datasets(&args.datasets)?;
    check_flags(args, &named)?;
    let types = parse_types(&args.types)?;
    let of = |names: &[&'static str], unnamed: bool| -> Vec<&'static Dataset> {
        let wanted = names.iter().filter(|name| named.contains(name) || (unnamed && named.is_empty()));
        wanted.filter_map(|name| catalog::dataset(name)).collect()
    };
    let mut of_accounts = of(&OF_ACCOUNTS, true);
    of_accounts.extend(of(&NAMED, false));
    let mut public = of(&PUBLIC, true);
    if !types.is_empty() {
        // Single types are faster to read through an account than a region's whole list.
        let (prices, others) = public.into_iter().partition(|dataset| dataset.name == "price");
        of_accounts.extend::<Vec<_>>(prices);
        public = others;
    }
    let all_regions = args.region.iter().any(|region| region == "all");
    if all_regions && args.region.len() > 1 {
        return Err(
            Failure::usage("--region cannot combine all with named regions").hint("remove all from --region")
        );
    }
    for region in args.region.iter().filter(|region| *region != "all") {
        Region::parse(region).map_err(|why| Failure::usage(why.to_string()))?;
    }
    let profiles: Vec<Option<String>> = args.account.iter().cloned().map(Some).collect();
    if !profiles.is_empty() && of_accounts.is_empty() {
        return Err(Failure::usage("--account has no effect here: the requested datasets are public files")
            .hint("remove --account"));
    }
    let accounts = u32::try_from(profiles.len()).unwrap_or(REQUESTS).max(1);
    Ok(SnapshotPlan {
        of_accounts,
        public,
        regions: (!args.region.is_empty() && !all_regions).then(|| args.region.clone()),
        all_regions,
        profiles: if profiles.is_empty() { vec![None] } else { profiles },
        since: args.since.as_deref().map(|text| parse_since(text, &named, now)).transpose()?,
        as_of: args.as_of.as_deref().map(parse_as_of).transpose()?,
        by: parse_grouping(&args.by)?,
        requests: args.requests.unwrap_or((REQUESTS / accounts).max(1)),
        room: CapacityRequest {
            types,
            count: args.capacity.unwrap_or(1),
            single_zone: args.single_zone,
            hours: args.hours.unwrap_or(HOURS),
        },
    })
}

/// Rejects flags that have no effect, and requests without `--type`.
fn check_flags(args: &SnapshotArgs, named: &[&'static str]) -> Result<(), Failure> {
    let dated = DATED.map(|(name, _)| name);
    let flags: [(&str, bool, &[&str]); 8] = [
        ("--since", args.since.is_some(), &dated),
        ("--as-of", args.as_of.is_some(), &["price"]),
        ("--by", !args.by.is_empty(), &["charge"]),
        ("--requests", args.requests.is_some(), &["charge"]),
        ("--type", !args.types.is_empty(), &OF_TYPES),
        ("--capacity", args.capacity.is_some(), &["placement_score", "capacity_block"]),
        ("--single-zone", args.single_zone, &["placement_score"]),
        ("--hours", args.hours.is_some(), &["capacity_block"]),
    ];
    for (flag, given, names) in flags {
        if given && (named.is_empty() || named.iter().any(|name| !names.contains(name))) {
            return Err(Failure::usage(format!("{flag} applies only to {}", join_names(names)))
                .hint(format!("collector snapshot {} {flag} …", names[0])));
        }
    }
    if args.as_of.is_some() && !args.types.is_empty() {
        return Err(Failure::usage(
            "--as-of needs a region's whole list, and --type reads current prices of single types",
        )
        .hint("remove one of them"));
    }
    let needs = named.iter().find(|name| OF_TYPES.contains(name) && **name != "price");
    if let Some(name) = needs.filter(|_| args.types.is_empty()) {
        return Err(Failure::usage(format!("{name} needs instance types, named with --type"))
            .hint(format!("collector snapshot {name} --type p5.48xlarge --capacity 1")));
    }
    Ok(())
}

/// Joins names as `a`, `a and b`, or `a, b and c`.
fn join_names(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// Returns the names of all datasets that can be collected.
pub(crate) fn collectable_datasets() -> impl Iterator<Item = &'static str> {
    OF_ACCOUNTS.into_iter().chain(PUBLIC).chain(NAMED)
}

/// Looks up the datasets on the command line.
pub(crate) fn parse_datasets(typed: &[String]) -> Result<Vec<&'static str>, Failure> {
    let find = |typed: &String| {
        collectable_datasets().find(|name| name == typed).ok_or_else(|| {
            let near = console::suggest_closest(typed, collectable_datasets());
            Failure::usage(format!("there is no dataset \"{typed}\" to collect{near}"))
                .hint(format!("the datasets are {}", collectable_datasets().collect::<Vec<_>>().join(", ")))
        })
    };
    typed.iter().map(find).collect()
}

fn parse_types(typed: &[String]) -> Result<Vec<String>, Failure> {
    let parsed = typed.iter().map(|name| InstanceType::parse(name).map(|name| name.as_str().to_string()));
    let types: Result<BTreeSet<String>, _> = parsed.collect();
    Ok(types.map_err(|why| Failure::usage(why.to_string()))?.into_iter().collect())
}

fn parse_grouping(typed: &[String]) -> Result<Vec<CostGroup>, Failure> {
    if typed.is_empty() {
        return Ok(vec![CostGroup::Dimension("SERVICE"), CostGroup::Dimension("REGION")]);
    }
    let words = || DIMENSIONS.iter().map(|(word, _)| *word);
    let hint = || format!("--by takes {} and tag:KEY", words().collect::<Vec<_>>().join(", "));
    let find = |typed: &String| match typed.strip_prefix("tag:") {
        Some(key) if !key.is_empty() => Ok(CostGroup::Tag(key.into())),
        _ => {
            let found = DIMENSIONS.iter().find(|(word, _)| word == typed);
            found.map(|(_, name)| CostGroup::Dimension(name)).ok_or_else(|| {
                let near = console::suggest_closest(typed, words());
                Failure::usage(format!("--by \"{typed}\" is not a dimension of costs{near}")).hint(hint())
            })
        }
    };
    let found = typed.iter().map(find).collect::<Result<Vec<CostGroup>, Failure>>()?;
    if found.len() > 2 || (found.len() == 2 && found[0] == found[1]) {
        return Err(Failure::usage("--by takes at most two dimensions, which must differ")
            .hint("collector snapshot charge --by service,tag:team"));
    }
    Ok(found)
}

/// Parses a span such as `30d`, or an instant, within the time that AWS keeps.
fn parse_since(text: &str, named: &[&'static str], now: Timestamp) -> Result<Timestamp, Failure> {
    let days = DATED.iter().filter(|(name, _)| named.contains(name)).map(|(_, days)| *days).min();
    let days = days.unwrap_or(DATED[0].1);
    let found = domain::subtract_span(now, text).or_else(|| domain::parse_instant(text));
    let oldest = domain::subtract_span(now, &format!("{days}d"));
    found.filter(|since| *since < now && oldest.is_none_or(|oldest| *since >= oldest)).ok_or_else(|| {
        Failure::usage(format!(
            "--since \"{text}\" is out of range; expected a time or days within the {days} days that AWS keeps"
        ))
        .hint(format!("collector snapshot {} --since 30d", named.first().unwrap_or(&DATED[0].0)))
    })
}

fn parse_as_of(text: &str) -> Result<Timestamp, Failure> {
    domain::parse_instant(text).ok_or_else(|| {
        Failure::usage(format!("--as-of \"{text}\" is not a time; expected one such as 2024-03-01"))
            .hint("collector snapshot price --as-of 2024-03-01")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_spans_and_instants_within_the_time_that_aws_keeps() {
        let now = domain::parse_instant("2026-11-23").unwrap();
        let check = |name: &'static str, text: &str, expected: Option<&str>| {
            let found = parse_since(text, &[name], now).ok().map(|at| at.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("spot_price", "30d", Some("2026-10-24T00:00:00Z"));
        check("spot_price", "90d", Some("2026-08-25T00:00:00Z"));
        check("spot_price", "2026-11-01", Some("2026-11-01T00:00:00Z"));
        check("utilization", "120d", Some("2026-07-26T00:00:00Z"));
        for wrong in ["0d", "-3d", "120d", "2025-01-01", "2027-01-01", "d", "99999999d", "soon"] {
            check("spot_price", wrong, None);
        }
        check("charge", "400d", None);
    }

    #[test]
    fn suggests_a_dataset_for_a_misspelt_name() {
        let typed =
            |names: &[&str]| parse_datasets(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(typed(&["price", "zone"]).unwrap(), ["price", "zone"]);
        assert!(typed(&["prices"]).unwrap_err().message.contains("the closest match is price"));
        assert!(typed(&["benchmark"]).is_err());
    }

    #[test]
    fn collects_datasets_that_cost_money_only_by_name() {
        let now = domain::parse_instant("2026-11-23").unwrap();
        let plain = plan_snapshot(&SnapshotArgs::default(), now).unwrap();
        assert!(plain.of_accounts.iter().all(|dataset| !NAMED.contains(&dataset.name)));
        assert_eq!(plain.of_accounts.len() + plain.public.len(), OF_ACCOUNTS.len() + PUBLIC.len());
        let args = SnapshotArgs { datasets: vec!["charge".into()], ..SnapshotArgs::default() };
        let costs = plan_snapshot(&args, now).unwrap();
        assert_eq!(
            (costs.of_accounts.len(), costs.of_accounts[0].name, costs.public.len()),
            (1, "charge", 0)
        );
    }

    #[test]
    fn groups_costs_by_at_most_two_dimensions() {
        let check = |typed: &[&str], expected: Option<Vec<CostGroup>>| {
            let typed: Vec<String> = typed.iter().map(|word| word.to_string()).collect();
            assert_eq!(parse_grouping(&typed).ok(), expected, "{typed:?}");
        };
        let by = CostGroup::Dimension;
        check(&[], Some(vec![by("SERVICE"), by("REGION")]));
        check(&["account", "tag:Team a"], Some(vec![by("LINKED_ACCOUNT"), CostGroup::Tag("Team a".into())]));
        check(&["instance-type"], Some(vec![by("INSTANCE_TYPE")]));
        for wrong in [&["services"][..], &["tag:"], &["service", "service"], &["service", "region", "zone"]] {
            check(wrong, None);
        }
    }
}
