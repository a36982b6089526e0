//! Launch templates: parameters of RunInstances, stored under a name.

use std::collections::BTreeMap;

use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{
    ApiError, ApiResult, LaunchTemplate, LaunchTemplateVersion, RegionView, ResourceKind, ResourceTags,
};
use crate::engine::filter::{FilterTable, RequestFilters, at, flag, many, one};
use crate::engine::requests::missing_parameter;
use crate::wire::{QueryParamPart, QueryParams, XmlContent, XmlFields};

/// The parameters that a template can have: all that the sandbox serves in RunInstances, except
/// counts, client token and dry run.
const KNOWN: [&str; 20] = [
    "BlockDeviceMapping",
    "CapacityReservationSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "HibernationOptions",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceType",
    "KeyName",
    "MetadataOptions",
    "Monitoring",
    "NetworkInterface",
    "Placement",
    "SecurityGroup",
    "SecurityGroupId",
    "TagSpecification",
    "UserData",
];

/// The error for a call that names no template.
fn template_not_named() -> ApiError {
    ApiError::new("MissingParameter", "Either the launch template's id or its name must be specified")
}

impl RegionView<'_> {
    fn template(&self, part: &QueryParamPart<'_>) -> ApiResult<&LaunchTemplate> {
        match (part.text("LaunchTemplateId"), part.text("LaunchTemplateName")) {
            (Some(_), Some(_)) => {
                Err(ApiError::combination("The launch template's id and its name cannot both be specified"))
            }
            (Some(id), None) => {
                self.here.templates.get(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Template, id))
            }
            (None, Some(name)) => self.template_named(name),
            (None, None) => Err(template_not_named()),
        }
    }

    fn template_named(&self, name: &str) -> ApiResult<&LaunchTemplate> {
        self.here.templates.values().find(|template| template.name == name).ok_or_else(|| {
            ApiError::new(
                "InvalidLaunchTemplateName.NotFoundException",
                format!("The specified launch template, with template name {name}, does not exist."),
            )
        })
    }

    /// Returns the parameters of a version, and AWS's own tags for its instances.
    pub(crate) fn template_data(
        &self,
        part: &QueryParamPart<'_>,
    ) -> ApiResult<(BTreeMap<String, String>, ResourceTags)> {
        let template = self.template(part)?;
        let number = version(template, part.text("Version").unwrap_or("$Default"))?;
        let told = [("id", template.id.clone()), ("version", number.to_string())];
        let told = told.map(|(key, value)| (format!("aws:ec2launchtemplate:{key}"), value));
        Ok((template.versions[number - 1].data.clone(), ResourceTags::from(told)))
    }

    /// Returns the parameters of a launch, completed by those of its template; none without a
    /// template.
    pub(crate) fn with_template(&self, params: &QueryParamPart<'_>) -> ApiResult<Option<QueryParams>> {
        let part = params.part("LaunchTemplate");
        if !part.is_there() {
            return Ok(None);
        }
        let (data, told) = self.template_data(&part)?;
        Ok(Some(params.params().over(&data).with_aws_tags(told)))
    }

    /// Serves CreateLaunchTemplate.
    pub(crate) fn create_template(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:CreateLaunchTemplate")?;
        let name = params.need("LaunchTemplateName")?;
        let good = (3..=128).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "()./_-".contains(c));
        if !good {
            return Err(ApiError::new(
                "InvalidLaunchTemplateName.MalformedException",
                "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: -()./_",
            ));
        }
        if self.template_named(name).is_ok() {
            return Err(ApiError::new(
                "InvalidLaunchTemplateName.AlreadyExistsException",
                format!("Launch template name already in use: {name}"),
            ));
        }
        let version = self.read_version(params)?;
        let tags = read_own(params, "launch-template")?;
        self.finish_checks(params)?;
        let template = LaunchTemplate {
            id: self.ids.id("lt-"),
            name: name.to_string(),
            created: self.now,
            creator: self.caller.arn(),
            versions: vec![version],
            tags,
        };
        let answer = XmlFields::new().put("launchTemplate", template_fields(&template));
        self.here.templates.insert(template.id.clone(), template);
        Ok(answer.into())
    }

    /// Serves CreateLaunchTemplateVersion. Version 1 stays the default.
    pub(crate) fn create_version(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:CreateLaunchTemplateVersion")?;
        let template = self.template(params)?.clone();
        let mut new = self.read_version(params)?;
        if let Some(source) = params.text("SourceVersion") {
            let old = &template.versions[version(&template, source)? - 1].data;
            let mut asked = QueryParams::default();
            new.data.iter().for_each(|(key, value)| asked.set(key, value));
            new.data = asked.over(old).into_values();
        }
        self.finish_checks(params)?;
        let number = template.versions.len() + 1;
        let answer = XmlFields::new()
            .within("launchTemplateVersion", |fields| version_fields(fields, &template, &new, number));
        if let Some(held) = self.here.templates.get_mut(&template.id) {
            held.versions.push(new);
        }
        Ok(answer.into())
    }

    fn read_version(&self, params: &QueryParamPart<'_>) -> ApiResult<LaunchTemplateVersion> {
        let data = params.params().under("LaunchTemplateData");
        params.text("ClientToken");
        let data = data.into_values();
        let known = |key: &&String| KNOWN.contains(&key.split('.').next().unwrap_or_default());
        if let Some(unknown) = data.keys().find(|key| !known(key)) {
            let sentence = format!("The parameter LaunchTemplateData.{unknown} is not recognized");
            return Err(ApiError::new("UnknownParameter", sentence));
        }
        if data.is_empty() {
            return Err(missing_parameter("LaunchTemplateData"));
        }
        Ok(LaunchTemplateVersion {
            description: params.text("VersionDescription").map(String::from),
            created: self.now,
            creator: self.caller.arn(),
            data,
        })
    }

    /// Serves DescribeLaunchTemplates.
    pub(crate) fn describe_templates(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeLaunchTemplates")?;
        let (ids, names) = (params.list("LaunchTemplateId"), params.list("LaunchTemplateName"));
        if let Some(id) = ids.iter().find(|id| !self.here.templates.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::Template, id));
        }
        for name in &names {
            self.template_named(name)?;
        }
        let filters = RequestFilters::read(params, &FILTERS)?;
        let named = |template: &&LaunchTemplate| {
            (ids.is_empty() && names.is_empty())
                || ids.contains(&template.id.as_str())
                || names.contains(&template.name.as_str())
        };
        let rows =
            self.here.templates.values().filter(named).filter(|found| filters.matches_row(self, found));
        let (rows, next) = self.page(params, rows, (1, 200))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> =
            rows.into_iter().map(|template| template_fields(template).into()).collect();
        Ok(XmlFields::new().put("launchTemplates", nodes).opt("nextToken", next).into())
    }

    /// Serves DescribeLaunchTemplateVersions, newest first.
    pub(crate) fn describe_versions(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeLaunchTemplateVersions")?;
        let wanted = params.list("LaunchTemplateVersion");
        let named = params.text("LaunchTemplateId").is_some() || params.text("LaunchTemplateName").is_some();
        let filters = RequestFilters::read(params, &VERSION_FILTERS)?;
        let mut rows = Vec::new();
        if named {
            let template = self.template(params)?;
            let numbers: Vec<usize> = if wanted.is_empty() {
                (1..=template.versions.len()).rev().collect()
            } else {
                wanted.iter().map(|text| version(template, text)).collect::<ApiResult<_>>()?
            };
            rows.extend(numbers.into_iter().map(|number| (template, number)));
        } else {
            // A call for all templates can request these two versions only.
            for text in &wanted {
                if !["$Latest", "$Default"].contains(text) {
                    return Err(template_not_named());
                }
                for template in self.here.templates.values() {
                    rows.push((template, version(template, text)?));
                }
            }
            if wanted.is_empty() {
                return Err(template_not_named());
            }
        }
        let rows = rows.into_iter().filter(|(template, number)| {
            filters.matches_row(
                self,
                &NumberedTemplateVersion { version: template.versions[number - 1].clone(), number: *number },
            )
        });
        let (rows, next) = self.page(params, rows, (1, 200))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("launchTemplateVersionSet", rows, |fields, (template, number)| {
            version_fields(fields, template, &template.versions[number - 1], number)
        });
        Ok(answer.opt("nextToken", next).into())
    }

    /// Serves DeleteLaunchTemplate.
    pub(crate) fn delete_template(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let template = self.template(params)?.clone();
        let arn = self.arn("ec2", &format!("launch-template/{}", template.id));
        self.allow("ec2:DeleteLaunchTemplate", &arn, &template.tags, &[])?;
        self.finish_checks(params)?;
        self.here.templates.remove(&template.id);
        Ok(XmlFields::new().put("launchTemplate", template_fields(&template)).into())
    }
}
/// The filters of DescribeLaunchTemplates.
const FILTERS: FilterTable<LaunchTemplate> = FilterTable {
    tags: Some(|template| &template.tags),
    tag: None,
    named: &[
        ("create-time", |_, template| at(template.created)),
        ("launch-template-name", |_, template| one(&template.name)),
    ],
    bare: &[],
};

/// A version with its number.
struct NumberedTemplateVersion {
    version: LaunchTemplateVersion,
    number: usize,
}

impl NumberedTemplateVersion {
    fn data(&self, name: &str) -> Option<&String> {
        self.version.data.get(name)
    }
}

/// The filters of DescribeLaunchTemplateVersions.
const VERSION_FILTERS: FilterTable<NumberedTemplateVersion> = FilterTable {
    tags: None,
    tag: None,
    named: &[
        ("create-time", |_, shown| at(shown.version.created)),
        ("ebs-optimized", |_, shown| many(shown.data("EbsOptimized"))),
        ("http-endpoint", |_, shown| many(shown.data("MetadataOptions.HttpEndpoint"))),
        ("http-protocol-ipv4", |_, shown| many(shown.data("MetadataOptions.HttpEndpoint"))),
        ("http-tokens", |_, shown| many(shown.data("MetadataOptions.HttpTokens"))),
        ("iam-instance-profile", |_, shown| many(shown.data("IamInstanceProfile.Arn"))),
        ("image-id", |_, shown| many(shown.data("ImageId"))),
        ("instance-type", |_, shown| many(shown.data("InstanceType"))),
        ("is-default-version", |_, shown| flag(shown.number == 1)),
    ],
    bare: &[
        "host-resource-group-arn",
        "kernel-id",
        "license-configuration-arn",
        "network-card-index",
        "ram-disk-id",
    ],
};

/// Returns the number of a version, `$Latest` or `$Default`.
fn version(template: &LaunchTemplate, text: &str) -> ApiResult<usize> {
    let number = match text {
        "$Latest" => Some(template.versions.len()),
        "$Default" => Some(1),
        text => text.parse().ok(),
    };
    number.filter(|number| (1..=template.versions.len()).contains(number)).ok_or_else(|| {
        ApiError::new(
            "InvalidLaunchTemplateId.VersionNotFound",
            format!(
                "Could not find the specified version {text} for the launch template with ID {}.",
                template.id
            ),
        )
    })
}

fn template_fields(template: &LaunchTemplate) -> XmlFields {
    XmlFields::new()
        .put("launchTemplateId", &template.id)
        .put("launchTemplateName", &template.name)
        .put("createTime", template.created)
        .put("createdBy", &template.creator)
        .put("defaultVersionNumber", 1i64)
        .put("latestVersionNumber", template.versions.len())
        .some("tagSet", tag_nodes(&template.tags))
}

fn version_fields(
    fields: XmlFields,
    template: &LaunchTemplate,
    version: &LaunchTemplateVersion,
    number: usize,
) -> XmlFields {
    fields
        .put("launchTemplateId", &template.id)
        .put("launchTemplateName", &template.name)
        .put("versionNumber", number)
        .opt("versionDescription", version.description.as_ref())
        .put("createTime", version.created)
        .put("createdBy", &version.creator)
        .put("defaultVersion", number == 1)
        .within("launchTemplateData", |fields| data_fields(fields, "", &version.data))
}

/// Writes the parameters under a prefix as elements; numbered parameters become lists.
fn data_fields(mut fields: XmlFields, prefix: &str, data: &BTreeMap<String, String>) -> XmlFields {
    for name in next_names(prefix, data) {
        let key = format!("{prefix}{name}");
        let under = next_names(&format!("{key}."), data);
        let element = element(prefix, &name);
        fields = match (data.get(&key), under.iter().all(|name| name.parse::<u32>().is_ok())) {
            (Some(value), _) => fields.put(&element, value),
            (None, false) => fields.within(&element, |fields| data_fields(fields, &format!("{key}."), data)),
            (None, true) => fields.within(&element, |mut fields| {
                let item = if element == "groupSet" { "groupId" } else { "item" };
                for number in under {
                    let key = format!("{key}.{number}");
                    fields = match data.get(&key) {
                        Some(value) => fields.put(item, value),
                        None => fields.within(item, |fields| data_fields(fields, &format!("{key}."), data)),
                    };
                }
                fields
            }),
        };
    }
    fields
}

/// Returns the names that follow a prefix; numbers come in numeric order.
fn next_names(prefix: &str, data: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<String> =
        data.keys().filter_map(|key| key.strip_prefix(prefix)?.split('.').next()).map(String::from).collect();
    names.sort_by_key(|name| (name.parse::<u32>().unwrap_or(0), name.clone()));
    names.dedup();
    names
}

/// Returns the element name of a parameter in an answer.
fn element(prefix: &str, name: &str) -> String {
    match (prefix.split('.').next(), name) {
        (Some("NetworkInterface"), "SecurityGroupId") => return "groupSet".to_string(),
        (
            _,
            "BlockDeviceMapping" | "NetworkInterface" | "TagSpecification" | "SecurityGroupId"
            | "SecurityGroup" | "Tag",
        ) => {
            return lower(name) + "Set";
        }
        _ => {}
    }
    lower(name)
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_parameters_as_elements() {
        let form = "ImageId=a&SecurityGroupId.1=s1&SecurityGroupId.2=s2&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&NetworkInterface.1.SecurityGroupId.1=g&Monitoring.Enabled=true";
        let data = QueryParams::parse(form.as_bytes()).unwrap().into_values();
        let shown: XmlContent = data_fields(XmlFields::new(), "", &data).into();
        assert_eq!(
            shown.into_text(),
            "<imageId>a</imageId><monitoring><enabled>true</enabled></monitoring>\
             <networkInterfaceSet><item><groupSet><groupId>g</groupId></groupSet></item></networkInterfaceSet>\
             <securityGroupIdSet><item>s1</item><item>s2</item></securityGroupIdSet>\
             <tagSpecificationSet><item><resourceType>instance</resourceType><tagSet><item><key>k</key></item></tagSet></item></tagSpecificationSet>"
        );
    }
}
