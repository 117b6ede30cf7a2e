//! Expressions of constants that make texts and numbers, put down as what they make: encrypted strings.  An expression is folded only if
//! it is run here to its end by rules that hold in every run.

use std::collections::BTreeSet;

use super::flow::{BlockId, End, Flow, Instruction, Operand};
use super::machine::effect;
use super::observed::Observed;
use super::pure::frame::Frame;
use super::pure::{self, Means, Runner, Thing};
use super::value::{self, Literal};
use crate::bytecode::Unit;
use crate::bytecode::decode::units;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::{is_call, op};

/// Steps of one code object's expressions together, and of one expression.
const STEPS: usize = 4_000_000;
const STEPS_EACH: usize = 100_000;
/// The compiler folds what is no longer (PyCode_Optimize, Python/peephole.c).
const COMPILER_FOLDS: usize = 20;

/// What is known around a code object.
pub struct Around<'a, 'n> {
    pub code: &'a MarshalledCode,
    /// What a global name stands for.
    pub names: &'n dyn Fn(&[u8]) -> Option<Thing<'a>>,
    /// Whether nothing but this code object's loads can see a variable that an instruction stores to.
    pub is_own: &'n dyn Fn(&Instruction) -> bool,
    /// If all calls of constants are to be folded: what calls returned in the traces.
    pub observed: Option<&'n Observed>,
}

/// An expression that was folded.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The offsets of its instructions.
    pub offsets: BTreeSet<u32>,
    /// Where it ended.
    pub at: u32,
    pub made: Literal,
    /// No compiler makes such an expression.
    pub is_sign: bool,
    /// Names that it looked up, builtins aside.
    pub globals: BTreeSet<Vec<u8>>,
    /// What it makes was seen in traces.
    pub is_observed: bool,
    /// Names that it stored to.
    pub stored: BTreeSet<Vec<u8>>,
}

/// Folds what it can; the result lists it.
pub fn fold(flow: &mut Flow, around: &Around) -> Vec<Folded> {
    let compiler_folds = compiler_folds(around.code);
    let mut folder = Folder { around, steps: STEPS, folded: Vec::new(), compiler_folds };
    let order = flow.reverse_postorder();
    for &block in &order {
        folder.fold_block(&mut flow.blocks[block].instructions);
    }
    let mut is_changed = false;
    for &block in &order {
        is_changed |= folder.fold_loop(flow, block).is_some();
    }
    if is_changed {
        super::simplify::join_chains(flow);
        for block in flow.reverse_postorder() {
            folder.fold_block(&mut flow.blocks[block].instructions);
        }
    }
    folder.folded
}

struct Folder<'a, 'n, 'f> {
    around: &'f Around<'a, 'n>,
    steps: usize,
    folded: Vec<Folded>,
    compiler_folds: bool,
}

/// An entry of the value stack that is known, and the instructions that made it.
#[derive(Clone)]
struct Known<'a> {
    start: usize,
    end: usize,
    thing: Thing<'a>,
    means: Means,
}

/// An expression that can be folded.
struct Found {
    start: usize,
    end: usize,
    made: Literal,
    is_sign: bool,
    is_observed: bool,
}

impl<'a> Folder<'a, '_, '_> {
    fn fold_block(&mut self, list: &mut Vec<Instruction>) {
        let (_, mut found) = self.known(list);
        found.sort_by_key(|one| (one.end, std::cmp::Reverse(one.start)));
        while let Some(last) = found.pop() {
            // Those within it come before it, and are part of it.
            while found.last().is_some_and(|other| other.start >= last.start) {
                found.pop();
            }
            let at = list[last.end].at;
            let (start, end) = (last.start, last.end);
            let load = Instruction { opcode: op::LOAD_CONST, operand: Operand::Literal(last.made.clone()), at };
            let gone: Vec<Instruction> = list.splice(start..=end, [load]).collect();
            self.folded.push(self.noted(gone.iter(), at, last));
        }
    }

    /// The stack after the instructions of a block as far as it is known, and what can be folded.
    fn known(&mut self, list: &[Instruction]) -> (Vec<Option<Known<'a>>>, Vec<Found>) {
        let mut stack: Vec<Option<Known<'a>>> = Vec::new();
        let mut found = Vec::new();
        for (place, one) in list.iter().enumerate() {
            let number = if let Operand::Number(number) = one.operand { number } else { 0 };
            let effect = match one.opcode {
                op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR | op::DUP_TOP | op::DUP_TOPX => None,
                opcode => effect::of(opcode, number),
            };
            let Some((pops, pushes)) = effect else {
                stack.clear();
                continue;
            };
            let operands = stack.split_off(stack.len().saturating_sub(pops as usize));
            found.extend(names_made(one.opcode, number, &operands));
            let is_whole = operands.len() == pops as usize;
            let operands: Option<Vec<Known>> = operands.into_iter().collect();
            let operands = operands.filter(|operands| is_whole && is_contiguous(operands, place));
            let known = operands.filter(|_| pushes == 1).and_then(|operands| {
                let known = self.result(one, number, place, &operands)?;
                found.extend(self.worth(one.opcode, &operands, &known));
                Some(known)
            });
            match known {
                Some(known) => stack.push(Some(known)),
                None => stack.extend((0..pushes).map(|_| None)),
            }
        }
        (stack, found)
    }

    fn result(&mut self, one: &Instruction, number: i32, place: usize, operands: &[Known<'a>]) -> Option<Known<'a>> {
        let start = operands.first().map_or(place, |first| first.start);
        let code = self.around.code;
        let index = usize::try_from(number).ok()?;
        let steps = STEPS_EACH.min(self.steps);
        let mut runner = Runner::new(steps, self.around.names);
        runner.means = operands.iter().fold(Means::default(), |means, one| means.with(one.means));
        let thing = match (one.opcode, &one.operand) {
            (op::LOAD_CONST, Operand::Literal(literal)) => Some(Thing::Plain(literal.clone())),
            (op::LOAD_CONST, _) => pure::constant(code.constants.get(index)?),
            (op::LOAD_NAME | op::LOAD_GLOBAL, _) => (self.around.names)(code.names.get(index)?),
            (op::LOAD_ATTR, _) => match operands {
                [of] => runner.attribute(&of.thing, code.names.get(index)?),
                _ => None,
            },
            (opcode, _) => {
                let things: Vec<Thing> = operands.iter().map(|one| one.thing.clone()).collect();
                runner.apply(opcode, number, &things)
            }
        };
        let mut means = runner.means;
        // What a program calls by a name says more than what it is.
        let is_load = matches!(one.opcode, op::LOAD_NAME | op::LOAD_GLOBAL);
        let is_plain = matches!(thing, Some(Thing::Plain(_)));
        means.names |= is_load && is_plain && code.names.get(index).is_some_and(|name| pure::builtin(name).is_none());
        self.steps -= steps - runner.steps;
        let thing = thing.or_else(|| {
            means.observed = true;
            // Of what is called only the way to it need not be constant.
            let is_fixed = operands.iter().skip(1).all(|one| !matches!(one.thing, Thing::Unknown));
            self.observed(one).filter(|_| is_fixed)
        });
        thing.map(|thing| Known { start, end: place, thing, means })
    }

    /// What the traces say that an instruction makes.  What only looks something up makes nothing that is known, but can go.
    fn observed(&self, one: &Instruction) -> Option<Thing<'a>> {
        let observed = self.around.observed?;
        match one.opcode {
            op::LOAD_CONST | op::LOAD_NAME | op::LOAD_GLOBAL | op::LOAD_ATTR => Some(Thing::Unknown),
            opcode if is_call(opcode) => {
                let bytes = &self.around.code.bytes;
                let last = Unit::decode(bytes, one.at)?.last.offset.cast_unsigned();
                observed.of(bytes, last).cloned().map(Thing::Plain)
            }
            _ => None,
        }
    }

    /// Decides whether what an expression makes says more than the expression.
    fn worth(&self, opcode: u8, operands: &[Known<'a>], known: &Known<'a>) -> Option<Found> {
        let Thing::Plain(made) = &known.thing else { return None };
        let means = known.means;
        let length = match made {
            Literal::Str(bytes) => Some(bytes.len()),
            Literal::Unicode(points) => Some(points.len()),
            _ => None,
        };
        let is_call = opcode == op::CALL_FUNCTION;
        let is_made = match (opcode, length) {
            (op::LOAD_CONST | op::LOAD_NAME | op::LOAD_GLOBAL, _) => false,
            // A program's own function can be meant to be read; one that decodes is not.
            (_, length) if means.names && self.around.observed.is_none() => {
                let is_secret = operands.iter().any(|one| is_secret(&one.thing));
                length.is_some() && (means.decodes || means.makes && (means.mixes || is_secret))
            }
            // A table of all characters is no text that was meant to be hidden.
            (_, Some(_)) if self.around.observed.is_none() && is_table(means, &known.thing) => false,
            (_, Some(_)) if self.around.observed.is_some() => true,
            (_, Some(_)) => means.calls || means.names || means.observed || !means.repeats && means.make_texts(),
            // Division depends on an option of the interpreter.
            (op::BINARY_DIVIDE | op::INPLACE_DIVIDE, None) => false,
            (opcode, None) => {
                let is_operator =
                    value::is_operator(opcode) || (op::UNARY_POSITIVE..=op::UNARY_INVERT).contains(&opcode);
                let is_called = is_call && (means.calls || self.around.observed.is_some());
                matches!(made, Literal::Int(_)) && (is_called || is_operator)
            }
        };
        let is_plain = |one: &Known| one.start == one.end;
        let is_compilers = opcode == op::BINARY_ADD && operands.iter().all(is_plain);
        let is_short = length.is_some_and(|length| (1..=COMPILER_FOLDS).contains(&length));
        let is_decoded = length.is_some() && is_call && means.calls && means.joins;
        let is_sign = is_decoded || is_compilers && is_short && self.compiler_folds || self.around.observed.is_some();
        let (start, end, made, is_observed) = (known.start, known.end, made.clone(), means.observed);
        is_made.then_some(Found { start, end, made, is_sign, is_observed })
    }

    /// A list comprehension over a constant whose list a call makes a text of.  None if it is none.
    fn fold_loop(&mut self, flow: &mut Flow, block: BlockId) -> Option<()> {
        let End::Jump(top) = flow.blocks[block].end else { return None };
        let End::Iterate { done, next } = flow.blocks[top].end else { return None };
        let is_loop = flow.blocks[next].end == End::Jump(top) && flow.blocks[top].instructions.is_empty();
        let counts = flow.predecessors();
        if !is_loop || (counts[top], counts[next], counts[done]) != (2, 1, 1) || done == block {
            return None;
        }
        let list = flow.blocks[block].instructions.clone();
        let (mut stack, _) = self.known(&list);
        let over = stack.pop()??;
        let items = stack.pop()??;
        let called = stack.pop()??;
        if called.end + 1 != items.start || items.end + 1 != over.start || over.end + 1 != list.len() {
            return None;
        }
        let call = flow.blocks[done].instructions.first().cloned()?;
        if (call.opcode, &call.operand) != (op::CALL_FUNCTION, &Operand::Number(1)) {
            return None;
        }
        let body = flow.blocks[next].instructions.clone();
        let steps = STEPS_EACH.min(self.steps);
        let mut runner = Runner::new(steps, self.around.names);
        runner.means = called.means.with(items.means).with(over.means);
        let mut frame = Frame::new(self.around.code);
        frame.stack = vec![items.thing.clone(), over.thing];
        let result = (|| {
            let Thing::Iterator(source) = &frame.stack[1] else { return None };
            let source = source.clone();
            loop {
                let item = source.borrow_mut().next();
                let Some(item) = item else { break };
                frame.stack.push(Thing::Plain(item));
                for one in &body {
                    self.run_one(&mut runner, &mut frame, one)?;
                }
                if frame.stack.len() != 2 {
                    return None;
                }
            }
            runner.apply(op::CALL_FUNCTION, 1, &[called.thing, items.thing])
        })();
        let means = runner.means;
        self.steps -= steps - runner.steps;
        let Some(Thing::Plain(made)) = result.filter(|_| means.joins) else { return None };
        let stores: Vec<&Instruction> = body.iter().filter(|one| is_store(one.opcode)).collect();
        if stores.iter().any(|one| !(self.around.is_own)(one) || is_read(flow, done, next, one)) {
            return None;
        }
        let gone = list[called.start..].iter().chain(&body).chain([&call]);
        let is_sign = !is_permutation(&made);
        let found = Found { start: 0, end: 0, made: made.clone(), is_sign, is_observed: means.observed };
        let mut folded = self.noted(gone, call.at, found);
        folded.offsets.insert(flow.blocks[top].at);
        let basic = &mut flow.blocks[block];
        basic.instructions.truncate(called.start);
        basic.instructions.push(Instruction { opcode: op::LOAD_CONST, operand: Operand::Literal(made), at: call.at });
        basic.end = End::Jump(done);
        let after = &mut flow.blocks[done];
        after.instructions.remove(0);
        after.depth = after.depth.saturating_sub(1);
        self.folded.push(folded);
        Some(())
    }

    /// What is to be said of instructions that were folded.
    fn noted<'i>(&self, gone: impl Iterator<Item = &'i Instruction>, at: u32, found: Found) -> Folded {
        let Found { made, is_sign, is_observed, .. } = found;
        let (globals, stored) = (BTreeSet::new(), BTreeSet::new());
        let mut folded = Folded { offsets: BTreeSet::new(), at, made, is_sign, globals, is_observed, stored };
        for one in gone {
            folded.offsets.insert(one.at);
            let Operand::Number(name) = one.operand else { continue };
            let name = usize::try_from(name).ok().and_then(|name| self.around.code.names.get(name));
            match (one.opcode, name) {
                (op::STORE_NAME | op::STORE_GLOBAL, Some(name)) => drop(folded.stored.insert(name.to_vec())),
                (op::LOAD_NAME | op::LOAD_GLOBAL, Some(name)) if pure::builtin(name).is_none() => {
                    folded.globals.insert(name.to_vec());
                }
                _ => {}
            }
        }
        folded.globals = folded.globals.difference(&folded.stored).cloned().collect();
        folded
    }

    fn run_one(&self, runner: &mut Runner<'a, '_>, frame: &mut Frame<'a>, one: &Instruction) -> Option<()> {
        runner.steps = runner.steps.checked_sub(1)?;
        match (one.opcode, &one.operand) {
            (op::LOAD_CONST, Operand::Literal(literal)) => frame.stack.push(Thing::Plain(literal.clone())),
            (op::STORE_NAME | op::STORE_GLOBAL, Operand::Number(place)) => {
                let value = frame.stack.pop()?;
                frame.names.insert(*place, value);
            }
            (opcode, Operand::Number(number)) => runner.simple(frame, opcode, *number)?,
            (opcode, Operand::None) => runner.simple(frame, opcode, 0)?,
            (_, Operand::Literal(_)) => return None,
        }
        Some(())
    }
}

/// Names of classes and of keyword arguments that are made: compilers have constants there.
fn names_made(opcode: u8, number: i32, operands: &[Option<Known>]) -> Vec<Found> {
    let (first, step) = match opcode {
        op::BUILD_CLASS => (0, 3),
        op::CALL_FUNCTION if number > 0xff => (1 + (number & 0xff) as usize, 2),
        _ => return Vec::new(),
    };
    let is_whole = effect::of(opcode, number).is_some_and(|(pops, _)| pops as usize == operands.len());
    let names = operands.iter().skip(first).step_by(step).take(if is_whole { operands.len() } else { 0 });
    let found = names.flatten().filter_map(|known| match &known.thing {
        Thing::Plain(made @ Literal::Str(_)) if known.start != known.end => {
            let (made, is_observed) = (made.clone(), known.means.observed);
            Some(Found { start: known.start, end: known.end, made, is_sign: true, is_observed })
        }
        _ => None,
    });
    found.collect()
}

/// Whether operands were made one after the other, right before an instruction.
fn is_contiguous(operands: &[Known], place: usize) -> bool {
    operands.windows(2).all(|pair| pair[0].end + 1 == pair[1].start)
        && operands.last().is_none_or(|last| last.end + 1 == place)
}

/// Whether a text is of characters that were made of numbers alone, and not to be read.
fn is_table(means: Means, thing: &Thing) -> bool {
    means.makes && !means.mixes && !means.decodes && is_secret(thing)
}

/// Whether a text has each byte once: a table for `translate`.
fn is_permutation(made: &Literal) -> bool {
    matches!(made, Literal::Str(bytes) if bytes.len() == 256 && bytes.iter().collect::<BTreeSet<_>>().len() == 256)
}

/// Whether the compiler's optimizer has folded all that it could (PyCode_Optimize, Python/peephole.c).  It leaves code with large gaps
/// between its lines alone, and expressions with what it has just folded, whose parts stay among the constants.
fn compiler_folds(code: &MarshalledCode) -> bool {
    let loads = units(&code.bytes, 0).filter(|unit| unit.last.opcode == op::LOAD_CONST);
    let loaded: BTreeSet<usize> = loads.filter_map(|unit| usize::try_from(unit.last.operand?).ok()).collect();
    // The first one is the documentation.
    !code.lnotab.contains(&255) && (1..code.constants.len()).all(|constant| loaded.contains(&constant))
}

/// Whether a text has bytes that no programmer types.
fn is_secret(thing: &Thing) -> bool {
    let is_odd = |&byte: &u8| !matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    matches!(thing, Thing::Plain(Literal::Str(bytes)) if bytes.iter().any(is_odd))
}

fn is_store(opcode: u8) -> bool {
    matches!(opcode, op::STORE_FAST | op::STORE_NAME | op::STORE_GLOBAL)
}

/// Whether what a store leaves in a variable may be read from a block on, or by a handler; `without` is a block that goes away.
fn is_read(flow: &Flow, from: BlockId, without: BlockId, store: &Instruction) -> bool {
    let of_store = |opcode: u8| match opcode {
        op::STORE_FAST | op::LOAD_FAST | op::DELETE_FAST => Some(true),
        op::STORE_NAME | op::STORE_GLOBAL | op::LOAD_NAME | op::LOAD_GLOBAL | op::DELETE_NAME | op::DELETE_GLOBAL => {
            Some(false)
        }
        _ => None,
    };
    let is_same = |one: &Instruction| one.operand == store.operand && of_store(one.opcode) == of_store(store.opcode);
    let mut seen: BTreeSet<BlockId> = [without].into();
    let mut todo = vec![from];
    for block in flow.reverse_postorder() {
        if let End::Setup { handler: Some(handler), .. } = flow.blocks[block].end {
            todo.push(handler);
        }
    }
    while let Some(block) = todo.pop() {
        if !seen.insert(block) {
            continue;
        }
        match flow.blocks[block].instructions.iter().find(|one| is_same(one)) {
            Some(one) if is_store(one.opcode) => {}
            Some(_) => return true,
            None => todo.extend(flow.blocks[block].end.successors()),
        }
    }
    false
}
