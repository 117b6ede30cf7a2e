//! The state as a STATE record, with which each block of a file begins: everything but the code objects, which are described
//! before it.

use std::rc::Rc;

use super::{Frame, MAX_COUNT, MAX_FRAMES, State, Thread};
use crate::trace::codec::record;
use crate::trace::payload::{PayloadReader, PayloadWriter};
use crate::trace::word;

impl State {
    /// Appends the words of a STATE record, with which a block of a file begins.
    pub fn push_record(&self, out: &mut Vec<u64>) {
        word::push_record(out, record::STATE, &self.encode());
    }

    /// Writes the payload of a STATE record.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = PayloadWriter::default();
        out.u64(self.instructions).u64(self.next_frame).u32(self.thread).u32(self.next_thread);
        out.u8(self.finished.into()).u32(self.others.len() as u32);
        encode_thread(&mut out, &self.current);
        for (number, thread) in &self.others {
            out.u32(*number);
            encode_thread(&mut out, thread);
        }
        out.u32(self.suspended.len() as u32);
        let mut suspended: Vec<_> = self.suspended.iter().collect();
        suspended.sort_unstable_by_key(|(slot, _)| *slot);
        for (slot, frame) in suspended {
            out.u32(slot);
            encode_frame(&mut out, frame);
        }
        out.finish()
    }

    /// Takes over an encoded state; the code objects that it names must have been applied before.
    pub(in crate::trace) fn restore(&mut self, payload: &[u8]) -> Option<()> {
        let mut reader = PayloadReader::new(payload);
        self.instructions = reader.u64()?;
        self.next_frame = reader.u64()?;
        self.thread = reader.u32()?;
        self.next_thread = reader.u32()?;
        if self.instructions > MAX_COUNT || self.next_frame > MAX_COUNT || self.next_thread as usize > MAX_FRAMES {
            return None;
        }
        self.finished = reader.u8()? != 0;
        let others = reader.u32()?;
        self.current = self.decode_thread(&mut reader)?;
        for _ in 0..others {
            let number = reader.u32()?;
            let thread = self.decode_thread(&mut reader)?;
            self.others.insert(number, thread);
        }
        for _ in 0..reader.u32()? {
            let slot = reader.u32()?;
            let frame = self.decode_frame(&mut reader)?;
            self.suspended.insert(slot, frame);
        }
        Some(())
    }

    fn decode_thread(&self, reader: &mut PayloadReader) -> Option<Thread> {
        let count = reader.u32()?;
        let mut stack = Vec::new();
        for _ in 0..count {
            stack.push(self.decode_frame(reader)?);
        }
        Some(Thread { stack, left: None })
    }

    fn decode_frame(&self, reader: &mut PayloadReader) -> Option<Frame> {
        let id = reader.u64()?;
        let caller = reader.u64()?;
        let depth = reader.u32().filter(|&depth| depth as usize <= 2 * MAX_FRAMES)?;
        let kept = reader.u32()?;
        let code = Rc::clone(self.codes.get(reader.u32()?)?);
        Some(Frame { id, code, caller, depth, kept })
    }
}

fn encode_thread(out: &mut PayloadWriter, thread: &Thread) {
    out.u32(thread.stack.len() as u32);
    for frame in &thread.stack {
        encode_frame(out, frame);
    }
}

fn encode_frame(out: &mut PayloadWriter, frame: &Frame) {
    out.u64(frame.id).u64(frame.caller).u32(frame.depth).u32(frame.kept).u32(frame.code.id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::CodeObject;
    use crate::trace::Code;

    /// A state with one frame on the stack, at this depth.
    fn with_frame(depth: u32) -> State {
        let mut state = State::default();
        let code = Rc::new(Code::new(0, 0, None, CodeObject::default()));
        state.codes.insert(0, Rc::clone(&code));
        state.current.stack.push(Frame { id: 1, code, caller: 0, depth, kept: u32::MAX });
        state
    }

    fn is_restored(payload: &[u8]) -> bool {
        with_frame(0).restore(payload).is_some()
    }

    #[test]
    fn counts_beyond_their_bounds_are_refused() {
        let with = |instructions, next_frame, next_thread| {
            is_restored(&State { instructions, next_frame, next_thread, ..State::default() }.encode())
        };
        let threads = MAX_FRAMES as u32;
        assert!(with(MAX_COUNT, MAX_COUNT, threads));
        assert!(!with(MAX_COUNT + 1, MAX_COUNT, threads));
        assert!(!with(MAX_COUNT, MAX_COUNT + 1, threads));
        assert!(!with(MAX_COUNT, MAX_COUNT, threads + 1));
    }

    #[test]
    fn a_depth_beyond_its_bounds_is_refused() {
        let deepest = 2 * MAX_FRAMES as u32;
        assert!(is_restored(&with_frame(deepest).encode()));
        assert!(!is_restored(&with_frame(deepest + 1).encode()));
    }
}
