//! The walk over an object that makes a value of it: exact built-in types only, to a width, a depth and a length, straight into the
//! ring.  What cannot be read is no object: it is shown as that, whatever it says it is.

use super::names::GivenNames;
use super::numbers::Numbers;
use crate::trace::codec::NAME_RECORD;
use crate::trace::payload::PayloadWriter;
use crate::trace::value::{self, Role, Tag, What};
use crate::trace::word;
use crate::vm::Gil;
use crate::vm::memory::Span;
use crate::vm::value::{BadTable, Changes, Entry, Glance, Look, Named, ObjectRef, Scalar, Seen};

/// Where the words of values go.
pub trait Words {
    fn push(&mut self, word: u64);

    /// Takes the word of a number, or of what else seldom stands among the same words again.
    fn push_number(&mut self, word: u64);

    /// Takes the words of a number that needs two.
    fn push_wide_number(&mut self, words: [u64; 2]);

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

/// Items and bytes of what is compared that are shown at least: often it is the answer.
const COMPARED_WIDTH: u32 = 1000;
const COMPARED_LENGTH: u32 = 4 << 10;

impl Caps {
    /// How much of the operands of a comparison is shown.
    pub fn of_comparison(self) -> Caps {
        let (width, length) = (self.width.max(COMPARED_WIDTH), self.length.max(COMPARED_LENGTH));
        Caps { width, length, ..self }
    }
}

/// Objects that one value shows at most, whatever its caps are.
const MOST_OBJECTS: u32 = 1 << 10;
/// Words of the values of one unit at most; what comes then is shown without its content.
const MOST_WORDS: u32 = 1 << 14;
/// Entries of a dict or set that are looked at before one is shown, at least.
const SORTED: usize = 64;
/// Places in tables of dicts and sets that are looked at for one unit at most: they can have any number that is empty.
const MOST_PLACES: isize = 1 << 16;

/// Writes values.
pub struct Walk {
    pub(super) caps: Caps,
    pub(super) numbers: Numbers,
    pub(super) names: GivenNames,
    /// Objects that the value may still show, besides those of containers that were begun.
    pub(super) objects: u32,
    /// Words that the unit may still take.
    pub(super) words: u32,
    /// Places of tables that may still be looked at.
    places: isize,
}

/// Where a value goes: in front, or into the container that was begun.
#[derive(Clone, Copy)]
pub(super) enum At {
    Front { role: Role, step: u32 },
    Inside { depth: u32 },
}

impl At {
    #[inline]
    pub(super) fn pack(self, tag: Tag, payload: u64) -> u64 {
        match self {
            At::Front { role, step } => value::pack(tag, role, step, payload),
            At::Inside { .. } => value::pack_nested(tag, payload),
        }
    }

    pub(super) fn depth(self) -> u32 {
        match self {
            At::Front { .. } => 0,
            At::Inside { depth } => depth,
        }
    }
}

impl Walk {
    pub fn new(caps: Caps) -> Walk {
        Walk { caps, numbers: Numbers::default(), names: GivenNames::default(), objects: 0, words: 0, places: 0 }
    }

    /// Changes how much of the next values is shown.
    #[inline]
    pub fn set_caps(&mut self, caps: Caps) {
        self.caps = caps;
    }

    /// Begins with the values of another unit.
    #[inline]
    pub fn begin_unit(&mut self) {
        (self.words, self.places) = (MOST_WORDS, MOST_PLACES);
    }

    /// Begins with another value.
    #[inline]
    pub(super) fn begin_value(&mut self) {
        self.objects = MOST_OBJECTS;
    }

    /// Writes the value of an object.
    #[inline(always)]
    pub fn value(&mut self, gil: Gil, object: ObjectRef, role: Role, step: u32, out: &mut impl Words) {
        let at = At::Front { role, step };
        match object.glance(gil) {
            Glance::Scalar(scalar) => push_scalar(scalar, at, out),
            Glance::Instance(class) => {
                self.begin_value();
                self.instance(gil, object, class, at, out);
            }
            Glance::Unclear => self.value_of_object(gil, object, at, out),
        }
    }

    #[inline(never)]
    fn value_of_object(&mut self, gil: Gil, object: ObjectRef, at: At, out: &mut impl Words) {
        self.begin_value();
        self.looked_at(gil, object, &object.look(gil), at, out);
    }

    /// Hears of an object that has just been made.
    #[inline]
    pub fn is_new(&mut self, gil: Gil, object: ObjectRef) {
        self.numbers.renew(object.address(), object.look(gil).of_type);
    }

    #[inline]
    pub(super) fn object(&mut self, gil: Gil, object: ObjectRef, at: At, out: &mut impl Words) {
        match object.glance(gil) {
            Glance::Scalar(scalar) => self.scalar(scalar, at, out),
            Glance::Instance(class) => self.instance(gil, object, class, at, out),
            Glance::Unclear => self.looked_at(gil, object, &object.look(gil), at, out),
        }
    }

    /// Writes a value that is no object to speak of.
    #[inline]
    pub(super) fn scalar(&mut self, scalar: Scalar, at: At, out: &mut impl Words) {
        self.words = self.words.saturating_sub(1);
        push_scalar(scalar, at, out);
    }

    /// The same of one that was looked at.
    #[inline]
    pub(super) fn looked_at(&mut self, gil: Gil, object: ObjectRef, look: &Look, at: At, out: &mut impl Words) {
        if let Seen::Scalar(scalar) = look.seen {
            return self.scalar(scalar, at, out);
        }
        self.words = self.words.saturating_sub(1);
        let is_item = matches!(at, At::Inside { depth } if depth < self.caps.depth);
        if is_item && self.words > 0 && self.objects > 0 && self.bound_method(gil, object, look, at, out) {
            return;
        }
        let (tag, payload) = match look.seen {
            Seen::Str(bytes) if bytes.count() <= 5 => match bytes.get(0..bytes.count()) {
                Some(bytes) => {
                    let mut payload = [bytes.len() as u8, 0, 0, 0, 0, 0, 0, 0];
                    payload[1..=bytes.len()].copy_from_slice(bytes);
                    (Tag::ShortStr, u64::from_le_bytes(payload))
                }
                None => (Tag::Bad, 0),
            },
            Seen::Object(Named::Instance) => {
                let payload = self.named(object, look, What::Instance, look.name(), out);
                self.names.classes.put((look.of_type, 0), Changes::now(gil).classes, value::name_in(payload));
                (Tag::Object, payload)
            }
            Seen::Object(named) => {
                let known = look.known().map(|known| (known.name, known.owner));
                (Tag::Object, self.function(gil, object, look, what(named), known, || look.name(), out))
            }
            Seen::Code => (Tag::Object, self.named(object, look, What::Code, look.name(), out)),
            Seen::StopIteration => (Tag::Object, self.named(object, look, What::Type, look.name(), out)),
            Seen::Missing => (Tag::Missing, 0),
            Seen::Bad => (Tag::Bad, 0),
            Seen::Ellipsis => (Tag::Ellipsis, 0),
            Seen::NotImplemented => (Tag::NotImplemented, 0),
            _ => return self.large(gil, object, look, at, out),
        };
        out.push(at.pack(tag, payload));
    }

    /// Values of more than one word.
    fn large(&mut self, gil: Gil, object: ObjectRef, look: &Look, at: At, out: &mut impl Words) {
        let is_read = match look.seen {
            Seen::Complex(real, imaginary) => {
                out.push(at.pack(Tag::Complex, 0));
                let bytes = [real.to_le_bytes(), imaginary.to_le_bytes()].concat();
                value::raw_parts(&bytes).for_each(|part| out.push(part));
                Some(())
            }
            Seen::Str(bytes) => self.str(&bytes, at, out),
            Seen::Unicode(points) => self.unicode(&points, at, out),
            Seen::Long { negative, digits } => self.long(negative, &digits, at, out),
            Seen::Tuple(items) => self.items(gil, object, look, Tag::Tuple, &items, at, out),
            Seen::List(items) => self.items(gil, object, look, Tag::List, &items, at, out),
            Seen::Dict(count) => self.entries(gil, object, look, Tag::Dict, count, at, out),
            Seen::Set(count) => self.entries(gil, object, look, Tag::Set, count, at, out),
            Seen::FrozenSet(count) => self.entries(gil, object, look, Tag::FrozenSet, count, at, out),
            _ => None,
        };
        // Each of them reads what it needs before it writes.
        if is_read.is_none() {
            out.push(at.pack(Tag::Bad, 0));
        }
    }

    /// Whether a container may be entered; where not, it is written without its content.
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
        items: &Span<ObjectRef>,
        at: At,
        out: &mut impl Words,
    ) -> Option<()> {
        let shown = items.count().min(self.caps.width as usize).min(self.objects as usize);
        let shown = items.get(0..shown)?;
        let Some(number) = self.enters(object, look, tag, at, out) else { return Some(()) };
        let is_cut = shown.len() < items.count();
        self.objects -= shown.len() as u32;
        out.push(at.pack(tag, value::container_payload(number, shown.len() as u32, is_cut)));
        for &item in shown {
            self.object(gil, item, At::Inside { depth: at.depth() + 1 }, out);
        }
        if is_cut {
            out.push(value::pack_raw(items.count() as u64));
        }
        Some(())
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
    ) -> Option<()> {
        let most = (self.caps.width as usize).min(self.objects as usize / 2);
        let shown = self.shown_entries(gil, look, count, most).ok()?;
        let Some(number) = self.enters(object, look, tag, at, out) else { return Some(()) };
        let is_cut = (shown.len() as u64) < count;
        self.objects -= 2 * shown.len() as u32;
        out.push(at.pack(tag, value::container_payload(number, shown.len() as u32, is_cut)));
        let inside = At::Inside { depth: at.depth() + 1 };
        for Entry { key, value } in shown {
            self.object(gil, key, inside, out);
            if tag == Tag::Dict {
                self.object(gil, value, inside, out);
            }
        }
        if is_cut {
            out.push(value::pack_raw(count));
        }
        Some(())
    }

    /// The entries of a dict or set that are shown, in an order that is the same in each run: its own, or, if that hangs on addresses,
    /// the order of those.  None of a large one whose order does.
    fn shown_entries(&mut self, gil: Gil, look: &Look, count: u64, most: usize) -> Result<Vec<Entry>, BadTable> {
        let is_plain = look.has_str_keys();
        let looked_at = if is_plain { most } else { most.max(SORTED) };
        let mut position = 0;
        let mut shown = vec![Entry::NONE; looked_at.min(count as usize)];
        let found = look.entries(&mut position, self.places, &mut shown)?;
        shown.truncate(found);
        self.places -= position;
        if !is_plain && count > 1 && shown.iter().any(|entry| entry.key.is_hashed_by_address(gil)) {
            if count > looked_at as u64 {
                return Ok(Vec::new());
            }
            shown.sort_unstable_by_key(|entry| entry.key.address());
        }
        shown.truncate(most);
        Ok(shown)
    }
}

/// Names.
impl Walk {
    /// The payload of an object's word, as `named` gives it; its name is asked for only where it is not known by the addresses `known`.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub(super) fn function<'a>(
        &mut self,
        gil: Gil,
        object: ObjectRef,
        look: &Look,
        what: What,
        known: Option<(usize, usize)>,
        name: impl FnOnce() -> (&'a [u8], &'a [u8]),
        out: &mut impl Words,
    ) -> u64 {
        let Some(known) = known else { return self.named(object, look, what, name(), out) };
        let changes = Changes::now(gil).functions;
        if let Some(entry) = self.names.functions.find(known, changes) {
            return value::object_payload(entry, what, self.numbers.of(object.address(), look.of_type));
        }
        let payload = self.named(object, look, what, name(), out);
        self.names.functions.put(known, changes, value::name_in(payload));
        payload
    }

    /// Writes the value of an object that has the name of its type or class.
    #[inline]
    pub(super) fn instance(&mut self, gil: Gil, object: ObjectRef, class: usize, at: At, out: &mut impl Words) {
        match self.names.classes.find((class, 0), Changes::now(gil).classes) {
            Some(name) => {
                self.words = self.words.saturating_sub(1);
                let number = self.numbers.of(object.address(), class);
                out.push(at.pack(Tag::Object, value::object_payload(name, What::Instance, number)));
            }
            None => self.looked_at(gil, object, &object.look(gil), at, out),
        }
    }

    /// The payload of an object's word.  Its name, with its owner, is written first where the reader does not know it.
    #[inline]
    pub(super) fn named(
        &mut self,
        object: ObjectRef,
        look: &Look,
        what: What,
        (owner, name): (&[u8], &[u8]),
        out: &mut impl Words,
    ) -> u64 {
        let name = if name.is_empty() { b"?" } else { name };
        let (entry, is_new) = self.names.find(owner, name);
        if is_new {
            self.push_name(entry, out);
        }
        value::object_payload(entry, what, self.numbers.of(object.address(), look.of_type))
    }

    #[cold]
    fn push_name(&self, entry: u32, out: &mut impl Words) {
        let payload = PayloadWriter::default().u32(entry).bytes(self.names.text(entry)).finish();
        let mut words = Vec::new();
        word::push_record(&mut words, NAME_RECORD, &payload);
        out.push_together(&words);
    }
}

pub(super) fn what(named: Named) -> What {
    match named {
        Named::Instance => What::Instance,
        Named::Function => What::Function,
        Named::Method => What::Method,
        Named::Builtin => What::Builtin,
        Named::Wrapper => What::Wrapper,
        Named::Descriptor => What::Descriptor,
        Named::Type => What::Type,
        Named::Class => What::Class,
        Named::Module => What::Module,
        Named::Generator => What::Generator,
    }
}

#[inline(always)]
fn push_scalar(scalar: Scalar, at: At, out: &mut impl Words) {
    let (tag, payload) = match scalar {
        Scalar::Int(number) if number << 16 >> 16 == number => (Tag::Int, number.cast_unsigned() & ((1 << 48) - 1)),
        Scalar::Int(number) => {
            let bits = number.cast_unsigned();
            let word = at.pack(Tag::WideInt, bits & ((1 << 48) - 1));
            return out.push_wide_number([word, value::pack_raw(bits >> 48)]);
        }
        Scalar::Float(number) => return push_float(number, at, out),
        Scalar::None => (Tag::None, 0),
        Scalar::True => (Tag::True, 0),
        Scalar::False => (Tag::False, 0),
    };
    out.push_number(at.pack(tag, payload));
}

#[inline(always)]
fn push_float(number: f64, at: At, out: &mut impl Words) {
    let bits = number.to_bits();
    if bits & 0xffff == 0 {
        out.push_number(at.pack(Tag::Float, bits >> 16));
    } else {
        out.push_wide_number([at.pack(Tag::WideFloat, bits >> 16), value::pack_raw(bits & 0xffff)]);
    }
}
