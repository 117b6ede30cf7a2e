//! Reads a recorded .bct as the events that the successor model knows.  Takes from the library where blocks, frames and code objects
//! are; decodes every instruction itself, from the bytes that the trace says were executed.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use bctrace::parts::{self as trace, Outside, Progress, Reader, Run, Sink, SinkError, State, Then, Want};

use crate::successor::{Code, Event, Left, Value};

/// A trace, event for event.
#[derive(Default)]
pub struct Recorded {
    pub events: Vec<Event>,
    /// The place of each instruction in `events`.
    pub instructions: Vec<Instruction>,
    /// The places in `events` of each run's instructions.
    pub runs: Vec<Range<usize>>,
    /// What the trace says at its end.
    pub end: Option<trace::End>,
    codes: HashMap<u32, Rc<Code>>,
    /// Which frame is suspended in which slot.
    slots: HashMap<u32, u64>,
    /// Slots that were in use, one more than the last one's number.
    pub slots_used: u32,
    /// Where the last unit of each frame begins: what the VM would call f_lasti.
    last: HashMap<u64, i64>,
}

/// One executed instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its place in `Recorded::events`.
    pub event: usize,
    pub name: Vec<u8>,
    pub file: Vec<u8>,
    pub offset: i64,
    pub opcode: u8,
    /// Combined with what EXTENDED_ARG put before it.
    pub operand: Option<i32>,
    /// It follows an EXTENDED_ARG.
    pub prefixed: bool,
}

/// Counts the runs of a whole trace.
pub fn count_runs(path: &Path) -> u64 {
    #[derive(Default)]
    struct Count(u64);
    impl Sink for Count {
        fn event(&mut self, _event: &trace::Event, _at: &State) -> Result<(), SinkError> {
            Ok(())
        }

        fn run(&mut self, _run: &Run, _at: &State) -> Result<(), SinkError> {
            self.0 += 1;
            Ok(())
        }

        fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
            Ok(())
        }

        fn written(&self) -> u64 {
            0
        }
    }
    let mut count = Count::default();
    read_into(path, &mut count);
    count.0
}

/// Reads a whole trace.
pub fn read(path: &Path) -> Recorded {
    let mut recorded = Recorded::default();
    read_into(path, &mut recorded);
    let end = recorded.end.as_ref().unwrap_or_else(|| panic!("{} has no end", path.display()));
    assert_eq!(end.instructions, recorded.instructions.len() as u64, "{}: its end counts otherwise", path.display());
    recorded
}

fn read_into(path: &Path, sink: &mut dyn Sink) {
    let mut reader = Reader::open(path).unwrap();
    loop {
        let mut flaws = |flaw| panic!("{}: {flaw:?}", path.display());
        match reader.next(&|_| Want::Read, &mut 0, sink, &mut flaws).unwrap() {
            Progress::Block { unfinished } => assert_eq!(unfinished, None, "{} is not finished", path.display()),
            Progress::Finished => break,
            Progress::Stopped | Progress::Waiting { .. } => panic!("{} ends too early", path.display()),
        }
    }
}

impl Sink for Recorded {
    fn event(&mut self, event: &trace::Event, at: &State) -> Result<(), SinkError> {
        match event {
            trace::Event::Outside(outside) => {
                self.outside(outside, at);
                Ok(())
            }
            trace::Event::Raised(_) => {
                let (thread, frame) = (u64::from(at.thread), frame(at).id);
                let offset = Some(self.last.get(&frame).copied().unwrap_or(-1));
                self.events.push(Event::Raised { thread, frame, offset });
                Ok(())
            }
            trace::Event::End(end) => {
                self.end = Some(end.clone());
                Ok(())
            }
            trace::Event::Announce(_) | trace::Event::Skipped(_) | trace::Event::Switch(_) => {
                panic!("{event:?} in a trace without filter and foreign stacks")
            }
            _ => Ok(()),
        }
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if run.length > 0 {
            let code = Rc::clone(&frame(at).code);
            self.execute(i64::from(run.start), &code.object.bytes[run.start as usize..run.end() as usize], at);
        }
        let thread = u64::from(at.thread);
        let left = |how| Event::Left { thread, frame: frame(at).id, how };
        let event = match run.then() {
            Then::Call { code } => {
                Event::Entered { thread, frame: at.next_frame, code: self.code(at.code(code).unwrap()) }
            }
            Then::Resume { slot } => Event::Resumed { thread, frame: self.slots.remove(&slot).unwrap() },
            Then::Return => left(Left::Return),
            Then::Unwind => left(Left::Exception),
            Then::Yield { slot } => {
                self.slots.insert(slot, frame(at).id);
                self.slots_used = self.slots_used.max(slot + 1);
                left(Left::Yield)
            }
            Then::Version { code } => Event::Changed { frame: frame(at).id, code: self.code(at.code(code).unwrap()) },
            Then::SlotGone { slot } => {
                self.slots.remove(&slot);
                return Ok(());
            }
            Then::Jump | Then::Thread { .. } | Then::CodeGone { .. } => return Ok(()),
        };
        self.events.push(event);
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}

impl Recorded {
    /// The code object as the model sees it, the same one each time.
    fn code(&mut self, code: &trace::Code) -> Rc<Code> {
        let described = || {
            let constants = code.object.constants.iter().map(|text| value(text)).collect();
            Rc::new(Code { bytes: code.object.bytes.clone(), constants })
        };
        Rc::clone(self.codes.entry(code.id).or_insert_with(described))
    }

    fn outside(&mut self, outside: &Outside, at: &State) {
        self.execute(i64::from(outside.offset), &outside.bytes, at);
    }

    /// Adds the instructions of these bytes, which begin at `start`.
    fn execute(&mut self, start: i64, bytes: &[u8], at: &State) {
        const EXTENDED_ARG: u8 = 145;
        const HAVE_ARGUMENT: u8 = 90;
        let frame = frame(at);
        let first = self.events.len();
        let (mut place, mut high, mut prefixed) = (0, 0, false);
        while place < bytes.len() {
            let opcode = bytes[place];
            let is_wide = opcode >= HAVE_ARGUMENT || prefixed;
            let operand = match bytes.get(place + 1..place + 3) {
                Some(&[low, middle]) if is_wide => Some(high << 16 | u32::from(middle) << 8 | u32::from(low)),
                _ => None,
            };
            let offset = start + place as i64;
            let operand = operand.map(u32::cast_signed);
            self.instructions.push(Instruction {
                event: self.events.len(),
                name: frame.code.object.name.clone(),
                file: frame.code.object.filename.clone(),
                offset,
                opcode,
                operand: operand.filter(|_| opcode >= HAVE_ARGUMENT),
                prefixed,
            });
            if !prefixed {
                self.last.insert(frame.id, offset);
            }
            let thread = u64::from(at.thread);
            self.events.push(Event::Executed { thread, frame: frame.id, offset, opcode, operand });
            prefixed = opcode == EXTENDED_ARG;
            high = if prefixed { operand.unwrap_or(0).cast_unsigned() } else { 0 };
            place += if is_wide { 3 } else { 1 };
        }
        self.runs.push(first..self.events.len());
    }
}

fn frame(at: &State) -> &trace::Frame {
    at.frame().expect("something happens in a frame")
}

/// What END_FINALLY can learn of a constant by its text.  A string that reads like an int would be taken for one; no fixture has that.
fn value(text: &[u8]) -> Value {
    match std::str::from_utf8(text) {
        Ok("None") => Value::None,
        Ok(text) => text.parse().map_or(Value::Unknown, Value::Int),
        Err(_) => Value::Unknown,
    }
}
