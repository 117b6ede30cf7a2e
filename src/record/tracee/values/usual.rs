//! What the hook of a recording with values must know of an opcode, found once for all of them: most show some entries of the value stack
//! and no more.

use crate::bytecode::effect::{self, Effect};
use crate::bytecode::opcode::{EXTENDED_ARG, op};

/// How an opcode shows what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// What it shows, whatever its operand is; nothing where that is not so.
    pub effect: Effect,
    pub how: How,
    /// Where there is nothing to show, it changes no object, and frees none, which could.
    pub only_loads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It shows its operands and, once it is done, its result.
    Usual,
    /// It loads a constant or a local variable, which is shown only where the code has none of its index.
    Constant,
    Local,
    /// Its operand decides, it makes an object, or it is a prefix.
    Other,
}

/// Finds it for an opcode.
#[inline]
pub(super) fn of(opcode: u8) -> &'static Usual {
    &USUAL[opcode as usize]
}

static USUAL: [Usual; 256] = {
    let mut table = [Usual { effect: effect::NOTHING, how: How::Other, only_loads: false }; 256];
    let mut opcode = 0;
    while opcode < 256 {
        table[opcode] = find(opcode as u8);
        opcode += 1;
    }
    table
};

const fn find(opcode: u8) -> Usual {
    let (how, effect) = match (opcode, effect::whatever_the_operand(opcode)) {
        (op::LOAD_CONST, _) => (How::Constant, effect::NOTHING),
        (op::LOAD_FAST, _) => (How::Local, effect::NOTHING),
        (EXTENDED_ARG, _) | (_, None) => (How::Other, effect::NOTHING),
        _ if makes_new(opcode) => (How::Other, effect::NOTHING),
        (_, Some(effect)) => (How::Usual, effect),
    };
    Usual { effect, how, only_loads: only_loads(opcode) }
}

/// Whether an instruction's only result is always a new object: BUILD_LIST, BUILD_SET, BUILD_MAP, MAKE_FUNCTION, BUILD_SLICE,
/// MAKE_CLOSURE.
pub(super) const fn makes_new(opcode: u8) -> bool {
    matches!(opcode, op::BUILD_LIST..=op::BUILD_MAP | op::MAKE_FUNCTION..=op::MAKE_CLOSURE)
}

/// NOP, ROT_*, DUP_*, LOAD_CONST, LOAD_FAST, jumps and SETUP_*.
pub(super) const fn only_loads(opcode: u8) -> bool {
    matches!(opcode, op::ROT_TWO..=op::ROT_FOUR | op::NOP | op::DUP_TOPX | op::LOAD_CONST | op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::SETUP_LOOP..=op::SETUP_FINALLY | op::LOAD_FAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_shows_at_most_one_result_which_is_not_new() {
        for opcode in 0..=255 {
            let usual = of(opcode);
            assert!(usual.effect.results <= 1 && usual.effect.operands <= 4, "{opcode}");
            assert!(usual.how == How::Other || !makes_new(opcode), "{opcode}");
            if usual.how == How::Usual {
                assert!(
                    [0, 1, i32::MAX].iter().all(|operand| effect::of(opcode, *operand) == usual.effect),
                    "{opcode}"
                );
            }
        }
        assert_eq!(of(op::LOAD_ATTR).how, How::Usual);
        assert_eq!(of(op::CALL_FUNCTION).how, How::Other);
    }
}
