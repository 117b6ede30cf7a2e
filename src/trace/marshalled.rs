//! Code objects in marshal data: the outermost one, and those among the constants of others, each read when it is first asked for.

use std::cell::OnceCell;
use std::rc::Rc;

use super::state::Contradiction;
use crate::bytecode::literal::Interned;
use crate::bytecode::marshal;
use crate::bytecode::marshal::whole::{Interning, code_with};
use crate::bytecode::object::{MarshalledCode, Object};

/// Marshal data of a code object.
#[derive(Debug)]
pub(super) struct Marshalled {
    data: Rc<[u8]>,
    /// What that holds; None inside if it cannot be read.
    read: OnceCell<Option<(Box<MarshalledCode>, Interned)>>,
}

impl Marshalled {
    pub fn new(data: Rc<[u8]>) -> Marshalled {
        Marshalled { data, read: OnceCell::new() }
    }

    /// Bytes of the data.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// The code object at the end of a path, which goes by the numbers of constants.
    pub fn at(&self, path: &[u32]) -> Result<&MarshalledCode, Contradiction> {
        self.find(path).map(|(code, _)| code)
    }

    /// The same as marshal data of its own.
    pub fn alone(&self, path: &[u32]) -> Result<Rc<[u8]>, Contradiction> {
        if path.is_empty() {
            return Ok(Rc::clone(&self.data));
        }
        let (code, interned) = self.find(path)?;
        Ok(code_with(code, &Interning::Only(interned)).ok_or("a code object of no marshal data")?.into())
    }

    /// The code object, and the interned strings of all that the data has.
    fn find(&self, path: &[u32]) -> Result<(&MarshalledCode, &Interned), Contradiction> {
        let read = || match marshal::read_with_interned(&self.data) {
            Ok((Object::Code(code), interned)) => Some((code, interned)),
            _ => None,
        };
        let (whole, interned) = self.read.get_or_init(read).as_ref().ok_or("a code object that cannot be read")?;
        let mut code = &**whole;
        for constant in path {
            let Some(Object::Code(inner)) = code.constants.get(*constant as usize) else {
                return Err("a code object where another constant is");
            };
            code = inner;
        }
        Ok((code, interned))
    }
}
