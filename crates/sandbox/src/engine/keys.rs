use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use domain::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::filter::Filter;
use super::instance::Tags;
use super::tags::{nodes as tag_nodes, read_own};
use super::world::Desk;
use super::{ApiError, Done};
use crate::wire::{Fields, Node, Part};

/// A public key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyPair {
    id: String,
    name: String,
    kind: String,
    fingerprint: String,
    public: String,
    created: Timestamp,
    tags: Tags,
}

/// An OpenSSH public key: its kind, and the fingerprint that AWS shows of an imported one. RSA: MD5 of
/// the DER form, colons between; ed25519: SHA-256 in base64 ("Describe your key pairs", user guide).
fn fingerprint(text: &str) -> Option<(&'static str, String)> {
    let mut words = text.split_whitespace();
    let (kind, blob) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    let mut fields = Blob(&blob);
    if fields.next()? != kind.as_bytes() {
        return None;
    }
    match kind {
        "ssh-ed25519" if fields.next()?.len() == 32 => {
            Some(("ed25519", STANDARD_NO_PAD.encode(Sha256::digest(&blob)) + "="))
        }
        "ssh-rsa" => {
            let (exponent, modulus) = (fields.next()?, fields.next()?);
            let digest = Md5::digest(der(modulus, exponent));
            let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(("rsa", pairs.join(":")))
        }
        _ => None,
    }
}

/// Length-prefixed strings (RFC 4251).
struct Blob<'a>(&'a [u8]);

impl<'a> Blob<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (field, rest) = (rest.get(..length)?, rest.get(length..)?);
        self.0 = rest;
        Some(field)
    }
}

/// SubjectPublicKeyInfo of an RSA key (RFC 5280).
fn der(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
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

impl Desk<'_> {
    /// The key of a launch.
    pub(crate) fn known_key(&self, name: Option<&str>) -> Done<Option<String>> {
        match name {
            Some(name) if !self.here.keys.contains_key(name) => {
                Err(ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")))
            }
            name => Ok(name.map(String::from)),
        }
    }

    /// ImportKeyPair.
    pub(crate) fn import_key(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:ImportKeyPair")?;
        let name = params.need("KeyName")?;
        let material = params.need("PublicKeyMaterial")?;
        let bad = || ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
        let text =
            STANDARD.decode(material).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
        let (kind, fingerprint) = fingerprint(&text).ok_or_else(bad)?;
        if self.here.keys.contains_key(name) {
            return Err(ApiError::new(
                "InvalidKeyPair.Duplicate",
                format!("The keypair already exists: {name}"),
            ));
        }
        let tags = read_own(params, "key-pair")?;
        self.ready(params)?;
        let id = self.ids.id("key-");
        let answer = Fields::new()
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

    /// DescribeKeyPairs.
    pub(crate) fn describe_keys(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeKeyPairs")?;
        let (names, ids) = (params.list("KeyName"), params.list("KeyPairId"));
        let material = params.flag("IncludePublicKey")?.unwrap_or(false);
        for name in &names {
            self.known_key(Some(name))?;
        }
        let filters = Filter::read(params)?;
        let mut nodes: Vec<Node> = Vec::new();
        for key in self.here.keys.values() {
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &key.tags, |name| match name {
                "key-name" => one(&key.name),
                "key-pair-id" => one(&key.id),
                "fingerprint" => one(&key.fingerprint),
                _ => None,
            })?;
            let named = (names.is_empty() || names.contains(&key.name.as_str()))
                && (ids.is_empty() || ids.contains(&key.id.as_str()));
            if fits && named {
                let node = Fields::new()
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
        self.ready(params)?;
        Ok(Fields::new().put("keySet", nodes).into())
    }

    /// DeleteKeyPair: one that is not there is deleted just as well.
    pub(crate) fn delete_key(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DeleteKeyPair")?;
        let id = params.text("KeyPairId");
        let by_id =
            self.here.keys.values().find(|key| Some(key.id.as_str()) == id).map(|key| key.name.clone());
        let name = params.text("KeyName").map(String::from).or(by_id);
        self.ready(params)?;
        if let Some(name) = name {
            self.here.keys.remove(&name);
        }
        Ok(Fields::new().put("return", true).into())
    }

    /// The public key of an instance, as its metadata shows it.
    pub(crate) fn public_key(&self, name: &str) -> Option<String> {
        self.here.keys.get(name).map(|key| key.public.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_its_shape_and_a_damaged_key_is_refused() {
        // The shape alone: a print was not compared with what ssh-keygen makes of the same key.
        let blob = [&[0, 0, 0, 11][..], b"ssh-ed25519", &[0, 0, 0, 32], &[7; 32]].concat();
        let text = format!("ssh-ed25519 {} me", STANDARD.encode(&blob));
        let (kind, print) = fingerprint(&text).unwrap();
        assert_eq!((kind, print.len(), print.ends_with('=')), ("ed25519", 44, true));
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", &text.replace("ed25519", "rsa")] {
            assert_eq!(fingerprint(bad), None, "{bad}");
        }
    }
}
