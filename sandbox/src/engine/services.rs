use super::world::{ApiCall, ApiReply, ClientTokenUse, RegionView};
use super::{ApiError, ApiResult};
use crate::wire::{JsonInput, QueryParamPart, QueryParams, XmlContent};

/// Answers a call of any service.
pub(crate) fn answer(desk: &mut RegionView<'_>, call: &ApiCall) -> ApiResult<ApiReply> {
    let action = call.action.as_str();
    match call.service.as_str() {
        "ec2" | "sts" | "iam" => {
            let params = QueryParams::parse(call.body.as_bytes())
                .map_err(|why| ApiError::new("MalformedQueryString", why))?;
            let whole = params.whole();
            whole.text("Action");
            whole.text("Version");
            let node = match call.service.as_str() {
                "ec2" => ec2(desk, action, &whole),
                "sts" => desk.sts(action, &whole),
                _ => desk.iam_call(action, &whole),
            };
            node.map(ApiReply::Xml)
        }
        // A service that the sandbox lacks may have a body that is not JSON.
        service if !JSON.contains(&service) => Err(unknown_json_action()),
        service => {
            let input = JsonInput::parse(&call.body)?;
            let whole = input.whole();
            let value = match service {
                "ssm" => desk.ssm(action, &whole),
                "servicequotas" => desk.service_quotas(action, &whole),
                "monitoring" => desk.cloudwatch(action, &whole),
                "pricing" => desk.pricing(action, &whole),
                "ce" => desk.cost_explorer(action, &whole),
                "cloudtrail" => desk.cloudtrail(action, &whole),
                "scheduler" => desk.scheduler(action, &whole),
                _ => Err(unknown_json_action()),
            }?;
            whole.check_all_read()?;
            Ok(ApiReply::Json(value))
        }
    }
}

/// The services with a JSON protocol.
const JSON: [&str; 7] = ["ssm", "servicequotas", "monitoring", "pricing", "ce", "cloudtrail", "scheduler"];

/// The error for an unknown action.
pub(crate) fn unknown_action(action: &str) -> ApiError {
    ApiError::new("InvalidAction", format!("The action {action} is not valid for this web service."))
}

/// The error for an unknown action of a JSON service.
pub(crate) fn unknown_json_action() -> ApiError {
    ApiError::new("UnknownOperationException", "")
}

/// Actions that repeat their first answer for a known client token. RunInstances and
/// RequestSpotInstances check their tokens themselves.
const TOKENED: [&str; 5] = [
    "CreateCapacityReservation",
    "CreateFleet",
    "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion",
    "CreateVolume",
];

/// Answers a call of EC2. A known client token repeats the first answer.
pub(crate) fn ec2(
    desk: &mut RegionView<'_>,
    action: &str,
    params: &QueryParamPart<'_>,
) -> ApiResult<XmlContent> {
    let token = if TOKENED.contains(&action) { params.text("ClientToken") } else { None };
    let Some(token) = token.map(|token| format!("{action} {token}")) else {
        return ec2_once(desk, action, params);
    };
    let form = params.params().encode();
    match desk.here.tokens.get(&token) {
        Some(known) if known.form == form => return Ok(XmlContent::again(&known.answer)),
        Some(_) => return Err(super::launch::token_mismatch()),
        None => {}
    }
    let node = ec2_once(desk, action, params)?;
    desk.here.tokens.insert(token, ClientTokenUse { form, answer: node.as_str().to_string() });
    Ok(node)
}

fn ec2_once(desk: &mut RegionView<'_>, action: &str, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
    match action {
        "RunInstances" => desk.run_instances(params),
        "StartInstances" => desk.start_instances(params),
        "StopInstances" => desk.stop_instances(params),
        "RebootInstances" => desk.reboot_instances(params),
        "TerminateInstances" => desk.terminate_instances(params),
        "DescribeInstances" => desk.describe_instances(params),
        "DescribeInstanceStatus" => desk.describe_instance_status(params),
        "DescribeInstanceAttribute" => desk.describe_instance_attribute(params),
        "ModifyInstanceAttribute" => desk.modify_instance_attribute(params),
        "ModifyInstanceMetadataOptions" => desk.modify_metadata_options(params),
        "GetConsoleOutput" => desk.console_output(params),
        "CreateTags" => desk.create_tags(params),
        "DeleteTags" => desk.delete_tags(params),
        "DescribeTags" => desk.describe_tags(params),
        "DescribeRegions" => desk.describe_regions(params),
        "DescribeAvailabilityZones" => desk.describe_zones(params),
        "DescribeInstanceTypes" => desk.describe_types(params),
        "DescribeInstanceTypeOfferings" => desk.describe_offerings(params),
        "DescribeSpotPriceHistory" => desk.spot_price_history(params),
        "DescribeCapacityBlockOfferings" => desk.block_offerings(params),
        "GetSpotPlacementScores" => desk.placement_scores(params),
        "DescribeSpotInstanceRequests" => desk.describe_spot_requests(params),
        "CancelSpotInstanceRequests" => desk.cancel_spot_requests(params),
        "DescribeImages" => desk.describe_images(params),
        "CreateImage" => desk.create_image(params),
        "DeregisterImage" => desk.deregister_image(params),
        "DescribeVolumes" => desk.describe_volumes(params),
        "CreateVolume" => desk.create_volume(params),
        "DeleteVolume" => desk.delete_volume(params),
        "AttachVolume" => desk.attach_volume(params, true),
        "DetachVolume" => desk.attach_volume(params, false),
        "CreateSnapshot" => desk.create_snapshot(params),
        "DescribeSnapshots" => desk.describe_snapshots(params),
        "DeleteSnapshot" => desk.delete_snapshot(params),
        "DescribeVpcs" => desk.describe_vpcs(params),
        "DescribeSubnets" => desk.describe_subnets(params),
        "DescribeSecurityGroups" => desk.describe_groups(params),
        "CreateSecurityGroup" => desk.create_group(params),
        "DeleteSecurityGroup" => desk.delete_group(params),
        "AuthorizeSecurityGroupIngress"
        | "AuthorizeSecurityGroupEgress"
        | "RevokeSecurityGroupIngress"
        | "RevokeSecurityGroupEgress" => desk.change_rules(params, action),
        "AllocateAddress" => desk.allocate_address(params),
        "AssociateAddress" | "DisassociateAddress" | "ReleaseAddress" => desk.change_address(params, action),
        "DescribeAddresses" => desk.describe_addresses(params),
        "CreateKeyPair" => desk.create_key(params),
        "ImportKeyPair" => desk.import_key(params),
        "DescribeKeyPairs" => desk.describe_keys(params),
        "DeleteKeyPair" => desk.delete_key(params),
        "RequestSpotInstances" => desk.request_spot(params),
        "CreateFleet" => desk.create_fleet(params),
        "CreateLaunchTemplate" => desk.create_template(params),
        "CreateLaunchTemplateVersion" => desk.create_version(params),
        "DescribeLaunchTemplates" => desk.describe_templates(params),
        "DescribeLaunchTemplateVersions" => desk.describe_versions(params),
        "DeleteLaunchTemplate" => desk.delete_template(params),
        "AssociateIamInstanceProfile" => desk.associate_profile(params, false),
        "ReplaceIamInstanceProfileAssociation" => desk.associate_profile(params, true),
        "DisassociateIamInstanceProfile" => desk.disassociate_profile(params),
        "DescribeIamInstanceProfileAssociations" => desk.describe_profiles(params),
        "CreateCapacityReservation" => desk.create_reservation(params),
        "CancelCapacityReservation" => desk.cancel_reservation(params),
        "DescribeCapacityReservations" => desk.describe_reservations(params),
        _ => Err(unknown_action(action)),
    }
}
