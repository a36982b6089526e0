//! The account of a profile, and its regions.

use aws_config::SdkConfig;
use catalog::ports::{ProfileAccount, SourceError};
use domain::Timestamp;

use crate::clients::{self, ServerDate};
use crate::gap::{gap, unsigned};

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
    let who = who.map_err(|error| match (&error, dated.clock_error()) {
        (_, Some(why)) => SourceError::Failed(why),
        (aws_sdk_sts::error::SdkError::ServiceError(_), None) => {
            SourceError::Credentials(gap("sts:GetCallerIdentity", &error).why)
        }
        _ => {
            unsigned(&error).unwrap_or_else(|| SourceError::Failed(gap("sts:GetCallerIdentity", &error).why))
        }
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
    let regions = regions.map_err(|error| match dated.clock_error() {
        Some(why) => SourceError::Failed(why),
        None => SourceError::Failed(gap("ec2:DescribeRegions", &error).why),
    })?;
    let (mut enabled, mut disabled) = (Vec::new(), Vec::new());
    for region in regions.regions() {
        let name = region.region_name().unwrap_or_default().to_string();
        if region.opt_in_status() == Some("not-opted-in") { disabled.push(name) } else { enabled.push(name) }
    }
    enabled.sort();
    disabled.sort();
    Ok((enabled, disabled))
}
