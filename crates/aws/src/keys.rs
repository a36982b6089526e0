//! The port `Keys`: EC2's key pairs.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyPairInfo, ResourceType};
use fleet::ports::{FleetError, KeyPairView, Keys};

use crate::AwsClient;
use crate::cloud::failed;
use crate::tags::{specification, tag_map};

impl Keys for AwsClient {
    fn list_keys(&self, region: &str) -> Result<Vec<KeyPairView>, FleetError> {
        self.runtime.block_on(list_keys(&self.ec2(region)))
    }

    fn import_key(
        &self,
        region: &str,
        name: &str,
        public_key: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), FleetError> {
        let call = self.ec2(region).import_key_pair().key_name(name);
        let call = call.public_key_material(Blob::new(public_key));
        let call = call.tag_specifications(specification(ResourceType::KeyPair, tags));
        self.runtime.block_on(call.send()).map(drop).map_err(failed("ec2:ImportKeyPair"))
    }

    fn delete_key(&self, region: &str, name: &str) -> Result<(), FleetError> {
        let call = self.ec2(region).delete_key_pair().key_name(name);
        self.runtime.block_on(call.send()).map(drop).map_err(failed("ec2:DeleteKeyPair"))
    }
}

/// Returns all key pairs of the client's region. EC2 has no pages for them.
pub(crate) async fn list_keys(client: &Client) -> Result<Vec<KeyPairView>, FleetError> {
    let call = client.describe_key_pairs().include_public_key(true);
    let answer = call.send().await.map_err(failed("ec2:DescribeKeyPairs"))?;
    Ok(answer.key_pairs().iter().map(view).collect())
}

fn view(key: &KeyPairInfo) -> KeyPairView {
    KeyPairView {
        name: key.key_name().unwrap_or_default().to_string(),
        fingerprint: key.key_fingerprint().unwrap_or_default().to_string(),
        kind: key.key_type().map(|kind| kind.as_str().to_string()).unwrap_or_default(),
        public_key: key.public_key().map(|text| text.trim().to_string()),
        tags: tag_map(key.tags()),
    }
}
