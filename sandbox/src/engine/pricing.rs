//! The price list: on-demand prices of Linux with shared tenancy.

use domain::Decimal;
use serde_json::{Value, json};

use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, RegionView, derived_fraction};
use crate::wire::{JsonMembers, with_token};

/// The attributes of products, as DescribeServices lists them.
const ATTRIBUTES: [&str; 22] = [
    "capacitystatus",
    "clockSpeed",
    "currentGeneration",
    "instanceType",
    "licenseModel",
    "location",
    "locationType",
    "marketoption",
    "memory",
    "networkPerformance",
    "operatingSystem",
    "operation",
    "physicalProcessor",
    "preInstalledSw",
    "processorArchitecture",
    "regionCode",
    "servicecode",
    "servicename",
    "storage",
    "tenancy",
    "usagetype",
    "vcpu",
];

/// The start date of all prices; the lake has none for them.
const EFFECTIVE: &str = "2026-01-01T00:00:00Z";

fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", why)
}

/// One filter of GetProducts.
struct PriceListFilter<'a> {
    kind: &'a str,
    field: &'a str,
    value: &'a str,
}

impl RegionView<'_> {
    /// Answers a call of the price list.
    pub(crate) fn pricing(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        self.allow_any(&format!("pricing:{action}"))?;
        let refusals = ("InvalidParameterException", "InvalidNextTokenException");
        if !["DescribeServices", "GetProducts"].contains(&action) {
            return Err(unknown_json_action());
        }
        if input.text("FormatVersion")?.is_some_and(|version| version != "aws_v1") {
            return Err(invalid("FormatVersion must be aws_v1"));
        }
        let (name, rows) = match action {
            "DescribeServices" => {
                let known = input.text("ServiceCode")?.is_none_or(|code| code == "AmazonEC2");
                if !known {
                    return Err(invalid("The sandbox serves the service code AmazonEC2 only"));
                }
                ("Services", vec![json!({ "ServiceCode": "AmazonEC2", "AttributeNames": ATTRIBUTES })])
            }
            _ => ("PriceList", self.products(input)?),
        };
        let (rows, next) = self.json_page(input, rows, "NextToken", 100, refusals)?;
        Ok(with_token(json!({ "FormatVersion": "aws_v1", name: rows }), "NextToken", next))
    }

    /// Returns the matching products, each as a string of JSON.
    fn products(&self, input: &JsonMembers<'_>) -> ApiResult<Vec<Value>> {
        let mut wanted = Vec::new();
        for filter in input.list("Filters")? {
            let kind = filter.need("Type")?;
            if !["TERM_MATCH", "EQUALS", "CONTAINS", "ANY_OF", "NONE_OF"].contains(&kind) {
                return Err(invalid(format!("{kind} is not a valid filter type")));
            }
            wanted.push(PriceListFilter { kind, field: filter.need("Field")?, value: filter.need("Value")? });
        }
        if wanted.len() > 50 {
            return Err(invalid("A call can have at most 50 filters"));
        }
        if input.need("ServiceCode")? != "AmazonEC2" {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for (region, prices) in &self.facts.prices {
            for (name, price) in prices {
                let product = self.product(region, name, *price);
                if wanted.iter().all(|wanted| fits(&product, wanted)) {
                    rows.push(Value::String(product.to_string()));
                }
            }
        }
        Ok(rows)
    }

    fn product(&self, region: &str, name: &str, price: Decimal) -> Value {
        let sku = sku(region, name);
        let term = format!("{sku}.JRTCKXETXF");
        let rate = format!("{term}.6YS6EN2CT7");
        let metal = name.contains(".metal");
        json!({
            "product": {
                "productFamily": if metal { "Compute Instance (bare metal)" } else { "Compute Instance" },
                "sku": sku, "attributes": self.attributes(region, name),
            },
            "serviceCode": "AmazonEC2",
            "terms": { "OnDemand": { term: {
                "sku": sku, "offerTermCode": "JRTCKXETXF", "effectiveDate": EFFECTIVE, "termAttributes": {},
                "priceDimensions": { rate.clone(): {
                    "rateCode": rate, "unit": "Hrs", "beginRange": "0", "endRange": "Inf", "appliesTo": [],
                    "description": format!("${} per On Demand Linux {name} Instance Hour", price.normalize()),
                    "pricePerUnit": { "USD": format!("{price:.10}") },
                } },
            } } },
            "version": "sandbox", "publicationDate": EFFECTIVE,
        })
    }

    fn attributes(&self, region: &str, name: &str) -> Value {
        let location = self.facts.regions.get(region).map_or(region, |fact| &fact.name);
        let mut all = json!({
            "servicecode": "AmazonEC2", "servicename": "Amazon Elastic Compute Cloud", "instanceType": name,
            "location": location, "locationType": "AWS Region", "regionCode": region, "operatingSystem": "Linux",
            "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand",
            "licenseModel": "No License required", "operation": "RunInstances",
            "usagetype": usage_type(region, name, false),
        });
        let Some(kind) = self.facts.types.get(name) else { return all };
        all["vcpu"] = kind.vcpus.to_string().into();
        all["memory"] = format!("{} GiB", domain::mib_to_gib(kind.memory_mib)).into();
        all["currentGeneration"] = if kind.current_generation { "Yes" } else { "No" }.into();
        all["networkPerformance"] = kind.network_performance.as_str().into();
        all["processorArchitecture"] = "64-bit".into();
        all["storage"] = match (kind.storage_disks, kind.storage_disk_gb) {
            (0, _) | (_, None) => "EBS only".to_string(),
            (disks, Some(size)) => format!("{disks} x {size} GB"),
        }
        .into();
        if let Some(clock) = kind.clock_ghz {
            all["clockSpeed"] = format!("{clock} GHz").into();
        }
        all
    }
}

/// Returns a usage type such as `BoxUsage:m5.large`. AWS prefixes it with its short name of the
/// region. The sandbox uses the region's code instead, because no client may parse a region from
/// it.
pub(crate) fn usage_type(region: &str, name: &str, spot: bool) -> String {
    let kind = if spot { "SpotUsage" } else { "BoxUsage" };
    match region {
        "us-east-1" => format!("{kind}:{name}"),
        _ => format!("{region}-{kind}:{name}"),
    }
}

/// Returns an SKU of 16 letters and digits, derived from the names.
fn sku(region: &str, name: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKMNPQRSTUVWXYZ234567890";
    let half = |salt: &str| {
        let number = (derived_fraction(0, &[region, name, salt]) * (1u64 << 40) as f64) as u64;
        (0..8).map(move |at| char::from(LETTERS[(number >> (5 * at)) as usize % 32]))
    };
    half("first").chain(half("second")).collect()
}

fn fits(product: &Value, wanted: &PriceListFilter<'_>) -> bool {
    let has = match wanted.field {
        "productFamily" | "sku" => &product["product"][wanted.field],
        "ServiceCode" => &product["serviceCode"],
        field => &product["product"]["attributes"][field],
    };
    let has = has.as_str();
    let same = |one: &str| has.is_some_and(|has| has.eq_ignore_ascii_case(one.trim()));
    match wanted.kind {
        "CONTAINS" => {
            has.is_some_and(|has| has.to_ascii_lowercase().contains(&wanted.value.to_ascii_lowercase()))
        }
        "ANY_OF" => wanted.value.split(',').any(same),
        "NONE_OF" => !wanted.value.split(',').any(same),
        _ => same(wanted.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_type_matches_its_values() {
        let product = json!({"serviceCode": "AmazonEC2", "product": {"sku": "A", "attributes": {"tenancy": "Shared", "memory": "8 GiB"}}});
        let check = |kind, field, value, expected| {
            assert_eq!(
                fits(&product, &PriceListFilter { kind, field, value }),
                expected,
                "{kind} {field} {value}"
            );
        };
        check("TERM_MATCH", "tenancy", "shared", true);
        check("EQUALS", "tenancy", "Host", false);
        check("EQUALS", "gpu", "1", false);
        check("CONTAINS", "memory", "gib", true);
        check("ANY_OF", "tenancy", "Host, Shared", true);
        check("NONE_OF", "tenancy", "Host,Dedicated", true);
        check("NONE_OF", "tenancy", "Shared", false);
        check("TERM_MATCH", "sku", "A", true);
    }

    #[test]
    fn skus_are_unique_and_16_characters_long() {
        let names = [("us-east-1", "m5.large"), ("us-east-2", "m5.large"), ("us-east-1", "m5.xlarge")];
        let skus: std::collections::BTreeSet<String> = names.iter().map(|(r, n)| sku(r, n)).collect();
        assert_eq!(skus.len(), 3);
        assert!(skus.iter().all(|sku| sku.len() == 16));
    }
}
