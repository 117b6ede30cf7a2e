//! Owns how code of Python 2.7 usually looks: which opcode follows which, and what their operands are like.  Counted in known code.

use super::context::{self, KINDS, MARKS};
use super::facts::{FEATURES, Facts, USES, plain_sizes};
use crate::bytecode::code::nested;
use crate::bytecode::object::MarshalledCode;

/// Opcodes of 2.7 are below it; it stands itself for the beginning and the end of a code object.
pub const EDGE: usize = 148;
/// Opcodes, and the edge.
pub const STATES: usize = EDGE + 1;

/// Instructions that a mark's share in all code weighs against what was counted for an opcode.
const MARK: f32 = 20.0;

/// Logarithms of probabilities.
#[derive(Debug)]
pub struct Model {
    /// Of an opcode after another, and after what stands before that.
    pub next: Vec<f32>,
    pub after_next: Vec<f32>,
    /// Of a feature of an instruction by its opcode.
    pub features: Vec<f32>,
    pub uses: Vec<f32>,
    /// Of a mark of each kind by the opcode: the opcodes of a mark stand together.
    pub marks: Vec<f32>,
    pub prior: Vec<f32>,
    /// Opcodes that occur.
    pub known: Vec<u8>,
}

/// Counts in known code, from which a model is made.
#[derive(Debug)]
pub struct Counts {
    next: Vec<u32>,
    after_next: Vec<u32>,
    features: Vec<u32>,
    uses: Vec<u32>,
    marks: Vec<u32>,
    total: Vec<u32>,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            next: vec![0; STATES * STATES],
            after_next: vec![0; STATES * STATES],
            features: vec![0; STATES * FEATURES],
            uses: vec![0; STATES * USES],
            marks: vec![0; KINDS * MARKS * STATES],
            total: vec![0; STATES],
        }
    }
}

impl Counts {
    /// Adds a module's code objects.
    pub fn add(&mut self, module: &MarshalledCode) {
        let sizes = plain_sizes();
        nested(module).for_each(|(code, _)| self.add_one(&Facts::of(code, &sizes)));
    }

    fn add_one(&mut self, facts: &Facts) {
        if facts.steps.iter().any(|step| usize::from(step.number) >= EDGE) {
            return;
        }
        let (mut before, mut last) = (EDGE, EDGE);
        for (index, step) in facts.steps.iter().enumerate() {
            let number = usize::from(step.number);
            self.next[last * STATES + number] += 1;
            self.after_next[before * STATES + number] += 1;
            self.total[number] += 1;
            facts.features(index, |feature| self.features[number * FEATURES + feature] += 1);
            let opcode = |index: usize| facts.steps[index].number;
            context::marks(facts, index, opcode, |kind, mark| self.marks[(kind * MARKS + mark) * STATES + number] += 1);
            (before, last) = (last, number);
        }
        self.next[last * STATES + EDGE] += 1;
        facts.uses(|number, how| self.uses[usize::from(number) * USES + how] += 1);
    }

    /// Makes the model.
    pub fn model(&self) -> Model {
        let sum: u32 = self.total.iter().sum();
        let log = |count: u32, more: f32, of: f32| ((count as f32 + more) / of).ln();
        let rows = |counts: &[u32], width: usize, more: f32| -> Vec<f32> {
            let row = |row: &[u32]| {
                let of = row.iter().sum::<u32>() as f32 + more * width as f32;
                row.iter().map(|&count| log(count, more, of)).collect::<Vec<_>>()
            };
            counts.chunks(width).flat_map(row).collect()
        };
        let features = self.features.chunks(FEATURES).zip(&self.total);
        let features =
            features.flat_map(|(row, &total)| row.iter().map(move |&count| log(count, 0.3, total as f32 + 1.0)));
        let marks = self.marks.chunks(STATES).flat_map(|row| {
            let share = (row.iter().sum::<u32>() as f32 + 0.5) / (sum as f32 + 1.0);
            row.iter().zip(&self.total).map(move |(&count, &total)| log(count, MARK * share, total as f32 + MARK))
        });
        Model {
            marks: marks.collect(),
            next: rows(&self.next, STATES, 0.05),
            after_next: rows(&self.after_next, STATES, 0.05),
            features: features.collect(),
            uses: rows(&self.uses, USES, 0.5),
            prior: self.total.iter().map(|&total| log(total, 0.5, sum as f32)).collect(),
            known: (0..EDGE as u8).filter(|&opcode| self.total[usize::from(opcode)] > 0).collect(),
        }
    }
}
