//! `bctrace show`: prints a .bct in another form, through the sinks that record in that form, so the bytes are the
//! same.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use super::observed::Observed;
use crate::format::bct::layout::Piece;
use crate::format::{self, Format, Options, Output};
use crate::read::{Flaw, Progress, Reader, TraceError, Want, is_written};
use crate::select::Miss;
use crate::trace::{Sink, SinkError};

/// How long a follower waits before it looks again.
const POLL: Duration = Duration::from_millis(100);

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct ShowPlan {
    /// The .bct, `-` for standard input.
    pub trace: PathBuf,
    pub format: Format,
    pub options: Options,
    /// Goes on while the file grows.
    pub follow: bool,
    /// Shows how far a long command is, on a terminal.
    pub progress: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Bytes printed, before compression.
    pub bytes: u64,
    /// The reader of the output closed the pipe.
    pub closed: bool,
    /// Something was missing or damaged; each case was reported.
    pub flawed: bool,
    /// The parts of the selection that nothing has met.
    pub misses: Vec<Miss>,
}

/// Takes what is missing or damaged, and decides whether to go on.
type Flaws<'a> = dyn FnMut(Flaw) -> Result<(), TraceError> + 'a;

/// Prints a trace into `output`; what is missing or damaged goes to `report`.
pub fn run(plan: &ShowPlan, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Shown, TraceError> {
    let is_bct = plan.format == Format::Bct;
    if is_bct && !(plan.options.selection.is_everything() && plan.options.count.is_none()) {
        return Err(TraceError::Part(plan.trace.clone()));
    }
    let mut shown = Shown::default();
    let mut flaws = |flaw| {
        // An unfinished trace is whole as far as it goes; a damaged one has no state to go on from.
        if is_bct && !matches!(flaw, Flaw::Unfinished { .. }) {
            return Err(TraceError::Flawed(plan.trace.clone(), flaw));
        }
        shown.flawed = true;
        report(flaw);
        Ok(())
    };
    let mut reader = Reader::open(&plan.trace)?;
    if plan.follow && reader.is_compressed() {
        return Err(TraceError::NotFollowed(plan.trace.clone()));
    }
    let mut sink = format::sink(plan.format, plan.options.clone(), output);
    let Options { selection, count, .. } = &plan.options;
    let mut observed = Observed::new(&mut *sink, selection, *count, plan.progress, reader.index());
    let result = if plan.follow {
        follow(plan, &mut reader, &mut observed, &mut flaws)
    } else {
        print(plan, &mut reader, &mut observed, &mut flaws)
    };
    let is_whole = plan.options.selection.window.is_none() && result.is_ok();
    shown.misses = observed.misses(reader.index(), reader.reached(), is_whole);
    // A sink that is full has printed as many instructions as were wanted.
    let result = match result {
        Err(TraceError::Output(SinkError::Full)) => Ok(()),
        result => result,
    };
    let result = result.and_then(|()| sink.finish().map_err(TraceError::from));
    shown.bytes = sink.written();
    match result {
        Ok(_) => Ok(shown),
        Err(TraceError::Output(SinkError::Io(error))) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(Shown { closed: true, ..shown })
        }
        Err(error) => Err(error),
    }
}

/// Prints what the file holds now.
fn print(plan: &ShowPlan, reader: &mut Reader, sink: &mut dyn Sink, flaws: &mut Flaws) -> Result<(), TraceError> {
    if let Some(window) = &plan.options.selection.window {
        reader.go_to(window);
    }
    reader.read_wanted(&|piece| want(plan, piece), sink, flaws).map(|_| ())
}

/// Prints a file while somebody writes it.  Its writer holds a lock as long as it lives, so a killed one is noticed.
fn follow(plan: &ShowPlan, reader: &mut Reader, sink: &mut dyn Sink, flaws: &mut Flaws) -> Result<(), TraceError> {
    let mut known = 0;
    reader.growing = reader.file().is_some_and(is_written);
    loop {
        let wait_at = match reader.next(&|piece| want(plan, piece), &mut known, sink, flaws)? {
            Progress::Finished | Progress::Stopped => return Ok(()),
            Progress::Block { unfinished: Some(offset) } if reader.growing => offset,
            Progress::Block { .. } => {
                known = 0;
                continue;
            }
            Progress::Waiting { offset, .. } if reader.growing => offset,
            Progress::Waiting { offset, cut } => {
                return flaws(Flaw::unfinished(reader.reached(), cut.then_some(offset)));
            }
        };
        sink.flush()?;
        // The last look comes after the writer was seen to be gone: it may have written in between.
        reader.growing = reader.file().is_some_and(is_written);
        if reader.growing {
            sleep(POLL);
        }
        reader.go_back(wait_at);
    }
}

/// Decides whether a block holds something of the window.
fn want(plan: &ShowPlan, piece: &Piece) -> Want {
    plan.options.selection.window.as_ref().map_or(Want::Read, |window| Want::of(piece, window))
}
