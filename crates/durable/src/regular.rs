//! Reads files, and nothing else that a path may name.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading. Links are followed.
///
/// Opening a pipe without a writer would wait for ever, and a device may never end, so both are
/// refused at once.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if the path names a folder, a pipe, a socket or a device;
/// otherwise the file system's error.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    let found = file.metadata()?.file_type();
    if found.is_file() {
        return Ok(file);
    }
    let text = format!("it is a {}, not a file", describe(found));
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open_regular`]; [`io::ErrorKind::FileTooLarge`] if the file is larger.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_bounded(open_regular(path)?, most)
}

/// Reads an open file to its end, which must come after at most `most` bytes.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if there is more; otherwise the reader's error.
pub fn read_bounded(file: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Reads a text file of at most `most` bytes.
///
/// # Errors
/// As [`read_regular`]; [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_regular(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Returns the name of a kind of file, such as `pipe`.
fn describe(found: FileType) -> &'static str {
    match () {
        () if found.is_dir() => "folder",
        () if found.is_fifo() => "pipe",
        () if found.is_socket() => "socket",
        () => "device",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType as NodeType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        mknodat(CWD, at("pipe"), NodeType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let check = |path: &Path, expected: &str| {
            let found = read_text(path, 100).unwrap_or_else(|error| error.to_string());
            assert_eq!(found, expected, "{}", path.display());
        };
        check(&at("file"), "text");
        check(&at("link"), "text");
        check(&at("pipe"), "it is a pipe, not a file");
        check(folder.path(), "it is a folder, not a file");
        check(Path::new("/dev/zero"), "it is a device, not a file");
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_regular(&path, 4).unwrap(), b"four");
        assert_eq!(read_regular(&path, 3).unwrap_err().to_string(), "it has more than 3 bytes");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
