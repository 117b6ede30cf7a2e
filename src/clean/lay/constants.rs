//! The constants of a laid-out code object, in the order in which the compiler would have met them.

use std::collections::{BTreeMap, BTreeSet};

use crate::bytecode::object::{MarshalledCode, Object};
use crate::clean::rebuild::{NEWLOCALS, OPTIMIZED};
use crate::clean::value::Literal;

/// The index of a constant, which is added if there is none; None if it cannot be made.
pub fn index(literal: &Literal, constants: &mut Vec<Object>) -> Option<i32> {
    let is_same = |(index, object): (usize, &Object)| {
        let known = Literal::of(object, index as u32);
        (known == *literal && std::mem::discriminant(&known) == std::mem::discriminant(literal)).then_some(index)
    };
    let found = constants.iter().enumerate().find_map(is_same);
    let index = match found {
        Some(index) => index,
        None => {
            constants.push(literal.object()?);
            constants.len() - 1
        }
    };
    i32::try_from(index).ok()
}

/// Brings constants into the order in which `loads` refers to them, and returns the new index of each that is left.  A function's first one
/// stays, for it can be its docstring (PyFunction_New in Objects/funcobject.c).  Code objects keep their order among each other, and all of
/// them stay; other constants that nothing loads go.
pub fn order(original: &MarshalledCode, constants: &[Object], loads: &[i32]) -> (Vec<Object>, BTreeMap<i32, i32>) {
    let is_code = |index: usize| matches!(constants[index], Object::Code(_));
    let is_function = original.flags & (OPTIMIZED | NEWLOCALS) != 0;
    let loaded = loads.iter().filter_map(|&index| usize::try_from(index).ok());
    let mut seen = BTreeSet::new();
    let met = is_function.then_some(0).into_iter().chain(loaded);
    let met: Vec<usize> = met.filter(|&index| index < constants.len() && seen.insert(index)).collect();
    // Code objects take the places of those that are loaded, whichever these are.
    let mut codes = (0..constants.len()).filter(|&index| is_code(index));
    let mut order: Vec<usize> =
        met.into_iter().filter_map(|index| if is_code(index) { codes.next() } else { Some(index) }).collect();
    order.extend(codes);
    let places = order.iter().enumerate().map(|(place, &index)| (index as i32, place as i32)).collect();
    (order.into_iter().map(|index| constants[index].clone()).collect(), places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(name: &str) -> Object {
        Object::Code(Box::new(MarshalledCode { name: name.as_bytes().into(), ..MarshalledCode::empty() }))
    }

    fn ordered(flags: i32, constants: &[Object], loads: &[i32]) -> (Vec<String>, Vec<i32>) {
        let original = MarshalledCode { flags, ..MarshalledCode::empty() };
        let (made, places) = order(&original, constants, loads);
        let name = |object: &Object| match object {
            Object::Code(code) => String::from_utf8_lossy(&code.name).into_owned(),
            Object::Int(value) => value.to_string(),
            _ => "other".into(),
        };
        (made.iter().map(name).collect(), loads.iter().map(|load| places[load]).collect())
    }

    #[test]
    fn constants_come_in_the_order_of_their_loads_and_code_objects_keep_theirs() {
        let all = [Object::None, code("a"), Object::Int(7), code("b"), Object::Int(8), code("c")];
        let (made, loads) = ordered(0, &all, &[4, 5, 4, 3, 0]);
        assert_eq!(made, ["8", "a", "b", "other", "c"]);
        assert_eq!(loads, [0, 4, 0, 2, 3]);
    }

    #[test]
    fn the_first_constant_of_a_function_stays() {
        let all = [Object::Int(6), Object::Int(7), Object::Int(8)];
        let (made, loads) = ordered(OPTIMIZED | NEWLOCALS, &all, &[2, 0]);
        assert_eq!(made, ["6", "8"]);
        assert_eq!(loads, [1, 0]);
    }
}
