//! The port `Images`: instance types, public parameters and images.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{DeviceType, Image, InstanceType, InstanceTypeInfo};
use fleet::image::{ARCHITECTURES, ImageChoice, ImageFacts, LaunchableType};
use fleet::ports::{FleetError, FoundImage, Images};

use crate::AwsClient;
use crate::clients::{self, ServerDate};
use crate::fleet_error::failed;

impl Images for AwsClient {
    fn query_image<'a>(
        &'a self,
        region: &str,
        instance_type: &str,
        choice: &ImageChoice,
    ) -> Box<dyn FnOnce() -> FoundImage + 'a> {
        let client = self.ec2(region);
        let ssm = clients::ssm(&self.config(None), region, &ServerDate::default());
        let (instance_type, choice) = (instance_type.to_string(), choice.clone());
        // The task makes progress while any other call is waited for.
        let task =
            self.runtime.spawn(async move { find_image(&client, &ssm, &instance_type, &choice).await });
        Box::new(|| {
            let ended = self.runtime.block_on(task);
            ended.unwrap_or_else(|_| Err(FleetError::Failed("the request was interrupted".to_string())))
        })
    }

    fn describe_image(&self, region: &str, id: &str) -> Result<ImageFacts, FleetError> {
        self.runtime.block_on(describe(&self.ec2(region), id))
    }
}

async fn find_image(
    client: &Client,
    ssm: &aws_sdk_ssm::Client,
    instance_type: &str,
    choice: &ImageChoice,
) -> FoundImage {
    let alias = match choice {
        ImageChoice::Newest(alias) => alias,
        ImageChoice::Id(id) => {
            let both = tokio::try_join!(describe_type(client, instance_type), describe(client, id));
            return both.map(|(kind, image)| (kind, Some(image)));
        }
    };
    let names = ARCHITECTURES.map(|architecture| alias.parameter(architecture));
    let (kind, found) = tokio::try_join!(describe_type(client, instance_type), parameters(ssm, &names))?;
    let Some(architecture) = kind.architecture() else { return Ok((kind, None)) };
    let name = alias.parameter(architecture);
    match found.into_iter().find(|(known, _)| *known == name) {
        Some((_, id)) => Ok((kind, Some(describe(client, &id).await?))),
        None => Ok((kind, None)),
    }
}

/// Returns the values of the public parameters that exist, by name.
async fn parameters(
    client: &aws_sdk_ssm::Client,
    names: &[String],
) -> Result<Vec<(String, String)>, FleetError> {
    let call = client.get_parameters().set_names(Some(names.to_vec()));
    let answer = call.send().await.map_err(failed("ssm:GetParameters"))?;
    let pair = |found: &aws_sdk_ssm::types::Parameter| Some((found.name()?.into(), found.value()?.into()));
    Ok(answer.parameters().iter().filter_map(pair).collect())
}

async fn describe_type(client: &Client, name: &str) -> Result<LaunchableType, FleetError> {
    let call = client.describe_instance_types().instance_types(InstanceType::from(name));
    let answer = call.send().await.map_err(failed("ec2:DescribeInstanceTypes"))?;
    let none = || FleetError::Failed(format!("ec2:DescribeInstanceTypes: the answer has no {name}"));
    answer.instance_types().first().map(launchable_type).ok_or_else(none)
}

fn launchable_type(found: &InstanceTypeInfo) -> LaunchableType {
    let words = found.processor_info().map(|info| info.supported_architectures()).unwrap_or_default();
    let memory = found.memory_info().and_then(|info| info.size_in_mib()).unwrap_or_default();
    LaunchableType {
        architectures: words.iter().map(|word| word.as_str().to_string()).collect(),
        memory_mib: memory.unsigned_abs(),
        hibernates: found.hibernation_supported() == Some(true),
    }
}

async fn describe(client: &Client, id: &str) -> Result<ImageFacts, FleetError> {
    let answer = client.describe_images().image_ids(id).send().await;
    let answer = answer.map_err(failed("ec2:DescribeImages"))?;
    let none = || FleetError::Refused {
        code: "InvalidAMIID.NotFound".to_string(),
        why: format!("ec2:DescribeImages: there is no image {id} that the account can use"),
    };
    answer.images().first().map(facts).ok_or_else(none)
}

fn facts(image: &Image) -> ImageFacts {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_string();
    let device = image.root_device_name().unwrap_or_default();
    let mut disks = image.block_device_mappings().iter();
    let root = disks.find(|disk| disk.device_name() == Some(device)).and_then(|disk| disk.ebs());
    let is_ebs = image.root_device_type() == Some(&DeviceType::Ebs);
    let size = root.and_then(|root| root.volume_size()).unwrap_or_default();
    ImageFacts {
        id: owned(image.image_id()),
        name: owned(image.name()),
        owner: owned(image.image_owner_alias().or(image.owner_id())),
        architecture: image.architecture().map(|word| word.as_str().to_string()).unwrap_or_default(),
        platform: owned(image.platform_details()),
        root_device: device.to_string(),
        root_gib: if is_ebs { size.unsigned_abs() } else { 0 },
    }
}
