//! NVIDIA's GPUs through NVML. No library means no GPU; a library that fails means that nobody knows.

use crate::machine::Machine;
use domain::Known;
use nvml_wrapper::enum_wrappers::device::Sampling;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::path::PathBuf;

/// Where distributions keep the library.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib64/libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
];

/// What one look at all cards found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cards {
    /// The busiest one, in percent, at its highest since the look before.
    pub(crate) busiest: Known<f64>,
    /// How many have memory held on them.
    pub(crate) held: Known<f64>,
    /// Percent on average over the cards and what the driver sampled since the look before.
    pub(crate) work: Known<f64>,
    /// Bytes of memory in use on all of them.
    pub(crate) memory: Known<u64>,
}

impl Cards {
    fn none() -> Cards {
        Cards { busiest: Known::Absent, held: Known::Absent, work: Known::Absent, memory: Known::Absent }
    }

    fn unseen(why: &str) -> Cards {
        let unseen = || Known::Unseen(why.to_string());
        Cards { busiest: unseen(), held: unseen(), work: unseen(), memory: Known::Unseen(why.to_string()) }
    }
}

/// The library, held open between looks, and when each card was last looked at.
#[derive(Default)]
pub(crate) struct Gpus {
    open: Option<(PathBuf, Nvml)>,
    seen: Vec<u64>,
}

impl Gpus {
    /// One look at all cards.
    pub(crate) fn look(&mut self, machine: &Machine) -> Cards {
        let Some(library) = PLACES.iter().map(|place| machine.path(place)).find(|path| path.exists()) else {
            self.open = None;
            return Cards::none();
        };
        self.read(library).unwrap_or_else(|error| {
            // A driver that was reloaded needs a library that is opened anew.
            self.open = None;
            Cards::unseen(&format!("NVML: {error}"))
        })
    }

    fn read(&mut self, library: PathBuf) -> Result<Cards, NvmlError> {
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
        Ok(Cards {
            busiest,
            held: Known::Is(held),
            work,
            memory: if count == 0 { Known::Absent } else { memory },
        })
    }
}

/// What was known so far, with what one more card tells; of what one of them does not tell nothing is known.
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

/// Bytes of a card's memory in use. An old driver that does not tell it spoils nothing else.
fn used(device: &Device) -> Known<u64> {
    device
        .memory_info()
        .map_or_else(|error| Known::Unseen(format!("NVML: {error}")), |memory| Known::Is(memory.used))
}

/// Percent of what was sampled of one card.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Work {
    highest: f64,
    mean: f64,
}

impl Work {
    fn steady(percent: f64) -> Known<Work> {
        Known::Is(Work { highest: percent, mean: percent })
    }
}

/// All samples since the last look, because one look a minute misses most bursts. A card cut into MIG slices has no
/// utilisation: without processes it rests, with some nobody knows.
fn utilization(device: &Device, seen: &mut u64, processes: u32) -> Result<Known<Work>, NvmlError> {
    let samples = device.samples(Sampling::GpuUtilization, *seen);
    match samples {
        Ok(samples) if !samples.is_empty() => {
            *seen = samples.iter().map(|sample| sample.timestamp).max().unwrap_or(*seen);
            let percents = || samples.iter().map(|sample| percent(&sample.value));
            let mean = percents().sum::<f64>() / samples.len() as f64;
            Ok(Known::Is(Work { highest: percents().fold(0.0, f64::max), mean }))
        }
        Err(error @ (NvmlError::GpuLost | NvmlError::Unknown)) => Err(error),
        Ok(_) | Err(_) => match device.utilization_rates() {
            Ok(rates) => Ok(Work::steady(f64::from(rates.gpu))),
            Err(NvmlError::NotSupported) if processes == 0 => Ok(Work::steady(0.0)),
            Err(NvmlError::NotSupported) => {
                Ok(Known::Unseen("a GPU in MIG mode does not tell its utilisation".to_string()))
            }
            Err(error) => Err(error),
        },
    }
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
    use crate::machine::Pace;
    use std::process::Command;

    /// Two looks at a machine whose NVML is a stub that was compiled so; none without a C compiler.
    fn look(flags: [&str; 4]) -> Option<[Cards; 2]> {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join(&PLACES[2][1..]);
        std::fs::create_dir_all(library.parent().expect("a parent")).expect("a folder");
        let stub = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/nvml.c");
        let compiled =
            Command::new("cc").args(flags).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(stub).status();
        if compiled.is_err() {
            println!("skipped: there is no C compiler here");
            return None;
        }
        assert!(library.exists(), "the stub does not compile");
        let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
        let mut gpus = Gpus::default();
        Some([gpus.look(&machine), gpus.look(&machine)])
    }

    fn check(flags: [&str; 4], expected: [(Known<f64>, Known<f64>); 2]) {
        if let Some(looks) = look(flags) {
            assert_eq!(looks.map(|cards| (cards.busiest, cards.held)), expected, "{flags:?}");
        }
    }

    #[test]
    fn no_library_is_no_gpu() {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
        assert_eq!(Gpus::default().look(&machine), Cards::none());
    }

    #[test]
    fn a_burst_between_two_looks_is_seen_once() {
        let seen = (Known::Is(80.0), Known::Is(1.0));
        check(["-DUSE=80", "-DHELD=2", "-DSTATUS=0", "-DSLOW=0"], [seen, (Known::Is(0.0), Known::Is(1.0))]);
    }

    #[test]
    fn work_is_the_mean_of_the_samples_and_memory_is_in_bytes() {
        let flags = ["-DUSE=80", "-DHELD=2", "-DSTATUS=0", "-DSLOW=0"];
        if let Some([first, second]) = look(flags) {
            assert_eq!((first.work, first.memory), (Known::Is(40.0), Known::Is(2 << 30)));
            assert_eq!((second.work, second.memory), (Known::Is(0.0), Known::Is(2 << 30)));
        }
    }

    #[test]
    fn memory_held_at_rest_is_told_apart_from_work() {
        let held = || (Known::Is(0.0), Known::Is(1.0));
        check(["-DUSE=0", "-DHELD=1", "-DSTATUS=0", "-DSLOW=0"], [held(), held()]);
    }

    #[test]
    fn a_card_in_slices_rests_without_processes_and_is_unseen_with_some() {
        let rests = || (Known::Is(0.0), Known::Is(0.0));
        check(["-DUSE=-1", "-DHELD=0", "-DSTATUS=0", "-DSLOW=0"], [rests(), rests()]);
        let unseen = || {
            let why = "a GPU in MIG mode does not tell its utilisation".to_string();
            (Known::Unseen(why), Known::Is(1.0))
        };
        check(["-DUSE=-1", "-DHELD=1", "-DSTATUS=0", "-DSLOW=0"], [unseen(), unseen()]);
    }

    #[test]
    fn a_lost_card_is_unseen_and_never_absent() {
        for cards in look(["-DUSE=0", "-DHELD=0", "-DSTATUS=15", "-DSLOW=0"]).into_iter().flatten() {
            assert!(matches!((cards.busiest, cards.held), (Known::Unseen(_), Known::Unseen(_))));
            assert!(matches!((cards.work, cards.memory), (Known::Unseen(_), Known::Unseen(_))));
        }
    }

    #[test]
    fn a_library_that_is_none_is_unseen() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join(&PLACES[2][1..]);
        std::fs::create_dir_all(library.parent().expect("a parent")).expect("a folder");
        std::fs::write(&library, "no library").expect("a file");
        let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
        assert!(matches!(Gpus::default().look(&machine).busiest, Known::Unseen(_)));
    }

    #[test]
    fn a_slow_card_is_waited_for() {
        let rests = || (Known::Is(0.0), Known::Is(0.0));
        check(["-DUSE=0", "-DHELD=0", "-DSTATUS=0", "-DSLOW=1"], [rests(), rests()]);
    }
}
