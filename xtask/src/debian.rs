//! Unpacks Debian's packages of the tests into `.tools/debian`, without installing them: OpenSSH's
//! server with sudo, and cloud-init.

use std::fs;
use std::process::Command;

use crate::setup::recreate_folder;
use crate::{TaskError, run, tools};

/// The packages, with the libraries and Python modules that they need.
const PACKAGES: &[&str] = &[
    "openssh-server",
    "openssh-sftp-server",
    "libwrap0",
    "libnsl2",
    "sudo",
    "cloud-init",
    "python3-attr",
    "python3-certifi",
    "python3-chardet",
    "python3-configobj",
    "python3-idna",
    "python3-jinja2",
    "python3-json-pointer",
    "python3-jsonpatch",
    "python3-jsonschema",
    "python3-markupsafe",
    "python3-netifaces",
    "python3-oauthlib",
    "python3-pyrsistent",
    "python3-requests",
    "python3-serial",
    "python3-six",
    "python3-urllib3",
    "python3-yaml",
];

/// Downloads and unpacks the packages, unless they are there. Where apt-get cannot have them, it
/// prints so, and the tests that need them are skipped. apt-get checks their signatures.
pub(crate) fn packages() -> Result<(), TaskError> {
    let folder = tools().join("debian");
    let mark = folder.join("unpacked.txt");
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let temporary = tools().join("debian-packages");
    recreate_folder(&temporary)?;
    let download =
        || run(Command::new("apt-get").args(["download", "-qq"]).args(PACKAGES).current_dir(&temporary));
    let refresh = |_| run(Command::new("apt-get").args(["update", "-qq"])).and_then(|()| download());
    if let Err(error) = download().or_else(refresh) {
        eprintln!("no OpenSSH server and no cloud-init ({error}): what needs them is skipped");
        return Ok(());
    }
    recreate_folder(&folder)?;
    let failed = |error: std::io::Error| format!("{}: {error}", temporary.display());
    for entry in fs::read_dir(&temporary).map_err(failed)? {
        run(Command::new("dpkg").arg("-x").arg(entry.map_err(failed)?.path()).arg(&folder))?;
    }
    fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))?;
    fs::remove_dir_all(&temporary).map_err(failed)
}
