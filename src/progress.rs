//! The line on standard error that says how far a long command is: on a terminal only, as much as fits its width, and gone when the
//! command is over.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};
use rustix::termios::tcgetwinsize;

/// A command that takes less shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two states of the line.
const PACE: Duration = Duration::from_millis(200);
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;
/// Erases the rest of a line (ECMA-48, EL).
const ERASE: &str = "\x1b[K";

/// The line, or nothing.
pub struct Progress {
    is_wanted: bool,
    started: Instant,
    shown: Instant,
    /// The line stands on the terminal.
    is_shown: bool,
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
        Progress { is_wanted: is_wanted && io::stderr().is_terminal(), started: now, shown: now, is_shown: false }
    }

    /// Brings the line up to date, if it is time.
    pub fn show(&mut self, done: impl FnOnce() -> Done) {
        if !self.is_wanted {
            return;
        }
        let elapsed = self.started.elapsed();
        if elapsed >= PATIENCE && self.shown.elapsed() >= PACE {
            self.shown = Instant::now();
            self.is_shown = true;
            // The cursor stays after the text: a full line would wrap, and the next one would stand below it.
            let text = message(done(), elapsed, columns().saturating_sub(1));
            let _ = write!(io::stderr(), "\r{text}{ERASE}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r{ERASE}");
        }
    }
}

/// Columns of the terminal.
pub fn columns() -> usize {
    let size = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if size == 0 { COLUMNS } else { size.into() }
}

/// As many of the facts as fit into `columns`, the first ones first.
fn message(done: Done, elapsed: Duration, columns: usize) -> String {
    let Done { instructions, total, written } = done;
    let count = HumanCount(instructions).to_string();
    let (short, long) = match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = u128::from(instructions) * 100 / u128::from(total);
            (format!("{percent} %"), format!("{count} of {} ({percent} %) instructions", HumanCount(total)))
        }
        None => (count.clone(), format!("{count} instructions")),
    };
    let rate = HumanCount((instructions as f64 / elapsed.as_secs_f64()) as u64);
    let written = written.map_or(String::new(), |written| format!(", {} written", HumanBytes(written)));
    let time = format!(", {} s", elapsed.as_secs());
    let lines = [
        format!("{long}, {rate} per second{written}{time}"),
        format!("{long}{written}{time}"),
        format!("{long}{time}"),
        long,
        short,
    ];
    lines.into_iter().find(|line| line.chars().count() <= columns).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_is_done_of_what() {
        let done = Done { instructions: 1_234_567, total: None, written: Some(2048) };
        let second = Duration::from_millis(2000);
        assert_eq!(message(done, second, 100), "1,234,567 instructions, 617,283 per second, 2.00 KiB written, 2 s");
        let done = Done { total: Some(2_469_134), ..done };
        assert!(message(done, second, 100).starts_with("1,234,567 of 2,469,134 (50 %) instructions, "));
    }

    #[test]
    fn a_narrow_terminal_has_fewer_facts_and_none_is_cut() {
        let done = Done { instructions: 1_234_567, total: Some(2_469_134), written: Some(2048) };
        let all = [
            "1,234,567 of 2,469,134 (50 %) instructions, 617,283 per second, 2.00 KiB written, 2 s",
            "1,234,567 of 2,469,134 (50 %) instructions, 2.00 KiB written, 2 s",
            "1,234,567 of 2,469,134 (50 %) instructions, 2 s",
            "1,234,567 of 2,469,134 (50 %) instructions",
            "50 %",
            "",
        ];
        for columns in 0..100 {
            let want = all.iter().find(|line| line.len() <= columns).unwrap();
            assert_eq!(message(done, Duration::from_secs(2), columns), *want, "{columns} columns");
        }
    }
}
