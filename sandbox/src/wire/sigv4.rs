//! AWS Signature Version 4: the check of a request's signature.

use domain::{Timestamp, hex};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The signed parts of a request.
pub(crate) struct SignedRequest<'a> {
    pub(crate) method: &'a str,
    /// The path as it was sent.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// Names in lowercase.
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

/// The fields of an Authorization header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorizationHeader {
    pub(crate) access_key: String,
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
    signed: Vec<String>,
    signature: String,
}

impl AuthorizationHeader {
    /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
    pub(crate) fn read(text: &str) -> Option<AuthorizationHeader> {
        let rest = text.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=').map(str::trim))
        };
        let scope: Vec<&str> = field("Credential")?.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = scope.as_slice() else { return None };
        Some(AuthorizationHeader {
            access_key: access_key.to_string(),
            date: date.to_string(),
            region: region.to_string(),
            service: service.to_string(),
            signed: field("SignedHeaders")?.split(';').map(String::from).collect(),
            signature: field("Signature")?.to_string(),
        })
    }

    /// Returns whether this secret produces the signature.
    pub(crate) fn is_made_with(&self, secret: &str, request: &SignedRequest<'_>) -> bool {
        let Some(stamp) = request.header("x-amz-date") else { return false };
        if !stamp.starts_with(&self.date) || !self.signed.iter().any(|name| name == "host") {
            return false;
        }
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let canonical = hex(Sha256::digest(self.canonical(request)));
        let words = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}");
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [&self.date, &self.region, &self.service, "aws4_request"] {
            key = seal(&key, part.as_bytes());
        }
        let expected = hex(seal(&key, words.as_bytes()));
        expected.len() == self.signature.len()
            && expected.bytes().zip(self.signature.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }

    fn canonical(&self, request: &SignedRequest<'_>) -> String {
        let mut query: Vec<String> = request
            .query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| if part.contains('=') { part.to_string() } else { format!("{part}=") })
            .collect();
        query.sort();
        let mut headers = String::new();
        for name in &self.signed {
            let value = request.header(name).unwrap_or_default();
            let value: Vec<&str> = value.split_whitespace().collect();
            headers.push_str(&format!("{name}:{}\n", value.join(" ")));
        }
        let sent = request.header("x-amz-content-sha256").filter(|sent| *sent == "UNSIGNED-PAYLOAD");
        let payload = sent.map_or_else(|| hex(Sha256::digest(request.body)), String::from);
        let path = if request.path.is_empty() { "/".to_string() } else { request.path.replace('%', "%25") };
        format!(
            "{}\n{path}\n{}\n{headers}\n{}\n{payload}",
            request.method,
            query.join("&"),
            self.signed.join(";")
        )
    }
}

impl SignedRequest<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the instant of `x-amz-date`.
    pub(crate) fn instant(&self) -> Option<Timestamp> {
        let stamp = self.header("x-amz-date")?;
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
        time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    }
}

fn seal(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key is good for HMAC");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example "get-vanilla" of AWS's Signature Version 4 test suite.
    #[test]
    fn accepts_the_aws_example_and_rejects_changes_of_it() {
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_string()));
        let text = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let authorization = AuthorizationHeader::read(text).unwrap();
        let request = SignedRequest { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        assert!(authorization.is_made_with(secret, &request));
        assert!(!authorization.is_made_with("another", &request));
        assert!(!authorization.is_made_with(secret, &SignedRequest { body: b"x", ..request }));
        assert_eq!(
            SignedRequest { method: "GET", path: "/", query: "", headers: &headers, body: b"" }
                .instant()
                .unwrap()
                .to_string(),
            "2015-08-30T12:36:00Z"
        );
        for bad in ["", "Basic x", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=1"] {
            assert_eq!(AuthorizationHeader::read(bad), None);
        }
    }
}
