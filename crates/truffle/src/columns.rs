//! Columns of answers about instance types: their values, their order, and the format of prices.

use std::cmp::Ordering;

use catalog::{Field, Page, Value, ValueType};
use console::column_header;
use domain::{Decimal, Timestamp};

use crate::filter::{OfferCandidate, PriceUnit};
use crate::processors;

/// A column of answers about instance types.
pub(crate) struct OfferColumn {
    /// Key: in JSON, for `--columns` and for `--sort`.
    pub(crate) name: &'static str,
    ty: fn() -> ValueType,
    of: fn(&OfferCandidate) -> Value,
}

const fn column(name: &'static str, ty: fn() -> ValueType, of: fn(&OfferCandidate) -> Value) -> OfferColumn {
    OfferColumn { name, ty, of }
}

const TEXT: fn() -> ValueType = || ValueType::Text;
const TEXTS: fn() -> ValueType = || ValueType::List(Box::new(ValueType::Text));
const INT: fn() -> ValueType = || ValueType::Int;
const FLOAT: fn() -> ValueType = || ValueType::Float;
const BOOL: fn() -> ValueType = || ValueType::Bool;
const TIME: fn() -> ValueType = || ValueType::Timestamp;
const MONEY: fn() -> ValueType = || ValueType::Decimal(18, 10);

/// The columns. The first are those of the predecessor's `truffle find`, in its order.
pub(crate) const COLUMNS: &[OfferColumn] = &[
    column("instance_type", TEXT, |c| c.facts.instance_type.as_str().into()),
    column("region", TEXT, |c| c.offer.map(|o| o.region.clone()).into()),
    column("availability_zones", TEXTS, |c| c.offer.map(|o| o.az_ids.clone()).into()),
    column("vcpus", INT, |c| c.facts.vcpus.into()),
    column("physical_cores", INT, |c| c.facts.cores.into()),
    column("threads_per_core", INT, |c| c.facts.threads_per_core.into()),
    column("memory_mib", INT, |c| c.facts.memory_mib.into()),
    column("architecture", TEXT, |c| c.facts.arch.as_str().into()),
    column("instance_family", TEXT, |c| c.facts.family.as_str().into()),
    column("gpus", INT, |c| c.facts.gpus.into()),
    column("gpu_memory_mib", INT, |c| c.facts.gpu_memory_mib.into()),
    column("gpu_memory_per_gpu_mib", INT, |c| c.facts.gpu_memory_per_gpu_mib.into()),
    column("gpu_partition_size", FLOAT, |c| c.facts.gpu_partition_size.into()),
    column("logical_gpus", INT, |c| c.facts.gpus.into()),
    column("gpu_model", TEXT, |c| c.facts.gpu_model.clone().into()),
    column("gpu_manufacturer", TEXT, |c| c.facts.gpu_maker.clone().into()),
    column("on_demand_price", MONEY, |c| price(c).into()),
    column("nested_virtualization", BOOL, |c| {
        c.facts.processor_features.iter().any(|feature| feature == "nested-virtualization").into()
    }),
    // The columns below did not exist in the predecessor.
    column("price_currency", TEXT, |c| c.offer.and_then(|o| o.currency.clone()).into()),
    column("price_observed_at", TIME, |c| c.offer.and_then(|o| o.price_observed_at).into()),
    column("price_source", TEXT, |c| c.offer.and_then(|o| o.price_source.clone()).into()),
    column("price_basis", TEXT, |c| c.offer.and_then(|o| o.price_basis.clone()).into()),
    column("price_per_vcpu", MONEY, |c| share(c, PriceUnit::Vcpu).into()),
    column("price_per_gib", MONEY, |c| share(c, PriceUnit::Gib).into()),
    column("price_per_gpu", MONEY, |c| share(c, PriceUnit::Gpu).into()),
    column("generation", INT, |c| c.facts.generation.into()),
    column("current_generation", BOOL, |c| c.facts.current_generation.into()),
    column("cpu_maker", TEXT, |c| c.facts.cpu_maker.as_str().into()),
    column("processor", TEXT, |c| processors::of(&c.facts.family).map(|p| p.name).into()),
    column("clock_ghz", FLOAT, |c| c.facts.clock_ghz.into()),
    column("cuda_cores", INT, |c| c.facts.cuda_cores.into()),
    column("compute_capability", FLOAT, |c| c.facts.compute_capability.into()),
    column("gpu_memory_bandwidth_gbps", FLOAT, |c| c.facts.gpu_memory_bandwidth_gbps.into()),
    column("gpu_fp16_tflops", FLOAT, |c| c.facts.gpu_fp16_tflops.into()),
    column("inference_accelerators", INT, |c| c.facts.inference_accelerators.into()),
    column("inference_model", TEXT, |c| c.facts.inference_model.clone().into()),
    column("neuron_devices", INT, |c| c.facts.neuron_devices.into()),
    column("neuron_model", TEXT, |c| c.facts.neuron_model.clone().into()),
    column("neuron_cores", INT, |c| c.facts.neuron_cores.into()),
    column("fpgas", INT, |c| c.facts.fpgas.into()),
    column("media_accelerators", INT, |c| c.facts.media_accelerators.into()),
    column("network_performance", TEXT, |c| c.facts.network_performance.as_str().into()),
    column("network_baseline_gbps", FLOAT, |c| c.facts.network_baseline_gbps.into()),
    column("network_peak_gbps", FLOAT, |c| c.facts.network_peak_gbps.into()),
    column("network_interfaces", INT, |c| c.facts.network_interfaces.into()),
    column("efa", BOOL, |c| c.facts.efa.into()),
    column("ebs_baseline_mbps", INT, |c| c.facts.ebs_baseline_mbps.into()),
    column("ebs_baseline_iops", INT, |c| c.facts.ebs_baseline_iops.into()),
    column("storage_gb", INT, |c| c.facts.storage_gb.into()),
    column("storage_type", TEXT, |c| c.facts.storage_type.clone().into()),
    column("bare_metal", BOOL, |c| c.facts.bare_metal.into()),
    column("hypervisor", TEXT, |c| c.facts.hypervisor.clone().into()),
    column("burstable", BOOL, |c| c.facts.burstable.into()),
    column("hibernation", BOOL, |c| c.facts.hibernation.into()),
    column("free_tier", BOOL, |c| c.facts.free_tier.into()),
    column("usage_classes", TEXTS, |c| c.facts.usage_classes.clone().into()),
];

/// The columns of CSV output, which has a stable format of its own.
const CSV: &[&str] = &[
    "instance_type",
    "region",
    "vcpus",
    "memory_gib",
    "architecture",
    "on_demand_price",
    "availability_zones",
];

/// Memory in GiB, the only column of CSV output that is not in `COLUMNS`.
const MEMORY_GIB: OfferColumn = column("memory_gib", FLOAT, |c| c.facts.memory_gib().into());

impl OfferColumn {
    /// Returns the column's value for a candidate.
    pub(crate) fn value(&self, candidate: &OfferCandidate) -> Value {
        (self.of)(candidate)
    }

    /// Returns the column's field in a page.
    pub(crate) fn field(&self) -> Field {
        Field::new(self.name, (self.ty)())
    }

    /// Returns the column's heading for people. Memory is shown in GiB.
    pub(crate) fn heading(&self) -> String {
        column_header(self.name).replace("(MiB)", "(GiB)")
    }

    /// Returns heading and value for a table with one row per column. Memory is shown in GiB.
    pub(crate) fn line(&self, value: &Value) -> (String, String) {
        let heading = self.heading();
        match value {
            Value::Int(mib) if self.name.ends_with("_mib") => (heading, domain::mib_to_gib(*mib).to_string()),
            other => (heading, plain(other)),
        }
    }

    /// Whether the column depends on the region.
    pub(crate) fn depends_on_region(&self) -> bool {
        self.is_price()
            || self.name.starts_with("price_")
            || matches!(self.name, "region" | "availability_zones")
    }

    /// Whether the column is a price, also per unit.
    pub(crate) fn is_price(&self) -> bool {
        (self.ty)() == MONEY()
    }
}

/// Returns the column with this key.
pub(crate) fn find(name: &str) -> Option<&'static OfferColumn> {
    COLUMNS.iter().chain([&MEMORY_GIB]).find(|column| column.name == name)
}

fn price(candidate: &OfferCandidate) -> Option<Decimal> {
    candidate.offer.and_then(|offer| offer.price_per_hour)
}

/// Returns the price per unit, rounded to the 10 decimals of stored prices.
fn share(candidate: &OfferCandidate, per: PriceUnit) -> Option<Decimal> {
    Some(per.of(price(candidate)?, candidate.facts)?.round_dp(10).normalize())
}

fn page_of(columns: &[&OfferColumn], candidates: &[OfferCandidate]) -> Page {
    Page {
        fields: columns.iter().map(|column| column.field()).collect(),
        rows: candidates.iter().map(|c| columns.iter().map(|column| column.value(c)).collect()).collect(),
    }
}

/// Returns the rows with every column.
pub(crate) fn page(candidates: &[OfferCandidate]) -> Page {
    page_of(&COLUMNS.iter().collect::<Vec<_>>(), candidates)
}

/// Returns the rows with the columns of CSV output.
pub(crate) fn csv(candidates: &[OfferCandidate]) -> Page {
    let columns: Vec<&OfferColumn> = CSV.iter().filter_map(|name| find(name)).collect();
    page_of(&columns, candidates)
}

/// Formats a price for a table: `$0.2016`, followed by its month when it is older than 90 days.
pub(crate) fn price_cell(amount: Option<Decimal>, candidate: &OfferCandidate, now: Timestamp) -> String {
    let Some((amount, offer)) = amount.zip(candidate.offer) else { return "unknown".into() };
    let shown = money_cell(amount, offer.currency.as_deref());
    match offer.price_observed_at {
        Some(seen) if now.as_second() - seen.as_second() > 90 * 24 * 3600 => {
            format!("{shown} ({})", &seen.to_string()[..7])
        }
        _ => shown,
    }
}

/// Formats a price with its currency: `$0.2016`, `CNY 0.90`.
pub(crate) fn money_cell(amount: Decimal, currency: Option<&str>) -> String {
    with_currency(money(amount), currency)
}

/// Formats a price with its currency and all digits of the source.
pub(crate) fn exact_money_cell(amount: Decimal, currency: Option<&str>) -> String {
    with_currency(exact_money(amount), currency)
}

fn with_currency(number: String, currency: Option<&str>) -> String {
    match currency {
        Some("USD") => format!("${number}"),
        Some(currency) => format!("{currency} {number}"),
        None => number,
    }
}

/// Formats an amount with two to five decimals, as AWS writes prices.
fn money(amount: Decimal) -> String {
    let mut amount = amount.round_dp(5).normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

/// Formats an amount with all its digits, at least two decimals.
pub(crate) fn exact_money(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

/// Formats a value for a table cell.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Decimal(number) => number.normalize().to_string(),
        Value::Text(text) => text.clone(),
        Value::Timestamp(instant) => instant.to_string(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        _ => "-".into(),
    }
}

/// Compares two values. Unknown values come last in both directions.
pub(crate) fn order(a: &Value, b: &Value, descending: bool) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        _ if descending => known_order(b, a),
        _ => known_order(a, b),
    }
}

fn known_order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => a.len().cmp(&b.len()),
        // A column has one type, so no other pair occurs.
        _ => Ordering::Equal,
    }
}

/// Default order, also for rows that are otherwise equal: by family, then from small to large.
pub(crate) fn compare_by_default(a: &OfferCandidate, b: &OfferCandidate) -> Ordering {
    let key = |c: &OfferCandidate| {
        let facts = c.facts;
        (facts.family.clone(), facts.vcpus, facts.memory_mib, facts.instance_type.clone())
    };
    let region = |c: &OfferCandidate| c.offer.map(|offer| offer.region.clone());
    key(a).cmp(&key(b)).then_with(|| region(a).cmp(&region(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::sample;

    #[test]
    fn headings_differ() {
        let headings: std::collections::BTreeSet<String> =
            COLUMNS.iter().map(|column| column.line(&Value::Null).0).collect();
        assert_eq!(headings.len(), COLUMNS.len());
        assert_eq!(CSV.iter().filter_map(|name| find(name)).count(), CSV.len());
    }

    #[test]
    fn an_old_price_shows_its_month() {
        let (facts, offers) = (sample::facts(), sample::offers());
        let offer = offers.iter().find(|offer| offer.instance_type == "m7i.xlarge").unwrap();
        let candidate = OfferCandidate { facts: &facts[0], offer: Some(offer) };
        let check = |amount: Option<&str>, now: &str, expected: &str| {
            let amount = amount.map(|text| text.parse().unwrap());
            assert_eq!(price_cell(amount, &candidate, now.parse().unwrap()), expected);
        };
        check(Some("0.2016"), "2025-03-04T00:00:00Z", "$0.2016");
        check(Some("0.2016"), "2025-06-01T00:00:00Z", "$0.2016 (2025-03)");
        check(Some("2.0000000000"), "2025-03-04T00:00:00Z", "$2.00");
        check(Some("0.0041666666"), "2025-03-04T00:00:00Z", "$0.00417");
        check(None, "2025-03-04T00:00:00Z", "unknown");
    }

    #[test]
    fn unknown_values_come_last_in_both_directions() {
        let sorted = |descending: bool| {
            let mut values = vec![Value::Null, Value::Int(2), Value::Int(1)];
            values.sort_by(|a, b| order(a, b, descending));
            values
        };
        assert_eq!(sorted(false), [Value::Int(1), Value::Int(2), Value::Null]);
        assert_eq!(sorted(true), [Value::Int(2), Value::Int(1), Value::Null]);
    }
}
