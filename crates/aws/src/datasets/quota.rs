//! `quota`: the service quotas that apply to the account.

use aws_sdk_servicequotas::types::ServiceQuota;
use catalog::ports::Gap;

use crate::clients;
use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::word;

/// The service with the collected quotas.
const EC2: &str = "ec2";

dataset_row! {
    /// A row of `quota`.
    QuotaRow of "quota" {
        account_id: String,
        region: String,
        service_code: Option<String>,
        quota_code: Option<String>,
        quota_name: Option<String>,
        value: Option<f64>,
        unit: Option<String>,
        adjustable: bool,
        global: bool,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let client = clients::quotas(&context.config, &context.region, &context.dated);
    let row = |quota: &ServiceQuota| QuotaRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        service_code: word(quota.service_code()),
        quota_code: word(quota.quota_code()),
        quota_name: word(quota.quota_name()),
        value: quota.value(),
        unit: word(quota.unit()),
        adjustable: quota.adjustable(),
        global: quota.global_quota(),
    };
    let mut pages = client.list_service_quotas().service_code(EC2).max_results(100).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("servicequotas:ListServiceQuotas", &error))?;
        sink.add(page.quotas().iter().map(row).collect()).await?;
    }
    Ok(())
}
