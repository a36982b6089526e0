//! Tags of EC2's resources.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

/// Returns tags by key.
pub(crate) fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &Tag| Some((tag.key()?.to_string(), tag.value().unwrap_or_default().to_string()));
    tags.iter().filter_map(pair).collect()
}

/// Returns the tags of a resource that a call creates.
pub(crate) fn specification(kind: ResourceType, tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags.collect())).build()
}
