//! Compares two runs of a program, of the original and of the clean one, code object by code object.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::behaviour::{Act, Behaviour};
use super::evidence::Executed;
use crate::bytecode::decode::units;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;

/// A code object before and after it was cleaned.
#[derive(Clone, Debug)]
pub struct Pair {
    pub name: Arc<[u8]>,
    /// The name that it has in the clean file.
    pub clean_name: Arc<[u8]>,
    pub first_line: i32,
    pub before: Arc<[u8]>,
    /// None if the clean file does not have it.
    pub after: Option<Arc<[u8]>>,
    /// Nothing was done to it, its constants and names included.
    pub is_unchanged: bool,
}

/// Where two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What the original did, and where; None if the clean program did more.
    pub original: Option<(u32, Box<[u8]>)>,
    /// What the clean program did instead; None if it did nothing more.
    pub clean: Option<(u32, Box<[u8]>)>,
}

/// What came of one pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub ran: bool,
    /// It ran for calls in whose place the clean code has what they return.
    pub ran_folded: bool,
    /// Acts of the original that the clean code did too.
    pub acts: u64,
    pub difference: Option<Difference>,
}

/// Pairs the code objects of two trees, an outer one before those among its constants, as far inside as code is cleaned.
pub fn pairs(before: &MarshalledCode, after: &MarshalledCode) -> Vec<Pair> {
    let mut found = Vec::new();
    let mut open = vec![(before, Some(after), 0)];
    while let Some((before, after, depth)) = open.pop() {
        let inner: Vec<&MarshalledCode> = inside(before).collect();
        let candidates: Vec<&MarshalledCode> = after.map_or(Vec::new(), |after| inside(after).collect());
        let matched = matched(&inner, &candidates);
        found.push(Pair {
            name: before.name.clone(),
            clean_name: after.unwrap_or(before).name.clone(),
            first_line: before.first_line,
            before: before.bytes.clone(),
            after: after.map(|after| after.bytes.clone()),
            is_unchanged: after.is_some_and(|after| is_same(before, after)),
        });
        if depth < super::DEPTH {
            open.extend(inner.into_iter().zip(matched).map(|(before, after)| (before, after, depth + 1)).rev());
        }
    }
    found
}

fn inside(code: &MarshalledCode) -> impl Iterator<Item = &MarshalledCode> {
    code.constants.iter().filter_map(|constant| match constant {
        Object::Code(code) => Some(&**code),
        _ => None,
    })
}

/// Finds the clean code object of each original one: by its place if none is gone, else the next one of its name, line and arguments.
fn matched<'a>(before: &[&MarshalledCode], after: &[&'a MarshalledCode]) -> Vec<Option<&'a MarshalledCode>> {
    if before.len() == after.len() {
        return after.iter().map(|&code| Some(code)).collect();
    }
    let mut left: Vec<Option<&MarshalledCode>> = after.iter().map(|&code| Some(code)).collect();
    let key = |code: &MarshalledCode| (code.name.clone(), code.first_line, code.argcount);
    before
        .iter()
        .map(|code| left.iter_mut().find(|other| other.is_some_and(|other| key(other) == key(code)))?.take())
        .collect()
}

/// Returns whether two code objects do the same by being the same, those among their constants aside.
fn is_same(one: &MarshalledCode, other: &MarshalledCode) -> bool {
    let constants = |code: &MarshalledCode| {
        code.constants
            .iter()
            .filter(|constant| !matches!(constant, Object::Code(_)))
            .map(|c| format!("{c:?}"))
            .collect::<Vec<_>>()
    };
    one.bytes == other.bytes
        && one.names == other.names
        && one.varnames == other.varnames
        && one.freevars == other.freevars
        && one.cellvars == other.cellvars
        && one.flags == other.flags
        && one.argcount == other.argcount
        && one.constants.len() == other.constants.len()
        && constants(one) == constants(other)
}

/// Compares what the pairs did in two runs; the result has an entry for each pair.
pub fn compare(original: &Behaviour, clean: &Behaviour, pairs: &[Pair]) -> Vec<Compared> {
    let groups = Groups::new(pairs);
    let before = sequences(original, &groups.before);
    let after = sequences(clean, &groups.after);
    let mut results = vec![Compared::default(); pairs.len()];
    let keys: BTreeSet<(usize, u32)> = before.keys().chain(after.keys()).copied().collect();
    let none = Vec::new();
    for key in keys {
        let (one, other) = (before.get(&key).unwrap_or(&none), after.get(&key).unwrap_or(&none));
        let equal = one.iter().zip(other).take_while(|(one, other)| one.digest == other.digest).count();
        let compared = &mut results[key.0];
        compared.acts += equal as u64;
        if equal < one.len().max(other.len()) && compared.difference.is_none() {
            let shown = |act: Option<&&Act>| act.map(|act| (act.offset, act.name.clone()));
            compared.difference = Some(Difference { original: shown(one.get(equal)), clean: shown(other.get(equal)) });
        }
    }
    let of_pair = |(number, pair): (usize, &Pair)| {
        let ran = original.ran.contains(&pair.before);
        let ran_folded = original.ran_folded.contains(&pair.before);
        Compared { ran, ran_folded, ..results[groups.of(number)].clone() }
    };
    pairs.iter().enumerate().map(of_pair).collect()
}

/// Pairs with equal code strings cannot be told apart in a run, so they are one group.
struct Groups {
    parents: Vec<usize>,
    before: HashMap<Arc<[u8]>, usize>,
    after: HashMap<Arc<[u8]>, usize>,
}

impl Groups {
    fn new(pairs: &[Pair]) -> Groups {
        let mut groups = Groups { parents: (0..pairs.len()).collect(), before: HashMap::new(), after: HashMap::new() };
        for (number, pair) in pairs.iter().enumerate() {
            let same = groups.before.insert(pair.before.clone(), number);
            let same_after = pair.after.as_ref().and_then(|after| groups.after.insert(after.clone(), number));
            for other in same.into_iter().chain(same_after) {
                let (one, other) = (groups.of(number), groups.of(other));
                groups.parents[one.max(other)] = one.min(other);
            }
        }
        let roots: Vec<usize> = (0..pairs.len()).map(|number| groups.of(number)).collect();
        groups.before.values_mut().chain(groups.after.values_mut()).for_each(|number| *number = roots[*number]);
        groups
    }

    fn of(&self, mut number: usize) -> usize {
        while self.parents[number] != number {
            number = self.parents[number];
        }
        number
    }
}

/// The acts of each group in each thread, in their order.
type Sequences<'a> = BTreeMap<(usize, u32), Vec<&'a Act>>;

fn sequences<'a>(run: &'a Behaviour, groups: &HashMap<Arc<[u8]>, usize>) -> Sequences<'a> {
    let mut sequences = Sequences::new();
    for act in &run.acts {
        if let Some(&group) = groups.get(&act.code) {
            sequences.entry((group, act.thread)).or_default().push(act);
        }
    }
    sequences
}

/// Returns how many sides of conditional jumps never ran, and how many sides there are.
pub fn branches(bytes: &[u8], executed: Option<&Executed>) -> (u32, u32) {
    let (mut never, mut all) = (0, 0);
    for unit in units(bytes, 0) {
        let Some(operand) = unit.last.operand.map(i32::cast_unsigned) else { continue };
        let target = match unit.last.opcode {
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                operand
            }
            op::FOR_ITER => unit.end.wrapping_add(operand),
            _ => continue,
        };
        all += 2;
        for side in [unit.end, target] {
            let ran = executed.is_some_and(|executed| executed.edges.contains_key(&(unit.start, side)));
            never += u32::from(!ran);
        }
    }
    (never, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(before: &[u8], after: &[u8]) -> Pair {
        let name: Arc<[u8]> = b"f".as_slice().into();
        let (clean_name, first_line, is_unchanged) = (name.clone(), 1, false);
        Pair { name, clean_name, first_line, before: before.into(), after: Some(after.into()), is_unchanged }
    }

    /// A run in which code objects did these things, one after the other.
    fn run(acts: &[(&[u8], u8)]) -> Behaviour {
        let act = |&(code, what): &(&[u8], u8)| Act {
            code: code.into(),
            offset: what.into(),
            thread: 0,
            name: Box::new([what]),
            digest: [what; 16],
        };
        let ran = acts.iter().map(|(code, _)| Arc::from(*code)).collect();
        Behaviour { acts: acts.iter().map(act).collect(), ran, ..Behaviour::default() }
    }

    #[test]
    fn a_difference_belongs_to_the_code_object_that_made_it() {
        let pairs = [pair(b"one", b"1"), pair(b"two", b"2"), pair(b"three", b"3")];
        let original = run(&[(b"one", 5), (b"two", 6), (b"one", 7)]);
        let clean = run(&[(b"1", 5), (b"2", 8), (b"1", 7)]);
        let found = compare(&original, &clean, &pairs);
        assert_eq!((found[0].acts, &found[0].difference, found[0].ran), (2, &None, true));
        let difference = found[1].difference.as_ref().expect("a difference");
        assert_eq!(difference.original, Some((6, Box::from([6]))));
        assert_eq!(difference.clean, Some((8, Box::from([8]))));
        assert_eq!(found[2], Compared::default());
    }

    #[test]
    fn an_act_more_or_less_is_a_difference() {
        let pairs = [pair(b"one", b"1")];
        let (once, twice) = (run(&[(b"one", 5)]), run(&[(b"1", 5), (b"1", 5)]));
        assert!(compare(&once, &twice, &pairs)[0].difference.is_some());
        let (twice, once) = (run(&[(b"one", 5), (b"one", 5)]), run(&[(b"1", 5)]));
        assert!(compare(&twice, &once, &pairs)[0].difference.is_some());
    }

    #[test]
    fn code_objects_with_equal_bytes_are_compared_together() {
        let pairs = [pair(b"one", b"same"), pair(b"two", b"same")];
        let found = compare(&run(&[(b"two", 1), (b"one", 2)]), &run(&[(b"same", 1), (b"same", 2)]), &pairs);
        assert!(found.iter().all(|compared| compared.difference.is_none() && compared.acts == 2), "{found:?}");
        let found = compare(&run(&[(b"two", 1), (b"one", 2)]), &run(&[(b"same", 2), (b"same", 1)]), &pairs);
        assert!(found.iter().all(|compared| compared.difference.is_some()), "{found:?}");
    }

    #[test]
    fn each_side_of_a_conditional_jump_is_counted() {
        let bytes = [op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 7, 0, op::NOP, op::RETURN_VALUE];
        let executed = Executed { edges: [((3, 6), 4)].into(), ..Executed::default() };
        assert_eq!(branches(&bytes, Some(&executed)), (1, 2));
        assert_eq!(branches(&bytes, None), (2, 2));
    }
}
