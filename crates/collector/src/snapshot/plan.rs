//! Checks the arguments of a snapshot and turns them into a plan.

use std::collections::BTreeSet;

use catalog::ports::{CapacityRequest, CostGroup};
use catalog::{CollectionSource, Dataset, SnapshotOption, collectable_datasets};
use console::Failure;
use domain::{InstanceType, Timestamp};

use super::args::SnapshotArgs;
use super::dataset_table::join_names;

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

/// The datasets and the parameters of a snapshot.
pub(crate) struct SnapshotPlan {
    /// Datasets that are read with an account, in the order of their collection.
    pub(crate) of_accounts: Vec<&'static Dataset>,
    /// Datasets that are public files.
    pub(crate) public: Vec<&'static Dataset>,
    /// `None` means every region.
    pub(crate) regions: Option<Vec<String>>,
    pub(crate) all_regions: bool,
    pub(crate) profiles: Vec<Option<String>>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) as_of: Option<Timestamp>,
    /// The grouping of costs.
    pub(crate) by: Vec<CostGroup>,
    /// Maximum requests to Cost Explorer per account.
    pub(crate) requests: u32,
    /// The requested capacity, and the types whose prices are requested.
    pub(crate) capacity: CapacityRequest,
}

/// Checks the arguments and returns the plan.
pub(crate) fn plan_snapshot(args: &SnapshotArgs, now: Timestamp) -> Result<SnapshotPlan, Failure> {
    let named = parse_datasets(&args.datasets)?;
    check_flags(args, &named)?;
    let types = parse_types(&args.types)?;
    let is_wanted = |dataset: &&Dataset| match named.is_empty() {
        true => !dataset.is_named_only(),
        false => named.iter().any(|named| named.name == dataset.name),
    };
    let is_public = |dataset: &&Dataset| matches!(dataset.origin.source, CollectionSource::PublicFile(_));
    let wanted = collectable_datasets().into_iter().filter(is_wanted);
    let (mut public, mut of_accounts): (Vec<_>, Vec<_>) = wanted.partition(is_public);
    if !types.is_empty() {
        // Single types are faster to read through an account than a region's whole list.
        of_accounts.append(&mut public);
    }
    let all_regions = args.region.iter().any(|region| region == "all");
    if all_regions && args.region.len() > 1 {
        return Err(
            Failure::usage("--region cannot combine all with named regions").hint("remove all from --region")
        );
    }
    let regions = args.region.iter().filter(|region| *region != "all");
    let regions =
        regions.map(|region| console::read_region("--region", region)).collect::<Result<Vec<_>, _>>()?;
    let profiles: Vec<Option<String>> = args.account.iter().cloned().map(Some).collect();
    if !profiles.is_empty() && of_accounts.is_empty() {
        return Err(Failure::usage("--account has no effect here: the requested datasets are public files")
            .hint("remove --account"));
    }
    let accounts = u32::try_from(profiles.len()).unwrap_or(REQUESTS).max(1);
    Ok(SnapshotPlan {
        of_accounts,
        public,
        regions: (!regions.is_empty()).then_some(regions),
        all_regions,
        profiles: if profiles.is_empty() { vec![None] } else { profiles },
        since: args.since.as_deref().map(|text| parse_since(text, &named, now)).transpose()?,
        as_of: args.as_of.as_deref().map(parse_as_of).transpose()?,
        by: parse_grouping(&args.by)?,
        requests: args.requests.unwrap_or((REQUESTS / accounts).max(1)),
        capacity: CapacityRequest {
            types,
            count: args.capacity.unwrap_or(1),
            single_zone: args.single_zone,
            hours: args.hours.unwrap_or(HOURS),
        },
    })
}

/// Returns the names of the datasets to which an option applies.
fn names_with(option: SnapshotOption) -> Vec<&'static str> {
    let datasets = collectable_datasets().into_iter();
    datasets.filter(|dataset| dataset.origin.options.contains(&option)).map(|dataset| dataset.name).collect()
}

/// Rejects flags that have no effect, and requests without `--type`.
fn check_flags(args: &SnapshotArgs, named: &[&'static Dataset]) -> Result<(), Failure> {
    use SnapshotOption::{AsOf, Capacity, Grouping, Hours, Requests, SingleZone, Types};
    let dated = collectable_datasets().into_iter().filter(|dataset| dataset.origin.history.is_some());
    let dated: Vec<&str> = dated.map(|dataset| dataset.name).collect();
    let flags = [
        ("--since", args.since.is_some(), dated),
        ("--as-of", args.as_of.is_some(), names_with(AsOf)),
        ("--by", !args.by.is_empty(), names_with(Grouping)),
        ("--requests", args.requests.is_some(), names_with(Requests)),
        ("--type", !args.types.is_empty(), names_with(Types)),
        ("--capacity", args.capacity.is_some(), names_with(Capacity)),
        ("--single-zone", args.single_zone, names_with(SingleZone)),
        ("--hours", args.hours.is_some(), names_with(Hours)),
    ];
    for (flag, given, names) in flags {
        if given && (named.is_empty() || named.iter().any(|named| !names.contains(&named.name))) {
            return Err(Failure::usage(format!("{flag} applies only to {}", join_names(&names)))
                .hint(format!("collector snapshot {} {flag} …", names[0])));
        }
    }
    if args.as_of.is_some() && !args.types.is_empty() {
        return Err(Failure::usage(
            "--as-of needs a region's whole list, and --type reads current prices of single types",
        )
        .hint("remove one of them"));
    }
    let needs = named.iter().find(|named| named.origin.source == CollectionSource::Request);
    if let Some(Dataset { name, .. }) = needs.filter(|_| args.types.is_empty()) {
        return Err(Failure::usage(format!("{name} needs instance types, named with --type"))
            .hint(format!("collector snapshot {name} --type p5.48xlarge --capacity 1")));
    }
    Ok(())
}

/// Looks up the datasets on the command line.
pub(crate) fn parse_datasets(typed: &[String]) -> Result<Vec<&'static Dataset>, Failure> {
    let known = collectable_datasets();
    let names = || known.iter().map(|dataset| dataset.name);
    let find = |typed: &String| {
        known.iter().find(|dataset| dataset.name == typed).copied().ok_or_else(|| {
            let near = console::suggest_closest(typed, names());
            Failure::usage(format!("there is no dataset \"{typed}\" to collect{near}"))
                .hint(format!("the datasets are {}", names().collect::<Vec<_>>().join(", ")))
        })
    };
    typed.iter().map(find).collect()
}

fn parse_types(typed: &[String]) -> Result<Vec<String>, Failure> {
    let parsed = typed
        .iter()
        .map(|name| InstanceType::parse(&name.to_lowercase()).map(|name| name.as_str().to_string()));
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
fn parse_since(text: &str, named: &[&Dataset], now: Timestamp) -> Result<Timestamp, Failure> {
    let days = named.iter().filter_map(|dataset| dataset.origin.history).map(|history| history.kept_days);
    let days = days.min().unwrap_or_default();
    let found = domain::subtract_span(now, text).or_else(|| domain::parse_instant(text));
    let oldest = domain::subtract_span(now, &format!("{days}d"));
    found.filter(|since| *since < now && oldest.is_none_or(|oldest| *since >= oldest)).ok_or_else(|| {
        Failure::usage(format!(
            "--since \"{text}\" is out of range; expected a time or days within the {days} days that AWS keeps"
        ))
        .hint(format!("collector snapshot {} --since 30d", named.first().map_or("spot_price", |named| named.name)))
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
            let found =
                parse_since(text, &[catalog::built_in_dataset(name)], now).ok().map(|at| at.to_string());
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
        let found = typed(&["price", "zone"]).unwrap();
        assert_eq!(found.iter().map(|dataset| dataset.name).collect::<Vec<_>>(), ["price", "zone"]);
        assert!(typed(&["prices"]).unwrap_err().message.contains("the closest match is price"));
        assert!(typed(&["benchmark"]).is_err());
    }

    #[test]
    fn collects_datasets_that_cost_money_only_by_name() {
        let now = domain::parse_instant("2026-11-23").unwrap();
        let plain = plan_snapshot(&SnapshotArgs::default(), now).unwrap();
        let names = |datasets: &[&'static Dataset]| datasets.iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names(&plain.public), ["interruption", "price", "savings_plan", "spot_feed"]);
        let of_accounts = [
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
        assert_eq!(names(&plain.of_accounts), of_accounts);
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
