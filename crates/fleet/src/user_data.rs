//! The user data of a launch: spawn's boothook, and the user's own part.
//!
//! Both are parts of one MIME document, which cloud-init reads since its first versions. A part of
//! its own keeps them apart: in one cloud-config document, the user's `bootcmd` would replace ours.
//! The document is compressed, because EC2 accepts 16 KB.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// The largest user data that EC2 accepts, in bytes.
pub const LARGEST: usize = 16_384;
/// A compressed part of the user is read up to this size.
const LARGEST_OWN: u64 = 1024 * 1024;
/// cloud-init takes user data for a MIME document if it finds this in its first 4096 bytes.
const MIME_MARK: &[u8] = b"mime-version:";
const MIME_BEGIN: usize = 4096;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why the user data cannot be composed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserDataError {
    /// EC2 would refuse the size.
    #[error(
        "the user data has {whole} bytes compressed, {ours} of spawn and {} of yours, expected at most \
         {LARGEST}",
        .whole - .ours
    )]
    TooLarge {
        /// The size of all in bytes.
        whole: usize,
        /// The size without the user's part.
        ours: usize,
    },
    /// The user's part is compressed, and cannot be decompressed.
    #[error("the user data is compressed and cannot be read: {0}")]
    Damaged(String),
}

/// Returns the user data with this boothook, a shell script, and the user's own part. That part can
/// have any form that cloud-init accepts as user data, and reaches it without a change.
///
/// # Errors
/// The result is larger than [`LARGEST`], or the own part is a damaged gzip file.
pub fn compose(boothook: &str, own: Option<&[u8]>) -> Result<Vec<u8>, UserDataError> {
    let hook = encode_part("text/cloud-boothook", boothook.as_bytes());
    let Some(own) = own.filter(|own| !own.is_empty()) else { return limited(&[hook]) };
    let own = decompressed(own).map_err(|error| UserDataError::Damaged(error.to_string()))?;
    let own = if is_mime(&own) {
        // Its own headers make it a part, with parts inside.
        own.into_owned()
    } else {
        // For plain text, cloud-init decides by the first line, as it does without MIME.
        encode_part("text/plain", &own)
    };
    limited(&[hook, own])
}

/// Joins the parts, compresses them and checks the size.
fn limited(parts: &[Vec<u8>]) -> Result<Vec<u8>, UserDataError> {
    let whole = compressed(&document(parts));
    if whole.len() <= LARGEST {
        return Ok(whole);
    }
    Err(UserDataError::TooLarge { whole: whole.len(), ours: compressed(&document(&parts[..1])).len() })
}

/// Returns a MIME document of these parts. Its boundary occurs in none of them.
fn document(parts: &[Vec<u8>]) -> Vec<u8> {
    let occurs = |boundary: &str| parts.iter().any(|part| contains(part, boundary.as_bytes()));
    let boundary = (0u32..).map(|number| format!("spawn-part-{number}")).find(|text| !occurs(text));
    let boundary = boundary.expect("parts are finite");
    let mut text =
        format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\n").into_bytes();
    for part in parts {
        text.extend(format!("\n--{boundary}\n").into_bytes());
        text.extend(part);
    }
    text.extend(format!("\n--{boundary}--\n").into_bytes());
    text
}

/// Returns a part with its headers. cloud-init reads a part with other bytes than plain ASCII
/// correctly only in base64.
fn encode_part(content_type: &str, content: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    let mut part = format!("Content-Type: {content_type}; charset=\"utf-8\"\n").into_bytes();
    if content.iter().all(plain) {
        part.push(b'\n');
        part.extend(content);
    } else {
        part.extend(b"Content-Transfer-Encoding: base64\n\n");
        for line in STANDARD.encode(content).as_bytes().chunks(76) {
            part.extend(line);
            part.push(b'\n');
        }
    }
    part
}

fn is_mime(content: &[u8]) -> bool {
    contains(&content[..content.len().min(MIME_BEGIN)].to_ascii_lowercase(), MIME_MARK)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn decompressed(own: &[u8]) -> io::Result<Cow<'_, [u8]>> {
    if !own.starts_with(&GZIP) {
        return Ok(Cow::Borrowed(own));
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(own).take(LARGEST_OWN + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_OWN {
        return Err(io::Error::other(format!("it is longer than {LARGEST_OWN} bytes")));
    }
    Ok(Cow::Owned(bytes))
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes every byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: &str = "#!/bin/sh\necho ours\n";

    fn text(data: &[u8]) -> String {
        String::from_utf8(decompressed(data).expect("gzip").into_owned()).expect("UTF-8")
    }

    #[test]
    fn the_boothook_is_a_part_of_its_own_before_the_users_part() {
        let own = b"#cloud-config\nbootcmd: [[\"true\"]]\n";
        let data = compose(HOOK, Some(own)).expect("composed");
        let expected = "MIME-Version: 1.0\n\
             Content-Type: multipart/mixed; boundary=\"spawn-part-0\"\n\
             \n--spawn-part-0\n\
             Content-Type: text/cloud-boothook; charset=\"utf-8\"\n\
             \n#!/bin/sh\necho ours\n\
             \n--spawn-part-0\n\
             Content-Type: text/plain; charset=\"utf-8\"\n\
             \n#cloud-config\nbootcmd: [[\"true\"]]\n\
             \n--spawn-part-0--\n";
        assert_eq!(text(&data), expected);
        assert_eq!(compose(HOOK, Some(b"")), compose(HOOK, None));
        assert!(!text(&compose(HOOK, None).expect("composed")).contains("text/plain"));
    }

    #[test]
    fn other_bytes_than_ascii_are_in_base64() {
        let own = "#!/bin/sh\necho é \u{2713}\r\n".as_bytes();
        let data = text(&compose(HOOK, Some(own)).expect("composed"));
        let (_, part) = data.split_once("Content-Transfer-Encoding: base64\n\n").expect("base64");
        let (part, _) = part.split_once("\n\n--spawn").expect("an end");
        assert_eq!(STANDARD.decode(part.replace('\n', "")).expect("base64"), own);
    }

    #[test]
    fn a_compressed_part_and_a_mime_part_are_taken_over() {
        let script = b"#!/bin/sh\necho theirs\n";
        assert_eq!(compose(HOOK, Some(&compressed(script))), compose(HOOK, Some(script)));
        let own = "Content-Type: multipart/mixed; boundary=\"spawn-part-0\"\nMIME-Version: 1.0\n\n\
                   --spawn-part-0\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--spawn-part-0--\n";
        let data = text(&compose(HOOK, Some(own.as_bytes())).expect("composed"));
        assert!(data.contains("boundary=\"spawn-part-1\"") && data.contains(own), "{data}");
        assert!(!data.contains("text/plain"), "{data}");
    }

    #[test]
    fn a_damaged_or_endless_part_is_refused() {
        let mut damaged = compressed(&[b'x'; 400]);
        damaged.truncate(20);
        assert!(matches!(compose(HOOK, Some(&damaged)), Err(UserDataError::Damaged(_))));
        let endless = compressed(&vec![b'x'; 1024 * 1024 + 1]);
        let error = compose(HOOK, Some(&endless)).expect_err("too long").to_string();
        assert!(error.contains("longer than 1048576 bytes"), "{error}");
    }

    #[test]
    fn more_than_16_kb_is_refused_with_both_sizes() {
        // Squares times a prime look random, so they cannot be compressed much.
        let mixed = |number: u64| number.wrapping_mul(number).wrapping_mul(2_654_435_761) >> 13;
        let noise: String = (0..60_000).map(|number| char::from(b'!' + mixed(number) as u8 % 90)).collect();
        let error = compose(HOOK, Some(noise.as_bytes())).expect_err("too large");
        let UserDataError::TooLarge { whole, ours } = &error else { panic!("{error}") };
        assert!(*whole > LARGEST && *ours < 300, "{error}");
        let message = format!("has {whole} bytes compressed, {ours} of spawn and {} of yours", whole - ours);
        assert!(error.to_string().contains(&message), "{error}");
    }
}
