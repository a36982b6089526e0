//! The files of `--out`, `--svg` and `--html`.

#![allow(clippy::disallowed_methods, reason = "it writes the output file")]

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use console::Failure;
use durable::{SHARED, TemporaryFile};

/// The destination of an answer. A regular file is replaced when the answer is complete. Other
/// targets, such as `/dev/null` or a named pipe, are written directly.
pub(crate) struct OutputFile {
    /// Final path, with links resolved.
    path: PathBuf,
    /// Temporary file that becomes the final one; `None` for a target that is written directly.
    temporary: Option<TemporaryFile>,
}

impl OutputFile {
    /// Opens the destination and its writer. A path that cannot be written is a usage failure.
    pub(crate) fn open(path: &Path) -> Result<(OutputFile, Box<dyn Write>), Failure> {
        let unwritten = |e| unwritten(path, e);
        let path = resolve_links(path).map_err(unwritten)?;
        let there = fs::metadata(&path).ok();
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let file = OpenOptions::new().write(true).open(&path).map_err(unwritten)?;
            return Ok((OutputFile { path, temporary: None }, Box::new(BufWriter::new(file))));
        }
        let temporary = TemporaryFile::replacing(&path, SHARED).map_err(unwritten)?;
        let file = temporary.file().try_clone().map_err(unwritten)?;
        let out = BufWriter::with_capacity(1 << 20, file);
        Ok((OutputFile { path, temporary: Some(temporary) }, Box::new(out)))
    }

    /// Moves the complete answer to its path. The writer must have been flushed.
    pub(crate) fn publish(self) -> Result<(), Failure> {
        let path = self.path;
        self.temporary.map_or(Ok(()), |file| file.commit().map_err(|e| unwritten(&path, e)))
    }
}

/// Writes a whole file, as `--out` does, and reads it back if it is a regular one.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = OutputFile::open(path);
    let (target, mut file) =
        opened.map_err(|failure| failure.hint("choose a file in a folder that exists and can be written"))?;
    let is_regular = target.temporary.is_some();
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(|e| unwritten(path, e))?;
    drop(file);
    target.publish()?;
    let written = match is_regular {
        true => durable::read_text(path, text.len() as u64).map_err(|e| unwritten(path, e))?,
        false => return Ok(()),
    };
    match written == text {
        true => Ok(()),
        false => Err(Failure::broken(format!("{} has other content than was written", path.display()))),
    }
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::usage(format!("{} cannot be written: {error}", path.display()))
}

/// Resolves links. A missing file is created at the link's target, as a shell does.
fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(match path.read_link() {
            Ok(to) => path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => path.to_path_buf(),
        }),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn write(path: &Path, text: &str) -> Result<(), Failure> {
        let (target, mut file) = OutputFile::open(path)?;
        file.write_all(text.as_bytes()).and_then(|()| file.flush()).unwrap();
        target.publish()
    }

    #[test]
    fn links_and_permissions_are_preserved() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), "before").unwrap();
        fs::set_permissions(at("real"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("real", at("link")).unwrap();
        symlink("new", at("dangling")).unwrap();
        write(&at("link"), "after").unwrap();
        write(&at("dangling"), "made").unwrap();
        assert_eq!(fs::read_to_string(at("real")).unwrap(), "after");
        assert_eq!(fs::metadata(at("real")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(at("new")).unwrap(), "made");
        assert!(at("link").is_symlink() && at("dangling").is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left behind");
    }

    #[test]
    fn special_files_are_written_directly() {
        let folder = tempfile::tempdir().unwrap();
        let null = folder.path().join("null");
        symlink("/dev/null", &null).unwrap();
        write(&null, "gone").unwrap();
        assert!(null.is_symlink() && !fs::metadata("/dev/null").unwrap().is_file());
        let failure = write(folder.path(), "nothing").unwrap_err();
        assert!(failure.message.contains("cannot be written: Is a directory"), "{failure}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unpublished_answer_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer");
        fs::write(&path, "before").unwrap();
        let (target, mut file) = OutputFile::open(&path).unwrap();
        file.write_all(b"half").and_then(|()| file.flush()).unwrap();
        drop(target);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
