//! Claims about assembling code strings.  The whole standard library is assembled in tests/assembled.rs.

use super::super::opcode::op;
use super::*;

fn number(opcode: u8, number: i32) -> Item {
    Item::Instruction(Instruction { opcode, operand: Operand::Number(number) })
}

fn plain(opcode: u8) -> Item {
    Item::Instruction(Instruction { opcode, operand: Operand::Nothing })
}

fn jump(opcode: u8, label: u32) -> Item {
    Item::Instruction(Instruction { opcode, operand: Operand::Target(Label(label)) })
}

fn label(label: u32) -> Item {
    Item::Label(Label(label))
}

fn bytes(items: &[Item]) -> Vec<u8> {
    assemble(items).expect("it can be assembled").bytes
}

#[test]
fn jumps_lead_to_their_labels() {
    let items = [label(0), jump(op::JUMP_FORWARD, 1), plain(op::NOP), label(1), jump(op::JUMP_ABSOLUTE, 0)];
    assert_eq!(bytes(&items), [110, 1, 0, 9, 113, 0, 0]);
}

#[test]
fn operands_beyond_16_bits_get_a_prefix() {
    assert_eq!(bytes(&[number(op::LOAD_CONST, 0x12345)]), [145, 1, 0, 100, 0x45, 0x23]);
    assert_eq!(bytes(&[number(op::LOAD_CONST, -1)]), [145, 255, 255, 100, 255, 255]);
}

#[test]
fn a_prefix_that_moves_a_target_makes_others_necessary() {
    // Without prefixes the first jump's target is at 65535, with one at 65538; then the second one's is too.
    let filling = |count| Item::Bytes(vec![9; count]);
    let items = [
        jump(op::JUMP_ABSOLUTE, 1),
        jump(op::JUMP_ABSOLUTE, 0),
        filling(65527),
        label(0),
        filling(3),
        label(1),
        plain(op::RETURN_VALUE),
    ];
    let code = assemble(&items).expect("it can be assembled");
    assert_eq!(code.bytes[..12], [145, 1, 0, 113, 6, 0, 145, 1, 0, 113, 3, 0][..]);
    assert_eq!(code.offsets, [0, 6, 12, 65539, 65539, 65542, 65542]);
}

#[test]
fn a_given_prefix_stays_and_holds_the_upper_half_of_a_jump() {
    let given = [number(EXTENDED_ARG, 0), label(7), jump(op::JUMP_ABSOLUTE, 7)];
    assert_eq!(bytes(&given), [145, 0, 0, 113, 3, 0]);
    let back = [label(0), plain(op::NOP), number(EXTENDED_ARG, 0), jump(op::JUMP_FORWARD, 0)];
    assert_eq!(bytes(&back), [9, 145, 255, 255, 110, 0xf9, 0xff]);
    let chain = [number(EXTENDED_ARG, 1), number(EXTENDED_ARG, 0x10002), number(op::LOAD_CONST, 0x20003)];
    assert_eq!(bytes(&chain), [145, 1, 0, 145, 2, 0, 100, 3, 0]);
    let swallowing = Instruction { opcode: op::NOP, operand: Operand::Swallowed([71, 72]) };
    assert_eq!(bytes(&[number(EXTENDED_ARG, 0), Item::Instruction(swallowing)]), [145, 0, 0, 9, 71, 72]);
}

#[test]
fn lines_come_with_their_offsets() {
    let items = [Item::Line(3), number(op::LOAD_CONST, 0), Item::Line(5), plain(op::RETURN_VALUE)];
    assert_eq!(assemble(&items).expect("it can be assembled").lines, [(0, 3), (3, 5)]);
}

#[test]
fn what_is_wrong_is_an_error() {
    let cases = [
        (vec![jump(op::JUMP_FORWARD, 9)], AssembleError::NoLabel { item: 0 }),
        (vec![label(1), label(1)], AssembleError::LabelTwice { item: 1 }),
        (vec![plain(op::LOAD_CONST)], AssembleError::NoOperand { item: 0 }),
        (vec![number(op::NOP, 1)], AssembleError::NeedlessOperand { item: 0 }),
        (vec![label(0), jump(op::LOAD_CONST, 0)], AssembleError::NoJump { item: 1 }),
    ];
    for (items, error) in cases {
        assert_eq!(assemble(&items), Err(error));
    }
}
