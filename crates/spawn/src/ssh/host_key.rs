//! Host keys, as an instance publishes them: in the console output of its first boot, and as a
//! fingerprint in the tag that spawnd writes.

use super::public_key::PublicKey;

/// The line before the keys in the console output; cloud-init writes it.
const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// The most host keys of an instance: there is one of each kind.
const MOST: usize = 8;

/// Returns the host keys in a console output, which is foreign text: those of the last complete
/// block. Lines of the kernel between them are ignored.
pub(crate) fn console_host_keys(console: &str) -> Vec<PublicKey> {
    let Some((before, _)) = console.rsplit_once(END) else { return Vec::new() };
    let Some((_, block)) = before.rsplit_once(BEGIN) else { return Vec::new() };
    let mut keys: Vec<PublicKey> = Vec::new();
    for key in block.lines().filter_map(PublicKey::parse) {
        if !keys.contains(&key) && keys.len() < MOST {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::tests::{ED25519, LOCKED};

    #[test]
    fn keys_are_read_from_the_last_complete_block() {
        let check = |console: &str, expected: &[&str]| {
            let expected: Vec<PublicKey> =
                expected.iter().filter_map(|line| PublicKey::parse(line)).collect();
            assert_eq!(console_host_keys(console), expected, "{console}");
        };
        let block = |lines: &str| format!("boot\r\n{BEGIN}\r\n{lines}\r\n{END}\r\nlogin: ");
        check("", &[]);
        check(&block(""), &[]);
        check(&block(ED25519), &[ED25519]);
        check(
            &block(&format!("{LOCKED}\r\n[   9.1] audit: noise\r\n{ED25519}\r\n{LOCKED}")),
            &[LOCKED, ED25519],
        );
        check(&format!("{}{}", block(LOCKED), block(ED25519)), &[ED25519]);
        check(&format!("{}{BEGIN}\n{LOCKED}\n", block(ED25519)), &[ED25519]);
        check(&format!("{END}{BEGIN}\n{ED25519}"), &[]);
        check(&block("ssh-ed25519 AAAA try"), &[]);
        check(&format!("{ED25519}\n{}", block("@cert-authority * ssh-ed25519 AAAA")), &[]);
    }
}
