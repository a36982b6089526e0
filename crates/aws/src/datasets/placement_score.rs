//! `placement_score`: how likely a spot request would succeed.

use aws_sdk_ec2::types::SpotPlacementScore;
use catalog::ports::{CapacityRequest, Gap, SourceError};

use crate::clients::{self, ServerDate};
use crate::gap::gap;
use crate::request_answers::{AnswerRecorder, RequestAnswer};
use crate::row::{DatasetRow, dataset_row};
use crate::values::{whole, word};

const ACTION: &str = "ec2:GetSpotPlacementScores";

/// The most regions in a request, and the number of best places in its answer.
const REGIONS: usize = 10;
const BEST: usize = 10;

dataset_row! {
    /// A row of `placement_score`.
    PlacementScoreRow of "placement_score" {
        request: String,
        account_id: String,
        region: Option<String>,
        az_id: Option<String>,
        instance_types: Vec<String>,
        target_capacity: i64,
        single_zone: bool,
        score: Option<i64>,
    }
}

pub(crate) async fn collect(
    capacity: &CapacityRequest,
    recorder: &mut AnswerRecorder<'_>,
) -> Result<(), SourceError> {
    let mut types = capacity.types.clone();
    types.sort_unstable();
    types.dedup();
    for regions in recorder.query.regions.chunks(REGIONS) {
        let answers = recorder.wait(scores(capacity, &types, regions, recorder)).await?;
        answers.into_iter().try_for_each(|answer| recorder.record(answer))?;
    }
    Ok(())
}

/// Sends one request for all of the regions. Returns one answer for each region.
async fn scores(
    capacity: &CapacityRequest,
    types: &[String],
    regions: &[String],
    recorder: &AnswerRecorder<'_>,
) -> Vec<RequestAnswer> {
    let dated = ServerDate::default();
    let client = clients::ec2(recorder.config, regions.first().map(String::as_str), &dated);
    let mut pages = client
        .get_spot_placement_scores()
        .set_instance_types(Some(types.to_vec()))
        .target_capacity(i32::try_from(capacity.count).unwrap_or(i32::MAX))
        .single_availability_zone(capacity.single_zone)
        .set_region_names(Some(regions.to_vec()))
        .into_paginator()
        .items()
        .send();
    let (mut found, mut failed) = (Vec::new(), None);
    while let Some(score) = pages.next().await {
        match score {
            Ok(score) => found.push(score),
            Err(error) => {
                failed = Some(gap(ACTION, &error));
                break;
            }
        }
    }
    let account = &recorder.query.account.account_id;
    let place = if capacity.single_zone { " in one zone" } else { "" };
    let answer = |region: &String| {
        let request = format!("{account}/{region}/{} x {}{place}", types.join("+"), capacity.count);
        let row = |score: &SpotPlacementScore| PlacementScoreRow {
            request: request.clone(),
            account_id: account.clone(),
            region: word(score.region()),
            az_id: word(score.availability_zone_id()),
            instance_types: types.to_vec(),
            target_capacity: i64::from(capacity.count),
            single_zone: capacity.single_zone,
            score: whole(score.score()),
        };
        let here = found.iter().filter(|score| score.region() == Some(region));
        let rows: Vec<_> = here.map(|score| row(score).into_values()).collect();
        // AWS returns only the best places. The score of any other place is unknown.
        let is_cut = found.len() >= BEST && (rows.is_empty() || capacity.single_zone);
        let gap = failed.clone().or_else(|| is_cut.then(cut_off));
        RequestAnswer { rows, date: dated.first(), gap, request }
    };
    regions.iter().map(answer).collect()
}

fn cut_off() -> Gap {
    let why = format!("{ACTION}: AWS names only the {BEST} best places; others may have lower scores");
    Gap::of_call(ACTION, "cut-off", why)
}
