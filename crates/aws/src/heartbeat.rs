//! Heartbeats: spawnd's load figures from an instance's tag, as rows of `utilization`.

use aws_sdk_ec2::types::{Instance, Tag};
use catalog::ports::Gap;
use domain::Known;
use lifecycle::tag::{HEARTBEAT, HeartbeatTag};

use crate::datasets::utilization::UtilizationRow;
use crate::region_context::RegionContext;

/// Returns the heartbeat tag of an instance, if it has one.
fn tag(one: &Instance) -> Option<&Tag> {
    one.tags().iter().find(|tag| tag.key() == Some(HEARTBEAT))
}

fn read(tag: &Tag) -> Result<HeartbeatTag, String> {
    HeartbeatTag::decode(tag.value().unwrap_or_default()).map_err(|error| error.to_string())
}

/// Returns the instance's tags without a readable heartbeat, which changes every 15 minutes. An
/// unreadable one is kept.
pub(crate) fn others(one: &Instance) -> Vec<Tag> {
    let is_read = |tag: &&Tag| tag.key() == Some(HEARTBEAT) && read(tag).is_ok();
    one.tags().iter().filter(|tag| !is_read(tag)).cloned().collect()
}

/// Returns the rows of some instances' heartbeats, and a gap for each heartbeat that cannot be
/// read.
pub(crate) fn rows<'a>(
    instances: impl Iterator<Item = &'a Instance>,
    context: &RegionContext,
) -> (Vec<UtilizationRow>, Vec<Gap>) {
    let (mut rows, mut gaps) = (Vec::new(), Vec::new());
    for one in instances {
        let Some(tag) = tag(one) else { continue };
        let id = one.instance_id().unwrap_or_default();
        match read(tag) {
            Ok(beat) => rows.extend(figures(&beat).into_iter().map(|figure| row(&beat, id, figure, context))),
            Err(why) => gaps.push(format!("the heartbeat of {id} cannot be read: {why}").into()),
        }
    }
    (rows, gaps)
}

/// Metric, unit, statistic and value.
type HeartbeatFigure = (&'static str, &'static str, &'static str, f64);

/// Returns the figures of a heartbeat. A figure that is unseen or absent on the machine has no row.
fn figures(beat: &HeartbeatTag) -> Vec<HeartbeatFigure> {
    let seconds = beat.over.as_secs_f64();
    let share = |metric, value: &Known<f64>| Some((metric, "percent", "average", *value.value()?));
    let flow = |metric, bytes: &Known<u64>| {
        Some((metric, "bytes-per-second", "average", *bytes.value()? as f64 / seconds))
    };
    let found = &beat.figures;
    let held = found.gpu_memory.value().map(|bytes| ("gpu-memory", "bytes", "average", *bytes as f64));
    let idle = beat.idle_since.map_or(0.0, |since| beat.at.duration_since(since).as_secs_f64());
    let all = [
        share("cpu", &found.cpu),
        flow("network-in", &found.network_in),
        flow("network-out", &found.network_out),
        flow("disk", &found.disk),
        share("gpu", &found.gpu),
        held,
        Some(("idle", "seconds", "last", idle)),
    ];
    all.into_iter().flatten().collect()
}

fn row(beat: &HeartbeatTag, id: &str, figure: HeartbeatFigure, context: &RegionContext) -> UtilizationRow {
    let (metric, unit, statistic, value) = figure;
    UtilizationRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        instance_id: id.into(),
        metric: metric.into(),
        unit: unit.into(),
        statistic: statistic.into(),
        period_seconds: beat.over.as_secs(),
        observed_at: beat.begins(),
        value,
        source: "spawnd".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(text: &str) -> HeartbeatTag {
        HeartbeatTag::decode(text).unwrap()
    }

    #[test]
    fn figures_are_rates_and_unseen_ones_have_no_row() {
        let check =
            |text: &str, expected: &[HeartbeatFigure]| assert_eq!(figures(&beat(text)), expected, "{text}");
        let cpu = ("cpu", "percent", "average", 12.5);
        let both = "v1;at=2026-11-23T10:00:00Z;over=900;cpu=12.50;network-in=9000000;network-out=0";
        let flows = [
            ("network-in", "bytes-per-second", "average", 10_000.0),
            ("network-out", "bytes-per-second", "average", 0.0),
        ];
        check(
            &format!("{both};disk=unseen;gpu=none;gpu-memory=none;idle=no"),
            &[cpu, flows[0], flows[1], ("idle", "seconds", "last", 0.0)],
        );
        check(
            &format!("{both};disk=450;gpu=99.99;gpu-memory=1073741824;idle=2026-11-23T09:00:00Z"),
            &[
                cpu,
                flows[0],
                flows[1],
                ("disk", "bytes-per-second", "average", 0.5),
                ("gpu", "percent", "average", 99.99),
                ("gpu-memory", "bytes", "average", 1_073_741_824.0),
                ("idle", "seconds", "last", 3_600.0),
            ],
        );
    }

    #[test]
    fn a_readable_heartbeat_is_not_a_tag_of_the_instance() {
        let instance = |value: &str| {
            let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
            Instance::builder().tags(tag("Name", "a")).tags(tag(HEARTBEAT, value)).build()
        };
        let good = "v1;at=2026-11-23T10:00:00Z;over=900;cpu=unseen;network-in=none;network-out=none;disk=none;gpu=none;\
                    gpu-memory=none;idle=no";
        assert_eq!(others(&instance(good)).len(), 1);
        assert_eq!(others(&instance("v2;at=now")).len(), 2);
    }
}
