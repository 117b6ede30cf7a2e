//! A frame that is looked at, and what is to be shown when it fetches its next unit.

use crate::bytecode::effect::Effect;
use crate::vm::Gil;
use crate::vm::hook::{FrameAddress, Place};
use crate::vm::stack::Room;

/// A frame that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Current {
    pub(super) frame: FrameAddress,
    pub(super) room: Room,
    pub(super) due: Due,
}

impl Current {
    pub(super) fn new(gil: Gil, at: &Place, due: Due) -> Current {
        Current { frame: at.frame(), room: Room::of(gil, at), due }
    }

    /// No frame.
    pub(super) fn none() -> Current {
        Current { frame: FrameAddress::NONE, room: Room::default(), due: Due::Nothing }
    }
}

/// What is to be shown when a frame fetches its next unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The frame has just been entered.
    Arguments {
        /// It runs what its caller's unit calls.
        is_callee: bool,
    },
    /// The result of its last unit, which makes no object, if the stack's top is there then.
    Result {
        top: usize,
    },
    /// So many results of its last unit, if the stack's top is there then; 0 where it is not known.
    Results {
        count: u32,
        top: usize,
        opcode: u8,
        /// The address of the code object that the unit calls; 0 where it calls none, or has called it.
        called: usize,
    },
}

impl Due {
    /// What is due after a unit before which the stack's top was at `top`.
    #[inline]
    pub(super) fn of(effect: Effect, top: usize, opcode: u8, called: usize) -> Due {
        match effect.results {
            0 => Due::Nothing,
            count => Due::Results { count, top: top_after(effect, top), opcode, called },
        }
    }

    /// The same of a unit that makes no object, and has one result at most.
    #[inline(always)]
    pub(super) fn of_usual(effect: Effect, top: usize) -> Due {
        if effect.results > 0 { Due::Result { top: top_after(effect, top) } } else { Due::Nothing }
    }
}

/// Where the stack's top is after a unit before which it was at `top`, if that goes well.
#[inline(always)]
fn top_after(effect: Effect, top: usize) -> usize {
    top.wrapping_add_signed(effect.growth as isize * size_of::<usize>() as isize)
}
