//! Prices of single instance types from the price list API. They are added to the known prices and
//! retire none.

use catalog::ports::{Account, Document, Outcome, Told};
use catalog::{Batch, dataset};
use console::{Failure, Printer};
use feeds::{Context, FileKind, Whole};

use super::{Wanted, Work, source_failure};

pub(super) fn snapshot(
    work: &mut Work<'_>,
    wanted: &Wanted,
    account: &Account,
    regions: &[String],
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let (mut told, mut batches) = (Vec::new(), Vec::new());
    for region in regions {
        let (one, rows) = of_region(work, &wanted.room.types, account, region, printer)?;
        told.push(one);
        batches.extend(rows);
    }
    let dataset = dataset("price").expect("a built-in dataset");
    let name = format!("{}-{}", account.account_id, work.stamp(started));
    work.land(dataset, &name, batches, told, started, printer)
}

/// Returns the report of a region and its rows.
fn of_region(
    work: &Work<'_>,
    types: &[String],
    account: &Account,
    region: &str,
    printer: &Printer,
) -> Result<(Told, Vec<Batch>), Failure> {
    let now = (work.clock)();
    let mut told = Told {
        dataset: dataset("price").expect("a built-in dataset"),
        scope: region.into(),
        source: format!("AWS pricing:GetProducts of {}", types.join(", ")),
        version: None,
        observed_from: now,
        observed_at: now,
        outcome: Outcome::Partial,
        rows: 0,
        gaps: Vec::new(),
    };
    let progress = printer.progress(&format!("prices in {region}"));
    let mut products = String::new();
    for instance_type in types {
        let before = products.len();
        let document = Document::Prices { instance_type, region };
        let delivered = work.source.document(account, &document, work.stop, &mut |product| {
            products.push_str(&product);
            products.push('\n');
            Ok(())
        });
        let delivered = delivered.map_err(source_failure)?;
        if products.len() == before && delivered.ended.is_none() {
            told.gaps.push(format!("AWS publishes no price of {instance_type} for {region}"));
        }
        told.gaps.extend(delivered.ended);
        let new = delivered.gaps.into_iter().filter(|gap| !told.gaps.contains(gap)).collect::<Vec<_>>();
        told.gaps.extend(new);
    }
    drop(progress);
    let mut batches = Vec::new();
    if !products.is_empty() {
        let context = Context { source: &told.source, modified: None, now, whole: Whole::No, account: None };
        let spoken = feeds::read(FileKind::Products, &mut products.as_bytes(), &context, &mut |batch| {
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
            told.gaps.extend(spoken.gaps);
        }
    }
    if told.rows == 0 {
        told.outcome = Outcome::Failed;
    }
    work.state.settle(&mut told, &mut batches);
    Ok((told, batches))
}
