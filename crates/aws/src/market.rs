//! Requests spot placement scores and capacity block offerings. Each answer is stored with its
//! request, because it is valid for that request only.

use aws_config::SdkConfig;
use aws_sdk_ec2::types::SpotPlacementScore;
use catalog::ports::{
    CapacityRequest, ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRowSink, SourceError, StopFlag,
    describe_clock_skew,
};
use catalog::{RowBatch, Value};
use domain::Timestamp;

use crate::clients::{self, ServerDate};
use crate::document::unless_stopped;
use crate::gap::gap;
use crate::look::{DatasetRows, actions};
use crate::places::ZoneIds;
use crate::values::{self, at, money, whole, word, words};

const SCORES: &str = "ec2:GetSpotPlacementScores";
const BLOCKS: &str = "ec2:DescribeCapacityBlockOfferings";

/// The most regions in a request for scores, and the number of best places in its answer.
const REGIONS: usize = 10;
const BEST: usize = 10;

/// One scope's request and its answer.
struct MarketAnswer {
    request: String,
    rows: DatasetRows,
    date: Option<Timestamp>,
    /// The reason why the answer is missing or incomplete.
    gap: Option<String>,
}

/// Sends the requests one after the other, because AWS limits an account's new requests in a day.
pub(crate) async fn look(
    config: &SdkConfig,
    look: &SnapshotQuery<'_>,
    room: &CapacityRequest,
    clock: fn() -> Timestamp,
    stop: &StopFlag,
    sink: SnapshotRowSink<'_>,
) -> Result<Vec<ScopeReport>, SourceError> {
    let mut told = Vec::new();
    let mut land = |answers: Vec<MarketAnswer>| -> Result<(), SourceError> {
        for answer in answers {
            let rows = answer.rows.len() as u64;
            if rows > 0 {
                let batch = RowBatch::of(look.dataset, answer.rows).map_err(SourceError::Sink)?;
                sink(look.dataset, &answer.request, batch).map_err(SourceError::Sink)?;
            }
            let observed_at = answer.date.unwrap_or_else(clock);
            told.push(ScopeReport {
                dataset: look.dataset,
                scope: answer.request,
                source: format!("AWS {}", actions(look.dataset).first().unwrap_or(&look.dataset.name)),
                version: None,
                observed_from: observed_at,
                observed_at,
                outcome: match (&answer.gap, rows) {
                    (None, 0) => ScopeOutcome::Empty,
                    (None, _) => ScopeOutcome::Complete,
                    (Some(_), 0) => ScopeOutcome::Failed,
                    (Some(_), _) => ScopeOutcome::Partial,
                },
                rows,
                gaps: answer.gap.into_iter().chain(describe_clock_skew(look.account.ahead)).collect(),
            });
        }
        Ok(())
    };
    if look.dataset.name == "placement_score" {
        for regions in look.regions.chunks(REGIONS) {
            land(unless_stopped(stop, scores(config, look, room, regions)).await?)?;
        }
    } else {
        for region in look.regions {
            for instance_type in &room.types {
                let answer = unless_stopped(stop, blocks(config, look, room, region, instance_type)).await?;
                land(vec![answer])?;
            }
        }
    }
    Ok(told)
}

/// Sends one request for all of the regions. Returns one answer for each region.
async fn scores(
    config: &SdkConfig,
    look: &SnapshotQuery<'_>,
    room: &CapacityRequest,
    regions: &[String],
) -> Vec<MarketAnswer> {
    let dated = ServerDate::default();
    let client = clients::ec2(config, regions.first().map(String::as_str), &dated);
    let mut types = room.types.clone();
    types.sort_unstable();
    types.dedup();
    let mut pages = client
        .get_spot_placement_scores()
        .set_instance_types(Some(types.clone()))
        .target_capacity(i32::try_from(room.count).unwrap_or(i32::MAX))
        .single_availability_zone(room.single_zone)
        .set_region_names(Some(regions.to_vec()))
        .into_paginator()
        .items()
        .send();
    let (mut found, mut failed) = (Vec::new(), None);
    while let Some(score) = pages.next().await {
        match score {
            Ok(score) => found.push(score),
            Err(error) => {
                failed = Some(gap(SCORES, &error));
                break;
            }
        }
    }
    let place = if room.single_zone { " in one zone" } else { "" };
    let answer = |region: &String| {
        let request =
            format!("{}/{region}/{} x {}{place}", look.account.account_id, types.join("+"), room.count);
        let here = found.iter().filter(|score| score.region() == Some(region));
        let row = |score: &SpotPlacementScore| {
            values::row(look.dataset, |column| match column {
                "request" => request.as_str().into(),
                "account_id" => look.account.account_id.as_str().into(),
                "instance_types" => words(&types),
                "target_capacity" => i64::from(room.count).into(),
                "single_zone" => room.single_zone.into(),
                _ => score_cell(column, score),
            })
        };
        let rows: DatasetRows = here.map(row).collect();
        // AWS returns only the best places. The score of any other place is unknown.
        let cut = found.len() >= BEST && (rows.is_empty() || room.single_zone);
        let cut = cut.then(|| {
            format!("{SCORES}: AWS names only the {BEST} best places; others may have lower scores")
        });
        MarketAnswer { rows, date: dated.first(), gap: failed.clone().or(cut), request }
    };
    regions.iter().map(answer).collect()
}

fn score_cell(column: &str, score: &SpotPlacementScore) -> Value {
    match column {
        "region" => score.region().into(),
        "az_id" => score.availability_zone_id().into(),
        "score" => whole(score.score()),
        other => unreachable!("placement_score.{other}"),
    }
}

async fn blocks(
    config: &SdkConfig,
    look: &SnapshotQuery<'_>,
    room: &CapacityRequest,
    region: &str,
    instance_type: &str,
) -> MarketAnswer {
    let dated = ServerDate::default();
    let client = clients::ec2(config, Some(region), &dated);
    let account = look.account.account_id.as_str();
    let request = format!("{account}/{region}/{instance_type} x {} for {}h", room.count, room.hours);
    let (zones, mut missing) = match ZoneIds::of(&client).await {
        Ok(zones) => (Some(zones), None),
        Err(why) => (None, Some(why)),
    };
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let mut offers = client
        .describe_capacity_block_offerings()
        .instance_type(instance_type)
        .instance_count(number(room.count))
        .capacity_duration_hours(number(room.hours))
        .into_paginator()
        .items()
        .send();
    let mut rows = DatasetRows::new();
    while let Some(offer) = offers.next().await {
        let offer = match offer {
            Ok(offer) => offer,
            Err(error) => {
                missing = Some(gap(BLOCKS, &error));
                break;
            }
        };
        rows.push(values::row(look.dataset, |column| match column {
            "request" => request.as_str().into(),
            "account_id" => account.into(),
            "region" => region.into(),
            "az_id" => zones.as_ref().and_then(|zones| zones.id(None, offer.availability_zone())).into(),
            "instance_type" => offer.instance_type().unwrap_or(instance_type).into(),
            "instance_count" => whole(offer.instance_count()),
            "duration_hours" => whole(offer.capacity_block_duration_hours()),
            "offering_id" => offer.capacity_block_offering_id().into(),
            "starts_at" => at(offer.start_date()),
            "ends_at" => at(offer.end_date()),
            "upfront_price" => money(offer.upfront_fee()),
            "currency" => offer.currency_code().into(),
            "tenancy" => word(offer.tenancy()),
            other => unreachable!("capacity_block.{other}"),
        }));
    }
    MarketAnswer { request, rows, date: dated.first(), gap: missing }
}
