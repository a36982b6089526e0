//! Looking at the machine for signs of work. Counters are read, never judged; a rate comes from two
//! samples and the time between them. A line that cannot be understood spoils that line alone.

use crate::gpu::Gpus;
use crate::hooks;
use crate::machine::Machine;
use domain::Known;
use jiff::SignedDuration;
use lifecycle::idle::{Reading, Signal};
use procfs_core::net::{InterfaceDeviceStatus, TcpNetEntries, TcpState};
use procfs_core::{DiskStat, ExplicitSystemInfo, FromBufRead, FromBufReadSI, KernelStats};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

/// Port of the SSH server.
const SSH: u16 = 22;
const MIB: f64 = 1024.0 * 1024.0;
/// diskstats counts sectors of this size, whatever the disk's own is.
const SECTOR: u64 = 512;

/// Counters at one instant. Each is kept by name, so that a device that comes or goes is no jump.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    mono: SignedDuration,
    /// Milliseconds of busy CPU since boot.
    cpu: Result<u64, String>,
    /// Bytes by device.
    network: Result<BTreeMap<String, u64>, String>,
    /// Bytes by whole disk.
    disk: Result<BTreeMap<String, u64>, String>,
    /// When each terminal's input was last read.
    terminals: BTreeMap<String, SystemTime>,
}

/// What has to be remembered between two looks.
pub(crate) struct Probe {
    before: Option<Sample>,
    gpus: Gpus,
}

impl Probe {
    pub(crate) fn new() -> Probe {
        Probe { before: None, gpus: Gpus::default() }
    }

    /// Forgets the last look: what lies between was a sleep.
    pub(crate) fn forget(&mut self) {
        self.before = None;
        self.gpus = Gpus::default();
    }

    /// One look: every signal since the look before.
    pub(crate) fn look(&mut self, machine: &Machine, mono: SignedDuration) -> Vec<Reading> {
        let now = sample(machine, mono);
        let (gpu, memory) = self.gpus.look(machine);
        let mut readings = rates(self.before.as_ref(), &now);
        let mut add = |signal, value| readings.push(Reading { signal, value });
        add(Signal::Gpu, gpu);
        add(Signal::GpuMemory, memory);
        add(Signal::Ssh, ssh_connections(machine));
        add(Signal::Hooks, hooks::idle_hooks(machine));
        self.before = Some(now);
        readings
    }
}

fn sample(machine: &Machine, mono: SignedDuration) -> Sample {
    Sample {
        mono,
        cpu: busy_cpu(machine),
        network: network_bytes(machine),
        disk: disk_bytes(machine),
        terminals: terminal_input(machine),
    }
}

/// The rates between two samples; without a sample before, or with a counter that ran backwards, a rate
/// is unseen.
fn rates(before: Option<&Sample>, now: &Sample) -> Vec<Reading> {
    let Some(before) = before else {
        let first = || Known::Unseen("this is the first look".to_string());
        let signals = [Signal::Cpu, Signal::Network, Signal::Disk, Signal::Terminal];
        return signals.map(|signal| Reading { signal, value: first() }).to_vec();
    };
    let seconds = (now.mono - before.mono).as_secs_f64().max(0.001);
    let cpu = match (&before.cpu, &now.cpu) {
        (Ok(old), Ok(new)) if new >= old => Known::Is((new - old) as f64 / 1000.0 / seconds),
        (Ok(_), Ok(_)) => Known::Unseen("the counter ran backwards".to_string()),
        (Err(why), _) | (_, Err(why)) => Known::Unseen(why.clone()),
    };
    let typed = now.terminals.iter().filter(|(name, at)| before.terminals.get(*name) != Some(at)).count();
    vec![
        Reading { signal: Signal::Cpu, value: cpu },
        Reading { signal: Signal::Network, value: per_minute(&before.network, &now.network, seconds) },
        Reading { signal: Signal::Disk, value: per_minute(&before.disk, &now.disk, seconds) },
        Reading { signal: Signal::Terminal, value: Known::Is(typed as f64) },
    ]
}

type Counters = Result<BTreeMap<String, u64>, String>;

/// MiB a minute over all devices that are in both samples.
fn per_minute(before: &Counters, now: &Counters, seconds: f64) -> Known<f64> {
    let (before, now) = match (before, now) {
        (Ok(before), Ok(now)) => (before, now),
        (Err(why), _) | (_, Err(why)) => return Known::Unseen(why.clone()),
    };
    let mut bytes = 0;
    for (name, new) in now {
        match before.get(name).map(|old| new.checked_sub(*old)) {
            Some(Some(more)) => bytes += more,
            Some(None) => return Known::Unseen(format!("the counter of {name} ran backwards")),
            None => {}
        }
    }
    Known::Is(bytes as f64 / MIB / seconds * 60.0)
}

fn read(machine: &Machine, path: &str) -> Result<String, String> {
    std::fs::read_to_string(machine.path(path)).map_err(|error| format!("{path}: {error}"))
}

/// What procfs-core must be told of the machine: counters in hundredths of a second, as everywhere.
fn system() -> ExplicitSystemInfo {
    ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        page_size: rustix::param::page_size() as u64,
        is_little_endian: cfg!(target_endian = "little"),
    }
}

/// Work of all cores. Waiting for a disk is no work; being robbed by the hypervisor is, because a
/// throttled machine wants to work. Guest time is in user time already.
fn busy_cpu(machine: &Machine) -> Result<u64, String> {
    let text = read(machine, "/proc/stat")?;
    // The first line is all that is needed, and on 192 cores most of what there is.
    let rest = text.lines().filter(|line| !line.starts_with("cpu"));
    let short: Vec<&str> = text.lines().take(1).chain(rest).collect();
    let stats = KernelStats::from_buf_read(short.join("\n").as_bytes(), &system());
    let cpu = stats.map_err(|error| format!("/proc/stat: {error}"))?.total;
    let more = [cpu.irq_ms(), cpu.softirq_ms(), cpu.steal_ms()];
    Ok(cpu.user_ms() + cpu.nice_ms() + cpu.system_ms() + more.into_iter().flatten().sum::<u64>())
}

/// Devices that have hardware behind them: no loopback, no bridge, no tunnel.
fn network_bytes(machine: &Machine) -> Counters {
    let text = read(machine, "/proc/net/dev")?;
    let hardware = |name: &str| machine.path(&format!("/sys/class/net/{name}/device")).exists();
    let devices = text.lines().skip(2).flat_map(|line| {
        let file = format!("\n\n{line}\n");
        InterfaceDeviceStatus::from_buf_read(file.as_bytes()).map(|table| table.0).unwrap_or_default()
    });
    let known = devices.filter(|(name, _)| hardware(name));
    Ok(known.map(|(name, device)| (name, device.recv_bytes + device.sent_bytes)).collect())
}

/// Whole disks that have hardware behind them: no partition, no loop, no device mapper.
fn disk_bytes(machine: &Machine) -> Counters {
    let text = read(machine, "/proc/diskstats")?;
    let whole = |name: &str| machine.path(&format!("/sys/block/{name}/device")).exists();
    let disks = text.lines().filter_map(|line| DiskStat::from_line(line).ok());
    let known = disks.filter(|disk| whole(&disk.name));
    Ok(known.map(|disk| (disk.name, (disk.sectors_read + disk.sectors_written) * SECTOR)).collect())
}

/// The kernel moves a terminal's access time when a program reads what was typed. A terminal that is new
/// is somebody who logged in, and counts as typed at.
fn terminal_input(machine: &Machine) -> BTreeMap<String, SystemTime> {
    let folder = std::fs::read_dir(machine.path("/dev/pts")).into_iter().flatten().flatten();
    let numbered =
        folder.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    let accessed = |entry: std::fs::DirEntry| {
        let meta = entry.metadata().ok()?;
        Some((format!("{} {}", entry.file_name().to_string_lossy(), meta.ino()), meta.accessed().ok()?))
    };
    numbered.filter_map(accessed).collect()
}

/// Established connections to the SSH server, over both families.
fn ssh_connections(machine: &Machine) -> Known<f64> {
    let mut peers = BTreeSet::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = match read(machine, path) {
            Ok(text) => text,
            Err(_) if path.ends_with('6') => continue,
            Err(why) => return Known::Unseen(why),
        };
        let entries = text.lines().skip(1).flat_map(|line| {
            let file = format!("\n{line}\n");
            TcpNetEntries::from_buf_read(file.as_bytes(), &system()).map(|table| table.0).unwrap_or_default()
        });
        let ssh =
            entries.filter(|entry| entry.state == TcpState::Established && entry.local_address.port() == SSH);
        peers.extend(ssh.map(|entry| entry.remote_address));
    }
    Known::Is(peers.len() as f64)
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
