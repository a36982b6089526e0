//! Documents with the content of a file, such as costs or prices. They are requested page by page,
//! without concurrency.

use std::future::Future;
use std::pin::pin;

use aws_config::SdkConfig;
use catalog::ports::{Account, Delivered, Document, PartSink, SourceError, Stop, skew};

use crate::clients::{Dated, Sent};
use crate::look::GLANCE;
use crate::{costs, prices};

/// The state of one document's delivery.
pub(crate) struct Post<'a> {
    pub(crate) config: &'a SdkConfig,
    pub(crate) dated: Dated,
    pub(crate) sent: Sent,
    stop: &'a Stop,
    sink: PartSink<'a>,
}

/// The reason why a document is incomplete: a gap, or an error that ends the command.
pub(crate) enum Broken {
    Gap(String),
    Error(SourceError),
}

impl Post<'_> {
    /// Gives a part to the sink.
    pub(crate) fn hand_over(&mut self, part: String) -> Result<(), Broken> {
        (self.sink)(part).map_err(|why| Broken::Error(SourceError::Sink(why)))
    }

    /// Waits for a call. Returns early when the user stops the command.
    pub(crate) async fn wait<T>(&self, call: impl Future<Output = T>) -> Result<T, Broken> {
        unless_stopped(self.stop, call).await.map_err(Broken::Error)
    }
}

/// Waits for a call. Returns [`SourceError::Interrupted`] when the user stops the command.
pub(crate) async fn unless_stopped<T>(stop: &Stop, call: impl Future<Output = T>) -> Result<T, SourceError> {
    let mut call = pin!(call);
    loop {
        if stop.asked() {
            return Err(SourceError::Interrupted);
        }
        if let Ok(answer) = tokio::time::timeout(GLANCE, &mut call).await {
            return Ok(answer);
        }
    }
}

pub(crate) async fn deliver(
    config: &SdkConfig,
    account: &Account,
    document: &Document<'_>,
    stop: &Stop,
    sink: PartSink<'_>,
) -> Result<Delivered, SourceError> {
    let mut post = Post { config, dated: Dated::default(), sent: Sent::default(), stop, sink };
    let done = match document {
        Document::Costs { from, until, by, most } => {
            let span = costs::Span { from, until };
            costs::costs(&mut post, &account.partition, span, by, *most).await
        }
        Document::Prices { instance_type, region } => {
            prices::prices(&mut post, &account.partition, instance_type, region).await
        }
    };
    let ended = match done {
        Ok(()) => None,
        Err(Broken::Gap(why)) => Some(why),
        Err(Broken::Error(error)) => return Err(error),
    };
    let gaps = skew(account.ahead).into_iter().collect();
    Ok(Delivered { date: post.dated.first(), requests: post.sent.count(), ended, gaps })
}
