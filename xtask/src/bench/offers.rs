//! Offer files of full size in the real layout: every type of the seed, by system, tenancy,
//! capacity status and lease. The prices are invented, and the same in every run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::TaskError;

/// Header of the CSV, as of 2025-09.
const HEADER: &str = include_str!("offer_header.csv");

/// Operating system, licence, software, operation.
const SYSTEMS: &[[&str; 4]] = &[
    ["Linux", "No License required", "NA", ""],
    ["RHEL", "No License required", "NA", ":0010"],
    ["Red Hat Enterprise Linux with HA", "No License required", "NA", ":1010"],
    ["SUSE", "No License required", "NA", ":000g"],
    ["Ubuntu Pro", "No License required", "NA", ":0g00"],
    ["Windows", "No License required", "NA", ":0002"],
    ["Windows", "Bring your own license", "NA", ":0800"],
    ["Windows", "No License required", "SQL Std", ":0006"],
    ["Windows", "No License required", "SQL Ent", ":0102"],
    ["Windows", "No License required", "SQL Web", ":0202"],
    ["Linux", "No License required", "SQL Std", ":0004"],
    ["RHEL", "No License required", "SQL Web", ":0210"],
];

/// Term code, lease, class, payment.
const LEASES: &[[&str; 4]] = &[
    ["4NA7Y494T4", "1yr", "standard", "No Upfront"],
    ["HU7G6KETJZ", "1yr", "standard", "Partial Upfront"],
    ["6QCMYABX3D", "1yr", "standard", "All Upfront"],
    ["7NE97W5U4E", "1yr", "convertible", "No Upfront"],
    ["CUZHX8X6JH", "1yr", "convertible", "Partial Upfront"],
    ["VJWZNREJX2", "1yr", "convertible", "All Upfront"],
    ["BPH4J8HBKS", "3yr", "standard", "No Upfront"],
    ["38NPMPTW36", "3yr", "standard", "Partial Upfront"],
    ["NQ3QZPMQV9", "3yr", "standard", "All Upfront"],
    ["Z2E3P23VKM", "3yr", "convertible", "No Upfront"],
    ["R5XV2EPZQZ", "3yr", "convertible", "Partial Upfront"],
    ["MZU6U2429S", "3yr", "convertible", "All Upfront"],
];

const CAPACITY: [&str; 3] = ["Used", "UnusedCapacityReservation", "AllocatedCapacityReservation"];

/// A product, with the fields of both layouts.
struct OfferProduct<'a> {
    sku: String,
    instance_type: &'a str,
    tenancy: &'a str,
    system: &'a [&'a str; 4],
    capacity: &'a str,
    /// On-demand price per hour, 10⁻¹⁰ USD.
    hourly: u64,
}

impl OfferProduct<'_> {
    fn usage_type(&self) -> String {
        let kind = match (self.capacity, self.tenancy) {
            ("Used", "Shared") => "BoxUsage",
            ("Used", _) => "DedicatedUsage",
            ("UnusedCapacityReservation", "Shared") => "UnusedBox",
            ("UnusedCapacityReservation", _) => "UnusedDed",
            _ => "Reservation",
        };
        format!("{kind}:{}", self.instance_type)
    }

    fn on_demand(&self) -> u64 {
        if self.capacity == "AllocatedCapacityReservation" { 0 } else { self.hourly }
    }
}

fn dollars(price: u64) -> String {
    format!("{}.{:010}", price / 10_000_000_000, price % 10_000_000_000)
}

/// Returns an SKU for a number: equal for equal numbers, different for different ones.
fn sku(number: u64) -> String {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635;
    (0..16)
        .map(|_| {
            let letter = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ"[(mixed % 31) as usize] as char;
            mixed = mixed.rotate_left(17).wrapping_mul(0xff51_afd7_ed55_8ccd) ^ number;
            letter
        })
        .collect()
}

fn products<'a>(number: usize, instance_type: &'a str) -> Vec<OfferProduct<'a>> {
    let mut products = Vec::new();
    for tenancy in ["Shared", "Dedicated"] {
        for system in SYSTEMS {
            for capacity in CAPACITY {
                let at = (number * 1000 + products.len()) as u64;
                let hourly = 100_000_000 + (at.wrapping_mul(7_919) % 900_000) * 100_000;
                products.push(OfferProduct {
                    sku: sku(at),
                    instance_type,
                    tenancy,
                    system,
                    capacity,
                    hourly,
                });
            }
        }
    }
    products
}

/// Writes the CSV of one region with about `bytes` bytes. Returns its true size, bytes.
pub(super) fn csv(path: &Path, types: &[String], bytes: u64) -> Result<u64, TaskError> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    let mut written = 0;
    let mut text = format!(
        "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"made up for a benchmark\"\n\
         \"Publication Date\",\"2025-09-12T22:53:08Z\"\n\"Version\",\"20250912225308\"\n\
         \"OfferCode\",\"AmazonEC2\"\n{HEADER}"
    );
    for (number, instance_type) in types.iter().enumerate() {
        for product in products(number, instance_type) {
            rates(&product, &mut text);
        }
        written += text.len() as u64;
        out.write_all(text.as_bytes()).map_err(failed)?;
        text.clear();
        if written >= bytes {
            break;
        }
    }
    out.flush().map_err(failed)?;
    Ok(written)
}

fn rates(product: &OfferProduct<'_>, text: &mut String) {
    let [os, licence, software, operation] = product.system;
    let (sku, name, tenancy) = (&product.sku, product.instance_type, product.tenancy);
    let about = format!(
        "\"Compute Instance\",\"AmazonEC2\",\"US East (N. Virginia)\",\"AWS Region\",\"{name}\",\"Yes\",\
         \"Compute optimized\",\"2\",\"Intel Xeon 8375C (Ice Lake)\",\"3.5 GHz\",\"4 GiB\",\"EBS only\",\
         \"Up to 12500 Megabit\",\"64-bit\",,,,,,,,\"{tenancy}\",,\"{os}\",\"{licence}\",,,,,,,,\"{}\",\
         \"RunInstances{operation}\",\"NA\",\"{}\",\"false\",\"Up to 10000 Mbps\",\"NA\",,\"Yes\",,,\"NA\",\
         ,,,,,,,,,,,,,,\"Yes\",\"Yes\",\"Yes\",\"OnDemand\",\"4\",,\"{software}\",\
         \"Intel AVX; Intel AVX2; Intel AVX512; Intel Turbo\",,\"us-east-1\",,\"Amazon Elastic Compute Cloud\",,,,\"true\"\n",
        product.usage_type(),
        product.capacity,
    );
    text.push_str(&format!(
        "\"{sku}\",\"JRTCKXETXF\",\"{sku}.JRTCKXETXF.6YS6EN2CT7\",\"OnDemand\",\"$ per {os} {name} Instance Hour\",\
         \"2025-09-01\",\"0\",\"Inf\",\"Hrs\",\"{}\",\"USD\",,,,,{about}",
        dollars(product.on_demand())
    ));
    for (at, [code, lease, class, payment]) in
        LEASES.iter().enumerate().filter(|_| product.capacity == "Used")
    {
        let (hourly, upfront) = lease_price(product, at);
        text.push_str(&format!(
            "\"{sku}\",\"{code}\",\"{sku}.{code}.6YS6EN2CT7\",\"Reserved\",\"{os}, {name} reserved instance applied\",\
             \"2025-09-12\",\"0\",\"Inf\",\"Hrs\",\"{}\",\"USD\",,\"{lease}\",\"{payment}\",\"{class}\",{about}",
            dollars(hourly)
        ));
        if let Some(upfront) = upfront {
            text.push_str(&format!(
                "\"{sku}\",\"{code}\",\"{sku}.{code}.2TG2D8R56U\",\"Reserved\",\"Upfront Fee\",\"2025-09-12\",,,\
                 \"Quantity\",\"{upfront}\",\"USD\",,\"{lease}\",\"{payment}\",\"{class}\",{about}"
            ));
        }
    }
}

/// Returns the hourly rate, 10⁻¹⁰ USD, and the upfront fee, USD, of a lease.
fn lease_price(product: &OfferProduct<'_>, at: usize) -> (u64, Option<u64>) {
    let upfront = 100 + product.hourly / 100_000_000 + at as u64;
    match at % 3 {
        0 => (product.hourly * 2 / 3, None),
        1 => (product.hourly / 3, Some(upfront)),
        _ => (0, Some(2 * upfront)),
    }
}

/// Writes the JSON of one region with about `bytes` bytes. Returns its true size, bytes.
pub(super) fn json(path: &Path, types: &[String], bytes: u64) -> Result<u64, TaskError> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    let (mut kept, mut size) = (0, 0);
    while kept < types.len() && size < bytes {
        for product in products(kept, &types[kept]) {
            size +=
                (attributes(&product).len() + on_demand(&product).len() + reserved(&product).len()) as u64;
        }
        kept += 1;
    }
    let types = &types[..kept];
    let mut written = 0;
    let mut put = |text: &str| {
        written += text.len() as u64;
        out.write_all(text.as_bytes()).map_err(failed)
    };
    put(
        "{\n  \"formatVersion\" : \"v1.0\",\n  \"disclaimer\" : \"made up for a benchmark\",\n  \"offerCode\" : \"AmazonEC2\",\n  \
         \"version\" : \"20250912225308\",\n  \"publicationDate\" : \"2025-09-12T22:53:08Z\",\n  \"products\" : {\n",
    )?;
    section(types, &mut put, attributes)?;
    put("  },\n  \"terms\" : {\n    \"OnDemand\" : {\n")?;
    section(types, &mut put, on_demand)?;
    put("    },\n    \"Reserved\" : {\n")?;
    section(types, &mut put, reserved)?;
    put("    }\n  },\n  \"attributesList\" : { }\n}\n")?;
    out.flush().map_err(failed)?;
    Ok(written)
}

fn section(
    types: &[String],
    put: &mut dyn FnMut(&str) -> Result<(), TaskError>,
    one: fn(&OfferProduct<'_>) -> String,
) -> Result<(), TaskError> {
    let mut comma = "";
    for (number, instance_type) in types.iter().enumerate() {
        for product in products(number, instance_type) {
            let text = one(&product);
            if !text.is_empty() {
                put(comma)?;
                put(&text)?;
                comma = ",\n";
            }
        }
    }
    put("\n")
}

fn attributes(product: &OfferProduct<'_>) -> String {
    let [os, licence, software, operation] = product.system;
    format!(
        "    \"{sku}\" : {{\n      \"sku\" : \"{sku}\",\n      \"productFamily\" : \"Compute Instance\",\n      \"attributes\" : {{\n        \
         \"servicecode\" : \"AmazonEC2\",\n        \"location\" : \"US East (N. Virginia)\",\n        \"locationType\" : \"AWS Region\",\n        \
         \"instanceType\" : \"{name}\",\n        \"currentGeneration\" : \"Yes\",\n        \"instanceFamily\" : \"Compute optimized\",\n        \
         \"vcpu\" : \"2\",\n        \"physicalProcessor\" : \"Intel Xeon 8375C (Ice Lake)\",\n        \"clockSpeed\" : \"3.5 GHz\",\n        \
         \"memory\" : \"4 GiB\",\n        \"storage\" : \"EBS only\",\n        \"networkPerformance\" : \"Up to 12500 Megabit\",\n        \
         \"processorArchitecture\" : \"64-bit\",\n        \"tenancy\" : \"{tenancy}\",\n        \"operatingSystem\" : \"{os}\",\n        \
         \"licenseModel\" : \"{licence}\",\n        \"usagetype\" : \"{usage}\",\n        \"operation\" : \"RunInstances{operation}\",\n        \
         \"availabilityzone\" : \"NA\",\n        \"capacitystatus\" : \"{capacity}\",\n        \"classicnetworkingsupport\" : \"false\",\n        \
         \"dedicatedEbsThroughput\" : \"Up to 10000 Mbps\",\n        \"ecu\" : \"NA\",\n        \"enhancedNetworkingSupported\" : \"Yes\",\n        \
         \"gpuMemory\" : \"NA\",\n        \"intelAvx2Available\" : \"Yes\",\n        \"intelAvxAvailable\" : \"Yes\",\n        \
         \"intelTurboAvailable\" : \"Yes\",\n        \"marketoption\" : \"OnDemand\",\n        \"normalizationSizeFactor\" : \"4\",\n        \
         \"preInstalledSw\" : \"{software}\",\n        \"processorFeatures\" : \"Intel AVX; Intel AVX2; Intel AVX512; Intel Turbo\",\n        \
         \"regionCode\" : \"us-east-1\",\n        \"servicename\" : \"Amazon Elastic Compute Cloud\",\n        \"vpcnetworkingsupport\" : \"true\"\n      }}\n    }}",
        sku = product.sku,
        name = product.instance_type,
        tenancy = product.tenancy,
        usage = product.usage_type(),
        capacity = product.capacity,
    )
}

fn on_demand(product: &OfferProduct<'_>) -> String {
    let term = term(product, "JRTCKXETXF", &[("6YS6EN2CT7", "Hrs", dollars(product.on_demand()))], "");
    format!("      \"{}\" : {{\n{term}\n      }}", product.sku)
}

fn reserved(product: &OfferProduct<'_>) -> String {
    if product.capacity != "Used" {
        return String::new();
    }
    let one = |(at, [code, lease, class, payment]): (usize, &[&str; 4])| {
        let (hourly, upfront) = lease_price(product, at);
        let mut rates = vec![("6YS6EN2CT7", "Hrs", dollars(hourly))];
        rates.extend(upfront.map(|upfront| ("2TG2D8R56U", "Quantity", upfront.to_string())));
        let about = format!(
            "\n            \"LeaseContractLength\" : \"{lease}\",\n            \"OfferingClass\" : \"{class}\",\n            \"PurchaseOption\" : \"{payment}\"\n          "
        );
        term(product, code, &rates, &about)
    };
    let terms: Vec<String> = LEASES.iter().enumerate().map(one).collect();
    format!("      \"{}\" : {{\n{}\n      }}", product.sku, terms.join(",\n"))
}

fn term(product: &OfferProduct<'_>, code: &str, rates: &[(&str, &str, String)], about: &str) -> String {
    let (sku, name) = (&product.sku, product.instance_type);
    let rate = |(suffix, unit, amount): &(&str, &str, String)| {
        format!(
            "            \"{sku}.{code}.{suffix}\" : {{\n              \"rateCode\" : \"{sku}.{code}.{suffix}\",\n              \
             \"description\" : \"$ per {} {name} Instance Hour\",\n              \"beginRange\" : \"0\",\n              \"endRange\" : \"Inf\",\n              \
             \"unit\" : \"{unit}\",\n              \"pricePerUnit\" : {{\n                \"USD\" : \"{amount}\"\n              }},\n              \"appliesTo\" : [ ]\n            }}",
            product.system[0]
        )
    };
    let rates: Vec<String> = rates.iter().map(rate).collect();
    format!(
        "        \"{sku}.{code}\" : {{\n          \"offerTermCode\" : \"{code}\",\n          \"sku\" : \"{sku}\",\n          \
         \"effectiveDate\" : \"2025-09-01T00:00:00Z\",\n          \"priceDimensions\" : {{\n{}\n          }},\n          \"termAttributes\" : {{{about}}}\n        }}",
        rates.join(",\n")
    )
}
