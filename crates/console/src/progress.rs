use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use domain::visible;

use crate::Screen;

/// A spinner on stderr for long work. It is hidden if stderr is not a terminal or `--quiet` is set,
/// and leaves no trace when it is dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(screen: &Screen, what: &str) -> Progress {
        let shown = screen.interactive_err && !screen.quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is a constant");
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        bar.set_message(visible(what).into_owned());
        // A hidden spinner needs no thread that redraws it.
        if shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar }
    }
}

impl Progress {
    /// Changes the text beside the spinner.
    pub fn set_message(&self, how_far: String) {
        self.bar.set_message(visible(&how_far).into_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
