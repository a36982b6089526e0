//! The serial console of an instance, and the host key that its first boot writes there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::instance_fields::DnsSuffixes;
use super::key_pairs::{NewKeyPair, make_ed25519};
use crate::core::{
    ApiError, ApiResult, Principal, RegionView, ResourceKind, SandboxInstance, SandboxInstanceState,
    SandboxWorld,
};
use crate::wire::{QueryParamPart, XmlContent, XmlFields, node};

/// The most bytes that GetConsoleOutput returns: the last ones.
const LONGEST: usize = 64 * 1024;

impl RegionView<'_> {
    /// Serves GetConsoleOutput. EC2 shows the output of a boot only some time after the start.
    pub(crate) fn console_output(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:GetConsoleOutput")?;
        let id = params.need("InstanceId")?;
        params.flag("Latest")?;
        let found = self.visible(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, id))?;
        self.finish_checks(params)?;
        let posted = found.launched + self.rules.timing.console_after.0;
        let answer = XmlFields::new().put("instanceId", id);
        if posted > self.now || found.state == SandboxInstanceState::Pending {
            return Ok(answer.put("timestamp", found.launched).into());
        }
        let text = found.console.clone().unwrap_or_else(|| self.boot_messages(found));
        let bytes = text.as_bytes();
        let last = &bytes[bytes.len().saturating_sub(LONGEST)..];
        Ok(answer.put("timestamp", posted).put("output", STANDARD.encode(last)).into())
    }

    /// Returns the messages of a boot. The host key is in those of the first boot alone, because
    /// cloud-init writes it once per instance.
    fn boot_messages(&self, found: &SandboxInstance) -> String {
        let name = node(DnsSuffixes::of(self.region).private(found)).into_text();
        let mut lines = vec!["[    0.000000] Linux version of the sandbox".to_string()];
        let key = (found.created == found.launched).then(|| host_key(self.seed, &found.id)).flatten();
        if let Some(key) = key {
            let fingerprint = key.fingerprint.trim_end_matches('=');
            let kind = format!("256 SHA256:{fingerprint} root@{name} (ED25519)");
            lines.extend([
                "-----BEGIN SSH HOST KEY FINGERPRINTS-----".to_string(),
                kind,
                "-----END SSH HOST KEY FINGERPRINTS-----".to_string(),
                "-----BEGIN SSH HOST KEY KEYS-----".to_string(),
                format!("{} root@{name}", key.public),
                "-----END SSH HOST KEY KEYS-----".to_string(),
            ]);
        }
        lines.push(format!("{name} login: "));
        lines.join("\r\n")
    }
}

/// Returns the host key that an instance makes at its first boot. It depends on the seed and the
/// id, so that a test can start a real server with it.
fn host_key(seed: u64, instance: &str) -> Option<NewKeyPair> {
    make_ed25519(Sha256::digest(format!("host key {seed} {instance}")).into())
}

impl SandboxWorld {
    /// Returns an instance's private host key in OpenSSH's format; none for an unknown instance.
    pub(crate) fn private_host_key(&self, instance: &str) -> Option<String> {
        self.find(instance)?;
        host_key(self.state.seed, instance).map(|key| key.private)
    }

    /// Replaces the console output of an instance by the text of a test machine.
    pub(crate) fn write_console(
        &mut self,
        now: domain::Timestamp,
        instance: &str,
        text: &str,
    ) -> ApiResult<()> {
        self.apply_due_events(now);
        let unknown = || ApiError::unknown_id(ResourceKind::Instance, instance);
        let (account, region) = self.find(instance).ok_or_else(unknown)?;
        let caller = Principal::Service { account: account.clone() };
        let desk = self.region_view(now, &account, &region, caller).ok_or_else(unknown)?;
        let found = desk.here.instances.get_mut(instance).ok_or_else(unknown)?;
        found.console = Some(text.to_string());
        Ok(())
    }
}
