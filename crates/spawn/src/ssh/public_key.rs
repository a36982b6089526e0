//! Public keys in OpenSSH's format, from files, from agents and from AWS: all of it is foreign
//! text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

const ED25519: &str = "ssh-ed25519";

/// The kinds of keys that are read. Any other kind is ignored.
const KINDS: [&str; 7] = [
    ED25519,
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The most bytes of a key: an RSA key of 65,536 bits.
const LONGEST: usize = 16 * 1024;

/// A public key without its comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    kind: &'static str,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads a line such as `ssh-ed25519 AAAA… comment`. Returns none for any other text, and for
    /// a key whose content is of another kind.
    pub(crate) fn parse(line: &str) -> Option<PublicKey> {
        let mut words = line.split_ascii_whitespace();
        let (kind, text) = (words.next()?, words.next()?);
        let key = PublicKey::from_blob(STANDARD.decode(text).ok()?)?;
        (key.kind == kind).then_some(key)
    }

    /// Reads a key in the format of RFC 4253, 6.6: its kind, then at least one field.
    pub(crate) fn from_blob(blob: Vec<u8>) -> Option<PublicKey> {
        if blob.len() > LONGEST {
            return None;
        }
        let mut fields = WireReader(&blob);
        let name = fields.string()?;
        let kind = KINDS.into_iter().find(|kind| kind.as_bytes() == name)?;
        let mut lengths = Vec::new();
        while !fields.0.is_empty() {
            lengths.push(fields.string()?.len());
        }
        let is_whole = if kind == ED25519 { lengths == [32] } else { !lengths.is_empty() };
        is_whole.then_some(PublicKey { kind, blob })
    }

    /// Returns an RSA key of this exponent and modulus, as DER integers have them.
    pub(super) fn rsa(exponent: &[u8], modulus: &[u8]) -> Option<PublicKey> {
        let mut blob = Vec::new();
        for field in [b"ssh-rsa".as_slice(), exponent, modulus] {
            blob.extend(u32::try_from(field.len()).ok()?.to_be_bytes());
            blob.extend(field);
        }
        PublicKey::from_blob(blob)
    }

    /// Returns the key in one line of OpenSSH's format, without a comment.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.kind, STANDARD.encode(&self.blob))
    }

    /// Returns its fingerprint as OpenSSH writes it: `SHA256:` and base64 without padding.
    pub(crate) fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(self.digest()))
    }

    /// Returns the SHA-256 digest of its content, which identifies it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.blob).into()
    }

    /// Whether it is an ed25519 key that needs no hardware.
    pub(crate) fn is_ed25519(&self) -> bool {
        self.kind == ED25519
    }

    /// Returns the content in the format of RFC 4253.
    pub(super) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Returns exponent and modulus of an RSA key.
    pub(super) fn rsa_numbers(&self) -> Option<(&[u8], &[u8])> {
        let mut fields = WireReader(&self.blob);
        (fields.string()? == b"ssh-rsa").then_some(())?;
        Some((fields.string()?, fields.string()?))
    }
}

/// Reads the fields of ssh's binary formats: strings with their length in four bytes before them.
pub(super) struct WireReader<'a>(pub(super) &'a [u8]);

impl<'a> WireReader<'a> {
    pub(super) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::ssh::tests::ED25519 as LINE;

    #[test]
    fn reads_a_line_and_ignores_its_comment() {
        let key = PublicKey::parse(LINE).expect("a key");
        assert_eq!(key.line(), LINE.trim_end_matches(" try"));
        assert_eq!(PublicKey::parse(&format!("  {}\t\u{1b}[31m\r\n", key.line())), Some(key.clone()));
        assert_eq!(key.fingerprint(), "SHA256:L2ISTFJmGrwNoaHmc2bJoOFW2g9j+iYqUula85Jh1Hw");
    }

    #[test]
    fn refuses_any_other_text() {
        let body = LINE.split(' ').nth(1).unwrap();
        let check = |line: &str| assert_eq!(PublicKey::parse(line), None, "{line}");
        check("");
        check("ssh-ed25519");
        check(body);
        check(&format!("ssh-rsa {body}"));
        check(&format!("ssh-ed25519 {}", &body[..body.len() - 8]));
        check(&format!("ssh-ed25519 {body}AAAA"));
        check(&format!("command=\"rm\" {LINE}"));
        check(&format!("# {LINE}"));
        // The name of the kind alone, a key that is too short, and an unknown kind.
        check("ssh-rsa AAAAB3NzaC1yc2E=");
        check("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAQE=");
        check("ssh-none AAAACHNzaC1ub25lAAAAAQE=");
    }

    #[test]
    fn an_rsa_key_is_made_of_its_numbers() {
        let key = PublicKey::rsa(&[1, 0, 1], &[0, 0xc5, 7]).expect("a key");
        assert_eq!(key.rsa_numbers(), Some((&[1, 0, 1][..], &[0, 0xc5, 7][..])));
        assert_eq!(PublicKey::parse(&key.line()), Some(key));
        assert_eq!(PublicKey::parse(LINE).and_then(|key| key.rsa_numbers().map(drop)), None);
    }
}
