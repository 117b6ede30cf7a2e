//! One code object from bytes to bytes: what it can do, what of that matters, how it is laid out, and whether that does the same.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Executed;
use super::flow::{Flow, Instruction, Operand};
use super::folding::{self, Around, Folded};
use super::globals::{self, Globals};
use super::lay::{self, assemble::Code, peephole};
use super::machine::{self, Exit, Graph, Input, Variants};
use super::narrow;
use super::observed::Observed;
use super::order::Order;
use super::report::{Change, Outcome};
use super::same::is_same;
use super::simplify::{self, Allowed, Removed};
use super::value::{Literal, Value};
use super::{Options, Untaken, signs};
use crate::bytecode::decode::units;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::op;

/// CO_OPTIMIZED and CO_NEWLOCALS (Include/code.h): code that has neither is a module's.
const OPTIMIZED: i32 = 1;
const NEWLOCALS: i32 = 2;

/// States of a code object at most.
const STATES: usize = 60_000;
/// States for each byte of code at most, besides a few thousand.
const STATES_PER_BYTE: usize = 2;
/// The same while states are told apart by variables.
const STATES_PER_BYTE_TRACKED: usize = 12;
const FEW: usize = 3_000;
/// Blocks beyond which no statements are looked for.
const BLOCKS: usize = 6_000;
/// Variables that are tried.
const VARIABLES: usize = 8;

/// The sign of code from which unreachable instructions were removed.
const MISSING: &str = "unreachable instructions that the compiler leaves are missing";

/// What of the whole program matters for one code object.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    pub options: &'a Options,
    /// Names that some code object may store to.
    pub stored: &'a BTreeSet<Vec<u8>>,
    /// Globals of which is known what they always are.
    pub globals: &'a Globals<'a>,
    /// What calls returned in the traces.
    pub observed: &'a Observed,
    /// Names, and how many code objects mention them.
    pub mentions: &'a BTreeMap<Vec<u8>, usize>,
    /// Some code may look up globals by their names.
    pub is_looked_up: bool,
    /// Some code asks for the exception that was handled last.
    pub keeps_exceptions: bool,
    /// Useless EXTENDED_ARGs of the program ran.
    pub runs_prefixes: bool,
    /// Some code of the program was not made by a compiler.
    pub is_suspicious: bool,
}

/// What became of a code object.
pub struct Result {
    pub code: Option<MarshalledCode>,
    pub outcome: Outcome,
    pub changes: Vec<Change>,
    pub assumed: Vec<String>,
    /// Offsets of instructions in whose place there is what they make.
    pub folded: BTreeSet<u32>,
    /// Instructions that ran can be reached with other blocks around them, or another depth of the stack.  No compiler's can.
    pub is_ambiguous: bool,
}

impl Result {
    /// The code object is as it was.
    fn as_it_was(outcome: Outcome) -> Result {
        let (changes, assumed, folded) = (Vec::new(), Vec::new(), BTreeSet::new());
        Result { code: None, outcome, changes, assumed, folded, is_ambiguous: false }
    }
}

/// Rebuilds one code object, those among its constants left aside.  Of a module, what its globals always are goes to `globals`.
pub fn rebuild<'a>(
    code: &'a MarshalledCode,
    executed: Option<&Executed>,
    program: &Program<'_>,
    mut globals: Option<&mut Globals<'a>>,
) -> Result {
    if usize::try_from(code.nlocals) != Ok(code.varnames.len()) {
        return Result::as_it_was(Outcome::Kept("it has another number of locals than names for them".into()));
    }
    let is_module = globals.is_some();
    let mut attempt = |cut: &BTreeSet<u32>| attempt(code, executed, program, globals.as_deref_mut(), cut);
    narrow::rebuilt(code, executed, program, is_module, &mut attempt)
}

/// Rebuilds a code object without the sides of the conditions at the offsets in `cut` that never ran.
fn attempt<'a>(
    code: &'a MarshalledCode,
    executed: Option<&Executed>,
    program: &Program<'_>,
    globals: Option<&mut Globals<'a>>,
    cut: &BTreeSet<u32>,
) -> Result {
    let kept = |why: String| Result::as_it_was(Outcome::Kept(why));
    let is_builtin = |name: &[u8]| !program.stored.contains(name);
    let untaken = program.options.untaken;
    let mut input = Input {
        code,
        executed,
        untaken,
        cut,
        is_builtin: &is_builtin,
        is_looked_up: program.is_looked_up,
        runs_prefixes: program.runs_prefixes,
        tracked: Vec::new(),
        splits_stack: false,
        most: STATES,
        keeps_exceptions: program.keeps_exceptions,
    };
    input.most = STATES.min(FEW + STATES_PER_BYTE * code.bytes.len());
    let most = STATES.min(FEW + STATES_PER_BYTE_TRACKED * code.bytes.len());
    let explored = machine::explore(&input);
    let mut sign = explored.as_ref().ok().and_then(|graph| signs::of(code, graph));
    // A few tests say little about code that looks like a compiler's.
    let least = if sign.is_some() || explored.is_err() || program.is_suspicious { 1 } else { 3 };
    let found = candidates(code, program, least);
    let mut best = explored.as_ref().ok().map(|graph| simplified(code, graph, &[], executed, program));
    let mut graph = explored;
    let mut assumed = Vec::new();
    for candidate in found {
        let variable = if let Candidate::Variable(variable) = candidate { Some(variable) } else { None };
        let tracked: Vec<usize> = input.tracked.iter().copied().chain(variable).collect();
        let splits_stack = input.splits_stack || variable.is_none();
        let trial = Input { tracked: tracked.clone(), splits_stack, most, ..input };
        let Ok(tried) = machine::explore(&trial) else { continue };
        let (flow, removed) = simplified(code, &tried, &tracked, executed, program);
        let is_better = best.as_ref().is_none_or(|(known, _)| {
            let fewer = branches(&flow) < branches(known);
            flow.len() * 4 <= known.len() * 5 && fewer || flow.len() < known.len() && branches(&flow) <= branches(known)
        });
        if is_better {
            (graph, best) = (Ok(tried), Some((flow, removed)));
            (input.tracked, input.splits_stack) = (tracked, splits_stack);
            sign = sign.or(Some("a variable that says where to go on"));
            let name = variable.and_then(|variable| code.names.get(variable.checked_sub(code.varnames.len())?));
            if let Some(name) = name {
                assumed.push(format!("nothing but this code uses the variable {}", String::from_utf8_lossy(name)));
            }
        }
    }
    let (graph, (mut flow, removed)) = match (graph, best) {
        (Ok(graph), Some(best)) => (graph, best),
        (Err(error), _) => return kept(error.to_string()),
        (Ok(_), None) => return kept("nothing is known of it".into()),
    };
    let unchanged = Result::as_it_was(Outcome::Unchanged);
    let mut program = *program;
    if let Some(globals) = globals.filter(|_| !program.is_looked_up) {
        *globals = globals::of_module(&flow, code);
        program.globals = globals;
    }
    let program = &program;
    let all_folded = folded(code, &mut flow, looks_up_locals(code, &graph), &mut sign, program);
    assumed.extend(assumptions(&all_folded));
    if signs::of_junk(code, removed.keys()) {
        sign.get_or_insert("values that are moved and thrown away");
    }
    let is_plain = sign.is_none();
    let sign = sign.unwrap_or(if program.is_suspicious { "other code of the program has one" } else { MISSING });
    flow.prepare();
    let is_none = |index| {
        let constant = usize::try_from(index).ok().and_then(|index| code.constants.get(index));
        constant.is_some_and(|constant| Literal::of(constant, 0) == Literal::None)
    };
    let end = if code.flags & (OPTIMIZED | NEWLOCALS) == 0 { flow.share_end(is_none) } else { None };
    let mut changes: Vec<Change> = graph.decided.values().cloned().collect();
    changes.extend(
        graph.thrown.iter().map(|&at| Change { offsets: at..at + 1, why: "it always fails, which was a jump".into() }),
    );
    changes.extend(removed.iter().map(|(&at, &why)| Change { offsets: at..at + 1, why: why.into() }));
    changes.extend(never_reached(code, &graph));
    changes.extend(all_folded.iter().map(|one| {
        let why = format!("an expression of constants that always makes {}", one.made);
        Change { offsets: one.at..one.at + 1, why }
    }));
    let mut folded: BTreeSet<u32> = all_folded.into_iter().flat_map(|one| one.offsets).collect();
    folded.extend(gone(&flow, removed.keys().chain(&graph.thrown)));
    changes.sort_by_key(|change| change.offsets.start);
    let is_ambiguous = executed.is_some_and(|executed| is_ambiguous(&graph, executed));
    let mut order = Order::of(&flow);
    let assertion = code.names.iter().position(|name| &**name == b"AssertionError");
    order.assertion = assertion.and_then(|place| i32::try_from(place).ok());
    let is_comprehension = code.varnames.first().is_some_and(|name| name.starts_with(b"."));
    let structured = match flow.blocks.len() <= BLOCKS {
        true => lay::structured(&flow, &order, is_comprehension, end).map_err(|error| error.0),
        false => Err("there are too many blocks"),
    };
    let structured = structured.and_then(|listing| {
        let mut laid = Code::of(&listing).ok_or("a jump leads nowhere")?;
        peephole::optimize(&mut laid);
        checked(&laid, code, &flow, &is_builtin).ok_or("the layout was not the same")
    });
    let why = match structured {
        Ok(made) if is_plain && made.bytes == code.bytes => return unchanged,
        // All that is there is in the layout, and more.
        Ok(made) if is_plain && !program.is_suspicious && !lacks_instructions(&code.bytes, &made.bytes) => {
            return unchanged;
        }
        Ok(made) => {
            return Result {
                code: Some(made),
                outcome: Outcome::Rebuilt(sign),
                changes,
                assumed,
                folded,
                is_ambiguous,
            };
        }
        Err(_) if is_plain => return unchanged,
        Err(why) => why,
    };
    let plain = lay::plain(&flow).map_err(|error| error.0).and_then(|listing| {
        let laid = Code::of(&listing).ok_or("a jump leads nowhere")?;
        checked(&laid, code, &flow, &is_builtin).ok_or("the layout was not the same")
    });
    match plain {
        Ok(code) => {
            Result { code: Some(code), outcome: Outcome::Plain(sign, why), changes, assumed, folded, is_ambiguous }
        }
        Err(other) => kept(format!("{why}; {other}")),
    }
}

/// Folds expressions of constants, if the code was not made by a compiler alone; returns what was folded.
fn folded(
    code: &MarshalledCode,
    flow: &mut Flow,
    looks_up_locals: bool,
    sign: &mut Option<&'static str>,
    program: &Program<'_>,
) -> Vec<Folded> {
    let names = |name: &[u8]| globals::named(name, program.stored, program.globals);
    let is_own = |one: &Instruction| match (one.opcode, &one.operand) {
        (op::STORE_FAST, _) => !looks_up_locals,
        (_, Operand::Number(place)) => {
            let name = usize::try_from(*place).ok().and_then(|place| code.names.get(place));
            !program.is_looked_up && name.is_some_and(|name| program.mentions.get(&**name) == Some(&1))
        }
        _ => false,
    };
    let mut tried = flow.clone();
    let observed = program.options.fold_constants.then_some(program.observed);
    let found = folding::fold(&mut tried, &Around { code, names: &names, is_own: &is_own, observed });
    if found.iter().any(|one| one.is_sign) {
        sign.get_or_insert("texts that are made of constants when they are needed");
    }
    if sign.is_none() && !program.is_suspicious {
        return Vec::new();
    }
    *flow = tried;
    found
}

/// What is taken for granted of what was folded.
fn assumptions(all: &[Folded]) -> impl Iterator<Item = String> {
    let names = |of: fn(&Folded) -> &BTreeSet<Vec<u8>>| all.iter().flat_map(of).collect::<BTreeSet<_>>().into_iter();
    let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let globals = names(|one| &one.globals);
    let globals = globals.map(move |name| format!("the global {} is always what the module makes it", shown(name)));
    let stored = names(|one| &one.stored);
    let observed = all.iter().filter(|one| one.is_observed);
    let observed = observed
        .map(|one| format!("the call at {} returns {} in every run, as it did in the traces", one.at, one.made));
    let globals = globals.chain(observed);
    globals.chain(stored.map(move |name| format!("nothing but this code uses the variable {}", shown(name))))
}

/// Whether an instruction that ran can be reached with different blocks around it, or different depths of the stack.
fn is_ambiguous(graph: &Graph, executed: &Executed) -> bool {
    let mut shapes = BTreeMap::new();
    graph.reachable().into_iter().map(|node| &graph.nodes[node]).any(|node| {
        let is_used = !node.acts.is_empty() && executed.offsets.contains_key(&(node.key.offset as u32));
        let shape = (node.key.stack.len(), node.key.blocks.iter().map(|block| block.setup).collect::<Vec<u32>>());
        is_used && *shapes.entry(node.key.offset).or_insert_with(|| shape.clone()) != shape
    })
}

/// The offsets of instructions that are nowhere in a flow any more.
fn gone<'a>(flow: &Flow, offsets: impl Iterator<Item = &'a u32>) -> BTreeSet<u32> {
    let blocks = flow.reverse_postorder().into_iter().map(|block| &flow.blocks[block]);
    let left: BTreeSet<u32> =
        blocks.flat_map(|basic| basic.instructions.iter().map(|one| one.at).chain([basic.at])).collect();
    offsets.copied().filter(|at| !left.contains(at)).collect()
}

/// Assembles what was laid out, and compares what it does with the flow that it was laid out from.
fn checked(
    laid: &Code,
    code: &MarshalledCode,
    flow: &Flow,
    is_builtin: &dyn Fn(&[u8]) -> bool,
) -> Option<MarshalledCode> {
    let mut made = laid.assemble(code)?;
    let input = Input {
        code: &made,
        executed: None,
        untaken: Untaken::Keep,
        cut: &BTreeSet::new(),
        is_builtin,
        is_looked_up: true,
        runs_prefixes: false,
        tracked: Vec::new(),
        splits_stack: false,
        most: STATES,
        keeps_exceptions: false,
    };
    let graph = machine::explore(&input).ok()?;
    let mut again = Flow::of(&graph);
    simplify::join_chains(&mut again);
    if !is_same((flow, code), (&again, &made)) {
        return None;
    }
    made.stacksize = stack_size(&graph);
    Some(made)
}

/// Whether code is what the compiler makes of the same statements but for jumps: some that nothing gets to are not there, or go to an
/// offset instead of forward.
fn lacks_instructions(bytes: &[u8], made: &[u8]) -> bool {
    let mut list = units(bytes, 0).map(|unit| unit.last.opcode).peekable();
    let mut differs = false;
    for unit in units(made, 0) {
        let opcode = unit.last.opcode;
        let is_forward = opcode == op::JUMP_FORWARD && list.peek() == Some(&op::JUMP_ABSOLUTE);
        if is_forward || list.peek() != Some(&opcode) {
            differs = true;
        }
        if is_forward || list.peek() == Some(&opcode) {
            list.next();
        }
    }
    differs && list.next().is_none()
}

/// Entries that the value stack has at most.
fn stack_size(graph: &Graph) -> i32 {
    let of = |stack: &[Value]| stack.len() + 2 * stack.iter().filter(|value| matches!(value, Value::Reason(_))).count();
    let most = graph.reachable().into_iter().map(|node| of(&graph.nodes[node].key.stack)).max();
    i32::try_from(most.unwrap_or(0)).unwrap_or(i32::MAX).max(1)
}

/// Whether the instruction at an offset, which made a value, can go if nothing uses the value.
fn is_known(value: &Value, at: u32, executed: Option<&Executed>) -> bool {
    match value {
        Value::Constant(_) | Value::Class(_) | Value::Builtin(_) | Value::Method(..) | Value::Function(_) => true,
        Value::List(_) | Value::Dict(_) | Value::NoItems => true,
        // What is made of constants alone fails always or never.
        Value::Fixed => {
            executed.is_some_and(|executed| executed.offsets.contains_key(&at) && !executed.raised.contains_key(&at))
        }
        _ => false,
    }
}

/// Makes the flow of a graph, without what does nothing.
fn simplified(
    code: &MarshalledCode,
    graph: &Graph,
    tracked: &[usize],
    executed: Option<&Executed>,
    program: &Program<'_>,
) -> (Flow, Removed) {
    let mut flow = Flow::of(graph);
    let mut unbound = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    let mut variable = BTreeSet::new();
    for node in graph.reachable() {
        let one = &graph.nodes[node];
        let at = one.key.offset as u32;
        let Some(known) = graph.variables.get(&node) else { continue };
        for act in &one.acts {
            match *act {
                machine::Act::Run(op::LOAD_FAST, Some(place)) => {
                    let place = usize::try_from(place).ok().and_then(|place| known.get(place));
                    if !matches!(place, Some(Variants::Bound | Variants::Constant(_))) {
                        unbound.insert(at);
                    }
                }
                machine::Act::Run(op::STORE_FAST, Some(place))
                    if !matches!(one.key.stack.last(), Some(Value::Constant(_))) =>
                {
                    variable.insert(place);
                }
                _ => {}
            }
        }
        let is_known = match one.exit {
            Exit::Go(next) => graph.nodes[next].key.stack.last().is_some_and(|value| is_known(value, at, executed)),
            _ => false,
        };
        if !is_known {
            unknown.insert(at);
        }
    }
    let plain_locals = if looks_up_locals(code, graph) {
        BTreeSet::new()
    } else {
        let arguments = code.argcount.max(0) + i32::from(code.flags & 4 != 0) + i32::from(code.flags & 8 != 0);
        (arguments..code.nlocals).filter(|place| !variable.contains(place)).collect()
    };
    let plain_names: BTreeSet<i32> = match program.is_looked_up {
        true => BTreeSet::new(),
        false => tracked
            .iter()
            .filter_map(|place| place.checked_sub(code.varnames.len()))
            .map(|place| place as i32)
            .collect(),
    };
    let allowed = Allowed {
        plain_names: &plain_names,
        is_bound: &|at| !unbound.contains(&at),
        plain_locals: &plain_locals,
        is_constant: &|at| !unknown.contains(&at),
        items: &|index| items(code, index),
    };
    let mut removed = Removed::new();
    simplify::simplify(&mut flow, &allowed, &mut removed);
    (flow, removed)
}

/// The items of a tuple among the constants.
fn items(code: &MarshalledCode, index: i32) -> Option<Vec<Literal>> {
    match Literal::of(code.constants.get(usize::try_from(index).ok()?)?, 0) {
        Literal::Tuple(items) => Some(items),
        Literal::Str(bytes) => Some(bytes.iter().map(|&byte| Literal::Str([byte].as_slice().into())).collect()),
        _ => None,
    }
}

/// Whether code can find locals by their names.
fn looks_up_locals(code: &MarshalledCode, graph: &Graph) -> bool {
    let by_name: [&[u8]; 8] =
        [b"locals", b"vars", b"dir", b"eval", b"execfile", b"input", b"_getframe", b"currentframe"];
    let is_exec = |act: &machine::Act| matches!(act, machine::Act::Run(op::EXEC_STMT | op::IMPORT_STAR, _));
    code.names.iter().any(|name| by_name.contains(&&**name))
        || graph.reachable().into_iter().any(|node| graph.nodes[node].acts.iter().any(is_exec))
}

/// What states can be told apart by, besides the constants on the stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    /// All constants on the stack, however many there are in one place.
    Stack,
    Variable(usize),
}

/// Variables that may say where flattened code goes on: they are compared with constants several times.  The comparisons are looked for
/// at every offset, for the model may be lost without the variable.  A value that is kept on the stack is one too.
fn candidates(code: &MarshalledCode, program: &Program<'_>, least: usize) -> Vec<Candidate> {
    let mut tests: BTreeMap<Candidate, usize> = BTreeMap::new();
    let is_own = |place: usize| {
        let is_own = code.names.get(place).is_some_and(|name| program.mentions.get(&**name) == Some(&1));
        is_own.then_some(Candidate::Variable(place + code.varnames.len()))
    };
    let is_operator = |opcode| matches!(opcode, op::COMPARE_OP | op::BINARY_SUBTRACT | op::BINARY_XOR);
    for bytes in code.bytes.windows(9) {
        let place = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let (load, place) = match *bytes {
            [op::DUP_TOP, op::LOAD_CONST, _, _, operator, ..] if is_operator(operator) => (op::DUP_TOP, 0),
            // Outside of functions the compiler makes this for `global` alone.
            [op::LOAD_CONST, _, _, op::STORE_GLOBAL, ..] if !program.is_looked_up => (op::STORE_GLOBAL, place(4)),
            [load, _, _, op::LOAD_CONST, _, _, operator, ..] if is_operator(operator) => (load, place(1)),
            [op::LOAD_CONST, _, _, load, _, _, operator, ..] if is_operator(operator) => (load, place(4)),
            _ => continue,
        };
        let candidate = match load {
            op::DUP_TOP => Some(Candidate::Stack),
            op::LOAD_FAST if place < code.varnames.len() => Some(Candidate::Variable(place)),
            op::LOAD_NAME | op::LOAD_GLOBAL | op::STORE_GLOBAL if code.flags & OPTIMIZED == 0 => is_own(place),
            _ => None,
        };
        if let Some(candidate) = candidate {
            *tests.entry(candidate).or_default() += 1;
        }
    }
    let mut found: Vec<(usize, Candidate)> =
        tests.into_iter().map(|(candidate, count)| (count, candidate)).filter(|&(count, _)| count >= least).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().take(VARIABLES).map(|(_, candidate)| candidate).collect()
}

fn branches(flow: &Flow) -> usize {
    let is_branch = |block: &usize| matches!(flow.blocks[*block].end, super::flow::End::Branch { .. });
    flow.reverse_postorder().iter().filter(|block| is_branch(block)).count()
}

/// Stretches of the code that no state is in.
fn never_reached(code: &MarshalledCode, graph: &Graph) -> Vec<Change> {
    let mut used = vec![false; code.bytes.len()];
    for node in graph.reachable() {
        let node = &graph.nodes[node];
        let (start, end) = (node.key.offset.max(0) as usize, node.end as usize);
        if let Some(part) = used.get_mut(start..end) {
            part.fill(true);
        }
    }
    let mut changes = Vec::new();
    let mut start = None;
    for at in 0..=used.len() {
        match (start, used.get(at)) {
            (None, Some(false)) => start = Some(at as u32),
            (Some(from), Some(true) | None) => {
                changes.push(Change { offsets: from..at as u32, why: "nothing leads to it".into() });
                start = None;
            }
            _ => {}
        }
    }
    changes
}

/// Counts the instructions of a code string from its beginning.
pub fn count(bytes: &[u8]) -> usize {
    units(bytes, 0).map(|unit| unit.instructions as usize).sum()
}
