//! The instance metadata service.

use domain::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::ec2::{DnsSuffixes, MAINTENANCE, MacAddress};
use crate::core::{Principal, RegionView, SandboxInstanceState, SandboxWorld};
use crate::wire::{iso, node};

/// A request to the metadata service.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetadataRequest {
    pub(crate) method: String,
    /// The path after the first slash.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) lifetime: Option<String>,
    pub(crate) forwarded: bool,
    /// How many hops away the client is; 1 is the instance itself.
    pub(crate) hops: i64,
}

/// An answer of the metadata service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataAnswer {
    Text(String),
    /// User data, which need not be text.
    Bytes(Vec<u8>),
    Token(String, u32),
    Status(u16),
    /// The client never gets an answer.
    Silence,
}

/// All paths, in AWS's order. A path that ends with a slash lists its entries itself.
const PATHS: [&str; 30] = [
    "dynamic/instance-identity/document",
    "meta-data/ami-id",
    "meta-data/ami-launch-index",
    "meta-data/events/maintenance/history",
    "meta-data/events/maintenance/scheduled",
    "meta-data/events/recommendations/rebalance",
    "meta-data/hibernation/configured",
    "meta-data/hostname",
    "meta-data/iam/info",
    "meta-data/iam/security-credentials/",
    "meta-data/instance-action",
    "meta-data/instance-id",
    "meta-data/instance-life-cycle",
    "meta-data/instance-type",
    "meta-data/local-hostname",
    "meta-data/local-ipv4",
    "meta-data/mac",
    "meta-data/placement/availability-zone",
    "meta-data/placement/availability-zone-id",
    "meta-data/placement/region",
    "meta-data/public-hostname",
    "meta-data/public-ipv4",
    "meta-data/public-keys/",
    "meta-data/reservation-id",
    "meta-data/security-groups",
    "meta-data/services/domain",
    "meta-data/services/partition",
    "meta-data/spot/instance-action",
    "meta-data/spot/termination-time",
    "meta-data/tags/instance/",
];

impl SandboxWorld {
    /// Answers a request to one instance's metadata service.
    pub(crate) fn metadata(
        &mut self,
        now: Timestamp,
        instance: &str,
        asked: &MetadataRequest,
    ) -> MetadataAnswer {
        self.apply_due_events(now);
        let Some((account, region)) = self.find(instance) else { return MetadataAnswer::Silence };
        let caller = Principal::Service { account: account.clone() };
        let Some(mut desk) = self.region_view(now, &account, &region, caller) else {
            return MetadataAnswer::Silence;
        };
        desk.metadata(instance, asked)
    }

    /// Repeats a request that was allowed before, while a journal is replayed.
    pub(crate) fn metadata_again(&mut self, now: Timestamp, instance: &str, asked: &MetadataRequest) {
        self.apply_due_events(now);
        let Some((account, region)) = self.find(instance) else { return };
        let caller = Principal::Service { account: account.clone() };
        if let (Some(mut desk), Some((_, path))) =
            (self.region_view(now, &account, &region, caller), asked.path.split_once('/'))
        {
            drop(desk.metadata_path(instance, path.trim_end_matches('/')));
        }
    }
}

impl RegionView<'_> {
    fn metadata(&mut self, id: &str, asked: &MetadataRequest) -> MetadataAnswer {
        let Some(found) = self.here.instances.get(id) else { return MetadataAnswer::Silence };
        if !matches!(
            found.state,
            SandboxInstanceState::Running
                | SandboxInstanceState::Stopping
                | SandboxInstanceState::ShuttingDown
        ) {
            return MetadataAnswer::Silence;
        }
        if found.metadata.endpoint == "disabled" {
            return MetadataAnswer::Status(403);
        }
        if asked.path == "latest/api/token" {
            return self.metadata_token(id, asked);
        }
        if asked.method != "GET" && asked.method != "HEAD" {
            return MetadataAnswer::Status(405);
        }
        match &asked.token {
            Some(token) if !self.good_token(id, token) => return MetadataAnswer::Status(401),
            None if found.metadata.tokens == "required" => return MetadataAnswer::Status(401),
            _ => {}
        }
        let Some((version, path)) = asked.path.split_once('/') else {
            return MetadataAnswer::Text(if asked.path.is_empty() {
                "latest".into()
            } else {
                "dynamic\nmeta-data\nuser-data".into()
            });
        };
        if version != "latest" && version.parse::<f32>().is_err() && version.len() != "2021-07-15".len() {
            return MetadataAnswer::Status(404);
        }
        if path == "user-data" {
            return self.user_data(id).map_or(MetadataAnswer::Status(404), MetadataAnswer::Bytes);
        }
        self.metadata_path(id, path.trim_end_matches('/'))
            .map_or(MetadataAnswer::Status(404), MetadataAnswer::Text)
    }

    fn user_data(&self, id: &str) -> Option<Vec<u8>> {
        use base64::Engine;
        let text = self.here.instances[id].user_data.as_ref()?;
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    }

    /// Serves `PUT /latest/api/token`. The hop limit keeps the answer from clients further away.
    fn metadata_token(&mut self, id: &str, asked: &MetadataRequest) -> MetadataAnswer {
        if asked.method != "PUT" {
            return MetadataAnswer::Status(405);
        }
        if asked.forwarded {
            return MetadataAnswer::Status(403);
        }
        let seconds = asked.lifetime.as_ref().and_then(|text| text.parse::<u32>().ok());
        let Some(seconds) = seconds.filter(|seconds| (1..=21_600).contains(seconds)) else {
            return MetadataAnswer::Status(400);
        };
        if asked.hops > self.here.instances[id].metadata.hops {
            return MetadataAnswer::Silence;
        }
        let until = self.now.as_second() + i64::from(seconds);
        MetadataAnswer::Token(self.sign_token(id, until), seconds)
    }

    /// Returns a token that contains its expiry and a digest, so that no token has to be stored. A
    /// start makes it invalid.
    fn sign_token(&self, id: &str, until: i64) -> String {
        use base64::Engine;
        let launched = self.here.instances[id].launched.as_second();
        let seal = Sha256::digest(format!("{} {id} {launched} {until}", self.seed));
        base64::engine::general_purpose::URL_SAFE.encode([&until.to_be_bytes()[..], &seal[..28]].concat())
    }

    fn good_token(&self, id: &str, token: &str) -> bool {
        use base64::Engine;
        let Ok(bytes) = base64::engine::general_purpose::URL_SAFE.decode(token) else { return false };
        let Some((until, _)) = bytes.split_first_chunk::<8>() else { return false };
        let until = i64::from_be_bytes(*until);
        until > self.now.as_second() && self.sign_token(id, until) == token
    }

    fn metadata_path(&mut self, id: &str, path: &str) -> Option<String> {
        let i = self.here.instances[id].clone();
        let text = |text: &str| Some(text.to_string());
        let profile = i.profile.as_ref().map(|(_, name)| name.clone());
        let role = profile.as_ref().and_then(|profile| self.iam.role_of(profile));
        match path {
            "dynamic/instance-identity/document" => Some(self.identity_document(id)),
            "meta-data/ami-id" => Some(i.image),
            "meta-data/ami-launch-index" => Some(i.index.to_string()),
            "meta-data/mac" => Some(node(MacAddress(&i.interface)).into_text()),
            "meta-data/public-hostname" => {
                i.public_ip.as_ref().map(|_| node(DnsSuffixes::of(self.region).public(&i)).into_text())
            }
            "meta-data/services/domain" => {
                text(if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" })
            }
            "meta-data/services/partition" => text(self.partition()),
            "meta-data/events/maintenance/history" => text("[]"),
            "meta-data/hostname" | "meta-data/local-hostname" => {
                Some(node(DnsSuffixes::of(self.region).private(&i)).into_text())
            }
            "meta-data/instance-action" => text("none"),
            "meta-data/instance-id" => text(id),
            "meta-data/instance-life-cycle" => {
                text(if i.spot_request.is_some() { "spot" } else { "on-demand" })
            }
            "meta-data/instance-type" => Some(i.instance_type),
            "meta-data/local-ipv4" => Some(i.private_ip),
            "meta-data/public-ipv4" => i.public_ip,
            "meta-data/reservation-id" => Some(i.reservation),
            "meta-data/security-groups" => Some(
                i.groups
                    .iter()
                    .filter_map(|id| self.here.groups.get(id))
                    .map(|group| group.name.clone())
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            "meta-data/hibernation/configured" => text(if i.hibernation { "true" } else { "false" }),
            "meta-data/placement/availability-zone" => Some(self.zone_name(&i.zone)),
            "meta-data/placement/availability-zone-id" => Some(i.zone),
            "meta-data/placement/region" => text(self.region),
            "meta-data/public-keys" => i.key.map(|key| format!("0={key}")),
            "meta-data/public-keys/0/openssh-key" => self.public_key(&i.key?),
            "meta-data/iam/info" => {
                let name = profile?;
                let arn = self.iam.profile_arn(self.account, self.partition(), &name);
                let info = json!({ "Code": "Success", "LastUpdated": format_seconds(self.now), "InstanceProfileArn": arn, "InstanceProfileId": self.iam.profile_id(&name) });
                Some(format!("{info:#}"))
            }
            "meta-data/iam/security-credentials" => role,
            "meta-data/spot/instance-action" => {
                let (at, action) = i.notice?;
                Some(json!({ "action": action, "time": format_seconds(at) }).to_string())
            }
            "meta-data/spot/termination-time" => {
                i.notice.filter(|(_, action)| action == "terminate").map(|(at, _)| format_seconds(at))
            }
            "meta-data/events/recommendations/rebalance" => {
                i.rebalance.map(|at| json!({ "noticeTime": format_seconds(at) }).to_string())
            }
            "meta-data/events/maintenance/scheduled" => {
                let events = i.events.iter().map(|event| json!({
                    "NotBefore": event.at.strftime("%e %b %Y %H:%M:%S GMT").to_string().trim_start(), "Code": event.code,
                    "Description": MAINTENANCE, "EventId": event.id, "NotAfter": null, "State": "active",
                }));
                Some(serde_json::Value::Array(events.collect()).to_string())
            }
            "meta-data/tags/instance" => {
                (i.metadata.tags == "enabled").then(|| i.tags.keys().cloned().collect::<Vec<_>>().join("\n"))
            }
            _ => {
                if let Some(key) = path.strip_prefix("meta-data/tags/instance/") {
                    return if i.metadata.tags == "enabled" { i.tags.get(key).cloned() } else { None };
                }
                if let Some(user) = path.strip_prefix("meta-data/managed-ssh-keys/active-keys/") {
                    return self.pushed_keys(id, user);
                }
                match path.strip_prefix("meta-data/iam/security-credentials/") {
                    Some(asked) if Some(asked) == role.as_deref() => Some(self.role_credentials(id, asked)),
                    Some(_) => None,
                    None => self.metadata_index(id, path),
                }
            }
        }
    }

    /// Lists a folder. Entries with entries of their own end with a slash.
    fn metadata_index(&mut self, id: &str, path: &str) -> Option<String> {
        let begin = format!("{path}/");
        let mut names: Vec<String> = Vec::new();
        for known in PATHS.iter().filter(|known| known.starts_with(&begin)) {
            let rest = &known[begin.len()..];
            let name = rest.split_once('/').map_or(rest.to_string(), |(name, _)| format!("{name}/"));
            let is_there = self.metadata_path(id, known.trim_end_matches('/')).is_some();
            if is_there && !names.contains(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| names.join("\n"))
    }

    fn identity_document(&self, id: &str) -> String {
        let i = &self.here.instances[id];
        let document = json!({
            "accountId": self.account, "architecture": i.arch, "availabilityZone": self.zone_name(&i.zone),
            "billingProducts": null, "devpayProductCodes": null, "marketplaceProductCodes": null, "imageId": i.image,
            "instanceId": id, "instanceType": i.instance_type, "kernelId": null, "pendingTime": format_seconds(i.launched),
            "privateIp": i.private_ip, "ramdiskId": null, "region": self.region, "version": "2017-09-30",
        });
        format!("{document:#}")
    }

    /// Returns the credentials of the instance's role. They last six hours; new ones replace them
    /// an hour before they expire.
    fn role_credentials(&mut self, id: &str, role: &str) -> String {
        let source = self.arn("ec2", &format!("instance/{id}"));
        let fresh = self.now + jiff::SignedDuration::from_hours(1);
        let held = self.keys.iter().find(|(_, key)| {
            key.expires.is_some_and(|until| until > fresh)
                && matches!(&key.principal, Principal::Role { role: held, source: Some(from), .. } if held == role && *from == source)
        });
        let (access_key, key) = match held {
            Some((access_key, key)) => (access_key.clone(), key.clone()),
            None => {
                let principal = Principal::Role {
                    account: self.account.to_string(),
                    role: role.to_string(),
                    session: id.to_string(),
                    source: Some(source),
                };
                self.issue(principal, self.now + jiff::SignedDuration::from_hours(6))
            }
        };
        let document = json!({
            "Code": "Success", "LastUpdated": format_seconds(self.now), "Type": "AWS-HMAC", "AccessKeyId": access_key,
            "SecretAccessKey": key.secret, "Token": key.session, "Expiration": key.expires.map(format_seconds),
        });
        format!("{document:#}")
    }
}

/// Formats a time to the second.
fn format_seconds(at: Timestamp) -> String {
    iso(at)
        .replace(".000Z", "Z")
        .split('.')
        .next()
        .map_or_else(String::new, |text| text.trim_end_matches('Z').to_string() + "Z")
}
