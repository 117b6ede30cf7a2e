//! Tables of lines, as in co_lnotab (Objects/lnotab_notes.txt).

use std::collections::BTreeSet;

use crate::bytecode::decode::units;
use crate::bytecode::object::MarshalledCode;

/// Whether each line of a code object's table begins where an instruction does, as in all that a compiler makes.
pub fn begin_at_instructions(code: &MarshalledCode) -> bool {
    let starts: BTreeSet<usize> = units(&code.bytes, 0).map(|unit| unit.start as usize).collect();
    let mut offset = 0;
    code.lnotab.chunks_exact(2).all(|pair| {
        offset += usize::from(pair[0]);
        // Steps that are too long for a pair have several, of which the first ones go to no other line.
        pair[1] == 0 || starts.contains(&offset)
    })
}
