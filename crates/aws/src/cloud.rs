//! The ports `Account` and `Instances`: reads instances in all regions concurrently, and launches
//! and ends them one by one.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, HttpTokensState, Instance, InstanceAttributeName, InstanceMetadataTagsState, SpotInstanceType,
    Tag,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use catalog::ports::SourceError;
use domain::Known;
use fleet::instance::{
    AttachedDisk, InstanceDetails, InstanceSpotRequest, InstanceState, InstanceView, MetadataSettings,
    PowerRequest, ReapAction,
};
use fleet::launch::{LaunchReply, LaunchRequest};
use fleet::ports::{
    Account, AccountRegions, CallerAccount, FleetError, InstanceSelector, Instances, RegionInstances,
};
use fleet::remains::RemainingResource;
use lifecycle::tag;
use tokio::task::JoinSet;

use crate::clients::{self, ServerDate};
use crate::{AwsClient, account, launch_call, values};

pub(crate) use crate::fleet_error::{failed, gap};

impl AwsClient {
    /// An EC2 client in a region, with the default profile.
    pub(crate) fn ec2(&self, region: &str) -> Client {
        clients::ec2(&self.config(None), Some(region), &ServerDate::default())
    }
}

impl Account for AwsClient {
    fn caller(&self) -> Result<CallerAccount, FleetError> {
        let config = self.config(None);
        self.runtime.block_on(read_caller(&config))
    }

    fn regions(&self) -> Result<AccountRegions, FleetError> {
        let config = self.config(None);
        self.runtime.block_on(read_regions(&config))
    }

    fn caller_and_regions(&self) -> Result<(CallerAccount, AccountRegions), FleetError> {
        let config = self.config(None);
        let (caller, regions) =
            self.runtime.block_on(async { tokio::join!(read_caller(&config), read_regions(&config)) });
        Ok((caller?, regions?))
    }
}

async fn read_caller(config: &SdkConfig) -> Result<CallerAccount, FleetError> {
    let dated = ServerDate::default();
    let (account, arn) = account::identity(config, &dated).await.map_err(account_failure)?;
    let missing = || FleetError::Failed("the answer of AWS has no Date header".to_string());
    Ok(CallerAccount { account, arn, now: dated.first().ok_or_else(missing)? })
}

async fn read_regions(config: &SdkConfig) -> Result<AccountRegions, FleetError> {
    let names = account::region_names(config, &ServerDate::default()).await;
    names.map(|(enabled, disabled)| AccountRegions { enabled, disabled }).map_err(account_failure)
}

fn account_failure(error: SourceError) -> FleetError {
    match error {
        SourceError::Credentials(why) => FleetError::Credentials(why),
        other => FleetError::Failed(other.to_string()),
    }
}

impl Instances for AwsClient {
    fn list_instances(&self, regions: &[String], which: InstanceSelector<'_>) -> Vec<RegionInstances> {
        let config = self.config(None);
        self.runtime.block_on(look(&config, regions, &filters(which)))
    }

    fn read_protection(&self, region: &str, id: &str) -> Result<bool, FleetError> {
        let client = self.ec2(region);
        let ask =
            |attribute| client.describe_instance_attribute().instance_id(id).attribute(attribute).send();
        let failed = failed("ec2:DescribeInstanceAttribute");
        self.runtime.block_on(async {
            let end = ask(InstanceAttributeName::DisableApiTermination).await.map_err(&failed)?;
            let stop = ask(InstanceAttributeName::DisableApiStop).await.map_err(&failed)?;
            let said = [end.disable_api_termination(), stop.disable_api_stop()];
            match said.map(|said| said.and_then(|said| said.value())) {
                [Some(end), Some(stop)] => Ok(end || stop),
                _ => Err(FleetError::Failed("AWS did not report whether it is protected".to_string())),
            }
        })
    }

    fn cancel_spot_request(&self, region: &str, request: &str) -> Result<(), FleetError> {
        let call = self.ec2(region).cancel_spot_instance_requests().spot_instance_request_ids(request);
        let done = self.runtime.block_on(call.send());
        done.map(drop).map_err(failed("ec2:CancelSpotInstanceRequests"))
    }

    fn end_instance(&self, region: &str, id: &str, how: ReapAction) -> Result<(), FleetError> {
        let client = self.ec2(region);
        self.runtime.block_on(async {
            match how {
                ReapAction::Stop => {
                    let done = client.stop_instances().instance_ids(id).send().await;
                    done.map(drop).map_err(failed("ec2:StopInstances"))
                }
                ReapAction::Terminate => {
                    let done = client.terminate_instances().instance_ids(id).send().await;
                    done.map(drop).map_err(failed("ec2:TerminateInstances"))
                }
            }
        })
    }

    fn change_power(&self, region: &str, id: &str, request: PowerRequest) -> Result<(), FleetError> {
        let client = self.ec2(region);
        let stop = || client.stop_instances().instance_ids(id);
        self.runtime.block_on(async {
            match request {
                PowerRequest::Start => {
                    let done = client.start_instances().instance_ids(id).send().await;
                    done.map(drop).map_err(failed("ec2:StartInstances"))
                }
                PowerRequest::Stop => stop().send().await.map(drop).map_err(failed("ec2:StopInstances")),
                PowerRequest::ForceStop => {
                    stop().force(true).send().await.map(drop).map_err(failed("ec2:StopInstances"))
                }
                PowerRequest::Hibernate => {
                    stop().hibernate(true).send().await.map(drop).map_err(failed("ec2:StopInstances"))
                }
                PowerRequest::Reboot => {
                    let done = client.reboot_instances().instance_ids(id).send().await;
                    done.map(drop).map_err(failed("ec2:RebootInstances"))
                }
                PowerRequest::Terminate => {
                    let done = client.terminate_instances().instance_ids(id).send().await;
                    done.map(drop).map_err(failed("ec2:TerminateInstances"))
                }
            }
        })
    }

    fn write_tags(&self, region: &str, id: &str, tags: &BTreeMap<String, String>) -> Result<(), FleetError> {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
        let call = self.ec2(region).create_tags().resources(id).set_tags(Some(tags.collect()));
        self.runtime.block_on(call.send()).map(drop).map_err(failed("ec2:CreateTags"))
    }

    fn read_console(&self, region: &str, id: &str) -> Result<Option<String>, FleetError> {
        let call = self.ec2(region).get_console_output().instance_id(id).latest(true);
        let answer = self.runtime.block_on(call.send()).map_err(failed("ec2:GetConsoleOutput"))?;
        let Some(text) = answer.output() else { return Ok(None) };
        let bytes = STANDARD.decode(text.trim());
        let bytes = bytes.map_err(|_| FleetError::Failed("the console output is not base64".to_string()))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn list_remains(
        &self,
        region: &str,
        id: &str,
        disks: &[String],
    ) -> Result<Vec<RemainingResource>, FleetError> {
        self.runtime.block_on(remains(&self.ec2(region), id, disks))
    }

    fn check_launch(&self, request: &LaunchRequest) -> Result<(), FleetError> {
        self.runtime.block_on(launch_call::check_launch(&self.ec2(&request.region), request))
    }

    fn launch_once(&self, request: &LaunchRequest, token: &str) -> LaunchReply {
        let client = clients::ec2_once(&self.config(None), &request.region, &ServerDate::default());
        self.runtime.block_on(launch_call::launch_once(&client, request, token))
    }
}

fn filters(which: InstanceSelector<'_>) -> Vec<Filter> {
    let one = |name: String, values: Vec<String>| {
        vec![Filter::builder().name(name).set_values(Some(values)).build()]
    };
    match which {
        InstanceSelector::All => Vec::new(),
        // A filter, because the id parameter makes a missing instance an error of the whole call.
        InstanceSelector::Ids(ids) => one("instance-id".to_string(), ids.to_vec()),
        InstanceSelector::Launch(id) => one(format!("tag:{}", tag::LAUNCH), vec![id.to_string()]),
    }
}

/// Queries all regions at once, so that the answer takes as long as the slowest region. There are
/// about forty, and their answers are small.
async fn look(config: &SdkConfig, regions: &[String], filters: &[Filter]) -> Vec<RegionInstances> {
    let mut tasks = JoinSet::new();
    for (number, region) in regions.iter().cloned().enumerate() {
        let (config, filters) = (config.clone(), filters.to_vec());
        tasks.spawn(async move {
            let dated = ServerDate::default();
            let client = clients::ec2(&config, Some(&region), &dated);
            let seen = instances(&client, &region, &filters).await;
            (number, RegionInstances { region, at: dated.first(), seen })
        });
    }
    let mut looked: Vec<(usize, RegionInstances)> = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        looked.extend(ended);
    }
    let mut looked: BTreeMap<usize, RegionInstances> = looked.into_iter().collect();
    let broken = |region: &String| RegionInstances {
        region: region.clone(),
        at: None,
        seen: Err("the request was interrupted".to_string()),
    };
    regions
        .iter()
        .enumerate()
        .map(|(at, region)| looked.remove(&at).unwrap_or_else(|| broken(region)))
        .collect()
}

async fn instances(client: &Client, region: &str, filters: &[Filter]) -> Result<Vec<InstanceView>, String> {
    let call = client
        .describe_instances()
        .set_filters((!filters.is_empty()).then(|| filters.to_vec()))
        .max_results(1000);
    let mut pages = call.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstances", &error))?;
        for reservation in page.reservations() {
            let account = reservation.owner_id().unwrap_or_default();
            for instance in reservation.instances() {
                all.push(seen(instance, account, region)?);
            }
        }
    }
    if all.iter().any(|seen| seen.spot.is_some()) {
        let requests = requests(client).await;
        for spot in all.iter_mut().filter_map(|seen| seen.spot.as_mut()) {
            spot.persistent = match &requests {
                Ok(kinds) => kinds.get(&spot.request).map_or(Known::Absent, |kind| Known::Is(*kind)),
                Err(why) => Known::Unseen(why.clone()),
            };
        }
    }
    Ok(all)
}

async fn remains(client: &Client, id: &str, disks: &[String]) -> Result<Vec<RemainingResource>, FleetError> {
    let filter =
        |name: &str, values: Vec<String>| Filter::builder().name(name).set_values(Some(values)).build();
    let size = |gib: Option<i32>| u64::from(gib.unwrap_or_default().unsigned_abs());
    let mut found = Vec::new();
    if !disks.is_empty() {
        let call = client.describe_volumes().filters(filter("volume-id", disks.to_vec()));
        let answer = call.send().await.map_err(failed("ec2:DescribeVolumes"))?;
        found.extend(answer.volumes().iter().map(|volume| {
            let kind = volume.volume_type().map_or("unknown", |kind| kind.as_str());
            RemainingResource::Disk(
                volume.volume_id().unwrap_or_default().into(),
                kind.into(),
                size(volume.size()),
            )
        }));
    }
    let of_instance = |name: &str| filter(name, vec![id.to_string()]);
    let call = client.describe_addresses().filters(of_instance("instance-id"));
    let answer = call.send().await.map_err(failed("ec2:DescribeAddresses"))?;
    let addresses = answer.addresses().iter().filter_map(|address| address.public_ip());
    found.extend(addresses.map(|address| RemainingResource::Address(address.to_string())));
    let call = client.describe_images().owners("self").filters(of_instance("source-instance-id"));
    let answer = call.send().await.map_err(failed("ec2:DescribeImages"))?;
    found.extend(answer.images().iter().map(|image| {
        let disks = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs());
        let whole = disks.map(|disk| size(disk.volume_size())).sum();
        RemainingResource::Image(image.image_id().unwrap_or_default().to_string(), whole)
    }));
    Ok(found)
}

/// Returns the instant in a transition reason such as `User initiated (2026-11-30 12:00:00 GMT)`.
fn transition_instant(reason: &str) -> Option<domain::Timestamp> {
    let (_, rest) = reason.rsplit_once('(')?;
    let civil = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S GMT", rest.strip_suffix(')')?).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Returns when an instance was created: its primary network interface is attached then, and stays
/// until its end. EC2's launch time is that of the last start.
fn created(instance: &Instance) -> Option<domain::Timestamp> {
    let interfaces = instance.network_interfaces().iter().filter_map(|interface| interface.attachment());
    let primary = interfaces.filter(|attachment| attachment.device_index() == Some(0));
    primary.filter_map(|attachment| values::at(attachment.attach_time())).min()
}

fn unseen<T>(why: &str) -> Known<T> {
    Known::Unseen(why.to_string())
}

fn seen(instance: &Instance, account: &str, region: &str) -> Result<InstanceView, String> {
    let id = instance.instance_id().unwrap_or_default();
    let word = instance.state().and_then(|state| state.name()).map_or("none", |name| name.as_str());
    let state = InstanceState::ALL.into_iter().find(|state| state.word() == word);
    let tags = instance
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_string(), tag.value().unwrap_or_default().to_string())));
    let spot = instance.spot_instance_request_id().map(|request| InstanceSpotRequest {
        request: request.to_string(),
        persistent: unseen("not requested"),
    });
    let metadata = instance.metadata_options().map(|options| MetadataSettings {
        session_required: options.http_tokens() == Some(&HttpTokensState::Required),
        hops: options.http_put_response_hop_limit().unwrap_or_default().unsigned_abs(),
        tags: options.instance_metadata_tags() == Some(&InstanceMetadataTagsState::Enabled),
    });
    Ok(InstanceView {
        account: account.to_string(),
        region: region.to_string(),
        id: id.to_string(),
        instance_type: instance.instance_type().map_or_else(String::new, |kind| kind.as_str().to_string()),
        state: state.ok_or_else(|| format!("instance {id} has the unknown state \"{word}\""))?,
        tags: tags.collect(),
        launched: instance
            .launch_time()
            .and_then(values::timestamp)
            .map_or_else(|| unseen("not reported by AWS"), Known::Is),
        created: created(instance).map_or_else(|| unseen("not reported by AWS"), Known::Is),
        stopped: instance.state_transition_reason().and_then(transition_instant),
        reason: instance
            .state_reason()
            .and_then(|reason| reason.message().or(reason.code()))
            .map(|reason| reason.trim_end_matches('.').to_string()),
        disks: instance
            .block_device_mappings()
            .iter()
            .filter_map(|mapping| mapping.ebs())
            .filter_map(|disk| {
                let stays = disk.delete_on_termination() == Some(false);
                Some(AttachedDisk { volume: disk.volume_id()?.to_string(), stays })
            })
            .collect(),
        protected: unseen("not requested"),
        spot,
        metadata,
        details: details(instance),
    })
}

fn details(instance: &Instance) -> InstanceDetails {
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(String::from);
    let ids = instance.security_groups().iter().filter_map(|group| group.group_id());
    let interfaces = instance.network_interfaces().iter();
    InstanceDetails {
        zone: owned(instance.placement().and_then(|placement| placement.availability_zone())),
        public_address: owned(instance.public_ip_address()),
        private_address: owned(instance.private_ip_address()),
        ipv6_address: owned(
            interfaces.flat_map(|one| one.ipv6_addresses()).find_map(|address| address.ipv6_address()),
        ),
        key_name: owned(instance.key_name()),
        image: owned(instance.image_id()),
        vpc: owned(instance.vpc_id()),
        subnet: owned(instance.subnet_id()),
        groups: ids.map(String::from).collect(),
        profile: owned(instance.iam_instance_profile().and_then(|profile| profile.arn())),
        hibernates: instance.hibernation_options().and_then(|options| options.configured()) == Some(true),
        architecture: instance.architecture().map(|word| word.as_str().to_string()),
        platform: owned(instance.platform_details()),
    }
}

/// Returns for each spot request whether it is persistent.
async fn requests(client: &Client) -> Result<BTreeMap<String, bool>, String> {
    let mut pages = client.describe_spot_instance_requests().max_results(1000).into_paginator().send();
    let mut all = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeSpotInstanceRequests", &error))?;
        for request in page.spot_instance_requests() {
            if let (Some(id), Some(kind)) = (request.spot_instance_request_id(), request.r#type()) {
                all.insert(id.to_string(), *kind == SpotInstanceType::Persistent);
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_instant_of_a_transition() {
        let check = |reason: &str, expected: Option<&str>| {
            let found = transition_instant(reason).map(|at| at.to_string());
            assert_eq!(found.as_deref(), expected, "{reason}");
        };
        check("User initiated (2026-11-30 07:05:09 GMT)", Some("2026-11-30T07:05:09Z"));
        check("Server.SpotInstanceTermination (2026-01-02 00:00:00 GMT)", Some("2026-01-02T00:00:00Z"));
        check("", None);
        check("Server.InternalError", None);
        check("User initiated", None);
        check("User initiated (yesterday)", None);
    }
}
