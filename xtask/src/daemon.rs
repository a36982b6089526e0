//! Builds the released daemon, checks its size and its glibc version, and puts it where the
//! executables look for it.

use crate::glibc::highest_glibc;
use crate::{TaskError, cargo, root, run};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const LARGEST: usize = 4_000_000;
/// The glibc version of the oldest supported systems.
const GLIBC: (u32, u32) = (2, 34);

/// Arguments for the linker (lld): functions with equal code become one, and there is no build id.
/// This saves 66 kB. No code compares the addresses of functions. The script leaves out the tables
/// of unwinding, which saves 450 kB.
fn linking() -> Vec<String> {
    let script = format!("link-arg={}", root().join("xtask/daemon.ld").display());
    let arguments =
        ["link-arg=-Wl,--icf=all", "link-arg=-Wl,--build-id=none", "link-arg=-Wl,--no-eh-frame-hdr"];
    let arguments = arguments.map(str::to_string).into_iter().chain(["link-arg=-T".to_string(), script]);
    arguments.flat_map(|argument| ["-C".to_string(), argument]).collect()
}

/// Builds spawnd with the profile `daemon`, as a single package, so that the features of other
/// crates do not make it larger, and writes it to the folder `lib/mycelium` of the build folder.
/// Returns its path. Errors: it is larger than 4 MB, or needs glibc above 2.34.
pub(crate) fn build() -> Result<PathBuf, TaskError> {
    let build = ["rustc", "--quiet", "--profile", "daemon", "--package", "spawnd", "--bin", "spawnd", "--"];
    run(cargo().args(build).args(linking()).current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let path = target.join("daemon/spawnd");
    let file = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let glibc = highest_glibc(&file).ok_or("spawnd is not linked with glibc, so it cannot load NVML")?;
    if file.len() > LARGEST {
        return Err(format!("spawnd has {} bytes, expected at most {LARGEST}", file.len()));
    }
    if glibc > GLIBC {
        return Err(format!("spawnd needs glibc {glibc:?}, expected at most {GLIBC:?}"));
    }
    let path = publish(&file, glibc, &target.join("lib/mycelium"))?;
    println!("{}: {} bytes, needs glibc {}.{}", path.display(), file.len(), glibc.0, glibc.1);
    Ok(path)
}

/// Writes the file and the facts about it. The executables refuse a file that differs from its
/// facts, so the facts come last.
fn publish(file: &[u8], glibc: (u32, u32), folder: &Path) -> Result<PathBuf, TaskError> {
    let name = format!("spawnd-{}", std::env::consts::ARCH);
    let digest: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
    let facts = format!(
        "{{\"version\": \"{}\", \"sha256\": \"{digest}\", \"glibc\": \"{}.{}\"}}\n",
        env!("CARGO_PKG_VERSION"),
        glibc.0,
        glibc.1
    );
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let place = |name: &str, bytes: &[u8], mode: u32| {
        let (new, path) = (folder.join(format!(".{name}.new")), folder.join(name));
        let written = fs::write(&new, bytes)
            .and_then(|()| fs::set_permissions(&new, PermissionsExt::from_mode(mode)))
            .and_then(|()| fs::rename(&new, &path));
        written.map(|()| path).map_err(|error| format!("{}: {error}", new.display()))
    };
    let path = place(&name, file, 0o755)?;
    place(&format!("{name}.json"), facts.as_bytes(), 0o644)?;
    Ok(path)
}

/// Runs spawnd in real time against stub services on loopback, and prints the resources that it
/// uses.
pub(crate) fn measure(spawnd: &Path, minutes: &str) -> Result<(), TaskError> {
    run(Command::new("python3").arg(root().join("xtask/daemon.py")).arg(spawnd).arg(minutes))
}
