//! The child's restrictions: limits, Landlock, seccomp. Linux only, like this crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Files that DuckDB reads at its start. It aborts if it cannot find its memory limits.
const SYSTEM: [&str; 4] = ["/proc/self/cgroup", "/sys/fs/cgroup", "/proc/meminfo", "/sys/devices/system/cpu"];

/// The restrictions in force after [`lock`].
pub(super) struct ProcessRestrictions {
    /// Whether the file system is blocked except for the named files.
    pub(super) files: bool,
    /// Missing protections, one sentence each.
    pub(super) weaker: Vec<String>,
}

/// Restricts this process, permanently: it may read `readable` and no other file, write nothing,
/// open no socket, start no program, and use limited memory and time. Call it before any thread
/// starts.
pub(super) fn restrict_process(
    readable: &[PathBuf],
    memory_mib: u64,
    seconds: u64,
) -> Result<ProcessRestrictions, String> {
    limit(memory_mib, seconds)?;
    let mut weaker = Vec::new();
    let files = match close_files(readable) {
        Ok(true) => true,
        Ok(false) => {
            weaker
                .push("this kernel has no Landlock: only DuckDB's own settings guard the files".to_string());
            false
        }
        Err(error) => return Err(format!("the file system cannot be restricted: {error}")),
    };
    if let Err(error) = close_calls() {
        weaker.push(format!(
            "system calls cannot be filtered here ({error}): sockets are guarded by DuckDB's settings alone"
        ));
    }
    Ok(ProcessRestrictions { files, weaker })
}

fn limit(memory_mib: u64, seconds: u64) -> Result<(), String> {
    let set = |resource, soft: u64, hard: u64| {
        let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
        setrlimit(resource, limit).map_err(|e| format!("a limit cannot be set: {e}"))
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    // DuckDB's own limit covers tables, but not the text that one function makes. Its threads'
    // stacks and the allocator's reserve come on top.
    let data = (memory_mib + 1024 + 16 * threads) << 20;
    set(Resource::Data, data, data)?;
    // Reserved address space, such as an allocator's arenas, costs nothing. This is the outer
    // limit.
    let space = data + (4096 << 20);
    set(Resource::As, space, space)?;
    set(Resource::Fsize, 0, 0)?;
    // 0 would still send a core dump to a program that the kernel starts for it; 1 does not.
    set(Resource::Core, 1, 1)?;
    set(Resource::Nofile, 512, 512)?;
    // The parent's clock comes first. If the parent is gone, SIGXCPU at the soft limit
    // distinguishes the time limit from the memory limit.
    let time = (seconds + 5) * threads;
    set(Resource::Cpu, time, time + 5)
}

fn close_files(readable: &[PathBuf]) -> Result<bool, landlock::RulesetError> {
    // Built for the newest interface and reduced to the kernel's; the tests run with all of it.
    let abi = ABI::V5;
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .create()?;
    for path in SYSTEM.iter().map(PathBuf::from).chain(readable.iter().cloned()) {
        // A file in memory is read through a descriptor that this process has already.
        if path.starts_with("/proc/self/fd") {
            continue;
        }
        // A file that does not exist cannot be read either.
        let Ok(open) = PathFd::new(&path) else { continue };
        let access: BitFlags<AccessFs> =
            if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
        ruleset = ruleset.add_rule(PathBeneath::new(open, access))?;
    }
    let status = ruleset.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

fn close_calls() -> Result<(), String> {
    // A new thread is started with clone3, and a filter cannot see its arguments. If the kernel
    // seems not to have clone3, the C library uses clone, which has flags that distinguish a thread
    // from a process.
    refuse([(libc::SYS_clone3, Vec::new())].into(), Errno::NOSYS)?;
    let thread = libc::CLONE_THREAD as u64;
    let process = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|e| e.to_string())?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED_CALLS.iter().chain(OLD_CALLS).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![process]);
    refuse(rules, Errno::PERM)
}

fn refuse(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: Errno) -> Result<(), String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|e| format!("{e}"))?;
    let refuse = SeccompAction::Errno(errno.raw_os_error().unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(|e| e.to_string())?;
    let program: BpfProgram = filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    seccompiler::apply_filter(&program).map_err(|e| e.to_string())
}

/// Calls that reach another process, a program or the network, or change file properties that
/// Landlock does not guard: mode, owner, times and attributes.
const REFUSED_CALLS: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_io_uring_setup,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// The same calls by names that only older architectures have.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[i64] = &[];
