//! Says that a program does not look like code of Python 2.7, when that may explain what happened.

use crate::bytecode::code::nested;
use crate::bytecode::file::{Code, Contents};
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opmap::{OpMap, Reading, Sizes, Tables};

/// Returns what to say of a program most of whose scripts' code objects do not read as code; None for all others.
pub fn of(contents: &Contents) -> Option<String> {
    let plain = OpMap::plain();
    let read = |code: &MarshalledCode| Reading::of(&plain, Sizes::ByNumber, &code.bytes, &Tables::of(code));
    let scripts: Vec<MarshalledCode> = contents.scripts().filter_map(Code::read).collect();
    let readings: Vec<Reading> = scripts.iter().flat_map(nested).map(|(code, _)| read(code)).collect();
    // Junk that is never reached does not read as code either, but code that an interpreter made ends with RETURN_VALUE.
    let is_strange = |reading: &&Reading| !reading.returns && reading.unmapped + reading.faults > 0;
    let strange = readings.iter().filter(is_strange).count();
    if 2 * strange <= readings.len() {
        return None;
    }
    let sum = |of: fn(&Reading) -> usize| readings.iter().map(of).sum::<usize>();
    let (undefined, faults) = (sum(|reading| reading.unmapped), sum(|reading| reading.faults));
    Some(format!(
        "the program does not look like code of Python 2.7 (undefined opcodes: {undefined}, operands out of range: {faults}); its \
         opcodes may have other numbers: `bctrace opmap` finds a map for --opmap"
    ))
}
