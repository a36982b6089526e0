//! The calls of each dataset. A dataset's file has its call and its row.

pub(crate) mod address;
pub(crate) mod capacity;
pub(crate) mod capacity_block;
pub(crate) mod charge;
pub(crate) mod instance;
pub(crate) mod instance_type;
pub(crate) mod offering;
pub(crate) mod placement_score;
pub(crate) mod price;
pub(crate) mod quota;
pub(crate) mod region_access;
pub(crate) mod spot_price;
pub(crate) mod spot_request;
pub(crate) mod utilization;
pub(crate) mod volume;
pub(crate) mod zone;

use std::future::Future;
use std::pin::Pin;

use aws_config::SdkConfig;
use catalog::ports::{
    AwsDocument, CapacityRequest, DocumentSummary, Gap, PartSink, ProfileAccount, SourceError, StopFlag,
};

use crate::document::DocumentDelivery;
use crate::region_context::RegionContext;
use crate::request_answers::AnswerRecorder;
use crate::row_sink::RowSink;

/// Reads a dataset in one region. An error is a gap of the whole region; rows sent before it stay.
pub(crate) type RegionCall = for<'a> fn(
    &'a RegionContext,
    &'a mut RowSink,
) -> Pin<Box<dyn Future<Output = Result<(), Gap>> + Send + 'a>>;

macro_rules! region_calls {
    ($($dataset:ident,)*) => {
        &[$((stringify!($dataset), |context, sink| Box::pin($dataset::collect(context, sink))),)*]
    };
}

/// The datasets that are read region by region.
const REGION_CALLS: &[(&str, RegionCall)] = region_calls![
    address,
    capacity,
    instance,
    instance_type,
    offering,
    quota,
    region_access,
    spot_price,
    spot_request,
    utilization,
    volume,
    zone,
];

/// Returns the call of a dataset that is read region by region.
pub(crate) fn region_call(dataset: &str) -> Result<RegionCall, Gap> {
    let found = REGION_CALLS.iter().find(|(name, _)| *name == dataset);
    found.map(|(_, call)| *call).ok_or_else(|| format!("{dataset} is not read region by region").into())
}

/// Sends the requests for capacity that the rows of a dataset answer.
pub(crate) async fn request_answers(
    capacity: &CapacityRequest,
    recorder: &mut AnswerRecorder<'_>,
) -> Result<(), SourceError> {
    match recorder.query.dataset.name {
        "placement_score" => placement_score::collect(capacity, recorder).await,
        "capacity_block" => capacity_block::collect(capacity, recorder).await,
        other => Err(SourceError::Failed(format!("{other} does not answer requests for capacity"))),
    }
}

/// Requests a document, and gives its parts to the sink.
pub(crate) async fn deliver_document(
    config: &SdkConfig,
    account: &ProfileAccount,
    document: &AwsDocument<'_>,
    stop: &StopFlag,
    sink: PartSink<'_>,
) -> Result<DocumentSummary, SourceError> {
    let mut post = DocumentDelivery::new(config, stop, sink);
    let done = match document {
        AwsDocument::Costs { from, until, by, most } => {
            let span = charge::CostPeriod { from, until };
            charge::deliver(&mut post, &account.partition, span, by, *most).await
        }
        AwsDocument::Prices { instance_type, region } => {
            price::deliver(&mut post, &account.partition, instance_type, region).await
        }
    };
    post.summary(account, done)
}

#[cfg(test)]
mod tests {
    use catalog::{CollectionSource, DATASETS};

    use super::*;

    #[test]
    fn every_dataset_of_an_account_has_a_call() {
        let of_accounts =
            DATASETS.iter().filter(|dataset| dataset.origin.source == CollectionSource::Account);
        for dataset in of_accounts.filter(|dataset| dataset.name != "charge") {
            assert!(region_call(dataset.name).is_ok(), "{}", dataset.name);
        }
        for (name, _) in REGION_CALLS {
            assert_eq!(catalog::dataset(name).unwrap().origin.source, CollectionSource::Account, "{name}");
        }
        assert!(region_call("price").is_err());
    }
}
