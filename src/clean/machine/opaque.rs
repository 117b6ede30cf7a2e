//! What is known of results that are not worked out: that they are ints, exceptions, or made of constants alone.

use super::step::Fails;
use crate::bytecode::opcode::op;
use crate::clean::integer::Integer;
use crate::clean::pure::Builtin;
use crate::clean::value::{self, Literal, Value};

/// Marks what is made of a constant among the offsets of what else is made.
const CONSTANT: u32 = 1 << 31;

/// What an instruction at an offset makes of ints; None if it makes none, or fails with some.
pub fn integer(at: u32, opcode: u8, operand: i32, operands: &[Value]) -> Option<(Option<Value>, Fails)> {
    if let (
        op::CALL_FUNCTION,
        1,
        [Value::Builtin(called @ (Builtin::Len | Builtin::Ord | Builtin::Id | Builtin::Hash)), of],
    ) = (opcode, operand, operands)
    {
        // Addresses, and what hashes are made of them or of a seed, are others in each run.
        let has_seed = matches!(of, Value::Constant(Literal::None | Literal::Str(_)));
        let (is_int, fails) = match called {
            Builtin::Id => (true, Fails::Never),
            Builtin::Hash if has_seed => (true, Fails::Never),
            Builtin::Hash => (!matches!(of, Value::Constant(_)), Fails::Maybe),
            _ => (!is_fixed(of), Fails::Maybe),
        };
        // A constant is one object, wherever it is loaded.
        let is_constant = matches!(of, Value::Constant(_));
        let of = if is_constant { CONSTANT | value::number_of(opcode, operand, operands) as u32 } else { at };
        return is_int.then(|| (Some(Value::Integer(Integer::new(of))), fails));
    }
    let int = |value: &Value| match value {
        Value::Integer(integer) => Some(integer.clone()),
        Value::Constant(Literal::Int(value)) => Some(Integer::known(*value)),
        Value::Constant(Literal::Bool(value)) => Some(Integer::known((*value).into())),
        _ => None,
    };
    if !operands.iter().any(|value| matches!(value, Value::Integer(_))) {
        return None;
    }
    let ints: Vec<Integer> = operands.iter().map(int).collect::<Option<_>>()?;
    let truth = |truth| Some(Value::Constant(Literal::Bool(truth)));
    let value = match (opcode, &ints[..]) {
        (op::COMPARE_OP, [one, other]) if matches!(operand, 0..=5 | 8 | 9) => {
            Integer::compare(operand, one, other).map_or(Some(Value::Integer(Integer::Any)), truth)
        }
        (op::UNARY_NEGATIVE | op::UNARY_INVERT, [one]) => Some(Value::Integer(Integer::negated(opcode, one))),
        (op::UNARY_NOT, [one]) => one.truth().map_or(Some(Value::Integer(Integer::Any)), |is_true| truth(!is_true)),
        (op::UNARY_POSITIVE, _) => Some(Value::Integer(Integer::Any)),
        (_, [one, other]) if never_fails(opcode, operands) => {
            let made = Integer::operate(opcode, one, other);
            Some(made.value().map_or(Value::Integer(made), |value| Value::Constant(Literal::Int(value))))
        }
        _ => return None,
    };
    Some((value, Fails::Never))
}

/// Whether an operator makes an int of any two ints like these.
fn never_fails(opcode: u8, operands: &[Value]) -> bool {
    let is_division = matches!(opcode, op::BINARY_MODULO | op::BINARY_DIVIDE | op::BINARY_FLOOR_DIVIDE);
    let by = operands.last().and_then(Value::truth);
    match opcode {
        op::BINARY_ADD | op::BINARY_SUBTRACT | op::BINARY_MULTIPLY => true,
        op::INPLACE_ADD | op::INPLACE_SUBTRACT | op::INPLACE_MULTIPLY => true,
        op::BINARY_AND | op::BINARY_OR | op::BINARY_XOR => true,
        op::INPLACE_AND | op::INPLACE_OR | op::INPLACE_XOR => true,
        op::BINARY_LSHIFT | op::INPLACE_LSHIFT => matches!(operands, [_, Value::Constant(Literal::Int(0..=8))]),
        op::BINARY_POWER => matches!(operands, [_, Value::Constant(Literal::Int(0..=8))]),
        _ => is_division && by == Some(true),
    }
}

/// Whether a class of exceptions wants arguments of its own, and raises another one with others.
pub fn wants_arguments(class: &str) -> bool {
    class.starts_with("Unicode") || matches!(class, "SyntaxError" | "IndentationError" | "TabError")
}

/// The exception that a call of a class among the builtins makes of constants.
pub fn exception(opcode: u8, operand: i32, operands: &[Value]) -> Option<Value> {
    let [Value::Class(class), arguments @ ..] = operands else { return None };
    let is_made = opcode == op::CALL_FUNCTION && operand <= 0xff && !wants_arguments(class);
    (is_made && arguments.iter().all(|value| matches!(value, Value::Constant(_)))).then_some(Value::Instance(class))
}

/// Whether a value is made of constants alone.
pub fn is_fixed(value: &Value) -> bool {
    // What a container that is not empty has is not known.
    let is_constant = matches!(value, Value::Constant(_) | Value::Container(false) | Value::Class(_) | Value::Truth(_));
    is_constant
        || matches!(value, Value::Fixed(_) | Value::Fresh(_))
        || matches!(value, Value::List(_) | Value::Dict(_) | Value::Builtin(_) | Value::Method(..))
}

/// What an instruction makes of what is made of constants alone: it stays as it is, or can change.
pub fn made(opcode: u8, operand: i32, operands: &[Value]) -> Value {
    let number = value::number_of(opcode, operand, operands);
    let is_kept =
        |value: &Value| matches!(value, Value::Constant(_) | Value::Fixed(_) | Value::Class(_) | Value::Truth(_));
    let is_constant = match (opcode, operands) {
        (op::COMPARE_OP | op::LOAD_ATTR, _) => true,
        (op::CALL_FUNCTION, [Value::Builtin(called), arguments @ ..]) => {
            let takes_one = matches!(called, Builtin::Max | Builtin::Min | Builtin::Type | Builtin::Sum);
            called.makes_constants() && (!takes_one || arguments.iter().all(is_kept))
        }
        (op::CALL_FUNCTION, _) => false,
        (op::BINARY_SUBSCR, [Value::List(_), _]) => true,
        (opcode, _) if (op::UNARY_POSITIVE..=op::UNARY_INVERT).contains(&opcode) => true,
        (_, operands) => operands.iter().all(is_kept),
    };
    if is_constant { Value::Fixed(number) } else { Value::Fresh(number) }
}

/// Whether an instruction looks up or calls something that has no effect, with what is made of constants alone: a builtin, or a method of
/// a constant.
pub fn is_pure_call(opcode: u8, operand: i32, operands: &[Value]) -> bool {
    match (opcode, operands) {
        (op::LOAD_ATTR, [Value::Constant(of)]) => !matches!(of, Literal::Other(_)),
        (op::CALL_FUNCTION, [Value::Builtin(called), arguments @ ..]) => {
            operand <= 0xff && !matches!(called, Builtin::Map) && arguments.iter().all(is_fixed)
        }
        (op::CALL_FUNCTION, [Value::Fixed(_) | Value::Fresh(_), arguments @ ..]) => {
            operand <= 0xff && arguments.iter().all(is_fixed)
        }
        _ => false,
    }
}
