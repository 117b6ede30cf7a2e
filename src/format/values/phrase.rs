//! The values of an instruction in the order and with the signs of source code: `'guess' == 's3cret' -> False`.

use super::callable::{push_callable, push_keyword};
use super::repr::{push_name, push_value};
use crate::bytecode::opcode::{is_call, op};
use crate::bytecode::operand::Operand;
use crate::bytecode::{CodeObject, Instruction};
use crate::trace::value::{UnitValues, Value};

/// Appends what stands after an instruction: `(argument=…)` where its frame begins with it, `(-> …)` for what the call before it
/// has returned, what it consumes, `-> …` for what it has produced.  Nothing where there are no values.
pub fn push_values(out: &mut Vec<u8>, code: &CodeObject, instruction: &Instruction, values: &UnitValues) {
    if values.is_empty() {
        return;
    }
    out.push(b' ');
    if !values.arguments.is_empty() {
        out.extend_from_slice(b" (");
        push_arguments(out, code, &values.arguments);
        out.push(b')');
    }
    // What is stored or printed at once is not shown twice.
    if !values.late.is_empty() && values.late != values.operands {
        out.extend_from_slice(b" (-> ");
        push_list(out, &values.late);
        out.push(b')');
    }
    if let Some(stack) = &values.stack {
        out.extend_from_slice(b" [");
        push_list(out, stack);
        out.push(b']');
    }
    push_phrase(out, code, instruction, values);
}

/// Appends what an instruction consumes and has produced, each after a space.
fn push_phrase(out: &mut Vec<u8>, code: &CodeObject, instruction: &Instruction, values: &UnitValues) {
    if !values.operands.is_empty() {
        out.push(b' ');
        push_operands(out, code, instruction, &values.operands);
    }
    if !values.results.is_empty() {
        out.extend_from_slice(b" -> ");
        push_list(out, &values.results);
    }
}

/// Appends a frame's arguments with the names of its local variables.
pub fn push_arguments(out: &mut Vec<u8>, code: &CodeObject, arguments: &[Value]) {
    for (place, argument) in arguments.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        if let Some(name) = code.varnames.get(place) {
            push_name(out, name);
            out.push(b'=');
        }
        push_value(out, argument);
    }
}

/// Appends a call: what is called, and the arguments.
fn push_call(out: &mut Vec<u8>, instruction: &Instruction, operands: &[Value]) {
    let Some((callable, arguments)) = operands.split_first() else { return };
    push_callable(out, callable);
    let operand = instruction.operand.unwrap_or(0);
    let positional = (operand & 0xff) as usize;
    let named = 2 * (operand >> 8 & 0xff) as usize;
    out.push(b'(');
    let mut stars: &[&str] = match instruction.opcode {
        op::CALL_FUNCTION_VAR => &["*"],
        op::CALL_FUNCTION_KW => &["**"],
        op::CALL_FUNCTION_VAR_KW => &["*", "**"],
        _ => &[],
    };
    let mut is_first = true;
    for (place, argument) in arguments.iter().enumerate() {
        let is_value_of_name = place >= positional && place < positional + named && (place - positional) % 2 == 1;
        if is_value_of_name {
            out.push(b'=');
        } else if !std::mem::take(&mut is_first) {
            out.extend_from_slice(b", ");
        }
        if place < positional || is_value_of_name {
            push_value(out, argument);
        } else if place < positional + named {
            push_keyword(out, argument);
        } else {
            let (star, rest) = stars.split_first().unwrap_or((&"", &[]));
            stars = rest;
            out.extend_from_slice(star.as_bytes());
            push_value(out, argument);
        }
    }
    out.push(b')');
}

fn push_list(out: &mut Vec<u8>, values: &[Value]) {
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        push_value(out, value);
    }
}

/// Appends what an instruction consumes.
pub fn push_operands(out: &mut Vec<u8>, code: &CodeObject, instruction: &Instruction, operands: &[Value]) {
    let name = || match Operand::resolve(code, instruction) {
        Operand::Text(text) => text,
        _ => b"?",
    };
    let opcode = instruction.opcode;
    match (opcode, operands) {
        _ if is_call(opcode) => push_call(out, instruction, operands),
        (op::COMPARE_OP, [left, right]) => push_infix(out, left, &String::from_utf8_lossy(name()), right),
        (_, [left, right]) if infix(opcode).is_some() => {
            push_infix(out, left, infix(opcode).unwrap_or_default(), right)
        }
        (_, [value]) if prefix(opcode).is_some() => {
            out.extend_from_slice(prefix(opcode).unwrap_or_default().as_bytes());
            push_value(out, value);
        }
        (op::UNARY_CONVERT, [value]) => push_wrapped(out, "`", value, "`"),
        (op::GET_ITER, [value]) => push_wrapped(out, "iter(", value, ")"),
        (op::BINARY_SUBSCR, [container, key]) => push_subscript(out, container, key),
        (op::STORE_SUBSCR, [value, container, key]) => {
            push_subscript(out, container, key);
            push_assigned(out, value);
        }
        (op::DELETE_SUBSCR, [container, key]) => {
            out.extend_from_slice(b"del ");
            push_subscript(out, container, key);
        }
        (op::SLICE_0..=op::SLICE_3, [container, bounds @ ..]) => {
            push_slice(out, container, bounds, opcode - op::SLICE_0)
        }
        (op::STORE_SLICE_0..=op::STORE_SLICE_3, [value, container, bounds @ ..]) => {
            push_slice(out, container, bounds, opcode - op::STORE_SLICE_0);
            push_assigned(out, value);
        }
        (op::DELETE_SLICE_0..=op::DELETE_SLICE_3, [container, bounds @ ..]) => {
            out.extend_from_slice(b"del ");
            push_slice(out, container, bounds, opcode - op::DELETE_SLICE_0);
        }
        (op::STORE_ATTR, [value, object]) => {
            push_attribute(out, object, name());
            push_assigned(out, value);
        }
        (op::DELETE_ATTR, [object]) => {
            out.extend_from_slice(b"del ");
            push_attribute(out, object, name());
        }
        (op::LOAD_ATTR, [object]) => push_attribute(out, object, name()),
        // STORE_MAP and MAP_ADD pop the key first.
        (op::STORE_MAP | op::MAP_ADD, [value, key]) => {
            push_value(out, key);
            out.extend_from_slice(b": ");
            push_value(out, value);
        }
        (op::EXEC_STMT, [code, globals, locals]) => {
            push_wrapped(out, "exec ", code, " in ");
            push_list(out, &[globals.clone(), locals.clone()]);
        }
        (op::PRINT_ITEM_TO, [item, stream]) => {
            push_wrapped(out, ">>", stream, ", ");
            push_value(out, item);
        }
        _ => push_list(out, operands),
    }
}

fn push_infix(out: &mut Vec<u8>, left: &Value, sign: &str, right: &Value) {
    push_value(out, left);
    out.push(b' ');
    out.extend_from_slice(sign.as_bytes());
    out.push(b' ');
    push_value(out, right);
}

fn push_wrapped(out: &mut Vec<u8>, before: &str, value: &Value, after: &str) {
    out.extend_from_slice(before.as_bytes());
    push_value(out, value);
    out.extend_from_slice(after.as_bytes());
}

fn push_subscript(out: &mut Vec<u8>, container: &Value, key: &Value) {
    push_value(out, container);
    push_wrapped(out, "[", key, "]");
}

fn push_assigned(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(b" = ");
    push_value(out, value);
}

fn push_attribute(out: &mut Vec<u8>, object: &Value, name: &[u8]) {
    push_value(out, object);
    out.push(b'.');
    push_name(out, name);
}

/// Bit 0 of `which` says that there is a lower bound, bit 1 that there is an upper one.
fn push_slice(out: &mut Vec<u8>, container: &Value, bounds: &[Value], which: u8) {
    push_value(out, container);
    out.push(b'[');
    let mut bounds = bounds.iter();
    if which & 1 != 0
        && let Some(lower) = bounds.next()
    {
        push_value(out, lower);
    }
    out.push(b':');
    if let Some(upper) = bounds.next() {
        push_value(out, upper);
    }
    out.push(b']');
}

/// What an instruction that calculates is in source code: an operator, or the brackets of a subscript.
pub fn sign<'a>(code: &'a CodeObject, instruction: &Instruction) -> Option<&'a [u8]> {
    match (instruction.opcode, Operand::resolve(code, instruction)) {
        (op::COMPARE_OP, Operand::Text(text)) => Some(text),
        (op::BINARY_SUBSCR, _) => Some(b"[]"),
        (op::SLICE_0..=op::SLICE_3, _) => Some(b"[:]"),
        (opcode, _) => infix(opcode).or(prefix(opcode)).map(|sign| sign.trim().as_bytes()),
    }
}

fn infix(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        op::BINARY_POWER => "**",
        op::BINARY_MULTIPLY => "*",
        op::BINARY_DIVIDE | op::BINARY_TRUE_DIVIDE => "/",
        op::BINARY_MODULO => "%",
        op::BINARY_ADD => "+",
        op::BINARY_SUBTRACT => "-",
        op::BINARY_FLOOR_DIVIDE => "//",
        op::INPLACE_FLOOR_DIVIDE => "//=",
        op::INPLACE_TRUE_DIVIDE | op::INPLACE_DIVIDE => "/=",
        op::INPLACE_ADD => "+=",
        op::INPLACE_SUBTRACT => "-=",
        op::INPLACE_MULTIPLY => "*=",
        op::INPLACE_MODULO => "%=",
        op::BINARY_LSHIFT => "<<",
        op::BINARY_RSHIFT => ">>",
        op::BINARY_AND => "&",
        op::BINARY_XOR => "^",
        op::BINARY_OR => "|",
        op::INPLACE_POWER => "**=",
        op::INPLACE_LSHIFT => "<<=",
        op::INPLACE_RSHIFT => ">>=",
        op::INPLACE_AND => "&=",
        op::INPLACE_XOR => "^=",
        op::INPLACE_OR => "|=",
        _ => return None,
    })
}

fn prefix(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        op::UNARY_POSITIVE => "+",
        op::UNARY_NEGATIVE => "-",
        op::UNARY_NOT => "not ",
        op::UNARY_INVERT => "~",
        _ => return None,
    })
}
