//! Owns inferring a map from code alone, by how code usually looks.

use super::OpMap;
use super::facts::{Facts, WithOperand, plain_sizes};
use super::model::Model;
use super::search::Problem;
use crate::bytecode::code::nested;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode;

/// Instructions that are looked at; more say nothing new.
const MOST_INSTRUCTIONS: usize = 60_000;

/// What a number seems to stand for.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    pub number: u8,
    pub opcode: u8,
    /// From 0 to 1.
    pub confidence: f32,
    /// The next best opcode.
    pub other: Option<u8>,
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
    let mut left = MOST_INSTRUCTIONS;
    let facts = codes.iter().map(|code| Facts::of(code, &with_operand));
    let facts: Vec<Facts> = facts
        .take_while(|facts| {
            let is_wanted = left > 0;
            left = left.saturating_sub(facts.steps.len());
            is_wanted
        })
        .collect();
    let problem = Problem::new(model, &facts, known);
    let found = problem.solve();
    let confidence = problem.confidence(&found);
    let all = problem.numbers.iter().zip(&found).zip(&problem.counts).zip(confidence);
    all.map(|(((&number, &opcode), &count), (confidence, other))| Guess { number, opcode, confidence, other, count })
        .collect()
}

/// The map that guesses make.
pub fn map(guesses: &[Guess]) -> OpMap {
    OpMap::of(guesses.iter().map(|guess| (guess.number, guess.opcode)))
}

/// Finds which numbers have operands: those from 90 on, unless lines then begin inside instructions.
fn sizes(codes: &[&MarshalledCode]) -> WithOperand {
    let sample: Vec<&MarshalledCode> = codes.iter().take(400).copied().collect();
    let wrong = |sizes: &WithOperand| sample.iter().map(|code| Facts::of(code, sizes).disorder()).sum::<u32>();
    let plain = plain_sizes();
    let length: usize = sample.iter().map(|code| code.bytes.len()).sum();
    if (wrong(&plain) as usize) < length / 200 {
        return plain;
    }
    let mut sizes = likely_sizes(&sample);
    let mut least = wrong(&sizes);
    let mut counts = [0u32; 256];
    sample.iter().flat_map(|code| code.bytes.iter()).for_each(|&byte| counts[usize::from(byte)] += 1);
    let mut order: Vec<usize> = (0..256).filter(|&number| counts[number] > 0).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(counts[number]));
    for _ in 0..8 {
        let before = least;
        for &number in &order {
            sizes[number] = !sizes[number];
            let now = wrong(&sizes);
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
    sizes
}

/// A number seems to have an operand if a zero, the high byte, usually follows the byte after it where a line begins.
fn likely_sizes(codes: &[&MarshalledCode]) -> WithOperand {
    let mut zeros = [[0u32; 2]; 256];
    for code in codes {
        let mut at = 0usize;
        let mut look = |at: usize| {
            if let Some(&[number, _, high]) = code.bytes.get(at..at + 3) {
                zeros[usize::from(number)][usize::from(high == 0)] += 1;
            }
        };
        look(0);
        for pair in code.lnotab.chunks_exact(2) {
            at += usize::from(pair[0]);
            look(at);
        }
    }
    std::array::from_fn(|number| {
        let [others, zeros] = zeros[number];
        if others + zeros == 0 { number >= 90 } else { zeros > 2 * others }
    })
}
