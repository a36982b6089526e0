//! EC2.

mod addresses;
mod capacity_offers;
mod console;
mod describe_instances;
mod disks;
mod fleet;
mod group_rules;
mod groups;
mod images;
mod instance_attributes;
mod instance_fields;
mod instance_filters;
mod instance_transitions;
mod key_pairs;
mod launch;
mod launch_params;
mod network;
mod prices;
mod profile_associations;
mod regions;
mod reservations;
mod spot;
mod storage;
mod tags;
mod templates;
mod type_filters;
mod types;

pub(crate) use images::PUBLIC_IMAGES;
pub(crate) use instance_fields::{DnsSuffixes, MAINTENANCE, MacAddress};
pub(crate) use key_pairs::public_key_kind;
pub(crate) use tags::read as read_tags;

use crate::core::{ApiResult, ClientTokenUse, RegionView};
use crate::engine::requests::{token_mismatch, unknown_action};
use crate::wire::{QueryParamPart, XmlContent};

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
pub(crate) fn answer(
    desk: &mut RegionView<'_>,
    action: &str,
    params: &QueryParamPart<'_>,
) -> ApiResult<XmlContent> {
    let token = if TOKENED.contains(&action) { params.text("ClientToken") } else { None };
    let Some(token) = token.map(|token| format!("{action} {token}")) else {
        return answer_once(desk, action, params);
    };
    let form = params.params().encode();
    match desk.here.tokens.get(&token) {
        Some(known) if known.form == form => return Ok(XmlContent::again(&known.answer)),
        Some(_) => return Err(token_mismatch()),
        None => {}
    }
    let node = answer_once(desk, action, params)?;
    desk.here.tokens.insert(token, ClientTokenUse { form, answer: node.as_str().to_string() });
    Ok(node)
}

fn answer_once(
    desk: &mut RegionView<'_>,
    action: &str,
    params: &QueryParamPart<'_>,
) -> ApiResult<XmlContent> {
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
        "DescribeSecurityGroupRules" => desk.describe_rules(params),
        "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => {
            desk.authorize_rules(params, action)
        }
        "RevokeSecurityGroupIngress" => desk.revoke_rules(params),
        "UpdateSecurityGroupRuleDescriptionsIngress" => desk.update_rule_descriptions(params),
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
