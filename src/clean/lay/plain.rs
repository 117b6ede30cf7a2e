//! Laying out flow that is no flow of statements: block by block, with a jump wherever the next block is not the one that follows.

use super::{Item, Laid, Listing, Unstructured};
use crate::bytecode::opcode::op;
use crate::clean::flow::{DROP, End, Flow, Operand};

/// Lays out all blocks in reverse postorder.
pub fn plain(flow: &Flow) -> Laid<Listing> {
    let order = flow.reverse_postorder();
    let mut place = vec![usize::MAX; flow.blocks.len()];
    order.iter().enumerate().for_each(|(at, &block)| place[block] = at);
    let mut out = Listing::default();
    // Blocks that only jump, for jumps that cannot go backwards; their labels come after those of the blocks.
    let mut forwarders = Vec::new();
    for (at, &block) in order.iter().enumerate() {
        let basic = &flow.blocks[block];
        out.items.push(Item::Label(block));
        out.statements.push(out.items.len());
        for one in &basic.instructions {
            if one.opcode == DROP {
                return Err(Unstructured("what a finally block was entered with is popped"));
            }
            out.items.push(Item::Run { opcode: one.opcode, operand: one.operand.clone(), at: one.at });
        }
        let following = order.get(at + 1).copied();
        let mut forward = |to: usize| {
            if place[to] > at {
                return to;
            }
            let label = flow.blocks.len() + forwarders.len();
            forwarders.push(to);
            label
        };
        let from = basic.at;
        let mut jumps = Vec::new();
        match &basic.end {
            End::Jump(next) => jumps.push((op::JUMP_ABSOLUTE, *next)),
            End::Leave(next) => {
                out.items.push(Item::Run { opcode: op::POP_BLOCK, operand: Operand::None, at: from });
                jumps.push((op::JUMP_ABSOLUTE, *next));
            }
            End::Branch { opcode, taken, next } => jumps.extend([(*opcode, *taken), (op::JUMP_ABSOLUTE, *next)]),
            End::Iterate { done, next } => jumps.extend([(op::FOR_ITER, forward(*done)), (op::JUMP_ABSOLUTE, *next)]),
            End::Setup { opcode, handler, next } => {
                let handler = handler.ok_or(Unstructured("no handler is known"))?;
                jumps.extend([(*opcode, forward(handler)), (op::JUMP_ABSOLUTE, *next)]);
            }
            End::Finally { next, others } => {
                if !others.is_empty() {
                    return Err(Unstructured("a loop is left through a finally block"));
                }
                out.items.push(Item::Run { opcode: op::END_FINALLY, operand: Operand::None, at: from });
                jumps.extend(next.map(|next| (op::JUMP_ABSOLUTE, next)));
            }
            End::Final(opcode, operand) => {
                let operand = operand.map_or(Operand::None, Operand::Number);
                out.items.push(Item::Run { opcode: *opcode, operand, at: from });
            }
            End::Through(_) => return Err(Unstructured("a loop is left through a finally block")),
        }
        for (opcode, to) in jumps {
            if opcode != op::JUMP_ABSOLUTE || Some(to) != following {
                out.items.push(Item::Jump { opcode, to, at: from });
            }
        }
    }
    for (number, to) in forwarders.into_iter().enumerate() {
        out.items.push(Item::Label(flow.blocks.len() + number));
        out.items.push(Item::Jump { opcode: op::JUMP_ABSOLUTE, to, at: 0 });
    }
    Ok(out)
}
