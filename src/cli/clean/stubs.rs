//! Modules in which some functions are replaced by stubs, or in which one function stands alone: what is given to a decompiler that fails
//! on the whole.

use std::collections::HashSet;
use std::sync::Arc;

use crate::bytecode::escape::Printable;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;

/// Where a code object is: the index among the constants of each one around it.
pub type Place = Vec<usize>;

/// CO_OPTIMIZED and CO_GENERATOR (code.h).
pub const OPTIMIZED: i32 = 0x1;
const GENERATOR: i32 = 0x20;
/// CO_NOFREE, all that the flags of a module without a future statement have.
const NO_FREE: i32 = 0x40;
/// Code objects in code objects that are looked into; nobody writes more.
const DEEPEST: usize = 50;

/// The places of all functions and classes, inner ones first.  Lambdas and comprehensions belong to the function that they are in.
pub fn functions(module: &MarshalledCode) -> Vec<Place> {
    let mut found = Vec::new();
    collect(module, &mut Vec::new(), &mut found);
    found
}

fn collect(code: &MarshalledCode, place: &mut Place, found: &mut Vec<Place>) {
    if place.len() >= DEEPEST {
        return;
    }
    for (index, constant) in code.constants.iter().enumerate() {
        if let Object::Code(inner) = constant
            && is_function(inner)
        {
            place.push(index);
            collect(inner, place, found);
            found.push(place.clone());
            place.pop();
        }
    }
}

/// The code object at a place.
pub fn at<'a>(module: &'a MarshalledCode, place: &[usize]) -> Option<&'a MarshalledCode> {
    place.iter().try_fold(module, |code, &index| match code.constants.get(index)? {
        Object::Code(inner) => Some(&**inner),
        _ => None,
    })
}

/// A copy of a code object in which those at the places `stubs` do nothing.
pub fn with_stubs(code: &MarshalledCode, stubs: &HashSet<Place>) -> MarshalledCode {
    replaced(code, &mut Vec::new(), &|place, _| stubs.contains(place))
}

fn replaced(
    code: &MarshalledCode,
    place: &mut Place,
    is_stub: &dyn Fn(&Place, &MarshalledCode) -> bool,
) -> MarshalledCode {
    if place.len() >= DEEPEST {
        return code.clone();
    }
    let mut constants = Vec::with_capacity(code.constants.len());
    for (index, constant) in code.constants.iter().enumerate() {
        place.push(index);
        constants.push(match constant {
            Object::Code(inner) if is_stub(place, inner) => Object::Code(Box::new(stub(inner))),
            Object::Code(inner) => Object::Code(Box::new(replaced(inner, place, is_stub))),
            other => other.clone(),
        });
        place.pop();
    }
    MarshalledCode { constants: constants.into(), ..code.clone() }
}

/// A copy of a code object whose file's name is one line of text, and that of each one in it: decompilers write it into a comment as it
/// is, where a NUL is no Python, and what comes after an end of line is code.
pub fn with_shown_filenames(code: &MarshalledCode) -> MarshalledCode {
    shown_to(code, 0)
}

fn shown_to(code: &MarshalledCode, depth: usize) -> MarshalledCode {
    let shown = |constant: &Object| match constant {
        Object::Code(inner) if depth < DEEPEST => Object::Code(Box::new(shown_to(inner, depth + 1))),
        other => other.clone(),
    };
    let constants: Vec<Object> = code.constants.iter().map(shown).collect();
    let has_controls = code.filename.iter().any(u8::is_ascii_control);
    let filename = match has_controls {
        true => Arc::from(Printable::text(&code.filename).to_string().as_bytes()),
        false => Arc::clone(&code.filename),
    };
    MarshalledCode { constants: constants.into(), filename, ..code.clone() }
}

/// Whether a code object is what a function or class statement makes.
fn is_function(code: &MarshalledCode) -> bool {
    !code.name.starts_with(b"<")
}

/// A module that only defines one function or class, with stubs for the functions in it.
pub fn alone(code: &MarshalledCode) -> MarshalledCode {
    defined(replaced(code, &mut Vec::new(), &|place, inner| place.len() == 1 && is_function(inner)))
}

/// A module that only defines a function or class.
pub fn defined(code: MarshalledCode) -> MarshalledCode {
    let make = [op::LOAD_CONST, 0, 0, op::MAKE_FUNCTION, 0, 0];
    let end = [op::STORE_NAME, 0, 0, op::LOAD_CONST, 1, 0, op::RETURN_VALUE];
    let (name, filename) = (code.name.clone(), code.filename.clone());
    let is_class = is_class(&code);
    let mut constants = vec![Object::Code(Box::new(code)), Object::None];
    let bytes = if is_class {
        constants.extend([Object::Str(name.clone()), Object::Tuple(Vec::new().into())]);
        let begin = [op::LOAD_CONST, 2, 0, op::LOAD_CONST, 3, 0];
        [&begin[..], &make, &[op::CALL_FUNCTION, 0, 0, op::BUILD_CLASS], &end].concat()
    } else {
        [&make[..], &end].concat()
    };
    MarshalledCode {
        stacksize: 3,
        bytes: bytes.into(),
        constants: constants.into(),
        names: vec![name],
        filename,
        ..empty()
    }
}

/// A module that does nothing.
pub fn empty() -> MarshalledCode {
    MarshalledCode {
        stacksize: 1,
        flags: NO_FREE,
        bytes: Arc::from(&[op::LOAD_CONST, 0, 0, op::RETURN_VALUE][..]),
        constants: vec![Object::None].into(),
        filename: Arc::from(&b"empty.py"[..]),
        name: Arc::from(&b"<module>"[..]),
        first_line: 1,
        ..MarshalledCode::empty()
    }
}

/// Whether a code object that is no module is the body of a class.
fn is_class(code: &MarshalledCode) -> bool {
    code.flags & OPTIMIZED == 0 && code.bytes.ends_with(&[op::LOAD_LOCALS, op::RETURN_VALUE])
}

/// What stands for a code object that cannot be decompiled: it says so.
fn stub(code: &MarshalledCode) -> MarshalledCode {
    let text = format!("bctrace: {} is not decompiled", Printable::text(&code.name));
    let (bytes, names) = if is_class(code) {
        let bytes = vec![op::LOAD_CONST, 1, 0, op::STORE_NAME, 0, 0, op::LOAD_LOCALS, op::RETURN_VALUE];
        (bytes, vec![Arc::from(&b"__doc__"[..])])
    } else {
        (vec![op::LOAD_CONST, 1, 0, op::RETURN_VALUE], Vec::new())
    };
    MarshalledCode {
        stacksize: 1,
        flags: code.flags & !GENERATOR,
        bytes: bytes.into(),
        constants: vec![Object::None, Object::str(text.as_bytes())].into(),
        names,
        lnotab: Arc::from(&b""[..]),
        ..code.clone()
    }
}
