//! Waits for calls that the user may stop.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use catalog::ports::{SourceError, StopFlag};

/// The interval at which a stop request is checked.
pub(crate) const STOP_CHECK: Duration = Duration::from_millis(200);

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
        if let Ok(answer) = tokio::time::timeout(STOP_CHECK, &mut call).await {
            return Ok(answer);
        }
    }
}
