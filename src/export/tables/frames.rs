//! The frames that have begun and not ended, and what each has done so far.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::batch::Batch;
use crate::bytecode::decode::units;
use crate::trace::value::Value;
use crate::trace::{Code, Frame, Run, State};

/// How a frame comes into a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Entered,
    /// It was on the stack when recording began, or after instructions that were left out.
    Announced,
    /// Its beginning is damaged or missing.
    Unknown,
}

/// A frame that has not ended.
pub struct Open {
    pub id: u64,
    pub code: Rc<Code>,
    pub thread: u32,
    pub caller: u64,
    pub depth: u32,
    pub begin: Begin,
    /// The number of its first instruction, or while it has none, of the next one; and of its last so far.
    pub first: u64,
    pub last: u64,
    pub instructions: u64,
    pub resumed: u64,
    /// Its last run: start and end.
    run: Option<(u32, u32)>,
    /// A call instruction whose outcome is not known yet.
    pub call: Option<Call>,
    /// Its last unit, which can produce a result later; None if that was not recorded.
    pub late: Option<Executed>,
}

/// An instruction, where it was executed.
#[derive(Clone, Copy, Debug)]
pub struct Executed {
    pub number: u64,
    pub thread: u32,
    pub frame: u64,
    pub code: u32,
    pub offset: i64,
}

/// A call instruction.
pub struct Call {
    pub number: u64,
    pub offset: i64,
    pub callee: Vec<u8>,
    pub arguments: Vec<u8>,
    pub frame: Option<u64>,
}

/// All of them.
#[derive(Default)]
pub struct Frames {
    open: FxHashMap<u64, Box<Open>>,
    /// The frame of the last run, kept out of the map.
    current: Option<Box<Open>>,
}

impl Open {
    pub fn new(id: u64, code: &Rc<Code>, thread: u32, begin: Begin, first: u64) -> Open {
        Open {
            id,
            code: Rc::clone(code),
            thread,
            caller: 0,
            depth: 0,
            begin,
            first,
            last: first.saturating_sub(1),
            instructions: 0,
            resumed: 0,
            run: None,
            call: None,
            late: None,
        }
    }

    /// Counts a run that ends with the instruction `last`.
    #[inline]
    pub fn ran(&mut self, run: &Run, last: u64) {
        self.executed(run.count, last);
        self.run = Some((run.start, run.end()));
    }

    /// Counts instructions up to `last`.
    #[inline]
    pub fn executed(&mut self, count: u64, last: u64) {
        if self.instructions == 0 {
            self.first = last + 1 - count;
        }
        self.instructions += count;
        self.last = last;
    }

    /// The offset of the last unit that it has executed.
    pub fn offset(&self) -> Option<i64> {
        let (start, end) = self.run?;
        let found = units(&self.code.object.bytes, start).take_while(|unit| unit.end <= end).last();
        found.map(|unit| i64::from(unit.last.offset))
    }

    /// Writes its row; `exit` is how it has ended.
    pub fn write(&self, exit: Option<&'static str>, rows: &mut Batch) {
        let entry = match self.begin {
            Begin::Entered => "entered",
            Begin::Announced => "announced",
            Begin::Unknown => "unknown",
        };
        let caller = Some(self.caller).filter(|caller| *caller > 0);
        let row = rows.row().number(self.id).optional(caller, |row, caller| row.number(caller));
        let row = row.number(self.depth.into()).number(self.thread.into()).number(self.code.id.into());
        let row = row.word(entry).number(self.first).number(self.last);
        let row = row.number(self.instructions).number(self.resumed);
        row.optional(exit, |row, exit| row.word(exit));
    }
}

impl Call {
    /// Writes its row.
    pub fn write(&self, open: &Open, outcome: Option<(&'static str, &[u8])>, rows: &mut Batch) {
        let row = rows.row().number(self.number).number(open.thread.into());
        let row = row.optional(Some(open.id), |row, id| row.number(id));
        let row = row.optional(Some(open.code.id), |row, code| row.number(code.into()));
        let row = row.optional(Some(self.offset), |row, offset| row.integer(offset));
        let row = row.plain(&self.callee).optional(Some(&self.arguments), |row, text| row.plain(text));
        let row = row.optional(outcome, |row, (word, _)| row.word(word));
        let row = row.optional(outcome, |row, (_, text)| row.plain(text));
        row.optional(self.frame, |row, frame| row.number(frame));
    }
}

impl Frames {
    /// The frame that runs, which may be one that the trace has not mentioned.
    #[inline]
    pub fn running(&mut self, frame: &Frame, at: &State) -> &mut Open {
        if self.current.as_ref().is_none_or(|open| open.id != frame.id) {
            self.select(frame, at);
        }
        let current = self.current.as_mut().expect("it was just selected");
        // Other bytes of the same code object.
        if current.code.id != frame.code.id {
            current.code = Rc::clone(&frame.code);
        }
        current
    }

    fn select(&mut self, frame: &Frame, at: &State) {
        self.park();
        let open = self.open.remove(&frame.id).unwrap_or_else(|| {
            Box::new(Open {
                caller: frame.caller,
                depth: frame.depth,
                ..Open::new(frame.id, &frame.code, at.thread, Begin::Unknown, at.instructions + 1)
            })
        });
        self.current = Some(open);
    }

    /// Puts the frame that runs back among the others.
    fn park(&mut self) {
        if let Some(open) = self.current.take() {
            self.open.insert(open.id, open);
        }
    }

    pub fn begin(&mut self, open: Open) {
        self.park();
        self.open.entry(open.id).or_insert_with(|| Box::new(open));
    }

    /// A frame that is known.
    pub fn get(&mut self, id: u64) -> Option<&mut Open> {
        match &mut self.current {
            Some(open) if open.id == id => Some(open),
            _ => self.open.get_mut(&id).map(Box::as_mut),
        }
    }

    /// Takes a frame that has ended.
    pub fn end(&mut self, id: u64) -> Option<Box<Open>> {
        self.current.take_if(|open| open.id == id).or_else(|| self.open.remove(&id))
    }

    /// Takes all that have not ended, in the order in which they began.
    pub fn rest(&mut self) -> Vec<Open> {
        self.park();
        let mut rest: Vec<Open> = std::mem::take(&mut self.open).into_values().map(|open| *open).collect();
        rest.sort_unstable_by_key(|open| open.id);
        rest
    }
}

/// The word for the type of a value.
pub fn type_name(value: &Value) -> &'static str {
    use crate::trace::value::{ContainerKind, What};
    let container = |kind: ContainerKind| match kind {
        ContainerKind::Tuple => "tuple",
        ContainerKind::List => "list",
        ContainerKind::Dict => "dict",
        ContainerKind::Set => "set",
        ContainerKind::FrozenSet => "frozenset",
    };
    match value {
        Value::Missing => "missing",
        Value::Bad => "bad",
        Value::None => "None",
        Value::Bool(_) => "bool",
        Value::Ellipsis => "Ellipsis",
        Value::NotImplemented => "NotImplemented",
        Value::Int(_) => "int",
        Value::Long { .. } | Value::HugeLong { .. } => "long",
        Value::Float(_) => "float",
        Value::Complex(..) => "complex",
        Value::Str(_) => "str",
        Value::Unicode(_) => "unicode",
        Value::Container(shown) => container(shown.kind),
        Value::Deep { kind, .. } => container(*kind),
        Value::Object { what, .. } => match what {
            What::Instance | What::Partial => "object",
            What::Function => "function",
            What::Method => "method",
            What::Builtin => "built-in",
            What::Descriptor => "descriptor",
            What::Type => "type",
            What::Class => "class",
            What::Module => "module",
            What::Code => "code object",
            What::Generator => "generator",
            What::Wrapper => "method-wrapper",
            What::Foreign => "foreign function",
        },
    }
}
