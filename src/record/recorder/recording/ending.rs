//! The end of a recording: the run that was open, why it ended, and the end of the output.

use std::io;

use super::{Failure, IDLE, Recording, Summary, tampered};
use crate::bytecode::{decode, opcode};
use crate::process::How;
use crate::progress::Progress;
use crate::record::recorder::account::Account;
use crate::record::recorder::watch::Seen;
use crate::record::shared::slot::{self, Extent, OpenRun};
use crate::trace::event::{End, EndReason, Event, Skipped, Then};
use crate::trace::{Sink, SinkError, State, StreamError};

impl Recording<'_> {
    /// Takes what a dead process has left: the last words, and the run that was open.
    pub(super) fn finish_run(&mut self, sink: &mut Account) -> Result<(), Failure> {
        let (Extent { head, repeated }, open) = slot::left(self.ring.slot());
        self.take_to(head, sink)?;
        if let Some((position, distance)) = repeated {
            self.repeat_to(position, distance, sink)?;
        }
        if let Some(OpenRun { offset, length }) = open {
            let (Ok(offset), Ok(length)) = (u32::try_from(offset), u32::try_from(length)) else {
                return Err(tampered("the open run is nowhere in the code"));
            };
            self.decoder.run_at(offset, length, Then::Jump, sink)?;
        }
        let instructions = self.ring.slot().unrecorded();
        if instructions != 0 {
            self.decoder.event(&Event::Skipped(Skipped { instructions, ..Skipped::default() }), sink)?;
        }
        Ok(())
    }

    pub(super) fn reason(&self, seen: Seen) -> EndReason {
        if let Some(stopped) = self.decoder.state().stopped {
            return EndReason::Stopped(stopped);
        }
        if let Some(reason) = seen.stop {
            return EndReason::Stopped(reason);
        }
        match seen.death.map(|death| death.how) {
            Some(How::Killed(signal)) => EndReason::Killed(signal),
            Some(How::Exited(status)) => EndReason::Exited(status),
            Some(How::Unknown) => EndReason::Unknown,
            None => EndReason::Tampered(b"the program's process is lost".to_vec()),
        }
    }

    pub(super) fn wait_for_death(&self) {
        while self.watch.seen().death.is_none() {
            self.ring.wait(IDLE);
        }
    }

    /// Writes the end record and finishes the output.
    pub(super) fn end(&mut self, reason: EndReason, mut sink: Account) -> io::Result<Summary> {
        let (state, seen) = (self.decoder.state(), self.watch.seen());
        let mut end = End {
            reason,
            finished: state.finished,
            replaced: seen.death.is_some_and(|death| death.replaced),
            place: place(state),
            instructions: state.instructions,
        };
        let mut result = self.write_end(&end, &mut sink);
        if let Err(SinkError::Io(error)) = result {
            // Where the last piece found no room, the sink can still say so.
            end.reason = failed_output(error.into())?;
            result = self.write_end(&end, &mut sink);
        }
        self.progress = Progress::new(false);
        let (written, lost) = match result {
            Ok(written) => (written, None),
            Err(SinkError::Lost(why)) => (sink.written(), Some(why)),
            // The first failure is the one that is reported.
            Err(SinkError::Io(_) | SinkError::Full) => (sink.written(), None),
        };
        Ok(Summary { end, written, lost, tally: sink.tally })
    }

    fn write_end(&mut self, end: &End, sink: &mut Account) -> Result<u64, SinkError> {
        match self.decoder.event(&Event::End(end.clone()), sink) {
            Err(StreamError::Output(error)) if !matches!(error, SinkError::Full) => return Err(error),
            _ => {}
        }
        sink.finish()
    }
}

/// How a trace ends that cannot be written on; an error if its reader has gone, who needs no end.
pub(super) fn failed_output(error: SinkError) -> io::Result<EndReason> {
    match error {
        SinkError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error),
        error => Ok(EndReason::OutputFailed(error.cause().into_bytes())),
    }
}

/// The last instruction that was executed, as far as it is known: code name, offset, opcode name.
fn place(state: &State) -> Option<(Vec<u8>, i64, Vec<u8>)> {
    let last = state.last?;
    let object = &state.code_of(last)?.object;
    let unit = decode::units(&object.bytes, last.start).take_while(|unit| unit.start < last.end).last()?;
    let opname = opcode::name(unit.last.opcode).unwrap_or("**********INVALID**********");
    Some((object.name.clone(), unit.last.offset.into(), opname.into()))
}
