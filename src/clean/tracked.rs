//! What a code object can do: its graph of states, and the flow that comes of it.  Code that goes on where a variable says is followed with
//! the states distinguished by that variable; which variable that is, is found by trial.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

use super::evidence::Executed;
use super::flow::{Flow, Instruction, Operand};
use super::globals;
use super::machine::{self, Dead, Graph, Input};
use super::order::Order;
use super::pure::{self, Thing};
use super::rebuild::{OPTIMIZED, Program, STATES};
use super::signs;
use super::simplify::{self, Allowed, Removed};
use super::truths;
use super::uses::Uses;
use super::value::Literal;
use crate::bytecode::Unit;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::op;

/// States for each byte of code at most, besides a few thousand.
const STATES_PER_BYTE: usize = 2;
/// The same while states are distinguished by variables.
const STATES_PER_BYTE_TRACKED: usize = 12;
pub(super) const FEW: usize = 3_000;
/// How many times as many states another variable may make.
const MORE: usize = 4;
/// Variables that are tried.
const VARIABLES: usize = 8;

/// A code object's states, and what is known of it by them.
pub struct Explained {
    pub graph: Graph,
    pub flow: Flow,
    /// What was removed from the flow.
    pub removed: Removed,
    /// What is taken for granted.
    pub assumed: Vec<String>,
    /// What shows that no compiler made it alone.
    pub sign: Option<&'static str>,
}

/// What states of a code object are distinguished by, as it was found the first time, and what that says.
#[derive(Clone)]
pub struct Chosen {
    tracked: Vec<usize>,
    dead: Dead,
    splits_stack: bool,
    assumed: Vec<String>,
    sign: Option<&'static str>,
}

/// Follows all ways through a code object, but for the sides of the conditions at the offsets in `cut` that never ran.  What states are told
/// apart by is looked for only if it is not in `chosen`, and goes there.
pub fn explain(
    code: &MarshalledCode,
    executed: Option<&Executed>,
    program: &Program<'_>,
    cut: &BTreeSet<u32>,
    chosen: &mut Option<Chosen>,
) -> Result<Explained, String> {
    let is_builtin = |name: &[u8]| !program.stored.contains(name);
    let untaken = program.options.untaken;
    let own = own_names(code, program);
    let nowhere = Dead::new();
    let mut input = Input {
        code,
        executed,
        untaken,
        cut,
        is_builtin: &is_builtin,
        is_looked_up: program.is_looked_up,
        runs_prefixes: program.runs_prefixes,
        own: &own,
        tracked: Vec::new(),
        dead: &nowhere,
        splits_stack: false,
        most: STATES,
        replaces_code: program.replaces_code,
        keeps_exceptions: program.keeps_exceptions,
    };
    let most = STATES.min(FEW + STATES_PER_BYTE_TRACKED * code.bytes.len());
    if let Some(Chosen { tracked, dead, splits_stack, assumed, sign }) = chosen.clone()
        && let Ok(graph) =
            machine::explore(&Input { tracked: tracked.clone(), dead: &dead, splits_stack, most, ..input })
    {
        let (flow, removed) = simplified(code, &graph, (&tracked, &own), sign.is_some(), executed, program);
        return Ok(explained(code, graph, flow, removed, assumed, sign));
    }
    input.most = STATES.min(FEW + STATES_PER_BYTE * code.bytes.len());
    let explored = machine::explore(&input);
    let mut sign = explored.as_ref().ok().and_then(|graph| signs::of(code, graph));
    // A few tests say little about code that looks like a compiler's.
    let least = if sign.is_some() || explored.is_err() || program.is_suspicious { 1 } else { 3 };
    let mut best =
        explored.as_ref().ok().map(|graph| simplified(code, graph, (&[], &own), sign.is_some(), executed, program));
    let found = candidates(code, best.as_ref().map(|(flow, _)| flow), program, &own, least);
    let mut graph = explored;
    let (mut assumed, mut all_dead) = (Vec::new(), Dead::new());
    for candidate in found {
        let variable = if let Candidate::Variable(variable) = candidate { Some(variable) } else { None };
        let tracked: Vec<usize> = input.tracked.iter().copied().chain(variable).collect();
        let splits_stack = input.splits_stack || variable.is_none();
        // A second variable that says where to go on does not make many more states of those that a first one has distinguished.
        let is_told_apart = !input.tracked.is_empty() || input.splits_stack;
        let most = match &graph {
            Ok(graph) if is_told_apart => most.min(FEW / 2 + MORE * graph.nodes.len()),
            _ => most,
        };
        let trial = Input { tracked: tracked.clone(), splits_stack, most, ..input };
        for (tried, dead) in told_apart(trial) {
            let (flow, removed) = simplified(code, &tried, (&tracked, &own), true, executed, program);
            // Code that nothing else says anything of may compare a variable for its own ends; a dispatcher's disappears.
            let is_gone =
                least == 1 || sign.is_some() || variable.is_none_or(|variable| !is_loaded(&flow, code, variable));
            let is_better = |(known, _): &(Flow, Removed)| {
                is_simpler(&flow, known) && lone_iterations(&flow) <= lone_iterations(known)
            };
            if is_gone && best.as_ref().is_none_or(is_better) {
                (graph, best) = (Ok(tried), Some((flow, removed)));
                (input.tracked, input.splits_stack) = (tracked.clone(), splits_stack);
                all_dead = dead;
                sign = sign.or(Some("a variable that says where to go on"));
                let name = variable.and_then(|variable| code.names.get(variable.checked_sub(code.varnames.len())?));
                let what = name
                    .map(|name| format!("nothing but this code uses the variable {}", String::from_utf8_lossy(name)));
                assumed.extend(what.filter(|what| !assumed.contains(what)));
            }
        }
    }
    let graph = graph.map_err(|error| error.to_string())?;
    let (flow, removed) = best.ok_or("nothing is known of it")?;
    let (tracked, splits_stack) = (input.tracked, input.splits_stack);
    *chosen = Some(Chosen { tracked, dead: all_dead, splits_stack, assumed: assumed.clone(), sign });
    Ok(explained(code, graph, flow, removed, assumed, sign))
}

/// Follows all ways with states told apart by some variables; and once more, if some states differ by what is not read from there on
/// alone, as if that was the same.
fn told_apart(input: Input<'_>) -> Vec<(Graph, Dead)> {
    let Ok(graph) = machine::explore(&input) else { return Vec::new() };
    let dead = machine::dead(&graph, &input.tracked, input.code.varnames.len());
    let again = if dead.is_empty() { None } else { machine::explore(&Input { dead: &dead, ..input }).ok() };
    let again = again.map(|graph| (graph, dead));
    iter::once((graph, Dead::new())).chain(again).collect()
}

/// Adds what is taken for granted of names whose stores were removed.
fn explained(
    code: &MarshalledCode,
    graph: Graph,
    flow: Flow,
    removed: Removed,
    mut assumed: Vec<String>,
    sign: Option<&'static str>,
) -> Explained {
    let stores: BTreeSet<u32> = removed.iter().filter(|one| *one.1 == simplify::NOT_READ).map(|one| *one.0).collect();
    let nodes = graph.nodes.iter().filter(|node| stores.contains(&(node.key.offset as u32)));
    let names: BTreeSet<i32> = nodes
        .flat_map(|node| &node.acts)
        .filter_map(|act| match *act {
            machine::Act::Run(op::STORE_GLOBAL, place) => place,
            _ => None,
        })
        .collect();
    for name in names.into_iter().filter_map(|place| code.names.get(usize::try_from(place).ok()?)) {
        let what = format!("nothing but this code uses the variable {}", String::from_utf8_lossy(name));
        if !assumed.contains(&what) {
            assumed.push(what);
        }
    }
    Explained { graph, flow, removed, assumed, sign }
}

/// The places of names that are stored to as globals, and that no other code mentions.
fn own_names(code: &MarshalledCode, program: &Program<'_>) -> BTreeSet<usize> {
    if program.is_looked_up {
        return BTreeSet::new();
    }
    let at = |start: u32| Unit::decode(&code.bytes, start).filter(|unit| unit.last.opcode == op::STORE_GLOBAL);
    let stored = (0..code.bytes.len() as u32).filter_map(at);
    let places = stored.filter_map(|unit| usize::try_from(unit.last.operand?).ok());
    let is_own = |place: &usize| code.names.get(*place).is_some_and(|name| program.mentions.get(&**name) == Some(&1));
    places.filter(is_own).collect()
}

/// Whether a flow still loads a variable.
fn is_loaded(flow: &Flow, code: &MarshalledCode, variable: usize) -> bool {
    let locals = code.varnames.len();
    let loads = |one: &Instruction| {
        let base = match one.opcode {
            op::LOAD_FAST => 0,
            op::LOAD_NAME | op::LOAD_GLOBAL => locals,
            _ => return false,
        };
        matches!(one.operand, Operand::Number(place) if usize::try_from(place) == Ok(variable.wrapping_sub(base)))
    };
    flow.reverse_postorder().into_iter().any(|block| flow.blocks[block].instructions.iter().any(loads))
}

/// Whether a flow is better than another one: shorter without more branches, or with fewer and not much longer.
fn is_simpler(flow: &Flow, known: &Flow) -> bool {
    let (length, known_length) = (flow.len(), known.len());
    let (count, known_count) = (branches(flow), branches(known));
    length * 4 <= known_length * 5 && count < known_count || length < known_length && count <= known_count
}

/// FOR_ITERs that no loop begins with: a dispatcher that goes over something leaves one in each of its states.
fn lone_iterations(flow: &Flow) -> usize {
    let order = Order::of(flow);
    let is_lone = |block: &&usize| {
        matches!(flow.blocks[**block].end, super::flow::End::Iterate { .. }) && order.loops[**block].is_none()
    };
    order.blocks.iter().filter(is_lone).count()
}

/// Makes the flow of a graph, without what does nothing; if the code `has_sign`, conditions on truth values by name are such.
fn simplified(
    code: &MarshalledCode,
    graph: &Graph,
    (tracked, own): (&[usize], &BTreeSet<usize>),
    has_sign: bool,
    executed: Option<&Executed>,
    program: &Program<'_>,
) -> (Flow, Removed) {
    let mut flow = Flow::of(graph);
    let uses = Uses::of(graph, executed);
    let plain_locals = if looks_up_locals(code, graph, program) {
        BTreeSet::new()
    } else {
        let arguments = code.argcount.max(0) + i32::from(code.flags & 4 != 0) + i32::from(code.flags & 8 != 0);
        (arguments..code.nlocals).filter(|place| !uses.variable.contains(place)).collect()
    };
    // A function's globals outlive it: its stores go only if nothing reads them at all.
    let plain_names: BTreeSet<i32> = match program.is_looked_up || code.flags & OPTIMIZED != 0 {
        true => BTreeSet::new(),
        false => tracked
            .iter()
            .filter_map(|place| place.checked_sub(code.varnames.len()))
            .filter(|place| code.names.get(*place).is_some_and(|name| program.has_once(name, code)))
            .map(|place| place as i32)
            .collect(),
    };
    // What nothing ever read may be there for others.
    let own = own.iter().filter_map(|place| i32::try_from(*place).ok()).filter(|place| uses.loaded.contains(place));
    let allowed = Allowed {
        plain_names: &plain_names,
        own_names: &own.filter(|place| !uses.variable.contains(&(-1 - place))).collect(),
        is_bound: &|at| !uses.unbound.contains(&at),
        plain_locals: &plain_locals,
        is_constant: &|at| !uses.unknown.contains(&at),
        constant: &|index| Some(Literal::of(code.constants.get(usize::try_from(index).ok()?)?, 0)),
        items: &|index| items(code, index),
    };
    let mut removed = Removed::new();
    simplify::simplify(&mut flow, &allowed, &mut removed);
    let truth = |place: i32| {
        let name = code.names.get(usize::try_from(place).ok()?).filter(|name| !program.stored.contains(&***name))?;
        if let Some(Thing::Plain(literal)) = pure::builtin(name) { literal.truth() } else { None }
    };
    if has_sign && truths::decide(&mut flow, truth, &mut removed) {
        simplify::simplify(&mut flow, &allowed, &mut removed);
    }
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

/// Whether code can find locals by their names, or what it calls can find them in its frame.
pub fn looks_up_locals(code: &MarshalledCode, graph: &Graph, program: &Program<'_>) -> bool {
    let by_name: [&[u8]; 8] =
        [b"locals", b"vars", b"dir", b"eval", b"execfile", b"input", b"_getframe", b"currentframe"];
    let is_exec = |act: &machine::Act| matches!(act, machine::Act::Run(op::EXEC_STMT | op::IMPORT_STAR, _));
    program.shows_locals
        || code.names.iter().any(|name| by_name.contains(&&**name))
        || graph.reachable().into_iter().any(|node| graph.nodes[node].acts.iter().any(is_exec))
}

/// What states can be distinguished by, besides the constants on the stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    /// All constants on the stack, however many there are in one place.
    Stack,
    Variable(usize),
}

/// Variables that may say where flattened code goes on: they are compared with constants several times.  The comparisons are looked for
/// at every offset, for the model may be lost without the variable, and in what is left of the flow, if there is one.  A value that is kept
/// on the stack is such a variable too.
fn candidates(
    code: &MarshalledCode,
    flow: Option<&Flow>,
    program: &Program<'_>,
    own: &BTreeSet<usize>,
    least: usize,
) -> Vec<Candidate> {
    let mut tests: BTreeMap<Candidate, BTreeSet<u32>> = BTreeMap::new();
    let mut add = |at: u32, three: [(u8, i32); 3]| {
        if let Some(candidate) = candidate(code, program, own, three) {
            tests.entry(candidate).or_default().insert(at);
        }
    };
    for start in 0..code.bytes.len() as u32 {
        let mut list = units_from(code, start);
        let (Some(one), Some(two)) = (list.next(), list.next()) else { continue };
        let third = list.next().map_or((op::STOP_CODE, 0), |(_, third)| third);
        add(one.0, [one.1, two.1, third]);
    }
    let blocks = flow.into_iter().flat_map(|flow| &flow.blocks);
    for three in blocks.flat_map(|block| block.instructions.windows(3)) {
        let plain = |place: usize| {
            let number = if let Operand::Number(number) = three[place].operand { number } else { 0 };
            (three[place].opcode, number)
        };
        add(three[0].at, [plain(0), plain(1), plain(2)]);
    }
    let mut found: Vec<(usize, Candidate)> = tests
        .into_iter()
        .map(|(candidate, tests)| (tests.len(), candidate))
        .filter(|&(count, _)| count >= least)
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().take(VARIABLES).map(|(_, candidate)| candidate).collect()
}

/// What three instructions in a row compare with a constant, or store one to.
fn candidate(
    code: &MarshalledCode,
    program: &Program<'_>,
    own: &BTreeSet<usize>,
    three: [(u8, i32); 3],
) -> Option<Candidate> {
    let is_operator = |opcode| matches!(opcode, op::COMPARE_OP | op::BINARY_SUBTRACT | op::BINARY_XOR);
    let (load, place) = match three {
        [(op::DUP_TOP, _), (op::LOAD_CONST, _), (operator, _)] if is_operator(operator) => (op::DUP_TOP, 0),
        // Outside of functions the compiler makes this for `global` alone.
        [(op::LOAD_CONST, _), (op::STORE_GLOBAL, place), _] if !program.is_looked_up => (op::STORE_GLOBAL, place),
        [(load, place), (op::LOAD_CONST, _), (operator, _)] if is_operator(operator) => (load, place),
        [(op::LOAD_CONST, _), (load, place), (operator, _)] if is_operator(operator) => (load, place),
        // A function that was just made compares it.
        [(op::MAKE_FUNCTION, 0), (load, place), (op::CALL_FUNCTION, 1)] => (load, place),
        _ => return None,
    };
    let place = usize::try_from(place).ok()?;
    match load {
        op::DUP_TOP => Some(Candidate::Stack),
        op::LOAD_FAST if place < code.varnames.len() => Some(Candidate::Variable(place)),
        // What is known of a function's own global is forgotten where other code runs.
        op::LOAD_NAME | op::LOAD_GLOBAL | op::STORE_GLOBAL if code.flags & OPTIMIZED == 0 || own.contains(&place) => {
            let is_own = |name: &Arc<[u8]>| {
                let is_attribute = || globals::stored_attributes(code).any(|stored| stored == &**name);
                let is_text = program.stores_by_texts && program.texts.contains(&**name);
                let is_looked_up = program.is_looked_up || is_text || is_attribute();
                program.mentions.get(&**name) == Some(&1) && !is_looked_up
            };
            code.names.get(place).is_some_and(is_own).then_some(Candidate::Variable(place + code.varnames.len()))
        }
        _ => None,
    }
}

/// The instructions from an offset on, jumps followed and left out, with their own offsets.
fn units_from(code: &MarshalledCode, start: u32) -> impl Iterator<Item = (u32, (u8, i32))> + '_ {
    const HOPS: usize = 16;
    let mut at = Some(start);
    std::iter::from_fn(move || {
        for _ in 0..HOPS {
            let unit = Unit::decode(&code.bytes, at?)?;
            let operand = unit.last.operand.unwrap_or(0);
            match unit.last.opcode {
                op::NOP => at = Some(unit.end),
                op::JUMP_FORWARD => at = unit.end.checked_add_signed(operand),
                op::JUMP_ABSOLUTE => at = u32::try_from(operand).ok(),
                opcode => {
                    at = Some(unit.end);
                    return Some((u32::try_from(unit.last.offset).ok()?, (opcode, operand)));
                }
            }
        }
        None
    })
}

fn branches(flow: &Flow) -> usize {
    let is_branch = |block: &usize| matches!(flow.blocks[*block].end, super::flow::End::Branch { .. });
    flow.reverse_postorder().iter().filter(|block| is_branch(block)).count()
}
