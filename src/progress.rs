//! The line on standard error that says how far a long command is: on a terminal only, cut to its width, and gone when the command is
//! over.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A command that takes less shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two states of the line.
const PACE: Duration = Duration::from_millis(200);

/// The line, or nothing.
pub struct Progress {
    line: Option<ProgressBar>,
    started: Instant,
    shown: Instant,
}

/// How far a command is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub instructions: u64,
    /// All instructions that there are, if that is known.
    pub total: Option<u64>,
    /// Bytes of output, if there is one already.
    pub written: Option<u64>,
}

impl Progress {
    pub fn new(is_wanted: bool) -> Progress {
        let now = Instant::now();
        let line = is_wanted.then(|| {
            let style = ProgressStyle::with_template("{wide_msg}").expect("the template is valid");
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        Progress { line, started: now, shown: now }
    }

    /// Brings the line up to date, if it is time.
    pub fn show(&mut self, done: impl FnOnce() -> Done) {
        let Some(line) = &self.line else {
            return;
        };
        let elapsed = self.started.elapsed();
        if elapsed >= PATIENCE && self.shown.elapsed() >= PACE {
            self.shown = Instant::now();
            line.set_message(message(done(), elapsed));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}

fn message(done: Done, elapsed: Duration) -> String {
    let Done { instructions, total, written } = done;
    let of_all = match total {
        Some(total) if total > 0 => {
            let percent = u128::from(instructions) * 100 / u128::from(total);
            format!(" of {} ({percent} %)", HumanCount(total))
        }
        _ => String::new(),
    };
    let rate = HumanCount((instructions as f64 / elapsed.as_secs_f64()) as u64);
    let written = written.map_or(String::new(), |written| format!(", {} written", HumanBytes(written)));
    let instructions = HumanCount(instructions);
    format!("{instructions}{of_all} instructions, {rate} per second{written}, {} s", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_is_done_of_what() {
        let done = Done { instructions: 1_234_567, total: None, written: Some(2048) };
        let second = Duration::from_millis(2000);
        assert_eq!(message(done, second), "1,234,567 instructions, 617,283 per second, 2.00 KiB written, 2 s");
        let done = Done { total: Some(2_469_134), ..done };
        assert!(message(done, second).starts_with("1,234,567 of 2,469,134 (50 %) instructions, "));
    }
}
