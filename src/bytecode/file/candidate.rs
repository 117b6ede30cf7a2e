//! Marshalled code objects without a .pyc's header or with an odd one: of 8, 12 or 16 bytes, with any magic number; and lists and tuples
//! of code objects.

use super::judge;
use super::limit::Limit;
use super::{Asked, Code, Contents, Entry, FileError, Kind, Program};
use crate::bytecode::magic::{self, MAGIC};
use crate::bytecode::marshal::{self, Problem};
use crate::bytecode::object::Object;

/// Lengths of headers, in the order in which they are tried.
const HEADERS: [usize; 4] = [0, 8, 12, 16];

/// Returns the magic number of a header, unless there is none.
pub fn magic_of(header: &[u8]) -> Option<u16> {
    header.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

/// Reads a code object, or a list or tuple of them; None if there is none at any of the places.
pub fn read(bytes: &[u8], asked: &Asked, limit: &mut Limit) -> Result<Option<Contents>, FileError> {
    for header in HEADERS {
        let Some(data) = bytes.get(header..).filter(|data| matches!(data.first(), Some(b'c' | b'(' | b'['))) else {
            continue;
        };
        let (object, length) = match marshal::read(data) {
            Ok(read) => read,
            Err(error) if error.problem == Problem::Shared => return Err(FileError::TooLarge),
            Err(_) => continue,
        };
        let magic = magic_of(&bytes[..header]);
        let codes = match object {
            Object::Code(code) => {
                check(&code, magic, header, asked)?;
                vec![Code { bytes: bytes.to_vec(), marshal: header..header + length, magic }]
            }
            object => match codes_in(&object, magic, limit)? {
                Some(codes) => codes,
                None => continue,
            },
        };
        return Ok(Some(contents(codes, magic, header)));
    }
    Ok(None)
}

/// Reads a code object of a container that says its Python, after a header of any length.
pub fn in_container(bytes: Vec<u8>) -> Result<Code, Vec<u8>> {
    let place = HEADERS.into_iter().find_map(|header| {
        let data = bytes.get(header..).filter(|data| data.first() == Some(&b'c'))?;
        match marshal::read(data) {
            Ok((Object::Code(_), length)) => Some(header..header + length),
            _ => None,
        }
    });
    match place {
        Some(marshal) => Ok(Code { magic: magic_of(&bytes[..marshal.start]), bytes, marshal }),
        None => Err(bytes),
    }
}

/// Refuses code of another Python, unless it is to be taken as 2.7's.
fn check(
    code: &crate::bytecode::object::MarshalledCode,
    magic: Option<u16>,
    header: usize,
    asked: &Asked,
) -> Result<(), FileError> {
    if asked.is_forced || magic == Some(MAGIC) {
        return Ok(());
    }
    match judge::doubt(code) {
        None => Ok(()),
        Some(doubt) => Err(FileError::Doubt { origin: origin(magic, header), doubt }),
    }
}

/// Says what comes before the code.
fn origin(magic: Option<u16>, header: usize) -> String {
    match magic {
        None => "it is marshal data without a header".into(),
        Some(0) => format!("its header has {header} bytes and the magic number 0"),
        Some(MAGIC) => format!("its header has {header} bytes"),
        Some(magic) => match magic::python_of(magic) {
            Some(python) => format!("magic {magic} is {python}"),
            None => format!("magic {magic} is of no known Python"),
        },
    }
}

fn contents(codes: Vec<Code>, magic: Option<u16>, header: usize) -> Contents {
    let mut guesses = vec![format!("{}, and its code is of Python 2.7", origin(magic, header))];
    if codes.len() > 1 {
        guesses.push(format!("it has {} code objects, which run in turn; --entry N runs one", codes.len()));
    }
    let entries = codes.into_iter().map(|code| Entry { name: Vec::new(), program: Program::Code(code) }).collect();
    Contents { entries, guesses, ..Contents::new(Kind::Marshal) }
}

/// The code objects of a container, in containers in it too; None if there are none.
pub fn codes_in(object: &Object, magic: Option<u16>, limit: &mut Limit) -> Result<Option<Vec<Code>>, FileError> {
    let mut open: Vec<_> = object.items().map(|items| items.iter()).into_iter().collect();
    let mut codes = Vec::new();
    while let Some(items) = open.last_mut() {
        match items.next() {
            None => drop(open.pop()),
            Some(Object::Code(code)) => {
                let bytes = marshal::of_code(code);
                // Each has strings of its own that all share in the file.
                limit.take(bytes.len()).map_err(|_| FileError::TooLarge)?;
                codes.push(Code { marshal: 0..bytes.len(), bytes, magic });
            }
            Some(item) => open.extend(item.items().map(|items| items.iter())),
        }
    }
    Ok((!codes.is_empty()).then_some(codes))
}
