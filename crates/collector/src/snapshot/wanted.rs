//! What was typed, understood.

use std::collections::BTreeSet;

use catalog::Dataset;
use catalog::ports::{CostGroup, Room};
use console::Failure;
use domain::{InstanceType, Region, Timestamp};

use super::SnapshotArgs;

/// Datasets that an account is asked for, in the order in which they are.
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

/// Datasets that AWS publishes for everybody: no account is needed.
const PUBLIC: [&str; 4] = ["interruption", "price", "savings_plan", "spot_feed"];

/// Datasets that an account is asked for only when they are named: those that cost money, and answers to a request.
const NAMED: [&str; 4] = ["charge", "utilization", "placement_score", "capacity_block"];

/// Those of them that cost money.
pub(crate) const PAID: [&str; 2] = ["charge", "utilization"];

/// Datasets that are answers about instance types that somebody names.
const OF_TYPES: [&str; 3] = ["price", "placement_score", "capacity_block"];

/// Datasets with a history that can be asked for, and the days of it that AWS keeps.
const DATED: [(&str, i64); 3] = [("spot_price", 90), ("charge", 395), ("utilization", 455)];

/// Dimensions by which costs can be told apart: the word that is typed, and Cost Explorer's.
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

/// Requests of Cost Explorer that are made where nobody says how many, of all accounts together.
const REQUESTS: u32 = 100;

/// The hours of a capacity block that nobody says: AWS sells whole days.
const HOURS: u32 = 24;

pub(super) struct Wanted {
    pub(super) of_accounts: Vec<&'static Dataset>,
    pub(super) public: Vec<&'static Dataset>,
    /// None is everywhere.
    pub(super) regions: Option<Vec<String>>,
    pub(super) all_regions: bool,
    pub(super) profiles: Vec<Option<String>>,
    pub(super) since: Option<Timestamp>,
    pub(super) as_of: Option<Timestamp>,
    /// By what costs are told apart.
    pub(super) by: Vec<CostGroup>,
    /// Requests of Cost Explorer for each account.
    pub(super) requests: u32,
    /// Room that is asked for, and the types that prices are wanted of.
    pub(super) room: Room,
}

pub(super) fn understand(args: &SnapshotArgs, now: Timestamp) -> Result<Wanted, Failure> {
    let named = datasets(&args.datasets)?;
    check_flags(args, &named)?;
    let types = types(&args.types)?;
    let of = |names: &[&'static str], unnamed: bool| -> Vec<&'static Dataset> {
        let wanted = names.iter().filter(|name| named.contains(name) || (unnamed && named.is_empty()));
        wanted.filter_map(|name| catalog::dataset(name)).collect()
    };
    let mut of_accounts = of(&OF_ACCOUNTS, true);
    of_accounts.extend(of(&NAMED, false));
    let mut public = of(&PUBLIC, true);
    if !types.is_empty() {
        // Of single types an account is told more quickly than by the list of a region.
        let (prices, others) = public.into_iter().partition(|dataset| dataset.name == "price");
        of_accounts.extend::<Vec<_>>(prices);
        public = others;
    }
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
    let accounts = u32::try_from(profiles.len()).unwrap_or(REQUESTS).max(1);
    Ok(Wanted {
        of_accounts,
        public,
        regions: (!args.region.is_empty() && !all_regions).then(|| args.region.clone()),
        all_regions,
        profiles: if profiles.is_empty() { vec![None] } else { profiles },
        since: args.since.as_deref().map(|text| since(text, &named, now)).transpose()?,
        as_of: args.as_of.as_deref().map(as_of).transpose()?,
        by: groups(&args.by)?,
        requests: args.requests.unwrap_or((REQUESTS / accounts).max(1)),
        room: Room {
            types,
            count: args.capacity.unwrap_or(1),
            single_zone: args.single_zone,
            hours: args.hours.unwrap_or(HOURS),
        },
    })
}

/// Refuses flags that would do nothing, and requests without what is requested.
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
            return Err(Failure::usage(format!("{flag} is for {} alone", and(names)))
                .hint(format!("collector snapshot {} {flag} …", names[0])));
        }
    }
    if args.as_of.is_some() && !args.types.is_empty() {
        return Err(Failure::usage(
            "--as-of is for the list of a region, and --type asks for current prices",
        )
        .hint("leave one of them out"));
    }
    let needs = named.iter().find(|name| OF_TYPES.contains(name) && **name != "price");
    if let Some(name) = needs.filter(|_| args.types.is_empty()) {
        return Err(Failure::usage(format!("{name} is an answer about instance types, and none was named"))
            .hint(format!("collector snapshot {name} --type p5.48xlarge --capacity 1")));
    }
    Ok(())
}

/// `a`, `a and b`, `a, b and c`.
fn and(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// Every dataset that can be asked for.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    OF_ACCOUNTS.into_iter().chain(PUBLIC).chain(NAMED)
}

/// The names that were typed, each once.
pub(crate) fn datasets(typed: &[String]) -> Result<Vec<&'static str>, Failure> {
    let find = |typed: &String| {
        known().find(|name| name == typed).ok_or_else(|| {
            let near = console::did_you_mean(typed, known());
            Failure::usage(format!("there is no dataset \"{typed}\" to snapshot{near}"))
                .hint(format!("they are {}", known().collect::<Vec<_>>().join(", ")))
        })
    };
    typed.iter().map(find).collect()
}

fn types(typed: &[String]) -> Result<Vec<String>, Failure> {
    let parsed = typed.iter().map(|name| InstanceType::parse(name).map(|name| name.as_str().to_string()));
    let types: Result<BTreeSet<String>, _> = parsed.collect();
    Ok(types.map_err(|why| Failure::usage(why.to_string()))?.into_iter().collect())
}

fn groups(typed: &[String]) -> Result<Vec<CostGroup>, Failure> {
    if typed.is_empty() {
        return Ok(vec![CostGroup::Dimension("SERVICE"), CostGroup::Dimension("REGION")]);
    }
    let words = || DIMENSIONS.iter().map(|(word, _)| *word);
    let hint = || format!("they are {} and tag:KEY", words().collect::<Vec<_>>().join(", "));
    let find = |typed: &String| match typed.strip_prefix("tag:") {
        Some(key) if !key.is_empty() => Ok(CostGroup::Tag(key.into())),
        _ => {
            let found = DIMENSIONS.iter().find(|(word, _)| word == typed);
            found.map(|(_, name)| CostGroup::Dimension(name)).ok_or_else(|| {
                let near = console::did_you_mean(typed, words());
                Failure::usage(format!("costs cannot be told apart by \"{typed}\"{near}")).hint(hint())
            })
        }
    };
    let found = typed.iter().map(find).collect::<Result<Vec<CostGroup>, Failure>>()?;
    if found.len() > 2 || (found.len() == 2 && found[0] == found[1]) {
        return Err(Failure::usage("Cost Explorer tells costs apart by two things at most, which differ")
            .hint("collector snapshot charge --by service,tag:team"));
    }
    Ok(found)
}

/// `30d`, or an instant, within what AWS keeps.
fn since(text: &str, named: &[&'static str], now: Timestamp) -> Result<Timestamp, Failure> {
    let days = DATED.iter().filter(|(name, _)| named.contains(name)).map(|(_, days)| *days).min();
    let days = days.unwrap_or(DATED[0].1);
    let found = domain::before(now, text).or_else(|| domain::parse_instant(text));
    let oldest = domain::before(now, &format!("{days}d"));
    found.filter(|since| *since < now && oldest.is_none_or(|oldest| *since >= oldest)).ok_or_else(|| {
        Failure::usage(format!(
            "--since is \"{text}\"; expected an instant or days within the {days} that AWS keeps"
        ))
        .hint(format!("collector snapshot {} --since 30d", named.first().unwrap_or(&DATED[0].0)))
    })
}

fn as_of(text: &str) -> Result<Timestamp, Failure> {
    domain::parse_instant(text).ok_or_else(|| {
        Failure::usage(format!("--as-of is \"{text}\"; expected a day or an instant"))
            .hint("collector snapshot price --as-of 2024-03-01")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_instants_within_what_aws_keeps() {
        let now = domain::parse_instant("2026-11-23").unwrap();
        let check = |name: &'static str, text: &str, expected: Option<&str>| {
            let found = since(text, &[name], now).ok().map(|at| at.to_string());
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
    fn what_cannot_be_asked_for_is_said() {
        let typed = |names: &[&str]| datasets(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(typed(&["price", "zone"]).unwrap(), ["price", "zone"]);
        assert!(typed(&["prices"]).unwrap_err().message.contains("did you mean price?"));
        assert!(typed(&["benchmark"]).is_err());
    }

    #[test]
    fn what_costs_money_is_asked_for_by_its_name_alone() {
        let now = domain::parse_instant("2026-11-23").unwrap();
        let plain = understand(&SnapshotArgs::default(), now).unwrap();
        assert!(plain.of_accounts.iter().all(|dataset| !NAMED.contains(&dataset.name)));
        assert_eq!(plain.of_accounts.len() + plain.public.len(), OF_ACCOUNTS.len() + PUBLIC.len());
        let args = SnapshotArgs { datasets: vec!["charge".into()], ..SnapshotArgs::default() };
        let costs = understand(&args, now).unwrap();
        assert_eq!(
            (costs.of_accounts.len(), costs.of_accounts[0].name, costs.public.len()),
            (1, "charge", 0)
        );
    }

    #[test]
    fn costs_are_told_apart_by_two_things_at_most() {
        let check = |typed: &[&str], expected: Option<Vec<CostGroup>>| {
            let typed: Vec<String> = typed.iter().map(|word| word.to_string()).collect();
            assert_eq!(groups(&typed).ok(), expected, "{typed:?}");
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
