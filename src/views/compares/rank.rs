//! How likely a comparison is to say what the program wants: those first that rejected something that was given to the program.

use super::Comparison;
use crate::bytecode::opcode::{is_call, op};
use crate::trace::value::{Value, last_part};
use crate::views::items::Outcome;

/// What kind of comparison an instruction makes, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Equal or not, in or not in; a method that looks for a value.
    Equality,
    /// Less or greater, the same object or not.
    Order,
    LookUp,
    Calculation,
}

/// The order of blocks: the lowest is printed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    InputRejected,
    InputCompared,
    Rejected,
    InputOrdered,
    Compared,
    InputLookedUp,
    InputCalculated,
    Ordered,
    Other,
    Constants,
}

/// Methods that look something up or take it apart.
const LOOK_UPS: [&str; 12] = [
    "get",
    "setdefault",
    "pop",
    "split",
    "rsplit",
    "strip",
    "lstrip",
    "rstrip",
    "replace",
    "partition",
    "rpartition",
    "sub",
];

/// What an operand of COMPARE_OP means that is not an order: ==, !=, in, not in.
const EQUAL: i32 = 2;
const NOT_EQUAL: i32 = 3;
const IN: i32 = 6;
const NOT_IN: i32 = 7;

impl Kind {
    pub(super) fn of(comparison: &Comparison) -> Kind {
        let instruction = &comparison.instruction;
        match instruction.opcode {
            op::COMPARE_OP => match instruction.operand {
                Some(EQUAL | NOT_EQUAL | IN | NOT_IN) => Kind::Equality,
                _ => Kind::Order,
            },
            op::BINARY_SUBSCR | op::SLICE_0..=op::SLICE_3 => Kind::LookUp,
            opcode if is_call(opcode) => of_call(&comparison.operands),
            _ => Kind::Calculation,
        }
    }
}

fn of_call(operands: &[Value]) -> Kind {
    let Some(Value::Object { name, .. }) = operands.first() else { return Kind::LookUp };
    let name = bare(name);
    match name {
        "getitem" | "getslice" | "itemgetter" => Kind::LookUp,
        "lt" | "le" | "gt" | "ge" | "is" | "is_not" => Kind::Order,
        "eq" | "ne" | "cmp" | "contains" => Kind::Equality,
        _ if LOOK_UPS.contains(&name) => Kind::LookUp,
        "pow" | "divmod" | "xor" | "add" | "sub" | "mul" | "mod" | "and" | "or" | "not" | "neg" | "pos" | "invert"
        | "inv" | "div" | "truediv" | "floordiv" | "lshift" | "rshift" | "concat" | "repeat" => Kind::Calculation,
        _ => Kind::Equality,
    }
}

/// The name of a function without its module, class and underscores.
fn bare(name: &[u8]) -> &str {
    str::from_utf8(last_part(name)).unwrap_or_default().trim_matches('_')
}

/// Whether an instruction asks if two values are equal, so that equal pieces make equal wholes: `in`, `find` and the like do not.
pub(super) fn asks_for_equality(comparison: &Comparison) -> bool {
    let instruction = &comparison.instruction;
    match (instruction.opcode, comparison.operands.first()) {
        (op::COMPARE_OP, _) => matches!(instruction.operand, Some(EQUAL | NOT_EQUAL)),
        (opcode, Some(Value::Object { name, .. })) if is_call(opcode) => {
            let name = bare(name);
            matches!(name, "eq" | "ne" | "compare_digest") || name.ends_with("cmp")
        }
        _ => false,
    }
}

/// Whether a comparison says no: values differ, something is not there, or was not found.
pub(super) fn rejects(comparison: &Comparison, kind: Kind) -> bool {
    let is_negative = matches!(comparison.instruction.operand, Some(NOT_EQUAL | NOT_IN));
    match (&comparison.outcome, comparison.instruction.opcode) {
        (Some(Outcome::Raised(_)), _) => kind != Kind::Calculation,
        (Some(Outcome::Value(Value::Bool(result))), op::COMPARE_OP) => kind == Kind::Equality && *result == is_negative,
        (Some(Outcome::Value(result)), opcode) if is_call(opcode) && kind <= Kind::LookUp => {
            let name = match comparison.operands.first() {
                Some(Value::Object { name, .. }) => last_part(name),
                _ => b"",
            };
            match result {
                Value::None => true,
                Value::Bool(result) => *result == name.windows(2).any(|two| two == b"ne"),
                Value::Int(-1) => true,
                Value::Int(0) => name == b"count",
                Value::Int(_) => matches!(name, b"cmp" | b"__cmp__" | b"strcmp" | b"strncmp" | b"memcmp"),
                _ => false,
            }
        }
        _ => false,
    }
}

impl Rank {
    pub(super) fn of(kind: Kind, is_input: bool, is_constant: bool, rejects: bool) -> Rank {
        match (is_input, is_constant, kind) {
            (true, _, Kind::Equality | Kind::LookUp | Kind::Order) if rejects => Rank::InputRejected,
            (true, _, Kind::Equality) => Rank::InputCompared,
            (true, _, Kind::Order) => Rank::InputOrdered,
            (true, _, Kind::LookUp) => Rank::InputLookedUp,
            (true, _, Kind::Calculation) => Rank::InputCalculated,
            (false, true, _) => Rank::Constants,
            (false, false, Kind::Equality) if rejects => Rank::Rejected,
            (false, false, Kind::Equality) => Rank::Compared,
            (false, false, Kind::Order) => Rank::Ordered,
            (false, false, Kind::LookUp | Kind::Calculation) => Rank::Other,
        }
    }
}
