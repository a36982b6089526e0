//! Prices of single instance types from the price list API. They are added to the known prices and
//! retire none.

use catalog::ports::{AwsDocument, Gap, ProfileAccount, ScopeOutcome, ScopeReport};
use catalog::{RowBatch, built_in_dataset};
use console::{Failure, Printer};
use feeds::{Completeness, FeedContext, FeedKind};

use super::access::{SourceAccess, source_failure};
use crate::snapshot::known_reports::KnownReports;
use crate::snapshot::record::FetchedRun;

/// Fetches the prices of these types in each region.
pub(crate) fn fetch(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    types: &[String],
    account: &ProfileAccount,
    regions: &[String],
    printer: &Printer,
) -> Result<FetchedRun, Failure> {
    let started = access.now();
    let (mut told, mut batches) = (Vec::new(), Vec::new());
    for region in regions {
        let (one, rows) = region_report(access, known, types, account, region, printer)?;
        told.push(one);
        batches.extend(rows);
    }
    // Prices are public, so their run is not named after the account.
    Ok(FetchedRun::new(built_in_dataset("price"), None, batches, told, started))
}

/// Returns the report of a region and its rows.
fn region_report(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    types: &[String],
    account: &ProfileAccount,
    region: &str,
    printer: &Printer,
) -> Result<(ScopeReport, Vec<RowBatch>), Failure> {
    let now = access.now();
    let mut told = ScopeReport {
        dataset: built_in_dataset("price"),
        scope: region.into(),
        source: format!("AWS pricing:GetProducts of {}", types.join(", ")),
        version: None,
        observed_from: now,
        observed_at: now,
        outcome: ScopeOutcome::Partial,
        rows: 0,
        gaps: Vec::new(),
    };
    let progress = printer.progress(&format!("prices in {region}"));
    let mut products = String::new();
    for instance_type in types {
        let before = products.len();
        let document = AwsDocument::Prices { instance_type, region };
        let delivered = access.source.document(account, &document, access.stop, &mut |product| {
            products.push_str(&product);
            products.push('\n');
            Ok(())
        });
        let delivered = delivered.map_err(source_failure)?;
        if products.len() == before && delivered.ended.is_none() {
            told.gaps.push(format!("AWS publishes no price of {instance_type} for {region}").into());
        }
        told.gaps.extend(delivered.ended);
        let new = delivered.gaps.into_iter().filter(|gap| !told.gaps.contains(gap)).collect::<Vec<_>>();
        told.gaps.extend(new);
    }
    drop(progress);
    let mut batches = Vec::new();
    if !products.is_empty() {
        let context = FeedContext {
            source: &told.source,
            modified: None,
            now,
            whole: Completeness::No,
            in_force: None,
            account: None,
        };
        let spoken = feeds::read(FeedKind::Products, &mut products.as_bytes(), &context, &mut |batch| {
            batches.push(batch);
            Ok(())
        });
        let spoken =
            spoken.map_err(|error| Failure::broken(format!("an answer of pricing:GetProducts: {error}")))?;
        if let Some(other) = spoken.iter().find(|spoken| spoken.scope != region) {
            return Err(Failure::broken(format!(
                "pricing:GetProducts returned prices of {} instead of {region}",
                other.scope
            )));
        }
        for spoken in spoken {
            told.rows += spoken.rows;
            (told.observed_from, told.observed_at) = (spoken.observed_from, spoken.observed_at);
            told.gaps.extend(spoken.gaps.into_iter().map(Gap::from));
        }
    }
    if told.rows == 0 {
        told.outcome = ScopeOutcome::Failed;
    }
    known.drop_unchanged(&mut told, &mut batches);
    Ok((told, batches))
}
