//! Describes code objects and exceptions.  Runs no code of theirs, keeps no reference, sets no error.

mod whole;

pub use whole::Whole;

use std::collections::HashMap;
use std::sync::Arc;

use super::ffi;
use super::gil::Gil;
use super::memory::Span;
use super::value::{self, Entry, Look, ObjectRef, Scalar, Seen};
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opmap::Tables;
use crate::bytecode::order::Order;
use crate::bytecode::text::{self, Budget, Text};
use crate::bytecode::verify::{Constant, Facts};
use crate::bytecode::{CodeObject, Object};

/// Containers deeper than this show what they hold by its type: the walk runs on the program's stack.
const MAX_DEPTH: u32 = 100;
/// Objects copied for one code object at most; a graph of shared tuples can unfold to any number, and what is no tuple can say any.
const MAX_OBJECTS: u32 = 1 << 20;
/// Places of a dict's or set's table that are looked at.
const MAX_PLACES: isize = 1 << 22;
/// Objects that are looked at for the code objects among them.
const MAX_HELD: usize = 1 << 16;
/// Bytes of an exception's message; no more objects are looked at for it.
const MESSAGE_LIMIT: usize = 256;

/// A code object, for as long as the hook that got it runs.
#[derive(Clone, Copy, Debug)]
pub struct CodeRef {
    object: ObjectRef,
}

impl CodeRef {
    /// # Safety
    /// The pointer is to the code object of a frame that the VM runs, or to one that it is making.
    pub(super) unsafe fn new(pointer: *const ffi::_object) -> CodeRef {
        CodeRef { object: ObjectRef::new(pointer) }
    }

    /// The object's address: its identity until `code_gone` is called for it.
    #[inline]
    pub fn address(&self) -> usize {
        self.object.address()
    }

    /// The length of the code string whose text begins at `first`; None where what runs is no text of a str.
    pub fn length(&self, _gil: Gil, first: usize) -> Option<u32> {
        // SAFETY: it takes any pointers.
        let length = unsafe { ffi::vm_code_length(self.object.pointer(), first as *const u8) };
        u32::try_from(length).ok()
    }

    /// Copies the code string whose text begins at `first`.
    pub fn bytes(&self, gil: Gil, first: usize) -> Vec<u8> {
        let length = self.length(gil, first).unwrap_or(0);
        let text = Span::new(gil, first as *const u8, length as usize);
        text.get(0..length as usize).unwrap_or_default().to_vec()
    }

    /// Describes the object, with the code string that runs.
    pub fn describe(&self, gil: Gil, first: usize) -> CodeObject {
        let mut budget = Budget::default();
        let mut copier = Copier::new(gil, MAX_OBJECTS);
        let numbers = self.numbers(gil);
        let names = |part: ffi::vm_code_part, budget: &mut Budget| -> Vec<Vec<u8>> {
            items(gil, self.part(part)).map(|item| text::name(text_of(gil, item), budget)).collect()
        };
        CodeObject {
            name: text::name(text_of(gil, self.part(ffi::vm_code_part_VM_CODE_NAME)), &mut budget),
            filename: text::name(text_of(gil, self.part(ffi::vm_code_part_VM_CODE_FILENAME)), &mut budget),
            first_line: numbers.first_line,
            flags: numbers.flags,
            argcount: numbers.argcount,
            nlocals: numbers.nlocals,
            stacksize: numbers.stacksize,
            bytes: self.bytes(gil, first),
            original: super::remap::original_code(self.address()).map_or(Vec::new(), |original| original.to_vec()),
            names: names(ffi::vm_code_part_VM_CODE_NAMES, &mut budget),
            varnames: names(ffi::vm_code_part_VM_CODE_VARNAMES, &mut budget),
            cellvars: names(ffi::vm_code_part_VM_CODE_CELLVARS, &mut budget),
            freevars: names(ffi::vm_code_part_VM_CODE_FREEVARS, &mut budget),
            lnotab: text_of(gil, self.part(ffi::vm_code_part_VM_CODE_LNOTAB)).to_vec(),
            is_of_library: false,
            constants: items(gil, self.part(ffi::vm_code_part_VM_CODE_CONSTS))
                .map(|item| copier.constant_text(item, &mut budget))
                .collect(),
        }
    }

    /// Describes no more of the object than its code string, its name and its file name.
    pub fn describe_briefly(&self, gil: Gil, first: usize) -> CodeObject {
        let mut budget = Budget::default();
        CodeObject {
            name: text::name(self.name(gil), &mut budget),
            filename: text::name(self.filename(gil), &mut budget),
            bytes: self.bytes(gil, first),
            ..CodeObject::default()
        }
    }

    /// Bytes that this may take, and what else is made of the code string and the constants.
    pub fn brief_weight(&self, gil: Gil, first: usize) -> usize {
        let constants = items(gil, self.part(ffi::vm_code_part_VM_CODE_CONSTS)).count();
        64 * (self.length(gil, first).unwrap_or(0) as usize + constants) + (16 << 10)
    }

    /// The numbers that describe it.
    pub(super) fn numbers(&self, _gil: Gil) -> ffi::vm_code_numbers {
        let mut numbers = ffi::vm_code_numbers { first_line: 0, flags: 0, argcount: 0, nlocals: 0, stacksize: 0 };
        // SAFETY: it takes any pointer; the struct is ours.
        unsafe { ffi::vm_code_numbers(self.object.pointer(), &mut numbers) };
        numbers
    }

    /// How many entries the tables have that its operands index.
    pub fn tables(&self, gil: Gil) -> Tables {
        let count = |part| items(gil, self.part(part)).count();
        Tables {
            constants: count(ffi::vm_code_part_VM_CODE_CONSTS),
            names: count(ffi::vm_code_part_VM_CODE_NAMES),
            locals: self.numbers(gil).nlocals as usize,
            cells: count(ffi::vm_code_part_VM_CODE_CELLVARS) + count(ffi::vm_code_part_VM_CODE_FREEVARS),
        }
    }

    /// Entries of the value stack that the code says it needs.
    pub fn stacksize(&self, gil: Gil) -> i32 {
        self.numbers(gil).stacksize.cast_signed()
    }

    /// What it is verified by, beside its code string; `described` is its description.
    pub fn facts(&self, gil: Gil) -> Facts {
        let constant = |item: ObjectRef| match item.look(gil).seen {
            Seen::Scalar(Scalar::None) => Constant::None,
            Seen::Code => Constant::Code,
            _ => Constant::Other,
        };
        let numbers = self.numbers(gil);
        let count = |part| items(gil, self.part(part)).count();
        Facts {
            constants: items(gil, self.part(ffi::vm_code_part_VM_CODE_CONSTS)).map(constant).collect(),
            names: count(ffi::vm_code_part_VM_CODE_NAMES),
            locals: numbers.nlocals,
            variable_names: count(ffi::vm_code_part_VM_CODE_VARNAMES),
            cell_variables: count(ffi::vm_code_part_VM_CODE_CELLVARS),
            free_variables: count(ffi::vm_code_part_VM_CODE_FREEVARS),
            argcount: numbers.argcount,
            flags: numbers.flags,
            stacksize: numbers.stacksize,
        }
    }

    /// The name, uncut.
    pub fn name<'a>(&self, gil: Gil<'a>) -> &'a [u8] {
        text_of(gil, self.part(ffi::vm_code_part_VM_CODE_NAME))
    }

    /// The file name, uncut.
    pub fn filename<'a>(&self, gil: Gil<'a>) -> &'a [u8] {
        text_of(gil, self.part(ffi::vm_code_part_VM_CODE_FILENAME))
    }

    /// The code objects among the constants: their addresses, each with its number.
    pub fn children(&self, gil: Gil) -> Vec<(usize, u32)> {
        let code = |item: &(u32, ObjectRef)| matches!(item.1.look(gil).seen, Seen::Code);
        let constants = (0..).zip(items(gil, self.part(ffi::vm_code_part_VM_CODE_CONSTS)));
        constants.filter(code).map(|(number, item)| (item.address(), number)).collect()
    }

    /// The addresses of the object and of those among its constants, at any depth.  It must have been loaded just now: no constant holds
    /// itself then.
    pub fn all(&self, gil: Gil) -> Vec<usize> {
        let mut all = vec![self.object];
        let mut place = 0;
        while let Some(&object) = all.get(place) {
            let constants = items(gil, CodeRef { object }.part(ffi::vm_code_part_VM_CODE_CONSTS));
            all.extend(constants.filter(|item| matches!(item.look(gil).seen, Seen::Code)));
            place += 1;
        }
        all.iter().map(|code| code.address()).collect()
    }

    /// Whether the code string at `first`, which runs, is the object's own.
    pub fn runs_its_own(&self, gil: Gil, first: usize) -> bool {
        let own = self.part(ffi::vm_code_part_VM_CODE_CODE).look_at_part(gil);
        matches!(own.seen, Seen::Str(text) if text.address() == first)
    }

    /// Whether a map of opcodes has made its code string.
    pub fn is_translated(&self) -> bool {
        super::remap::original_code(self.address()).is_some()
    }

    /// The code objects that an object is, or that stand in tuples, lists and dicts of it; not those among constants.
    pub fn held_by(gil: Gil, object: ObjectRef) -> Vec<CodeRef> {
        let (mut found, mut open, mut left) = (Vec::new(), vec![(object, 0)], MAX_HELD);
        while let Some((object, depth)) = open.pop() {
            if left == 0 {
                break;
            }
            left -= 1;
            let look = object.look(gil);
            let mut hold = |item: ObjectRef| {
                if depth < MAX_DEPTH && open.len() < MAX_HELD {
                    open.push((item, depth + 1));
                }
            };
            match look.seen {
                Seen::Code => found.push(CodeRef { object }),
                Seen::Tuple(held) | Seen::List(held) => {
                    (0..held.count().min(MAX_HELD)).rev().filter_map(|index| held.item(index)).for_each(hold);
                }
                Seen::Dict(_) => {
                    let mut position = 0;
                    while let Ok(Some(entry)) = look.next(&mut position, MAX_PLACES) {
                        hold(entry.value);
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn part(&self, part: ffi::vm_code_part) -> ObjectRef {
        // SAFETY: it takes any pointer.
        ObjectRef::new(unsafe { ffi::vm_code_part(self.object.pointer(), part) })
    }
}

/// The text of an object, as that of a constant.
pub fn text(gil: Gil, object: ObjectRef) -> Vec<u8> {
    Copier::new(gil, MESSAGE_LIMIT as u32).constant_text(object, &mut Budget::default())
}

/// The exception that a hook was called for.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    exception_type: ObjectRef,
    value: ObjectRef,
    /// It came out of a call, or passed this frame before.
    pub propagated: bool,
}

impl Exception {
    pub(super) fn new(exception_type: ObjectRef, value: ObjectRef, propagated: bool) -> Exception {
        Exception { exception_type, value, propagated }
    }

    pub fn type_name(&self, gil: Gil) -> Vec<u8> {
        let mut name = ffi::vm_text { bytes: std::ptr::null(), len: 0 };
        // SAFETY: it takes any pointer; the struct is ours.
        unsafe { ffi::vm_exception_name(self.exception_type.pointer(), &mut name) };
        value::bytes(gil, name).to_vec()
    }

    /// The arguments as text: that of the only one, or all as a tuple; empty where there are none.
    pub fn message(&self, gil: Gil) -> Vec<u8> {
        // SAFETY: it takes any pointer.
        let message = ObjectRef::new(unsafe { ffi::vm_exception_message(self.value.pointer()) });
        if message.is_missing() {
            return Vec::new();
        }
        let text = || Copier::new(gil, MESSAGE_LIMIT as u32).constant_text(message, &mut Budget::default());
        let mut bytes = match message.look(gil).seen {
            Seen::Str(bytes) => bytes.get(0..bytes.count().min(MESSAGE_LIMIT)).map_or_else(text, <[u8]>::to_vec),
            _ => text(),
        };
        bytes.truncate(MESSAGE_LIMIT);
        bytes
    }
}

/// Copies constants, each shared string once.
struct Copier<'a> {
    gil: Gil<'a>,
    strings: HashMap<usize, Object>,
    /// Objects that may still be copied.
    left: u32,
}

impl<'a> Copier<'a> {
    fn new(gil: Gil<'a>, left: u32) -> Self {
        Copier { gil, strings: HashMap::new(), left }
    }

    fn constant_text(&mut self, constant: ObjectRef, budget: &mut Budget) -> Vec<u8> {
        // The usual constant is a short str: no copy but the text's own.
        if let Seen::Str(bytes) = constant.look(self.gil).seen
            && let Some(bytes) = bytes.get(0..bytes.count())
        {
            let mut text = Text::new(budget);
            text.bytes(bytes);
            return text.finish();
        }
        let object = self.copy(constant, 0);
        text::constant(&object, Order::Given, budget)
    }

    fn copy(&mut self, object: ObjectRef, depth: u32) -> Object {
        let look = object.look(self.gil);
        if self.left == 0 || depth > MAX_DEPTH {
            return other(&look);
        }
        self.left -= 1;
        match look.seen {
            Seen::Scalar(Scalar::None) => Object::None,
            Seen::Ellipsis => Object::Ellipsis,
            Seen::StopIteration => Object::StopIteration,
            Seen::Scalar(Scalar::False) => Object::Bool(false),
            Seen::Scalar(Scalar::True) => Object::Bool(true),
            Seen::Scalar(Scalar::Int(number)) => Object::Int(number),
            Seen::Scalar(Scalar::Float(number)) => Object::Float(number),
            Seen::Complex(real, imaginary) => Object::Complex(Box::new((real, imaginary))),
            Seen::Long { negative, digits } => match digits.get(0..digits.count()) {
                Some(digits) => Object::long(negative, digits.iter().copied(), 30),
                None => bad(),
            },
            Seen::Str(bytes) => self.shared(object, || Some(Object::str(bytes.get(0..bytes.count())?))),
            Seen::Unicode(points) => {
                self.shared(object, || Some(Object::Unicode(Arc::from(points.get(0..points.count())?))))
            }
            Seen::Tuple(items) => Object::Tuple(self.copy_items(items, depth).into()),
            Seen::List(items) => Object::List(self.copy_items(items, depth).into()),
            Seen::Dict(_) => Object::Dict(self.copy_entries(&look, depth).into()),
            Seen::Set(_) => Object::Set(self.copy_entries(&look, depth).into()),
            Seen::FrozenSet(_) => Object::FrozenSet(self.copy_entries(&look, depth).into()),
            Seen::Code => self.copy_code(object),
            Seen::Bad => bad(),
            Seen::Missing | Seen::NotImplemented | Seen::Object(_) => other(&look),
        }
    }

    fn shared(&mut self, object: ObjectRef, copy: impl FnOnce() -> Option<Object>) -> Object {
        self.strings.entry(object.address()).or_insert_with(|| copy().unwrap_or_else(bad)).clone()
    }

    fn copy_items(&mut self, items: Span<ObjectRef>, depth: u32) -> Vec<Object> {
        let mut copies = Vec::new();
        for index in 0..items.count() {
            let Some(item) = items.item(index) else {
                copies.push(bad());
                break;
            };
            copies.push(self.copy(item, depth + 1));
            if self.left == 0 {
                break;
            }
        }
        copies
    }

    fn copy_entries(&mut self, look: &Look, depth: u32) -> Vec<Object> {
        let mut copies = Vec::new();
        let mut position = 0;
        while self.left > 0
            && let Ok(Some(Entry { key, value })) = look.next(&mut position, MAX_PLACES)
        {
            copies.push(self.copy(key, depth + 1));
            if !value.is_missing() {
                copies.push(self.copy(value, depth + 1));
            }
        }
        copies
    }

    /// Copies what the text of a code object among constants shows.
    fn copy_code(&self, object: ObjectRef) -> Object {
        let code = CodeRef { object };
        Object::Code(Box::new(MarshalledCode {
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
}

fn other(look: &Look) -> Object {
    Object::Other(Arc::from(look.type_name()))
}

/// Stands for what is no object.
fn bad() -> Object {
    Object::Other(Arc::from(*b"bad"))
}

/// The text of a str, or of what is derived from it; none for anything else.
fn text_of<'a>(gil: Gil<'a>, object: ObjectRef) -> &'a [u8] {
    match object.look_at_part(gil).seen {
        Seen::Str(bytes) => bytes.get(0..bytes.count()).unwrap_or_default(),
        _ => &[],
    }
}

/// The items of a tuple, or of what is derived from it, as far as they can be read.
fn items<'a>(gil: Gil<'a>, object: ObjectRef) -> impl Iterator<Item = ObjectRef> + 'a {
    let items = match object.look_at_part(gil).seen {
        Seen::Tuple(items) => items,
        _ => Span::empty(),
    };
    (0..items.count().min(MAX_OBJECTS as usize)).map_while(move |index| items.item(index))
}
