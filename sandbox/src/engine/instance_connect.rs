//! EC2 Instance Connect: public keys that a login accepts for a minute.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ec2::public_key_kind;
use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, PushedKey, RegionView, SandboxInstanceState};
use crate::wire::JsonMembers;

/// How long a pushed key is accepted.
const LIFETIME: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

impl RegionView<'_> {
    /// Serves SendSSHPublicKey.
    pub(crate) fn instance_connect(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        if action != "SendSSHPublicKey" {
            return Err(unknown_json_action());
        }
        let id = input.need("InstanceId")?;
        let user = input.need("InstanceOSUser")?;
        let key = input.need("SSHPublicKey")?;
        let zone = input.text("AvailabilityZone")?;
        input.check_all_read()?;
        let missing = || ApiError::new("EC2InstanceNotFoundException", "Instance not found");
        let found = self.visible(id).ok_or_else(missing)?;
        let (tags, state, place) = (found.tags.clone(), found.state, found.zone.clone());
        let arn = self.arn("ec2", &format!("instance/{id}"));
        let context = [("ec2:osuser".to_string(), vec![user.to_string()])];
        self.allow("ec2-instance-connect:SendSSHPublicKey", &arn, &tags, &context)?;
        if !is_user_name(user) || public_key_kind(key.trim()).is_none() {
            return Err(ApiError::new("InvalidArgsException", "One of the parameters is not valid"));
        }
        if zone.is_some_and(|zone| zone != self.zone_name(&place)) {
            return Err(missing());
        }
        if state != SandboxInstanceState::Running {
            return Err(ApiError::new(
                "EC2InstanceStateInvalidException",
                "Instance is not in the running state",
            ));
        }
        let (now, until) = (self.now, self.now + LIFETIME);
        if let Some(found) = self.here.instances.get_mut(id) {
            found.pushed_keys.retain(|key| key.until > now);
            let key = key.trim().to_string();
            found.pushed_keys.push(PushedKey { user: user.to_string(), key, until });
        }
        Ok(json!({ "RequestId": id, "Success": true }))
    }

    /// Returns the keys that a login of this user accepts now, as the metadata service shows them:
    /// with their caller and a signature, which the sandbox fills with zeros.
    pub(crate) fn pushed_keys(&self, id: &str, user: &str) -> Option<String> {
        let keys = self.here.instances.get(id)?.pushed_keys.iter();
        let lines: Vec<String> = keys
            .filter(|key| key.user == user && key.until > self.now)
            .map(|key| {
                let signature = STANDARD.encode([0u8; 256]);
                let until = key.until.as_second();
                format!(
                    "#Timestamp={until}\n#Instance={id}\n#Caller={}\n{}\n{signature}",
                    self.account, key.key
                )
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// Returns whether the API accepts the name of a login.
fn is_user_name(user: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
    let begins = user.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && user.len() <= 32 && user.trim_end_matches('$').bytes().all(plain)
}
