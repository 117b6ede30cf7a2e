//! Contents that are kept whole: texts that were compiled, code objects that were made and may never run, and what C functions got and
//! returned.  The records CONTENT, NEW CODE and USE.

use std::rc::Rc;

use super::payload::{PayloadReader, PayloadWriter};

/// Bytes that later records name by their number.  Equal bytes have one record, as far as the hook remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Numbered from 0 in the order in which they come.
    pub number: u32,
    /// How many bytes it has; more than `bytes` if it was too long.
    pub length: u64,
    pub bytes: Rc<[u8]>,
}

/// A code object that C code has given to the program, whether it ever runs or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCode {
    /// Numbered from 0 in the order in which they come.
    pub number: u32,
    /// The number of the MADE that it comes from.
    pub made: u32,
    /// The number of an earlier one that was the same; `marshal` is empty then.
    pub same: Option<u32>,
    /// Constants that are left out of `marshal`, with None in their place.
    pub missing: u32,
    /// The code object as marshal data.
    pub marshal: Rc<[u8]>,
}

/// A C function had a content, for the last instruction that was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// None for what is only counted: its bytes would have been too many in all.
    pub content: Option<u32>,
    pub role: Role,
    /// The function's module, or the type that it is a method of; and its name.
    pub owner: Vec<u8>,
    pub name: Vec<u8>,
    /// The code object that runs and the offset of the instruction, where a frame runs that is known.
    pub place: Option<(u32, i32)>,
    /// Bytes of the content, or of all that are only counted.
    pub length: u64,
    /// How many contents that are only counted this record stands for; else 1.
    pub times: u64,
}

/// What a content was to the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// The object whose method it is.
    Receiver = 0,
    Argument = 1,
    Result = 2,
}

impl Role {
    pub fn from_number(number: u8) -> Option<Role> {
        [Role::Receiver, Role::Argument, Role::Result].into_iter().find(|role| *role as u8 == number)
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Receiver => "receiver",
            Role::Argument => "argument",
            Role::Result => "result",
        }
    }
}

impl Content {
    pub(super) fn write(&self, out: &mut PayloadWriter) {
        out.u32(self.number).u64(self.length).bytes(&self.bytes);
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<Content> {
        Some(Content { number: reader.u32()?, length: reader.u64()?, bytes: reader.bytes()?.into() })
    }
}

impl NewCode {
    pub(super) fn write(&self, out: &mut PayloadWriter) {
        out.u32(self.number).u32(self.made).u32(self.same.map_or(0, |same| same + 1));
        out.u32(self.missing).bytes(&self.marshal);
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<NewCode> {
        Some(NewCode {
            number: reader.u32()?,
            made: reader.u32()?,
            same: reader.u32()?.checked_sub(1),
            missing: reader.u32()?,
            marshal: reader.bytes()?.into(),
        })
    }
}

impl Use {
    pub(super) fn write(&self, out: &mut PayloadWriter) {
        let (code, offset) = self.place.map_or((0, 0), |(code, offset)| (code + 1, offset));
        out.u32(self.content.map_or(0, |content| content + 1)).u8(self.role as u8).bytes(&self.owner).bytes(&self.name);
        out.u32(code).i32(offset).u64(self.length).u64(self.times);
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<Use> {
        let content = reader.u32()?.checked_sub(1);
        let role = Role::from_number(reader.u8()?)?;
        let (owner, name) = (reader.name()?, reader.name()?);
        let code = reader.u32()?.checked_sub(1);
        let offset = reader.i32()?;
        let place = code.map(|code| (code, offset));
        Some(Use { content, role, owner, name, place, length: reader.u64()?, times: reader.u64()? })
    }
}
