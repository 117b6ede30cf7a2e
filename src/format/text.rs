//! The base format: one line per instruction.  The lines of a code object are rendered once; a run is a slice of them.

use std::sync::Arc;

use super::kept::Kept;
use super::lines::Lines;
use super::output::Output;
use super::values;
use super::{Options, Quota, push_indent};
use crate::bytecode::{Instruction, Listing};
use crate::select::Share;
use crate::trace::numbered;
use crate::trace::totals::Capped;
use crate::trace::value::Pending;
use crate::trace::{Code, Event, Outside, Run, Sink, SinkError, State, Then};

/// Prints runs as lines.
pub(super) struct Text {
    lines: Lines,
    options: Options,
    /// Nothing but the code object decides and nothing stands before a line: a run without values is copied as it is.
    plain: bool,
    quota: Quota,
    listings: Kept<Listing>,
    /// The values of the next run.
    pending: Pending,
}

impl Text {
    pub(super) fn new(options: Options, output: Output) -> Text {
        let (plain, quota) = (options.is_by_code_only(), Quota::new(&options));
        let lines = Lines::new(output, options.max_size);
        Text { lines, options, plain, quota, listings: Kept::default(), pending: Pending::default() }
    }

    #[inline]
    fn print(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if self.plain
            && self.pending.is_empty()
            && let Some(frame) = at.frame()
            && let Some(listing) = self.listings.get(frame.code.id)
            && let Some(slice) = listing.slice(run.start, run.end())
        {
            return self.lines.push(slice);
        }
        self.print_anyhow(run, at)
    }

    /// Prints a run that is no slice of what is kept, or of which more is to be shown, or less.
    #[inline(never)]
    fn print_anyhow(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame().filter(|_| run.length > 0) else { return Ok(()) };
        if !self.pending.is_empty() {
            return self.print_with_values(run, at);
        }
        match self.list(&frame.code) {
            false => Ok(()),
            true if self.plain => self.print_run(run, &frame.code),
            true => self.selected_run(run, at, &frame.code),
        }
    }

    /// Prints a run with its values.
    fn print_with_values(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        let code = &frame.code;
        self.list(code);
        let Some(listing) = self.listings.get(code.id) else {
            self.pending.clear();
            return Ok(());
        };
        let (selection, lines, quota) = (&self.options.selection, &mut self.lines, &mut self.quota);
        if !selection.wants_frame(at) || selection.share(run, at) == Share::Nothing {
            self.pending.clear();
            return Ok(());
        }
        let depth = self.options.depth.then_some(frame.depth);
        self.pending.each(run, at, code, |number, unit, instruction, values| {
            if !selection.wants_number(number) {
                return Ok(());
            }
            quota.check()?;
            let line = lines.open();
            push_depth(line, depth);
            match listing.slice(unit.start, unit.end).filter(|_| unit.instructions == 1) {
                Some(kept) => line.extend_from_slice(kept),
                None => listing.push_instruction(line, instruction),
            }
            if let Some(values) = values.filter(|values| !values.is_empty()) {
                line.pop();
                values::push_values(line, &code.object, instruction, values);
                line.push(b'\n');
            }
            lines.ended()?;
            quota.printed()
        })
    }

    /// Lists a code object if it is wanted, and returns whether it is.
    fn list(&mut self, code: &Code) -> bool {
        let (filter, resolve) = (&self.options.selection.filter, self.options.resolve);
        self.listings.prepare(code, || filter.wants(&code.object), || Listing::new(Arc::clone(&code.object), resolve))
    }

    /// Prints a run that may begin off the canonical chain; a piece at a time, for it may be long.
    fn print_run(&mut self, run: &Run, code: &Code) -> Result<(), SinkError> {
        if let Some(slice) = self.listings.get(code.id).and_then(|listing| listing.slice(run.start, run.end())) {
            return self.lines.push(slice);
        }
        let Some(mut listing) = self.listings.take(code.id) else { return Ok(()) };
        let whole = listing.write_run(run.start, run.end(), |piece| self.lines.push(piece));
        self.listings.put_back(code.id, listing);
        whole.map(|whole| debug_assert!(whole, "a run that was counted is a sequence"))
    }

    fn selected_run(&mut self, run: &Run, at: &State, code: &Code) -> Result<(), SinkError> {
        if !self.options.selection.wants_frame(at) {
            return Ok(());
        }
        match self.options.selection.share(run, at) {
            Share::Nothing => return Ok(()),
            Share::Whole if !self.options.depth && self.options.count.is_none() => return self.print_run(run, code),
            Share::Whole | Share::Partial => {}
        }
        for (number, instruction) in numbered::of_run(run, at, code) {
            self.instruction(number, &instruction, at, code)?;
        }
        Ok(())
    }

    /// Says what `--loop-cap` left out: no instruction's line has these words, since a name has no spaces.
    fn left_out(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        let is_wanted = at.frame().is_some_and(|frame| self.options.selection.filter.wants(&frame.code.object));
        if !is_wanted || !self.options.selection.wants_moment(at) {
            return Ok(());
        }
        let mut capped = Capped::default();
        capped.event(event);
        let line = self.lines.open();
        push_depth(line, at.frame().map(|frame| frame.depth).filter(|_| self.options.depth));
        line.extend_from_slice(format!("... {capped}\n").as_bytes());
        self.lines.ended()
    }

    fn outside(&mut self, outside: &Outside, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        self.list(&frame.code);
        if !self.options.selection.wants_frame(at) {
            return Ok(());
        }
        for (number, instruction) in numbered::of_outside(outside, at) {
            self.instruction(number, &instruction, at, &frame.code)?;
        }
        Ok(())
    }

    /// Prints one instruction if it is in the window.
    fn instruction(
        &mut self,
        number: u64,
        instruction: &Instruction,
        at: &State,
        code: &Code,
    ) -> Result<(), SinkError> {
        let Some(listing) = self.listings.get(code.id) else { return Ok(()) };
        if !self.options.selection.wants_number(number) {
            return Ok(());
        }
        self.quota.check()?;
        let line = self.lines.open();
        push_depth(line, at.frame().map(|frame| frame.depth).filter(|_| self.options.depth));
        listing.push_instruction(line, instruction);
        self.lines.ended()?;
        self.quota.printed()
    }
}

fn push_depth(line: &mut Vec<u8>, depth: Option<u32>) {
    if let Some(depth) = depth {
        push_indent(line, depth);
    }
}

impl Sink for Text {
    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.print(run, at)?;
        if let Then::CodeGone { code } = run.then() {
            self.listings.forget(code);
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Outside(outside) => self.outside(outside, at)?,
            Event::Skipped(skipped) if skipped.iterations > 0 => self.left_out(event, at)?,
            _ => self.pending.event(event, at),
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
        let sink = Text::new(Options::default(), forgetting::output(Compression::None));
        forgetting::check(sink, |sink, code| sink.listings.get(code).is_some());
    }
}
