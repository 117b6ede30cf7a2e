//! Looks at objects one by one: by exact type, without running Python, and without keeping any.  A pointer can be to anything: see
//! "Objects" in cpython-2.7-patch/vm.h.

use std::mem::MaybeUninit;

use super::ffi;
use super::gil::Gil;
use super::memory::Span;

/// What the VM takes for an object, or none where a slot is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ObjectRef {
    pointer: *const ffi::_object,
}

/// What an object is, with what can be said of it at once.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// No object: no memory is there, or none of an object.
    Bad,
    Missing,
    Scalar(Scalar),
    Ellipsis,
    NotImplemented,
    Complex(f64, f64),
    /// Digits of 30 bits, least significant first.
    Long {
        negative: bool,
        digits: Span<'a, u32>,
    },
    Str(Span<'a, u8>),
    Unicode(Span<'a, u32>),
    Tuple(Span<'a, ObjectRef>),
    List(Span<'a, ObjectRef>),
    /// A dict, and how many items it has.
    Dict(u64),
    Set(u64),
    FrozenSet(u64),
    /// The exception class StopIteration, which marshal knows.
    StopIteration,
    Code,
    /// Anything else: what its name is one of.
    Object(Named),
}

/// What is seen of an object at a glance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Glance {
    Scalar(Scalar),
    /// An object that has the name of its type or class, and the address of that.
    Instance(usize),
    /// Anything, which takes a look.
    Unclear,
}

/// What fits registers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    None,
    False,
    True,
    Int(i64),
    Float(f64),
}

impl Scalar {
    #[inline(always)]
    fn of(kind: ffi::vm_kind, number: u64) -> Option<Scalar> {
        match kind {
            ffi::vm_kind_VM_INT => Some(Scalar::Int(number.cast_signed())),
            ffi::vm_kind_VM_FLOAT => Some(Scalar::Float(f64::from_bits(number))),
            ffi::vm_kind_VM_NONE => Some(Scalar::None),
            ffi::vm_kind_VM_TRUE => Some(Scalar::True),
            ffi::vm_kind_VM_FALSE => Some(Scalar::False),
            _ => None,
        }
    }
}

/// What an object without a value of its own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Instance,
    Function,
    Method,
    Builtin,
    /// A slot of a C type, bound to an object.
    Wrapper,
    Descriptor,
    Type,
    Class,
    Module,
    Generator,
}

/// What a callable is called with besides its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Callee<'a> {
    Plain,
    /// A method of an object, by its name there.
    Bound {
        name: &'a [u8],
        receiver: ObjectRef,
    },
    /// A weakref.proxy.
    Proxy {
        name: &'a [u8],
        referent: ObjectRef,
    },
    /// As `name(first, *rest, **keywords)` makes it.
    Partial {
        name: &'a [u8],
        first: ObjectRef,
        rest: ObjectRef,
        keywords: ObjectRef,
    },
    /// A function of a C library, by its name there.
    Foreign {
        name: &'a [u8],
    },
}

/// How a function or method is known: by addresses that stay until [`Changes`] says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub name: usize,
    /// The type or class that the name belongs to; 0 where there is none.
    pub owner: usize,
    /// What it is a method of.
    pub receiver: Option<ObjectRef>,
}

/// How often a type or class, or any of them or a function, has got another name, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    pub classes: u64,
    pub functions: u64,
}

impl Changes {
    /// Until now.
    #[inline(always)]
    pub fn now(_gil: Gil) -> Changes {
        // SAFETY: the GIL is held, with which alone it changes.
        let classes = unsafe { ffi::vm_class_changes };
        // SAFETY: as above.
        let functions = unsafe { ffi::vm_function_changes };
        Changes { classes, functions }
    }
}

/// An entry of a dict, or, without a value, of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    pub key: ObjectRef,
    pub value: ObjectRef,
}

impl Entry {
    pub const NONE: Entry = Entry { key: ObjectRef::MISSING, value: ObjectRef::MISSING };
}

/// The table of a dict or set cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTable;

/// An object that a call is making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Making {
    /// The address of its type or class.
    of_type: usize,
}

/// An object that was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub seen: Seen<'a>,
    /// The address of its type, or of its class where that is an old one.
    pub of_type: usize,
    kind: ffi::vm_kind,
    object: ObjectRef,
    gil: Gil<'a>,
}

impl ObjectRef {
    const MISSING: ObjectRef = ObjectRef { pointer: std::ptr::null() };

    pub(super) fn new(pointer: *const ffi::_object) -> ObjectRef {
        ObjectRef { pointer }
    }

    pub(super) fn pointer(&self) -> *const ffi::_object {
        self.pointer
    }

    /// The object's address.
    #[inline]
    pub fn address(&self) -> usize {
        self.pointer as usize
    }

    /// Whether there is none.
    pub fn is_missing(&self) -> bool {
        self.pointer.is_null()
    }

    /// Looks at the object.
    #[inline(always)]
    pub fn look<'a>(&self, gil: Gil<'a>) -> Look<'a> {
        let mut seen = MaybeUninit::uninit();
        // SAFETY: it takes any pointer; the struct is ours.
        unsafe { ffi::vm_look(self.pointer, seen.as_mut_ptr()) };
        // SAFETY: vm_look has filled it in.
        self.seen(gil, unsafe { seen.assume_init_ref() })
    }

    /// Looks at the object as far as that is quick.
    #[inline(always)]
    pub fn glance(&self, _gil: Gil) -> Glance {
        // SAFETY: it takes any pointer.
        let glance = unsafe { ffi::vm_glance(self.pointer) };
        let kind = glance.kind as ffi::vm_kind;
        match Scalar::of(kind, glance.number) {
            Some(scalar) => Glance::Scalar(scalar),
            None if matches!(kind, ffi::vm_kind_VM_OTHER | ffi::vm_kind_VM_INSTANCE) => {
                Glance::Instance(glance.number as usize)
            }
            None => Glance::Unclear,
        }
    }

    /// Looks at a part of a code object, where what is derived from tuple or str serves as well as one.
    pub fn look_at_part<'a>(&self, gil: Gil<'a>) -> Look<'a> {
        let mut seen = MaybeUninit::uninit();
        // SAFETY: it takes any pointer; the struct is ours.
        unsafe { ffi::vm_look_at_part(self.pointer, seen.as_mut_ptr()) };
        // SAFETY: vm_look_at_part has filled it in.
        self.seen(gil, unsafe { seen.assume_init_ref() })
    }

    #[inline(always)]
    fn seen<'a>(&self, gil: Gil<'a>, seen: &ffi::vm_seen) -> Look<'a> {
        Look { seen: interpret(gil, seen), of_type: seen.type_ as usize, kind: seen.kind, object: *self, gil }
    }

    /// Whether this object is what was being made, and did not exist before.
    #[inline]
    pub fn is_made(&self, gil: Gil, making: Making) -> bool {
        let look = self.look(gil);
        look.of_type == making.of_type
            // SAFETY: the object is of a type that was called, and was looked at.
            && (look.kind == ffi::vm_kind_VM_INSTANCE || unsafe { ffi::vm_is_made(self.pointer) } != 0)
    }

    /// Whether this key of a dict or set has another place in it in each run.
    pub fn is_hashed_by_address(&self, _gil: Gil) -> bool {
        // SAFETY: it takes any pointer.
        unsafe { ffi::vm_is_hashed_by_address(self.pointer) != 0 }
    }
}

impl<'a> Look<'a> {
    /// Puts the next entries of a dict or set into `out`; returns how many they are.  `position` is the place in its table, from 0 on; none
    /// from `end` on is looked at.
    pub fn entries(&self, position: &mut isize, end: isize, out: &mut [Entry]) -> Result<usize, BadTable> {
        if !matches!(self.seen, Seen::Dict(_) | Seen::Set(_) | Seen::FrozenSet(_)) {
            return Ok(0);
        }
        let (most, out) = (out.len().cast_signed(), out.as_mut_ptr().cast::<ffi::vm_entry>());
        // SAFETY: the object is a dict or a set, which nothing changes during the hook; there is room for `most` entries, and both types
        // are two pointers.
        let count = unsafe { ffi::vm_entries(self.object.pointer, position, end, out, most) };
        usize::try_from(count).map_err(|_| BadTable)
    }

    /// The next entry, as above; none at the end.
    pub fn next(&self, position: &mut isize, end: isize) -> Result<Option<Entry>, BadTable> {
        let mut entry = [Entry::NONE];
        let count = self.entries(position, end, &mut entry)?;
        Ok((count == 1).then_some(entry[0]))
    }

    /// The type or class whose new object a call of this object may make before any Python runs, if it is one.
    #[inline]
    pub fn makes_new(&self) -> Option<Making> {
        if !matches!(self.seen, Seen::Object(Named::Type | Named::Class)) {
            return None;
        }
        // SAFETY: by its kind the object is a type or class.
        let makes = unsafe { ffi::vm_makes_new(self.object.pointer) } != 0;
        makes.then_some(Making { of_type: self.object.address() })
    }

    /// The address of the code object that the frame runs which a call of this object enters; 0 where it enters none at once.
    #[inline]
    pub fn called_code(&self) -> usize {
        if !matches!(self.seen, Seen::Object(Named::Function | Named::Method)) {
            return 0;
        }
        // SAFETY: the object is of this kind.
        unsafe { ffi::vm_called_code(self.object.pointer, self.kind) as usize }
    }

    /// Whether this is a dict that has no keys but strs.
    #[inline]
    pub fn has_str_keys(&self) -> bool {
        // SAFETY: by its kind the object is a dict.
        matches!(self.seen, Seen::Dict(_)) && unsafe { ffi::vm_has_str_keys(self.object.pointer) != 0 }
    }

    /// Whether this is an interned str, as marshal stores it.
    pub fn is_interned(&self) -> bool {
        // SAFETY: by its kind the object is a str.
        matches!(self.seen, Seen::Str(_)) && unsafe { ffi::vm_is_interned(self.object.pointer) != 0 }
    }

    /// What the object is called, and the class or module that the name belongs to; empty where there is none.
    #[inline]
    pub fn name(&self) -> (&'a [u8], &'a [u8]) {
        let (mut owner, mut name) = (EMPTY, EMPTY);
        // SAFETY: the object is of this kind; both texts are ours.
        unsafe { ffi::vm_name(self.object.pointer, self.kind, &mut owner, &mut name) };
        (bytes(self.gil, owner), bytes(self.gil, name))
    }

    /// How the function or method is known, as far as that is quick.
    #[inline]
    pub fn known(&self) -> Option<Known> {
        if !matches!(self.seen, Seen::Object(Named::Function | Named::Method | Named::Builtin)) {
            return None;
        }
        let null = std::ptr::null();
        let mut function = ffi::vm_function { name: null, owner: null, receiver: std::ptr::null() };
        // SAFETY: the object is of this kind; the struct is ours.
        let is_found = unsafe { ffi::vm_look_at_function(self.object.pointer, self.kind, &mut function) } != 0;
        let receiver = ObjectRef { pointer: function.receiver };
        is_found.then_some(Known {
            name: function.name as usize,
            owner: function.owner as usize,
            receiver: (!receiver.is_missing()).then_some(receiver),
        })
    }

    /// The name of the object's type, without the module.
    pub fn type_name(&self) -> &'a [u8] {
        let mut name = EMPTY;
        // SAFETY: it takes any pointer; the text is ours.
        unsafe { ffi::vm_type_name(self.object.pointer, &mut name) };
        bytes(self.gil, name)
    }

    /// What the object is called with when it is called.
    #[inline]
    pub fn callee(&self) -> Callee<'a> {
        if !matches!(self.seen, Seen::Object(Named::Instance | Named::Method | Named::Builtin | Named::Wrapper)) {
            return Callee::Plain;
        }
        let null = std::ptr::null();
        let mut callee = ffi::vm_callee { how: 0, name: EMPTY, first: null, rest: null, keywords: null };
        // SAFETY: the object is of this kind; the struct is ours.
        unsafe { ffi::vm_callee(self.object.pointer, self.kind, &mut callee) };
        let (name, first) = (bytes(self.gil, callee.name), ObjectRef { pointer: callee.first });
        match callee.how {
            ffi::vm_how_VM_BOUND => Callee::Bound { name, receiver: first },
            ffi::vm_how_VM_PROXY => Callee::Proxy { name, referent: first },
            ffi::vm_how_VM_PARTIAL => Callee::Partial {
                name,
                first,
                rest: ObjectRef { pointer: callee.rest },
                keywords: ObjectRef { pointer: callee.keywords },
            },
            ffi::vm_how_VM_FOREIGN => Callee::Foreign { name },
            _ => Callee::Plain,
        }
    }
}

const EMPTY: ffi::vm_text = ffi::vm_text { bytes: std::ptr::null(), len: 0 };

/// Bytes that can be read, as long as the hook runs.
#[inline]
pub(super) fn bytes(_gil: Gil<'_>, text: ffi::vm_text) -> &'_ [u8] {
    if text.bytes.is_null() {
        return &[];
    }
    // SAFETY: vm_names.c has found them readable, and nothing changes them while the hook runs.
    unsafe { std::slice::from_raw_parts(text.bytes, text.len) }
}

#[inline(always)]
fn interpret<'a>(gil: Gil<'a>, seen: &ffi::vm_seen) -> Seen<'a> {
    if let Some(scalar) = Scalar::of(seen.kind, seen.number) {
        return Seen::Scalar(scalar);
    }
    match seen.kind {
        ffi::vm_kind_VM_STR => Seen::Str(Span::of(gil, seen)),
        ffi::vm_kind_VM_TUPLE => Seen::Tuple(Span::of(gil, seen)),
        ffi::vm_kind_VM_LIST => Seen::List(Span::of(gil, seen)),
        ffi::vm_kind_VM_DICT => Seen::Dict(seen.number),
        ffi::vm_kind_VM_UNICODE => Seen::Unicode(Span::of(gil, seen)),
        ffi::vm_kind_VM_SET => Seen::Set(seen.number),
        ffi::vm_kind_VM_FROZENSET => Seen::FrozenSet(seen.number),
        ffi::vm_kind_VM_ELLIPSIS => Seen::Ellipsis,
        ffi::vm_kind_VM_NOT_IMPLEMENTED => Seen::NotImplemented,
        ffi::vm_kind_VM_MISSING => Seen::Missing,
        ffi::vm_kind_VM_LONG => Seen::Long { negative: seen.is_negative != 0, digits: Span::of(gil, seen) },
        ffi::vm_kind_VM_COMPLEX => match Span::<f64>::of(gil, seen).get(0..2) {
            Some(&[real, imaginary]) => Seen::Complex(real, imaginary),
            _ => Seen::Bad,
        },
        ffi::vm_kind_VM_CODE => Seen::Code,
        ffi::vm_kind_VM_STOP_ITERATION => Seen::StopIteration,
        ffi::vm_kind_VM_FUNCTION => Seen::Object(Named::Function),
        ffi::vm_kind_VM_METHOD => Seen::Object(Named::Method),
        ffi::vm_kind_VM_BUILTIN => Seen::Object(Named::Builtin),
        ffi::vm_kind_VM_WRAPPER => Seen::Object(Named::Wrapper),
        ffi::vm_kind_VM_DESCRIPTOR => Seen::Object(Named::Descriptor),
        ffi::vm_kind_VM_TYPE => Seen::Object(Named::Type),
        ffi::vm_kind_VM_CLASS => Seen::Object(Named::Class),
        ffi::vm_kind_VM_MODULE => Seen::Object(Named::Module),
        ffi::vm_kind_VM_GENERATOR => Seen::Object(Named::Generator),
        ffi::vm_kind_VM_INSTANCE | ffi::vm_kind_VM_OTHER => Seen::Object(Named::Instance),
        _ => Seen::Bad,
    }
}
