//! The walk over a live object that makes a value of it: exact built-in types only, to a width, a depth and a length, straight into
//! the ring.

use super::names::GivenNames;
use super::numbers::Numbers;
use crate::trace::event::NAME_RECORD;
use crate::trace::payload::PayloadWriter;
use crate::trace::value::{self, Role, Tag, What};
use crate::trace::word;
use crate::vm::Gil;
use crate::vm::value::{Items, Look, Named, ObjectRef, Seen};

/// Where the words of values go.
pub trait Words {
    fn push(&mut self, word: u64);

    /// Takes the words of a record.
    fn push_together(&mut self, words: &[u64]);
}

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Items of a container.
    pub width: u32,
    /// Containers in containers.
    pub depth: u32,
    /// Bytes of a str, code points of a unicode, bytes of a long.
    pub length: u32,
}

/// Objects that one value shows at most, whatever its caps are.
const MOST_OBJECTS: u32 = 1 << 10;
/// Words of the values of one unit at most; what comes then is shown without its content.
const MOST_WORDS: u32 = 1 << 14;
/// Entries of a dict or set that are looked at before one is shown, at least.
const SORTED: usize = 64;
/// A string that is longer is known by both its ends.
const HASHED: usize = 16 << 10;

/// Writes values.
pub struct Walk {
    caps: Caps,
    numbers: Numbers,
    names: GivenNames,
    /// Objects that the value may still show.
    objects: u32,
    /// Words that the unit may still take.
    words: u32,
}

/// Where a value goes: in front, or into the container that was begun.
#[derive(Clone, Copy)]
enum At {
    Front { role: Role, step: u32 },
    Inside { depth: u32 },
}

impl At {
    #[inline]
    fn pack(self, tag: Tag, payload: u64) -> u64 {
        match self {
            At::Front { role, step } => value::pack(tag, role, step, payload),
            At::Inside { .. } => value::pack_nested(tag, payload),
        }
    }

    fn depth(self) -> u32 {
        match self {
            At::Front { .. } => 0,
            At::Inside { depth } => depth,
        }
    }
}

impl Walk {
    pub fn new(caps: Caps) -> Walk {
        Walk { caps, numbers: Numbers::default(), names: GivenNames::default(), objects: 0, words: 0 }
    }

    /// Begins with the values of another unit.
    #[inline]
    pub fn begin_unit(&mut self) {
        self.words = MOST_WORDS;
    }

    /// Writes the value of an object.
    #[inline]
    pub fn value(&mut self, gil: Gil, object: ObjectRef, role: Role, step: u32, out: &mut impl Words) {
        self.objects = MOST_OBJECTS;
        self.object(gil, object, At::Front { role, step }, out);
    }

    /// Hears of an object that has just been made.
    #[inline]
    pub fn is_new(&mut self, gil: Gil, object: ObjectRef) {
        self.numbers.renew(object.address(), object.look(gil).of_type);
    }

    #[inline]
    fn object(&mut self, gil: Gil, object: ObjectRef, at: At, out: &mut impl Words) {
        let look = object.look(gil);
        self.objects = self.objects.saturating_sub(1);
        self.words = self.words.saturating_sub(1);
        let (tag, payload) = match look.seen {
            Seen::Int(number) if number << 16 >> 16 == number => (Tag::Int, number.cast_unsigned() & ((1 << 48) - 1)),
            Seen::None => (Tag::None, 0),
            Seen::True => (Tag::True, 0),
            Seen::False => (Tag::False, 0),
            Seen::Str(bytes) if bytes.len() <= 5 => {
                let mut payload = [bytes.len() as u8, 0, 0, 0, 0, 0, 0, 0];
                payload[1..=bytes.len()].copy_from_slice(bytes);
                (Tag::ShortStr, u64::from_le_bytes(payload))
            }
            Seen::Object(named) => {
                let (name, what) = self.name(gil, object, &look, named, out);
                (Tag::Object, value::object_payload(name, what, self.numbers.of(object.address(), look.of_type)))
            }
            Seen::Missing => (Tag::Missing, 0),
            Seen::Ellipsis => (Tag::Ellipsis, 0),
            Seen::NotImplemented => (Tag::NotImplemented, 0),
            _ => return self.large(gil, object, &look, at, out),
        };
        out.push(at.pack(tag, payload));
    }

    /// Values of more than one word.
    fn large(&mut self, gil: Gil, object: ObjectRef, look: &Look, at: At, out: &mut impl Words) {
        match look.seen {
            Seen::Int(number) => {
                let bits = number.cast_unsigned();
                out.push(at.pack(Tag::WideInt, bits & ((1 << 48) - 1)));
                out.push(value::pack_raw(bits >> 48));
            }
            Seen::Float(number) => push_float(number, at, out),
            Seen::Complex(real, imaginary) => {
                out.push(at.pack(Tag::Complex, 0));
                let bytes = [real.to_le_bytes(), imaginary.to_le_bytes()].concat();
                value::raw_parts(&bytes).for_each(|part| out.push(part));
            }
            Seen::Str(bytes) => self.str(bytes, at, out),
            Seen::Unicode(points) => self.unicode(points, at, out),
            Seen::Long { negative, digits } => self.long(negative, digits, at, out),
            Seen::Tuple(items) => self.items(gil, object, look, Tag::Tuple, items, at, out),
            Seen::List(items) => self.items(gil, object, look, Tag::List, items, at, out),
            Seen::Dict(count) => self.entries(gil, object, look, Tag::Dict, count, at, out),
            Seen::Set(count) => self.entries(gil, object, look, Tag::Set, count, at, out),
            Seen::FrozenSet(count) => self.entries(gil, object, look, Tag::FrozenSet, count, at, out),
            _ => out.push(at.pack(Tag::Missing, 0)),
        }
    }

    // -- Strings and numbers -----------------------------------------------------------------------------------------------

    /// How many bytes or code points of a text may be shown.
    fn room(&self, length: usize) -> usize {
        let room = if self.words == 0 { 0 } else { (self.caps.length as usize).min(0xffff / 4) };
        length.min(room)
    }

    fn text(&mut self, tag: Tag, shown: &[u8], cut: Option<(u64, u32)>, at: At, out: &mut impl Words) {
        self.words = self.words.saturating_sub((shown.len() / value::RAW_BYTES) as u32 + 2);
        out.push(at.pack(tag, value::text_payload(shown.len(), cut.is_some(), false)));
        value::raw_parts(shown).for_each(|part| out.push(part));
        if let Some((length, checksum)) = cut {
            out.push(value::pack_raw(length));
            out.push(value::pack_raw(checksum.into()));
        }
    }

    fn str(&mut self, bytes: &[u8], at: At, out: &mut impl Words) {
        let shown = &bytes[..self.room(bytes.len())];
        let cut = (shown.len() < bytes.len()).then(|| (bytes.len() as u64, checksum(bytes)));
        self.text(Tag::Str, shown, cut, at, out);
    }

    fn unicode(&mut self, points: &[u32], at: At, out: &mut impl Words) {
        let room = self.room(points.len());
        let mut shown = Vec::with_capacity(4 * room);
        points[..room].iter().for_each(|&point| push_utf8(&mut shown, point));
        let cut = (room < points.len()).then(|| {
            let (head, tail) = ends(points, HASHED / 4);
            let mut bytes = Vec::new();
            head.iter().chain(tail).for_each(|point| bytes.extend_from_slice(&point.to_le_bytes()));
            (points.len() as u64, crc32fast::hash(&bytes))
        });
        self.text(Tag::Unicode, &shown, cut, at, out);
    }

    fn long(&mut self, negative: bool, digits: &[u32], at: At, out: &mut impl Words) {
        let top = digits.last().map_or(0, |digit| u32::BITS - digit.leading_zeros());
        let bits = digits.len().saturating_sub(1) as u64 * 30 + u64::from(top);
        let bytes = bits.div_ceil(8);
        if bytes > self.room(bytes as usize) as u64 {
            let (head, tail) = ends(digits, HASHED / 4);
            let mut kept = Vec::new();
            head.iter().chain(tail).for_each(|digit| kept.extend_from_slice(&digit.to_le_bytes()));
            out.push(at.pack(Tag::Long, value::text_payload(0, true, negative)));
            out.push(value::pack_raw(bits));
            out.push(value::pack_raw(crc32fast::hash(&kept).into()));
            return;
        }
        let mut magnitude = Vec::with_capacity(bytes as usize + 8);
        let (mut held, mut width) = (0u64, 0);
        for &digit in digits {
            held |= u64::from(digit) << width;
            width += 30;
            while width >= 8 {
                magnitude.push(held as u8);
                held >>= 8;
                width -= 8;
            }
        }
        magnitude.push(held as u8);
        magnitude.truncate(bytes as usize);
        out.push(at.pack(Tag::Long, value::text_payload(magnitude.len(), false, negative)));
        value::raw_parts(&magnitude).for_each(|part| out.push(part));
    }

    // -- Containers --------------------------------------------------------------------------------------------------------

    /// Whether a container may be entered; where not, it is told without its content.
    fn enters(&mut self, object: ObjectRef, look: &Look, tag: Tag, at: At, out: &mut impl Words) -> Option<u32> {
        let number = self.numbers.of(object.address(), look.of_type);
        if at.depth() >= self.caps.depth || self.words == 0 || self.objects == 0 {
            out.push(at.pack(Tag::Deep, tag as u64 | u64::from(number) << 5));
            return None;
        }
        Some(number)
    }

    #[allow(clippy::too_many_arguments)]
    fn items(
        &mut self,
        gil: Gil,
        object: ObjectRef,
        look: &Look,
        tag: Tag,
        items: Items,
        at: At,
        out: &mut impl Words,
    ) {
        let Some(number) = self.enters(object, look, tag, at, out) else { return };
        let shown = items.count().min(self.caps.width as usize).min(self.objects as usize);
        let is_cut = shown < items.count();
        out.push(at.pack(tag, value::container_payload(number, shown as u32, is_cut)));
        for item in items.iter().take(shown) {
            self.object(gil, item, At::Inside { depth: at.depth() + 1 }, out);
        }
        if is_cut {
            out.push(value::pack_raw(items.count() as u64));
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn entries(
        &mut self,
        gil: Gil,
        object: ObjectRef,
        look: &Look,
        tag: Tag,
        count: u64,
        at: At,
        out: &mut impl Words,
    ) {
        let Some(number) = self.enters(object, look, tag, at, out) else { return };
        let most = (self.caps.width as usize).min(self.objects as usize / 2);
        let is_plain = tag == Tag::Dict && object.has_str_keys(gil);
        let shown = shown_entries(gil, object, count, most, is_plain);
        let is_cut = (shown.len() as u64) < count;
        out.push(at.pack(tag, value::container_payload(number, shown.len() as u32, is_cut)));
        let inside = At::Inside { depth: at.depth() + 1 };
        for (key, value) in shown {
            self.object(gil, key, inside, out);
            if tag == Tag::Dict {
                self.object(gil, value, inside, out);
            }
        }
        if is_cut {
            out.push(value::pack_raw(count));
        }
    }
}

/// Names.
impl Walk {
    /// What an object is called: told first where the reader does not know.
    #[inline]
    fn name(&mut self, gil: Gil, object: ObjectRef, look: &Look, named: Named, out: &mut impl Words) -> (u32, What) {
        let (owner, name) = object.name(gil, look);
        let what = match named {
            Named::Instance => What::Instance,
            Named::Function => What::Function,
            Named::Method => What::Method,
            Named::Builtin => What::Builtin,
            Named::Descriptor => What::Descriptor,
            Named::Type => What::Type,
            Named::Class => What::Class,
            Named::Module => What::Module,
            Named::Code => What::Code,
        };
        let name = if name.is_empty() { b"?" } else { name };
        let (entry, is_new) = self.names.find(owner, name);
        if is_new {
            self.tell(entry, out);
        }
        (entry, what)
    }

    #[cold]
    fn tell(&self, entry: u32, out: &mut impl Words) {
        let payload = PayloadWriter::default().u32(entry).bytes(self.names.text(entry)).finish();
        let mut words = Vec::new();
        word::push_record(&mut words, NAME_RECORD, &payload);
        out.push_together(&words);
    }
}

/// The entries of a dict or set that are shown, in an order that is the same in each run: its own, or, where that hangs on addresses,
/// the order of those.  None of a large one whose order does.
fn shown_entries(gil: Gil, object: ObjectRef, count: u64, most: usize, is_plain: bool) -> Vec<(ObjectRef, ObjectRef)> {
    let looked_at = if is_plain { most } else { most.max(SORTED) };
    let mut position = 0;
    let entries = std::iter::from_fn(|| object.next(gil, &mut position)).take(looked_at);
    let mut shown: Vec<_> = entries.collect();
    if !is_plain && count > 1 && shown.iter().any(|(key, _)| key.is_hashed_by_address(gil)) {
        if count > looked_at as u64 {
            return Vec::new();
        }
        shown.sort_unstable_by_key(|(key, _)| key.address());
    }
    shown.truncate(most);
    shown
}

fn push_float(number: f64, at: At, out: &mut impl Words) {
    let bits = number.to_bits();
    if bits & 0xffff == 0 {
        out.push(at.pack(Tag::Float, bits >> 16));
    } else {
        out.push(at.pack(Tag::WideFloat, bits >> 16));
        out.push(value::pack_raw(bits & 0xffff));
    }
}

/// The CRC-32 of a string, of a long one that of its beginning and its end.
fn checksum(bytes: &[u8]) -> u32 {
    let (head, tail) = ends(bytes, HASHED);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(tail);
    hasher.finalize()
}

/// All of a slice, or its beginning and its end, which have `most` items together.
fn ends<T>(items: &[T], most: usize) -> (&[T], &[T]) {
    if items.len() <= most { (items, &[]) } else { (&items[..most / 2], &items[items.len() - most / 2..]) }
}

/// Appends the generalised UTF-8 of a code point: a surrogate is encoded like any other.
fn push_utf8(out: &mut Vec<u8>, point: u32) {
    let more = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
    match point {
        0..=0x7f => out.push(point as u8),
        0x80..=0x7ff => out.extend_from_slice(&[0xc0 | (point >> 6) as u8, more(0)]),
        0x800..=0xffff => out.extend_from_slice(&[0xe0 | (point >> 12) as u8, more(6), more(0)]),
        _ => out.extend_from_slice(&[0xf0 | (point >> 18 & 7) as u8, more(12), more(6), more(0)]),
    }
}
