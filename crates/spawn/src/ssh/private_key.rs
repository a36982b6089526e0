//! The public half of private key files. The private numbers are never kept, except those of an
//! unencrypted RSA key, which EC2's fingerprint of its own keys is made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::public_key::{PublicKey, WireReader};

/// A private key file, as far as finding the right one needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrivateKeyFacts {
    /// The public half; none if only the passphrase shows it.
    pub(crate) public: Option<PublicKey>,
    /// Whether it needs a passphrase.
    pub(crate) encrypted: bool,
    /// An unencrypted RSA key as PKCS#8, in DER.
    pub(crate) pkcs8: Option<Vec<u8>>,
}

/// Reads a private key in OpenSSH's format, as PKCS#1 or as PKCS#8. Returns none for any other
/// text. Of unencrypted keys outside OpenSSH's format only RSA keys are read.
pub(crate) fn read_private_key(text: &str) -> Option<PrivateKeyFacts> {
    let (label, body) = pem(text)?;
    let locked = PrivateKeyFacts { public: None, encrypted: true, pkcs8: None };
    if label == "ENCRYPTED PRIVATE KEY" || body.contains("Proc-Type: 4,ENCRYPTED") {
        return Some(locked);
    }
    let text: String = body.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).ok()?;
    match label {
        "OPENSSH PRIVATE KEY" => openssh(&bytes),
        "RSA PRIVATE KEY" => rsa(&bytes, pkcs8_of(&bytes)?),
        "PRIVATE KEY" => rsa(pkcs1_of(&bytes)?, bytes.clone()),
        _ => None,
    }
}

/// Returns the label and the body of the first PEM block.
fn pem(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.trim_start().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    Some((label, body))
}

/// Reads OpenSSH's format (PROTOCOL.key): the public half is never encrypted.
fn openssh(bytes: &[u8]) -> Option<PrivateKeyFacts> {
    let mut fields = WireReader(bytes.strip_prefix(b"openssh-key-v1\0")?);
    let cipher = fields.string()?;
    fields.string()?;
    fields.string()?;
    (fields.number()? == 1).then_some(())?;
    let public = PublicKey::from_blob(fields.string()?.to_vec())?;
    Some(PrivateKeyFacts { public: Some(public), encrypted: cipher != b"none", pkcs8: None })
}

fn rsa(pkcs1: &[u8], pkcs8: Vec<u8>) -> Option<PrivateKeyFacts> {
    let mut fields = DerReader(DerReader(pkcs1).value(SEQUENCE)?);
    fields.value(INTEGER)?;
    let (modulus, exponent) = (fields.value(INTEGER)?, fields.value(INTEGER)?);
    let public = PublicKey::rsa(exponent, modulus)?;
    Some(PrivateKeyFacts { public: Some(public), encrypted: false, pkcs8: Some(pkcs8) })
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The algorithm `rsaEncryption` without parameters, in DER.
const RSA_ALGORITHM: [u8; 15] = [SEQUENCE, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

fn pkcs8_of(pkcs1: &[u8]) -> Option<Vec<u8>> {
    let mut inner = vec![INTEGER, 1, 0];
    inner.extend(RSA_ALGORITHM);
    inner.extend(der(OCTET_STRING, pkcs1));
    DerReader(pkcs1).value(SEQUENCE)?;
    Some(der(SEQUENCE, &inner))
}

fn pkcs1_of(pkcs8: &[u8]) -> Option<&[u8]> {
    let mut fields = DerReader(DerReader(pkcs8).value(SEQUENCE)?);
    fields.value(INTEGER)?;
    (fields.value(SEQUENCE)? == &RSA_ALGORITHM[2..]).then_some(())?;
    fields.value(OCTET_STRING)
}

/// Returns an RSA key as SubjectPublicKeyInfo, in DER.
pub(super) fn public_key_info(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let numbers = [der(INTEGER, modulus), der(INTEGER, exponent)].concat();
    let mut bits = vec![0];
    bits.extend(der(SEQUENCE, &numbers));
    let mut inner = RSA_ALGORITHM.to_vec();
    inner.extend(der(BIT_STRING, &bits));
    der(SEQUENCE, &inner)
}

/// Returns a value in DER.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut bytes = vec![tag];
    if value.len() >= 0x80 {
        // At most eight bytes, so the number of length bytes fits.
        bytes.push(0x80 | significant.len() as u8);
    }
    bytes.extend(significant);
    bytes.extend(value);
    bytes
}

/// Reads DER, one value after the other.
struct DerReader<'a>(&'a [u8]);

impl<'a> DerReader<'a> {
    /// Returns the content of the next value if it has this tag.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match *first {
            short if short < 0x80 => (usize::from(short), rest),
            long => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                if bytes.is_empty() || bytes.len() > 4 {
                    return None;
                }
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_lengths_are_written_and_read_alike() {
        for length in [0usize, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let value = vec![7; length];
            let bytes = der(OCTET_STRING, &value);
            assert_eq!(DerReader(&bytes).value(OCTET_STRING), Some(value.as_slice()), "{length}");
            assert_eq!(DerReader(&bytes).value(INTEGER), None);
            assert_eq!(DerReader(&bytes[..bytes.len() - 1]).value(OCTET_STRING), None);
        }
        assert_eq!(DerReader(&[SEQUENCE, 0x85, 1, 1, 1, 1, 1]).value(SEQUENCE), None);
    }

    #[test]
    fn text_that_is_no_private_key_is_refused() {
        for text in [
            "",
            "ssh-ed25519 AAAA",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(read_private_key(text), None, "{text}");
        }
    }

    #[test]
    fn an_encrypted_key_shows_that_it_needs_a_passphrase() {
        for text in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END RSA PRIVATE KEY-----",
        ] {
            let found = read_private_key(text).expect("a key");
            assert!(found.encrypted && found.public.is_none(), "{text}");
        }
    }
}
