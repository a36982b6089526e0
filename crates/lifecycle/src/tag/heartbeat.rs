//! The heartbeat: figures that a machine measured about itself, for readers outside.

use super::{TagError, shown, whole_seconds};
use domain::{Known, Timestamp};
use jiff::SignedDuration;

/// The tag with an instance's utilization: one composite value, written by the instance itself.
pub const HEARTBEAT: &str = "spawn:heartbeat";

/// The reason for an unseen figure that was read from a tag, because the tag does not carry the
/// original reason.
pub const UNSEEN: &str = "the machine could not see it";

/// The longest period that figures may cover.
pub const LONGEST_PERIOD: SignedDuration = SignedDuration::from_hours(48);

/// A machine's activity in one period. `Absent` means that there is no such device, `Unseen` that
/// it could not be read for the whole period.
#[derive(Debug, Clone, PartialEq)]
pub struct UtilizationFigures {
    /// Percent of the time of all processors together in which they worked: neither idle, nor
    /// waiting for a disk, nor taken by the hypervisor.
    pub cpu: Known<f64>,
    /// Bytes received through the machine's own network devices.
    pub network_in: Known<u64>,
    /// Bytes sent through the same devices.
    pub network_out: Known<u64>,
    /// Bytes to and from whole disks.
    pub disk: Known<u64>,
    /// Percent of the time in which the GPUs worked, averaged over all GPUs and over the samples
    /// that their driver still had when it was queried, once a minute.
    pub gpu: Known<f64>,
    /// Bytes of GPU memory in use, all GPUs together, averaged over readings a minute apart.
    pub gpu_memory: Known<u64>,
}

/// The value of [`HEARTBEAT`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatTag {
    /// The end of the period, in whole seconds of AWS's clock. The tag is written within seconds of
    /// it.
    pub at: Timestamp,
    /// The length of the period in whole seconds: at least one, at most [`LONGEST_PERIOD`].
    pub over: SignedDuration,
    /// The figures; percentages have two decimals.
    pub figures: UtilizationFigures,
    /// Since when nothing has counted as work; none if something did in the last minute, or could
    /// not be read.
    pub idle_since: Option<Timestamp>,
}

const FORM: &str = "v1;at=2026-11-23T10:00:00Z;over=900;cpu=12.50;network-in=1048576;network-out=2048;disk=unseen;\
                    gpu=none;gpu-memory=none;idle=no";

/// The values for a missing device, for an unreadable figure, and for a machine that is not idle.
const NONE: &str = "none";
const NOT_SEEN: &str = "unseen";
const BUSY: &str = "no";

impl HeartbeatTag {
    /// Returns the tag's value, such as `v1;at=2026-11-23T10:00:00Z;over=900;cpu=12.50;…;idle=no`:
    /// at most 256 characters, and only characters that the other tags use. A figure outside the
    /// valid range (a percentage above 100) is written as unseen.
    pub fn encode(&self) -> String {
        let UtilizationFigures { cpu, network_in, network_out, disk, gpu, gpu_memory } = &self.figures;
        let idle = self.idle_since.map_or(BUSY.to_string(), |since| whole_seconds(since).to_string());
        format!(
            "v1;at={};over={};cpu={};network-in={};network-out={};disk={};gpu={};gpu-memory={};idle={idle}",
            whole_seconds(self.at),
            self.over.clamp(SignedDuration::from_secs(1), LONGEST_PERIOD).as_secs(),
            spelt(cpu, percent),
            spelt(network_in, bytes),
            spelt(network_out, bytes),
            spelt(disk, bytes),
            spelt(gpu, percent),
            spelt(gpu_memory, bytes),
        )
    }

    /// Reads a tag's value. Any text that [`HeartbeatTag::encode`] would not write is an error.
    pub fn decode(value: &str) -> Result<HeartbeatTag, TagError> {
        let read = decode(value).filter(|read| read.encode() == value);
        read.ok_or_else(|| TagError { key: HEARTBEAT, value: shown(value), expected: FORM })
    }

    /// Returns the start of the period.
    pub fn begins(&self) -> Timestamp {
        self.at.checked_sub(self.over).unwrap_or(Timestamp::MIN)
    }
}

fn spelt<T>(figure: &Known<T>, spell: impl Fn(&T) -> Option<String>) -> String {
    match figure {
        Known::Is(value) => spell(value).unwrap_or_else(|| NOT_SEEN.to_string()),
        Known::Absent => NONE.to_string(),
        Known::Unseen(_) => NOT_SEEN.to_string(),
    }
}

fn percent(value: &f64) -> Option<String> {
    // Adding zero removes the sign of a negative zero.
    (0.0..=100.0).contains(value).then(|| format!("{:.2}", value + 0.0))
}

fn bytes(value: &u64) -> Option<String> {
    Some(value.to_string())
}

fn decode(value: &str) -> Option<HeartbeatTag> {
    let mut parts = value.strip_prefix("v1;")?.split(';');
    let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let at: Timestamp = part("at")?.parse().ok()?;
    let over = SignedDuration::from_secs(part("over")?.parse().ok()?);
    let figures = UtilizationFigures {
        cpu: read(part("cpu")?)?,
        network_in: read(part("network-in")?)?,
        network_out: read(part("network-out")?)?,
        disk: read(part("disk")?)?,
        gpu: read(part("gpu")?)?,
        gpu_memory: read(part("gpu-memory")?)?,
    };
    let idle_since = match part("idle")? {
        BUSY => None,
        since => Some(since.parse().ok().filter(|since| *since <= at)?),
    };
    at.checked_sub(over).ok()?;
    parts.next().is_none().then_some(HeartbeatTag { at, over, figures, idle_since })
}

fn read<T: std::str::FromStr>(text: &str) -> Option<Known<T>> {
    match text {
        NONE => Some(Known::Absent),
        NOT_SEEN => Some(Known::Unseen(UNSEEN.to_string())),
        _ => text.parse().ok().map(Known::Is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_documented_form() {
        let read = HeartbeatTag::decode(FORM).expect("the form");
        let unseen = || UNSEEN.to_string();
        let figures = UtilizationFigures {
            cpu: Known::Is(12.5),
            network_in: Known::Is(1 << 20),
            network_out: Known::Is(2_048),
            disk: Known::Unseen(unseen()),
            gpu: Known::Absent,
            gpu_memory: Known::Absent,
        };
        assert_eq!((read.figures, read.idle_since), (figures, None));
        assert_eq!(read.over, SignedDuration::from_mins(15));
        let read = HeartbeatTag::decode(&FORM.replace("idle=no", "idle=2026-11-23T09:00:00Z")).expect("idle");
        assert_eq!(read.idle_since.map(|since| since.to_string()).as_deref(), Some("2026-11-23T09:00:00Z"));
        assert_eq!(read.begins().to_string(), "2026-11-23T09:45:00Z");
    }

    #[test]
    fn malformed_values_are_errors_that_show_the_form() {
        for (from, to) in [
            ("v1;", "v2;"),
            ("v1;at", "v1;;at"),
            ("at=2026-11-23T10:00:00Z", "at=2026-11-23T10:00:00.5Z"),
            ("at=2026-11-23T10:00:00Z", "at=2026-11-23T11:00:00+01:00"),
            ("at=2026-11-23T10:00:00Z", "at=soon"),
            ("over=900", "over=0"),
            ("over=900", "over=-900"),
            ("over=900", "over=172801"),
            ("over=900", "over=9223372036854775807"),
            ("cpu=12.50", "cpu=12.5"),
            ("cpu=12.50", "cpu=100.01"),
            ("cpu=12.50", "cpu=-0.00"),
            ("cpu=12.50", "cpu=NaN"),
            ("cpu=12.50", "cpu=inf"),
            ("cpu=12.50", "cpu="),
            ("network-in=1048576", "network-in=+1"),
            ("network-in=1048576", "network-in=01"),
            ("network-in=1048576", "network-in=18446744073709551616"),
            ("network-in=1048576;", ""),
            ("disk=unseen", "disk=?"),
            ("gpu=none", "gpu=None"),
            ("idle=no", "idle=yes"),
            // Later than the heartbeat itself.
            ("idle=no", "idle=2026-11-23T10:00:01Z"),
            ("idle=no", "idle=no;"),
            ("idle=no", "idle=no "),
        ] {
            let bad = FORM.replacen(from, to, 1);
            assert_ne!(bad, FORM);
            let error = HeartbeatTag::decode(&bad).expect_err(&bad).to_string();
            assert!(error.contains("expected v1;at="), "{error}");
        }
        assert!(HeartbeatTag::decode("").is_err());
    }

    #[test]
    fn a_figure_out_of_range_is_unseen() {
        let check = |cpu: f64, expected: &str| {
            let mut beat = HeartbeatTag::decode(FORM).expect("the form");
            beat.figures.cpu = Known::Is(cpu);
            let text = beat.encode();
            assert!(text.contains(&format!(";cpu={expected};")), "{text}");
            assert!(HeartbeatTag::decode(&text).is_ok(), "{text}");
        };
        check(100.0, "100.00");
        check(99.999, "100.00");
        check(0.004, "0.00");
        for wrong in [100.01, -0.01, f64::NAN, f64::INFINITY] {
            check(wrong, "unseen");
        }
    }

    fn known<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Known<T>> {
        let unseen = || Known::Unseen(UNSEEN.to_string());
        prop_oneof![4 => value.prop_map(Known::Is), 1 => Just(Known::Absent), 1 => Just(()).prop_map(move |()| unseen())]
    }

    fn beats() -> impl Strategy<Value = HeartbeatTag> {
        let percent = || known((0u32..=10_000).prop_map(|hundredths| f64::from(hundredths) / 100.0));
        let bytes = || known(any::<u64>());
        let figures = (percent(), bytes(), bytes(), bytes(), percent(), bytes());
        (0i64..4_000_000_000, 1i64..=172_800, figures, prop::option::of(0i64..1_000_000)).prop_map(
            |(at, over, (cpu, network_in, network_out, disk, gpu, gpu_memory), idle)| HeartbeatTag {
                at: Timestamp::from_second(at).expect("in range"),
                over: SignedDuration::from_secs(over),
                figures: UtilizationFigures { cpu, network_in, network_out, disk, gpu, gpu_memory },
                idle_since: idle.map(|idle| Timestamp::from_second(at - idle).expect("in range")),
            },
        )
    }

    proptest! {
        #[test]
        fn any_heartbeat_is_read_back(beat in beats()) {
            let text = beat.encode();
            prop_assert!(text.len() <= 256, "{}", text);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b";=.:-".contains(&byte);
            prop_assert!(text.bytes().all(plain), "{}", text);
            prop_assert_eq!(HeartbeatTag::decode(&text), Ok(beat));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), place in 0..120usize, byte in 32u8..127) {
            let mut near = FORM.to_string();
            near.replace_range(place..=place, &char::from(byte).to_string());
            for text in [text, near] {
                if let Ok(beat) = HeartbeatTag::decode(&text) {
                    prop_assert_eq!(beat.encode(), text);
                }
            }
        }
    }
}
