use crate::core::{ApiError, ApiResult, RegionView, ResourceKind, ResourceTags, request_tags};
use crate::engine::filter::{FilterTable, RequestFilters, one};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The most tags that a resource may have.
const MOST: usize = 50;

/// The kinds of resources that RunInstances can tag.
const AT_LAUNCH: [&str; 4] = ["instance", "volume", "network-interface", "spot-instances-request"];

pub(crate) fn nodes(tags: &ResourceTags) -> Vec<XmlContent> {
    tags.iter().map(|(key, value)| XmlFields::new().put("key", key).put("value", value).into()).collect()
}

/// Reads and checks the tags under `<name>.N`.
pub(crate) fn read(params: &QueryParamPart<'_>, name: &str) -> ApiResult<ResourceTags> {
    let mut tags = ResourceTags::new();
    for part in params.parts(name) {
        let key = part.need("Key")?;
        let value = part.raw("Value").unwrap_or_default();
        check(key, value)?;
        if tags.insert(key.to_string(), value.to_string()).is_some() {
            return Err(ApiError::value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    Ok(tags)
}

/// Reads the tags under `TagSpecification.N`, by kind of resource.
pub(crate) fn read_specifications(params: &QueryParamPart<'_>) -> ApiResult<Vec<(String, ResourceTags)>> {
    let mut all: Vec<(String, ResourceTags)> = Vec::new();
    for part in params.parts("TagSpecification") {
        let kind = part.need("ResourceType")?;
        if !AT_LAUNCH.contains(&kind) {
            return Err(ApiError::value(format!(
                "'{kind}' is not a valid taggable resource type for this operation."
            )));
        }
        if all.iter().any(|(known, _)| known == kind) {
            return Err(ApiError::value(format!("Duplicate tag specification for '{kind}'")));
        }
        let tags = read(&part, "Tag")?;
        within_limit(tags.len())?;
        all.push((kind.to_string(), tags));
    }
    Ok(all)
}

/// Reads the tags of the one resource that a call creates.
pub(crate) fn read_own(params: &QueryParamPart<'_>, kind: &str) -> ApiResult<ResourceTags> {
    let mut own = ResourceTags::new();
    for part in params.parts("TagSpecification") {
        if part.need("ResourceType")? != kind {
            return Err(ApiError::value(format!(
                "'{}' is not a valid taggable resource type for this operation.",
                part.need("ResourceType")?
            )));
        }
        own.extend(read(&part, "Tag")?);
    }
    within_limit(own.len())?;
    Ok(own)
}

fn check(key: &str, value: &str) -> ApiResult<()> {
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(ApiError::value("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    if key.chars().count() > 128 {
        return Err(ApiError::value(format!(
            "Tag key exceeds the maximum length of 128 characters: '{key}'"
        )));
    }
    if value.chars().count() > 256 {
        return Err(ApiError::value(format!(
            "Tag value exceeds the maximum length of 256 characters: '{value}'"
        )));
    }
    Ok(())
}

fn within_limit(count: usize) -> ApiResult<()> {
    if count > MOST {
        return Err(ApiError::new("TagLimitExceeded", "More than 50 tags specified"));
    }
    Ok(())
}

/// Fails unless the metadata service can serve all keys: letters, digits and `+ - = . , _ : @`.
pub(crate) fn check_metadata_keys<'k>(keys: impl Iterator<Item = &'k String>) -> ApiResult<()> {
    for key in keys {
        let good = key.chars().all(|c| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c));
        if !good || [".", "..", "_index"].contains(&key.as_str()) {
            return Err(ApiError::value(format!(
                "'{key}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must not be a reserved name ('.', '..', '_index')"
            )));
        }
    }
    Ok(())
}

/// A tag with its resource.
struct ResourceTagRow {
    id: String,
    kind: &'static str,
    key: String,
    value: String,
}

/// The filters of DescribeTags.
const FILTERS: FilterTable<ResourceTagRow> = FilterTable {
    tags: None,
    tag: Some(|row| (&row.key, &row.value)),
    named: &[
        ("key", |_, row| one(&row.key)),
        ("resource-id", |_, row| one(&row.id)),
        ("resource-type", |_, row| one(row.kind)),
        ("value", |_, row| one(&row.value)),
    ],
    bare: &[],
};

impl RegionView<'_> {
    fn tags_of(&mut self, id: &str) -> ApiResult<&mut ResourceTags> {
        let now = self.now;
        let here = &mut *self.here;
        let (kind, tags) = match id.split('-').next().unwrap_or_default() {
            "i" => {
                let found = here.instances.get_mut(id).filter(|found| found.visible <= now);
                (ResourceKind::Instance, found.map(|found| &mut found.tags))
            }
            "vol" => (ResourceKind::Volume, here.volumes.get_mut(id).map(|found| &mut found.tags)),
            "snap" => (ResourceKind::Snapshot, here.snapshots.get_mut(id).map(|found| &mut found.tags)),
            "ami" => (ResourceKind::Image, here.images.get_mut(id).map(|found| &mut found.tags)),
            "sg" => (ResourceKind::Group, here.groups.get_mut(id).map(|found| &mut found.tags)),
            "sgr" => {
                let mut rules = here.groups.values_mut().flat_map(|group| group.all_rules_mut());
                (ResourceKind::GroupRule, rules.find(|rule| rule.id == id).map(|rule| &mut rule.tags))
            }
            "sir" => (ResourceKind::SpotRequest, here.spot.get_mut(id).map(|found| &mut found.tags)),
            "cr" => (ResourceKind::Reservation, here.reservations.get_mut(id).map(|found| &mut found.tags)),
            "lt" => (ResourceKind::Template, here.templates.get_mut(id).map(|found| &mut found.tags)),
            "eipalloc" => (ResourceKind::Address, here.addresses.get_mut(id).map(|found| &mut found.tags)),
            "key" => {
                let found = here.keys.values_mut().find(|found| found.id == id);
                (ResourceKind::KeyPair, found.map(|found| &mut found.tags))
            }
            "eni" => {
                let mut held = here.instances.values_mut().filter(|found| !found.state.is_over());
                let found = held.find(|found| found.interface == id);
                (ResourceKind::Interface, found.map(|found| &mut found.interface_tags))
            }
            _ => return Err(ApiError::new("InvalidID", format!("The ID '{id}' is not valid"))),
        };
        tags.ok_or_else(|| ApiError::unknown_id(kind, id))
    }

    /// Fails unless the caller may tag a resource of this kind while an action creates it.
    pub(super) fn may_tag_new(&mut self, kind: &str, tags: &ResourceTags, action: &str) -> ApiResult<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let mut context = request_tags(tags);
        context.push(("ec2:CreateAction".to_string(), vec![action.to_string()]));
        let arn = self.arn("ec2", &format!("{kind}/*"));
        self.allow("ec2:CreateTags", &arn, tags, &context)
    }

    fn may_tag(&mut self, action: &str, ids: &[String], asked: &ResourceTags) -> ApiResult<()> {
        for id in ids {
            let tags = self.tags_of(id)?.clone();
            let kind = match id.split('-').next().unwrap_or_default() {
                "i" => "instance",
                "vol" => "volume",
                "snap" => "snapshot",
                "ami" => "image",
                "sg" => "security-group",
                "sgr" => "security-group-rule",
                "sir" => "spot-instances-request",
                "cr" => "capacity-reservation",
                "lt" => "launch-template",
                "key" => "key-pair",
                "eni" => "network-interface",
                _ => "elastic-ip",
            };
            let arn = self.arn("ec2", &format!("{kind}/{id}"));
            self.allow(action, &arn, &tags, &request_tags(asked))?;
        }
        Ok(())
    }

    /// Serves CreateTags: on all of the resources, or on none.
    pub(crate) fn create_tags(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids: Vec<String> = params.list("ResourceId").into_iter().map(String::from).collect();
        let tags = read(params, "Tag")?;
        if ids.is_empty() || tags.is_empty() {
            return Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter resourceIdSet and tagSet",
            ));
        }
        self.may_tag("ec2:CreateTags", &ids, &tags)?;
        for id in &ids {
            let held = self.tags_of(id)?;
            let more = tags.keys().filter(|key| !held.contains_key(*key)).count();
            // AWS's own tags do not count.
            let own = held.keys().filter(|key| !key.starts_with("aws:")).count();
            within_limit(own + more)?;
            if self.here.instances.get(id).is_some_and(|found| found.metadata.tags == "enabled") {
                check_metadata_keys(tags.keys())?;
            }
        }
        self.finish_checks(params)?;
        for id in &ids {
            self.tags_of(id)?.extend(tags.clone());
            self.bill_with_tags(id);
        }
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Copies an instance's tags to its open billing record.
    fn bill_with_tags(&mut self, id: &str) {
        let Some(tags) = self.here.instances.get(id).map(|found| found.tags.clone()) else { return };
        if let Some(open) = self.open_bill(id) {
            open.tags = tags;
        }
    }

    /// Serves DeleteTags. A tag with a value is deleted only if the resource has the same value.
    pub(crate) fn delete_tags(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids: Vec<String> = params.list("ResourceId").into_iter().map(String::from).collect();
        let mut wanted: Vec<(String, Option<String>)> = Vec::new();
        for part in params.parts("Tag") {
            wanted.push((part.need("Key")?.to_string(), part.raw("Value").map(String::from)));
        }
        if wanted.iter().any(|(key, _)| key.to_ascii_lowercase().starts_with("aws:")) {
            return Err(ApiError::value("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        let asked: ResourceTags =
            wanted.iter().map(|(key, value)| (key.clone(), value.clone().unwrap_or_default())).collect();
        self.may_tag("ec2:DeleteTags", &ids, &asked)?;
        self.finish_checks(params)?;
        for id in &ids {
            let held = self.tags_of(id)?;
            if wanted.is_empty() {
                held.retain(|key, _| key.starts_with("aws:"));
            }
            for (key, value) in &wanted {
                if value.is_none() || held.get(key) == value.as_ref() {
                    held.remove(key);
                }
            }
            self.bill_with_tags(id);
        }
        Ok(XmlFields::new().put("return", true).into())
    }

    pub(crate) fn describe_tags(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeTags")?;
        let filters = RequestFilters::read(params, &FILTERS)?;
        let here = &*self.here;
        let now = self.now;
        let seen = here.instances.values().filter(|found| found.visible <= now);
        let mut all: Vec<(&str, &str, &ResourceTags)> =
            seen.clone().map(|found| (found.id.as_str(), "instance", &found.tags)).collect();
        all.extend(seen.map(|found| (found.interface.as_str(), "network-interface", &found.interface_tags)));
        all.extend(here.volumes.values().map(|found| (found.id.as_str(), "volume", &found.tags)));
        all.extend(here.snapshots.values().map(|found| (found.id.as_str(), "snapshot", &found.tags)));
        all.extend(here.images.values().map(|found| (found.id.as_str(), "image", &found.tags)));
        all.extend(here.groups.values().map(|found| (found.id.as_str(), "security-group", &found.tags)));
        let rules = here.groups.values().flat_map(|group| group.incoming.iter().chain(&group.outgoing));
        all.extend(rules.map(|rule| (rule.id.as_str(), "security-group-rule", &rule.tags)));
        all.extend(
            here.spot.values().map(|found| (found.id.as_str(), "spot-instances-request", &found.tags)),
        );
        all.extend(
            here.reservations.iter().map(|(id, found)| (id.as_str(), "capacity-reservation", &found.tags)),
        );
        all.extend(here.templates.iter().map(|(id, found)| (id.as_str(), "launch-template", &found.tags)));
        all.extend(here.addresses.values().map(|found| (found.id.as_str(), "elastic-ip", &found.tags)));
        all.extend(here.keys.values().map(|found| (found.id.as_str(), "key-pair", &found.tags)));
        let rows = all.into_iter().flat_map(|(id, kind, tags)| {
            tags.iter().map(move |(key, value)| ResourceTagRow {
                id: id.to_string(),
                kind,
                key: key.clone(),
                value: value.clone(),
            })
        });
        let (rows, next) = self.page(params, rows.filter(|row| filters.matches_row(self, row)), (5, 1000))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("tagSet", rows, |fields, row| {
            fields
                .put("resourceId", &row.id)
                .put("resourceType", row.kind)
                .put("key", &row.key)
                .put("value", &row.value)
        });
        Ok(answer.opt("nextToken", next).into())
    }
}
