//! How exact inferred maps are: on code that the model has not seen, with opcodes permuted at random.

use super::*;

/// Of the library's modules every so manieth is held out of the model.
const HELD_OUT: usize = 8;

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// A permutation of 2.7's opcodes, in which those with an operand keep it.
fn permuted(random: &mut Random) -> OpMap {
    let opcodes = |with: bool| {
        (1..=255u8).filter(move |&number| opcode::name(number).is_some() && opcode::has_argument(number) == with)
    };
    let mut pairs = Vec::new();
    for with in [false, true] {
        let mut numbers: Vec<u8> = opcodes(with).collect();
        random.shuffle(&mut numbers);
        pairs.extend(opcodes(with).zip(numbers));
    }
    OpMap::of(pairs)
}

/// The module with other numbers.
fn remapped(numbers: &OpMap, code: &MarshalledCode) -> MarshalledCode {
    let constant = |object: &Object| match object {
        Object::Code(code) => Object::Code(Box::new(remapped(numbers, code))),
        other => other.clone(),
    };
    let constants: Vec<Object> = code.constants.iter().map(constant).collect();
    let mut bytes = code.bytes.to_vec();
    let mut at = 0;
    while let Some(number) = bytes.get_mut(at) {
        at += if opcode::has_argument(*number) { 3 } else { 1 };
        *number = numbers.get(*number).expect("compiled code");
    }
    MarshalledCode { bytes: bytes.into(), constants: constants.into(), ..code.clone() }
}

#[test]
fn survey() {
    let all: Vec<MarshalledCode> = library::modules().filter_map(|module| code_of(&module)).collect();
    for seed in 1..=3u64 {
        let mut random = Random(seed);
        let mut order: Vec<usize> = (0..all.len()).collect();
        random.shuffle(&mut order);
        let held: Vec<&MarshalledCode> = order[..all.len() / HELD_OUT].iter().map(|&at| &all[at]).collect();
        let mut counts = Counts::default();
        order[all.len() / HELD_OUT..].iter().for_each(|&at| counts.add(&all[at]));
        let model = counts.model();
        let truth = permuted(&mut random);
        let back = OpMap::of(truth.pairs().map(|(number, opcode)| (opcode, number)));
        let changed: Vec<MarshalledCode> = held.iter().map(|code| remapped(&back, code)).collect();
        for take in [4usize, 16] {
            let begin = std::time::Instant::now();
            let modules: Vec<&MarshalledCode> = changed.iter().take(take).collect();
            let guesses = infer(&model, &modules, &OpMap::of([]));
            let total: u32 = guesses.iter().map(|g| g.count).sum();
            let wrong: Vec<_> = guesses.iter().filter(|g| truth.get(g.number) != Some(g.opcode)).collect();
            let wrong_count: u32 = wrong.iter().map(|g| g.count).sum();
            println!(
                "seed {seed} modules {take}: {total} instructions, {} opcodes, {} wrong ({wrong_count} instr) {:?}; {:?}",
                guesses.len(),
                wrong.len(),
                wrong
                    .iter()
                    .map(|g| (
                        opcode::name(truth.get(g.number).unwrap_or(0)).unwrap_or("?"),
                        opcode::name(g.opcode).unwrap_or("?"),
                        g.count,
                        (g.confidence * 100.0) as u32
                    ))
                    .collect::<Vec<_>>(),
                begin.elapsed()
            );
        }
    }
}
