//! Documents with the content of a file, such as costs or prices. They are requested page by page,
//! without concurrency.

use std::future::Future;
use std::pin::pin;

use aws_config::SdkConfig;
use catalog::ports::{
    AwsDocument, DocumentSummary, PartSink, ProfileAccount, SourceError, StopFlag, describe_clock_skew,
};

use crate::clients::{RequestCounter, ServerDate};
use crate::look::GLANCE;
use crate::{costs, prices};

/// The state of one document's delivery.
pub(crate) struct DocumentDelivery<'a> {
    pub(crate) config: &'a SdkConfig,
    pub(crate) dated: ServerDate,
    pub(crate) sent: RequestCounter,
    stop: &'a StopFlag,
    sink: PartSink<'a>,
}

/// The reason why a document is incomplete: a gap, or an error that ends the command.
pub(crate) enum DocumentError {
    Gap(String),
    Error(SourceError),
}

impl DocumentDelivery<'_> {
    /// Gives a part to the sink.
    pub(crate) fn hand_over(&mut self, part: String) -> Result<(), DocumentError> {
        (self.sink)(part).map_err(|why| DocumentError::Error(SourceError::Sink(why)))
    }

    /// Waits for a call. Returns early when the user stops the command.
    pub(crate) async fn wait<T>(&self, call: impl Future<Output = T>) -> Result<T, DocumentError> {
        unless_stopped(self.stop, call).await.map_err(DocumentError::Error)
    }
}

/// Waits for a call. Returns [`SourceError::Interrupted`] when the user stops the command.
pub(crate) async fn unless_stopped<T>(
    stop: &StopFlag,
    call: impl Future<Output = T>,
) -> Result<T, SourceError> {
    let mut call = pin!(call);
    loop {
        if stop.is_requested() {
            return Err(SourceError::Interrupted);
        }
        if let Ok(answer) = tokio::time::timeout(GLANCE, &mut call).await {
            return Ok(answer);
        }
    }
}

pub(crate) async fn deliver(
    config: &SdkConfig,
    account: &ProfileAccount,
    document: &AwsDocument<'_>,
    stop: &StopFlag,
    sink: PartSink<'_>,
) -> Result<DocumentSummary, SourceError> {
    let mut post = DocumentDelivery {
        config,
        dated: ServerDate::default(),
        sent: RequestCounter::default(),
        stop,
        sink,
    };
    let done = match document {
        AwsDocument::Costs { from, until, by, most } => {
            let span = costs::CostPeriod { from, until };
            costs::costs(&mut post, &account.partition, span, by, *most).await
        }
        AwsDocument::Prices { instance_type, region } => {
            prices::prices(&mut post, &account.partition, instance_type, region).await
        }
    };
    let ended = match done {
        Ok(()) => None,
        Err(DocumentError::Gap(why)) => Some(why),
        Err(DocumentError::Error(error)) => return Err(error),
    };
    let gaps = describe_clock_skew(account.ahead).into_iter().collect();
    Ok(DocumentSummary { date: post.dated.first(), requests: post.sent.count(), ended, gaps })
}
