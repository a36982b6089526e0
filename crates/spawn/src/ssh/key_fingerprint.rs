//! EC2's fingerprints of key pairs. Their form depends on the kind of key and on its origin.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::private_key::public_key_info;
use super::public_key::PublicKey;

/// Whether EC2 shows this fingerprint for a key.
///
/// The forms are from EC2's documentation of key pair fingerprints: SHA-256 in base64 with or
/// without padding for ed25519; MD5 of the public key in DER for an imported RSA key; SHA-1 of the
/// private key as PKCS#8 for an RSA key that EC2 made. The last one needs the private key.
pub(super) fn is_fingerprint_of(fingerprint: &str, key: &PublicKey, pkcs8: Option<&[u8]>) -> bool {
    let bare = fingerprint.strip_prefix("SHA256:").unwrap_or(fingerprint).trim_end_matches('=');
    if bare == STANDARD_NO_PAD.encode(Sha256::digest(key.blob())) {
        return true;
    }
    let public = key.rsa_numbers().map(|(exponent, modulus)| public_key_info(exponent, modulus));
    let md5 = public.map(|der| colons(&Md5::digest(der)));
    let sha1 = pkcs8.map(|der| colons(&Sha1::digest(der)));
    [md5, sha1].into_iter().flatten().any(|known| known.eq_ignore_ascii_case(fingerprint))
}

/// Returns bytes in hexadecimal digits with colons between them.
fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}
