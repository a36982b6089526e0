//! The kernel's tables of processors, network devices and disks, as counters since the boot. A line
//! that does not parse does not affect the other lines.

use crate::counters::{DeviceCounters, ProcessorTimes};
use crate::machine::Machine;
use procfs_core::net::InterfaceDeviceStatus;
use procfs_core::{DiskStat, ExplicitSystemInfo, FromBufRead, FromBufReadSI, KernelStats};
use std::collections::BTreeMap;

/// Size of a sector in diskstats, whatever the disk's own size is.
const SECTOR: u64 = 512;

/// Reads a file of the kernel. Errors: it cannot be read.
pub(crate) fn read(machine: &Machine, path: &str) -> Result<String, String> {
    std::fs::read_to_string(machine.path(path)).map_err(|error| format!("{path}: {error}"))
}

/// Returns the properties of the machine that procfs-core needs. The time of the boot is not used.
pub(crate) fn system() -> ExplicitSystemInfo {
    ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        page_size: rustix::param::page_size() as u64,
        is_little_endian: cfg!(target_endian = "little"),
    }
}

/// Returns the time of all processors together.
pub(crate) fn processors(machine: &Machine) -> Result<ProcessorTimes, String> {
    parse_cpu(&read(machine, "/proc/stat")?).map_err(|error| format!("/proc/stat: {error}"))
}

/// Parses the time of all processors together. Waiting for a disk is not work. Guest time is
/// already part of user time.
pub(crate) fn parse_cpu(text: &str) -> Result<ProcessorTimes, String> {
    // Only the first line is needed. On 192 cores the lines of the cores are most of the file.
    let rest = text.lines().filter(|line| !line.starts_with("cpu"));
    let short: Vec<&str> = text.lines().take(1).chain(rest).collect();
    let stats = KernelStats::from_buf_read(short.join("\n").as_bytes(), &system());
    let cpu = stats.map_err(|error| error.to_string())?.total;
    let sum =
        |parts: &[Option<u64>]| parts.iter().flatten().fold(0, |sum: u64, part| sum.saturating_add(*part));
    let own =
        [Some(cpu.user_ms()), Some(cpu.nice_ms()), Some(cpu.system_ms()), cpu.irq_ms(), cpu.softirq_ms()];
    let (worked, stolen) = (sum(&own), cpu.steal_ms().unwrap_or(0));
    let all = sum(&[Some(worked), Some(stolen), Some(cpu.idle_ms()), cpu.iowait_ms()]);
    let core = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    Ok(ProcessorTimes { worked, stolen, all, cores: text.lines().filter(core).count() })
}

/// Returns the bytes received and sent through devices with hardware behind them: no loopback,
/// bridge or tunnel.
pub(crate) fn network_bytes(machine: &Machine) -> (DeviceCounters, DeviceCounters) {
    let mut devices = match read(machine, "/proc/net/dev") {
        Ok(text) => parse_network(&text),
        Err(why) => return (Err(why.clone()), Err(why)),
    };
    devices.retain(|name, _| machine.path(&format!("/sys/class/net/{name}/device")).exists());
    let way =
        |of: fn(&(u64, u64)) -> u64| devices.iter().map(|(name, both)| (name.clone(), of(both))).collect();
    (Ok(way(|both| both.0)), Ok(way(|both| both.1)))
}

/// Parses the bytes received and sent through each device.
pub(crate) fn parse_network(text: &str) -> BTreeMap<String, (u64, u64)> {
    let devices = text.lines().skip(2).flat_map(|line| {
        let file = format!("\n\n{line}\n");
        InterfaceDeviceStatus::from_buf_read(file.as_bytes()).map(|table| table.0).unwrap_or_default()
    });
    devices.map(|(name, device)| (name, (device.recv_bytes, device.sent_bytes))).collect()
}

/// Returns the bytes of whole disks with hardware behind them: no partition, loop device or device
/// mapper.
pub(crate) fn disk_bytes(machine: &Machine) -> DeviceCounters {
    let disks = parse_disks(&read(machine, "/proc/diskstats")?);
    let whole = |name: &str| machine.path(&format!("/sys/block/{name}/device")).exists();
    Ok(disks.into_iter().filter(|(name, _)| whole(name)).collect())
}

/// Parses the bytes read from and written to each disk and partition.
pub(crate) fn parse_disks(text: &str) -> BTreeMap<String, u64> {
    let disks = text.lines().filter_map(|line| DiskStat::from_line(line).ok());
    let bytes =
        |disk: &DiskStat| disk.sectors_read.saturating_add(disk.sectors_written).saturating_mul(SECTOR);
    disks.map(|disk| (disk.name.clone(), bytes(&disk))).collect()
}
