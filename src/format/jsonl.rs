//! JSON lines: one object per instruction, and objects of their own for code objects, exceptions, and the beginning and
//! end; docs/formats.md describes them.  A code object's line stands before the first line that names it.

mod again;
mod number;
mod records;
mod rendered;

use self::again::{Again, Piece};
use self::number::Number;
use self::rendered::Rendered;
use super::kept::Kept;
use super::lines::Lines;
use super::output::Output;
use super::{Options, Quota, json};
use crate::bytecode::Instruction;
use crate::select::Share;
use crate::trace::by_id::ById;
use crate::trace::numbered;
use crate::trace::origin::WholeCode;
use crate::trace::value::Pending;
use crate::trace::{Code, Event, Frame, Outside, Run, Sink, SinkError, State, Then};

pub use records::{push_attempt_members, push_end_members, push_start_members};

/// Prints events as objects.
pub(super) struct Jsonl {
    lines: Lines,
    options: Options,
    rendered: Kept<Rendered>,
    /// Code objects whose own line was printed.
    described: ById<()>,
    place: Place,
    number: Number,
    again: Again,
    quota: Quota,
    /// The values of the next run.
    pending: Pending,
}

impl Jsonl {
    pub(super) fn new(options: Options, output: Output) -> Jsonl {
        let lines = Lines::new(output, options.max_size);
        Jsonl {
            lines,
            quota: Quota::new(&options),
            options,
            rendered: Kept::default(),
            described: ById::default(),
            place: Place::default(),
            number: Number::new(),
            again: Again::default(),
            pending: Pending::default(),
        }
    }

    /// Returns whether the current frame is wanted; then its code object is described and rendered.
    fn wants_frame(&mut self, frame: &Frame, at: &State) -> Result<bool, SinkError> {
        Ok(self.options.selection.wants_frame(at) && self.prepare(&frame.code)?)
    }

    /// Describes and renders a code object if it is wanted; returns whether it is.
    fn prepare(&mut self, code: &Code) -> Result<bool, SinkError> {
        let wants = || self.options.selection.filter.wants(&code.object);
        if !self.rendered.prepare(code, wants, || Rendered::new(code.id, &code.object)) {
            return Ok(false);
        }
        if self.described.get(code.id).is_none() {
            self.described.insert(code.id, ());
            records::push_code(self.lines.open(), code);
            self.lines.ended()?;
        }
        Ok(true)
    }

    /// Prints a run with its values.
    fn print_with_values(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let wanted = match at.frame() {
            Some(frame) if self.options.selection.share(run, at) != Share::Nothing => self.wants_frame(frame, at)?,
            _ => false,
        };
        let frame = at.frame().filter(|_| wanted);
        let rendered = frame.and_then(|frame| self.rendered.get(frame.code.id));
        let (Some(frame), Some(rendered)) = (frame, rendered) else {
            self.pending.clear();
            return Ok(());
        };
        let (selection, lines, quota) = (&self.options.selection, &mut self.lines, &mut self.quota);
        let place = self.place.of(frame, at);
        self.pending.each(run, at, &frame.code, |number, _, instruction, values| {
            if !selection.wants_number(number) {
                return Ok(());
            }
            quota.check()?;
            let out = lines.open();
            self.number.push_head(out, number, place);
            rendered.push(out, instruction);
            if let Some(values) = values.filter(|values| !values.is_empty()) {
                // Before the brace and the line break.
                out.truncate(out.len() - 2);
                records::push_values(out, values);
                out.extend_from_slice(b"}\n");
            }
            lines.ended()?;
            quota.printed()
        })
    }

    fn print(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        let share = self.options.selection.share(run, at);
        if share == Share::Nothing || !self.wants_frame(frame, at)? {
            return Ok(());
        }
        let is_whole = share == Share::Whole && self.options.count.is_none();
        let index = frame.code.layout.index(run.start).filter(|_| is_whole).map(|index| index as usize);
        if let Some(first) = index
            && self.print_kept(first, run.count as usize, frame, at)?
        {
            return Ok(());
        }
        self.print_each(numbered::of_run(run, at, &frame.code), frame, at)
    }

    /// Prints so many instructions of the canonical chain, if their ends are kept; returns whether they are.
    fn print_kept(&mut self, first: usize, count: usize, frame: &Frame, at: &State) -> Result<bool, SinkError> {
        let Some(rendered) = self.rendered.get(frame.code.id) else { return Ok(false) };
        if rendered.kept(first + count - 1).is_none() {
            return Ok(false);
        }
        let ends = (first..first + count).map(|index| rendered.kept(index).unwrap_or_default());
        let piece = Piece { code: frame.code.id, first, count };
        let (lines, head) = (&mut self.lines, (&mut self.number, &mut self.place));
        if self.again.print(&piece, ends.clone(), (frame, at), head, lines)? {
            return Ok(true);
        }
        let place = self.place.of(frame, at);
        let begin = (lines.open().len(), lines.emptied());
        for (number, end) in (at.instructions + 1..).zip(ends) {
            let out = lines.open();
            self.number.push_head(out, number, place);
            out.extend_from_slice(end);
            lines.ended()?;
        }
        self.again.remember(&piece, (frame, at), place.len(), begin, lines);
        Ok(true)
    }

    /// Prints instructions that are not kept, as far as they are in the window.
    fn print_each(
        &mut self,
        all: impl Iterator<Item = (u64, Instruction)>,
        frame: &Frame,
        at: &State,
    ) -> Result<(), SinkError> {
        let Some(rendered) = self.rendered.get(frame.code.id) else { return Ok(()) };
        let place = self.place.of(frame, at);
        for (number, instruction) in all {
            if self.options.selection.wants_number(number) {
                self.quota.check()?;
                let out = self.lines.open();
                self.number.push_head(out, number, place);
                rendered.push(out, &instruction);
                self.lines.ended()?;
                self.quota.printed()?;
            }
        }
        Ok(())
    }

    /// Prints where a code object comes from, after the code object itself.
    fn whole_code(&mut self, whole: &WholeCode, at: &State) -> Result<(), SinkError> {
        let Some(code) = at.code(whole.code).filter(|_| self.options.selection.wants_moment(at)) else {
            return Ok(());
        };
        if self.prepare(code)? {
            records::push_layer(self.lines.open(), whole, code, at);
            self.lines.ended()?;
        }
        Ok(())
    }

    fn outside(&mut self, outside: &Outside, at: &State) -> Result<(), SinkError> {
        match at.frame() {
            Some(frame) if self.wants_frame(frame, at)? => {
                self.print_each(numbered::of_outside(outside, at), frame, at)
            }
            _ => Ok(()),
        }
    }
}

/// Where instructions run: `,"thread":…,"frame":…,"depth":…`, as it was asked for last.
#[derive(Default)]
struct Place {
    text: Vec<u8>,
    of: Option<(u32, u64, u32)>,
}

impl Place {
    fn of(&mut self, frame: &Frame, at: &State) -> &[u8] {
        let of = Place::id(frame, at);
        if self.of != Some(of) {
            self.of = Some(of);
            self.text.clear();
            json::push_number_member(&mut self.text, "thread", at.thread.into());
            json::push_number_member(&mut self.text, "frame", frame.id);
            json::push_number_member(&mut self.text, "depth", frame.depth.into());
        }
        &self.text
    }

    /// Thread, frame and depth: a resumed frame has another one.
    fn id(frame: &Frame, at: &State) -> (u32, u64, u32) {
        (at.thread, frame.id, frame.depth)
    }
}

impl Sink for Jsonl {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Outside(outside) => self.outside(outside, at),
            Event::Raised(raised) => {
                let wanted = match at.frame() {
                    Some(frame) if self.options.selection.wants_moment(at) => self.wants_frame(frame, at)?,
                    _ => false,
                };
                if wanted {
                    records::push_raised(self.lines.open(), raised, at);
                    self.lines.ended()?;
                }
                Ok(())
            }
            Event::Name(_) => {
                self.pending.event(event, at);
                Ok(())
            }
            Event::WholeCode(whole) => self.whole_code(whole, at),
            _ if self.options.selection.wants_moment(at) => {
                let mut line = Vec::new();
                records::push_milestone(&mut line, event, at);
                match event {
                    _ if line.is_empty() => {}
                    Event::End(_) if self.lines.has_failed() => self.lines.push_last(&line),
                    _ => self.lines.push_past_limit(&line)?,
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if run.count > 0 {
            match self.pending.is_empty() {
                true => self.print(run, at)?,
                false => self.print_with_values(run, at)?,
            }
        }
        if let Then::CodeGone { code } = run.then() {
            self.rendered.forget(code);
            self.described.remove(code);
            self.again.forget(code);
        }
        Ok(())
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        if self.options.values {
            self.pending.push(words);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lines.flush()
    }

    fn resume(&mut self) -> Result<(), SinkError> {
        self.lines.resume()
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.lines.finish()
    }

    fn written(&self) -> u64 {
        self.lines.written()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Compression;
    use crate::format::kept::forgetting;

    #[test]
    fn a_code_object_that_is_gone_takes_no_memory() {
        let sink = Jsonl::new(Options::default(), forgetting::output(Compression::None));
        forgetting::check(sink, |sink, code| sink.rendered.get(code).is_some() || sink.described.get(code).is_some());
    }
}
