//! Installs the downloads that cargo cannot manage: the prebuilt DuckDB library from the npm
//! registry, and the Python packages of the tests from PyPI. All versions are pinned, and the
//! library and the wheel are checked by digest.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::bind::bind;
use crate::{TaskError, run, tools};

/// The npm package with `libduckdb.so`, the library of the pinned `duckdb` crate.
const PACKAGE: &str = "@duckdb/node-bindings-linux-x64@1.5.6-r.1";
const DIGEST: &str = "3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633";

/// Digest of the linked library, in which `bind` has resolved the references to itself.
const BOUND_DIGEST: &str = "7c314293d07e0c44dd5802835a3391c9832166cd440bc1b5f78d345368f8318b";

/// The wheel that the cross-check reads.
const WHEEL: &str = "moto==5.2.5";
const WHEEL_DIGEST: &str = "eef62cdcf3bfe73e0863743511ba042dfaba04ba3d5ecdcb896a196c693ad528";

/// Packages that execute the notebooks.
const NOTEBOOK: &[&str] = &[
    "nbclient==0.11.0",
    "ipykernel==7.4.0",
    "nbformat==5.11.1",
    "polars==2.1.0",
    "duckdb==1.5.6",
    "pyarrow==26.0.1",
    "matplotlib==3.11.2",
];

/// Clients that test the sandbox's protocols.
const CLIENTS: &[&str] = &["boto3==1.44.5", "botocore==1.44.5", "awscli==1.46.3"];

/// The emulator moto with its server, for comparing the shapes of the sandbox's answers.
const RIVAL: &[&str] =
    &["moto==5.2.5", "boto3==1.44.5", "botocore==1.44.5", "flask==3.1.3", "flask-cors==6.0.2"];

/// The SSH server of spawnd's tests, used where OpenSSH's is not installed.
const SSH: &[&str] = &["asyncssh==2.24.1", "cryptography==50.0.2"];

/// Packages that the attack scripts import.
const ATTACKS: &[&str] = &["pynacl==1.6.2", "pyarrow==26.0.1"];

/// Installs the DuckDB library in `.tools/duckdb`, with the references to itself resolved. Without
/// npm, or on a platform other than Linux on x86-64, it installs nothing, and the Makefile compiles
/// DuckDB in.
pub(crate) fn libraries() -> Result<(), TaskError> {
    let folder = tools().join("duckdb");
    let library = folder.join("libduckdb.so");
    if digest(&library).as_deref() == Some(BOUND_DIGEST) {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || !is_installed("npm") {
        eprintln!(
            "no prebuilt DuckDB for this machine (it needs npm, and Linux on x86-64): DuckDB is compiled in"
        );
        return Ok(());
    }
    let temporary = tools().join("npm");
    recreate_folder(&temporary)?;
    run(Command::new("npm")
        .args(["pack", "--silent", "--pack-destination"])
        .arg(&temporary)
        .arg(PACKAGE)
        .stdout(Stdio::null()))?;
    let archive = only_file(&temporary)?;
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&temporary).arg("package/libduckdb.so"))?;
    let unpacked = temporary.join("package/libduckdb.so");
    if digest(&unpacked).as_deref() != Some(DIGEST) {
        return Err(format!("the digest of the library in {PACKAGE} is not the pinned one"));
    }
    bind_itself(&unpacked)?;
    make(&folder)?;
    fs::rename(&unpacked, &library).map_err(|e| format!("{}: {e}", library.display()))?;
    fs::remove_dir_all(&temporary).map_err(|e| format!("{}: {e}", temporary.display()))
}

fn bind_itself(library: &Path) -> Result<(), TaskError> {
    let failed = |e| format!("{}: {e}", library.display());
    let mut bytes = fs::read(library).map_err(failed)?;
    bind(&mut bytes)?;
    fs::write(library, bytes).map_err(failed)?;
    match digest(library).as_deref() == Some(BOUND_DIGEST) {
        true => Ok(()),
        false => Err(format!("the digest of the library in {PACKAGE}, once bound, is not the pinned one")),
    }
}

/// Installs the wheel of the cross-check, and virtual environments for the notebooks, the sandbox's
/// tests and spawnd's.
pub(crate) fn python() -> Result<(), TaskError> {
    let wheels = tools().join("wheels");
    make(&wheels)?;
    let wheel = wheels.join("moto-5.2.5-py3-none-any.whl");
    if !wheel.exists() {
        run(python3()
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
            .arg(&wheels)
            .arg(WHEEL))?;
    }
    if digest(&wheel).as_deref() != Some(WHEEL_DIGEST) {
        return Err(format!("the digest of {} is not the pinned one: remove the file", wheel.display()));
    }
    environment("venv", NOTEBOOK)?;
    environment("clients", CLIENTS)?;
    environment("rival", RIVAL)?;
    environment("ssh", SSH)
}

/// Installs the packages that the attack scripts import.
pub(crate) fn attack_packages() -> Result<(), TaskError> {
    make(&tools())?;
    environment("attacks", ATTACKS)
}

/// Creates a virtual environment with these packages, unless it has exactly these already.
fn environment(name: &str, packages: &[&str]) -> Result<(), TaskError> {
    let environment = tools().join(name);
    let mark = environment.join("installed.txt");
    let wanted = packages.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    recreate_folder(&environment)?;
    run(python3().args(["-m", "venv"]).arg(&environment))?;
    run(Command::new(environment.join("bin/pip")).args(["install", "--quiet"]).args(packages))?;
    fs::write(&mark, wanted).map_err(|e| format!("{}: {e}", mark.display()))
}

fn python3() -> Command {
    Command::new("python3")
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn digest(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make(folder: &Path) -> Result<(), TaskError> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

pub(crate) fn recreate_folder(folder: &Path) -> Result<(), TaskError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    make(folder)
}

fn only_file(folder: &Path) -> Result<std::path::PathBuf, TaskError> {
    let mut entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten();
    entries.next().map(|entry| entry.path()).ok_or_else(|| "npm pack wrote no file".to_string())
}
