//! Requests the account's service quotas.

use aws_sdk_servicequotas::Client;

use crate::gap::gap;
use crate::look::{DatasetRows, RowSink};

/// The service with the collected quotas.
const EC2: &str = "ec2";

/// `quota`: the values that apply to the account.
pub(crate) async fn quotas(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let mut pages = client.list_service_quotas().service_code(EC2).max_results(100).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("servicequotas:ListServiceQuotas", &error))?;
        let rows = page.quotas().iter().map(|quota| {
            seen.row(|column| match column {
                "account_id" => seen.account.as_str().into(),
                "region" => seen.region.as_str().into(),
                "service_code" => quota.service_code().into(),
                "quota_code" => quota.quota_code().into(),
                "quota_name" => quota.quota_name().into(),
                "value" => quota.value().into(),
                "unit" => quota.unit().into(),
                "adjustable" => quota.adjustable().into(),
                "global" => quota.global_quota().into(),
                other => unreachable!("quota.{other}"),
            })
        });
        let rows: DatasetRows = rows.collect();
        seen.hand_over(rows).await?;
    }
    Ok(())
}
