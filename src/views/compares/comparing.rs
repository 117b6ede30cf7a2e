//! Which instructions compare, look up or calculate, calls of functions that do so among them.

use crate::bytecode::Instruction;
use crate::bytecode::opcode::{is_call, op};
use crate::trace::value::{Value, What, last_part};

/// Whether an instruction compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparing {
    No,
    Yes,
    /// It calls a Python function or method whose name one of the standard library has that compares.
    IfLibrary,
}

/// Functions of C modules, with their module.
const FUNCTIONS: [&str; 8] = [
    "__builtin__.cmp",
    "__builtin__.pow",
    "__builtin__.divmod",
    "operator._compare_digest",
    "_locale.strcoll",
    "_bisect.bisect",
    "_bisect.bisect_left",
    "_bisect.bisect_right",
];

/// What the instructions do that compare, calculate and look up, as both the module operator and the methods `__…__` name it.
const OPERATIONS: [&str; 30] = [
    "eq", "ne", "lt", "le", "gt", "ge", "cmp", "contains", "getitem", "getslice", "not", "neg", "pos", "invert", "inv",
    "add", "sub", "mul", "div", "truediv", "floordiv", "mod", "divmod", "pow", "lshift", "rshift", "and", "or", "xor",
    "concat",
];

/// Further functions of operator.
const OPERATORS: [&str; 8] = ["is_", "is_not", "truth", "repeat", "irepeat", "sequenceIncludes", "countOf", "indexOf"];

/// Methods that look for or compare with a value.
const METHODS: [&str; 24] = [
    "startswith",
    "endswith",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "has_key",
    "get",
    "setdefault",
    "issubset",
    "issuperset",
    "isdisjoint",
    "match",
    "search",
    "fullmatch",
    "findall",
    "finditer",
    "sub",
    "subn",
    "partition",
    "rpartition",
    "remove",
    "discard",
];

/// Methods that do so if they have an argument.
const NEEDLE_METHODS: [&str; 7] = ["split", "rsplit", "strip", "lstrip", "rstrip", "replace", "pop"];

/// A function that is named like a method.
const NAMESAKE: &str = "posix.remove";

/// C functions that keep or examine a function that they get, and do not call it.
const KEEPERS: [&str; 12] = [
    "append",
    "appendleft",
    "insert",
    "add",
    "callable",
    "getattr",
    "hasattr",
    "setattr",
    "isinstance",
    "id",
    "hash",
    "repr",
];

/// Python functions of re, fnmatch, string and the like.
const LIBRARY: [&str; 16] = [
    "match",
    "search",
    "findall",
    "finditer",
    "sub",
    "subn",
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
        opcode if is_call(opcode) => return of_call(instruction, &operands[0], &operands[1..]),
        op::COMPARE_OP => instruction.operand != Some(EXCEPTION_MATCH),
        op::BINARY_SUBSCR | op::SLICE_0 | op::SLICE_1 | op::SLICE_2 | op::SLICE_3 => true,
        op::UNARY_POSITIVE | op::UNARY_NEGATIVE | op::UNARY_NOT | op::UNARY_INVERT => true,
        opcode => is_binary(opcode),
    };
    yes_if(compares)
}

fn is_binary(opcode: u8) -> bool {
    matches!(opcode, op::BINARY_POWER..=op::BINARY_SUBTRACT | op::BINARY_FLOOR_DIVIDE..=op::INPLACE_TRUE_DIVIDE)
        || matches!(opcode, op::INPLACE_ADD..=op::INPLACE_MODULO | op::BINARY_LSHIFT..=op::INPLACE_POWER)
        || matches!(opcode, op::INPLACE_LSHIFT..=op::INPLACE_OR)
}

/// Decides about a call by what is called and, where that is C code, by the functions that it gets to call.
fn of_call(instruction: &Instruction, callee: &Value, arguments: &[Value]) -> Comparing {
    let operand = instruction.operand.unwrap_or(0);
    let positional = (operand & 0xff) as usize;
    let named = 2 * (operand >> 8 & 0xff) as usize;
    let (plain, starred) = arguments.split_at(arguments.len().min(positional + named));
    let star = match instruction.opcode {
        op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_VAR_KW => starred.first(),
        _ => None,
    };
    let comparing = of_callee(callee, positional + star.map_or(0, |star| items(star).len()));
    if comparing == Comparing::No && is_c(callee) {
        return of_arguments(plain.iter().chain(starred.iter().flat_map(items)));
    }
    comparing
}

/// Decides about a call by the name of what is called with this many positional arguments.
fn of_callee(callee: &Value, arguments: usize) -> Comparing {
    let Value::Object { what, name, receiver, .. } = callee else { return Comparing::No };
    let Ok(name) = str::from_utf8(name) else { return Comparing::No };
    let (owner, last) = name.rsplit_once('.').unwrap_or(("", name));
    // One of them is the object that a method is called on.
    let needles = if receiver.is_some() { arguments } else { arguments.saturating_sub(1) };
    match (what, receiver) {
        (What::Function, _) => if_library(LIBRARY.contains(&last) || needles > 0 && NEEDLE_METHODS.contains(&last)),
        (What::Partial, Some(made_of)) => of_partial(last, items(made_of), arguments),
        (What::Wrapper, Some(receiver)) if last == "__call__" => of_callee(receiver, arguments),
        (What::Method, _) => if_library(needles > 0 && is_method(last, needles)),
        (What::Builtin | What::Descriptor | What::Wrapper, _) => yes_if(is_c_function(owner, last, needles)),
        (What::Foreign, _) => yes_if(FOREIGN.contains(&last)),
        _ => Comparing::No,
    }
}

/// Decides about what functools.partial and its like have made, by what that calls.
fn of_partial(maker: &str, made_of: &[Value], arguments: usize) -> Comparing {
    let rest = made_of.get(1).map_or(&[][..], items);
    match made_of.first() {
        _ if maker == "itemgetter" => Comparing::Yes,
        Some(Value::Str(name)) if maker == "methodcaller" => {
            if_library(str::from_utf8(&name.bytes).is_ok_and(|name| is_method(name, rest.len())))
        }
        Some(first) => match of_callee(first, rest.len() + arguments) {
            Comparing::No if is_c(first) => of_arguments(rest.iter()),
            comparing => comparing,
        },
        None => Comparing::No,
    }
}

/// Decides about a call by C code of one of its arguments.
fn of_arguments<'a>(arguments: impl Iterator<Item = &'a Value>) -> Comparing {
    let mut comparing = arguments.map(|argument| of_callee(argument, 1));
    comparing.find(|comparing| *comparing != Comparing::No).unwrap_or(Comparing::No)
}

/// Whether what is called is C code that may call a function that it gets.
fn is_c(callee: &Value) -> bool {
    let Value::Object { what, name, receiver, .. } = callee else { return false };
    match what {
        What::Builtin | What::Descriptor | What::Wrapper | What::Foreign => {
            !KEEPERS.iter().any(|keeper| last_part(name) == keeper.as_bytes())
        }
        // Only a type in C has a module in its name.
        What::Type => name.contains(&b'.'),
        What::Partial => match receiver.as_deref().and_then(|made_of| items(made_of).first()) {
            Some(Value::Str(_)) => true,
            first => first.is_some_and(is_c),
        },
        _ => false,
    }
}

fn is_c_function(owner: &str, last: &str, needles: usize) -> bool {
    let is_function = |functions: &[&str]| functions.iter().any(|name| name.rsplit_once('.') == Some((owner, last)));
    match owner {
        "operator" => OPERATORS.contains(&last) || is_operation(last) || is_function(&FUNCTIONS),
        _ => is_method(last, needles) && !is_function(&[NAMESAKE]) || is_function(&FUNCTIONS),
    }
}

fn is_method(name: &str, needles: usize) -> bool {
    METHODS.contains(&name)
        || needles > 0 && NEEDLE_METHODS.contains(&name)
        || name.starts_with("__") && is_operation(name)
}

/// Whether `__iadd__`, `iadd`, `and_` or the like is the name of an operation, of one in place, or of one whose operands are swapped.
fn is_operation(name: &str) -> bool {
    let name = name.trim_matches('_');
    OPERATIONS.contains(&name) || name.strip_prefix(['i', 'r']).is_some_and(|name| OPERATIONS.contains(&name))
}

fn yes_if(compares: bool) -> Comparing {
    if compares { Comparing::Yes } else { Comparing::No }
}

fn if_library(compares: bool) -> Comparing {
    if compares { Comparing::IfLibrary } else { Comparing::No }
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Container(container) => &container.items,
        _ => &[],
    }
}
