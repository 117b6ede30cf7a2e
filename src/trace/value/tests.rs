//! Shows that values come back from their words, that they fall to their units, and that words that are none bring no reader down.

use proptest::prelude::*;

use super::*;
use crate::bytecode::CodeObject;
use crate::bytecode::decode::Instruction;
use crate::bytecode::opcode::op;

const NOP: Instruction = Instruction { offset: 0, opcode: op::NOP, operand: None, length: 1 };

/// The values of this many units.
fn read(words: &[u64], names: &Names, units: usize) -> Vec<UnitValues> {
    let (mut pending, code) = (Pending::default(), CodeObject::default());
    pending.push(words);
    let mut cursor = pending.cursor(names, &code);
    (0..units)
        .map(|_| {
            let mut values = UnitValues::default();
            cursor.next(&NOP, &mut values);
            values
        })
        .collect()
}

fn operand(words: &[u64]) -> Value {
    let mut units = read(words, &Names::default(), 1);
    units[0].operands.remove(0)
}

#[test]
fn values_fall_to_their_units_and_late_ones_to_the_first() {
    let words = [
        pack(Tag::Int, Role::Result, 0, 1),
        pack(Tag::Int, Role::Operand, 1, 2),
        pack(Tag::Int, Role::Result, 0, 3),
        pack(Tag::Same, Role::Operand, 2, 0),
        pack(Tag::Step, Role::Operand, 0, 40),
        pack(Tag::None, Role::Operand, 0, 0),
    ];
    let units = read(&words, &Names::default(), 43);
    assert_eq!(
        (&units[0].late, &units[0].operands, &units[0].results),
        (&vec![Value::Int(1)], &vec![Value::Int(2)], &vec![Value::Int(3)])
    );
    assert!(units[1].is_empty());
    assert_eq!(units[2].operands, [Value::Int(3)]);
    assert_eq!(units[42].operands, [Value::None]);
}

#[test]
fn a_name_that_changes_while_values_wait_is_the_old_one_for_those_before() {
    let mut state = crate::trace::State::default();
    let name = |text: &[u8]| crate::trace::event::Name { name: 5, text: text.into() };
    let object = pack(Tag::Object, Role::Operand, 0, object_payload(5, What::Type, 1));
    let mut pending = Pending::default();
    for text in [&b"old"[..], b"new"] {
        let event = crate::trace::Event::Name(name(text));
        pending.event(&event, &state);
        state.take(&event, |_| Ok(())).expect("a name");
        pending.push(&[object]);
    }
    let (mut values, code) = (UnitValues::default(), CodeObject::default());
    let mut cursor = pending.cursor(state.names(), &code);
    cursor.next(&NOP, &mut values);
    let names: Vec<_> = values
        .operands
        .iter()
        .filter_map(|value| match value {
            Value::Object { name, .. } => Some(name.to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(names, [b"old".to_vec(), b"new".to_vec()]);
}

proptest! {
    #[test]
    fn numbers_come_back(number: i64, float: f64) {
        let bits = number.cast_unsigned();
        let wide = [pack(Tag::WideInt, Role::Operand, 1, bits & ((1 << 48) - 1)), pack_raw(bits >> 48)];
        prop_assert_eq!(operand(&wide), Value::Int(number));
        let short = number << 16 >> 16;
        let word = pack(Tag::Int, Role::Operand, 1, short.cast_unsigned() & ((1 << 48) - 1));
        prop_assert_eq!(operand(&[word]), Value::Int(short));
        let bits = float.to_bits();
        let words = [pack(Tag::WideFloat, Role::Operand, 1, bits >> 16), pack_raw(bits & 0xffff)];
        prop_assert!(matches!(operand(&words), Value::Float(back) if back.to_bits() == bits));
    }

    #[test]
    fn strings_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut: Option<(u32, u32)>) {
        let mut words = vec![pack(Tag::Str, Role::Operand, 1, text_payload(bytes.len(), cut.is_some(), false))];
        words.extend(raw_parts(&bytes));
        if let Some((length, checksum)) = cut {
            words.extend([pack_raw(length.into()), pack_raw(checksum.into())]);
        }
        let cut = cut.map(|(length, checksum)| (length.into(), checksum));
        prop_assert_eq!(operand(&words), Value::Str(Text { bytes, cut }));
    }

    #[test]
    fn any_words_are_read_and_never_a_panic(words: Vec<u64>, kinds: Vec<bool>) {
        let kind = |place: usize| if kinds.get(place).copied().unwrap_or(true) { 14 } else { 13 };
        let words: Vec<u64> = words.iter().enumerate().map(|(place, word)| word & !0xf | kind(place)).collect();
        read(&words, &Names::default(), 20);
    }
}

#[test]
fn containers_nested_beyond_all_bounds_are_no_deep_recursion() {
    let payload = container_payload(1, 1, false);
    let mut words = vec![pack(Tag::List, Role::Operand, 1, payload)];
    words.extend(std::iter::repeat_n(pack_nested(Tag::List, payload), 100_000));
    read(&words, &Names::default(), 3);
}
