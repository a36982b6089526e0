//! The machine: its files, its clocks, its boot id, and `systemctl`.

use domain::Timestamp;
use jiff::SignedDuration;
use lifecycle::ClockReadings;
use rustix::fs::{Mode, OFlags};
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A machine below a root folder, which is `/` outside of tests.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    root: PathBuf,
    pace: ClockPace,
}

/// The speed of the daemon's clocks. It is higher than one only with the sandbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockPace {
    /// Seconds of the daemon's clocks per second of the machine's.
    pub(crate) factor: i32,
    /// The monotonic second that counts as the boot.
    pub(crate) origin: f64,
}

impl ClockPace {
    pub(crate) const REAL: ClockPace = ClockPace { factor: 1, origin: 0.0 };
}

/// Parses `60@1234.5`: sixty times as fast, with the boot at the monotonic second 1234.5.
pub(crate) fn parse_pace(text: &str) -> Result<ClockPace, String> {
    let parts = text.split_once('@');
    let pace = parts.and_then(|(factor, origin)| {
        Some(ClockPace { factor: factor.parse().ok()?, origin: origin.parse().ok()? })
    });
    pace.filter(|pace| pace.factor > 0).ok_or(format!("\"{text}\" is not a pace such as 60@1234.5"))
}

/// Time limit of a systemd program.
const PROGRAM_LIMIT: Duration = Duration::from_secs(10);

/// Untrusted files are read up to this size.
const LARGEST: u64 = 1024 * 1024;

impl Machine {
    pub(crate) fn new(root: PathBuf, pace: ClockPace) -> Machine {
        Machine { root, pace }
    }

    /// Returns the place of an absolute path below this root.
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the daemon reads the wall clock here only; no deadline depends on it"
    )]
    pub(crate) fn clocks(&self) -> ClockReadings {
        ClockReadings {
            mono: self.clock(ClockId::Monotonic),
            boot: self.clock(ClockId::Boottime),
            wall: Timestamp::now(),
        }
    }

    fn clock(&self, id: ClockId) -> SignedDuration {
        let now = clock_gettime(id);
        let read = SignedDuration::new(now.tv_sec, now.tv_nsec as i32);
        (read - SignedDuration::from_secs_f64(self.pace.origin)) * self.pace.factor
    }

    /// Returns CLOCK_MONOTONIC of the machine itself, without the pace.
    pub(crate) fn real_uptime(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
    }

    /// Converts a span of the daemon's time to the machine's.
    pub(crate) fn real(&self, span: SignedDuration) -> Duration {
        span.unsigned_abs() / self.pace.factor.unsigned_abs()
    }

    /// Reads an untrusted file, up to 1 MiB. It does not block on a pipe and does not follow a
    /// link.
    pub(crate) fn read_plain(&self, path: &str) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = std::fs::File::from(rustix::fs::open(self.path(path), flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a text file of this process's user. Its mode may give group and others no more rights
    /// than `widest`. `None` if the file does not exist.
    pub(crate) fn read_own(&self, path: &str, widest: u32) -> Result<Option<String>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{path}: {error}");
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::open(self.path(path), flags, Mode::empty()) {
            Ok(file) => std::fs::File::from(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let meta = file.metadata().map_err(|error| failed(&error))?;
        let own = rustix::process::geteuid().as_raw();
        if !meta.is_file() || meta.mode() & 0o077 & !widest != 0 || meta.uid() != own {
            return Err(format!(
                "{path} is not used: expected a file of mode {widest:04o} that belongs to user {own}"
            ));
        }
        let mut text = String::new();
        let length = file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
        if length as u64 > LARGEST {
            return Err(format!("{path} is not used: it is longer than {LARGEST} bytes"));
        }
        Ok(Some(text))
    }

    /// Checks that no other user may change a program: it and each folder above it, up to this
    /// machine's root, belong to this process's user, are no links, and only that user may write
    /// them. Errors: the first that is otherwise.
    pub(crate) fn check_own(&self, path: &str) -> Result<(), String> {
        let own = rustix::process::geteuid().as_raw();
        let mut folders: Vec<&Path> =
            Path::new(path).ancestors().filter(|place| place.parent().is_some()).collect();
        folders.reverse();
        for place in folders {
            let place = place.display().to_string();
            let meta =
                std::fs::symlink_metadata(self.path(&place)).map_err(|error| format!("{place}: {error}"))?;
            if meta.is_symlink() || meta.uid() != own || meta.mode() & 0o022 != 0 {
                return Err(format!(
                    "{place} is not used: expected no link, owned by user {own}, and writable by no one else"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn boot_id(&self) -> io::Result<String> {
        let text = std::fs::read_to_string(self.path("/proc/sys/kernel/random/boot_id"))?;
        Ok(text.trim().to_string())
    }

    /// Runs systemctl, for at most 10 s.
    pub(crate) fn systemctl(&self, arguments: &[&str]) -> Result<(), String> {
        let program = self.path("/usr/bin/systemctl");
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let began = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("systemctl {}: {status}", arguments.join(" "))),
                Ok(None) if began.elapsed() < PROGRAM_LIMIT => std::thread::sleep(Duration::from_millis(20)),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("systemctl {} took more than 10 s", arguments.join(" ")));
                }
                Err(error) => return Err(format!("systemctl {}: {error}", arguments.join(" "))),
            }
        }
    }
}

/// Writes a file atomically and creates its folder if it is missing.
pub(crate) fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent()
        && !folder.exists()
    {
        std::fs::create_dir_all(folder)?;
        // The mask of the unit would hide the message of the day from people.
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))?;
    }
    durable::write_atomic(path, bytes, mode)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode))
}
