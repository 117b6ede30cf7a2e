//! What is known of lists and dicts that nothing else refers to yet, and of calls of builtins, methods and functions that were just made.

use super::Input;
use super::step::Fails;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;
use crate::clean::pure::{self, Builtin, Runner, Thing};
use crate::clean::value::{self, Literal, Outcome, Value};

/// Items of a list or dict that are kept.
const ITEMS: usize = 512;
/// Items of a tuple of which only some are known.
const PAIRS: usize = 8;
/// Bytes of a text that is made.
const BYTES: usize = 4096;
/// Instructions of a called function that are followed.
const STEPS: usize = 2000;

type Known = (Option<Value>, Fails);

/// What an instruction makes of lists and dicts; None if it works on none of which something is known.
pub fn of_containers(opcode: u8, operand: i32, operands: &[Value]) -> Option<Known> {
    let full = |is_full| (Some(Value::Container(is_full)), Fails::Never);
    Some(match (opcode, operands) {
        (op::BUILD_LIST, _) => match literals(operands) {
            Some(items) => (Some(Value::List(items)), Fails::Never),
            None => full(!operands.is_empty()),
        },
        (op::BUILD_TUPLE, _) => (tuple(operands), Fails::Never),
        (op::BUILD_SET, [_, ..]) if operands.iter().all(|one| one.literal().is_some_and(is_key)) => {
            (Some(Value::Fresh(value::number_of(opcode, 0, operands))), Fails::Never)
        }
        (op::BUILD_SET, _) => {
            let fails = if operands.is_empty() { Fails::Never } else { Fails::Maybe };
            (Some(Value::Container(!operands.is_empty())), fails)
        }
        (op::BUILD_MAP, _) => (Some(Value::Dict(Vec::new())), Fails::Never),
        (op::STORE_MAP, [of, value, key]) => stored(of, value, key)?,
        (op::UNARY_NOT, [of @ (Value::Container(_) | Value::List(_) | Value::Dict(_))]) => {
            (Some(Value::Constant(Literal::Bool(!of.truth()?))), Fails::Never)
        }
        (op::GET_ITER, [Value::List(items)]) if items.is_empty() => (Some(Value::NoItems), Fails::Never),
        (op::GET_ITER, [Value::Constant(only)]) if is_empty(only) => (Some(Value::NoItems), Fails::Never),
        (op::GET_ITER, [Value::List(items) | Value::Constant(Literal::Tuple(items))]) => {
            (Some(Value::Iterator(items.first()?.clone())), Fails::Never)
        }
        (op::COMPARE_OP, [..]) => (compared(operand, operands)?, Fails::Never),
        (op::CALL_FUNCTION, [Value::Builtin(called), arguments @ ..]) => match (called, arguments) {
            // Nothing of the value is asked.
            (Builtin::Isinstance, [_, Value::Builtin(Builtin::Object)]) => (truth(true), Fails::Never),
            (Builtin::Len, [Value::Dict(items)]) => {
                (Some(Value::Constant(Literal::Int(i64::try_from(items.len()).ok()?))), Fails::Never)
            }
            _ => return None,
        },
        (op::BINARY_SUBSCR, [Value::Container(false), Value::Constant(_)]) => (None, Fails::Always(None)),
        (op::BINARY_SUBSCR, [Value::List(items), Value::Constant(Literal::Int(index))]) => {
            let place = if *index < 0 { index.saturating_add(items.len() as i64) } else { *index };
            match usize::try_from(place).ok().and_then(|place| items.get(place)) {
                Some(item) => (Some(Value::Constant(item.clone())), Fails::Never),
                None => (None, Fails::Always(Some("IndexError"))),
            }
        }
        (op::BINARY_SUBSCR, [Value::Tuple(items), Value::Constant(Literal::Int(index))]) => {
            let place = if *index < 0 { index.saturating_add(items.len() as i64) } else { *index };
            match usize::try_from(place).ok().and_then(|place| items.get(place)) {
                Some(item) => (Some(item.clone()), Fails::Never),
                None => (None, Fails::Always(Some("IndexError"))),
            }
        }
        (op::BINARY_SUBSCR, [Value::Dict(items), Value::Constant(key)]) if is_key(key) => {
            match items.iter().find(|item| item.0 == *key) {
                Some(item) => (Some(Value::Constant(item.1.clone())), Fails::Never),
                None => (None, Fails::Always(Some("KeyError"))),
            }
        }
        _ => return None,
    })
}

fn truth(is_true: bool) -> Option<Value> {
    Some(Value::Constant(Literal::Bool(is_true)))
}

/// What COMPARE_OP makes of lists and dicts; None if that is not known.
fn compared(operand: i32, operands: &[Value]) -> Option<Option<Value>> {
    let is_new = |of: &Value| matches!(of, Value::List(_) | Value::Dict(_) | Value::Container(_));
    let is_single = |of: &Value| matches!(of, Value::Constant(Literal::None | Literal::Bool(_) | Literal::Ellipsis));
    let is_in = |found: bool| truth(found == (operand == 6));
    Some(match (operand, operands) {
        (8 | 9, [one, other]) if is_new(one) && is_single(other) || is_new(other) && is_single(one) => {
            truth(operand == 9)
        }
        (6 | 7, [Value::Constant(of), Value::Dict(items)])
            if is_key(of) && items.iter().all(|item| is_key(&item.0)) =>
        {
            is_in(items.iter().any(|item| item.0 == *of))
        }
        (6 | 7, [Value::Constant(_), Value::List(items)]) => {
            let tuple = Value::Constant(Literal::Tuple(items.clone()));
            constant(value::compare(operand, operands[0].literal()?, tuple.literal()?))?
        }
        (2 | 3, [Value::List(one), Value::List(other)]) => {
            let [one, other] = [one, other].map(|items| Literal::Tuple(items.clone()));
            constant(value::compare(operand, &one, &other))?
        }
        _ => return None,
    })
}

fn constant(outcome: Outcome) -> Option<Option<Value>> {
    if let Outcome::Is(literal) = outcome { Some(Some(Value::Constant(literal))) } else { None }
}

/// What STORE_MAP makes of a dict.
fn stored(of: &Value, value: &Value, key: &Value) -> Option<Known> {
    if matches!(key, Value::List(_) | Value::Dict(_) | Value::Container(_)) {
        return Some((None, Fails::Always(Some("TypeError"))));
    }
    Some(match (of, value, key) {
        (Value::Dict(items), Value::Constant(value), Value::Constant(key)) if is_key(key) && items.len() < ITEMS => {
            let mut items: Vec<(Literal, Literal)> = items.iter().filter(|item| item.0 != *key).cloned().collect();
            items.push((key.clone(), value.clone()));
            (Some(Value::Dict(items)), Fails::Never)
        }
        (Value::Dict(_) | Value::Container(_), _, Value::Constant(key)) if is_key(key) => {
            (Some(Value::Container(true)), Fails::Never)
        }
        (Value::Dict(_) | Value::Container(_), ..) => (Some(Value::Container(true)), Fails::Maybe),
        _ => return None,
    })
}

/// The tuple of some values; None if there are many of which not all are constants.
fn tuple(values: &[Value]) -> Option<Value> {
    if let Some(items) = literals(values) {
        return Some(Value::Constant(Literal::Tuple(items)));
    }
    let is_known =
        |value: &Value| matches!(value, Value::Constant(_) | Value::Class(_) | Value::Builtin(_) | Value::Match);
    let item = |value: &Value| if is_known(value) { value.clone() } else { Value::Unknown };
    (values.len() <= PAIRS).then(|| Value::Tuple(values.iter().map(item).collect()))
}

/// Whether two keys of this kind are equal only if they are the same.
fn is_key(key: &Literal) -> bool {
    matches!(key, Literal::Int(_) | Literal::Str(_) | Literal::None)
}

fn is_empty(literal: &Literal) -> bool {
    match literal {
        Literal::Str(bytes) => bytes.is_empty(),
        Literal::Unicode(points) => points.is_empty(),
        Literal::Tuple(items) => items.is_empty(),
        _ => false,
    }
}

fn literals(values: &[Value]) -> Option<Vec<Literal>> {
    let literal = |value: &Value| match value {
        Value::Constant(literal) if !matches!(literal, Literal::Other(_)) => Some(literal.clone()),
        _ => None,
    };
    values.iter().take(ITEMS + 1).map(literal).collect::<Option<Vec<_>>>().filter(|all| all.len() <= ITEMS)
}

/// What a call of a builtin, a method or a function that was just made returns, and what LOAD_ATTR finds; None if it could fail.
pub fn made(input: &Input<'_>, opcode: u8, operand: i32, operands: &[Value]) -> Option<Value> {
    let code = input.code;
    let is_followed = matches!(
        opcode,
        op::CALL_FUNCTION
            | op::CALL_FUNCTION_VAR
            | op::CALL_FUNCTION_KW
            | op::LOAD_ATTR
            | op::COMPARE_OP
            | op::BINARY_MODULO
    ) || (op::SLICE_0..=op::SLICE_3).contains(&opcode);
    let is_callable = !matches!(opcode, op::CALL_FUNCTION | op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW)
        || matches!(operands.first(), Some(Value::Function(_) | Value::Builtin(_) | Value::Method(..)));
    if !is_followed || !is_callable {
        return None;
    }
    let ordered = if opcode == op::CALL_FUNCTION_KW { Some(by_name(code, operands)?) } else { None };
    let things: Vec<Thing> = match &ordered {
        Some(operands) => operands.iter().map(|value| thing(code, value)).collect::<Option<_>>()?,
        None => operands.iter().map(|value| thing(code, value)).collect::<Option<_>>()?,
    };
    let names = |name: &[u8]| if (input.is_builtin)(name) { pure::builtin(name) } else { None };
    let mut runner = Runner::new(STEPS, &names);
    let result = match (opcode, &things[..]) {
        (op::LOAD_ATTR, [of]) => runner.attribute(of, code.names.get(usize::try_from(operand).ok()?)?)?,
        (op::CALL_FUNCTION_KW, [called, arguments @ ..]) => runner.call(called, arguments)?,
        _ => runner.apply(opcode, operand, &things)?,
    };
    value(&result)
}

/// The operands of a call with `**`, the dict's values in the order of the parameters.
fn by_name(code: &MarshalledCode, operands: &[Value]) -> Option<Vec<Value>> {
    let [called @ Value::Function(index), arguments @ .., Value::Dict(items)] = operands else { return None };
    let Object::Code(function) = code.constants.get(*index as usize)? else { return None };
    let names = function.varnames.iter().take(usize::try_from(function.argcount).ok()?).skip(arguments.len());
    let mut ordered: Vec<Value> = [called].into_iter().chain(arguments).cloned().collect();
    for name in names {
        let item = items.iter().find(|item| matches!(&item.0, Literal::Str(key) if **key == **name))?;
        ordered.push(Value::Constant(item.1.clone()));
    }
    (ordered.len() == 1 + arguments.len() + items.len()).then_some(ordered)
}

fn thing<'a>(code: &'a MarshalledCode, value: &Value) -> Option<Thing<'a>> {
    Some(match value {
        Value::Constant(Literal::Other(_)) => return None,
        Value::Constant(literal) => Thing::Plain(literal.clone()),
        Value::List(items) => Thing::list(items.clone()),
        Value::Builtin(builtin) => Thing::Builtin(*builtin),
        Value::Method(of, method) => Thing::Method(Box::new(Thing::Plain(of.clone())), *method),
        Value::Function(index) => match code.constants.get(*index as usize)? {
            Object::Code(code) => pure::Function::made(code),
            _ => return None,
        },
        _ => return None,
    })
}

fn value(thing: &Thing) -> Option<Value> {
    match thing {
        Thing::Plain(Literal::Str(bytes)) if bytes.len() > BYTES => None,
        Thing::Plain(Literal::Unicode(points)) if points.len() > BYTES => None,
        Thing::Plain(literal) => Some(Value::Constant(literal.clone())),
        Thing::Builtin(builtin) => Some(Value::Builtin(*builtin)),
        Thing::Method(of, method) => match &**of {
            Thing::Plain(of) => Some(Value::Method(of.clone(), *method)),
            _ => None,
        },
        Thing::List(items) => Some(Value::List(items.borrow().clone())).filter(|_| items.borrow().len() <= ITEMS),
        _ => None,
    }
}

/// Whether an instruction fails with what it works on, whatever else is the case.
pub fn always_fails(code: &MarshalledCode, opcode: u8, operand: i32, operands: &[Value]) -> bool {
    match (opcode, operands) {
        (op::LOAD_ATTR, [Value::Constant(Literal::None)]) => {
            let name = usize::try_from(operand).ok().and_then(|place| code.names.get(place));
            name.is_some_and(|name| !name.starts_with(b"__"))
        }
        (op::STORE_ATTR, [_, Value::Constant(of)]) => {
            let name = usize::try_from(operand).ok().and_then(|place| code.names.get(place));
            !matches!(of, Literal::Other(_)) && name.is_some_and(|name| !name.starts_with(b"__"))
        }
        (op::STORE_SUBSCR, [_, Value::Constant(of), _]) | (op::DELETE_SUBSCR, [Value::Constant(of), _]) => {
            !matches!(of, Literal::Other(_))
        }
        _ => false,
    }
}

/// What UNPACK_SEQUENCE makes of a constant or a list of constants, the last entry on top; Err if there are more or fewer items.
pub fn unpacked(of: &Value, count: usize) -> Option<Result<Vec<Value>, ()>> {
    let items: Vec<Literal> = match of {
        Value::Tuple(values) => {
            return Some(if values.len() == count { Ok(values.iter().rev().cloned().collect()) } else { Err(()) });
        }
        Value::List(items) | Value::Constant(Literal::Tuple(items)) => items.clone(),
        Value::Constant(Literal::Str(bytes)) => {
            bytes.iter().take(ITEMS).map(|&byte| Literal::Str([byte].as_slice().into())).collect()
        }
        _ => return None,
    };
    let is_whole = items.len() == count;
    Some(if is_whole { Ok(items.into_iter().rev().map(Value::Constant).collect()) } else { Err(()) })
}
