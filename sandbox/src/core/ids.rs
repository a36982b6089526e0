use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use domain::hex;

/// The source of ids and secrets: a seed and the number of draws so far. The same calls with the
/// same seed give the same ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IdSource {
    seed: u64,
    drawn: u64,
}

impl IdSource {
    pub(crate) fn new(seed: u64) -> IdSource {
        IdSource { seed, drawn: 0 }
    }

    /// Returns 32 new bytes.
    pub(crate) fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(self.drawn.to_le_bytes());
        hash.finalize().into()
    }

    /// Returns an id such as `vol-sandbox0123456789`. AWS's ids are hexadecimal, so AWS never
    /// issues one like it.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}sandbox{}", &hex(self.draw())[..10])
    }

    /// Returns `count` base32 characters, for secrets and key ids.
    pub(crate) fn letters(&mut self, count: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut text = String::new();
        while text.len() < count {
            text.extend(self.draw().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])));
        }
        text.truncate(count);
        text
    }
}

/// Returns an id derived from words, for resources that exist from the start.
pub(crate) fn derived_id(prefix: &str, seed: u64, words: &[&str]) -> String {
    let number = (derived_fraction(seed, words) * (1u64 << 40) as f64) as u64;
    format!("{prefix}sandbox{}", hex(&number.to_be_bytes()[3..]))
}

/// Returns a pseudo-random number from 0 to below 1, derived from the seed and the words.
pub(crate) fn derived_fraction(seed: u64, words: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let number = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    (number >> 11) as f64 / (1u64 << 53) as f64
}
