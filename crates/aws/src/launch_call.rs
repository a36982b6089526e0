//! The call that launches an instance, and the meaning of its answer.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::run_instances::RunInstancesError;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HibernationOptionsRequest, HttpTokensState,
    IamInstanceProfileSpecification, InstanceInterruptionBehavior, InstanceMarketOptionsRequest,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataTagsState, InstanceType,
    MarketType, Placement, ResourceType, ShutdownBehavior, SpotInstanceType, SpotMarketOptions, Tag,
    TagSpecification, VolumeType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::AzId;
use fleet::launch::{LaunchRefusal, LaunchReply, LaunchRequest, RootVolume, SpotMarket};
use fleet::ports::FleetError;
use fleet::refusal::{RefusalClass, classify};
use lifecycle::PowerOff;

use crate::fleet_error::{failed, gap};

const ACTION: &str = "ec2:RunInstances";

/// Sends the launch once. The client must not retry.
pub(crate) async fn launch_once(client: &Client, request: &LaunchRequest, token: &str) -> LaunchReply {
    match call(client, request).client_token(token).send().await {
        Ok(answer) => match answer.instances().first().and_then(|instance| instance.instance_id()) {
            Some(id) => LaunchReply::Launched(id.to_string()),
            None => LaunchReply::Lost(format!("{ACTION}: the answer has no instance")),
        },
        Err(error) => reply(&error),
    }
}

/// Sends the launch as a dry run: EC2 checks the permissions and the parameters, and launches
/// nothing.
pub(crate) async fn check_launch(client: &Client, request: &LaunchRequest) -> Result<(), FleetError> {
    match call(client, request).dry_run(true).send().await {
        Ok(_) => Err(FleetError::Failed(format!("{ACTION}: EC2 did not treat the request as a dry run"))),
        Err(error) if error.code() == Some("DryRunOperation") => Ok(()),
        Err(error) => Err(failed(ACTION)(error)),
    }
}

/// Returns the call for a request, the same one for a launch and for its dry run.
fn call(client: &Client, request: &LaunchRequest) -> RunInstancesFluentBuilder {
    let tags = |kind| {
        let tags = request.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
        TagSpecification::builder().resource_type(kind).set_tags(Some(tags.collect())).build()
    };
    let metadata = InstanceMetadataOptionsRequest::builder()
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_tokens(HttpTokensState::Required)
        .http_put_response_hop_limit(1)
        .instance_metadata_tags(InstanceMetadataTagsState::Enabled);
    let call = client
        .run_instances()
        .min_count(1)
        .max_count(1)
        .image_id(&request.image)
        .instance_type(InstanceType::from(request.instance_type.as_str()))
        .set_key_name(request.key.clone())
        .set_security_group_ids((!request.groups.is_empty()).then(|| request.groups.clone()))
        .set_subnet_id(request.subnet.clone())
        .metadata_options(metadata.build())
        .instance_initiated_shutdown_behavior(match request.power_off {
            PowerOff::Stops => ShutdownBehavior::Stop,
            PowerOff::Terminates => ShutdownBehavior::Terminate,
        })
        .tag_specifications(tags(ResourceType::Instance))
        .tag_specifications(tags(ResourceType::Volume))
        .tag_specifications(tags(ResourceType::NetworkInterface))
        .user_data(STANDARD.encode(&request.user_data));
    let call = call.set_placement(request.zone.as_ref().map(|zone| match AzId::is_valid(zone) {
        true => Placement::builder().availability_zone_id(zone).build(),
        false => Placement::builder().availability_zone(zone).build(),
    }));
    let call = call.set_iam_instance_profile(
        request.profile.as_ref().map(|name| IamInstanceProfileSpecification::builder().name(name).build()),
    );
    let call = match &request.root {
        Some(root) => call.block_device_mappings(root_volume(root)),
        None => call,
    };
    let call = match request.hibernation {
        true => call.hibernation_options(HibernationOptionsRequest::builder().configured(true).build()),
        false => call,
    };
    match &request.spot {
        Some(spot) => call
            .instance_market_options(market(spot))
            .tag_specifications(tags(ResourceType::SpotInstancesRequest)),
        None => call,
    }
}

fn root_volume(root: &RootVolume) -> BlockDeviceMapping {
    let ebs = EbsBlockDevice::builder()
        .volume_size(i32::try_from(root.gib).unwrap_or(i32::MAX))
        .volume_type(VolumeType::Gp3)
        .encrypted(true)
        .delete_on_termination(true);
    BlockDeviceMapping::builder().device_name(&root.device).ebs(ebs.build()).build()
}

fn market(spot: &SpotMarket) -> InstanceMarketOptionsRequest {
    let (kind, interruption) = match spot.stoppable {
        true => (SpotInstanceType::Persistent, InstanceInterruptionBehavior::Stop),
        false => (SpotInstanceType::OneTime, InstanceInterruptionBehavior::Terminate),
    };
    let options = SpotMarketOptions::builder()
        .spot_instance_type(kind)
        .instance_interruption_behavior(interruption)
        .set_max_price(spot.max_price.clone());
    InstanceMarketOptionsRequest::builder()
        .market_type(MarketType::Spot)
        .spot_options(options.build())
        .build()
}

/// Returns the reply for an error of RunInstances. An error without an answer is `Lost`.
fn reply(error: &SdkError<RunInstancesError, HttpResponse>) -> LaunchReply {
    let why = gap(ACTION, error);
    match error {
        SdkError::ConstructionFailure(_) => LaunchReply::Refused(LaunchRefusal { code: String::new(), why }),
        SdkError::ServiceError(answer) => {
            let is_server_error = answer.raw().status().is_server_error();
            let sentence = answer.err().message().unwrap_or_default();
            reply_for_code(answer.err().code(), sentence, is_server_error, why)
        }
        _ => LaunchReply::Lost(why),
    }
}

/// Returns the reply for an error code. After a server error (5xx) the launch may have happened.
/// The exceptions are throttling and a lack of capacity, which EC2 also returns as server errors.
fn reply_for_code(code: Option<&str>, sentence: &str, is_server_error: bool, why: String) -> LaunchReply {
    let code = match code {
        None => return LaunchReply::Lost(why),
        Some("IdempotentInstanceTerminated") => return LaunchReply::Ended,
        Some("IdempotentParameterMismatch") => return LaunchReply::Mismatch(why),
        Some(code) => code,
    };
    let refusal = |why| LaunchRefusal { code: code.to_string(), why };
    match classify(code, sentence) {
        RefusalClass::Throttled => LaunchReply::Throttled(refusal(why)),
        RefusalClass::Capacity => LaunchReply::Refused(refusal(why)),
        RefusalClass::Lost => LaunchReply::Lost(why),
        _ if is_server_error => LaunchReply::Lost(why),
        RefusalClass::NotYet => LaunchReply::NotYet(refusal(why)),
        _ => LaunchReply::Refused(refusal(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_error_codes_of_run_instances_to_replies() {
        let why = || "why".to_string();
        let check = |code: Option<&str>, is_server_error: bool, expected: LaunchReply| {
            assert_eq!(reply_for_code(code, "", is_server_error, why()), expected, "{code:?}");
        };
        let refusal = |code: &str| LaunchRefusal { code: code.to_string(), why: why() };
        let refused = |code: &str| LaunchReply::Refused(refusal(code));
        check(Some("InvalidAMIID.NotFound"), false, refused("InvalidAMIID.NotFound"));
        check(Some("UnauthorizedOperation"), false, refused("UnauthorizedOperation"));
        check(Some("VcpuLimitExceeded"), false, refused("VcpuLimitExceeded"));
        check(Some("InsufficientInstanceCapacity"), true, refused("InsufficientInstanceCapacity"));
        check(
            Some("InvalidKeyPair.NotFound"),
            false,
            LaunchReply::NotYet(refusal("InvalidKeyPair.NotFound")),
        );
        check(Some("RequestLimitExceeded"), true, LaunchReply::Throttled(refusal("RequestLimitExceeded")));
        check(Some("InternalError"), true, LaunchReply::Lost(why()));
        check(Some("Unavailable"), true, LaunchReply::Lost(why()));
        check(Some("SomethingNew"), true, LaunchReply::Lost(why()));
        check(Some("SomethingNew"), false, refused("SomethingNew"));
        check(None, true, LaunchReply::Lost(why()));
        check(None, false, LaunchReply::Lost(why()));
        check(Some("IdempotentInstanceTerminated"), false, LaunchReply::Ended);
        check(Some("IdempotentParameterMismatch"), false, LaunchReply::Mismatch(why()));
    }
}
