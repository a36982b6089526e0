//! What the child gives up: limits, Landlock, seccomp. Linux only; elsewhere nothing is locked and it is said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// What DuckDB itself reads at its start: without its memory limits it aborts.
const SYSTEM: [&str; 4] = ["/proc/self/cgroup", "/sys/fs/cgroup", "/proc/meminfo", "/sys/devices/system/cpu"];

/// What holds after [`lock`].
pub(super) struct Locked {
    /// The file system is closed but for the named files.
    pub(super) files: bool,
    /// What could not be locked, a sentence each.
    pub(super) weaker: Vec<String>,
}

/// Locks this process, for ever: it may read `readable` and nothing else, write nothing, open no
/// socket, start no program, and use so much memory and time. Before any thread starts.
pub(super) fn lock(readable: &[PathBuf], memory_mib: u64, seconds: u64) -> Result<Locked, String> {
    limit(memory_mib, seconds)?;
    let mut weaker = Vec::new();
    let files = match close_files(readable) {
        Ok(true) => true,
        Ok(false) => {
            weaker
                .push("this kernel has no Landlock: only DuckDB's own settings guard the files".to_string());
            false
        }
        Err(error) => return Err(format!("the file system cannot be closed: {error}")),
    };
    if let Err(error) = close_calls() {
        weaker.push(format!(
            "system calls cannot be filtered here ({error}): sockets are guarded by DuckDB's settings alone"
        ));
    }
    Ok(Locked { files, weaker })
}

fn limit(memory_mib: u64, seconds: u64) -> Result<(), String> {
    let set = |resource, bound: u64| {
        let limit = Rlimit { current: Some(bound), maximum: Some(bound) };
        setrlimit(resource, limit).map_err(|e| format!("a limit cannot be set: {e}"))
    };
    // DuckDB keeps to its own limit for data; on top come its code, its threads' stacks and the allocator's slack.
    set(Resource::As, (memory_mib + 4096) << 20)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Core, 0)?;
    set(Resource::Nofile, 512)?;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    set(Resource::Cpu, (seconds + 5) * threads)
}

fn close_files(readable: &[PathBuf]) -> Result<bool, landlock::RulesetError> {
    // Built for the newest interface and lowered to what the kernel has; tests run with all of it.
    let abi = ABI::V5;
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .create()?;
    for path in SYSTEM.iter().map(PathBuf::from).chain(readable.iter().cloned()) {
        // What lies in memory is reached through a descriptor that this process has already.
        if path.starts_with("/proc/self/fd") {
            continue;
        }
        // What is not there cannot be read either.
        let Ok(open) = PathFd::new(&path) else { continue };
        let access: BitFlags<AccessFs> =
            if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
        ruleset = ruleset.add_rule(PathBeneath::new(open, access))?;
    }
    let status = ruleset.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

fn close_calls() -> Result<(), String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|e| format!("{e}"))?;
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        refused_calls().iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(|e| e.to_string())?;
    let program: BpfProgram = filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    seccompiler::apply_filter(&program).map_err(|e| e.to_string())
}

/// Calls that reach another process, a program or the network.
fn refused_calls() -> [i64; 14] {
    [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kill,
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_mount,
    ]
}
