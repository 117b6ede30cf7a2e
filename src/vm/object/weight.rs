//! How much memory it may take to describe a code object, estimated before it is described: the program may have left too little.

use super::{CodeRef, MAX_DEPTH, MAX_OBJECTS, MAX_PLACES, ffi};
use crate::vm::Gil;
use crate::vm::memory::Span;
use crate::vm::value::{Entry, Look, ObjectRef, Seen};

/// Bytes for an object, whatever it holds, and for each byte that it holds: it is copied, written as marshal data and as a record, and
/// each list that it grows in is copied as it doubles.
const EACH: usize = 512;
const TIMES: usize = 8;

impl CodeRef {
    /// Bytes that describing the object may take.
    pub fn weight(&self, gil: Gil) -> usize {
        let mut weight = Weight { gil, bytes: 0, left: MAX_OBJECTS };
        weight.add_code(*self, 0);
        weight.bytes.saturating_mul(TIMES).saturating_add((MAX_OBJECTS - weight.left) as usize * EACH)
    }
}

struct Weight<'a> {
    gil: Gil<'a>,
    bytes: usize,
    /// Objects that may still be looked at; a description has no more of them either.
    left: u32,
}

impl Weight<'_> {
    fn add(&mut self, object: ObjectRef, depth: u32) {
        if self.left == 0 || depth > MAX_DEPTH {
            return;
        }
        self.left -= 1;
        let look = object.look_at_part(self.gil);
        match look.seen {
            Seen::Str(bytes) => self.add_bytes(bytes.count()),
            Seen::Unicode(points) => self.add_bytes(points.count().saturating_mul(4)),
            Seen::Long { digits, .. } => self.add_bytes(digits.count().saturating_mul(4)),
            Seen::Tuple(items) | Seen::List(items) => self.add_items(items, depth),
            Seen::Dict(_) | Seen::Set(_) | Seen::FrozenSet(_) => self.add_entries(&look, depth),
            Seen::Code => self.add_code(CodeRef { object }, depth),
            _ => {}
        }
    }

    fn add_bytes(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_add(count);
    }

    fn add_items(&mut self, items: Span<ObjectRef>, depth: u32) {
        let mut index = 0;
        while self.left > 0
            && index < items.count()
            && let Some(item) = items.item(index)
        {
            self.add(item, depth + 1);
            index += 1;
        }
    }

    fn add_entries(&mut self, look: &Look, depth: u32) {
        let mut position = 0;
        while self.left > 0
            && let Ok(Some(Entry { key, value })) = look.next(&mut position, MAX_PLACES)
        {
            self.add(key, depth + 1);
            self.add(value, depth + 1);
        }
    }

    fn add_code(&mut self, code: CodeRef, depth: u32) {
        for part in ffi::vm_code_part_VM_CODE_NAME..=ffi::vm_code_part_VM_CODE_CODE {
            self.add(code.part(part), depth + 1);
        }
    }
}
