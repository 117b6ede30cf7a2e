//! Runs functions of constants as the VM would: what encrypted strings are decoded with.  It knows a few builtins and methods that have no
//! effect but their result, and gives up on all else, on whatever could fail, and on what takes long.

mod attributes;
mod builtins;
mod codecs;
pub mod frame;
mod methods;
mod results;
mod slices;
mod texts;

use std::cell::RefCell;
use std::rc::Rc;

use super::machine::effect;
use super::value::{self, Literal, Outcome};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;
pub use builtins::{Builtin, builtin};
pub use methods::Method;
use slices::picked;

/// Bytes or items that a value has at most.
const MOST: usize = 1 << 16;
/// Items of a tuple.
const MOST_IN_TUPLE: usize = 64;
/// Calls within calls.
const DEPTH: u32 = 12;

/// A value while a function runs.
#[derive(Clone, Debug)]
pub enum Thing<'a> {
    Plain(Literal),
    Code(&'a MarshalledCode),
    List(Rc<RefCell<Vec<Literal>>>),
    Bytes(Rc<[u8]>),
    Iterator(Rc<RefCell<Source>>),
    /// What xrange makes.
    Range(Rc<[Literal]>),
    /// A function that was called and yields.
    Generator(Rc<Function<'a>>, Vec<Thing<'a>>),
    Function(Rc<Function<'a>>),
    Method(Box<Thing<'a>>, Method),
    Builtin(Builtin),
    Slice(Rc<[Literal; 3]>),
    Cell(Cell<'a>),
    Cells(Rc<[Cell<'a>]>),
    /// Nothing is known of it.
    Unknown,
}

type Cell<'a> = Rc<RefCell<Option<Thing<'a>>>>;

/// A function, with the cells of the functions around it.
#[derive(Debug)]
pub struct Function<'a> {
    code: &'a MarshalledCode,
    defaults: Vec<Thing<'a>>,
    cells: Rc<[Cell<'a>]>,
    /// A global stands for it.
    is_named: bool,
}

impl<'a> Function<'a> {
    /// A function that was just made, without defaults and cells.
    pub fn made(code: &'a MarshalledCode) -> Thing<'a> {
        let (defaults, cells) = (Vec::new(), Rc::from([]));
        Thing::Function(Rc::new(Function { code, defaults, cells, is_named: false }))
    }

    /// The function that a global stands for.
    pub fn named(code: &'a MarshalledCode) -> Thing<'a> {
        Thing::Function(Rc::new(Function { code, defaults: Vec::new(), cells: Rc::from([]), is_named: true }))
    }
}

/// What an iterator goes over.
#[derive(Debug)]
pub enum Source {
    Fixed(std::vec::IntoIter<Literal>),
    List(Rc<RefCell<Vec<Literal>>>, usize),
}

/// What an expression did that encrypted strings are decoded with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    /// It called a function that was just made.
    pub calls: bool,
    /// It called a function by its name.
    pub names: bool,
    /// It used exclusive or.
    pub mixes: bool,
    /// It used a codec or a table of characters.
    pub decodes: bool,
    /// It made a character of a number.
    pub makes: bool,
    /// It went through a text backwards.
    pub reverses: bool,
    /// It joined texts, or characters that it made.
    pub joins: bool,
    /// It repeated a text.
    pub repeats: bool,
    /// What it made was seen in traces.
    pub observed: bool,
}

impl Means {
    /// Whether texts are usually encrypted so that these means decode them.
    pub fn make_texts(self) -> bool {
        self.decodes || self.reverses || self.joins
    }

    pub fn with(self, other: Means) -> Means {
        Means {
            calls: self.calls | other.calls,
            names: self.names | other.names,
            mixes: self.mixes | other.mixes,
            decodes: self.decodes | other.decodes,
            makes: self.makes | other.makes,
            reverses: self.reverses | other.reverses,
            joins: self.joins | other.joins,
            repeats: self.repeats | other.repeats,
            observed: self.observed | other.observed,
        }
    }
}

/// Runs expressions with a limited number of steps.
pub struct Runner<'a, 'n> {
    pub steps: usize,
    pub means: Means,
    /// What a global name stands for; None if that is not known.
    pub names: &'n dyn Fn(&[u8]) -> Option<Thing<'a>>,
    depth: u32,
}

impl<'a, 'n> Runner<'a, 'n> {
    pub fn new(steps: usize, names: &'n dyn Fn(&[u8]) -> Option<Thing<'a>>) -> Runner<'a, 'n> {
        Runner { steps, means: Means::default(), names, depth: 0 }
    }

    /// Counts steps; None if there are no more.
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.steps = self.steps.checked_sub(steps)?;
        Some(())
    }

    /// Applies an instruction that makes one value of its operands.  None if it could fail, or does anything else.
    pub fn apply(&mut self, opcode: u8, operand: i32, operands: &[Thing<'a>]) -> Option<Thing<'a>> {
        self.spend(1)?;
        match (opcode, operands) {
            (op::CALL_FUNCTION, [called, arguments @ ..]) if operand <= 0xff => return self.call(called, arguments),
            (op::CALL_FUNCTION_VAR, [called, arguments @ .., Thing::Plain(Literal::Tuple(more))])
                if operand <= 0xff =>
            {
                let more = more.iter().cloned().map(Thing::Plain);
                let arguments: Vec<Thing> = arguments.iter().cloned().chain(more).collect();
                return self.call(called, &arguments);
            }
            (op::MAKE_FUNCTION, [defaults @ .., Thing::Code(code)]) if defaults.iter().all(is_shallow) => {
                let cells = Rc::from([]);
                let (defaults, is_named) = (defaults.to_vec(), false);
                return Some(Thing::Function(Rc::new(Function { code, defaults, cells, is_named })));
            }
            (op::MAKE_CLOSURE, [defaults @ .., Thing::Cells(cells), Thing::Code(code)])
                if defaults.iter().all(is_shallow) =>
            {
                let (cells, defaults) = (cells.clone(), defaults.to_vec());
                return Some(Thing::Function(Rc::new(Function { code, defaults, cells, is_named: false })));
            }
            (op::BUILD_LIST, _) => {
                let items = operands.iter().map(literal).collect::<Option<Vec<Literal>>>()?;
                return Some(Thing::List(Rc::new(RefCell::new(items))));
            }
            (op::BUILD_TUPLE, [Thing::Cell(_), ..]) => {
                let cells: Option<Vec<Cell>> = operands.iter().map(cell).collect();
                return Some(Thing::Cells(cells?.into()));
            }
            (op::BUILD_TUPLE, _) => {
                let items = operands.iter().map(literal).collect::<Option<Vec<Literal>>>()?;
                // Tuples are copied whole, and deep ones take stack to be dropped.
                let is_flat = |item: &Literal| !matches!(item, Literal::Tuple(items) if items.iter().any(is_tuple));
                let is_small = items.len() <= MOST_IN_TUPLE && items.iter().all(is_flat);
                return is_small.then_some(Thing::Plain(Literal::Tuple(items)));
            }
            (op::BUILD_SLICE, _) => {
                let mut parts = operands.iter().map(literal).collect::<Option<Vec<Literal>>>()?;
                parts.resize(3, Literal::None);
                let parts: [Literal; 3] = parts.try_into().ok()?;
                return Some(Thing::Slice(Rc::new(parts)));
            }
            (op::GET_ITER, [over @ Thing::Iterator(_)]) => return Some(over.clone()),
            (op::GET_ITER, [over]) => {
                let source = self.source(over)?;
                return Some(Thing::Iterator(Rc::new(RefCell::new(source))));
            }
            (op::SLICE_0, [of]) => return self.sliced(of, &[Literal::None, Literal::None, Literal::None]),
            (op::SLICE_1, [of, from]) => return self.sliced(of, &[literal(from)?, Literal::None, Literal::None]),
            (op::SLICE_2, [of, to]) => return self.sliced(of, &[Literal::None, literal(to)?, Literal::None]),
            (op::SLICE_3, [of, from, to]) => return self.sliced(of, &[literal(from)?, literal(to)?, Literal::None]),
            (op::BINARY_SUBSCR, [of, Thing::Slice(slice)]) => return self.sliced(of, slice),
            (op::BINARY_SUBSCR, [Thing::List(items), Thing::Plain(Literal::Int(index))]) => {
                let items = items.borrow();
                let place = if *index < 0 { index.checked_add(items.len() as i64)? } else { *index };
                return items.get(usize::try_from(place).ok()?).cloned().map(Thing::Plain);
            }
            _ => {}
        }
        self.operator(opcode, operand, operands)
    }

    fn operator(&mut self, opcode: u8, operand: i32, operands: &[Thing<'a>]) -> Option<Thing<'a>> {
        let (pops, 1) = effect::of(opcode, operand)? else { return None };
        if pops as usize != operands.len() {
            return None;
        }
        match operands {
            [Thing::Plain(only)] if (op::UNARY_POSITIVE..=op::UNARY_INVERT).contains(&opcode) => {
                is(value::unary(opcode, only))
            }
            [Thing::Builtin(left), Thing::Builtin(right)]
                if opcode == op::COMPARE_OP && matches!(operand, 2 | 3 | 8 | 9) =>
            {
                Some(Thing::Plain(Literal::Bool((left == right) == matches!(operand, 2 | 8))))
            }
            [Thing::Plain(left), Thing::Plain(right)] if opcode == op::COMPARE_OP => {
                is(value::compare(operand, left, right))
            }
            [Thing::Plain(Literal::Str(format)), Thing::Plain(by)]
                if matches!(opcode, op::BINARY_MODULO | op::INPLACE_MODULO) =>
            {
                self.formatted(format, by)
            }
            [Thing::Plain(left), Thing::Plain(right)] if value::is_operator(opcode) => {
                let texts = [left, right].into_iter().filter(|one| is_text(one)).count();
                self.means.mixes |= matches!(opcode, op::BINARY_XOR | op::INPLACE_XOR);
                let is_sum = matches!(opcode, op::BINARY_ADD | op::INPLACE_ADD);
                self.means.joins |= is_sum && texts == 2;
                self.means.repeats |= !is_sum && opcode != op::BINARY_SUBSCR && texts == 1;
                if let (true, Literal::Unicode(left), Literal::Unicode(right)) = (is_sum, left, right) {
                    self.spend((left.len() + right.len()) / 16)?;
                    return sized(left.len() + right.len())
                        .map(|()| Thing::Plain(Literal::Unicode([&**left, &**right].concat().into())));
                }
                is(value::binary(opcode, left, right))
            }
            _ => None,
        }
    }

    /// Takes a slice of a text or list.
    fn sliced(&mut self, of: &Thing<'a>, slice: &[Literal; 3]) -> Option<Thing<'a>> {
        self.means.reverses |= matches!(slice[2], Literal::Int(step) if step < 0);
        let length = match of {
            Thing::Plain(Literal::Str(bytes)) => bytes.len(),
            Thing::Plain(Literal::Unicode(points)) => points.len(),
            Thing::List(items) => items.borrow().len(),
            _ => return None,
        };
        self.spend(length / 16)?;
        match of {
            Thing::Plain(Literal::Str(bytes)) => {
                let picked: Vec<u8> = picked(bytes.len(), slice)?.into_iter().map(|at| bytes[at]).collect();
                Some(text(picked))
            }
            Thing::Plain(Literal::Unicode(points)) => {
                let picked: Vec<u32> = picked(points.len(), slice)?.into_iter().map(|at| points[at]).collect();
                Some(Thing::Plain(Literal::Unicode(picked.into())))
            }
            Thing::List(items) => {
                let items = items.borrow();
                let picked = picked(items.len(), slice)?.into_iter().map(|at| items[at].clone()).collect();
                Some(Thing::List(Rc::new(RefCell::new(picked))))
            }
            _ => None,
        }
    }

    /// What iterating over a value goes over.
    fn source(&mut self, over: &Thing<'a>) -> Option<Source> {
        match over {
            Thing::List(items) => Some(Source::List(items.clone(), 0)),
            Thing::Iterator(_) | Thing::Generator(..) => None,
            _ => Some(Source::Fixed(self.items(over)?.into_iter())),
        }
    }

    /// All items of a value that can be iterated over.
    fn items(&mut self, of: &Thing<'a>) -> Option<Vec<Literal>> {
        let items = match of {
            Thing::Plain(Literal::Str(bytes)) => {
                bytes.iter().map(|&byte| Literal::Str([byte].as_slice().into())).collect()
            }
            Thing::Plain(Literal::Unicode(points)) => {
                points.iter().map(|&point| Literal::Unicode([point].as_slice().into())).collect()
            }
            Thing::Plain(Literal::Tuple(items)) => items.clone(),
            Thing::List(items) => items.borrow().clone(),
            Thing::Range(items) => items.to_vec(),
            Thing::Bytes(bytes) => bytes.iter().map(|&byte| Literal::Int(byte.into())).collect(),
            Thing::Iterator(source) => {
                let mut items = Vec::new();
                while let Some(item) = source.borrow_mut().next() {
                    self.spend(1)?;
                    items.push(item);
                }
                items
            }
            Thing::Generator(function, arguments) => self.yielded(function, arguments.clone())?,
            _ => return None,
        };
        self.spend(items.len())?;
        sized(items.len()).map(|()| items)
    }
}

impl Source {
    pub fn next(&mut self) -> Option<Literal> {
        match self {
            Source::Fixed(items) => items.next(),
            Source::List(items, at) => {
                let item = items.borrow().get(*at).cloned();
                *at += 1;
                item
            }
        }
    }
}

impl<'a> Thing<'a> {
    /// A list that was just made.
    pub fn list(items: Vec<Literal>) -> Thing<'a> {
        Thing::List(Rc::new(RefCell::new(items)))
    }

    /// An iterator that was just made.
    fn iterator(items: Vec<Literal>) -> Thing<'a> {
        Thing::Iterator(Rc::new(RefCell::new(Source::Fixed(items.into_iter()))))
    }
}

/// Returns the value of a constant; None if it is of a type that is not followed.
pub fn constant(object: &Object) -> Option<Thing<'_>> {
    match object {
        Object::Code(code) => Some(Thing::Code(code)),
        object => match Literal::of(object, 0) {
            Literal::Other(_) => None,
            literal => Some(Thing::Plain(literal)),
        },
    }
}

fn literal(thing: &Thing) -> Option<Literal> {
    match thing {
        Thing::Plain(literal) => Some(literal.clone()),
        _ => None,
    }
}

/// Whether a value holds no function or generator.  What others hold must be, or dropping a long chain of them would take all stack.
fn is_shallow(thing: &Thing) -> bool {
    !matches!(thing, Thing::Function(_) | Thing::Generator(..) | Thing::Cell(_) | Thing::Cells(_) | Thing::Method(..))
}

fn cell<'a>(thing: &Thing<'a>) -> Option<Cell<'a>> {
    match thing {
        Thing::Cell(cell) => Some(cell.clone()),
        _ => None,
    }
}

fn text<'a>(bytes: Vec<u8>) -> Thing<'a> {
    Thing::Plain(Literal::Str(bytes.into()))
}

fn is_tuple(literal: &Literal) -> bool {
    matches!(literal, Literal::Tuple(_))
}

fn is_text(literal: &Literal) -> bool {
    matches!(literal, Literal::Str(_) | Literal::Unicode(_))
}

fn is<'a>(outcome: Outcome) -> Option<Thing<'a>> {
    match outcome {
        Outcome::Is(literal) => Some(Thing::Plain(literal)),
        Outcome::Raises(_) | Outcome::Unknown => None,
    }
}

/// Refuses what is too long.
fn sized(length: usize) -> Option<()> {
    (length <= MOST).then_some(())
}
