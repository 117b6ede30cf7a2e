//! Where code objects come from, and what they are as a whole: the records MADE and WHOLE CODE.

use std::rc::Rc;

use super::codec::record;
use super::library::LibraryCode;
use super::payload::{PayloadReader, PayloadWriter};

/// A C function has made one code object or several, for the last instruction that was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Numbered from 0 in the order in which they come.
    pub number: u32,
    pub how: How,
    /// The code object that runs and the offset of the instruction, where a frame runs that is known.
    pub place: Option<(u32, i32)>,
    /// The file that is imported; empty where none is, or none is known.
    pub path: Vec<u8>,
    /// The number of the content that is compiled.
    pub text: Option<u32>,
}

/// Which function made code objects.  The VM uses the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum How {
    /// C code that is none of these: an extension, or `PyCode_New` called through ctypes.
    NativeCode = 0,
    Import = 1,
    Exec = 2,
    /// `eval` and `input`.
    Eval = 3,
    ExecFile = 4,
    Compile = 5,
    /// `marshal.loads` and `marshal.load`.
    Marshal = 6,
    /// `types.CodeType`, which `new.code` is as well.
    CodeType = 7,
}

impl How {
    pub fn from_number(number: u8) -> Option<How> {
        Some(match number {
            0 => How::NativeCode,
            1 => How::Import,
            2 => How::Exec,
            3 => How::Eval,
            4 => How::ExecFile,
            5 => How::Compile,
            6 => How::Marshal,
            7 => How::CodeType,
            _ => return None,
        })
    }

    /// The word for it, as a programmer would write it.
    pub fn name(self) -> &'static str {
        match self {
            How::NativeCode => "native code",
            How::Import => "import",
            How::Exec => "exec",
            How::Eval => "eval",
            How::ExecFile => "execfile",
            How::Compile => "compile",
            How::Marshal => "marshal.loads",
            How::CodeType => "types.CodeType",
        }
    }
}

/// A code object, or other bytes of one, that is about to run for the first time: whole, and where it comes from.  Its description, a
/// CODE record, comes right before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeCode {
    pub code: u32,
    /// The number of the [`Made`] that it comes from; None where it was there before the trace began.
    pub made: Option<u32>,
    /// Constants that are left out of marshal data, with None in their place.
    pub missing: u32,
    pub held: Held,
}

/// All that a code object holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// As marshal data.
    Marshal(Rc<[u8]>),
    /// What one of the embedded library holds.
    Library(LibraryCode),
}

impl Made {
    pub(super) fn write(&self, out: &mut PayloadWriter) {
        let (code, offset) = self.place.map_or((0, 0), |(code, offset)| (code + 1, offset));
        out.u32(self.number).u8(self.how as u8).u32(code).i32(offset).bytes(&self.path);
        out.u32(self.text.map_or(0, |text| text + 1));
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<Made> {
        let number = reader.u32()?;
        let how = How::from_number(reader.u8()?)?;
        let code = reader.u32()?.checked_sub(1);
        let offset = reader.i32()?;
        let path = reader.name()?;
        // Traces of earlier versions end here.
        let text = if reader.is_empty() { None } else { reader.u32()?.checked_sub(1) };
        Some(Made { number, how, place: code.map(|code| (code, offset)), path, text })
    }
}

impl WholeCode {
    pub(super) fn write(&self, out: &mut PayloadWriter) -> u8 {
        out.u32(self.code).u32(self.made.map_or(0, |made| made + 1));
        match &self.held {
            Held::Marshal(marshal) => {
                out.u32(self.missing).bytes(marshal);
                record::WHOLE_CODE
            }
            Held::Library(code) => {
                code.write(out);
                record::LIBRARY_CODE
            }
        }
    }

    /// Reads the record of this type.
    pub(super) fn read(record_type: u8, reader: &mut PayloadReader) -> Option<WholeCode> {
        let (code, made) = (reader.u32()?, reader.u32()?.checked_sub(1));
        let (missing, held) = match record_type {
            record::WHOLE_CODE => (reader.u32()?, Held::Marshal(reader.bytes()?.into())),
            _ => (0, Held::Library(LibraryCode::read(reader)?)),
        };
        Some(WholeCode { code, made, missing, held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_an_earlier_version_has_no_text() {
        let made = Made { number: 2, how: How::Exec, place: Some((1, 7)), path: b"".to_vec(), text: Some(4) };
        let mut out = PayloadWriter::default();
        made.write(&mut out);
        let bytes = out.finish();
        let read = |bytes: &[u8]| Made::read(&mut PayloadReader::new(bytes));
        assert_eq!(read(&bytes), Some(made.clone()));
        let end = bytes.len() - size_of::<u32>();
        assert_eq!(read(&bytes[..end]), Some(Made { text: None, ..made }));
        (0..end)
            .chain(end + 1..bytes.len())
            .for_each(|length| assert_eq!(read(&bytes[..length]), None, "{length} bytes"));
    }
}
