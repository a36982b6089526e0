//! The home folders of the people on this machine. Their files are untrusted, and a home may be on
//! a server that does not answer, so only looks in their own threads read them.

use crate::machine::Machine;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Returns each home folder, as an absolute path below the machine's root. Errors: they cannot be
/// listed.
pub(crate) fn homes(machine: &Machine) -> Result<Vec<String>, String> {
    let mut found: Vec<String> =
        names(&machine.path("/home"))?.into_iter().map(|name| format!("/home/{name}")).collect();
    found.push("/root".to_string());
    Ok(found)
}

/// Returns the names in a folder; none if it does not exist or may not be read. Errors: its file
/// server or disk fails.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, String> {
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().to_string();
    let listed = std::fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(name)).collect());
    present(listed, folder).map(Option::unwrap_or_default)
}

/// Returns the result of reading a path; `None` if there is nothing that may be read. Errors: a
/// file server or disk fails.
pub(crate) fn present<T>(read: Result<T, Error>, path: &Path) -> Result<Option<T>, String> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Ok(None),
            _ => Err(format!("{}: {error}", path.display())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_empty_and_a_failing_one_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "").expect("a file");
        assert_eq!(names(folder.path()), Ok(vec!["file".to_string()]));
        assert_eq!(names(&folder.path().join("missing")), Ok(Vec::new()));
        assert_eq!(names(&folder.path().join("file/below")), Ok(Vec::new()));
        let check = |kind: ErrorKind, fails: bool| {
            let read = present::<()>(Err(kind.into()), Path::new("/home/ann"));
            assert_eq!(read.is_err(), fails, "{kind:?}: {read:?}");
        };
        check(ErrorKind::PermissionDenied, false);
        check(ErrorKind::StaleNetworkFileHandle, true);
        check(ErrorKind::TimedOut, true);
        check(ErrorKind::Other, true);
    }
}
