use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use md5::{Digest, Md5};
use rand_chacha::rand_core::SeedableRng;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use sha2::Sha256;

use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{ApiError, ApiResult, KeyPair, RegionView, ResourceTags, request_tags};
use crate::engine::filter::{FilterTable, RequestFilters, one};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// Reads an OpenSSH public key. Returns its kind and the fingerprint that AWS shows for an imported
/// key. For RSA it is the MD5 of the DER form with colons, for ed25519 the base64 SHA-256
/// ("Describe your key pairs", user guide).
fn fingerprint(text: &str) -> Option<(&'static str, String)> {
    let mut words = text.split_whitespace();
    let (kind, blob) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    let mut fields = SshBlobReader(&blob);
    if fields.next()? != kind.as_bytes() {
        return None;
    }
    match kind {
        "ssh-ed25519" if fields.next()?.len() == 32 => {
            Some(("ed25519", STANDARD_NO_PAD.encode(Sha256::digest(&blob)) + "="))
        }
        "ssh-rsa" => {
            let (exponent, modulus) = (fields.next()?, fields.next()?);
            let digest = Md5::digest(subject_public_key_info(modulus, exponent));
            Some(("rsa", colons(&digest)))
        }
        _ => None,
    }
}

/// Returns the kind of a public key in OpenSSH's format; none if it cannot be read.
pub(crate) fn public_key_kind(text: &str) -> Option<&'static str> {
    fingerprint(text).map(|(kind, _)| kind)
}

fn colons(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<String>>().join(":")
}

fn duplicate(name: &str) -> ApiError {
    ApiError::new("InvalidKeyPair.Duplicate", format!("The keypair already exists: {name}"))
}

/// A newly made key pair.
pub(super) struct NewKeyPair {
    /// PEM.
    pub(super) private: String,
    /// In OpenSSH's format, without a comment.
    pub(super) public: String,
    pub(super) fingerprint: String,
}

/// Makes an RSA key of 2,048 bits. Its fingerprint is the SHA-1 of the private key's PKCS#8 form
/// ("Verify the fingerprint of your key pair", user guide).
fn make_rsa(seed: [u8; 32]) -> Option<NewKeyPair> {
    let mut random = rand_chacha::ChaCha20Rng::from_seed(seed);
    let key = rsa::PrivateKey::new(&mut random, 2048).ok()?;
    let private = key.to_pkcs1_pem(LineEnding::LF).ok()?.to_string();
    let fingerprint = colons(&Sha1::digest(key.to_pkcs8_der().ok()?.as_bytes()));
    let (exponent, modulus) = (key.e().to_be_bytes_trimmed_vartime(), key.n().to_be_bytes());
    let blob = [field(b"ssh-rsa"), field(&positive(&exponent)), field(&positive(&modulus))].concat();
    Some(NewKeyPair { private, public: format!("ssh-rsa {}", STANDARD.encode(blob)), fingerprint })
}

/// Makes an ed25519 key. Its fingerprint is the base64 SHA-256 of the public key.
pub(super) fn make_ed25519(seed: [u8; 32]) -> Option<NewKeyPair> {
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let blob = [field(b"ssh-ed25519"), field(&public)].concat();
    let line = format!("ssh-ed25519 {}", STANDARD.encode(&blob));
    let (_, fingerprint) = fingerprint(&line)?;
    Some(NewKeyPair { private: openssh_private(&blob, &public, &seed), public: line, fingerprint })
}

/// Returns a private key in OpenSSH's format, unencrypted (PROTOCOL.key of OpenSSH).
fn openssh_private(blob: &[u8], public: &[u8], seed: &[u8]) -> String {
    // The check value is one word, twice. Without encryption it need not be random.
    let check = [7u8; 8];
    let secret = [seed, public].concat();
    let mut inner =
        [&check[..], &field(b"ssh-ed25519"), &field(public), &field(&secret), &field(b"")].concat();
    inner.extend((1..=8).take((8 - inner.len() % 8) % 8));
    let all = [
        &b"openssh-key-v1\0"[..],
        &field(b"none"),
        &field(b"none"),
        &field(b""),
        &1u32.to_be_bytes(),
        &field(blob),
        &field(&inner),
    ];
    let text = STANDARD.encode(all.concat());
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", lines.join("\n"))
}

/// Returns a string with its length before it (RFC 4251).
fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// Returns the bytes of a positive whole number: the first bit, its sign, must be zero.
fn positive(bytes: &[u8]) -> Vec<u8> {
    let rest = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    if rest.first().is_some_and(|byte| byte & 0x80 != 0) { [&[0], rest].concat() } else { rest.to_vec() }
}

/// A reader of length-prefixed strings (RFC 4251).
struct SshBlobReader<'a>(&'a [u8]);

impl<'a> SshBlobReader<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (field, rest) = (rest.get(..length)?, rest.get(length..)?);
        self.0 = rest;
        Some(field)
    }
}

/// Returns the SubjectPublicKeyInfo of an RSA key (RFC 5280).
fn subject_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    const RSA: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let key = wrap(0x30, &[wrap(0x02, modulus), wrap(0x02, exponent)].concat());
    let bits = wrap(0x03, &[vec![0], key].concat());
    wrap(0x30, &[RSA.to_vec(), bits].concat())
}

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if length < 128 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
        out.push(0x80 | (bytes.len() - from) as u8);
        out.extend(&bytes[from..]);
    }
    out.extend(content);
    out
}

impl RegionView<'_> {
    /// Fails unless the key pair of a launch exists. Returns its name.
    pub(crate) fn known_key(&self, name: Option<&str>) -> ApiResult<Option<String>> {
        match name {
            Some(name) if !self.here.keys.contains_key(name) => {
                Err(ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")))
            }
            name => Ok(name.map(String::from)),
        }
    }

    /// Fails unless the caller may create a key pair of this name with these tags.
    fn may_create_key(&mut self, action: &str, name: &str, tags: &ResourceTags) -> ApiResult<()> {
        let arn = self.arn("ec2", &format!("key-pair/{name}"));
        self.allow(&format!("ec2:{action}"), &arn, &ResourceTags::new(), &request_tags(tags))?;
        self.may_tag_new("key-pair", tags, action)
    }

    /// Serves ImportKeyPair.
    pub(crate) fn import_key(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let name = params.need("KeyName")?;
        let tags = read_own(params, "key-pair")?;
        self.may_create_key("ImportKeyPair", name, &tags)?;
        let material = params.need("PublicKeyMaterial")?;
        let bad = || ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
        let text =
            STANDARD.decode(material).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
        let (kind, fingerprint) = fingerprint(&text).ok_or_else(bad)?;
        if self.here.keys.contains_key(name) {
            return Err(duplicate(name));
        }
        self.finish_checks(params)?;
        let id = self.ids.id("key-");
        let answer = XmlFields::new()
            .put("keyFingerprint", &fingerprint)
            .put("keyName", name)
            .put("keyPairId", &id)
            .some("tagSet", tag_nodes(&tags));
        let key = KeyPair {
            id,
            name: name.to_string(),
            kind: kind.to_string(),
            fingerprint,
            public: text,
            created: self.now,
            tags,
        };
        self.here.keys.insert(name.to_string(), key);
        Ok(answer.into())
    }

    /// Serves CreateKeyPair. The private key is only in the answer; it is not stored.
    pub(crate) fn create_key(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let name = params.need("KeyName")?;
        let tags = read_own(params, "key-pair")?;
        self.may_create_key("CreateKeyPair", name, &tags)?;
        let kind = params.one_of("KeyType", &["rsa", "ed25519"])?.unwrap_or("rsa");
        params.one_of("KeyFormat", &["pem"])?;
        if name.len() > 255 {
            return Err(ApiError::value("The name of a key pair can have at most 255 characters"));
        }
        if self.here.keys.contains_key(name) {
            return Err(duplicate(name));
        }
        self.finish_checks(params)?;
        let id = self.ids.id("key-");
        let made = if kind == "rsa" { make_rsa(self.ids.draw()) } else { make_ed25519(self.ids.draw()) };
        let made = made.ok_or_else(|| ApiError::new("InternalError", "An internal error has occurred"))?;
        let answer = XmlFields::new()
            .put("keyFingerprint", &made.fingerprint)
            .put("keyMaterial", made.private)
            .put("keyName", name)
            .put("keyPairId", &id)
            .some("tagSet", tag_nodes(&tags));
        let key = KeyPair {
            id,
            name: name.to_string(),
            kind: kind.to_string(),
            fingerprint: made.fingerprint,
            public: format!("{} {name}", made.public),
            created: self.now,
            tags,
        };
        self.here.keys.insert(name.to_string(), key);
        Ok(answer.into())
    }

    /// Serves DescribeKeyPairs.
    pub(crate) fn describe_keys(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeKeyPairs")?;
        let (names, ids) = (params.list("KeyName"), params.list("KeyPairId"));
        let material = params.flag("IncludePublicKey")?.unwrap_or(false);
        for name in &names {
            self.known_key(Some(name))?;
        }
        let filters = RequestFilters::read(params, &FILTERS)?;
        let mut nodes: Vec<XmlContent> = Vec::new();
        for key in self.here.keys.values() {
            let named = (names.is_empty() || names.contains(&key.name.as_str()))
                && (ids.is_empty() || ids.contains(&key.id.as_str()));
            if named && filters.matches_row(self, key) {
                let node = XmlFields::new()
                    .put("keyPairId", &key.id)
                    .put("keyFingerprint", &key.fingerprint)
                    .put("keyName", &key.name)
                    .put("keyType", &key.kind)
                    .opt("publicKey", material.then_some(&key.public))
                    .put("createTime", key.created)
                    .some("tagSet", tag_nodes(&key.tags));
                nodes.push(node.into());
            }
        }
        self.finish_checks(params)?;
        Ok(XmlFields::new().put("keySet", nodes).into())
    }

    /// Serves DeleteKeyPair, which also succeeds for an unknown key.
    pub(crate) fn delete_key(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = params.text("KeyPairId");
        let by_id =
            self.here.keys.values().find(|key| Some(key.id.as_str()) == id).map(|key| key.name.clone());
        let name = params.text("KeyName").map(String::from).or(by_id);
        let tags = name.as_ref().and_then(|name| self.here.keys.get(name)).map(|key| key.tags.clone());
        let arn = self.arn("ec2", &format!("key-pair/{}", name.as_deref().unwrap_or_default()));
        self.allow("ec2:DeleteKeyPair", &arn, &tags.unwrap_or_default(), &[])?;
        self.finish_checks(params)?;
        if let Some(name) = name {
            self.here.keys.remove(&name);
        }
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Returns the public key of a key pair, as the metadata service shows it.
    pub(crate) fn public_key(&self, name: &str) -> Option<String> {
        self.here.keys.get(name).map(|key| key.public.clone())
    }
}

/// The filters of DescribeKeyPairs.
const FILTERS: FilterTable<KeyPair> = FilterTable {
    tags: Some(|key| &key.tags),
    tag: None,
    named: &[
        ("fingerprint", |_, key| one(&key.fingerprint)),
        ("key-name", |_, key| one(&key.name)),
        ("key-pair-id", |_, key| one(&key.id)),
    ],
    bare: &[],
};

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn rejects_a_damaged_public_key() {
        let blob = [&[0, 0, 0, 11][..], b"ssh-ed25519", &[0, 0, 0, 32], &[7; 32]].concat();
        let text = format!("ssh-ed25519 {} me", STANDARD.encode(&blob));
        assert!(fingerprint(&text).is_some());
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", &text.replace("ed25519", "rsa")] {
            assert_eq!(fingerprint(bad), None, "{bad}");
        }
    }

    /// Returns the trimmed output of a shell line; none if ssh-keygen or openssl is missing.
    fn shell_output(folder: &Path, line: &str) -> Option<String> {
        let here = |program: &str| {
            let asked = format!("command -v {program}");
            let found = Command::new("sh").args(["-c", &asked]).stdout(Stdio::null()).status();
            found.is_ok_and(|status| status.success())
        };
        if !["ssh-keygen", "openssl"].into_iter().all(here) {
            eprintln!("skipped: ssh-keygen or openssl is not installed");
            return None;
        }
        let output = Command::new("sh").args(["-c", line]).current_dir(folder).output().ok()?;
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    }

    fn write(folder: &Path, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        // ssh-keygen rejects a private key that others can read.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn openssl_computes_the_same_fingerprints_of_rsa_keys() {
        let folder = tempfile::tempdir().unwrap();
        let made = make_rsa([3; 32]).unwrap();
        write(folder.path(), "key", &made.private);
        write(folder.path(), "key.pub", &made.public);
        // Both commands are from the user guide: for a key that EC2 made, and for an imported one.
        let line = "openssl pkcs8 -in key -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c";
        let Some(found) = shell_output(folder.path(), line) else { return };
        assert!(found.ends_with(&format!("= {}", made.fingerprint)), "{found} {}", made.fingerprint);
        let imported = fingerprint(&made.public).unwrap().1;
        let line = "openssl rsa -in key -pubout -outform DER 2>/dev/null | openssl md5 -c";
        let found = shell_output(folder.path(), line).unwrap();
        assert!(found.ends_with(&format!("= {imported}")), "{found} {imported}");
        assert_eq!(shell_output(folder.path(), "ssh-keygen -y -f key").unwrap(), made.public);
    }

    #[test]
    fn ssh_keygen_reads_ed25519_keys_and_computes_the_same_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let made = make_ed25519([5; 32]).unwrap();
        write(folder.path(), "key", &made.private);
        let Some(public) = shell_output(folder.path(), "ssh-keygen -y -f key") else { return };
        assert_eq!(public, made.public);
        write(folder.path(), "key.pub", &made.public);
        let found = shell_output(folder.path(), "ssh-keygen -l -f key.pub").unwrap();
        // ssh-keygen omits the padding.
        let shown = made.fingerprint.trim_end_matches('=');
        assert!(found.contains(&format!("SHA256:{shown} ")), "{found} {shown}");
    }

    #[test]
    fn the_same_seed_makes_the_same_keys() {
        let both = |seed| [make_rsa(seed), make_ed25519(seed)].map(|made| made.unwrap().private);
        assert_eq!(both([1; 32]), both([1; 32]));
        assert_ne!(both([1; 32])[1], both([2; 32])[1]);
    }
}
