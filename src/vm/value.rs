//! Looks at live objects one by one, as values: by exact type, without running Python, and without keeping any.

use std::ffi::c_void;

use super::ffi;
use super::gil::Gil;
use super::hook::Place;

/// A live object, or none where a slot is empty; it lives as long as the hook that got it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ObjectRef {
    pointer: *const ffi::_object,
}

/// What an object is, with what can be told of it at once.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    Missing,
    None,
    False,
    True,
    Ellipsis,
    NotImplemented,
    Int(i64),
    Float(f64),
    Complex(f64, f64),
    /// Digits of 30 bits, least significant first.
    Long {
        negative: bool,
        digits: &'a [u32],
    },
    Str(&'a [u8]),
    Unicode(&'a [u32]),
    /// A tuple.
    Tuple(Items<'a>),
    List(Items<'a>),
    /// A dict, and how many items it has.
    Dict(u64),
    Set(u64),
    FrozenSet(u64),
    /// Anything else: what its name is one of.
    Object(Named),
}

/// What an object without a value of its own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Instance,
    Function,
    Method,
    Builtin,
    Descriptor,
    Type,
    Class,
    Module,
    Code,
}

/// An object that a call is making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Making {
    /// Its type's address, 0 where its class is an old one.
    of_type: usize,
}

/// The items of a tuple or list.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    pointers: &'a [*const ffi::_object],
}

impl<'a> Items<'a> {
    pub fn count(&self) -> usize {
        self.pointers.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = ObjectRef> + 'a {
        self.pointers.iter().map(|&pointer| ObjectRef { pointer })
    }
}

/// An object at first sight.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub seen: Seen<'a>,
    /// The address of its type.
    pub of_type: usize,
    kind: ffi::vm_kind,
}

impl ObjectRef {
    /// The object's address.
    #[inline]
    pub fn address(&self) -> usize {
        self.pointer as usize
    }

    /// Looks at the object.
    #[inline]
    pub fn look<'a>(&self, gil: Gil<'a>) -> Look<'a> {
        let mut seen = ffi::vm_seen { kind: 0, number: 0, data: std::ptr::null(), type_: std::ptr::null() };
        // SAFETY: the object is NULL or lives during the hook; the struct is ours.
        unsafe { ffi::vm_look(self.pointer, &mut seen) };
        Look { seen: self.tell(gil, &seen), of_type: seen.type_ as usize, kind: seen.kind }
    }

    #[inline]
    fn tell<'a>(&self, gil: Gil<'a>, seen: &ffi::vm_seen) -> Seen<'a> {
        match seen.kind {
            ffi::vm_kind_VM_INT => Seen::Int(seen.number.cast_signed()),
            ffi::vm_kind_VM_STR => Seen::Str(slice(gil, seen.data, seen.number)),
            ffi::vm_kind_VM_FLOAT => Seen::Float(f64::from_bits(seen.number)),
            ffi::vm_kind_VM_TUPLE => Seen::Tuple(Items { pointers: slice(gil, seen.data, seen.number) }),
            ffi::vm_kind_VM_LIST => Seen::List(Items { pointers: slice(gil, seen.data, seen.number) }),
            ffi::vm_kind_VM_DICT => Seen::Dict(seen.number),
            ffi::vm_kind_VM_UNICODE => Seen::Unicode(slice(gil, seen.data, seen.number)),
            ffi::vm_kind_VM_SET => Seen::Set(seen.number),
            ffi::vm_kind_VM_FROZENSET => Seen::FrozenSet(seen.number),
            ffi::vm_kind_VM_NONE => Seen::None,
            ffi::vm_kind_VM_TRUE => Seen::True,
            ffi::vm_kind_VM_FALSE => Seen::False,
            ffi::vm_kind_VM_ELLIPSIS => Seen::Ellipsis,
            ffi::vm_kind_VM_NOT_IMPLEMENTED => Seen::NotImplemented,
            ffi::vm_kind_VM_MISSING => Seen::Missing,
            ffi::vm_kind_VM_LONG => self.long(gil),
            ffi::vm_kind_VM_COMPLEX => self.complex(),
            ffi::vm_kind_VM_FUNCTION => Seen::Object(Named::Function),
            ffi::vm_kind_VM_METHOD => Seen::Object(Named::Method),
            ffi::vm_kind_VM_BUILTIN => Seen::Object(Named::Builtin),
            ffi::vm_kind_VM_DESCRIPTOR => Seen::Object(Named::Descriptor),
            ffi::vm_kind_VM_TYPE | ffi::vm_kind_VM_STOP_ITERATION => Seen::Object(Named::Type),
            ffi::vm_kind_VM_CLASS => Seen::Object(Named::Class),
            ffi::vm_kind_VM_MODULE => Seen::Object(Named::Module),
            ffi::vm_kind_VM_CODE => Seen::Object(Named::Code),
            _ => Seen::Object(Named::Instance),
        }
    }

    fn long<'a>(&self, gil: Gil<'a>) -> Seen<'a> {
        let (mut digits, mut negative) = (0, 0);
        // SAFETY: the object lives and, by its kind, is a long; both numbers are ours.
        let first = unsafe { ffi::vm_long(self.pointer, &mut digits, &mut negative) };
        Seen::Long { negative: negative != 0, digits: slice(gil, first.cast(), digits.unsigned_abs() as u64) }
    }

    fn complex<'a>(&self) -> Seen<'a> {
        let (mut real, mut imaginary) = (0.0, 0.0);
        // SAFETY: as above, a complex.
        unsafe { ffi::vm_complex(self.pointer, &mut real, &mut imaginary) };
        Seen::Complex(real, imaginary)
    }

    /// Steps through a dict, or a set, whose values are missing; `position` begins at 0.
    #[inline]
    pub fn next(&self, _gil: Gil, position: &mut isize) -> Option<(ObjectRef, ObjectRef)> {
        let (mut key, mut value) = (std::ptr::null(), std::ptr::null());
        // SAFETY: the object lives and is a dict or a set, which nothing changes during the hook.
        let more = unsafe { ffi::vm_next(self.pointer, position, &mut key, &mut value) };
        (more != 0).then_some((ObjectRef { pointer: key }, ObjectRef { pointer: value }))
    }

    /// The type or class whose new object a call of this object makes before any Python runs, if it is one.
    #[inline]
    pub fn makes_new(&self, gil: Gil) -> Option<Making> {
        let look = self.look(gil);
        let is_class = match look.seen {
            Seen::Object(Named::Type) => false,
            Seen::Object(Named::Class) => true,
            _ => return None,
        };
        // SAFETY: the object lives and, by its kind, is a type or class.
        let makes = unsafe { ffi::vm_makes_new(self.pointer) } != 0;
        makes.then_some(Making { of_type: if is_class { 0 } else { self.address() } })
    }

    /// Whether this object is what was being made.
    #[inline]
    pub fn is_made(&self, gil: Gil, making: Making) -> bool {
        let look = self.look(gil);
        match making.of_type {
            0 => look.kind == ffi::vm_kind_VM_INSTANCE,
            of_type => look.of_type == of_type,
        }
    }

    /// Whether this dict has no keys but strs.
    #[inline]
    pub fn has_str_keys(&self, _gil: Gil) -> bool {
        // SAFETY: the object lives and is a dict.
        unsafe { ffi::vm_has_str_keys(self.pointer) != 0 }
    }

    /// Whether this key of a dict or set has another place in it in each run.
    pub fn is_hashed_by_address(&self, _gil: Gil) -> bool {
        // SAFETY: the object lives.
        unsafe { ffi::vm_is_hashed_by_address(self.pointer) != 0 }
    }

    /// What the object is called, and the class or module that the name belongs to; empty where there is none.
    #[inline]
    pub fn name<'a>(&self, gil: Gil<'a>, look: &Look) -> (&'a [u8], &'a [u8]) {
        let empty = ffi::vm_text { bytes: std::ptr::null(), len: 0 };
        let (mut owner, mut name) = (empty, empty);
        let kind = if look.kind == ffi::vm_kind_VM_STOP_ITERATION { ffi::vm_kind_VM_TYPE } else { look.kind };
        // SAFETY: the object lives and is of this kind; both texts are ours.
        unsafe { ffi::vm_name(self.pointer, kind, &mut owner, &mut name) };
        let text = |text: ffi::vm_text| slice(gil, text.bytes.cast(), text.len as u64);
        (text(owner), text(name))
    }
}

/// The memory of a live object, as far as it says.
#[inline]
fn slice<T>(_gil: Gil<'_>, first: *const c_void, count: u64) -> &'_ [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: vm.c gave both; the object lives, unchanged, while the hook runs.
    unsafe { std::slice::from_raw_parts(first.cast(), count as usize) }
}

/// A frame's value stack, as it is when a unit is fetched.
#[derive(Clone, Copy, Debug)]
pub struct ValueStack {
    frame: *const ffi::_frame,
    top: *const *mut ffi::_object,
}

impl ValueStack {
    /// # Safety
    /// The frame is the one that runs, and `top` its stack pointer.
    pub(super) unsafe fn new(frame: *const ffi::_frame, top: *const *mut ffi::_object) -> ValueStack {
        ValueStack { frame, top }
    }

    /// The address behind the topmost entry.
    #[inline]
    pub fn top(&self) -> usize {
        self.top as usize
    }

    #[inline]
    fn room(&self) -> ffi::vm_frame_room {
        let null = std::ptr::null();
        let mut room = ffi::vm_frame_room { locals: null, stack: null, end: null };
        // SAFETY: the frame runs; the struct is ours.
        unsafe { ffi::vm_frame_room(self.frame, &mut room) };
        room
    }

    /// The topmost entries, the top last; none where the frame's own memory does not have so many.
    #[inline]
    pub fn entries<'a>(&self, _gil: Gil<'a>, count: usize) -> &'a [ObjectRef] {
        let room = self.room();
        let (top, stack) = (self.top as usize, room.stack as usize);
        if top > room.end as usize || top < stack || (top - stack) / size_of::<usize>() < count {
            return &[];
        }
        // SAFETY: [top - count, top) is inside what was allocated for the frame's stack, and below the stack pointer, so the eval
        // loop has put references there; an ObjectRef is a pointer.
        unsafe { std::slice::from_raw_parts(self.top.sub(count).cast(), count) }
    }

    /// All entries, the top last; none where the stack pointer is outside the frame's own memory.
    pub fn all<'a>(&self, gil: Gil<'a>) -> &'a [ObjectRef] {
        let (top, stack) = (self.top as usize, self.room().stack as usize);
        self.entries(gil, top.saturating_sub(stack) / size_of::<usize>())
    }

    /// The local variables that hold the frame's arguments, `*args` and `**kwargs` behind the others.
    pub fn arguments<'a>(&self, gil: Gil<'a>, at: &Place) -> &'a [ObjectRef] {
        const VARARGS_AND_VARKEYWORDS: [u32; 2] = [4, 8];
        let numbers = at.code(gil).numbers(gil);
        let more = VARARGS_AND_VARKEYWORDS.iter().filter(|&&flag| numbers.flags & flag != 0).count();
        let room = self.room();
        let locals =
            (room.stack as usize).min(room.end as usize).saturating_sub(room.locals as usize) / size_of::<usize>();
        let count = (numbers.argcount as usize).saturating_add(more).min(numbers.nlocals as usize).min(locals);
        // SAFETY: so many local variables lie before the value stack, in what was allocated for the frame.
        unsafe { std::slice::from_raw_parts(room.locals.cast(), count) }
    }
}
