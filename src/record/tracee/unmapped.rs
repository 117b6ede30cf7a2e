//! Stops the program at an opcode that cannot be translated, and says what is known of the place: the map of opcodes does not name it, or
//! names one that needs an operand, and the instruction has no room for that.

use super::Tracee;
use crate::bytecode::Unit;
use crate::bytecode::opcode;
use crate::bytecode::opmap::candidates::{self, Place as CodePlace};
use crate::trace::event::{Event, StopReason, Unmapped};
use crate::vm::hook::{Flow, Place};
use crate::vm::stack::Room;
use crate::vm::{Gil, remap};

/// Entries of the value stack that are shown.
const MOST_ENTRIES: usize = 8;
/// Bytes of the text of each.
const LONGEST_TEXT: usize = 200;

impl Tracee {
    /// Records what is at an opcode that the VM is about to refuse, and stops; goes on if the program's own code has that opcode.
    #[cold]
    pub(super) fn stop_at_unmapped(&mut self, gil: Gil, at: Place, top: usize) -> Flow {
        let Some(unmapped) = describe(gil, &at, top) else { return Flow::Continue };
        self.stop_counting(gil, 0);
        self.interrupt();
        self.push_event(&Event::Unmapped(unmapped));
        self.stop(StopReason::Unmapped)
    }
}

/// None if the code is not translated, or has this opcode because the map says so.
fn describe(gil: Gil, at: &Place, top: usize) -> Option<Unmapped> {
    let code = at.code(gil);
    let (map, original) = (remap::map()?, remap::original_code(code.address())?);
    let unit = Unit::decode(&code.bytes(gil, at.first()), u32::try_from(at.offset()).ok()?)?;
    let offset = usize::try_from(unit.last.offset).ok()?;
    let number = *original.get(offset)?;
    let named = map.get(number);
    if named.is_some_and(|named| !opcode::has_argument(named)) {
        return None;
    }
    let stack = Room::of(gil, at).all(gil, top);
    let place = CodePlace {
        bytes: &original,
        tables: code.tables(gil),
        offset,
        depth: stack.len(),
        stacksize: code.stacksize(gil),
    };
    let text = |entry: &_| {
        let mut text = crate::vm::object::text(gil, *entry);
        text.truncate(LONGEST_TEXT);
        text
    };
    let shown = &stack[stack.len().saturating_sub(MOST_ENTRIES)..];
    let candidates = named.map_or_else(|| candidates::of(&map, &place), |named| vec![named]);
    let names = candidates.into_iter().filter_map(opcode::name);
    Some(Unmapped {
        number,
        stack: shown.iter().map(text).collect(),
        below: (stack.len() - shown.len()) as u32,
        candidates: names.map(|name| name.as_bytes().to_vec()).collect(),
    })
}
