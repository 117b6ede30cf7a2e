//! The line that tells how far a long recording is: on a terminal, and gone when it is over.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::trace::{Decoder, Sink};

/// A recording shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two states of the line.
const PACE: Duration = Duration::from_millis(200);

/// The line, or nothing.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    shown: Instant,
}

impl Progress {
    pub fn new(wanted: bool) -> Progress {
        let now = Instant::now();
        let bar = wanted.then(|| {
            let style = ProgressStyle::with_template("{msg}").expect("the template is valid");
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        Progress { bar, started: now, shown: now }
    }

    /// Brings the line up to date, if it is time.
    pub fn show(&mut self, decoder: &Decoder, sink: &dyn Sink) {
        let Some(bar) = &self.bar else {
            return;
        };
        let elapsed = self.started.elapsed();
        if elapsed < PATIENCE || self.shown.elapsed() < PACE {
            return;
        }
        self.shown = Instant::now();
        let instructions = decoder.state().instructions;
        let rate = instructions as f64 / elapsed.as_secs_f64();
        bar.set_message(format!(
            "{} instructions, {} per second, {} written, {} s",
            HumanCount(instructions),
            HumanCount(rate as u64),
            HumanBytes(sink.written()),
            elapsed.as_secs(),
        ));
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
