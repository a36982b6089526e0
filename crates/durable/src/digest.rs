//! SHA-256 of files, while they are written or from the disk.

use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::open_regular;

/// A file's length and SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDigest {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all of them.
    pub sha256: [u8; 32],
}

/// Reads a file in pieces of 1 MiB and returns its digest.
///
/// # Errors
/// It is not a regular file, or it cannot be read.
pub fn file_digest(path: &Path) -> io::Result<FileDigest> {
    let mut file = DigestReader::new(open_regular(path)?);
    let mut piece = vec![0; 1 << 20];
    while file.read(&mut piece)? > 0 {}
    Ok(file.finish())
}

/// Counts and digests the bytes that are read through it.
#[derive(Debug)]
pub struct DigestReader<R> {
    from: R,
    bytes: u64,
    hasher: Sha256,
}

impl<R: Read> DigestReader<R> {
    /// Wraps a reader.
    pub fn new(from: R) -> DigestReader<R> {
        DigestReader { from, bytes: 0, hasher: Sha256::new() }
    }

    /// Returns the digest of the bytes read so far.
    pub fn finish(self) -> FileDigest {
        FileDigest { bytes: self.bytes, sha256: self.hasher.finalize().into() }
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.bytes += read as u64;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Counts and digests the bytes that pass through it, and keeps the first error of the writer
/// below: a library may hide a full disk behind a message of its own.
#[derive(Debug)]
pub struct DigestWriter<W> {
    out: W,
    bytes: u64,
    hasher: Sha256,
    error: Option<io::Error>,
}

impl<W: Write> DigestWriter<W> {
    /// Wraps a writer.
    pub fn new(out: W) -> DigestWriter<W> {
        DigestWriter { out, bytes: 0, hasher: Sha256::new(), error: None }
    }

    /// Takes the first error that the writer below returned.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Returns the writer below and the digest of everything that it accepted.
    pub fn finish(self) -> (W, FileDigest) {
        let sha256 = self.hasher.finalize().into();
        (self.out, FileDigest { bytes: self.bytes, sha256 })
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            if self.error.is_none() {
                self.error = Some(io::Error::new(error.kind(), error.to_string()));
            }
        })
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        let written = self.note(written)?;
        self.bytes += written as u64;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// SHA-256 of "abc", from FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn hex(digest: &FileDigest) -> String {
        digest.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_file_has_the_same_digest_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut out = DigestWriter::new(File::create(&path).unwrap());
        out.write_all(b"a").unwrap();
        out.write_all(b"bc").unwrap();
        let (_, written) = out.finish();
        assert_eq!((written.bytes, hex(&written).as_str()), (3, ABC));
        assert_eq!(file_digest(&path).unwrap(), written);
    }

    #[test]
    fn a_digest_covers_the_bytes_that_were_read() {
        let mut all = DigestReader::new(&b"abcdef"[..]);
        let mut first = [0; 3];
        all.read_exact(&mut first).unwrap();
        let found = all.finish();
        assert_eq!((&first, found.bytes, hex(&found).as_str()), (b"abc", 3, ABC));
    }

    #[test]
    fn the_first_error_of_the_writer_is_kept() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = DigestWriter::new(Full);
        assert!(out.write_all(b"x").is_err());
        assert_eq!(out.take_error().unwrap().kind(), io::ErrorKind::StorageFull);
        assert_eq!(out.finish().1.bytes, 0);
    }
}
