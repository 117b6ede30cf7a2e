//! What ran of one code object, as [`super::read`] counts it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bytecode::CodeObject;
use crate::bytecode::decode::Unit;

/// What ran of one version of a code object's bytes.  A unit is an instruction with the EXTENDED_ARGs before it, named by the offset at
/// which the VM fetched it first.
#[derive(Clone, Debug)]
pub struct Executed {
    pub code: Arc<CodeObject>,
    /// The place in [`super::Edges::codes`] of the first version of these bytes, which can be this one.
    pub first: usize,
    /// Frames that began with these bytes.
    pub entered: u64,
    /// How often each unit ran.
    pub units: BTreeMap<u32, u64>,
    /// How often control went from the unit at the first offset to the one at the second, in one frame.  Falling through counts, and so
    /// does going to a handler.
    pub edges: BTreeMap<(u32, u32), u64>,
    /// How often units raised an exception, or what they called did.
    pub raised: BTreeMap<u32, u64>,
    /// How often instructions ran that begin or end outside the code string.
    pub outside: BTreeMap<i32, u64>,
}

impl Executed {
    /// Instructions that ran, as a trace counts them: an EXTENDED_ARG and its successor are two.
    pub fn instructions(&self) -> u64 {
        let bytes = &self.code.bytes;
        let count = |(&start, &times): (&u32, &u64)| {
            times.saturating_mul(Unit::decode(bytes, start).map_or(1, |unit| unit.instructions.into()))
        };
        self.units.iter().map(count).chain(self.outside.values().copied()).fold(0, u64::saturating_add)
    }

    /// The edges that leave a unit, each with where it leads.
    pub fn leaving(&self, unit: u32) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.edges.range((unit, 0)..=(unit, u32::MAX)).map(|(&(_, to), &count)| (to, count))
    }
}
