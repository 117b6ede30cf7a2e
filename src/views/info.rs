//! `bctrace info`: what is in a trace, how it was made and how it ended, counted from its index, or by reading all of
//! it where there is none.

mod json;
mod text;

use std::io;
use std::path::PathBuf;

use crate::format::bct::layout;
use crate::read::{Flaw, Reader, TraceError, Want, is_written};
use crate::trace::totals::{Capped, Counter, Totals};
use crate::trace::uncaught::Uncaught;
use crate::trace::{End, Event, Raised, Run, Sink, SinkError, Start, State};

/// What is asked.
#[derive(Clone, Debug)]
pub struct InfoPlan {
    /// The .bct, `-` for standard input.
    pub trace: PathBuf,
    /// One JSON object instead of text.
    pub json: bool,
}

/// What is known of a trace.
#[derive(Clone, Debug, Default)]
pub struct Info {
    pub trace: PathBuf,
    /// The format's version.
    pub version: u32,
    /// Bytes of the file; None where it comes through a pipe or is compressed.
    pub bytes: Option<u64>,
    pub blocks: u64,
    pub start: Option<Start>,
    /// Its recorder still writes it.
    pub is_growing: bool,
    /// How the trace ended; None where its recorder was killed or still writes it.
    pub end: Option<End>,
    pub uncaught: Uncaught,
    /// Instructions executed, recorded or not.
    pub executed: u64,
    pub totals: Totals,
    pub flaws: Vec<Flaw>,
}

/// Reads a trace and writes what is in it.
pub fn run(plan: &InfoPlan, out: &mut dyn io::Write) -> Result<Info, TraceError> {
    let info = collect(plan)?;
    print(plan, &info, out)?;
    Ok(info)
}

/// Writes what is in a trace.  A reader of the output that leaves is no error.
pub fn print(plan: &InfoPlan, info: &Info, out: &mut dyn io::Write) -> Result<(), TraceError> {
    let rendered = if plan.json { json::render(info) } else { text::render(info) };
    match out.write_all(&rendered).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(TraceError::Output(error.into())),
        _ => Ok(()),
    }
}

/// Reads what is in a trace.
pub fn collect(plan: &InfoPlan) -> Result<Info, TraceError> {
    let mut reader = Reader::open(&plan.trace)?;
    let is_growing = reader.file().is_some_and(is_written);
    let bytes = reader.file().and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
    let mut info = Info { trace: plan.trace.clone(), version: layout::VERSION, bytes, is_growing, ..Info::default() };
    let mut flaws = Vec::new();
    let mut keep = |flaw| {
        flaws.push(flaw);
        Ok(())
    };
    if let Some(index) = reader.index().cloned() {
        info.blocks = index.count;
        info.totals = index.totals;
        // The first block says how the trace was made, the last one how it ended.
        let ends = [index.blocks.first(), index.blocks.last()];
        let mut gather = Gather { info: &mut info, counter: None };
        for block in ends.into_iter().flatten() {
            reader.go_back(block.offset);
            reader.next(&|_| Want::Read, &mut 0, &mut gather, &mut keep)?;
        }
    } else {
        let mut gather = Gather { info: &mut info, counter: Some(Counter::default()) };
        let blocks = reader.read_all(&mut gather, &mut keep)?;
        if let Some(mut counter) = gather.counter {
            info.totals = counter.totals();
        }
        info.blocks = blocks;
    }
    let has_end = info.end.is_some();
    let of_file = |flaw| if has_end && matches!(flaw, Flaw::Unfinished { .. }) { Flaw::NoIndex } else { flaw };
    info.flaws = flaws.into_iter().map(of_file).collect();
    info.executed = reader.reached();
    Ok(info)
}

/// Keeps what is worth reporting.
struct Gather<'a> {
    info: &'a mut Info,
    counter: Option<Counter>,
}

impl Sink for Gather<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.info.uncaught.event(event, at);
        match event {
            Event::Start(start) => self.info.start = Some(start.clone()),
            Event::End(end) => self.info.end = Some(end.clone()),
            _ => {}
        }
        if let Some(counter) = &mut self.counter {
            counter.event(event, at);
        }
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if let Some(counter) = &mut self.counter {
            counter.run(run, at);
        }
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}

impl Info {
    /// What is said of the whole trace: pairs of a word and a printable text.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        text::facts(self)
    }

    /// Says how the trace ended.
    pub fn how_it_ended(&self) -> String {
        text::end(self)
    }

    /// The exception that ended the program, as far as the trace says.
    pub fn uncaught(&self) -> Option<&Raised> {
        self.uncaught.of(self.end.as_ref()?)
    }

    /// Executed instructions that were left out, or that are damaged.
    pub fn left_out(&self) -> u64 {
        self.executed.saturating_sub(self.totals.instructions)
    }

    /// What `--loop-cap` left out.
    pub fn capped(&self) -> Capped {
        self.totals.capped
    }

    /// Those of them that are the interpreter's own, at shutdown.
    pub fn left_out_at_shutdown(&self) -> u64 {
        self.totals.own.min(self.left_out())
    }
}
