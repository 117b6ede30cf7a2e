//! Code objects of the embedded standard library.  A trace says where one stands in the library and not what it holds: who reads the trace
//! has the library too.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::marshalled::Marshalled;
use super::payload::{PayloadReader, PayloadWriter};

/// Returns the marshal data of a module of the embedded library by its path there, as `json/decoder.py`.
pub type Modules = fn(&[u8]) -> Option<Vec<u8>>;

/// A code object of the library.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LibraryCode {
    pub module: Rc<[u8]>,
    /// CRC-32 of the module's marshal data: another build can have another module of that path.
    pub checksum: u32,
    /// The numbers of the constants on the way to it, from the module's own code object.
    pub path: Rc<[u32]>,
}

impl LibraryCode {
    pub(super) fn write(&self, out: &mut PayloadWriter) {
        out.bytes(&self.module).u32(self.checksum);
        for constant in &*self.path {
            out.u32(*constant);
        }
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<LibraryCode> {
        let (module, checksum, mut path) = (reader.name()?.into(), reader.u32()?, Vec::new());
        while !reader.is_empty() {
            path.push(reader.u32()?);
        }
        Some(LibraryCode { module, checksum, path: path.into() })
    }
}

/// Bytes of marshal data that are kept, of modules and of code objects in them; what is read of a module takes some ten times as many.
const KEPT: usize = 4 << 20;
/// Bytes of marshal data that are handed out at most: a few bytes of a forged trace can stand for any number.
const MOST: usize = 2 << 30;

/// Finds what code objects of the library hold.
#[derive(Debug)]
pub struct Library {
    modules: Modules,
    read: FxHashMap<Rc<[u8]>, (u32, Marshalled)>,
    made: FxHashMap<LibraryCode, Rc<[u8]>>,
    kept: usize,
    given: usize,
}

impl Library {
    pub fn new(modules: Modules) -> Library {
        Library { modules, read: FxHashMap::default(), made: FxHashMap::default(), kept: 0, given: 0 }
    }

    /// The code object as marshal data; None if this library has none like it, or too many were asked for.
    pub fn marshal(&mut self, code: &LibraryCode) -> Option<Rc<[u8]>> {
        let made = match self.made.get(code) {
            Some(made) => Rc::clone(made),
            None => self.make(code)?,
        };
        self.given += made.len();
        (self.given <= MOST).then_some(made)
    }

    fn make(&mut self, code: &LibraryCode) -> Option<Rc<[u8]>> {
        if self.kept > KEPT {
            self.read.clear();
            self.made.clear();
            self.kept = 0;
        }
        if !self.read.contains_key(&code.module) {
            let data = (self.modules)(&code.module)?;
            self.kept += data.len();
            self.read.insert(Rc::clone(&code.module), (checksum(&data), Marshalled::new(data.into())));
        }
        let (checksum, module) = self.read.get(&code.module)?;
        let made = if *checksum == code.checksum { module.alone(&code.path).ok()? } else { return None };
        self.kept += made.len();
        self.made.insert(code.clone(), Rc::clone(&made));
        Some(made)
    }
}

/// The checksum of a module's marshal data.
pub fn checksum(marshal: &[u8]) -> u32 {
    crc32fast::hash(marshal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal;
    use crate::bytecode::object::Object;

    /// The main code of a fixture that has a function, as it stands in the file.
    const MARSHAL: &[u8] = include_bytes!("../../fixtures/factorial.pyc").split_at(8).1;

    fn modules(path: &[u8]) -> Option<Vec<u8>> {
        (path == b"factorial.py").then(|| MARSHAL.to_vec())
    }

    fn code(path: &[u32]) -> LibraryCode {
        LibraryCode { module: b"factorial.py"[..].into(), checksum: checksum(MARSHAL), path: path.into() }
    }

    #[test]
    fn a_code_object_is_found_by_its_place() {
        let mut library = Library::new(modules);
        assert_eq!(library.marshal(&code(&[])).as_deref(), Some(MARSHAL));
        let Ok((Object::Code(whole), _)) = marshal::read(MARSHAL) else { panic!("a code object") };
        let is_code = |constant: &Object| matches!(constant, Object::Code(_));
        let function = whole.constants.iter().position(is_code).expect("a function") as u32;
        let alone = library.marshal(&code(&[function])).expect("a function");
        let Ok((Object::Code(read), _)) = marshal::read(&alone) else { panic!("a code object") };
        assert_eq!(&*read.name, b"recur_factorial");
        let again = library.marshal(&code(&[function])).expect("the same function");
        assert!(Rc::ptr_eq(&alone, &again), "it is made once");
    }

    #[test]
    fn it_is_not_asked_for_ever() {
        let mut library = Library { given: MOST - MARSHAL.len(), ..Library::new(modules) };
        assert!(library.marshal(&code(&[])).is_some() && library.marshal(&code(&[])).is_none());
    }

    #[test]
    fn what_this_library_does_not_have_is_not_found() {
        let mut library = Library::new(modules);
        assert_eq!(library.marshal(&LibraryCode { checksum: 1, ..code(&[]) }), None);
        assert_eq!(library.marshal(&LibraryCode { module: b"os.py"[..].into(), ..code(&[]) }), None);
        for path in [&[u32::MAX][..], &[1], &[0, 0]] {
            assert_eq!(library.marshal(&code(path)), None, "{path:?}");
        }
    }
}
