//! Accounts, regions and zones.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use catalog::Value;
use catalog::ports::{ProfileAccount, SourceError};
use domain::Timestamp;

use crate::clients::{self, ServerDate};
use crate::gap::{gap, unsigned};
use crate::look::{DatasetRows, RowSink};

/// Returns the profile's account, with its enabled and disabled regions.
pub(crate) async fn account(
    config: &SdkConfig,
    profile: Option<&str>,
    clock: fn() -> Timestamp,
) -> Result<ProfileAccount, SourceError> {
    let dated = ServerDate::default();
    let (account_id, arn) = identity(config, &dated).await?;
    let here = clock();
    let (enabled, disabled) = region_names(config, &dated).await?;
    Ok(ProfileAccount {
        profile: profile.map(String::from),
        account_id,
        partition: arn.split(':').nth(1).unwrap_or_default().into(),
        enabled,
        disabled,
        ahead: dated.first().map_or(0, |aws| here.as_second() - aws.as_second()),
    })
}

/// Returns the caller's account id and ARN.
pub(crate) async fn identity(
    config: &SdkConfig,
    dated: &ServerDate,
) -> Result<(String, String), SourceError> {
    let who = clients::sts(config, dated).get_caller_identity().send().await;
    let who = who.map_err(|error| match &error {
        aws_sdk_sts::error::SdkError::ServiceError(_) => {
            SourceError::Credentials(gap("sts:GetCallerIdentity", &error))
        }
        _ => unsigned(&error).unwrap_or_else(|| SourceError::Failed(gap("sts:GetCallerIdentity", &error))),
    })?;
    match (who.account(), who.arn()) {
        (Some(account), Some(arn)) => Ok((account.into(), arn.into())),
        _ => Err(SourceError::Failed("sts:GetCallerIdentity returned no account".into())),
    }
}

/// Returns the account's usable regions, and those that it has not opted into.
pub(crate) async fn region_names(
    config: &SdkConfig,
    dated: &ServerDate,
) -> Result<(Vec<String>, Vec<String>), SourceError> {
    let regions = clients::ec2(config, None, dated).describe_regions().all_regions(true).send().await;
    let regions = regions.map_err(|error| SourceError::Failed(gap("ec2:DescribeRegions", &error)))?;
    let (mut enabled, mut disabled) = (Vec::new(), Vec::new());
    for region in regions.regions() {
        let name = region.region_name().unwrap_or_default().to_string();
        if region.opt_in_status() == Some("not-opted-in") { disabled.push(name) } else { enabled.push(name) }
    }
    enabled.sort();
    disabled.sort();
    Ok((enabled, disabled))
}

/// Zone ids by zone names. Each account has its own zone names.
pub(crate) struct ZoneIds(BTreeMap<String, String>);

impl ZoneIds {
    /// Requests all zones of the client's region, including local zones.
    pub(crate) async fn of(client: &Client) -> Result<ZoneIds, String> {
        let answer = client.describe_availability_zones().all_availability_zones(true).send().await;
        let answer = answer.map_err(|error| gap("ec2:DescribeAvailabilityZones", &error))?;
        let pair = |zone: &aws_sdk_ec2::types::AvailabilityZone| {
            Some((zone.zone_name()?.to_string(), zone.zone_id()?.to_string()))
        };
        Ok(ZoneIds(answer.availability_zones().iter().filter_map(pair).collect()))
    }

    /// Returns the given id, or else the id of the name.
    pub(crate) fn id(&self, id: Option<&str>, name: Option<&str>) -> Option<String> {
        id.map(String::from).or_else(|| self.0.get(name?).cloned())
    }
}

/// `region_access`: every region of the partition, including those that the account has not opted
/// into.
pub(crate) async fn regions(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let answer = client.describe_regions().all_regions(true).send().await;
    let answer = answer.map_err(|error| gap("ec2:DescribeRegions", &error))?;
    let rows = answer.regions().iter().map(|region| {
        seen.row(|column| match column {
            "account_id" => seen.account.as_str().into(),
            "region" => region.region_name().into(),
            "opt_in_status" => region.opt_in_status().into(),
            "endpoint" => region.endpoint().into(),
            other => unreachable!("region_access.{other}"),
        })
    });
    let rows: DatasetRows = rows.collect();
    seen.hand_over(rows).await
}

/// `zone`: the zones that the account can use.
pub(crate) async fn zones(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let answer = client.describe_availability_zones().send().await;
    let answer = answer.map_err(|error| gap("ec2:DescribeAvailabilityZones", &error))?;
    let region = seen.region.clone();
    let rows = answer.availability_zones().iter().map(|zone| {
        seen.row(|column| match column {
            "account_id" => seen.account.as_str().into(),
            "region" => region.as_str().into(),
            "az_id" => zone.zone_id().into(),
            "zone_name" => zone.zone_name().into(),
            other => unreachable!("zone.{other}"),
        })
    });
    let rows: DatasetRows = rows.collect();
    seen.hand_over(rows).await
}

/// `offering`: the instance types offered in each zone.
pub(crate) async fn offerings(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let call = client.describe_instance_type_offerings();
    let call = call.location_type(aws_sdk_ec2::types::LocationType::AvailabilityZoneId).max_results(1000);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstanceTypeOfferings", &error))?;
        let rows = page.instance_type_offerings().iter().map(|offering| {
            seen.row(|column| match column {
                "instance_type" => crate::values::word(offering.instance_type()),
                "region" => seen.region.as_str().into(),
                "az_id" => Value::from(offering.location()),
                other => unreachable!("offering.{other}"),
            })
        });
        let rows: DatasetRows = rows.collect();
        seen.hand_over(rows).await?;
    }
    Ok(())
}
