//! The owner's programs: hooks that report whether the machine is idle, and the hook that runs
//! before a stop.

use crate::machine::Machine;
use domain::Known;
use jiff::SignedDuration;
use lifecycle::HookTrigger;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const IDLE_HOOKS: &str = "/etc/spawn/idle.d";
const PRE_STOP: &str = "/etc/spawn/pre-stop";
/// Time limit of all idle hooks together.
const LIMIT: Duration = Duration::from_secs(5);

/// Returns the number of hooks that report a busy machine; absent without hooks. Exit status 0
/// means busy, and 1 means idle. Any other status, a failed start and a timeout count as busy.
pub(crate) fn idle_hooks(machine: &Machine) -> Known<f64> {
    let mut running: Vec<Child> = Vec::new();
    let mut busy = 0;
    for program in programs(machine) {
        match quiet(&mut Command::new(program)).spawn() {
            Ok(child) => running.push(child),
            Err(_) => busy += 1,
        }
    }
    if running.is_empty() && busy == 0 {
        return Known::Absent;
    }
    let began = Instant::now();
    while !running.is_empty() && began.elapsed() < LIMIT {
        running.retain_mut(|child| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) if status.code() == Some(1) => false,
            Ok(Some(_)) | Err(_) => {
                busy += 1;
                false
            }
        });
        std::thread::sleep(Duration::from_millis(10));
    }
    for child in &mut running {
        busy += 1;
        let _ = child.kill();
        let _ = child.wait();
    }
    Known::Is(f64::from(busy))
}

fn programs(machine: &Machine) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(machine.path(IDLE_HOOKS)).into_iter().flatten().flatten();
    let executable = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    folder.map(|entry| entry.path()).filter(executable).collect()
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
    /// Errors: the hook cannot be started.
    pub(crate) fn start(
        machine: &Machine,
        trigger: HookTrigger,
        limit: SignedDuration,
    ) -> Result<Option<PreStopRun>, String> {
        let hook = machine.path(PRE_STOP);
        if !hook.exists() {
            return Ok(None);
        }
        let limit = machine.real(limit);
        let child = quiet(&mut Command::new(machine.path("/usr/bin/systemd-run")))
            .args(["--quiet", "--wait", "--collect"])
            .arg(format!("--property=RuntimeMaxSec={}", limit.as_secs().max(1)))
            .arg("--")
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

    #[test]
    fn counts_busy_hooks_within_the_time_limit() {
        let check = |scripts: &[&str], expected: Known<f64>| {
            let folder = tempfile::tempdir().expect("a folder");
            let hooks = folder.path().join("etc/spawn/idle.d");
            std::fs::create_dir_all(&hooks).expect("a folder");
            for (index, script) in scripts.iter().enumerate() {
                let path = hooks.join(index.to_string());
                std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a hook");
                std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
            }
            std::fs::write(hooks.join("README"), "not a program").expect("a file");
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            let began = Instant::now();
            assert_eq!(idle_hooks(&machine), expected, "{scripts:?}");
            assert!(began.elapsed() < LIMIT + Duration::from_secs(2));
        };
        check(&[], Known::Absent);
        check(&["exit 1"], Known::Is(0.0));
        check(&["exit 0", "exit 1", "exit 7"], Known::Is(2.0));
        check(&["exec sleep 60"], Known::Is(1.0));
    }
}
