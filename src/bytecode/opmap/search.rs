//! Owns the search for the likeliest map: from several beginnings, uphill by one number at a time, then by what the value stack says.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::OpMap;
use super::context::{self, MARKS};
use super::facts::{FEATURES, Facts, USES};
use super::model::{EDGE, Model, STATES};
use super::stack;
use crate::bytecode::opcode;

/// What one contradiction of the value stack weighs, in units of a natural logarithm.
const WEIGHT: f32 = 4.0;
/// What the opcode before the last one says counts so much of what the last one says.
const FARTHER: f32 = 0.3;
/// What stands around an instruction says so much, of what its marks say each.
const AROUND: f32 = 0.4;
/// How often what stands around is looked at again.
const ROUNDS: usize = 3;
/// Beginnings that are followed to their end; a small problem has more of them, for its likelihood has more peaks.
const BEGINNINGS: u64 = 6;
const SMALL: u32 = 1_000;
/// The likeliest opcodes of a number that the value stack is asked about.
const ASKED: usize = 12;
/// Other opcodes that are named for a number.
const NAMED: usize = 5;
/// Passes over all numbers at most.
const PASSES: usize = 30;
/// Looks at pairs of numbers, and at instructions for the value stack's sake, after which the search takes what it has.  The code of a large
/// program takes a fifth; what is hardly code has no peak to climb.
const MOST_WORK: u64 = 1 << 29;

/// The numbers of some code, counted as the model counts opcodes.
pub struct Problem<'a> {
    model: &'a Model,
    facts: &'a [Facts],
    /// What is known already.
    fixed: &'a OpMap,
    /// Several numbers may stand for one opcode, as some of those that are known do.
    is_shared: bool,
    /// The numbers that occur, and how often.
    pub numbers: Vec<u8>,
    pub counts: Vec<u32>,
    /// Whether each has operands.
    with_operand: Vec<bool>,
    /// How often one follows another, and the one after; the edge comes last.
    next: Vec<f32>,
    after_next: Vec<f32>,
    /// What features and uses say, for each number and opcode.
    alone: Vec<f32>,
    /// What stands around says, for each number and opcode, by the assignment that was looked at last.
    around: Vec<f32>,
    /// What the search has taken, of [`MOST_WORK`].
    work: Cell<u64>,
}

/// An opcode for each number of a problem.
pub type Assignment = Vec<u8>;

impl<'a> Problem<'a> {
    pub fn new(model: &'a Model, facts: &'a [Facts], fixed: &'a OpMap) -> Problem<'a> {
        let mut counts = [0u32; 256];
        let mut has_operand = [false; 256];
        for step in facts.iter().flat_map(|facts| &facts.steps) {
            counts[usize::from(step.number)] += 1;
            has_operand[usize::from(step.number)] |= step.operand.is_some();
        }
        let numbers: Vec<u8> = (0..=255).filter(|&number| counts[usize::from(number)] > 0).collect();
        let width = numbers.len() + 1;
        let mut problem = Problem {
            model,
            facts,
            fixed,
            is_shared: fixed.pairs().count() > fixed.pairs().map(|(_, opcode)| opcode).collect::<BTreeSet<_>>().len(),
            counts: numbers.iter().map(|&number| counts[usize::from(number)]).collect(),
            with_operand: numbers.iter().map(|&number| has_operand[usize::from(number)]).collect(),
            next: vec![0.0; width * width],
            after_next: vec![0.0; width * width],
            alone: vec![0.0; numbers.len() * STATES],
            around: vec![0.0; numbers.len() * STATES],
            work: Cell::new(0),
            numbers,
        };
        problem.count();
        problem
    }

    fn count(&mut self) {
        let edge = self.numbers.len();
        let width = edge + 1;
        let mut place = [0; 256];
        self.numbers.iter().enumerate().for_each(|(index, &number)| place[usize::from(number)] = index);
        let mut features = vec![0.0; edge * FEATURES];
        let mut uses = vec![0.0; edge * USES];
        for facts in self.facts {
            let (mut before, mut last) = (edge, edge);
            for (index, step) in facts.steps.iter().enumerate() {
                let number = place[usize::from(step.number)];
                self.next[last * width + number] += 1.0;
                self.after_next[before * width + number] += 1.0;
                facts.features(index, |feature| features[number * FEATURES + feature] += 1.0);
                (before, last) = (last, number);
            }
            self.next[last * width + edge] += 1.0;
            facts.uses(|number, how| uses[place[usize::from(number)] * USES + how] += 1.0);
        }
        for number in 0..edge {
            for opcode in 0..EDGE {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                let of = |all: &[f32], row: usize, width: usize| all[row * width..(row + 1) * width].to_vec();
                self.alone[number * STATES + opcode] =
                    dot(&of(&features, number, FEATURES), &of(&self.model.features, opcode, FEATURES))
                        + dot(&of(&uses, number, USES), &of(&self.model.uses, opcode, USES));
            }
        }
    }

    /// The opcodes that a number can stand for.
    fn domain(&self, number: usize) -> impl Iterator<Item = u8> + '_ {
        let fixed = self.fixed.get(self.numbers[number]);
        let known = self.model.known.iter().copied().filter(move |&opcode| {
            let is_free = self.is_shared || self.fixed.pairs().all(|(_, taken)| taken != opcode);
            is_free && opcode::has_argument(opcode) == self.with_operand[number]
        });
        fixed.into_iter().chain(known.filter(move |_| fixed.is_none()))
    }

    fn state(&self, of: &[u8], number: usize) -> usize {
        of.get(number).map_or(EDGE, |&opcode| usize::from(opcode))
    }

    /// What the terms of one number add to the likelihood, those between it and `other` left out.
    fn part(&self, of: &[u8], number: usize, other: Option<usize>) -> f32 {
        let width = self.numbers.len() + 1;
        let mine = self.state(of, number);
        let mut sum = self.alone[number * STATES + mine] + self.around[number * STATES + mine];
        for neighbour in (0..width).filter(|&neighbour| Some(neighbour) != other) {
            let theirs = self.state(of, neighbour);
            sum += self.pair(number, neighbour, mine, theirs);
            if neighbour != number {
                sum += self.pair(neighbour, number, theirs, mine);
            }
        }
        sum
    }

    fn pair(&self, first: usize, second: usize, first_state: usize, second_state: usize) -> f32 {
        let width = self.numbers.len() + 1;
        let (at, states) = (first * width + second, first_state * STATES + second_state);
        self.next[at] * self.model.next[states] + FARTHER * self.after_next[at] * self.model.after_next[states]
    }

    /// What changes if a number gets another opcode; the number that has it now, if one has, gets the old one.
    fn gain(&self, of: &mut [u8], number: usize, opcode: u8) -> (f32, Option<usize>) {
        self.spend(4 * (self.numbers.len() + 1));
        let old = of[number];
        let other = if self.is_shared { None } else { of.iter().position(|&taken| taken == opcode) };
        let both =
            |of: &[u8]| self.part(of, number, None) + other.map_or(0.0, |other| self.part(of, other, Some(number)));
        let before = both(of);
        exchange(of, number, opcode, other);
        let after = both(of);
        exchange(of, number, old, other);
        if let Some(other) = other {
            of[other] = opcode;
        }
        (after - before, other)
    }

    fn spend(&self, work: usize) {
        self.work.set(self.work.get() + work as u64);
    }

    fn is_spent(&self) -> bool {
        self.work.get() >= MOST_WORK
    }

    /// The likelihood of all, as far as it depends on the assignment.
    fn total(&self, of: &[u8]) -> f32 {
        let width = self.numbers.len() + 1;
        let alone: f32 = (0..of.len()).map(|number| self.alone[number * STATES + usize::from(of[number])]).sum();
        let pairs = (0..width).flat_map(|first| (0..width).map(move |second| (first, second)));
        alone + pairs.map(|(a, b)| self.pair(a, b, self.state(of, a), self.state(of, b))).sum::<f32>()
    }

    fn score(&self, of: &[u8]) -> f32 {
        self.total(of) - self.disorder(of)
    }

    fn disorder(&self, of: &[u8]) -> f32 {
        let mut map = [None; 256];
        self.numbers.iter().zip(of).for_each(|(&number, &opcode)| map[usize::from(number)] = Some(opcode));
        let one = |facts: &Facts| {
            self.spend(facts.steps.len());
            let all = facts.numbered(|number| map[usize::from(number)]);
            stack::disorder(&all, facts.length, facts.stacksize)
        };
        WEIGHT * self.facts.iter().map(one).sum::<u32>() as f32
    }

    /// The likeliest assignment that was found.
    pub fn solve(&mut self) -> Assignment {
        let mut of = self.first();
        for _ in 0..if self.is_crowded() { 0 } else { ROUNDS } {
            self.look_around(&of);
            let next = self.refine(self.climb(of.clone()));
            if next == of {
                break;
            }
            of = next;
        }
        of
    }

    /// Works out what stands around each number, read by an assignment.
    fn look_around(&mut self, of: &[u8]) {
        let mut place = [0; 256];
        self.numbers.iter().enumerate().for_each(|(index, &number)| place[usize::from(number)] = index);
        self.around.fill(0.0);
        for facts in self.facts {
            let opcode = |index: usize| of[place[usize::from(facts.steps[index].number)]];
            for (index, step) in facts.steps.iter().enumerate() {
                let at = place[usize::from(step.number)] * STATES;
                let row = &mut self.around[at..at + STATES];
                context::marks(facts, index, opcode, |kind, mark| {
                    let of = (kind * MARKS + mark) * STATES;
                    row.iter_mut()
                        .zip(&self.model.marks[of..of + STATES])
                        .for_each(|(sum, mark)| *sum += AROUND * mark);
                });
            }
        }
    }

    /// There are more numbers than opcodes: what is read is hardly code, and each step takes long.
    fn is_crowded(&self) -> bool {
        self.numbers.len() > EDGE
    }

    /// The likeliest assignment without what stands around.
    fn first(&self) -> Assignment {
        let instructions: u32 = self.counts.iter().sum();
        let beginnings = match instructions {
            _ if self.is_crowded() => 1,
            ..SMALL => 4 * BEGINNINGS,
            _ => BEGINNINGS,
        };
        let mut climbed: Vec<Assignment> = (0..beginnings).map(|seed| self.climb(self.begin(seed))).collect();
        climbed.sort_unstable();
        climbed.dedup();
        let mut scored: Vec<_> = climbed.into_iter().map(|found| (self.score(&found), found)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(BEGINNINGS as usize);
        let all = scored.into_iter().map(|(_, found)| self.refine(found)).map(|found| (self.score(&found), found));
        let best = all.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map_or(Vec::new(), |(_, found)| found)
    }

    /// Gives each number, the frequent ones first, the opcode that it alone suggests, with some chance.
    fn begin(&self, seed: u64) -> Assignment {
        let mut order: Vec<usize> = (0..self.numbers.len()).collect();
        order.sort_by_key(|&number| std::cmp::Reverse(self.counts[number]));
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (mut of, mut taken) = (vec![0; order.len()], [false; 256]);
        for number in order {
            let count = self.counts[number] as f32;
            let mut best = (f32::NEG_INFINITY, 0);
            for opcode in self.domain(number).filter(|&opcode| self.is_shared || !taken[usize::from(opcode)]) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let chance = (random >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
                let score = self.alone[number * STATES + usize::from(opcode)]
                    + count * self.model.prior[usize::from(opcode)]
                    + 4.0 * chance * count.sqrt();
                if score > best.0 {
                    best = (score, opcode);
                }
            }
            of[number] = best.1;
            taken[usize::from(best.1)] = true;
        }
        of
    }

    fn climb(&self, mut of: Assignment) -> Assignment {
        for _ in 0..PASSES {
            let mut has_changed = false;
            for number in (0..of.len()).take_while(|_| !self.is_spent()) {
                let domain: Vec<u8> = self.domain(number).filter(|&opcode| opcode != of[number]).collect();
                let gains = domain.into_iter().map(|opcode| (self.gain(&mut of, number, opcode), opcode));
                let best = gains.reduce(|best, other| if other.0.0 > best.0.0 { other } else { best });
                if let Some(((gain, other), opcode)) = best
                    && gain > 1e-3
                {
                    exchange(&mut of, number, opcode, other);
                    has_changed = true;
                }
            }
            if !has_changed {
                break;
            }
        }
        of
    }

    /// Goes on uphill with what the value stack says: first the rare numbers, of which the rest says least.
    fn refine(&self, mut of: Assignment) -> Assignment {
        let mut order: Vec<usize> = (0..of.len()).collect();
        order.sort_by_key(|&number| self.counts[number]);
        let mut disorder = self.disorder(&of);
        for _ in 0..4 {
            let mut has_changed = false;
            for &number in order.iter().take_while(|_| !self.is_spent()) {
                let found = self.alternatives(&mut of, number, disorder, ASKED);
                if let Some(best) = found.first().filter(|best| best.gain > 1e-3) {
                    exchange(&mut of, number, best.opcode, best.other);
                    disorder = best.disorder;
                    has_changed = true;
                }
            }
            if !has_changed {
                break;
            }
        }
        of
    }

    /// The best other opcodes of a number with all that is known, the best first.
    fn alternatives(&self, of: &mut Assignment, number: usize, disorder: f32, most: usize) -> Vec<Alternative> {
        let domain: Vec<u8> = self.domain(number).filter(|&opcode| opcode != of[number]).collect();
        let mut found: Vec<Alternative> = domain
            .into_iter()
            .map(|opcode| {
                let (gain, other) = self.gain(of, number, opcode);
                Alternative { opcode, other, gain, disorder: 0.0 }
            })
            .collect();
        found.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        found.truncate(most);
        for alternative in &mut found {
            let old = of[number];
            exchange(of, number, alternative.opcode, alternative.other);
            alternative.disorder = self.disorder(of);
            exchange(of, number, old, alternative.other);
            if let Some(other) = alternative.other {
                of[other] = alternative.opcode;
            }
            alternative.gain -= alternative.disorder - disorder;
        }
        found.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        found
    }

    /// How sure each opcode of an assignment is, from 0 to 1, and which ones are the next best.
    pub fn confidence(&self, of: &Assignment) -> Vec<(f32, Vec<u8>)> {
        /// Neighbouring instructions depend on each other: the likelihood counts the same evidence several times.
        const REPEATED: f32 = 4.0;
        let (mut of, disorder) = (of.clone(), self.disorder(of));
        let one = |number| {
            let others = self.alternatives(&mut of, number, disorder, ASKED);
            let doubt: f32 = others.iter().map(|other| (other.gain / REPEATED).exp()).sum();
            (1.0 / (1.0 + doubt), others.iter().take(NAMED).map(|other| other.opcode).collect())
        };
        (0..self.numbers.len()).map(one).collect()
    }
}

/// Another opcode for a number: who has it now, and what it would gain.
struct Alternative {
    opcode: u8,
    other: Option<usize>,
    gain: f32,
    disorder: f32,
}

/// Gives a number an opcode, and its old one to the number that had it.
fn exchange(of: &mut [u8], number: usize, opcode: u8, other: Option<usize>) {
    let old = std::mem::replace(&mut of[number], opcode);
    if let Some(other) = other {
        of[other] = old;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal::tests::hello;
    use crate::bytecode::object::MarshalledCode;
    use crate::bytecode::opcode::op;
    use crate::bytecode::opmap::facts::plain_sizes;
    use crate::bytecode::opmap::model::Counts;

    #[test]
    fn a_search_that_has_no_work_left_takes_what_it_has() {
        let all: Vec<u8> = (1..=op::UNARY_INVERT).filter(|&number| opcode::name(number).is_some()).collect();
        let code = MarshalledCode { bytes: all.into(), ..hello() };
        let mut counts = Counts::default();
        counts.add(&code);
        let (model, facts, known) = (counts.model(), [Facts::of(&code, &plain_sizes())], OpMap::of([]));
        let work = |spent| {
            let mut problem = Problem::new(&model, &facts, &known);
            problem.work.set(spent);
            let found = problem.solve();
            assert_eq!(found.len(), problem.numbers.len());
            problem.work.get() - spent
        };
        assert!(work(MOST_WORK) < work(0) / 2, "{} of {}", work(MOST_WORK), work(0));
    }
}
