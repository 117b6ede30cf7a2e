//! One code object from bytes to bytes: what it can do, what of that matters, how it is laid out, and whether that does the same.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Executed;
use super::flow::{End, Flow, Instruction, Operand};
use super::folding::{self, Around, Folded};
use super::globals::{self, Globals};
use super::lacks;
use super::lay::{self, assemble::Code, peephole};
use super::machine::{self, Graph, Input};
use super::narrow;
use super::observed::Observed;
use super::order::Order;
use super::reach::Reach;
use super::report::{Change, Outcome};
use super::same::is_same;
use super::simplify::{self, Removed};
use super::tracked::{self, Explained, looks_up_locals};
use super::value::{Literal, Value};
use super::{Options, Untaken, signs};
use crate::bytecode::Unit;
use crate::bytecode::decode::units;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::op;

/// CO_OPTIMIZED and CO_NEWLOCALS (Include/code.h): code that has neither is a module's.
pub(super) const OPTIMIZED: i32 = 1;
pub(super) const NEWLOCALS: i32 = 2;

/// States of a code object at most.
pub(super) const STATES: usize = 60_000;
/// States of code that was laid out, for each of its bytes, besides a few thousand.
const STATES_PER_BYTE: usize = 4;
/// Blocks beyond which no statements are looked for.
const BLOCKS: usize = 6_000;

/// The sign of code from which instructions that do nothing were removed.
const MISSING: &str = "missing instructions, which do nothing but the compiler leaves";
/// Why code without a sign of its own is laid out.
const OTHERS: &str = "signs in other code of the program";

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
    /// Something in the program can read the local variables of other frames.
    pub shows_locals: bool,
    /// Some code may look up globals by their names.
    pub is_looked_up: bool,
    /// Some code may give functions other code.
    pub replaces_code: bool,
    /// Texts that may be names, and whether what they name may be stored to.
    pub texts: &'a BTreeSet<Vec<u8>>,
    pub stores_by_texts: bool,
    /// Some code asks for the exception that was handled last.
    pub keeps_exceptions: bool,
    /// Useless EXTENDED_ARGs of the program ran.
    pub runs_prefixes: bool,
    /// Some code of the program was not made by a compiler.
    pub is_suspicious: bool,
}

impl Program<'_> {
    /// Whether nothing but this code object mentions a name.  In the body of a class it is an attribute's, which can be looked up in ways
    /// that are not seen: by a part of a text, a metaclass, a class below or the VM.
    pub fn has_once(&self, name: &[u8], code: &MarshalledCode) -> bool {
        let is_class = code.flags & (OPTIMIZED | NEWLOCALS) == NEWLOCALS;
        // What says where flattened code goes on is stored again and again.
        let stores = || globals::stored(code).filter(|stored| *stored == name).count();
        let fewest = if self.mentions.contains_key(&b"__metaclass__"[..]) { 3 } else { 2 };
        let is_looked_up = || self.texts.contains(name) || name.starts_with(b"__") || stores() < fewest;
        self.mentions.get(name) == Some(&1) && !(is_class && is_looked_up())
    }
}

/// What became of a code object.
#[derive(Clone)]
pub struct Result {
    pub code: Option<MarshalledCode>,
    pub outcome: Outcome,
    pub changes: Vec<Change>,
    pub assumed: Vec<String>,
    /// Offsets of instructions in whose place there is what they make.
    pub folded: BTreeSet<u32>,
    /// Instructions that ran can be reached with other blocks around them, or another depth of the stack.  No compiler's can.
    pub is_ambiguous: bool,
    /// The code object itself shows that it was not made by a compiler alone.
    pub has_sign: bool,
    /// What the states that all it does comes of do to others; None if these are not known.
    pub reach: Option<Reach>,
}

impl Result {
    /// Whether it does not matter for the code object what the others show.
    pub fn is_settled(&self) -> bool {
        self.has_sign && matches!(self.outcome, Outcome::Rebuilt(sign) | Outcome::Plain(sign, _) if sign != MISSING)
    }

    /// The code object is as it was.
    fn as_it_was(outcome: Outcome, has_sign: bool) -> Result {
        let (changes, assumed, folded) = (Vec::new(), Vec::new(), BTreeSet::new());
        Result { code: None, outcome, changes, assumed, folded, is_ambiguous: false, has_sign, reach: None }
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
        return Result::as_it_was(Outcome::Kept("it has another number of locals than names for them".into()), true);
    }
    let is_module = globals.is_some();
    let mut chosen = None;
    let mut attempt = |cut: &BTreeSet<u32>| {
        let explained = tracked::explain(code, executed, program, cut, &mut chosen);
        match explained {
            Ok(explained) => attempt(code, executed, program, globals.as_deref_mut(), explained),
            Err(why) => Result::as_it_was(Outcome::Kept(why), signs::of_bytes(code).is_some()),
        }
    };
    narrow::rebuilt(code, executed, program, is_module, &mut attempt)
}

/// Rebuilds a code object of which is known what it can do.
fn attempt<'a>(
    code: &'a MarshalledCode,
    executed: Option<&Executed>,
    program: &Program<'_>,
    globals: Option<&mut Globals<'a>>,
    explained: Explained,
) -> Result {
    let Explained { graph, mut flow, removed, mut assumed, mut sign } = explained;
    let unchanged = Result::as_it_was(Outcome::Unchanged, false);
    let mut program = *program;
    if let Some(globals) = globals.filter(|_| !program.is_looked_up) {
        *globals = globals::of_module(&flow, code, &program);
        program.globals = globals;
    }
    let program = &program;
    let all_folded = folded(code, &mut flow, looks_up_locals(code, &graph, program), &mut sign, program);
    assumed.extend(assumptions(&all_folded));
    if signs::of_junk(code, removed.keys()) {
        sign.get_or_insert("values that are moved and thrown away");
    }
    let is_plain = sign.is_none();
    flow.prepare();
    let end = shared_end(code, &mut flow);
    let changes = changes(code, &graph, &removed, &all_folded);
    let mut folded: BTreeSet<u32> = all_folded.into_iter().flat_map(|one| one.offsets).collect();
    folded.extend(gone(code, &flow, removed.keys().chain(&graph.thrown)));
    let is_ambiguous = executed.is_some_and(|executed| is_ambiguous(&graph, &flow, executed));
    let reach = Some(Reach::of(&graph, code));
    let laid = structured(code, &flow, end, sign.is_some(), program);
    let sign = match &laid {
        // The compiler makes the same of what it does, whatever that looks like.
        Ok(made) if made.bytes == code.bytes => return unchanged,
        // All that is there is in the layout, and more.
        Ok(made) => sign.or_else(|| lacks::instructions(&code.bytes, &made.bytes).then_some(MISSING)),
        Err(_) => sign,
    };
    let has_sign = sign.is_some();
    let Some(sign) = sign.or(program.is_suspicious.then_some(OTHERS)) else { return unchanged };
    let (code, outcome) = match laid {
        Ok(made) => (made, Outcome::Rebuilt(sign)),
        Err(_) if is_plain => return unchanged,
        Err(why) => match block_by_block(code, &flow, program) {
            Ok(made) => (made, Outcome::Plain(sign, why)),
            Err(other) => {
                let kept = Result::as_it_was(Outcome::Kept(format!("{why}; {other}")), has_sign);
                let kept = Result { reach, ..kept };
                let Some((made, flow)) = with_all_it_does(code, &graph, program) else { return kept };
                let is_ambiguous = executed.is_some_and(|executed| self::is_ambiguous(&graph, &flow, executed));
                let changes = self::changes(code, &graph, &Removed::new(), &[]);
                return Result { code: Some(made), outcome: Outcome::Rebuilt(sign), changes, is_ambiguous, ..kept };
            }
        },
    };
    Result { code: Some(code), outcome, changes, assumed, folded, is_ambiguous, has_sign, reach }
}

/// Lays out as statements all that code does, what could go too: without a store that nothing reads a block can be empty, and is then
/// none.  None if that is not possible.
fn with_all_it_does(code: &MarshalledCode, graph: &Graph, program: &Program<'_>) -> Option<(MarshalledCode, Flow)> {
    let mut flow = Flow::of(graph);
    simplify::join_chains(&mut flow);
    flow.compact();
    flow.prepare();
    let end = shared_end(code, &mut flow);
    Some((structured(code, &flow, end, true, program).ok()?, flow))
}

/// Lets all ends of a module be one.
fn shared_end(code: &MarshalledCode, flow: &mut Flow) -> Option<usize> {
    let is_none = |index| {
        let constant = usize::try_from(index).ok().and_then(|index| code.constants.get(index));
        constant.is_some_and(|constant| Literal::of(constant, 0) == Literal::None)
    };
    if code.flags & (OPTIMIZED | NEWLOCALS) == 0 { flow.share_end(is_none) } else { None }
}

/// Lays a flow out without statements; an error says why that is not possible.
fn block_by_block(
    code: &MarshalledCode,
    flow: &Flow,
    program: &Program<'_>,
) -> std::result::Result<MarshalledCode, &'static str> {
    let listing = lay::plain(flow).map_err(|error| error.0)?;
    let laid = Code::of(&listing).ok_or("a jump leads nowhere")?;
    checked(&laid, code, flow, program).ok_or("the layout was not the same")
}

/// What was done to a code object, in the order of offsets.
fn changes(code: &MarshalledCode, graph: &Graph, removed: &Removed, folded: &[Folded]) -> Vec<Change> {
    let one = |at: u32, why: String| Change { offsets: at..at + 1, why, is_guess: false };
    let mut changes: Vec<Change> = graph.decided.values().cloned().collect();
    changes.extend(graph.thrown.iter().map(|&at| one(at, "it always fails, which was a jump".into())));
    changes.extend(removed.iter().map(|(&at, &why)| one(at, why.into())));
    changes.extend(never_reached(code, graph));
    let made = |one: &Folded| format!("an expression of constants that always makes {}", one.made);
    changes.extend(folded.iter().map(|folded| one(folded.at, made(folded))));
    changes.sort_by_key(|change| change.offsets.start);
    changes
}

/// Lays a flow out as statements; an error says why it is none of them.
fn structured(
    code: &MarshalledCode,
    flow: &Flow,
    end: Option<usize>,
    has_sign: bool,
    program: &Program<'_>,
) -> std::result::Result<MarshalledCode, &'static str> {
    if flow.blocks.len() > BLOCKS {
        return Err("there are too many blocks");
    }
    let mut order = Order::of(flow);
    let assertion = code.names.iter().position(|name| &**name == b"AssertionError");
    order.has_sign = has_sign;
    order.assertion = assertion.and_then(|place| i32::try_from(place).ok());
    let is_comprehension = code.varnames.first().is_some_and(|name| name.starts_with(b"."));
    let body = match is_comprehension {
        true => lay::Body::Comprehension,
        false if &*code.name == b"<lambda>" => lay::Body::Lambda,
        false => lay::Body::Statements,
    };
    let listing = lay::structured(flow, &order, body, end).map_err(|error| error.0)?;
    let mut laid = Code::of(&listing).ok_or("a jump leads nowhere")?;
    peephole::optimize(&mut laid);
    checked(&laid, code, flow, program).ok_or("the layout was not the same")
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
            !program.is_looked_up && name.is_some_and(|name| program.has_once(name, code))
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

/// Whether an instruction that ran, and that is still in the flow, can be reached with different blocks around it, or different depths of
/// the stack.  What says where flattened code goes on is reached with any.
fn is_ambiguous(graph: &Graph, flow: &Flow, executed: &Executed) -> bool {
    let blocks = flow.reverse_postorder().into_iter().map(|block| &flow.blocks[block]);
    let left: BTreeSet<u32> = blocks
        .flat_map(|block| {
            let is_end = !matches!(block.end, End::Jump(_));
            block.instructions.iter().map(|one| one.at).chain(is_end.then_some(block.at))
        })
        .collect();
    let mut shapes = BTreeMap::new();
    graph.reachable().into_iter().map(|node| &graph.nodes[node]).any(|node| {
        let at = node.key.offset as u32;
        let is_used = !node.acts.is_empty() && executed.offsets.contains_key(&at) && left.contains(&at);
        let shape = (node.key.stack.len(), node.key.blocks.iter().map(|block| block.setup).collect::<Vec<u32>>());
        is_used && *shapes.entry(node.key.offset).or_insert_with(|| shape.clone()) != shape
    })
}

/// The offsets of instructions that are nowhere in a flow any more.  What only pops the operands of one is not that one.
fn gone<'a>(code: &MarshalledCode, flow: &Flow, offsets: impl Iterator<Item = &'a u32>) -> BTreeSet<u32> {
    let blocks = flow.reverse_postorder().into_iter().map(|block| &flow.blocks[block]);
    let left: BTreeSet<(u32, Option<u8>)> = blocks
        .flat_map(|basic| {
            let all = basic.instructions.iter().map(|one| (one.at, Some(one.opcode)));
            all.chain([(basic.at, None)])
        })
        .collect();
    let is_left = |&at: &u32| {
        let opcode = Unit::decode(&code.bytes, at).map(|unit| unit.last.opcode);
        left.contains(&(at, None)) || left.contains(&(at, opcode))
    };
    offsets.copied().filter(|at| !is_left(at)).collect()
}

/// Assembles what was laid out, and compares what it does with the flow that it was laid out from.
fn checked(laid: &Code, code: &MarshalledCode, flow: &Flow, program: &Program<'_>) -> Option<MarshalledCode> {
    let made = laid.assemble(code, true)?;
    let is_builtin = |name: &[u8]| !program.stored.contains(name);
    let input = Input {
        code: &made,
        executed: None,
        untaken: Untaken::Keep,
        cut: &BTreeSet::new(),
        is_builtin: &is_builtin,
        is_looked_up: true,
        runs_prefixes: false,
        own: &BTreeSet::new(),
        tracked: Vec::new(),
        dead: &BTreeSet::new(),
        splits_stack: false,
        // Code that was laid out right has about as many states as instructions; of wrong code the stack can grow without end.
        most: STATES.min(tracked::FEW + STATES_PER_BYTE * made.bytes.len()),
        replaces_code: program.replaces_code,
        keeps_exceptions: program.keeps_exceptions,
    };
    let graph = machine::explore(&input).ok()?;
    let mut again = Flow::of(&graph);
    simplify::join_chains(&mut again);
    if !is_same((flow, code), (&again, &made)) {
        return None;
    }
    let ordered = laid.assemble(code, false)?;
    Some(MarshalledCode { stacksize: stack_size(&graph), ..ordered })
}

/// Entries that the value stack has at most.
fn stack_size(graph: &Graph) -> i32 {
    let of = |stack: &[Value]| stack.len() + 2 * stack.iter().filter(|value| matches!(value, Value::Reason(_))).count();
    let most = graph.reachable().into_iter().map(|node| of(&graph.nodes[node].key.stack)).max();
    i32::try_from(most.unwrap_or(0)).unwrap_or(i32::MAX).max(1)
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
                let why = "nothing leads to it".into();
                changes.push(Change { offsets: from..at as u32, why, is_guess: false });
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
