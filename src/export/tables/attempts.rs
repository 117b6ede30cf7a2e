//! The rows of attempts, each with how often it was made: repetitions come later in a trace, so attempts wait for its end.

use std::collections::VecDeque;

use super::batch::Batch;
use crate::export::text::list;
use crate::trace::attempt::{Answer, Attempt, By, Repeated};

/// Attempts that wait, which is as many as a recorder writes; a forged trace can have more.
const WAITING: usize = 1 << 14;

/// Attempts whose rows are not written.
#[derive(Default)]
pub struct Attempts {
    waiting: VecDeque<(Attempt, u64)>,
    /// Attempts that have a row.
    written: u64,
}

impl Attempts {
    pub fn take(&mut self, attempt: &Attempt, rows: &mut Batch) {
        if self.waiting.len() >= WAITING {
            self.write_first(rows);
        }
        self.waiting.push_back((attempt.clone(), 1));
    }

    /// Counts a repetition; one of an attempt that has its row gets a row of its own.
    pub fn repeat(&mut self, repeated: Repeated, rows: &mut Batch) {
        let place = repeated.attempt.and_then(|number| u64::from(number).checked_sub(self.written));
        let waiting = place.and_then(|place| self.waiting.get_mut(usize::try_from(place).ok()?));
        match waiting {
            Some((_, times)) => *times = times.saturating_add(repeated.times),
            None => write(None, repeated.attempt.map(u64::from), repeated.times, rows),
        }
    }

    pub fn finish(&mut self, rows: &mut Batch) {
        while !self.waiting.is_empty() {
            self.write_first(rows);
        }
    }

    fn write_first(&mut self, rows: &mut Batch) {
        if let Some((attempt, times)) = self.waiting.pop_front() {
            write(Some(&attempt), Some(self.written), times, rows);
            self.written += 1;
        }
    }
}

fn write(attempt: Option<&Attempt>, number: Option<u64>, times: u64, rows: &mut Batch) {
    let site = attempt.and_then(|attempt| attempt.site.as_ref());
    let answer = attempt.map(|attempt| attempt.answer);
    let errno = answer.and_then(Answer::error);
    let by = attempt.map(|attempt| match attempt.by {
        By::Program => "program",
        By::Library => "library",
        By::Process => "process",
    });
    let row = rows.row().optional(number, |row, number| row.number(number));
    let row = row.optional(site, |row, site| row.number(site.instruction));
    let row = row.optional(attempt.and_then(|attempt| attempt.thread), |row, thread| row.number(thread.into()));
    let row = row.optional(attempt, |row, attempt| row.word(attempt.deed.name()));
    let row = row.optional(attempt, |row, attempt| row.plain(&list(&attempt.targets)));
    let row = row.optional(answer, |row, answer| row.boolean(answer == Answer::Allowed));
    let row = row.optional(errno, |row, errno| row.integer(errno.into()));
    let option = attempt.map(Attempt::option_text).filter(|option| !option.is_empty());
    let row = row.optional(option, |row, option| row.text(&option));
    let row = row.optional(by, |row, by| row.word(by));
    let row = row.optional(site, |row, site| row.text(&site.name)).optional(site, |row, site| row.text(&site.filename));
    let row = row.optional(site, |row, site| row.number(site.offset.into()));
    let caller = site.and_then(|site| site.caller.as_ref());
    let row = row.optional(caller, |row, (name, _)| row.text(name));
    let row = row.optional(caller, |row, (_, filename)| row.text(filename));
    row.number(times);
}
