//! Signed posts to a webhook. A URL may contain a secret, so no error contains a URL.

use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ureq::Agent;

/// The header of the signature.
const SIGNATURE: &str = "x-spawn-signature";

/// One post, ready to be sent. It has no `Debug`, because its URL may contain a secret.
pub struct WebhookPost {
    url: String,
    signature: String,
    body: String,
}

impl WebhookPost {
    /// Signs a JSON body for a URL.
    pub fn signed(url: String, secret: &str, sent: Timestamp, body: String) -> WebhookPost {
        WebhookPost { signature: sign(secret, sent.as_second(), &body), url, body }
    }

    /// Makes one attempt. Statuses from 200 to 299 are a success.
    ///
    /// # Errors
    /// The reason, without the URL.
    pub fn send(&self, agent: &Agent) -> Result<(), String> {
        let request = agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header(SIGNATURE, &self.signature);
        match request.send(&self.body) {
            Ok(answer) if answer.status().is_redirection() => Err("redirects are not followed".to_string()),
            Ok(_) => Ok(()),
            Err(ureq::Error::StatusCode(status)) => Err(format!("status {status}")),
            Err(ureq::Error::Timeout(_)) => Err("no answer in time".to_string()),
            Err(ureq::Error::Io(error)) => Err(format!("cannot be reached: {}", error.kind())),
            Err(ureq::Error::HostNotFound) => Err("host not found".to_string()),
            Err(_) => Err("cannot be posted to".to_string()),
        }
    }
}

/// Returns `t=<second>,v1=<hex>`: HMAC-SHA256 with the secret over the second, a dot and the body.
/// The second prevents an old post from being sent again as a new one.
fn sign(secret: &str, second: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{second}.{body}").as_bytes());
    format!("t={second},v1={}", domain::hex(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn the_signature_is_hmac_sha256() {
        // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "t=1800000000,v1=d3e17924cac4a72ca2ee9e5700df170fdb5733eaf69ecd909fb0c18a962b03a5";
        assert_eq!(sign("0123456789abcdef", 1_800_000_000, r#"{"a":1}"#), expected);
    }
}
