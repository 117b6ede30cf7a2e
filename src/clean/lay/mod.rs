//! Laying out flow as bytecode: as CPython's compiler would have emitted it, where the flow is that of statements, or else block by block.

pub mod assemble;
mod conditions;
mod constants;
mod expression;
mod loops;
pub mod peephole;
mod plain;
mod statements;
mod tries;

use super::flow::{BlockId, Flow, Operand};
use super::order::Order;
pub use expression::inverted;
pub use plain::plain;

/// A place in the code that is jumped to.
pub type Label = usize;

/// What is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Label(Label),
    /// An instruction that is no jump; offsets are those in the original code.
    Run {
        opcode: u8,
        operand: Operand,
        at: u32,
    },
    Jump {
        opcode: u8,
        to: Label,
        at: u32,
    },
}

/// The items of a code object, and where statements begin.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub items: Vec<Item>,
    /// Places among the items, ascending.
    pub statements: Vec<usize>,
}

/// Why flow is not laid out as statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstructured(pub &'static str);

type Laid<T> = Result<T, Unstructured>;

/// What surrounds the statement that is being laid out, innermost last.
#[derive(Clone, Copy, Debug)]
enum Around {
    Loop {
        header: BlockId,
        exit: Option<BlockId>,
        top: Label,
        depth: usize,
    },
    /// The body of a try, or of a finally block's own part; `break` and `continue` go through it.
    Try,
}

/// Lays out flow as the compiler does.
struct Layer<'a> {
    flow: &'a Flow,
    order: &'a Order,
    body: Body,
    out: Listing,
    labels: Label,
    placed: Vec<bool>,
    around: Vec<Around>,
    /// Where the statement begins that is being laid out.
    statement: usize,
    /// Statements nested in each other.
    nesting: usize,
    /// The block with which the last `else` of a condition begins: if it is a condition, that is an `elif`.
    otherwise: Option<BlockId>,
}

/// What a code object's statements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Statements,
    /// The loops of a generator expression or the like.
    Comprehension,
    /// One expression, which is returned.
    Lambda,
}

/// Lays out a whole code object.  `end` is the block that no statement leads to but the last.
pub fn structured(flow: &Flow, order: &Order, body: Body, end: Option<BlockId>) -> Laid<Listing> {
    let mut layer = Layer {
        flow,
        order,
        body,
        out: Listing::default(),
        labels: 0,
        placed: vec![false; flow.blocks.len()],
        around: Vec::new(),
        statement: 0,
        nesting: 0,
        otherwise: None,
    };
    if order.is_irreducible {
        return Err(Unstructured("a loop has two ways in"));
    }
    if body == Body::Comprehension {
        layer.expression(flow.entry, None)?;
    } else {
        layer.statements(flow.entry, end, 0, None)?;
        if let Some(end) = end {
            layer.statements(end, None, 0, None)?;
        }
    }
    Ok(layer.out)
}

impl Layer<'_> {
    fn label(&mut self) -> Label {
        self.labels += 1;
        self.labels - 1
    }

    fn put(&mut self, label: Label) {
        self.out.items.push(Item::Label(label));
    }

    fn run(&mut self, opcode: u8, operand: Operand, at: u32) {
        self.out.items.push(Item::Run { opcode, operand, at });
    }

    fn jump(&mut self, opcode: u8, to: Label, at: u32) {
        self.out.items.push(Item::Jump { opcode, to, at });
    }

    /// Begins a statement here.
    fn begin_statement(&mut self) {
        self.statement = self.out.items.len();
        if self.out.statements.last() != Some(&self.statement) {
            self.out.statements.push(self.statement);
        }
    }

    /// Ends the statements before the jump or the end of a block that closes what is around them: the compiler has no line for it.
    fn end_statements(&mut self) {
        let is_label = |item: &Item| matches!(item, Item::Label(_));
        while self.out.statements.pop_if(|last| self.out.items[*last..].iter().all(is_label)).is_some() {}
    }

    fn depth(&self, block: BlockId) -> usize {
        self.flow.blocks[block].depth
    }

    /// The innermost loop.
    fn innermost(&self) -> Option<(BlockId, Option<BlockId>, Label, usize)> {
        self.around.iter().rev().find_map(|around| match *around {
            Around::Loop { header, exit, top, depth } => Some((header, exit, top, depth)),
            Around::Try => None,
        })
    }

    /// Whether a try lies between here and the innermost loop.
    fn is_in_try(&self) -> bool {
        matches!(self.around.last(), Some(Around::Try))
    }

    /// Whether control is not followed beyond a block: the end of what is laid out, or where the innermost loop goes on.
    fn is_boundary(&self, block: BlockId, stop: Option<BlockId>) -> bool {
        let of_loop = self.innermost().is_some_and(|(header, exit, ..)| block == header || Some(block) == exit);
        Some(block) == stop || of_loop
    }

    /// The blocks that can be reached from one without going beyond boundaries, which are among them.
    fn reach(&self, from: BlockId, stop: Option<BlockId>) -> Vec<bool> {
        let mut seen = vec![false; self.flow.blocks.len()];
        let mut todo = vec![from];
        while let Some(block) = todo.pop() {
            if std::mem::replace(&mut seen[block], true) || self.is_boundary(block, stop) {
                continue;
            }
            todo.extend(self.flow.blocks[block].end.successors());
        }
        seen
    }

    /// The first block in order of which `is_common` is true; those that control is not followed beyond come last.
    fn first(&self, stop: Option<BlockId>, is_common: impl Fn(BlockId) -> bool) -> Option<BlockId> {
        let common = || self.order.blocks.iter().copied().filter(|&block| is_common(block));
        common()
            .find(|&block| !self.is_boundary(block, stop))
            .or_else(|| stop.filter(|&stop| is_common(stop)))
            .or_else(|| common().next())
    }
}
