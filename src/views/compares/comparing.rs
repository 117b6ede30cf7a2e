//! Which instructions compare, look up or calculate, calls of functions that do so among them.

use crate::bytecode::Instruction;
use crate::bytecode::opcode::{is_call, op};
use crate::trace::value::{Container, ContainerKind, Value, What};

/// Whether an instruction compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparing {
    No,
    Yes,
    /// It calls a Python function whose name a function of the standard library has that compares.
    IfLibrary,
}

/// Functions of C modules, with their module.
const FUNCTIONS: [&str; 2] = ["__builtin__.cmp", "operator._compare_digest"];

/// Functions of the module operator.
const OPERATORS: [&str; 10] = ["eq", "ne", "lt", "le", "gt", "ge", "contains", "sequenceIncludes", "is_", "is_not"];

/// Methods of built-in types.
const METHODS: [&str; 26] = [
    "startswith",
    "endswith",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "countOf",
    "indexOf",
    "has_key",
    "issubset",
    "issuperset",
    "isdisjoint",
    "match",
    "search",
    "fullmatch",
    "findall",
    "finditer",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__cmp__",
    "__contains__",
];

/// Methods of dicts.
const DICT_METHODS: [&str; 4] = ["get", "pop", "setdefault", "__getitem__"];

/// Python functions of re, fnmatch, string and the like.
const LIBRARY: [&str; 14] = [
    "match",
    "search",
    "findall",
    "finditer",
    "fnmatch",
    "fnmatchcase",
    "filter",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "compare_digest",
    "get_close_matches",
];

/// Functions of C libraries that are called through ctypes.
const FOREIGN: [&str; 14] = [
    "strcmp",
    "strncmp",
    "strcasecmp",
    "strncasecmp",
    "strcoll",
    "strstr",
    "strcasestr",
    "memcmp",
    "bcmp",
    "memmem",
    "wcscmp",
    "wcsncmp",
    "timingsafe_bcmp",
    "CRYPTO_memcmp",
];

/// Decides about an instruction by its operands.
pub(super) fn of(instruction: &Instruction, operands: &[Value]) -> Comparing {
    const EXCEPTION_MATCH: i32 = 10;
    let compares = match instruction.opcode {
        _ if operands.is_empty() => false,
        opcode if is_call(opcode) => return of_callee(&operands[0]),
        op::COMPARE_OP => instruction.operand != Some(EXCEPTION_MATCH),
        op::BINARY_SUBSCR | op::SLICE_0 | op::SLICE_1 | op::SLICE_2 | op::SLICE_3 => true,
        op::UNARY_POSITIVE | op::UNARY_NEGATIVE | op::UNARY_NOT | op::UNARY_INVERT => true,
        opcode => is_binary(opcode),
    };
    if compares { Comparing::Yes } else { Comparing::No }
}

fn is_binary(opcode: u8) -> bool {
    matches!(opcode, op::BINARY_POWER..=op::BINARY_SUBTRACT | op::BINARY_FLOOR_DIVIDE..=op::INPLACE_TRUE_DIVIDE)
        || matches!(opcode, op::INPLACE_ADD..=op::INPLACE_MODULO | op::BINARY_LSHIFT..=op::INPLACE_POWER)
        || matches!(opcode, op::INPLACE_LSHIFT..=op::INPLACE_OR)
}

/// Decides about a call by the name of what is called.
fn of_callee(callee: &Value) -> Comparing {
    let Value::Object { what, name, receiver, .. } = callee else { return Comparing::No };
    let Ok(name) = str::from_utf8(name) else { return Comparing::No };
    let (owner, last) = name.rsplit_once('.').unwrap_or(("", name));
    let compares = match what {
        What::Function => return if LIBRARY.contains(&last) { Comparing::IfLibrary } else { Comparing::No },
        What::Partial => return receiver.as_deref().map_or(Comparing::No, of_partial),
        What::Builtin | What::Descriptor | What::Method | What::Wrapper => {
            FUNCTIONS.contains(&name)
                || METHODS.contains(&last)
                || owner == "operator" && OPERATORS.contains(&last.trim_matches('_'))
                || DICT_METHODS.contains(&last) && (is_dict(owner) || receiver.as_deref().is_some_and(is_a_dict))
        }
        What::Foreign => FOREIGN.contains(&last),
        What::Instance | What::Type | What::Class | What::Module | What::Code | What::Generator => false,
    };
    if compares { Comparing::Yes } else { Comparing::No }
}

/// Decides about what functools.partial and its like have made, by what that calls.
fn of_partial(made_of: &Value) -> Comparing {
    match made_of {
        Value::Container(made_of) => made_of.items.first().map_or(Comparing::No, of_callee),
        _ => Comparing::No,
    }
}

fn is_a_dict(receiver: &Value) -> bool {
    match receiver {
        Value::Container(Container { kind, .. }) | Value::Deep { kind, .. } => *kind == ContainerKind::Dict,
        Value::Object { what: What::Instance, name, .. } => str::from_utf8(name).is_ok_and(is_dict),
        _ => false,
    }
}

fn is_dict(owner: &str) -> bool {
    matches!(owner.rsplit('.').next(), Some("dict" | "dictproxy" | "defaultdict"))
}
