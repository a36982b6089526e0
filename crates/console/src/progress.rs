use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Screen;

const COUNTED: &str = "{msg} [{bar:30}] {human_pos}/{human_len}";
const UNCOUNTED: &str = "{spinner} {msg} {human_pos}";

/// A bar on stderr for work that takes a while. It is hidden when stderr is not a terminal or quiet
/// was asked for, and leaves nothing behind when it is dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(screen: &Screen, what: &str, total: Option<u64>) -> Progress {
        let shown = screen.interactive_err && !screen.quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = if total.is_some() { COUNTED } else { UNCOUNTED };
        let style = ProgressStyle::with_template(style).expect("the templates are constants");
        let bar = ProgressBar::with_draw_target(total, target).with_style(style);
        bar.set_message(what.to_string());
        // A hidden bar needs no thread that redraws it.
        if shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar }
    }

    /// So many steps more are done.
    pub fn add(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// So many steps are done in all.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
