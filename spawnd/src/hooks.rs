//! The owner's programs: hooks that report whether the machine is idle, and the hook that runs
//! before a stop. They run as root, so only root may be able to change them. Each runs in a unit of
//! its own through `systemd-run`: with systemd's clean environment, and outside the filters of
//! spawnd's unit.

use crate::homes::names;
use crate::machine::Machine;
use domain::Known;
use jiff::SignedDuration;
use lifecycle::HookTrigger;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const IDLE_HOOKS: &str = "/etc/spawn/idle.d";
const PRE_STOP: &str = "/etc/spawn/pre-stop";
/// Time limit of all idle hooks together.
const LIMIT: Duration = Duration::from_secs(5);

/// Succeeds only if the hook ends with 1. So no failure is taken for idle: neither the hook's own,
/// nor that of systemd-run, which ends with 1 if a unit cannot be started or runs for too long.
const IS_IDLE: &str = "\"$0\"; test $? -eq 1";

/// Returns the number of hooks that report a busy machine; absent without hooks. Exit status 0
/// means busy, and 1 means idle. Any other status, a failed start and a timeout count as busy. A
/// hook that others than root may change is not run, and the number is unseen.
pub(crate) fn idle_hooks(machine: &Machine) -> Known<f64> {
    let hooks = match hooks(machine) {
        Ok(hooks) if hooks.is_empty() => return Known::Absent,
        Ok(hooks) => hooks,
        Err(why) => return Known::Unseen(why),
    };
    let start = |hook: &String| {
        let hook = machine.path(hook);
        in_own_unit(machine, LIMIT, &SILENT).args(["/bin/sh", "-c", IS_IDLE]).arg(hook).spawn().ok()
    };
    let running: Vec<Option<Child>> = hooks.iter().map(start).collect();
    let is_idle = |child: Option<Child>| {
        child.and_then(|mut child| child.wait().ok()).is_some_and(|status| status.success())
    };
    let idle = running.into_iter().map(is_idle).filter(|idle| *idle).count();
    Known::Is((hooks.len() - idle) as f64)
}

/// Returns the idle hooks: the executable files of their folder. Errors: one may be changed by
/// others.
fn hooks(machine: &Machine) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for name in names(&machine.path(IDLE_HOOKS))? {
        let hook = format!("{IDLE_HOOKS}/{name}");
        let executable = |meta: &Metadata| meta.is_file() && meta.permissions().mode() & 0o111 != 0;
        if std::fs::metadata(machine.path(&hook)).is_ok_and(|meta| executable(&meta)) {
            machine.check_own(&hook)?;
            found.push(hook);
        }
    }
    Ok(found)
}

/// Hooks run every minute, so their output does not go to the journal.
const SILENT: [&str; 2] = ["--property=StandardOutput=null", "--property=StandardError=null"];

/// Returns a command that runs its further arguments in a unit of its own, for at most `limit`, and
/// ends after them. It succeeds if they do. The start of a unit of this type lasts until its
/// program ends, so this needs no D-Bus, unlike `--wait`.
fn in_own_unit(machine: &Machine, limit: Duration, properties: &[&str]) -> Command {
    let mut command = Command::new(machine.path("/usr/bin/systemd-run"));
    command.env_clear().args(["--quiet", "--collect", "--service-type=oneshot"]).args(properties);
    command.arg(format!("--property=TimeoutStartSec={}", limit.as_secs().max(1))).arg("--");
    quiet(&mut command);
    command
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// A run of the pre-stop hook.
pub(crate) struct PreStopRun {
    /// The reason for the run.
    pub(crate) trigger: HookTrigger,
    child: Child,
    until: Instant,
}

impl PreStopRun {
    /// Starts the hook in its own unit, which systemd ends after `limit`; `None` without a hook.
    /// Errors: the hook cannot be started, or others than root may change it.
    pub(crate) fn start(
        machine: &Machine,
        trigger: HookTrigger,
        limit: SignedDuration,
    ) -> Result<Option<PreStopRun>, String> {
        let hook = machine.path(PRE_STOP);
        if !hook.exists() {
            return Ok(None);
        }
        machine.check_own(PRE_STOP)?;
        let limit = machine.real(limit);
        let child = in_own_unit(machine, limit, &[])
            .arg(&hook)
            .spawn()
            .map_err(|error| format!("the pre-stop hook cannot be started: {error}"))?;
        Ok(Some(PreStopRun { trigger, child, until: Instant::now() + limit }))
    }

    /// Returns whether the hook has ended, by itself or at its time limit.
    pub(crate) fn is_over(&mut self) -> bool {
        match self.child.try_wait() {
            Ok(None) if Instant::now() < self.until => false,
            Ok(None) => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                true
            }
            Ok(Some(_)) | Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::path::Path;

    /// Runs a command as systemd-run does, without a unit.
    const SYSTEMD_RUN: &str = "#!/bin/sh
for word; do case $word in --property=TimeoutStartSec=*) limit=${word#*=*=};; --) break;; esac; done
while test \"$1\" != --; do shift; done
shift
timeout $limit \"$@\"
status=$?
test $status -ne 124 || status=1
exit $status
";

    fn machine(scripts: &[&str]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
        };
        write("usr/bin/systemd-run", SYSTEMD_RUN);
        std::fs::create_dir_all(folder.path().join("etc/spawn/idle.d")).expect("a folder");
        for (index, script) in scripts.iter().enumerate() {
            write(&format!("etc/spawn/idle.d/{index}"), &format!("#!/bin/sh\n{script}\n"));
        }
        std::fs::write(folder.path().join("etc/spawn/idle.d/README"), "not a program").expect("a file");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        (folder, machine)
    }

    #[test]
    fn counts_busy_hooks_within_the_time_limit() {
        let check = |scripts: &[&str], expected: Known<f64>| {
            let (_folder, machine) = machine(scripts);
            let began = Instant::now();
            assert_eq!(idle_hooks(&machine), expected, "{scripts:?}");
            assert!(began.elapsed() < LIMIT + Duration::from_secs(2));
        };
        check(&[], Known::Absent);
        check(&["exit 1"], Known::Is(0.0));
        check(&["exit 0", "exit 1", "exit 7"], Known::Is(2.0));
        check(&["exec sleep 60", "exec sleep 60"], Known::Is(2.0));
    }

    #[test]
    fn a_hook_gets_a_clean_environment_and_a_missing_systemd_counts_as_busy() {
        let (folder, machine) = machine(&["test -n \"$HOME$USER$CARGO_MANIFEST_DIR\" || exit 1"]);
        assert_eq!(idle_hooks(&machine), Known::Is(0.0));
        std::fs::remove_file(folder.path().join("usr/bin/systemd-run")).expect("removed");
        assert_eq!(idle_hooks(&machine), Known::Is(1.0));
    }

    #[test]
    fn a_hook_that_others_may_change_is_not_run() {
        let mode = |path: &Path, mode: u32| {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
        };
        let replace_by_link = |path: &Path, aside: &Path| {
            std::fs::rename(path, aside).expect("moved");
            std::os::unix::fs::symlink(aside, path).expect("a link");
        };
        let check = |place: &str, change: &dyn Fn(&Path, &Path)| {
            let (folder, machine) = machine(&["touch \"$0.ran\"; exit 1"]);
            change(&machine.path(place), &folder.path().join("aside"));
            let found = idle_hooks(&machine);
            let expected = format!("{place} is not used");
            assert!(matches!(&found, Known::Unseen(why) if why.contains(&expected)), "{found:?}");
            let names = names(&machine.path(IDLE_HOOKS)).expect("the names");
            assert!(!names.iter().any(|name| name.ends_with(".ran")), "{place}");
        };
        for place in ["/etc/spawn/idle.d/0", "/etc/spawn/idle.d", "/etc/spawn", "/etc"] {
            check(place, &|path, _| mode(path, 0o757));
            check(place, &|path, _| mode(path, 0o1775));
            check(place, &replace_by_link);
        }
        let (folder, machine) = machine(&[]);
        let hook = folder.path().join("etc/spawn/pre-stop");
        std::fs::write(&hook, "#!/bin/sh\n").expect("a hook");
        mode(&hook, 0o757);
        let trigger = HookTrigger::Notice("test".to_string());
        let started = PreStopRun::start(&machine, trigger.clone(), SignedDuration::from_secs(9));
        assert!(started.is_err_and(|why| why.contains("/etc/spawn/pre-stop is not used")));
        mode(&hook, 0o755);
        let mut run = PreStopRun::start(&machine, trigger, SignedDuration::from_secs(9))
            .expect("started")
            .expect("a run");
        while !run.is_over() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
