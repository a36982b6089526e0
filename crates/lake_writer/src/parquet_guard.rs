//! Turns panics of the Parquet reader into errors.
//!
//! polars panics on some damaged files, in the calling thread or in one of its own. A foreign file
//! must not end the program, so each call that reads one runs through [`guarded`].

use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars::prelude::{PolarsError, PolarsResult};

/// The number of guarded calls that run now. A panic during one of them prints nothing.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Calls a function that reads a foreign Parquet file. A panic becomes an error.
pub(crate) fn guarded<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    quieten();
    RUNNING.fetch_add(1, Ordering::SeqCst);
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    read.unwrap_or_else(|_| Err(PolarsError::ComputeError("the file is damaged".into())))
}

/// Installs a hook that prints no panic of a guarded call. polars panics in threads of its own too,
/// so the hook cannot ask which thread it is in.
fn quieten() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if RUNNING.load(Ordering::SeqCst) == 0 {
                print(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let fault = |fails: bool| -> PolarsResult<u8> {
            guarded(|| if fails { panic!("index out of bounds") } else { Ok(7) })
        };
        assert_eq!(fault(false).unwrap(), 7);
        assert!(fault(true).unwrap_err().to_string().contains("the file is damaged"));
        assert_eq!(RUNNING.load(Ordering::SeqCst), 0);
    }
}
