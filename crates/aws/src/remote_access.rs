//! The port `RemoteAccess`: EC2 Instance Connect, and the status of the Session Manager.

use aws_sdk_ssm::types::{InstanceInformationStringFilter, PingStatus};
use fleet::ports::{FleetError, InstanceLogin, RemoteAccess, SessionManagerStatus};

use crate::AwsClient;
use crate::clients::{self, ServerDate};
use crate::fleet_error::failed;

impl RemoteAccess for AwsClient {
    fn send_public_key(&self, login: &InstanceLogin<'_>, public_key: &str) -> Result<(), FleetError> {
        let client = clients::instance_connect(&self.config(None), login.region, &ServerDate::default());
        let call = client
            .send_ssh_public_key()
            .instance_id(login.instance)
            .instance_os_user(login.user)
            .ssh_public_key(public_key)
            .set_availability_zone(login.zone.map(String::from));
        let failed = failed("ec2-instance-connect:SendSSHPublicKey");
        let answer = self.runtime.block_on(call.send()).map_err(failed)?;
        match answer.success() {
            true => Ok(()),
            false => Err(FleetError::Failed("EC2 Instance Connect did not accept the key".to_string())),
        }
    }

    fn session_manager_status(
        &self,
        region: &str,
        instance: &str,
    ) -> Result<SessionManagerStatus, FleetError> {
        let client = clients::ssm(&self.config(None), region, &ServerDate::default());
        let filter = InstanceInformationStringFilter::builder().key("InstanceIds").values(instance).build();
        let filter = filter.map_err(|error| FleetError::Failed(error.to_string()))?;
        let call = client.describe_instance_information().filters(filter);
        let failed = failed("ssm:DescribeInstanceInformation");
        let answer = self.runtime.block_on(call.send()).map_err(failed)?;
        let ping = answer.instance_information_list().first().and_then(|found| found.ping_status());
        Ok(match ping {
            None => SessionManagerStatus::Unregistered,
            Some(PingStatus::Online) => SessionManagerStatus::Online,
            Some(other) => SessionManagerStatus::Offline(other.as_str().to_string()),
        })
    }
}
