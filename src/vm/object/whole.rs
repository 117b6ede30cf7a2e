//! Writes a live code object whole, as marshal data that 2.7 loads: with everything among its constants, other code objects included.
//! Walks exact types on a stack of its own, so that neither depth nor cycles, which C code can make, do harm.

use super::{CodeRef, Pointer, ffi, items, kind, str_bytes};
use crate::bytecode::marshal::DEPTH_LIMIT;
use crate::bytecode::marshal::write::{Begun, Sequence, Writer};
use crate::vm::Gil;
use crate::vm::address::{Addresses, ByAddress};

/// Bytes of marshal data of one code object, and containers in it.  What does not fit is left out; a graph of shared tuples can unfold
/// to any size.
const MAX_BYTES: usize = 128 << 20;
const MAX_CONTAINERS: u32 = 1 << 20;

/// A code object as marshal data.
#[derive(Clone, Debug)]
pub struct Whole {
    pub marshal: Vec<u8>,
    /// Objects in whose place None, or an empty string, stands: of a type that marshal does not know, inside themselves, too deep, or
    /// too large.
    pub missing: u32,
}

impl CodeRef {
    /// Writes the object, with the code string that runs.
    pub fn whole(&self, gil: Gil, first: usize) -> Whole {
        let mut walk = Walk {
            gil,
            out: Writer::default(),
            open: Vec::new(),
            addresses: Addresses::default(),
            interned: ByAddress::default(),
            left: MAX_CONTAINERS,
            // What runs may be no string: then its length is not known, and an empty one stands for it.
            missing: self.length(gil, first).is_none().into(),
        };
        walk.begin_code(*self, &self.bytes(gil, first));
        while let Some(open) = walk.open.last_mut() {
            match open.next() {
                Some((item, is_key)) => walk.put(item, is_key),
                None => walk.end(),
            }
        }
        Whole { marshal: walk.out.finish(), missing: walk.missing }
    }
}

/// A container whose items are being written.
struct Open {
    /// What holds the items; of a code object, its constants.
    object: Pointer,
    rest: Rest,
    /// It must be hashable, and so must its items.
    is_key: bool,
    /// How deep its items lie, as marshal.c counts.
    depth: usize,
}

enum Rest {
    Items {
        begun: Begun,
        next: isize,
    },
    Set {
        begun: Begun,
        position: isize,
        count: u32,
    },
    Dict {
        position: isize,
        value: Option<Pointer>,
    },
    /// The constants of this code object, which ends with what stands behind them.
    Constants {
        begun: Begun,
        next: isize,
        code: CodeRef,
    },
}

impl Open {
    /// The next item, and whether it must be hashable.
    fn next(&mut self) -> Option<(Pointer, bool)> {
        match &mut self.rest {
            Rest::Items { next, .. } | Rest::Constants { next, .. } => {
                let index = *next;
                // SAFETY: the container is alive during the hook; the index is checked there.
                let item = (index < unsafe { ffi::vm_len(self.object) })
                    .then(|| unsafe { ffi::vm_item(self.object, index) })?;
                *next += 1;
                Some((item, self.is_key))
            }
            Rest::Set { position, count, .. } => {
                let (item, _) = next_entry(self.object, position)?;
                *count += 1;
                Some((item, true))
            }
            Rest::Dict { position, value } => match value.take() {
                Some(value) => Some((value, false)),
                None => {
                    let (key, behind) = next_entry(self.object, position)?;
                    *value = Some(behind);
                    Some((key, true))
                }
            },
        }
    }
}

fn next_entry(object: Pointer, position: &mut isize) -> Option<(Pointer, Pointer)> {
    let (mut key, mut value) = (std::ptr::null(), std::ptr::null());
    // SAFETY: the object is alive and a dict or a set; nothing changes it during the hook.
    (unsafe { ffi::vm_next(object, position, &mut key, &mut value) } != 0).then_some((key, value))
}

struct Walk<'a> {
    gil: Gil<'a>,
    out: Writer,
    open: Vec<Open>,
    /// The containers that are open.
    addresses: Addresses,
    /// The places of interned strings that were written.
    interned: ByAddress<i32>,
    /// Containers that may still be begun.
    left: u32,
    missing: u32,
}

impl Walk<'_> {
    fn put(&mut self, object: Pointer, is_key: bool) {
        let out = &mut self.out;
        match kind(self.gil, object) {
            ffi::vm_kind_VM_NONE => out.none(),
            ffi::vm_kind_VM_ELLIPSIS => out.ellipsis(),
            ffi::vm_kind_VM_STOP_ITERATION => out.stop_iteration(),
            ffi::vm_kind_VM_FALSE => out.bool(false),
            ffi::vm_kind_VM_TRUE => out.bool(true),
            // SAFETY: the object is alive and, by its kind, an int.
            ffi::vm_kind_VM_INT => out.int(unsafe { ffi::vm_int(object) }),
            // SAFETY: as above, a float.
            ffi::vm_kind_VM_FLOAT => out.float(unsafe { ffi::vm_float(object) }),
            ffi::vm_kind_VM_COMPLEX => {
                let (mut real, mut imaginary) = (0.0, 0.0);
                // SAFETY: as above, a complex; both numbers are ours.
                unsafe { ffi::vm_complex(object, &mut real, &mut imaginary) };
                out.complex(real, imaginary);
            }
            ffi::vm_kind_VM_LONG => {
                let (digits, negative) = super::long_digits(object);
                if self.has_room(digits.len() * 4) { self.out.long(negative, digits) } else { self.leave_out() }
            }
            ffi::vm_kind_VM_STR => self.put_str(object),
            ffi::vm_kind_VM_UNICODE => {
                let points = super::code_points(object);
                if !self.has_room(points.len() * 4) || !self.out.unicode(points) {
                    self.leave_out();
                }
            }
            _ => self.begin(object, is_key),
        }
    }

    fn put_str(&mut self, object: Pointer) {
        let bytes = str_bytes(self.gil, object);
        if !self.has_room(bytes.len()) {
            return self.leave_out();
        }
        // SAFETY: the object is alive and, by its kind, a str.
        if unsafe { ffi::vm_is_interned(object) } == 0 {
            return self.out.str(bytes);
        }
        match self.interned.get(&(object as usize)) {
            Some(&place) => self.out.reference(place),
            None => drop(self.interned.insert(object as usize, self.out.interned(bytes))),
        }
    }

    /// Begins a container, or leaves out what is none, or cannot be there.
    fn begin(&mut self, object: Pointer, is_key: bool) {
        let kind = kind(self.gil, object);
        let may_be_key = matches!(kind, ffi::vm_kind_VM_TUPLE | ffi::vm_kind_VM_FROZENSET | ffi::vm_kind_VM_CODE);
        let depth = self.open.last().map_or(1, |open| open.depth);
        // The deepest that a container holds are the names of a code object, two below it.
        let fits = depth + 2 <= DEPTH_LIMIT && self.left > 0 && self.has_room(0);
        if !fits || (is_key && !may_be_key) || self.addresses.contains(&(object as usize)) {
            return self.leave_out();
        }
        let (next, position, count) = (0, 0, 0);
        let rest = match kind {
            ffi::vm_kind_VM_TUPLE => Rest::Items { begun: self.out.begin(Sequence::Tuple), next },
            ffi::vm_kind_VM_LIST => Rest::Items { begun: self.out.begin(Sequence::List), next },
            ffi::vm_kind_VM_SET => Rest::Set { begun: self.out.begin(Sequence::Set), position, count },
            ffi::vm_kind_VM_FROZENSET => Rest::Set { begun: self.out.begin(Sequence::FrozenSet), position, count },
            ffi::vm_kind_VM_DICT => {
                self.out.begin_dict();
                Rest::Dict { position, value: None }
            }
            ffi::vm_kind_VM_CODE => {
                let code = CodeRef { pointer: object };
                return self.begin_code(code, str_bytes(self.gil, code.part(ffi::vm_code_part_VM_CODE_CODE)));
            }
            _ => return self.leave_out(),
        };
        self.push(Open { object, rest, is_key, depth: depth + 1 });
    }

    fn push(&mut self, open: Open) {
        self.left = self.left.saturating_sub(1);
        self.addresses.insert(open.object as usize);
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
        let rest = Rest::Constants { begun: self.out.begin(Sequence::Tuple), next: 0, code };
        self.addresses.insert(code.address());
        self.push(Open { object: code.part(ffi::vm_code_part_VM_CODE_CONSTS), rest, is_key: false, depth });
    }

    /// Ends the innermost container.
    fn end(&mut self) {
        let Some(Open { object, rest, .. }) = self.open.pop() else { return };
        self.addresses.remove(&(object as usize));
        match rest {
            Rest::Items { begun, next, .. } => self.out.end(begun, next as u32),
            Rest::Set { begun, count, .. } => self.out.end(begun, count),
            Rest::Dict { .. } => self.out.end_dict(),
            Rest::Constants { begun, next, code } => {
                self.out.end(begun, next as u32);
                self.addresses.remove(&code.address());
                self.end_code(code);
            }
        }
    }

    /// Writes what stands behind a code object's constants.
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
    fn put_name(&mut self, object: Pointer) {
        let bytes = str_bytes(self.gil, object);
        if !self.has_room(bytes.len()) {
            self.missing += 1;
            self.out.str(&[]);
        } else if kind(self.gil, object) == ffi::vm_kind_VM_STR {
            self.put_str(object);
        } else {
            self.out.str(bytes);
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.out.len() + bytes <= MAX_BYTES
    }

    fn leave_out(&mut self) {
        self.missing += 1;
        self.out.none();
    }
}
