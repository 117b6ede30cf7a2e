//! Owns inferring a map from code alone, by how code usually looks.

use std::borrow::Cow;

use super::OpMap;
use super::facts::{Facts, WithOperand, plain_sizes};
use super::model::Model;
use super::search::Problem;
use crate::bytecode::code::nested;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode;

/// Bytes of code that are looked at, some 60,000 instructions; more say nothing new.
const MOST_CODE: usize = 140_000;
/// Bytes of code that are looked at to find which numbers have operands.
const MOST_BYTES: usize = 20_000;

/// What a number seems to stand for.
#[derive(Clone, Debug)]
pub struct Guess {
    pub number: u8,
    pub opcode: u8,
    /// From 0 to 1.
    pub confidence: f32,
    /// Other opcodes that it could be, the likeliest first.
    pub others: Vec<u8>,
    /// How often the number occurs in the instructions that were looked at.
    pub count: u32,
}

/// Infers what the numbers stand for that occur in some code objects and all that they hold.
/// What `known` has is taken from there.
pub fn infer(model: &Model, modules: &[&MarshalledCode], known: &OpMap) -> Vec<Guess> {
    let codes: Vec<&MarshalledCode> = modules
        .iter()
        .flat_map(|module| nested(module).map(|(code, _)| code))
        .filter(|code| !code.bytes.is_empty())
        .collect();
    let mut with_operand = sizes(&codes);
    known.pairs().for_each(|(number, opcode)| with_operand[usize::from(number)] = opcode::has_argument(opcode));
    let facts: Vec<Facts> = sample(&codes, MOST_CODE).iter().map(|code| Facts::of(code, &with_operand)).collect();
    let mut problem = Problem::new(model, &facts, known);
    let found = problem.solve();
    let confidence = problem.confidence(&found);
    let all = problem.numbers.iter().zip(&found).zip(&problem.counts).zip(confidence);
    all.map(|(((&number, &opcode), &count), (confidence, others))| Guess { number, opcode, confidence, others, count })
        // There are more numbers than opcodes: one was left over.
        .filter(|guess| guess.opcode != opcode::op::STOP_CODE)
        .collect()
}

/// The map that guesses make.
pub fn map(guesses: &[Guess]) -> OpMap {
    OpMap::of(guesses.iter().map(|guess| (guess.number, guess.opcode)))
}

/// The first code objects; of the last one only as many bytes as are left.
fn sample<'a>(codes: &[&'a MarshalledCode], most: usize) -> Vec<Cow<'a, MarshalledCode>> {
    let (mut left, mut found) = (most, Vec::new());
    for &code in codes.iter() {
        match code.bytes.get(..left) {
            Some([]) => break,
            Some(first) => found.push(Cow::Owned(MarshalledCode { bytes: first.into(), ..code.clone() })),
            None => found.push(Cow::Borrowed(code)),
        }
        left = left.saturating_sub(code.bytes.len());
    }
    found
}

/// Finds which numbers have operands: those from 90 on, unless lines then begin inside instructions.
fn sizes(codes: &[&MarshalledCode]) -> WithOperand {
    let sample = sample(codes, MOST_BYTES);
    let sample: Vec<&MarshalledCode> = sample.iter().map(AsRef::as_ref).collect();
    let plain = plain_sizes();
    let length: usize = sample.iter().map(|code| code.bytes.len()).sum();
    let disorder: u32 = sample.iter().map(|code| Facts::of(code, &plain).disorder()).sum();
    if (disorder as usize) < length / 200 {
        return plain;
    }
    let beginnings = [
        likely_sizes(&sample, |_| true),
        likely_sizes(&sample, |_| false),
        likely_sizes(&sample, |number| number >= 90),
    ];
    let found = beginnings.map(|sizes| climb(&sample, sizes));
    found.into_iter().min_by_key(|(misfit, _)| *misfit).map_or(plain, |(_, sizes)| sizes)
}

/// Changes one number after the other as long as fewer things speak against it.
fn climb(sample: &[&MarshalledCode], mut sizes: WithOperand) -> (u32, WithOperand) {
    let misfit =
        |sizes: &WithOperand| sample.iter().map(|code| Facts::of(code, sizes).misfit(&code.bytes)).sum::<u32>();
    let mut counts = [0u32; 256];
    sample.iter().flat_map(|code| code.bytes.iter()).for_each(|&byte| counts[usize::from(byte)] += 1);
    let mut order: Vec<usize> = (0..256).filter(|&number| counts[number] > 0).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(counts[number]));
    let mut least = misfit(&sizes);
    for _ in 0..6 {
        let before = least;
        for &number in &order {
            sizes[number] = !sizes[number];
            let now = misfit(&sizes);
            if now < least {
                least = now;
            } else {
                sizes[number] = !sizes[number];
            }
        }
        if least == before {
            break;
        }
    }
    (least, sizes)
}

/// A number seems to have an operand if the third byte, the high one, is usually zero; again and again, since what is an instruction hangs on
/// it.  Of a number that no line begins with, `first` says what it has at first.
fn likely_sizes(codes: &[&MarshalledCode], first: impl Fn(usize) -> bool) -> WithOperand {
    let decide = |zeros: &[[u32; 2]; 256], before: &dyn Fn(usize) -> bool| -> WithOperand {
        std::array::from_fn(|number| {
            let [others, zeros] = zeros[number];
            if others + zeros == 0 { before(number) } else { 2 * zeros > 3 * others }
        })
    };
    let mut zeros = [[0u32; 2]; 256];
    for code in codes {
        let mut at = 0;
        let starts = code.lnotab.chunks_exact(2).map(|pair| {
            at += usize::from(pair[0]);
            at
        });
        [0].into_iter().chain(starts).for_each(|at| note(&code.bytes, at, &mut zeros));
    }
    let mut sizes = decide(&zeros, &first);
    for _ in 0..8 {
        let mut zeros = [[0u32; 2]; 256];
        for code in codes {
            let steps = Facts::of(code, &sizes).steps;
            steps.iter().for_each(|step| note(&code.bytes, step.offset as usize, &mut zeros));
        }
        sizes = decide(&zeros, &|number| sizes[number]);
    }
    sizes
}

/// Counts whether the third byte of what may be an instruction is zero.
fn note(bytes: &[u8], at: usize, zeros: &mut [[u32; 2]; 256]) {
    if let Some(&[number, _, high]) = bytes.get(at..at + 3) {
        zeros[usize::from(number)][usize::from(high == 0)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal::tests::hello;

    #[test]
    fn a_sample_has_no_more_bytes_than_asked_for() {
        let code = MarshalledCode { bytes: vec![9; 100].into(), ..hello() };
        let lengths = |most| sample(&[&code, &code], most).iter().map(|code| code.bytes.len()).collect::<Vec<_>>();
        assert_eq!(lengths(300), [100, 100]);
        assert_eq!(lengths(150), [100, 50]);
        assert_eq!(lengths(100), [100]);
        assert_eq!(lengths(7), [7]);
    }
}
