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

/// The library, held open between looks, and when each card was last looked at.
#[derive(Default)]
pub(crate) struct Gpus {
    open: Option<(PathBuf, Nvml)>,
    seen: Vec<u64>,
}

impl Gpus {
    /// The busiest GPU in percent since the look before, and how many have memory held on them.
    pub(crate) fn look(&mut self, machine: &Machine) -> (Known<f64>, Known<f64>) {
        let Some(library) = PLACES.iter().map(|place| machine.path(place)).find(|path| path.exists()) else {
            self.open = None;
            return (Known::Absent, Known::Absent);
        };
        match self.read(library) {
            Ok((busiest, held)) => (busiest, Known::Is(held)),
            Err(error) => {
                // A driver that was reloaded needs a library that is opened anew.
                self.open = None;
                let why = || Known::Unseen(format!("NVML: {error}"));
                (why(), why())
            }
        }
    }

    fn read(&mut self, library: PathBuf) -> Result<(Known<f64>, f64), NvmlError> {
        if self.open.as_ref().is_none_or(|(path, _)| *path != library) {
            let nvml = Nvml::builder().lib_path(library.as_os_str()).init()?;
            self.open = Some((library, nvml));
            self.seen.clear();
        }
        let Some((_, nvml)) = &self.open else { return Err(NvmlError::Uninitialized) };
        let count = nvml.device_count()?;
        self.seen.resize(count as usize, 0);
        let mut busiest = Known::Is(0.0_f64);
        let mut held = 0.0;
        for (index, seen) in (0..count).zip(&mut self.seen) {
            let device = nvml.device_by_index(index)?;
            let processes = device.running_compute_processes_count()?;
            held += if processes > 0 { 1.0 } else { 0.0 };
            busiest = match (busiest, utilization(&device, seen, processes)?) {
                (Known::Is(old), Known::Is(new)) => Known::Is(old.max(new)),
                (unseen @ Known::Unseen(_), _) => unseen,
                (_, other) => other,
            };
        }
        Ok((busiest, held))
    }
}

/// Percent: the highest sample since the last look, because one look a minute misses most bursts. A card
/// cut into MIG slices has no utilisation: without processes it rests, with some nobody knows.
fn utilization(device: &Device, seen: &mut u64, processes: u32) -> Result<Known<f64>, NvmlError> {
    let samples = device.samples(Sampling::GpuUtilization, *seen);
    match samples {
        Ok(samples) if !samples.is_empty() => {
            *seen = samples.iter().map(|sample| sample.timestamp).max().unwrap_or(*seen);
            Ok(Known::Is(samples.iter().map(|sample| percent(&sample.value)).fold(0.0, f64::max)))
        }
        Err(error @ (NvmlError::GpuLost | NvmlError::Unknown)) => Err(error),
        Ok(_) | Err(_) => match device.utilization_rates() {
            Ok(rates) => Ok(Known::Is(f64::from(rates.gpu))),
            Err(NvmlError::NotSupported) if processes == 0 => Ok(Known::Is(0.0)),
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
    fn look(flags: [&str; 4]) -> Option<[(Known<f64>, Known<f64>); 2]> {
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
            assert_eq!(looks, expected, "{flags:?}");
        }
    }

    #[test]
    fn no_library_is_no_gpu() {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
        assert_eq!(Gpus::default().look(&machine), (Known::Absent, Known::Absent));
    }

    #[test]
    fn a_burst_between_two_looks_is_seen_once() {
        let seen = (Known::Is(80.0), Known::Is(1.0));
        check(["-DUSE=80", "-DHELD=2", "-DSTATUS=0", "-DSLOW=0"], [seen, (Known::Is(0.0), Known::Is(1.0))]);
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
        for (utilization, held) in
            look(["-DUSE=0", "-DHELD=0", "-DSTATUS=15", "-DSLOW=0"]).into_iter().flatten()
        {
            assert!(matches!((utilization, held), (Known::Unseen(_), Known::Unseen(_))));
        }
    }

    #[test]
    fn a_library_that_is_none_is_unseen() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join(&PLACES[2][1..]);
        std::fs::create_dir_all(library.parent().expect("a parent")).expect("a folder");
        std::fs::write(&library, "no library").expect("a file");
        let machine = Machine::new(folder.path().to_path_buf(), Pace::REAL);
        assert!(matches!(Gpus::default().look(&machine), (Known::Unseen(_), Known::Unseen(_))));
    }

    #[test]
    fn a_slow_card_is_waited_for() {
        let rests = || (Known::Is(0.0), Known::Is(0.0));
        check(["-DUSE=0", "-DHELD=0", "-DSTATUS=0", "-DSLOW=1"], [rests(), rests()]);
    }
}
