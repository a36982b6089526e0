//! Reads NVIDIA GPUs through NVML. Without the library the machine has no GPU. If the library
//! fails, the GPUs are unseen.

use crate::machine::Machine;
use domain::Known;
use nvml_wrapper::enum_wrappers::device::Sampling;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::path::PathBuf;

/// Paths at which distributions install the library.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib64/libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
];

/// The readings of one poll of all GPUs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GpuReadings {
    /// The highest utilization of the busiest GPU since the last poll, in percent.
    pub(crate) busiest: Known<f64>,
    /// Number of GPUs with a compute process, which occupies memory.
    pub(crate) held: Known<f64>,
    /// Mean over all GPUs of the utilization sampled by the driver since the last poll, in percent.
    pub(crate) work: Known<f64>,
    /// Memory in use on all GPUs, in bytes.
    pub(crate) memory: Known<u64>,
}

impl GpuReadings {
    fn none() -> GpuReadings {
        GpuReadings {
            busiest: Known::Absent,
            held: Known::Absent,
            work: Known::Absent,
            memory: Known::Absent,
        }
    }

    pub(crate) fn unseen(why: &str) -> GpuReadings {
        let unseen = || Known::Unseen(why.to_string());
        GpuReadings {
            busiest: unseen(),
            held: unseen(),
            work: unseen(),
            memory: Known::Unseen(why.to_string()),
        }
    }
}

/// The library, kept open between polls, and the time stamp of the newest sample of each GPU.
#[derive(Default)]
pub(crate) struct GpuProbe {
    open: Option<(PathBuf, Nvml)>,
    seen: Vec<u64>,
}

impl GpuProbe {
    /// Polls all GPUs.
    pub(crate) fn poll(&mut self, machine: &Machine) -> GpuReadings {
        let Some(library) = PLACES.iter().map(|place| machine.path(place)).find(|path| path.exists()) else {
            self.open = None;
            return GpuReadings::none();
        };
        self.read(library).unwrap_or_else(|error| {
            // After a reload of the driver the library must be opened again.
            self.open = None;
            GpuReadings::unseen(&format!("NVML: {error}"))
        })
    }

    fn read(&mut self, library: PathBuf) -> Result<GpuReadings, NvmlError> {
        if self.open.as_ref().is_none_or(|(path, _)| *path != library) {
            let nvml = Nvml::builder().lib_path(library.as_os_str()).init()?;
            self.open = Some((library, nvml));
            self.seen.clear();
        }
        let Some((_, nvml)) = &self.open else { return Err(NvmlError::Uninitialized) };
        let count = nvml.device_count()?;
        self.seen.resize(count as usize, 0);
        let (mut held, mut works, mut memory) = (0.0, Known::Is(Vec::new()), Known::Is(0));
        for (index, seen) in (0..count).zip(&mut self.seen) {
            let device = nvml.device_by_index(index)?;
            let processes = device.running_compute_processes_count()?;
            held += if processes > 0 { 1.0 } else { 0.0 };
            works = with(works, utilization(&device, seen, processes)?, |works, work| works.push(work));
            memory = with(memory, used(&device), |sum, used| *sum += used);
        }
        let (busiest, work) = match works {
            Known::Is(works) => {
                let mean = works.iter().map(|work| work.mean).sum::<f64>() / works.len() as f64;
                let work = if works.is_empty() { Known::Absent } else { Known::Is(mean) };
                (Known::Is(works.iter().map(|work| work.highest).fold(0.0, f64::max)), work)
            }
            Known::Absent => (Known::Absent, Known::Absent),
            Known::Unseen(why) => (Known::Unseen(why.clone()), Known::Unseen(why)),
        };
        Ok(GpuReadings {
            busiest,
            held: Known::Is(held),
            work,
            memory: if count == 0 { Known::Absent } else { memory },
        })
    }
}

/// Adds one GPU's value to the total. The total is known only if every GPU's value is.
fn with<T, U>(all: Known<T>, one: Known<U>, add: impl Fn(&mut T, U)) -> Known<T> {
    match (all, one) {
        (Known::Is(mut all), Known::Is(one)) => {
            add(&mut all, one);
            Known::Is(all)
        }
        (Known::Is(_), Known::Absent) => Known::Absent,
        (Known::Is(_), Known::Unseen(why)) => Known::Unseen(why),
        (unknown, _) => unknown,
    }
}

/// Returns the memory in use on one GPU, in bytes. An old driver without this figure leaves the
/// other figures intact.
fn used(device: &Device) -> Known<u64> {
    match device.memory_info() {
        Ok(memory) if memory.used <= memory.total => Known::Is(memory.used),
        Ok(memory) => Known::Unseen(format!("{} bytes used of {} are impossible", memory.used, memory.total)),
        Err(error) => Known::Unseen(format!("NVML: {error}")),
    }
}

/// Sampled utilization of one GPU, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct SampledUtilization {
    highest: f64,
    mean: f64,
}

impl SampledUtilization {
    fn steady(percent: f64) -> Known<SampledUtilization> {
        Known::Is(SampledUtilization { highest: percent, mean: percent })
    }
}

/// Returns a GPU's utilization from all samples since the last poll, because one value a minute
/// misses most bursts. A GPU in MIG mode reports no utilization: it is idle without processes, and
/// unseen with some.
fn utilization(
    device: &Device,
    seen: &mut u64,
    processes: u32,
) -> Result<Known<SampledUtilization>, NvmlError> {
    let samples = device.samples(Sampling::GpuUtilization, *seen);
    match samples {
        Ok(samples) if !samples.is_empty() => {
            *seen = samples.iter().map(|sample| sample.timestamp).max().unwrap_or(*seen);
            let percents = || samples.iter().map(|sample| percent(&sample.value));
            if let Some(impossible) = percents().find(|percent| !(0.0..=100.0).contains(percent)) {
                return Ok(impossible_use(impossible));
            }
            let mean = percents().sum::<f64>() / samples.len() as f64;
            Ok(Known::Is(SampledUtilization { highest: percents().fold(0.0, f64::max), mean }))
        }
        Err(error @ (NvmlError::GpuLost | NvmlError::Unknown)) => Err(error),
        Ok(_) | Err(_) => match device.utilization_rates() {
            Ok(rates) if rates.gpu > 100 => Ok(impossible_use(f64::from(rates.gpu))),
            Ok(rates) => Ok(SampledUtilization::steady(f64::from(rates.gpu))),
            Err(NvmlError::NotSupported) if processes == 0 => Ok(SampledUtilization::steady(0.0)),
            Err(NvmlError::NotSupported) => {
                Ok(Known::Unseen("a GPU in MIG mode reports no utilization".to_string()))
            }
            Err(error) => Err(error),
        },
    }
}

fn impossible_use(percent: f64) -> Known<SampledUtilization> {
    Known::Unseen(format!("a GPU reports {percent} %, which is impossible"))
}

fn percent(value: &SampleValue) -> f64 {
    match value {
        SampleValue::F64(value) => *value,
        SampleValue::U32(value) => f64::from(*value),
        SampleValue::U64(value) => *value as f64,
        SampleValue::I64(value) => *value as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::process::Command;

    /// Polls a machine twice, with an NVML stub compiled with these flags; `None` without a C
    /// compiler.
    fn poll(flags: [&str; 4]) -> Option<[GpuReadings; 2]> {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join(&PLACES[2][1..]);
        std::fs::create_dir_all(library.parent().expect("a parent")).expect("a folder");
        let stub = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/nvml.c");
        let compiled =
            Command::new("cc").args(flags).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(stub).status();
        if compiled.is_err() {
            println!("skipped: there is no C compiler");
            return None;
        }
        assert!(library.exists(), "the stub does not compile");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        let mut gpus = GpuProbe::default();
        Some([gpus.poll(&machine), gpus.poll(&machine)])
    }

    fn check(flags: [&str; 4], expected: [(Known<f64>, Known<f64>); 2]) {
        if let Some(looks) = poll(flags) {
            assert_eq!(looks.map(|cards| (cards.busiest, cards.held)), expected, "{flags:?}");
        }
    }

    #[test]
    fn a_missing_library_means_no_gpu() {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        assert_eq!(GpuProbe::default().poll(&machine), GpuReadings::none());
    }

    #[test]
    fn a_burst_between_two_polls_is_reported_once() {
        let seen = (Known::Is(80.0), Known::Is(1.0));
        check(["-DUSE=80", "-DHELD=2", "-DSTATUS=0", "-DSLOW=0"], [seen, (Known::Is(0.0), Known::Is(1.0))]);
    }

    #[test]
    fn utilization_is_the_mean_of_the_samples_and_memory_is_in_bytes() {
        let flags = ["-DUSE=80", "-DHELD=2", "-DSTATUS=0", "-DSLOW=0"];
        if let Some([first, second]) = poll(flags) {
            assert_eq!((first.work, first.memory), (Known::Is(40.0), Known::Is(2 << 30)));
            assert_eq!((second.work, second.memory), (Known::Is(0.0), Known::Is(2 << 30)));
        }
    }

    #[test]
    fn a_use_above_100_percent_is_unseen() {
        if let Some([cards, _]) = poll(["-DUSE=4294967", "-DHELD=17", "-DSTATUS=0", "-DSLOW=0"]) {
            let unseen = Known::Unseen("a GPU reports 4294967 %, which is impossible".to_string());
            assert_eq!((cards.busiest, cards.work), (unseen.clone(), unseen));
            assert!(matches!(cards.memory, Known::Unseen(_)), "17 GiB used of 16");
        }
    }

    #[test]
    fn occupied_memory_without_utilization_is_not_work() {
        let held = || (Known::Is(0.0), Known::Is(1.0));
        check(["-DUSE=0", "-DHELD=1", "-DSTATUS=0", "-DSLOW=0"], [held(), held()]);
    }

    #[test]
    fn a_mig_gpu_is_idle_without_processes_and_unseen_with_some() {
        let rests = || (Known::Is(0.0), Known::Is(0.0));
        check(["-DUSE=-1", "-DHELD=0", "-DSTATUS=0", "-DSLOW=0"], [rests(), rests()]);
        let unseen = || {
            let why = "a GPU in MIG mode reports no utilization".to_string();
            (Known::Unseen(why), Known::Is(1.0))
        };
        check(["-DUSE=-1", "-DHELD=1", "-DSTATUS=0", "-DSLOW=0"], [unseen(), unseen()]);
    }

    #[test]
    fn a_lost_gpu_is_unseen_and_never_absent() {
        for cards in poll(["-DUSE=0", "-DHELD=0", "-DSTATUS=15", "-DSLOW=0"]).into_iter().flatten() {
            assert!(matches!((cards.busiest, cards.held), (Known::Unseen(_), Known::Unseen(_))));
            assert!(matches!((cards.work, cards.memory), (Known::Unseen(_), Known::Unseen(_))));
        }
    }

    #[test]
    fn an_invalid_library_is_unseen() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join(&PLACES[2][1..]);
        std::fs::create_dir_all(library.parent().expect("a parent")).expect("a folder");
        std::fs::write(&library, "no library").expect("a file");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        assert!(matches!(GpuProbe::default().poll(&machine).busiest, Known::Unseen(_)));
    }

    #[test]
    fn waits_for_a_slow_gpu() {
        let rests = || (Known::Is(0.0), Known::Is(0.0));
        check(["-DUSE=0", "-DHELD=0", "-DSTATUS=0", "-DSLOW=1"], [rests(), rests()]);
    }
}
