//! Values in the stream: what instructions have consumed and produced, as words that stand before the run they belong to.  A value
//! is one word of the kind VALUE and, where that does not hold it, words of the kind PART after it.
//!
//! ```text
//! value word   bits 0..4 VALUE   4..9 tag   9..12 role   12..16 step   16..64 payload
//! nested value bits 0..4 PART    4..9 tag                              16..64 payload
//! raw part     bits 0..4 PART                8..64 seven bytes
//! ```

mod delegates;
mod names;
mod pending;
mod reader;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use super::word::Kind;

pub use names::{NAMES, Names, last_part};
pub use pending::{Pending, UnitValues};

/// Steps that fit a value's own word; more need a word of their own.
pub const MOST_STEPS: u32 = 15;
/// Containers in containers at most, whatever words say: they are read by recursion.
pub const DEEPEST: u32 = 64;
/// Words of values before one run at most: a tracee closes the run before, and a reader refuses more.
pub const MOST_WORDS: usize = 1 << 17;

const PAYLOAD: u32 = 16;
const RAW: u32 = 8;
/// Bytes in a raw part.
pub const RAW_BYTES: usize = 7;
/// The highest number that a container's or object's word holds.
pub const MOST_NUMBER: u32 = (1 << 28) - 1;

/// What a word says of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    Missing = 0,
    None = 1,
    False = 2,
    True = 3,
    Ellipsis = 4,
    NotImplemented = 5,
    /// An int of 48 bits.
    Int = 6,
    /// The low 48 bits; the others in a raw part.
    WideInt = 7,
    /// The upper 48 bits of a float whose other bits are 0.
    Float = 8,
    /// The upper 48 bits; the others in a raw part.
    WideFloat = 9,
    /// Both numbers in raw parts.
    Complex = 10,
    /// A str of up to five bytes: its length, then they.
    ShortStr = 11,
    /// 16 bits of shown bytes, 1 bit cut; raw parts with them; where cut a raw part with the length and one with the checksum.
    Str = 12,
    /// As Str, in generalised UTF-8; its length counts code points.
    Unicode = 13,
    /// As Str, the bytes of the magnitude; 1 bit more for a negative one.  Where cut its length counts bits.
    Long = 14,
    /// 28 bits number, 16 bits shown items, 1 bit cut; the items; where cut a raw part with the count of all.
    Tuple = 15,
    List = 16,
    /// Items are pairs.
    Dict = 17,
    Set = 18,
    FrozenSet = 19,
    /// A container too deep to be shown: 5 bits its tag, 28 bits number.
    Deep = 20,
    /// 12 bits name, 4 bits what, 28 bits number.
    Object = 21,
    /// The last value that was a result.
    Same = 22,
    /// No value: this many units passed.
    Step = 23,
    /// As Object, of what is called: after it the value that it is called on.
    Bound = 24,
    /// What the VM took for an object and is none.
    Bad = 25,
    /// No value: the frame that begins with the unit runs what its caller's unit calls.
    Callee = 26,
}

impl Tag {
    /// Reads a word's tag; an unknown one is [`Tag::Missing`].
    pub fn of(word: u64) -> Tag {
        const TAGS: [Tag; 27] = [
            Tag::Missing,
            Tag::None,
            Tag::False,
            Tag::True,
            Tag::Ellipsis,
            Tag::NotImplemented,
            Tag::Int,
            Tag::WideInt,
            Tag::Float,
            Tag::WideFloat,
            Tag::Complex,
            Tag::ShortStr,
            Tag::Str,
            Tag::Unicode,
            Tag::Long,
            Tag::Tuple,
            Tag::List,
            Tag::Dict,
            Tag::Set,
            Tag::FrozenSet,
            Tag::Deep,
            Tag::Object,
            Tag::Same,
            Tag::Step,
            Tag::Bound,
            Tag::Bad,
            Tag::Callee,
        ];
        TAGS.get(tag_bits(word) as usize).copied().unwrap_or(Tag::Missing)
    }
}

/// What a value is to its instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// It consumes it.
    Operand = 0,
    /// It has produced it.
    Result = 1,
    /// The frame that begins with it was entered with it.
    Argument = 2,
    /// It lay on the value stack when the instruction was fetched.
    Stack = 3,
}

/// What an object is, as far as its name goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum What {
    /// The name is its type's.
    Instance = 0,
    Function = 1,
    /// A method of a class, bound or not.
    Method = 2,
    /// A C function, with its module or type.
    Builtin = 3,
    /// A C method of a type, not bound.
    Descriptor = 4,
    Type = 5,
    Class = 6,
    Module = 7,
    Code = 8,
    /// The name is its code's.
    Generator = 9,
    /// A slot of a C type, bound to an object.
    Wrapper = 10,
    /// What was made with a function and arguments, as functools.partial makes it; the name is its type's.
    Partial = 11,
    /// A function of a C library.
    Foreign = 12,
}

impl What {
    fn of(number: u64) -> What {
        match number {
            1 => What::Function,
            2 => What::Method,
            3 => What::Builtin,
            4 => What::Descriptor,
            5 => What::Type,
            6 => What::Class,
            7 => What::Module,
            8 => What::Code,
            9 => What::Generator,
            10 => What::Wrapper,
            11 => What::Partial,
            12 => What::Foreign,
            _ => What::Instance,
        }
    }

    /// Whether its object can be called by that name.
    pub fn is_called_by_name(self) -> bool {
        !matches!(self, What::Instance | What::Module | What::Code | What::Generator | What::Partial)
    }
}

/// A value as a reader has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There was none where one must be, or what the stream says is no value.
    Missing,
    /// What the VM took for an object and is none.
    Bad,
    None,
    Bool(bool),
    Ellipsis,
    NotImplemented,
    Int(i64),
    /// The magnitude's bytes, least significant first.
    Long {
        negative: bool,
        magnitude: Vec<u8>,
    },
    /// A long that is too long to be shown.
    HugeLong {
        negative: bool,
        bits: u64,
        checksum: u32,
    },
    Float(f64),
    Complex(f64, f64),
    Str(Text),
    /// Its bytes are generalised UTF-8.
    Unicode(Text),
    Container(Container),
    /// A container too deep to be shown.
    Deep {
        kind: ContainerKind,
        number: u32,
    },
    Object {
        what: What,
        /// Without its class where there is a receiver.
        name: Rc<[u8]>,
        number: u32,
        /// Of what is called: the object whose method it is, or that a weakref.proxy is for.  Of a What::Partial a tuple of the function
        /// or other first argument, the tuple of the others, and the dict of named ones; each can be missing.
        receiver: Option<Box<Value>>,
    },
}

/// The shown part of a string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub bytes: Vec<u8>,
    /// Where it was cut: its whole length in bytes or code points, and the CRC-32 of it.
    pub cut: Option<(u64, u32)>,
}

/// The shown part of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub kind: ContainerKind,
    pub number: u32,
    /// Of a dict key and value in turn.
    pub items: Vec<Value>,
    /// Where it was cut: how many items it has, of a dict pairs.
    pub cut: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerKind {
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
}

impl ContainerKind {
    fn of(tag: Tag) -> Option<ContainerKind> {
        Some(match tag {
            Tag::Tuple => ContainerKind::Tuple,
            Tag::List => ContainerKind::List,
            Tag::Dict => ContainerKind::Dict,
            Tag::Set => ContainerKind::Set,
            Tag::FrozenSet => ContainerKind::FrozenSet,
            _ => return None,
        })
    }
}

/// Packs the word that a value begins with.
#[inline]
pub fn pack(tag: Tag, role: Role, step: u32, payload: u64) -> u64 {
    Kind::Value as u64 | (tag as u64) << 4 | (role as u64) << 9 | u64::from(step) << 12 | payload << PAYLOAD
}

/// Packs the word that a value in a container begins with.
#[inline]
pub fn pack_nested(tag: Tag, payload: u64) -> u64 {
    Kind::Part as u64 | (tag as u64) << 4 | payload << PAYLOAD
}

/// Packs a raw part of 56 bits.
#[inline]
pub fn pack_raw(bits: u64) -> u64 {
    Kind::Part as u64 | bits << RAW
}

/// Yields the raw parts that hold bytes.
#[inline]
pub fn raw_parts(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks(RAW_BYTES).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        pack_raw(u64::from_le_bytes(word))
    })
}

/// The payload of a word.
#[inline]
fn payload(word: u64) -> u64 {
    word >> PAYLOAD
}

/// The name that an object's word refers to, if it is one's.
#[inline]
pub fn name_of(word: u64) -> Option<u32> {
    const NAMED: u32 = 1 << Tag::Object as u32 | 1 << Tag::Bound as u32;
    (NAMED >> tag_bits(word) & 1 != 0).then(|| name_in(payload(word)))
}

/// The name that an object's payload refers to.
#[inline]
pub fn name_in(payload: u64) -> u32 {
    (payload & (NAMES as u64 - 1)) as u32
}

/// Whether a word of values is a number, more of a value, or the last result once more.
#[inline]
pub fn is_number(word: u64) -> bool {
    const NUMBERS: u32 = 1 << Tag::Int as u32
        | 1 << Tag::WideInt as u32
        | 1 << Tag::Float as u32
        | 1 << Tag::WideFloat as u32
        | 1 << Tag::Same as u32;
    NUMBERS >> tag_bits(word) & 1 != 0 || word & 0xf == Kind::Part as u64
}

#[inline]
fn tag_bits(word: u64) -> u32 {
    (word >> 4 & 0x1f) as u32
}

/// The payload of an object's word.
#[inline]
pub fn object_payload(name: u32, what: What, number: u32) -> u64 {
    u64::from(name) | (what as u64) << 12 | u64::from(number) << 16
}

/// The payload of a container's word.
#[inline]
pub fn container_payload(number: u32, shown: u32, is_cut: bool) -> u64 {
    u64::from(number) | u64::from(shown) << 28 | u64::from(is_cut) << 44
}

/// The payload of a string's or long's word.
#[inline]
pub fn text_payload(shown: usize, is_cut: bool, is_negative: bool) -> u64 {
    shown as u64 | u64::from(is_cut) << 16 | u64::from(is_negative) << 17
}
