//! The one row of a trace as a whole: what was run, and the totals that `bctrace info` reports.

use super::batch::Batch;
use super::code::hex;
use crate::export::text::list;
use crate::trace::{End, EndReason, Event, Start};

/// What is known of the trace so far.
#[derive(Default)]
pub struct Summary {
    start: Option<Start>,
    end: Option<End>,
    pub has_values: bool,
    pub executed: u64,
    pub recorded: u64,
    own: u64,
    pub frames: u64,
    pub exceptions: u64,
}

impl Summary {
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Start(start) => {
                self.has_values = start.options.iter().any(|option| option == b"--values");
                self.start = Some(start.clone());
            }
            Event::Skipped(skipped) if skipped.own => self.own = self.own.saturating_add(skipped.instructions),
            Event::End(end) => self.end = Some(end.clone()),
            _ => {}
        }
    }

    pub fn write(&self, flaws: u64, rows: &mut Batch) {
        let unknown = Start::default();
        let start = self.start.as_ref().unwrap_or(&unknown);
        let sample = start.sha256.map(|hash| hex(&hash));
        let row = rows.row().optional(sample, |row, sample| row.plain(sample.as_bytes()));
        let row = row.plain(&list(&start.argv)).plain(&list(&start.options));
        let row = row.text(&start.version).text(&start.vm).word(start.sandbox.name());
        let row = row.number(self.executed).number(self.recorded).number(self.own);
        let row = row.number(self.frames).number(self.exceptions);
        let (end, status) = self.end.as_ref().map_or((None, None), |end| {
            let (word, status) = ended(end);
            (Some(word), status)
        });
        let row = row.optional(end, |row, end| row.word(end));
        row.optional(status, |row, status| row.integer(status.into())).number(flaws);
    }
}

/// The word for how a trace ended, and the exit status or signal.
fn ended(end: &End) -> (&'static str, Option<u8>) {
    match &end.reason {
        EndReason::Exited(status) => ("exited", Some(*status)),
        EndReason::Killed(signal) => ("killed", Some(*signal)),
        EndReason::Stopped(reason) => (reason.option(), None),
        EndReason::Tampered(_) => ("tampered", None),
        EndReason::OutputFailed(_) => ("output failed", None),
        EndReason::Unknown if end.replaced => ("replaced", None),
        EndReason::Unknown => ("unknown", None),
    }
}
