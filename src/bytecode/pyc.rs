//! Owns reading a .pyc file: the header, and the code object after it. Says what a file is that is no
//! .pyc of 2.7, and what to do about it. Takes bytes; who opens files is not its concern.

use std::ops::Range;

use thiserror::Error;

use super::magic::{self, MAGIC};
use super::marshal::{self, MarshalError};
use super::object::{MarshalledCode, Object};

/// Bytes before the marshal data: the magic number with `\r\n`, and a time that nothing here reads.
pub const HEADER: usize = 8;
const MAGIC_BYTES: [u8; 4] = [0x03, 0xf3, 0x0d, 0x0a];

/// A .pyc that was read and checked.
#[derive(Clone, Debug)]
pub struct Pyc {
    pub code: MarshalledCode,
    /// Where the marshal data that was checked lies in the file; what follows it is ignored.
    pub marshal: Range<usize>,
}

/// Why a file is not run. Each reads as the end of "cannot read a.pyc: …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PycError {
    #[error("it is empty")]
    Empty,
    #[error("it ends after {0} bytes; a .pyc has 8 bytes of header and a code object")]
    TooShort(usize),
    #[error("magic {magic} is {python}; bctrace runs 2.7 ({MAGIC})")]
    OtherPython { magic: u16, python: &'static str },
    #[error("magic {0} is of no known Python; bctrace runs 2.7 ({MAGIC})")]
    UnknownMagic(u16),
    #[error("{0}; get the file again as binary data")]
    Mangled(&'static str),
    #[error(
        "the 8-byte header is missing: the file begins with a marshalled code object, as PyInstaller stores \
         scripts; put the bytes 03 f3 0d 0a 00 00 00 00 in front of it"
    )]
    Headerless,
    #[error("{0}; bctrace runs .pyc files of Python 2.7")]
    OtherFile(&'static str),
    #[error("it is text, not a .pyc; if it is Python source, rename it to end in .py")]
    Text,
    #[error("it does not begin with the magic of a .pyc of Python 2.7 (03 f3 0d 0a) but with {0}")]
    NoMagic(String),
    #[error("{error}{}", header_hint(*.header))]
    Marshal { error: MarshalError, header: Option<usize> },
    #[error("the top-level object is {}, not a code object{}", with_article(.type_name), header_hint(*.header))]
    NotCode { type_name: String, header: Option<usize> },
}

impl Pyc {
    /// Reads the bytes of a .pyc file.
    pub fn read(file: &[u8]) -> Result<Pyc, PycError> {
        check_magic(file)?;
        if file.len() <= HEADER {
            return Err(PycError::TooShort(file.len()));
        }
        match read_code(file, HEADER) {
            Ok(pyc) => Ok(pyc),
            Err(error) => Err(with_header_hint(error, file)),
        }
    }
}

/// Returns whether a file whose name says that it is Python source is that, as far as its beginning shows: it is no .pyc, and no other
/// binary file.
pub fn is_source(file: &[u8]) -> bool {
    let is_binary = || file[..file.len().min(512)].contains(&0);
    match check_magic(file) {
        Ok(()) | Err(PycError::OtherPython { .. } | PycError::Headerless) => false,
        Err(PycError::Mangled(_)) => !file.starts_with(&MAGIC_BYTES[..1]),
        Err(PycError::OtherFile(_)) => !is_binary(),
        Err(_) => true,
    }
}

/// Makes the file that holds marshalled code; the time in its header is 0.
pub fn of_marshal(marshal: &[u8]) -> Vec<u8> {
    of_marshal_at(marshal, 0)
}

/// Makes the file that holds marshalled code; `time` is for its header, in seconds since 1970.
pub fn of_marshal_at(marshal: &[u8], time: u32) -> Vec<u8> {
    [&MAGIC_BYTES, &time.to_le_bytes()[..], marshal].concat()
}

/// Returns the time in a header of a .pyc, in seconds since 1970; None for any other header.
pub fn time_of(header: &[u8]) -> Option<u32> {
    let time = header.strip_prefix(&MAGIC_BYTES)?;
    time.try_into().ok().map(u32::from_le_bytes)
}

fn read_code(file: &[u8], header: usize) -> Result<Pyc, PycError> {
    let data = file.get(header..).unwrap_or_default();
    match marshal::read(data) {
        Ok((Object::Code(code), length)) => Ok(Pyc { code: *code, marshal: header..header + length }),
        Ok((other, _)) => Err(PycError::NotCode { type_name: other.type_name().into(), header: None }),
        Err(error) => {
            let error = MarshalError { offset: error.offset + header, ..error };
            Err(PycError::Marshal { error, header: None })
        }
    }
}

/// py.test writes caches with the size of the source after the time; Python 3 has 12 or 16 bytes.
fn with_header_hint(error: PycError, file: &[u8]) -> PycError {
    let found = [12, 16].into_iter().find(|&header| read_code(file, header).is_ok());
    match error {
        PycError::Marshal { error, .. } => PycError::Marshal { error, header: found },
        PycError::NotCode { type_name, .. } => PycError::NotCode { type_name, header: found },
        other => other,
    }
}

fn header_hint(header: Option<usize>) -> String {
    match header {
        Some(header) => format!(
            "; but a code object begins at byte {header}: the header has {header} bytes, as in caches of py.test, \
             where 2.7 has 8; remove the bytes 8 to {}",
            header - 1
        ),
        None => String::new(),
    }
}

fn with_article(type_name: &str) -> String {
    match type_name.as_bytes().first() {
        _ if type_name == "NoneType" => "None".into(),
        Some(b'a' | b'e' | b'i' | b'o') => format!("an {type_name}"),
        _ => format!("a {type_name}"),
    }
}

fn check_magic(file: &[u8]) -> Result<(), PycError> {
    if file.starts_with(&MAGIC_BYTES) {
        return Ok(());
    }
    if file.is_empty() {
        return Err(PycError::Empty);
    }
    if let Some((_, what)) = MANGLED.iter().find(|(beginning, _)| file.starts_with(beginning)) {
        return Err(PycError::Mangled(what));
    }
    if let [low, high, b'\r', b'\n', ..] = *file {
        let magic = u16::from_le_bytes([low, high]);
        return Err(match magic::python_of(magic) {
            Some(python) => PycError::OtherPython { magic, python },
            None => PycError::UnknownMagic(magic),
        });
    }
    if matches!(marshal::read(file), Ok((Object::Code(_), _))) {
        return Err(PycError::Headerless);
    }
    if let Some((_, what)) = SIGNATURES.iter().find(|(beginning, _)| file.starts_with(beginning)) {
        return Err(PycError::OtherFile(what));
    }
    if looks_like_text(file) {
        return Err(PycError::Text);
    }
    let beginning: Vec<String> = file.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Err(PycError::NoMagic(beginning.join(" ")))
}

/// What text channels make of the magic, by how the file then begins.
const MANGLED: &[(&[u8], &str)] = &[
    (b"\x03\xf3\r\r\n", "every LF was made CR LF, as by a transfer in text mode"),
    (b"\x03\xf3\n", "every CR LF was made LF, as by a transfer in text mode"),
    (b"\x03\xc3\xb3\r", "its bytes were encoded as UTF-8, as by copying them through text"),
    (b"\x03\xef\xbf\xbd\r", "bytes that are not UTF-8 were replaced, as by copying them through text"),
    (b"\x03\r\n", "bytes that are not ASCII were lost, as by copying them through text"),
    (b"A/MNC", "it is a .pyc in base64"),
    (b"03f30d0a", "it is a .pyc in hexadecimal"),
];

/// How other kinds of files begin.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "it is a zip archive; unpack it"),
    (b"PK\x05\x06", "it is an empty zip archive"),
    (b"\x7fELF", "it is an ELF file: a native program or library"),
    (b"MZ", "it is a Windows program or library"),
    (b"\xfe\xed\xfa", "it is a Mach-O file: a native program or library"),
    (b"\xcf\xfa\xed\xfe", "it is a Mach-O file: a native program or library"),
    (b"\x1f\x8b", "it is gzip data; unpack it"),
    (b"BZh", "it is bzip2 data; unpack it"),
    (b"\xfd7zXZ\0", "it is xz data; unpack it"),
    (b"\x28\xb5\x2f\xfd", "it is Zstandard data; unpack it"),
    (b"\x78\x01", "it looks like zlib data; unpack it"),
    (b"\x78\x5e", "it looks like zlib data; unpack it"),
    (b"\x78\x9c", "it looks like zlib data; unpack it"),
    (b"\x78\xda", "it looks like zlib data; unpack it"),
    (b"\x80\x02", "it is a Python pickle"),
];

fn looks_like_text(file: &[u8]) -> bool {
    let beginning = &file[..file.len().min(512)];
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | b' '..=b'~' | 0x80..);
    let valid = match std::str::from_utf8(beginning) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && beginning.iter().all(is_text)
}

#[cfg(test)]
mod tests;
