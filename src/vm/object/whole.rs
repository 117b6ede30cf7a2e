//! Writes a live code object whole, as marshal data that 2.7 loads: with everything among its constants, other code objects included.
//! Walks exact types on a stack of its own, so that neither depth nor cycles, which C code can make, do harm.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{CodeRef, MAX_PLACES, ffi, items, text_of};
use crate::bytecode::marshal::DEPTH_LIMIT;
use crate::bytecode::marshal::write::{Begun, Sequence, Writer};
use crate::vm::Gil;
use crate::vm::memory::{Plain, Span};
use crate::vm::value::{Look, ObjectRef, Scalar, Seen};

/// Bytes of marshal data of one code object, and containers in it.  What does not fit is left out; a graph of shared tuples can unfold
/// to any size.
const MAX_BYTES: usize = 128 << 20;
const MAX_CONTAINERS: u32 = 1 << 20;
/// Items of all containers of one code object: what is no tuple can say that it has any number.
const MAX_ITEMS: u32 = 1 << 24;

/// What describing a code object may take for each byte of its marshal data, and for each object in it: it is copied, and written as a
/// record, and each list that it grows in is copied as it doubles.
const TIMES: usize = 8;
const EACH: usize = 512;
/// Objects of a plain code object, how deep they may be, and bytes of the strings that it refers to again.
const MOST_PLAIN: usize = 1 << 16;
const DEEPEST_PLAIN: usize = 32;
const MOST_SHARED: usize = 1 << 20;
/// Bytes of marshal data for which memory is asked for at least.
const FIRST: usize = 4 << 10;

/// A code object as marshal data.
#[derive(Clone, Debug)]
pub struct Whole {
    pub marshal: Vec<u8>,
    /// Objects in whose place None, or an empty string, stands: of a type that marshal does not know, inside themselves, too deep, or
    /// too large.
    pub missing: u32,
    objects: usize,
    /// All that it holds is there, and a reader can describe it as it is alive: no dict, set or list, whose order or items the
    /// program can choose, and little of everything.
    pub is_plain: bool,
}

impl Whole {
    /// Bytes that describing the object may take.
    pub fn weight(&self) -> usize {
        self.marshal.len().saturating_mul(TIMES).saturating_add(self.objects.saturating_mul(EACH))
    }
}

impl CodeRef {
    /// Writes the object, with its own code string: it does not run.  As [`CodeRef::whole`].
    pub fn whole_unrun(&self, gil: Gil, has_memory: &dyn Fn(usize) -> bool) -> Option<Whole> {
        // The text of a str begins where the VM would run it.
        let first = match self.part(ffi::vm_code_part_VM_CODE_CODE).look_at_part(gil).seen {
            Seen::Str(text) => text.address(),
            _ => 0,
        };
        self.whole(gil, first, has_memory)
    }

    /// Writes the object, with the code string that runs; None if there is no memory for it.  `has_memory` says whether there are so
    /// many bytes: the program may have left too few.
    pub fn whole(&self, gil: Gil, first: usize, has_memory: &dyn Fn(usize) -> bool) -> Option<Whole> {
        let mut walk = Walk {
            gil,
            has_memory,
            safe: 0,
            lacks_memory: false,
            objects: 1,
            out: Writer::default(),
            open: Vec::new(),
            addresses: FxHashSet::default(),
            interned: FxHashMap::default(),
            left: MAX_CONTAINERS,
            items_left: MAX_ITEMS,
            // What runs may be no string: then its length is not known, and an empty one stands for it.
            missing: self.length(gil, first).is_none().into(),
            is_plain: true,
            shared: 0,
        };
        walk.begin_code(*self, &self.bytes(gil, first));
        while let Some(open) = walk.open.last_mut() {
            let next = if walk.items_left > 0 && !walk.lacks_memory { open.next() } else { None };
            match next {
                Some((item, is_key)) => {
                    walk.items_left -= 1;
                    walk.put(item, is_key);
                }
                None => walk.end(),
            }
        }
        let Walk { out, missing, objects, lacks_memory, is_plain, shared, .. } = walk;
        let is_plain = is_plain && missing == 0 && objects <= MOST_PLAIN && shared <= MOST_SHARED;
        (!lacks_memory).then(|| Whole { marshal: out.finish(), missing, objects, is_plain })
    }
}

/// A container whose items are being written.
struct Open<'a> {
    /// What holds the items.
    address: usize,
    rest: Rest<'a>,
    /// It must be hashable, and so must its items.
    is_key: bool,
    /// How deep its items lie, as marshal.c counts.
    depth: usize,
}

enum Rest<'a> {
    Items {
        begun: Begun,
        items: Span<'a, ObjectRef>,
        next: usize,
    },
    Set {
        begun: Begun,
        set: Look<'a>,
        position: isize,
        count: u32,
    },
    Dict {
        dict: Look<'a>,
        position: isize,
        value: Option<ObjectRef>,
    },
    /// The constants of this code object, which ends with what comes after them.
    Constants {
        begun: Begun,
        items: Span<'a, ObjectRef>,
        next: usize,
        code: CodeRef,
    },
}

impl Open<'_> {
    /// The next item, and whether it must be hashable; none where the rest cannot be read.
    fn next(&mut self) -> Option<(ObjectRef, bool)> {
        match &mut self.rest {
            Rest::Items { items, next, .. } | Rest::Constants { items, next, .. } => {
                let item = items.item(*next)?;
                *next += 1;
                Some((item, self.is_key))
            }
            Rest::Set { set, position, count, .. } => {
                let entry = set.next(position, MAX_PLACES).ok()??;
                *count += 1;
                Some((entry.key, true))
            }
            Rest::Dict { dict, position, value } => match value.take() {
                Some(value) => Some((value, false)),
                None => {
                    let entry = dict.next(position, MAX_PLACES).ok()??;
                    *value = Some(entry.value);
                    Some((entry.key, true))
                }
            },
        }
    }
}

struct Walk<'a> {
    gil: Gil<'a>,
    has_memory: &'a dyn Fn(usize) -> bool,
    /// Bytes of marshal data for which there is memory.
    safe: usize,
    lacks_memory: bool,
    /// Objects that were looked at.
    objects: usize,
    out: Writer,
    open: Vec<Open<'a>>,
    /// The containers that are open.
    addresses: FxHashSet<usize>,
    /// The places of interned strings that were written.
    interned: FxHashMap<usize, i32>,
    /// Containers that may still be begun.
    left: u32,
    /// Items that may still be written.
    items_left: u32,
    missing: u32,
    is_plain: bool,
    shared: usize,
}

impl<'a> Walk<'a> {
    fn put(&mut self, object: ObjectRef, is_key: bool) {
        self.objects += 1;
        if !self.has_room(0) {
            return self.leave_out();
        }
        let look = object.look(self.gil);
        let out = &mut self.out;
        match look.seen {
            Seen::Scalar(Scalar::None) => out.none(),
            Seen::Ellipsis => out.ellipsis(),
            Seen::StopIteration => out.stop_iteration(),
            Seen::Scalar(Scalar::False) => out.bool(false),
            Seen::Scalar(Scalar::True) => out.bool(true),
            Seen::Scalar(Scalar::Int(number)) => out.int(number),
            Seen::Scalar(Scalar::Float(number)) => out.float(number),
            Seen::Complex(real, imaginary) => out.complex(real, imaginary),
            Seen::Long { negative, digits } => {
                match self.read(&digits) {
                    Some(digits) => self.out.long(negative, digits),
                    None => self.leave_out(),
                };
            }
            Seen::Str(bytes) => match self.read(&bytes) {
                Some(bytes) => self.put_str(object, &look, bytes),
                None => self.leave_out(),
            },
            Seen::Unicode(points) => {
                if !self.read(&points).is_some_and(|points| self.out.unicode(points)) {
                    self.leave_out();
                }
            }
            _ => self.begin(object, &look, is_key),
        }
    }

    /// What a string or number holds; none where that has no room or cannot be read.
    fn read<T: Plain>(&mut self, content: &Span<'a, T>) -> Option<&'a [T]> {
        let count = content.count();
        self.has_room(count.saturating_mul(size_of::<T>())).then(|| content.get(0..count))?
    }

    fn put_str(&mut self, object: ObjectRef, look: &Look, bytes: &[u8]) {
        if !look.is_interned() {
            return self.out.str(bytes);
        }
        match self.interned.get(&object.address()) {
            Some(&place) => {
                self.shared = self.shared.saturating_add(bytes.len());
                self.out.reference(place);
            }
            None => drop(self.interned.insert(object.address(), self.out.interned(bytes))),
        }
    }

    /// Begins a container, or leaves out what is none, or cannot be there.
    fn begin(&mut self, object: ObjectRef, look: &Look<'a>, is_key: bool) {
        let may_be_key = matches!(look.seen, Seen::Tuple(_) | Seen::FrozenSet(_) | Seen::Code);
        let depth = self.open.last().map_or(1, |open| open.depth);
        // The deepest that a container holds are the names of a code object, two below it.
        let fits = depth + 2 <= DEPTH_LIMIT && self.left > 0;
        if !fits || (is_key && !may_be_key) || self.addresses.contains(&object.address()) {
            return self.leave_out();
        }
        let (next, position, count) = (0, 0, 0);
        let rest = match look.seen {
            Seen::Tuple(items) => Rest::Items { begun: self.out.begin(Sequence::Tuple), items, next },
            Seen::List(items) => Rest::Items { begun: self.out.begin(Sequence::List), items, next },
            Seen::Set(_) => Rest::Set { begun: self.out.begin(Sequence::Set), set: *look, position, count },
            Seen::FrozenSet(_) => Rest::Set { begun: self.out.begin(Sequence::FrozenSet), set: *look, position, count },
            Seen::Dict(_) => {
                self.out.begin_dict();
                Rest::Dict { dict: *look, position, value: None }
            }
            Seen::Code => {
                let code = CodeRef { object };
                return self.begin_code(code, text_of(self.gil, code.part(ffi::vm_code_part_VM_CODE_CODE)));
            }
            _ => return self.leave_out(),
        };
        self.is_plain &= depth <= DEEPEST_PLAIN && matches!(rest, Rest::Items { .. }) && may_be_key;
        self.push(Open { address: object.address(), rest, is_key, depth: depth + 1 });
    }

    fn push(&mut self, open: Open<'a>) {
        self.left = self.left.saturating_sub(1);
        self.addresses.insert(open.address);
        self.open.push(open);
    }

    /// Writes a code object up to its constants, which come next.
    fn begin_code(&mut self, code: CodeRef, bytes: &[u8]) {
        let numbers = code.numbers(self.gil);
        // PyCode_New refuses the first two where they are negative, which only C code can make them.
        let [argcount, nlocals] = [numbers.argcount, numbers.nlocals].map(|number| number.cast_signed().max(0));
        self.out.begin_code([argcount, nlocals, numbers.stacksize.cast_signed(), numbers.flags.cast_signed()]);
        if self.has_room(bytes.len()) {
            self.out.str(bytes);
        } else {
            self.missing += 1;
            self.out.str(&[]);
        }
        let depth = self.open.last().map_or(1, |open| open.depth) + 2;
        let constants = code.part(ffi::vm_code_part_VM_CODE_CONSTS);
        let items = match constants.look_at_part(self.gil).seen {
            Seen::Tuple(items) => items,
            _ => Span::empty(),
        };
        let rest = Rest::Constants { begun: self.out.begin(Sequence::Tuple), items, next: 0, code };
        self.addresses.insert(code.address());
        self.push(Open { address: constants.address(), rest, is_key: false, depth });
    }

    /// Ends the innermost container.
    fn end(&mut self) {
        let Some(Open { address, rest, .. }) = self.open.pop() else { return };
        self.addresses.remove(&address);
        match rest {
            Rest::Items { begun, items, next } => self.end_items(begun, &items, next),
            Rest::Set { begun, count, .. } => self.out.end(begun, count),
            Rest::Dict { value, .. } => {
                if value.is_some() {
                    self.leave_out();
                }
                self.out.end_dict();
            }
            Rest::Constants { begun, items, next, code } => {
                self.end_items(begun, &items, next);
                self.addresses.remove(&code.address());
                self.end_code(code);
            }
        }
    }

    fn end_items(&mut self, begun: Begun, items: &Span<ObjectRef>, written: usize) {
        self.missing = self.missing.saturating_add(u32::try_from(items.count() - written).unwrap_or(u32::MAX));
        self.out.end(begun, written as u32);
    }

    /// Writes what comes after a code object's constants.
    fn end_code(&mut self, code: CodeRef) {
        use ffi::{
            vm_code_part_VM_CODE_CELLVARS, vm_code_part_VM_CODE_FREEVARS, vm_code_part_VM_CODE_NAMES,
            vm_code_part_VM_CODE_VARNAMES,
        };
        for part in [
            vm_code_part_VM_CODE_NAMES,
            vm_code_part_VM_CODE_VARNAMES,
            vm_code_part_VM_CODE_FREEVARS,
            vm_code_part_VM_CODE_CELLVARS,
        ] {
            let begun = self.out.begin(Sequence::Tuple);
            let mut count = 0;
            for name in items(self.gil, code.part(part)) {
                self.put_name(name);
                count += 1;
            }
            self.out.end(begun, count);
        }
        self.put_name(code.part(ffi::vm_code_part_VM_CODE_FILENAME));
        self.put_name(code.part(ffi::vm_code_part_VM_CODE_NAME));
        self.out.number(code.numbers(self.gil).first_line);
        self.put_name(code.part(ffi::vm_code_part_VM_CODE_LNOTAB));
    }

    /// Writes what must be a string in a code object; an empty one stands for anything else.
    fn put_name(&mut self, object: ObjectRef) {
        self.objects += 1;
        let look = object.look_at_part(self.gil);
        let bytes = match look.seen {
            Seen::Str(bytes) => self.read(&bytes),
            _ => Some(&[][..]),
        };
        match bytes {
            Some(bytes) => self.put_str(object, &look, bytes),
            None => {
                self.missing += 1;
                self.out.str(&[]);
            }
        }
    }

    /// Whether the marshal data can grow by so many bytes.
    #[inline]
    fn has_room(&mut self, bytes: usize) -> bool {
        let length = self.out.len().saturating_add(bytes);
        length <= self.safe || (length <= MAX_BYTES && self.has_memory_for(length))
    }

    #[cold]
    fn has_memory_for(&mut self, length: usize) -> bool {
        let wanted = length.saturating_mul(2).max(FIRST);
        self.lacks_memory |= !(self.has_memory)(wanted * TIMES);
        if !self.lacks_memory {
            self.safe = wanted.min(MAX_BYTES);
        }
        !self.lacks_memory
    }

    fn leave_out(&mut self) {
        self.missing += 1;
        self.out.none();
    }
}
