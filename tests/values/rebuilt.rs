//! The state that a reader rebuilds from values against the VM's own: with --value-stacks the trace has the whole stack at each
//! instruction, and both must be the same.

use std::collections::HashMap;
use std::path::Path;

use bctrace::parts::rebuild::{Entry, FrameState};
use bctrace::parts::steps::{Exit, Item, Steps};
use bctrace::parts::{EXTENDED_ARG, Instruction, UnitValues, Value};

use crate::live::{self, Program};
use crate::running;

/// Rebuilds states and compares them.
#[derive(Default)]
struct Checker {
    frames: HashMap<u64, FrameState>,
    /// What constants were seen to be, by code object and index.
    constants: HashMap<(u32, i32), Value>,
    /// By frame: the instruction that is to be executed when it is known where the frame goes on.
    pending: HashMap<u64, (Instruction, Vec<Value>)>,
    /// By frame: where the unit begins whose EXTENDED_ARGs were executed.
    units: HashMap<u64, i32>,
    compared: u64,
    unknown: u64,
    wrong: Vec<String>,
}

impl Checker {
    fn settle(&mut self, frame: u64, next: Option<i32>) {
        if let Some((instruction, results)) = self.pending.remove(&frame) {
            let jumped = next.is_some_and(|next| next != instruction.end());
            self.frames.entry(frame).or_default().execute(&instruction, &results, jumped);
        }
    }

    fn take(&mut self, item: &Item) {
        match item {
            Item::Step(step) => {
                let begin = *self.units.entry(step.frame).or_insert(step.instruction.offset);
                if step.instruction.opcode != EXTENDED_ARG {
                    self.units.remove(&step.frame);
                    self.unit(step.frame, step.code.id, begin, &step.instruction, &step.values);
                }
                if step.exception.is_some() {
                    self.raised(step.frame);
                }
            }
            Item::Raised { frame, .. } => self.raised(*frame),
            Item::Left { frame, exit: Exit::Return | Exit::Unwind, .. } => {
                self.frames.remove(frame);
                self.pending.remove(frame);
            }
            Item::Flaw(flaw) => panic!("{flaw}"),
            _ => {}
        }
    }

    fn raised(&mut self, frame: u64) {
        self.pending.remove(&frame);
        self.frames.entry(frame).or_default().raise();
    }

    fn unit(&mut self, frame: u64, code: u32, start: i32, instruction: &Instruction, values: &UnitValues) {
        self.settle(frame, Some(start));
        let state = self.frames.entry(frame).or_default();
        state.arrive(values);
        let told = values.stack.clone().unwrap_or_default();
        if state.stack.len() == told.len() + 2 && instruction.opcode == 88 {
            // No value shows whether __exit__ has swallowed an exception.
            state.swallow();
        }
        let mut agrees = state.stack.len() == told.len();
        for (slot, value) in state.stack.iter_mut().zip(&told) {
            match slot {
                Entry::Known(known) => agrees &= is_same(known, value),
                Entry::Constant(-1) => agrees &= *value == Value::None,
                Entry::Constant(index) => {
                    let known = self.constants.entry((code, *index)).or_insert_with(|| value.clone());
                    agrees &= is_same(known, value);
                }
                Entry::Unknown | Entry::Why(_) => self.unknown += 1,
            }
            self.compared += 1;
        }
        if !agrees && self.wrong.len() < 5 {
            self.wrong.push(format!("frame {frame} at {start} {instruction:?}: {:?} is {told:?}", state.stack));
            // Goes on from what is right.
            state.stack = told.iter().cloned().map(Entry::Known).collect();
        }
        self.pending.insert(frame, (*instruction, values.results.clone()));
    }
}

/// Whether two values are of the same object: what a container holds changes.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Container(left), Value::Container(right)) => (left.kind, left.number) == (right.kind, right.number),
        (Value::Container(left), Value::Deep { kind, number }) => (left.kind, left.number) == (*kind, *number),
        (Value::Float(left), Value::Float(right)) => left.to_bits() == right.to_bits(),
        (Value::Object { what, number, .. }, Value::Object { what: other, number: other_number, .. }) => {
            (what, number) == (other, other_number)
        }
        _ => left == right,
    }
}

/// Traces a program and compares; returns how many entries were compared, and how many of them were not known.
#[track_caller]
pub fn check(program: &Program, name: &str) -> (u64, u64) {
    let mut command = program.tracing(&["--values", "--value-stacks"], "t.bct", &[]);
    // CPython's own tests are not in the binary; they lie in the tree that the VM was built from.
    command.env("PYTHONPATH", Path::new(env!("BCTRACE_PYTHON_HEADERS")).with_file_name("Lib"));
    let ran = live::run(command);
    assert!(ran.status < 2, "{name}: {}", ran.stderr());
    let mut checker = Checker::default();
    for item in Steps::open(&program.path("t.bct")).unwrap() {
        checker.take(&item.unwrap());
    }
    assert!(checker.wrong.is_empty(), "{name}:\n{}", checker.wrong.join("\n"));
    (checker.compared, checker.unknown)
}

#[test]
fn the_rebuilt_stack_is_the_vms_at_every_instruction() {
    let (mut compared, mut unknown) = (0, 0);
    for name in [
        "classes",
        "closures",
        "comprehensions",
        "exceptions",
        "every_opcode",
        "exec_eval",
        "finalizers",
        "generators",
        "loops",
        "method_heavy",
        "recursion",
        "with_finally",
        "imports",
        "factorial",
        "uncaught",
    ] {
        let source = std::fs::read_to_string(running::fixtures().join(format!("source/{name}.py"))).unwrap();
        let (some, none) = check(&Program::new(&source), name);
        compared += some;
        unknown += none;
    }
    assert!(compared > 10_000 && unknown * 10 < compared, "{unknown} of {compared} entries are unknown");
}

#[test]
fn the_rebuilt_stack_is_the_vms_in_cpythons_own_tests() {
    let (mut compared, mut unknown) = (0, 0);
    for name in ["augassign", "opcodes", "unpack", "with", "contextlib", "scope", "iter"] {
        let source = format!("from test import test_{name}\ntest_{name}.test_main()\n");
        let (some, none) = check(&Program::new(&source), name);
        compared += some;
        unknown += none;
    }
    assert!(compared > 100_000 && unknown * 5 < compared, "{unknown} of {compared} entries are unknown");
}
