//! Recognises files that no parser can read, so that the failure names the format and the cure.

use crate::plain_text::is_compressed;

/// A format that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFormat {
    /// What the file is, such as `a ZIP archive`.
    pub name: String,
    /// The next step, such as a command. `FILE` stands for the file's path.
    pub cure: &'static str,
}

/// Formats by their first bytes.
const STARTS: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a ZIP archive", UNZIP),
    (b"PK\x05\x06", "an empty ZIP archive", UNZIP),
    (b"PK\x07\x08", "a ZIP archive in parts", UNZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook", SAVE_AS_CSV),
    (b"\x1f\x8b", "compressed twice", "gzip -dc FILE > once.gz, then import once.gz"),
    (b"\x28\xb5\x2f\xfd", "compressed twice", "zstd -dc FILE > once.zst, then import once.zst"),
    (b"BZh", "compressed by bzip2", "bzip2 -dc FILE > plain, then import plain"),
    (b"\xfd7zXZ\x00", "compressed by xz", "xz -dc FILE > plain, then import plain"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x FILE, then import the files in it"),
    (b"Rar!", "a RAR archive", "unrar x FILE, then import the files in it"),
    (b"%PDF", "a PDF document", "export the data as CSV or Parquet"),
    (b"ORC", "an ORC file", "export the data as CSV or Parquet"),
    (b"Obj\x01", "an Avro file", "export the data as CSV or Parquet"),
    (b"ARROW1", "an Arrow file", "export the data as CSV or Parquet"),
    (b"PARE", "an encrypted Parquet file", "export the data without encryption"),
    (b"PAR1", "a Parquet file that was compressed", "gzip -dc FILE > plain.parquet, then import it"),
    (b"SQLite format 3\x00", "a SQLite database", "export the table as CSV"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file", "git lfs pull, then import FILE again"),
    (b"\x00\x00\xfe\xff", "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE > plain, then import plain"),
    (b"\xff\xfe\x00\x00", "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE > plain, then import plain"),
    (b"\xff\xfe", "text in UTF-16", FROM_UTF16),
    (b"\xfe\xff", "text in UTF-16", FROM_UTF16),
];

const UNZIP: &str = "unzip FILE, then import the files in it";
const SAVE_AS_CSV: &str = "save the sheet as CSV UTF-8, then import that file";
const FROM_UTF16: &str = "iconv -f UTF-16 -t UTF-8 FILE > plain, then import plain";
const DOWNLOAD: &str = "download FILE again, signed in and with the right to read it";

/// Names in the first entry of a ZIP archive that is a workbook.
const WORKBOOK_ENTRIES: [&[u8]; 4] = [b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/"];

/// Detects a format that cannot be imported, from the beginning of a file's plain text (see
/// [`plain_text`](crate::plain_text())). Returns `None` for text and for Parquet.
pub fn detect_foreign_format(head: &[u8]) -> Option<ForeignFormat> {
    let format = |name: &str, cure: &'static str| Some(ForeignFormat { name: name.into(), cure });
    if let Some(sheet) = workbook(head) {
        return format(sheet, SAVE_AS_CSV);
    }
    if let Some((_, name, cure)) = STARTS.iter().find(|(start, ..)| head.starts_with(start)) {
        return format(name, cure);
    }
    if head.get(257..262) == Some(b"ustar") && !is_compressed(head) {
        return format("a tar archive", "tar -xf FILE, then import the files in it");
    }
    if let Some(order) = unmarked_utf16(head) {
        return format("text in UTF-16", order);
    }
    let text = String::from_utf8_lossy(head);
    markup(text.trim_start())
}

/// Returns the kind of workbook that a ZIP archive is.
fn workbook(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"PK\x03\x04") {
        return None;
    }
    // The name of the first entry follows its header of 30 bytes.
    let entry = head.get(30..)?;
    let has = |part: &[u8]| entry.windows(part.len()).any(|found| found == part);
    if WORKBOOK_ENTRIES.iter().any(|name| entry.starts_with(name)) {
        Some("an Excel workbook")
    } else if entry.starts_with(b"mimetype") && has(b"application/vnd.oasis.opendocument.spreadsheet") {
        Some("an OpenDocument spreadsheet")
    } else {
        None
    }
}

/// Returns the command for text in UTF-16 without a mark: every other byte is zero.
fn unmarked_utf16(head: &[u8]) -> Option<&'static str> {
    let head = &head[..head.len().min(64) & !1];
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (first, second, pairs) = (zeros(0), zeros(1), head.len() / 2);
    // Text of other alphabets has some bytes that are not zero, but not in a header.
    match pairs >= 2 {
        true if first == 0 && second == pairs => {
            Some("iconv -f UTF-16LE -t UTF-8 FILE > plain, then import plain")
        }
        true if second == 0 && first == pairs => {
            Some("iconv -f UTF-16BE -t UTF-8 FILE > plain, then import plain")
        }
        _ => None,
    }
}

/// Recognises an HTML page, and S3's errors, which are XML.
fn markup(text: &str) -> Option<ForeignFormat> {
    let mut rest = text;
    while let Some(comment) = rest.strip_prefix("<!--") {
        rest = comment.split_once("-->")?.1.trim_start();
    }
    if !rest.starts_with('<') {
        return None;
    }
    let start: String = rest.chars().take(2048).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") || start.contains("<html") {
        let name = "an HTML page, such as a sign-in page, instead of the file".to_string();
        return Some(ForeignFormat { name, cure: DOWNLOAD });
    }
    let code = rest.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code =
        code.map(|(code, _)| code).filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let name =
        code.map_or("an XML document".to_string(), |code| format!("S3's error {code} instead of the file"));
    let cure = match code {
        Some("AccessDenied" | "ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
            "download FILE again, with credentials that allow s3:GetObject on it"
        }
        Some(_) => "check the address of FILE, and download it again",
        None => "export the data as CSV or Parquet",
    };
    Some(ForeignFormat { name, cure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_that_cannot_be_imported() {
        let check = |head: &[u8], name: &str, cure: &str| {
            let found = detect_foreign_format(head).map(|found| (found.name, found.cure));
            let (found, with) = found.unwrap_or_else(|| panic!("{name}: {head:?}"));
            assert!(found.contains(name) && with.contains(cure), "{found} {with}");
        };
        let zip = |entry: &[u8]| [b"PK\x03\x04".as_slice(), &[0; 26], entry].concat();
        check(&zip(b"cur.csv"), "a ZIP archive", "unzip FILE");
        check(&zip(b"[Content_Types].xml"), "an Excel workbook", "save the sheet as CSV");
        check(&zip(b"xl/workbook.xml"), "an Excel workbook", "save the sheet as CSV");
        check(&zip(b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"), "OpenDocument", "as CSV");
        check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "an Excel workbook", "save the sheet as CSV");
        check(b"\x1f\x8b\x08", "compressed twice", "gzip -dc FILE");
        check(b"\xff\xfea\0,\0b\0", "text in UTF-16", "iconv -f UTF-16 ");
        check(b"\xfe\xff\0a\0,", "text in UTF-16", "iconv -f UTF-16 ");
        check(b"a\0,\0b\0\n\0", "text in UTF-16", "UTF-16LE");
        check(b"\0{\0\"\0a", "text in UTF-16", "UTF-16BE");
        check(b"\xff\xfe\0\0a\0\0\0", "text in UTF-32", "iconv");
        check(b"\n<!DOCTYPE html><html>", "an HTML page", "signed in");
        check(b"<!-- saved --> <HTML lang=en>", "an HTML page", "signed in");
        check(b"<?xml version='1.0'?><html xmlns='x'>", "an HTML page", "signed in");
        let error = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        check(error, "S3's error AccessDenied", "s3:GetObject");
        check(b"<Error><Code>NoSuchKey</Code></Error>", "S3's error NoSuchKey", "check the address");
        check(b"<Error><Code>evil\nhint: x</Code></Error>", "an XML document", "CSV");
        check(b"<Workbook xmlns=\"urn\">", "an XML document", "CSV");
        check(b"%PDF-1.7", "a PDF document", "CSV");
        check(b"PARE", "an encrypted Parquet file", "without encryption");
    }

    #[test]
    fn leaves_text_to_the_parsers() {
        for head in
            [b"".as_slice(), b"a,b\n1,2\n", b" {\"a\": 1}", b"[1]", b"a<b,c\n", b"\xc3\xa9,b\n", b"P", b"a\0"]
        {
            assert_eq!(detect_foreign_format(head), None, "{head:?}");
        }
    }
}
