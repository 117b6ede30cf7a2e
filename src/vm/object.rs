//! Looks at live objects and describes code objects.  Runs no code of theirs, keeps no reference, sets no error.

mod whole;

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::Arc;

use super::ffi;
use super::gil::Gil;
use crate::bytecode::object::Code;
use crate::bytecode::order::Order;
use crate::bytecode::text::{self, Budget, Text};
use crate::bytecode::{CodeObject, Object};

/// Containers deeper than this show what they hold by its type: the walk runs on the program's stack.
const MAX_DEPTH: u32 = 100;
/// Objects copied for one code object at most; a graph of shared tuples can unfold to any number.
const MAX_OBJECTS: u32 = 1 << 20;
/// Bytes of an exception's message.
const MESSAGE_LIMIT: usize = 256;

type Pointer = *const ffi::_object;

/// A live code object, for as long as the hook that got it runs.
#[derive(Clone, Copy, Debug)]
pub struct CodeRef {
    pointer: Pointer,
}

impl CodeRef {
    /// # Safety
    /// The pointer is to a code object that lives during the hook.
    pub(super) unsafe fn new(pointer: Pointer) -> CodeRef {
        CodeRef { pointer }
    }

    /// The object's address: its identity until `code_gone` is told of it.
    #[inline]
    pub fn address(&self) -> usize {
        self.pointer as usize
    }

    /// The length of the code string whose text begins at `first`; None where what runs is no text of a str.
    pub fn length(&self, _gil: Gil, first: usize) -> Option<u32> {
        // SAFETY: the code object is alive, and `first` is what the eval loop computed as the frame's first_instr.
        let length = unsafe { ffi::vm_code_length(self.pointer, first as *const u8) };
        u32::try_from(length).ok()
    }

    /// Copies the code string whose text begins at `first`.
    pub fn bytes(&self, gil: Gil, first: usize) -> Vec<u8> {
        let length = self.length(gil, first).unwrap_or(0) as usize;
        // SAFETY: `length` says that so many bytes of a live str begin there.
        unsafe { std::slice::from_raw_parts(first as *const u8, length) }.to_vec()
    }

    /// Describes the object, with the code string that runs.
    pub fn describe(&self, gil: Gil, first: usize) -> CodeObject {
        let mut budget = Budget::default();
        let mut copier = Copier::new(gil);
        let numbers = self.numbers(gil);
        let consts = self.part(ffi::vm_code_part_VM_CODE_CONSTS);
        let names = |part: ffi::vm_code_part, budget: &mut Budget| -> Vec<Vec<u8>> {
            items(gil, self.part(part)).map(|item| text::name(str_bytes(gil, item), budget)).collect()
        };
        CodeObject {
            name: text::name(str_bytes(gil, self.part(ffi::vm_code_part_VM_CODE_NAME)), &mut budget),
            filename: text::name(str_bytes(gil, self.part(ffi::vm_code_part_VM_CODE_FILENAME)), &mut budget),
            first_line: numbers.first_line,
            flags: numbers.flags,
            argcount: numbers.argcount,
            nlocals: numbers.nlocals,
            stacksize: numbers.stacksize,
            bytes: self.bytes(gil, first),
            names: names(ffi::vm_code_part_VM_CODE_NAMES, &mut budget),
            varnames: names(ffi::vm_code_part_VM_CODE_VARNAMES, &mut budget),
            cellvars: names(ffi::vm_code_part_VM_CODE_CELLVARS, &mut budget),
            freevars: names(ffi::vm_code_part_VM_CODE_FREEVARS, &mut budget),
            lnotab: str_bytes(gil, self.part(ffi::vm_code_part_VM_CODE_LNOTAB)).to_vec(),
            constants: items(gil, consts).map(|item| copier.constant_text(item, &mut budget)).collect(),
        }
    }

    /// The numbers that describe it.
    pub(super) fn numbers(&self, _gil: Gil) -> ffi::vm_code_numbers {
        let mut numbers = ffi::vm_code_numbers { first_line: 0, flags: 0, argcount: 0, nlocals: 0, stacksize: 0 };
        // SAFETY: the code object is alive; the struct is ours.
        unsafe { ffi::vm_code_numbers(self.pointer, &mut numbers) };
        numbers
    }

    /// The name, uncut.
    pub fn name<'a>(&self, gil: Gil<'a>) -> &'a [u8] {
        str_bytes(gil, self.part(ffi::vm_code_part_VM_CODE_NAME))
    }

    /// The file name, uncut.
    pub fn filename<'a>(&self, gil: Gil<'a>) -> &'a [u8] {
        str_bytes(gil, self.part(ffi::vm_code_part_VM_CODE_FILENAME))
    }

    /// The addresses of the code objects among the constants.
    pub fn children(&self, gil: Gil) -> Vec<usize> {
        let code = |item: &Pointer| kind(gil, *item) == ffi::vm_kind_VM_CODE;
        items(gil, self.part(ffi::vm_code_part_VM_CODE_CONSTS)).filter(code).map(|item| item as usize).collect()
    }

    fn part(&self, part: ffi::vm_code_part) -> Pointer {
        // SAFETY: the code object is alive; its parts are borrowed and live as long.
        unsafe { ffi::vm_code_part(self.pointer, part) }
    }
}

/// The exception that a hook was called for.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    exception_type: Pointer,
    value: Pointer,
    /// It came out of a call, or passed this frame before.
    pub propagated: bool,
}

impl Exception {
    /// # Safety
    /// Both pointers are NULL or to objects that live during the hook.
    pub(super) unsafe fn new(exception_type: Pointer, value: Pointer, propagated: bool) -> Exception {
        Exception { exception_type, value, propagated }
    }

    pub fn type_name(&self, _gil: Gil) -> Vec<u8> {
        let mut len = 0;
        // SAFETY: the type is NULL or alive; the name that comes back is `len` bytes of it.
        let name = unsafe { ffi::vm_exception_name(self.exception_type, &mut len) };
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(name.cast::<u8>(), len.cast_unsigned()) }.to_vec()
    }

    /// What the arguments tell: the text of the only one, or all as a tuple; empty where there are none.
    pub fn message(&self, gil: Gil) -> Vec<u8> {
        // SAFETY: the value is NULL or alive.
        let message = unsafe { ffi::vm_exception_message(self.value) };
        if message.is_null() {
            return Vec::new();
        }
        let mut bytes = match kind(gil, message) {
            ffi::vm_kind_VM_STR => {
                let bytes = str_bytes(gil, message);
                bytes[..bytes.len().min(MESSAGE_LIMIT)].to_vec()
            }
            _ => Copier::new(gil).constant_text(message, &mut Budget::default()),
        };
        bytes.truncate(MESSAGE_LIMIT);
        bytes
    }
}

/// Copies live constants, each shared string once.
struct Copier<'a> {
    gil: Gil<'a>,
    strings: HashMap<usize, Object>,
    left: u32,
}

impl<'a> Copier<'a> {
    fn new(gil: Gil<'a>) -> Self {
        Copier { gil, strings: HashMap::new(), left: MAX_OBJECTS }
    }

    fn constant_text(&mut self, constant: Pointer, budget: &mut Budget) -> Vec<u8> {
        // The usual constant is a short str: no copy but the text's own.
        if kind(self.gil, constant) == ffi::vm_kind_VM_STR {
            let mut text = Text::new(budget);
            text.bytes(str_bytes(self.gil, constant));
            return text.finish();
        }
        let object = self.copy(constant, 0);
        text::constant(&object, Order::Given, budget)
    }

    fn copy(&mut self, object: Pointer, depth: u32) -> Object {
        let kind = kind(self.gil, object);
        if self.left == 0 || depth > MAX_DEPTH {
            return self.other(object);
        }
        self.left -= 1;
        match kind {
            ffi::vm_kind_VM_NONE => Object::None,
            ffi::vm_kind_VM_ELLIPSIS => Object::Ellipsis,
            ffi::vm_kind_VM_STOP_ITERATION => Object::StopIteration,
            ffi::vm_kind_VM_FALSE => Object::Bool(false),
            ffi::vm_kind_VM_TRUE => Object::Bool(true),
            // SAFETY: the object is alive and, by its kind, an int.
            ffi::vm_kind_VM_INT => Object::Int(unsafe { ffi::vm_int(object) }),
            // SAFETY: as above, a float.
            ffi::vm_kind_VM_FLOAT => Object::Float(unsafe { ffi::vm_float(object) }),
            ffi::vm_kind_VM_LONG => copy_long(object),
            ffi::vm_kind_VM_COMPLEX => {
                let (mut real, mut imag) = (0.0, 0.0);
                // SAFETY: as above, a complex; both numbers are ours.
                unsafe { ffi::vm_complex(object, &mut real, &mut imag) };
                Object::Complex(Box::new((real, imag)))
            }
            ffi::vm_kind_VM_STR => self.shared(object, |gil| Object::str(str_bytes(gil, object))),
            ffi::vm_kind_VM_UNICODE => self.shared(object, |_| copy_unicode(object)),
            ffi::vm_kind_VM_TUPLE => Object::Tuple(self.copy_items(object, depth).into()),
            ffi::vm_kind_VM_LIST => Object::List(self.copy_items(object, depth).into()),
            ffi::vm_kind_VM_DICT => Object::Dict(self.copy_entries(object, depth).into()),
            ffi::vm_kind_VM_SET => Object::Set(self.copy_entries(object, depth).into()),
            ffi::vm_kind_VM_FROZENSET => Object::FrozenSet(self.copy_entries(object, depth).into()),
            ffi::vm_kind_VM_CODE => self.copy_code(object),
            _ => self.other(object),
        }
    }

    fn shared(&mut self, object: Pointer, copy: impl FnOnce(Gil<'a>) -> Object) -> Object {
        let gil = self.gil;
        self.strings.entry(object as usize).or_insert_with(|| copy(gil)).clone()
    }

    fn copy_items(&mut self, object: Pointer, depth: u32) -> Vec<Object> {
        items(self.gil, object).map(|item| self.copy(item, depth + 1)).collect()
    }

    fn copy_entries(&mut self, object: Pointer, depth: u32) -> Vec<Object> {
        let mut copies = Vec::new();
        let mut position = 0;
        let (mut key, mut value) = (std::ptr::null(), std::ptr::null());
        // SAFETY: the object is alive and, by its kind, a dict or a set; nothing changes it during the hook.
        while unsafe { ffi::vm_next(object, &mut position, &mut key, &mut value) } != 0 {
            copies.push(self.copy(key, depth + 1));
            if !value.is_null() {
                copies.push(self.copy(value, depth + 1));
            }
        }
        copies
    }

    /// Copies what the text of a code object among constants shows.
    fn copy_code(&self, object: Pointer) -> Object {
        let code = CodeRef { pointer: object };
        Object::Code(Box::new(Code {
            name: code.name(self.gil).into(),
            filename: code.filename(self.gil).into(),
            first_line: code.numbers(self.gil).first_line,
            argcount: 0,
            nlocals: 0,
            stacksize: 0,
            flags: 0,
            bytes: Arc::from([]),
            constants: Vec::new().into(),
            names: Vec::new(),
            varnames: Vec::new(),
            freevars: Vec::new(),
            cellvars: Vec::new(),
            lnotab: Arc::from([]),
        }))
    }

    fn other(&self, object: Pointer) -> Object {
        // SAFETY: the object is NULL or alive; the name lives as long as its type.
        let name = unsafe { std::ffi::CStr::from_ptr(ffi::vm_type_name(object)) };
        Object::Other(Arc::from(name.to_bytes()))
    }
}

fn copy_long(object: Pointer) -> Object {
    let (digits, negative) = long_digits(object);
    Object::long(negative, digits.iter().copied(), 30)
}

/// The digits of a long in base 2^30, the least significant first, and whether it is negative.
fn long_digits<'a>(object: Pointer) -> (&'a [u32], bool) {
    let (mut digits, mut negative): (isize, c_int) = (0, 0);
    // SAFETY: the object is alive and, by its kind, a long; both numbers are ours.
    let first = unsafe { ffi::vm_long(object, &mut digits, &mut negative) };
    // SAFETY: so many digits are there, and nothing frees them while the hook runs.
    (unsafe { std::slice::from_raw_parts(first, digits.cast_unsigned()) }, negative != 0)
}

fn copy_unicode(object: Pointer) -> Object {
    Object::Unicode(Arc::from(code_points(object)))
}

fn code_points<'a>(object: Pointer) -> &'a [u32] {
    let mut len = 0;
    // SAFETY: the object is alive and, by its kind, a unicode object; the number is ours.
    let first = unsafe { ffi::vm_unicode(object, &mut len) };
    // SAFETY: so many code points are there, and nothing frees them while the hook runs.
    unsafe { std::slice::from_raw_parts(first, len.cast_unsigned()) }
}

#[inline]
fn kind(_gil: Gil, object: Pointer) -> ffi::vm_kind {
    // SAFETY: every pointer in this file is NULL or to a live object.
    unsafe { ffi::vm_kind(object) }
}

/// The bytes of a str; none for anything else.
fn str_bytes<'a>(_gil: Gil<'a>, object: Pointer) -> &'a [u8] {
    let mut len = 0;
    // SAFETY: the object is NULL or alive; the number is ours.
    let text = unsafe { ffi::vm_str(object, &mut len) };
    if text.is_null() {
        return &[];
    }
    // SAFETY: so many bytes of a live str begin there; nothing frees it while the hook runs.
    unsafe { std::slice::from_raw_parts(text, len.cast_unsigned()) }
}

/// The items of a tuple or list.
fn items(_gil: Gil, object: Pointer) -> impl Iterator<Item = Pointer> {
    // SAFETY: the object is NULL or alive.
    let len = unsafe { ffi::vm_len(object) };
    // SAFETY: `vm_item` checks the index against the object's length.
    (0..len.max(0)).map(move |index| unsafe { ffi::vm_item(object, index) })
}
