use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, RegionView, SandboxInstance};
use crate::wire::{JsonMembers, with_token};

/// Quotas of running vCPUs: code, name, whether for spot, the family letters that count, and the
/// limit. Codes and names are from "Amazon EC2 service quotas". The limits are the sandbox's own; a
/// scenario can set others.
const QUOTAS: [(&str, &str, bool, &[&str], f64); 12] = [
    (
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        false,
        STANDARD,
        256.0,
    ),
    ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", true, STANDARD, 256.0),
    ("L-DB2E81BA", "Running On-Demand G and VT instances", false, &["g", "gr", "vt"], 64.0),
    ("L-3819A6DF", "All G and VT Spot Instance Requests", true, &["g", "gr", "vt"], 64.0),
    ("L-417A185B", "Running On-Demand P instances", false, &["p"], 192.0),
    ("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", true, &["p"], 192.0),
    ("L-1945791B", "Running On-Demand Inf instances", false, &["inf"], 64.0),
    ("L-B5D1601B", "All Inf Spot Instance Requests", true, &["inf"], 64.0),
    ("L-2C3B7624", "Running On-Demand Trn instances", false, &["trn"], 128.0),
    ("L-6B0D517C", "All Trn Spot Instance Requests", true, &["trn"], 128.0),
    ("L-74FC7D96", "Running On-Demand F instances", false, &["f"], 0.0),
    ("L-7295265B", "Running On-Demand X instances", false, &["x"], 128.0),
];
const STANDARD: &[&str] = &["a", "c", "d", "h", "i", "m", "r", "t", "z", "im", "is"];

type VcpuQuota = (&'static str, &'static str, bool, &'static [&'static str], f64);

/// Returns the letters before the first digit: `m` of `m7i.large`, `inf` of `inf2.xlarge`.
fn letters(name: &str) -> &str {
    let end = name.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(name.len());
    &name[..end]
}

fn quota_of(name: &str, spot: bool) -> Option<&'static VcpuQuota> {
    QUOTAS.iter().find(|(_, _, for_spot, families, _)| *for_spot == spot && families.contains(&letters(name)))
}

impl RegionView<'_> {
    fn limit(&self, quota: &VcpuQuota) -> f64 {
        self.rules.quotas.get(quota.0).copied().unwrap_or(quota.4)
    }

    fn vcpus(&self, name: &str) -> i64 {
        self.facts.types.get(name).map_or(1, |kind| kind.vcpus)
    }

    fn in_use(&self, quota: &VcpuQuota) -> i64 {
        // Counted by type first, because there are many instances and few types.
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        let up = |found: &&SandboxInstance| found.state.is_up() && found.spot_request.is_some() == quota.2;
        for found in self.here.instances.values().filter(up) {
            *counts.entry(&found.instance_type).or_default() += 1;
        }
        for (name, count) in if quota.2 { Vec::new() } else { self.reserved() } {
            *counts.entry(name).or_default() += i64::from(count);
        }
        let counted = counts.into_iter().filter(|(name, _)| quota.3.contains(&letters(name)));
        counted.map(|(name, count)| self.vcpus(name) * count).sum()
    }

    /// Returns how many more instances of a type the quota allows.
    pub(crate) fn quota_left(&self, name: &str, spot: bool) -> i64 {
        let Some(quota) = quota_of(name, spot) else { return i64::MAX };
        let left = self.limit(quota) as i64 - self.in_use(quota);
        left.max(0) / self.vcpus(name).max(1)
    }

    /// Fails if the quota does not allow `count` more instances.
    pub(crate) fn within_quota(&self, name: &str, count: i64, spot: bool) -> ApiResult<()> {
        if self.quota_left(name, spot) >= count {
            return Ok(());
        }
        let limit = quota_of(name, spot).map_or(0.0, |quota| self.limit(quota));
        Err(if spot {
            ApiError::new("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        } else {
            ApiError::new(
                "VcpuLimitExceeded",
                format!(
                    "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
                ),
            )
        })
    }

    /// Answers a call of Service Quotas.
    pub(crate) fn service_quotas(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        self.allow_any(&format!("servicequotas:{action}"))?;
        let name = "Amazon Elastic Compute Cloud (Amazon EC2)";
        let refusals = ("IllegalArgumentException", "InvalidPaginationTokenException");
        if action == "ListServices" {
            let all = vec![json!({ "ServiceCode": "ec2", "ServiceName": name })];
            let (rows, next) = self.json_page(input, all, "NextToken", 100, refusals)?;
            return Ok(with_token(json!({ "Services": rows }), "NextToken", next));
        }
        if input.need("ServiceCode")? != "ec2" {
            return Err(unknown_quota());
        }
        let node = |quota: &VcpuQuota, value: f64| {
            json!({
                "ServiceCode": "ec2", "ServiceName": name,
                "QuotaCode": quota.0, "QuotaName": quota.1, "Value": value, "Unit": "None",
                "QuotaArn": self.arn("servicequotas", &format!("ec2/{}", quota.0)),
                "Adjustable": true, "GlobalQuota": false, "QuotaAppliedAtLevel": "ACCOUNT",
            })
        };
        let level = |input: &JsonMembers<'_>, name: &str| match input.text(name)? {
            None | Some("ACCOUNT" | "ALL") => Ok(()),
            Some(other) => Err(ApiError::new(
                "IllegalArgumentException",
                format!("The sandbox has account-level quotas only, not the level {other}"),
            )),
        };
        match action {
            "ListServiceQuotas" | "ListAWSDefaultServiceQuotas" => {
                let applied = action == "ListServiceQuotas";
                let wanted = if applied { input.text("QuotaCode")? } else { None };
                level(input, "QuotaAppliedAtLevel")?;
                let value = |quota: &VcpuQuota| if applied { self.limit(quota) } else { quota.4 };
                let all: Vec<Value> = QUOTAS
                    .iter()
                    .filter(|quota| wanted.is_none_or(|code| code == quota.0))
                    .map(|quota| node(quota, value(quota)))
                    .collect();
                let (rows, next) = self.json_page(input, all, "NextToken", 100, refusals)?;
                Ok(with_token(json!({ "Quotas": rows }), "NextToken", next))
            }
            "GetServiceQuota" | "GetAWSDefaultServiceQuota" => {
                let code = input.need("QuotaCode")?;
                let quota = QUOTAS.iter().find(|quota| quota.0 == code).ok_or_else(unknown_quota)?;
                let value = if action == "GetServiceQuota" { self.limit(quota) } else { quota.4 };
                Ok(json!({ "Quota": node(quota, value) }))
            }
            _ => Err(unknown_json_action()),
        }
    }
}

fn unknown_quota() -> ApiError {
    ApiError::new(
        "NoSuchResourceException",
        "The request failed because the specified service quota does not exist.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_quota() {
        let check = |name: &str, spot: bool, code: Option<&str>| {
            assert_eq!(quota_of(name, spot).map(|quota| quota.0), code, "{name}");
        };
        check("m7i.large", false, Some("L-1216C47A"));
        check("t3.micro", true, Some("L-34B43A08"));
        check("p5.48xlarge", false, Some("L-417A185B"));
        check("g5.xlarge", true, Some("L-3819A6DF"));
        check("inf2.xlarge", false, Some("L-1945791B"));
        check("mac2.metal", false, None);
    }
}
