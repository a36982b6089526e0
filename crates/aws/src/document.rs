//! Documents with the content of a file, such as costs or prices. They are requested page by page,
//! without concurrency.

use std::future::Future;

use aws_config::SdkConfig;
use catalog::ports::{
    DocumentSummary, Gap, PartSink, ProfileAccount, SourceError, StopFlag, describe_clock_skew,
};

use crate::clients::{RequestCounter, ServerDate};
use crate::stopping::unless_stopped;

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
    Gap(Gap),
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

impl<'a> DocumentDelivery<'a> {
    /// Returns a delivery that has sent nothing yet.
    pub(crate) fn new(config: &'a SdkConfig, stop: &'a StopFlag, sink: PartSink<'a>) -> DocumentDelivery<'a> {
        DocumentDelivery { config, dated: ServerDate::default(), sent: RequestCounter::default(), stop, sink }
    }

    /// Returns the summary of a delivery that ended with `done`.
    pub(crate) fn summary(
        &self,
        account: &ProfileAccount,
        done: Result<(), DocumentError>,
    ) -> Result<DocumentSummary, SourceError> {
        let ended = match done {
            Ok(()) => None,
            Err(DocumentError::Gap(gap)) => Some(gap),
            Err(DocumentError::Error(error)) => return Err(error),
        };
        let gaps = describe_clock_skew(account.ahead).into_iter().collect();
        Ok(DocumentSummary { date: self.dated.first(), requests: self.sent.count(), ended, gaps })
    }
}
