//! The port `Quotas`: Service Quotas.

use fleet::ports::{FleetError, Quotas};

use crate::AwsClient;
use crate::clients::{self, ServerDate};
use crate::fleet_error::failed;

/// The service with the quotas of instances.
const EC2: &str = "ec2";

impl Quotas for AwsClient {
    fn read_quota(&self, region: &str, code: &str) -> Result<f64, FleetError> {
        let client = clients::quotas(&self.config(None), region, &ServerDate::default());
        let call = client.get_service_quota().service_code(EC2).quota_code(code);
        let answer = self.runtime.block_on(call.send()).map_err(failed("servicequotas:GetServiceQuota"))?;
        let value = answer.quota().and_then(|quota| quota.value());
        value.ok_or_else(|| FleetError::Failed(format!("AWS reported no value of the quota {code}")))
    }
}
