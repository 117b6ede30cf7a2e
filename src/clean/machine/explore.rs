//! The search for all states, until nothing new is found: blocks are taken to catch nothing until something in them can fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::fold::settled;
use super::{Block, Exit, Graph, Input, Key, Kind, Node, NodeId, Reasons, Unmodelled, Variants, implausible};
use crate::clean::Change;
use crate::clean::value::{Literal, Value};

/// States of one place that are told apart by constants on the stack.
const SPLIT: u32 = 24;
/// The same, while variables are tracked.
const SPLIT_TRACKED: u32 = 4096;

/// States of one place that are told apart by what is made of constants alone, and not worked out.
const SPLIT_FIXED: u32 = 8;

/// Works out all states that a code object can get into.
pub fn explore(input: &Input<'_>) -> Result<Graph, Unmodelled> {
    let mut real = BTreeSet::new();
    let mut transparent = BTreeSet::new();
    let mut keeps_exceptions = input.keeps_exceptions;
    let mut begins = BTreeMap::new();
    let mut returns = BTreeSet::new();
    let mut mixed = BTreeSet::new();
    loop {
        let mut explorer = Explorer::new(input, real);
        explorer.begins = begins;
        explorer.returns = returns;
        explorer.mixed = mixed;
        explorer.keeps_exceptions = keeps_exceptions;
        explorer.transparent = transparent;
        let found = explorer.search();
        begins = explorer.begins_of_handlers();
        returns = &explorer.returns | &(&explorer.once & &explorer.iterates);
        mixed = &explorer.mixed | &explorer.decided_of_several();
        if begins != explorer.begins || returns != explorer.returns || mixed != explorer.mixed {
            (real, transparent) = (explorer.real, explorer.transparent);
            continue;
        }
        found?;
        // A bare raise raises what was handled last.
        if explorer.raises_again && !explorer.thrown.is_empty() && !keeps_exceptions {
            keeps_exceptions = true;
            (real, transparent) = (explorer.real, explorer.transparent);
            continue;
        }
        if explorer.found_real.is_empty() {
            let more = explorer.passed_through();
            if more.is_empty() {
                return explorer.finish();
            }
            (real, transparent) = (explorer.real, explorer.transparent);
            real.retain(|setup| !more.contains(setup));
            transparent.extend(more);
            continue;
        }
        (real, transparent) = (explorer.real, explorer.transparent);
        real.append(&mut explorer.found_real);
    }
}

/// A block that catches something, in one context.
#[derive(Debug)]
pub(super) struct Instance {
    pub block: Block,
    pub below: Rc<[Block]>,
    /// What the handler finds on the stack, and of the variables; None until something gets there.
    pub arrival: Option<(Vec<Value>, Rc<Vec<Variants>>)>,
    pub handler: Option<NodeId>,
    /// Where the handler begins once jumps and junk are passed.
    pub settled: i32,
    pub reasons: Reasons,
    /// Nodes that depend on it.
    pub dependents: BTreeSet<NodeId>,
}

pub(super) struct Explorer<'a> {
    pub input: &'a Input<'a>,
    pub nodes: Vec<Node>,
    index: FxHashMap<Key, NodeId>,
    pub variables: Vec<Rc<Vec<Variants>>>,
    queue: VecDeque<NodeId>,
    queued: Vec<bool>,
    splits: FxHashMap<(i32, Rc<[Block]>), u32>,
    splits_fixed: FxHashMap<(i32, Vec<Option<Literal>>), u32>,
    pub real: BTreeSet<u32>,
    pub found_real: BTreeSet<u32>,
    pub instances: Vec<Instance>,
    instance_index: FxHashMap<(Block, Rc<[Block]>), u32>,
    pub decided: BTreeMap<u32, Change>,
    pub thrown: BTreeSet<u32>,
    pub transparent: BTreeSet<u32>,
    pub keeps_exceptions: bool,
    /// Where handlers begin after a dispatcher, by the offsets of their SETUPs.
    pub begins: BTreeMap<u32, i32>,
    /// Useless EXTENDED_ARGs are all over the code.
    pub has_prefixes: bool,
    /// There is a raise without operands.
    pub raises_again: bool,
    /// FOR_ITERs that were taken for their first item alone, those that can have gone on with another one, and those of which both is
    /// true: they are loops.
    pub once: BTreeSet<u32>,
    pub iterates: BTreeSet<u32>,
    pub returns: BTreeSet<u32>,
    /// FOR_ITERs whose iterators something else uses too.
    pub goes_on: BTreeSet<u32>,
    /// Conditions that were decided since they are made of constants alone, and those of them that can be made of others too: which of
    /// them the traces show is not known.
    pub fixed: BTreeSet<u32>,
    pub mixed: BTreeSet<u32>,
}

impl<'a> Explorer<'a> {
    fn new(input: &'a Input<'a>, real: BTreeSet<u32>) -> Explorer<'a> {
        Explorer {
            input,
            nodes: Vec::new(),
            index: FxHashMap::default(),
            variables: Vec::new(),
            queue: VecDeque::new(),
            queued: Vec::new(),
            splits: FxHashMap::default(),
            splits_fixed: FxHashMap::default(),
            real,
            found_real: BTreeSet::new(),
            instances: Vec::new(),
            instance_index: FxHashMap::default(),
            decided: BTreeMap::new(),
            thrown: BTreeSet::new(),
            transparent: BTreeSet::new(),
            keeps_exceptions: false,
            begins: BTreeMap::new(),
            has_prefixes: input.runs_prefixes || implausible::has_prefixes(input.code),
            raises_again: false,
            once: BTreeSet::new(),
            iterates: BTreeSet::new(),
            returns: BTreeSet::new(),
            goes_on: BTreeSet::new(),
            fixed: BTreeSet::new(),
            mixed: BTreeSet::new(),
        }
    }

    /// Of the conditions that were decided since they are made of constants alone, those that are not the same in all states.
    fn decided_of_several(&self) -> BTreeSet<u32> {
        let mut first: BTreeMap<u32, Option<&Value>> = BTreeMap::new();
        let mut several = BTreeSet::new();
        for key in self.nodes.iter().map(|node| &node.key) {
            let at = key.offset.cast_unsigned();
            if self.fixed.contains(&at) && *first.entry(at).or_insert(key.stack.last()) != key.stack.last() {
                several.insert(at);
            }
        }
        several
    }

    fn search(&mut self) -> Result<(), Unmodelled> {
        let code = self.input.code;
        let locals = code.varnames.len();
        let mut arguments = code.argcount.max(0) as usize;
        arguments += usize::from(code.flags & 4 != 0) + usize::from(code.flags & 8 != 0);
        let mut variables = vec![Variants::Unbound; locals];
        // An argument that is a cell is moved there, and its local is NULL then (PyEval_EvalCodeEx); to take it for unknown is safe.
        variables.iter_mut().take(arguments).enumerate().for_each(|(place, variable)| {
            let is_cell = code.cellvars.contains(&code.varnames[place]);
            *variable = if is_cell { Variants::Any } else { Variants::Bound };
        });
        variables.resize(locals + code.names.len(), Variants::Any);
        self.reach(0, &[], Vec::new(), &Rc::new(variables))?;
        while let Some(node) = self.queue.pop_front() {
            self.queued[node] = false;
            self.step(node)?;
        }
        Ok(())
    }

    /// Returns the node of a state, and has it looked at if something about it is new.
    pub fn reach(
        &mut self,
        offset: i32,
        blocks: &[Block],
        mut stack: Vec<Value>,
        variables: &Rc<Vec<Variants>>,
    ) -> Result<NodeId, Unmodelled> {
        let blocks: Rc<[Block]> = blocks.into();
        if let Some(node) = self.enter_normally(offset, &blocks, &stack, variables)? {
            return Ok(node);
        }
        let is_dead = |&place: &usize| self.input.dead.contains(&(offset, place));
        let value = |place: &usize| if is_dead(place) { None } else { constant(&variables[*place]) };
        let tracked: Vec<Option<Literal>> = self.input.tracked.iter().map(value).collect();
        let mut key = Key { offset, blocks: blocks.clone(), stack: stack.as_slice().into(), tracked };
        let mut found = self.index.get(&key).copied();
        let is_fixed = |value: &Value| matches!(value, Value::Fixed(_) | Value::Fresh(_));
        if found.is_none() && stack.iter().any(is_fixed) {
            let split = self.splits_fixed.entry((offset, key.tracked.clone())).or_default();
            *split += 1;
            if *split > SPLIT_FIXED {
                stack.iter_mut().filter(|value| is_fixed(value)).for_each(|value| *value = Value::Unknown);
                key.stack = stack.as_slice().into();
                found = self.index.get(&key).copied();
            }
        }
        if found.is_none() {
            let is_flat = self.input.splits_stack || !self.input.tracked.is_empty();
            let most = if is_flat { SPLIT_TRACKED } else { SPLIT };
            let split = self.splits.entry((offset, blocks)).or_default();
            *split += 1;
            if *split > most {
                stack
                    .iter_mut()
                    .filter(|value| matches!(value, Value::Constant(_)))
                    .for_each(|value| *value = Value::Unknown);
                key.stack = stack.into();
                key.tracked.iter_mut().for_each(|value| *value = None);
                found = self.index.get(&key).copied();
            }
        }
        let Some(node) = found else { return self.add(key, variables) };
        if let Some(joined) = join(&self.variables[node], variables) {
            self.variables[node] = Rc::new(joined);
            self.enqueue(node);
        }
        Ok(node)
    }

    /// Adds a state that was not known.
    fn add(&mut self, key: Key, variables: &Rc<Vec<Variants>>) -> Result<NodeId, Unmodelled> {
        if self.nodes.len() >= self.input.most {
            return Err(Unmodelled { offset: key.offset, why: "there are too many states" });
        }
        let node = self.nodes.len();
        self.index.insert(key.clone(), node);
        self.nodes.push(Node { key, end: 0, acts: Vec::new(), exit: Exit::Lost("it was not looked at") });
        self.variables.push(variables.clone());
        self.queued.push(true);
        self.queue.push_back(node);
        Ok(node)
    }

    pub fn enqueue(&mut self, node: NodeId) {
        if !std::mem::replace(&mut self.queued[node], true) {
            self.queue.push_back(node);
        }
    }

    /// Whether a block catches something.
    pub fn is_real(&self, block: &Block) -> bool {
        block.kind == Kind::With || self.real.contains(&block.setup)
    }

    /// Whether an exception goes to a block's handler, and not on as if there were no such block.
    pub fn catches(&self, block: &Block) -> bool {
        block.kind != Kind::Loop && !self.transparent.contains(&block.setup)
    }

    /// Notes that a block catches something after all; all that was found with it as one that does not is wrong.
    pub fn make_real(&mut self, setup: u32) {
        if !self.real.contains(&setup) && !self.transparent.contains(&setup) {
            self.found_real.insert(setup);
        }
    }

    /// The number of a block that catches something, in its context.
    pub fn instance(&mut self, block: Block, below: &[Block]) -> u32 {
        let below: Rc<[Block]> = below.into();
        let code = self.input.code;
        let (instances, index, begins) = (&mut self.instances, &mut self.instance_index, &self.begins);
        *index.entry((block, below.clone())).or_insert_with(|| {
            let (arrival, handler) = (None, None);
            let (reasons, dependents) = (Reasons::default(), BTreeSet::new());
            let settled = begins.get(&block.setup).copied().unwrap_or_else(|| settled(code, block.handler));
            instances.push(Instance { block, below, arrival, handler, settled, reasons, dependents });
            instances.len() as u32 - 1
        })
    }

    /// Enters the handler of a block in one of its ways.
    pub fn enter(
        &mut self,
        number: u32,
        stack: &[Value],
        variables: &Rc<Vec<Variants>>,
        way: impl FnOnce(&mut Reasons),
    ) -> Result<NodeId, Unmodelled> {
        let instance = &mut self.instances[number as usize];
        let before = instance.reasons.clone();
        way(&mut instance.reasons);
        let mut changed = before != instance.reasons;
        let level = (instance.block.level as usize).min(stack.len());
        // What is no longer known may be used there.
        let mut lost = Vec::new();
        let mut arriving: Vec<Value> = stack[..level].iter().map(general).collect();
        match instance.block.kind {
            Kind::Except => {
                let setup = instance.block.setup;
                arriving.extend([2, 1, 0].map(|part| Value::Exception { part, setup, class: None }));
            }
            _ => arriving.push(Value::Reason(number)),
        }
        match &mut instance.arrival {
            None => {
                instance.arrival = Some((arriving, variables.clone()));
                changed = true;
            }
            Some((stack, known)) => {
                if stack.len() != arriving.len() {
                    let why = "a handler is entered with stacks of different depth";
                    return Err(Unmodelled { offset: instance.block.handler, why });
                }
                for (value, arriving) in stack.iter_mut().zip(&arriving).filter(|(value, arriving)| value != arriving) {
                    lost.extend([value.clone(), arriving.clone()]);
                    changed |= *value != Value::Unknown;
                    *value = Value::Unknown;
                }
                if let Some(joined) = join(known, variables) {
                    *known = Rc::new(joined);
                    changed = true;
                }
            }
        }
        let (known, handler, below) = (instance.handler, instance.block.handler, instance.below.clone());
        lost.iter().for_each(|value| self.use_iterator(value));
        if let Some(handler) = known.filter(|_| !changed) {
            return Ok(handler);
        }
        let Some((stack, known)) = self.instances[number as usize].arrival.clone() else {
            return Err(Unmodelled { offset: handler, why: "a handler is entered from nowhere" });
        };
        let node = self.reach(handler, &below, stack, &known)?;
        let instance = &mut self.instances[number as usize];
        instance.handler = Some(node);
        let dependents: Vec<NodeId> = instance.dependents.iter().copied().collect();
        dependents.into_iter().for_each(|node| self.enqueue(node));
        Ok(node)
    }

    /// Enters a finally or with block from above: with None on the stack, or the number of another way.
    fn enter_normally(
        &mut self,
        offset: i32,
        blocks: &Rc<[Block]>,
        stack: &[Value],
        variables: &Rc<Vec<Variants>>,
    ) -> Result<Option<NodeId>, Unmodelled> {
        let Some((Value::Constant(Literal::None), below)) = stack.split_last() else { return Ok(None) };
        let settled = settled(self.input.code, offset);
        let fits = |instance: &Instance| {
            let Block { kind, level, .. } = instance.block;
            matches!(kind, Kind::Finally | Kind::With)
                && (instance.settled == settled || instance.settled == offset)
                && level as usize == below.len()
                && instance.below == *blocks
        };
        let Some(number) = self.instances.iter().position(fits) else { return Ok(None) };
        self.enter(number as u32, below, variables, |reasons| reasons.normal = true).map(Some)
    }

    fn finish(self) -> Result<Graph, Unmodelled> {
        let variables = self.variables.into_iter().enumerate().collect();
        let mut graph = Graph {
            nodes: self.nodes,
            entry: 0,
            decided: self.decided,
            real: self.real,
            thrown: self.thrown,
            transparent: self.transparent,
            variables,
        };
        graph.cut_lost(self.input, &self.goes_on)?;
        graph.forget_undecided();
        Ok(graph)
    }
}

fn constant(variable: &Variants) -> Option<Literal> {
    match variable {
        Variants::Constant(literal) => Some(literal.clone()),
        _ => None,
    }
}

fn general(value: &Value) -> Value {
    let stays = matches!(value, Value::Exception { .. } | Value::Reason(_) | Value::Begun { .. });
    if stays { value.clone() } else { Value::Unknown }
}

/// Joins what is known on two ways; None if the first says it already.
fn join(known: &Rc<Vec<Variants>>, arriving: &Rc<Vec<Variants>>) -> Option<Vec<Variants>> {
    if Rc::ptr_eq(known, arriving) || known == arriving {
        return None;
    }
    let join = |(known, arriving): (&Variants, &Variants)| match (known, arriving) {
        (known, arriving) if known == arriving => known.clone(),
        (Variants::Unbound | Variants::Any, _) | (_, Variants::Unbound | Variants::Any) => Variants::Any,
        _ => Variants::Bound,
    };
    let joined: Vec<Variants> = known.iter().zip(arriving.iter()).map(join).collect();
    (joined != **known).then_some(joined)
}
