//! Whether two flows do the same: both are walked at once, and each instruction of one must be the next of the other.  What a code
//! object was laid out as is compared in this way with what it was laid out from.

use std::collections::HashSet;

use super::flow::{BlockId, DROP, End, Flow, Instruction, Operand};
use super::value::Literal;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::op;

/// A place in a flow: a block, and how many of its instructions are behind.
type Place = (BlockId, usize);

/// Compares two flows; the constants of each are those of its code object.
pub fn is_same(one: (&Flow, &MarshalledCode), other: (&Flow, &MarshalledCode)) -> bool {
    let mut seen = HashSet::new();
    let mut todo = vec![((one.0.entry, 0), (other.0.entry, 0))];
    while let Some(pair) = todo.pop() {
        if !seen.insert(pair) {
            continue;
        }
        let (mut from, mut to) = pair;
        loop {
            let (left, right) = (settle(one.0, &mut from), settle(other.0, &mut to));
            let (Some(left), Some(right)) = (left, right) else { return false };
            if left.pops != right.pops || left.leaves != right.leaves {
                return false;
            }
            match (left.next, right.next) {
                (Next::Runs(left), Next::Runs(right)) => {
                    if !is_same_instruction(left, one.1, right, other.1) {
                        return false;
                    }
                    from.1 += 1;
                    to.1 += 1;
                    if !seen.insert((from, to)) {
                        break;
                    }
                }
                (Next::Ends(left), Next::Ends(right)) => {
                    let Some(pairs) = ends(left, right) else { return false };
                    todo.extend(pairs.into_iter().map(|(left, right)| ((left, 0), (right, 0))));
                    break;
                }
                // What always fails has something after it in the layout, to which control never comes.
                (Next::Ends(End::Final(opcode, operand)), Next::Runs(right)) if goes_on(*opcode) => {
                    let operand = operand.map_or(Operand::None, Operand::Number);
                    let left = Instruction { opcode: *opcode, operand, at: 0 };
                    if !is_same_instruction(&left, one.1, right, other.1) {
                        return false;
                    }
                    break;
                }
                (Next::Spins, Next::Spins) => break,
                _ => return false,
            }
        }
    }
    true
}

/// Whether an instruction, unless it fails, is followed by the next one.
pub fn goes_on(opcode: u8) -> bool {
    !matches!(opcode, op::RETURN_VALUE | op::RAISE_VARARGS | op::END_FINALLY)
        && !super::machine::effect::is_undefined(opcode)
}

enum Next<'a> {
    Runs(&'a Instruction),
    Ends(&'a End),
    /// A loop without any instruction.
    Spins,
}

/// What comes next once jumps are gone, and what is popped and left on the way.
struct Settled<'a> {
    pops: usize,
    leaves: usize,
    next: Next<'a>,
}

fn settle<'a>(flow: &'a Flow, place: &mut Place) -> Option<Settled<'a>> {
    let (mut pops, mut leaves) = (0, 0);
    let mut steps = 0;
    loop {
        let block = flow.blocks.get(place.0)?;
        match block.instructions.get(place.1) {
            Some(one) if matches!(one.opcode, op::POP_TOP | DROP) => {
                pops += 1;
                place.1 += 1;
            }
            Some(one) => return Some(Settled { pops, leaves, next: Next::Runs(one) }),
            None => match &block.end {
                End::Jump(next) => *place = (*next, 0),
                End::Leave(next) => {
                    leaves += 1;
                    *place = (*next, 0);
                }
                end => return Some(Settled { pops, leaves, next: Next::Ends(end) }),
            },
        }
        steps += 1;
        if steps > 4 * flow.blocks.len() + 1_000_000 {
            return Some(Settled { pops: 0, leaves: 0, next: Next::Spins });
        }
    }
}

fn is_same_instruction(
    left: &Instruction,
    of_left: &MarshalledCode,
    right: &Instruction,
    of_right: &MarshalledCode,
) -> bool {
    if left.opcode != right.opcode {
        return false;
    }
    if left.opcode != op::LOAD_CONST {
        return left.operand == right.operand;
    }
    let literal = |one: &Instruction, code: &MarshalledCode| match &one.operand {
        Operand::Literal(literal) => Some(literal.clone()),
        Operand::Number(number) => {
            let index = usize::try_from(*number).ok()?;
            Some(Literal::of(code.constants.get(index)?, index as u32))
        }
        Operand::None => None,
    };
    literal(left, of_left).is_some_and(|left| Some(left) == literal(right, of_right))
}

/// The ways on that must be the same; None if the ends are not.
fn ends(left: &End, right: &End) -> Option<Vec<(BlockId, BlockId)>> {
    match (left, right) {
        (
            End::Branch { opcode: left, taken: left_taken, next: left_next },
            End::Branch { opcode: right, taken: right_taken, next: right_next },
        ) => {
            if left == right {
                return Some(vec![(*left_taken, *right_taken), (*left_next, *right_next)]);
            }
            let opposite = super::lay::inverted(*left) == Some(*right);
            opposite.then(|| vec![(*left_taken, *right_next), (*left_next, *right_taken)])
        }
        (End::Iterate { done: left_done, next: left }, End::Iterate { done: right_done, next: right }) => {
            Some(vec![(*left_done, *right_done), (*left, *right)])
        }
        (
            End::Setup { opcode: left, handler: left_handler, next: left_next },
            End::Setup { opcode: right, handler: right_handler, next: right_next },
        ) if left == right => match (left_handler, right_handler) {
            (Some(left), Some(right)) => Some(vec![(*left, *right), (*left_next, *right_next)]),
            (None, None) => Some(vec![(*left_next, *right_next)]),
            _ => None,
        },
        (End::Finally { next: left, others: left_others }, End::Finally { next: right, others: right_others }) => {
            // What could fail only before it was simplified entered the block once more.  All ways into it are compared by themselves.
            if left.is_none() && right.is_some() {
                return None;
            }
            let mut pairs: Vec<(BlockId, BlockId)> = left.iter().copied().zip(right.iter().copied()).collect();
            for opcode in [op::BREAK_LOOP, op::CONTINUE_LOOP] {
                let of = |others: &[(u8, BlockId)]| {
                    others.iter().filter(|other| other.0 == opcode).map(|other| other.1).collect::<Vec<_>>()
                };
                match (&of(left_others)[..], &of(right_others)[..]) {
                    ([], []) => {}
                    ([left, others @ ..], [right]) if others.iter().all(|other| other == left) => {
                        pairs.push((*left, *right));
                    }
                    _ => return None,
                }
            }
            Some(pairs)
        }
        (End::Final(left, left_operand), End::Final(right, right_operand)) => {
            (left == right && left_operand == right_operand).then(Vec::new)
        }
        (End::Through(left), End::Through(right)) => (left == right).then(Vec::new),
        _ => None,
    }
}
