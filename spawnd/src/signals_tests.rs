use super::*;
use crate::machine::ClockPace;
use std::path::Path;
use std::time::SystemTime;

const STAT: &str = "cpu  1000 20 300 90000 5000 10 30 40 500 0\ncpu0 odd line\nintr 1\nctxt 2\nbtime 3\nprocesses 4\nprocs_running 1\nprocs_blocked 0\n";

struct FakeProc {
    folder: tempfile::TempDir,
    machine: Machine,
}

impl FakeProc {
    fn new() -> FakeProc {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        let fake = FakeProc { folder, machine };
        fake.write("proc/stat", STAT);
        fake.write("proc/net/dev", "h\nh\n");
        fake.write("proc/diskstats", "");
        fake.write("proc/net/tcp", "header\n");
        fake
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn sample(&self, second: i64) -> CounterSample {
        sample(&self.machine, SignedDuration::from_secs(second))
    }

    /// The value of a signal a minute after `before`.
    fn rate(&self, before: &CounterSample, signal: IdleSignal) -> Known<f64> {
        let readings = rates(Some(before), &self.sample(60), false);
        readings.into_iter().find(|reading| reading.signal == signal).expect("a reading").value
    }
}

#[test]
fn cpu_counts_stolen_time_and_not_waiting() {
    let check = |line: &str, expected: Known<f64>| {
        let fake = FakeProc::new();
        let before = fake.sample(0);
        fake.write("proc/stat", &STAT.replace("1000 20 300 90000 5000 10 30 40 500 0", line));
        assert_eq!(fake.rate(&before, IdleSignal::Cpu), expected, "{line}");
    };
    // A busy core is 6,000 ticks a minute.
    check("7000 20 300 90000 5000 10 30 40 500 0", Known::Is(1.0));
    check("1000 20 300 90000 5000 10 30 6040 500 0", Known::Is(1.0));
    check("1000 20 300 96000 9000 10 30 40 6500 0", Known::Is(0.0));
    check("1000 20 300 90000 4000 10 30 40 500 0", Known::Is(0.0));
    check("900 20 300 90000 5000 10 30 40 500 0", Known::Unseen("the counter ran backwards".to_string()));
}

#[test]
fn the_first_poll_and_a_missing_file_are_unseen() {
    let fake = FakeProc::new();
    assert!(
        rates(None, &fake.sample(0), false).iter().all(|reading| matches!(reading.value, Known::Unseen(_)))
    );
    let before = fake.sample(0);
    std::fs::remove_file(fake.folder.path().join("proc/stat")).expect("removed");
    assert!(matches!(fake.rate(&before, IdleSignal::Cpu), Known::Unseen(_)));
}

#[test]
fn network_counts_only_hardware_and_skips_invalid_lines() {
    let line = |name: &str, received: u64, sent: u64| {
        format!("{name}: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n")
    };
    let table = |lo: u64, ens: u64| {
        format!(
            "h\nh\n{}  ens5: not a table row\n{}{}",
            line("lo", lo, lo),
            line("enp39s0", ens, ens),
            line("docker0", lo, 0)
        )
    };
    let fake = FakeProc::new();
    fake.write("sys/class/net/enp39s0/device", "");
    fake.write("sys/class/net/ens5/device", "");
    fake.write("proc/net/dev", &table(0, 0));
    let before = fake.sample(0);
    fake.write("proc/net/dev", &table(90_000_000, 1024 * 1024));
    assert_eq!(fake.rate(&before, IdleSignal::Network), Known::Is(2.0));
}

#[test]
fn disk_counts_whole_disks_and_nvme() {
    let line = |name: &str, read: u64, written: u64| {
        format!(" 259 0 {name} 10 0 {read} 5 20 0 {written} 6 0 7 8 0 0 0 0 0 0\n")
    };
    let table = |sectors: u64| {
        ["nvme0n1", "nvme0n1p1", "loop0", "dm-0"]
            .iter()
            .map(|name| line(name, sectors, sectors))
            .collect::<String>()
            + "odd\n"
    };
    let fake = FakeProc::new();
    fake.write("sys/block/nvme0n1/device", "");
    fake.write("proc/diskstats", &table(0));
    let before = fake.sample(0);
    fake.write("proc/diskstats", &table(10_240));
    assert_eq!(fake.rate(&before, IdleSignal::Disk), Known::Is(10.0));
}

#[test]
fn a_new_device_does_not_change_the_rate() {
    let counters = |pairs: &[(&str, u64)]| -> DeviceCounters {
        Ok(pairs.iter().map(|(name, bytes)| (name.to_string(), *bytes)).collect())
    };
    let old = counters(&[("a", 0)]);
    assert_eq!(per_minute(&old, &counters(&[("a", 1 << 20), ("b", 1 << 30)]), 60.0), Known::Is(1.0));
    let backwards = per_minute(&counters(&[("a", 5)]), &counters(&[("a", 4)]), 60.0);
    assert_eq!(backwards, Known::Unseen("the counter of a ran backwards".to_string()));
}

#[test]
fn typing_changes_the_access_time_independently_of_the_clock() {
    let fake = FakeProc::new();
    for name in ["0", "1", "ptmx"] {
        fake.write(&format!("dev/pts/{name}"), "");
    }
    let before = fake.sample(0);
    assert_eq!(fake.rate(&before, IdleSignal::Terminal), Known::Is(0.0));
    let typed =
        std::fs::File::options().write(true).open(fake.folder.path().join("dev/pts/1")).expect("a terminal");
    let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    typed.set_times(std::fs::FileTimes::new().set_accessed(long_ago)).expect("a time");
    assert_eq!(fake.rate(&before, IdleSignal::Terminal), Known::Is(1.0));
}

#[test]
fn output_changes_the_modification_time_and_the_daemons_own_is_ignored() {
    let fake = FakeProc::new();
    fake.write("dev/pts/1", "");
    fake.write("dev/ttyS0", "");
    fake.write("dev/tty", "");
    let before = fake.sample(0);
    let printed = |path: &str| {
        let terminal = std::fs::File::options().write(true).open(fake.folder.path().join(path)).expect("one");
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9);
        terminal.set_times(std::fs::FileTimes::new().set_modified(later)).expect("a time");
    };
    printed("dev/tty");
    assert_eq!(fake.rate(&before, IdleSignal::Output), Known::Is(0.0));
    printed("dev/pts/1");
    printed("dev/ttyS0");
    assert_eq!(fake.rate(&before, IdleSignal::Output), Known::Is(2.0));
    assert_eq!(fake.rate(&before, IdleSignal::Terminal), Known::Is(0.0));
    let spoke = rates(Some(&before), &fake.sample(60), true);
    assert!(spoke.contains(&SignalReading { signal: IdleSignal::Output, value: Known::Is(0.0) }));
}

#[test]
fn counts_only_new_logins() {
    let is = |names: &[&str]| Known::Is(names.iter().map(|name| (*name).to_string()).collect());
    let unseen = || Known::Unseen("lost".to_string());
    let check = |before: &Known<BTreeSet<String>>, now: &Known<BTreeSet<String>>, expected: Known<f64>| {
        assert_eq!(new_logins(before, now), expected, "{before:?} {now:?}");
    };
    check(&is(&["a"]), &is(&["a", "b"]), Known::Is(1.0));
    check(&is(&["a", "b"]), &is(&["b"]), Known::Is(0.0));
    check(&Known::Absent, &is(&["a"]), Known::Is(1.0));
    check(&is(&["a"]), &Known::Absent, Known::Absent);
    check(&is(&["a"]), &unseen(), Known::Unseen("lost".to_string()));
    check(&unseen(), &is(&["a"]), Known::Unseen("lost".to_string()));
}

#[test]
fn more_busy_cores_than_the_machine_has_are_impossible() {
    let fake = FakeProc::new();
    let before = fake.sample(0);
    fake.write("proc/stat", &STAT.replace("1000 20", "8000 20"));
    let unseen = Known::Unseen("1.17 busy cores of 1 are impossible".to_string());
    assert_eq!(fake.rate(&before, IdleSignal::Cpu), unseen);
    fake.write(
        "proc/stat",
        &STAT.replace("1000 20", "8000 20").replace("cpu0 odd line", "cpu0 odd\ncpu1 odd"),
    );
    let two = fake.rate(&before, IdleSignal::Cpu);
    assert!(two.value().is_some_and(|cores| (1.16..1.17).contains(cores)), "{two:?}");
}

#[test]
fn sees_one_busy_thread_on_the_real_kernel() {
    use rustix::time::{ClockId, clock_gettime};
    let machine = Machine::new("/".into(), ClockPace::REAL);
    let mut probe = SignalProbe::new(&machine);
    probe.poll();
    let used = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (began, before) = (machine.clocks().mono, used());
    while used() - before < 0.5 {
        std::hint::black_box(before);
    }
    let readings = probe.poll();
    let passed = (machine.clocks().mono - began).as_secs_f64();
    let cpu = readings.iter().find(|reading| reading.signal == IdleSignal::Cpu).expect("a reading");
    // The kernel counts in hundredths of a second.
    let least = 0.5 / passed - 0.05;
    assert!(cpu.value.value().is_some_and(|cores| *cores >= least), "{cpu:?}, expected at least {least}");
}
