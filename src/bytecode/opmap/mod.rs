//! Owns maps of opcode numbers: code of an interpreter whose opcodes have other numbers than 2.7's is read and translated by one.
//! `json` reads and writes the file, `read` decodes code by a map, `translate` makes code that 2.7 executes, `align` and `infer` find a
//! map that nobody has written down.

pub mod align;
pub mod candidates;
mod context;
mod facts;
pub mod infer;
mod json;
pub mod model;
pub mod read;
mod search;
mod stack;
pub mod translate;

pub use read::{Reading, Sizes, Tables};
pub use translate::{Choice, choose, translate_whole, translated};

use super::opcode;

/// Which opcode of 2.7 each number stands for.  Several numbers may stand for one opcode, and a number for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpMap {
    to: [Option<u8>; 256],
}

impl OpMap {
    /// The map of plain 2.7: each opcode that it defines, and that ceval.c executes, stands for itself.
    pub fn plain() -> OpMap {
        OpMap::of((1..=255).filter(|&number| opcode::name(number).is_some()).map(|number| (number, number)))
    }

    /// Makes a map of pairs of a number and the opcode of 2.7 that it stands for; the last pair of a number counts.
    pub fn of(pairs: impl IntoIterator<Item = (u8, u8)>) -> OpMap {
        let mut to = [None; 256];
        pairs.into_iter().for_each(|(number, opcode)| to[usize::from(number)] = Some(opcode));
        OpMap { to }
    }

    /// The opcode of 2.7 that a number stands for.
    #[inline]
    pub fn get(&self, number: u8) -> Option<u8> {
        self.to[usize::from(number)]
    }

    /// The pairs, by number.
    pub fn pairs(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        (0..=255).zip(&self.to).filter_map(|(number, opcode)| Some((number, (*opcode)?)))
    }

    /// Whether a number with an operand stands for an opcode without one, or the reverse, as far as numbers from 90 on have operands.
    pub fn changes_sizes(&self) -> bool {
        self.pairs().any(|(number, opcode)| opcode::has_argument(number) != opcode::has_argument(opcode))
    }

    /// Reads a map that [`OpMap::encode`] has written; None if it is damaged.
    pub fn decode(bytes: &[u8]) -> Option<OpMap> {
        let pairs = bytes.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        let is_whole = bytes.len().is_multiple_of(2) && pairs.clone().all(|(_, opcode)| opcode::name(opcode).is_some());
        is_whole.then(|| OpMap::of(pairs))
    }

    /// The map as bytes, for another process of this program.
    pub fn encode(&self) -> Vec<u8> {
        self.pairs().flat_map(|(number, opcode)| [number, opcode]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_decoded_as_it_was_encoded() {
        let map = OpMap::of([(3, 100), (200, 1), (4, 100)]);
        assert_eq!(OpMap::decode(&map.encode()), Some(map));
        assert_eq!(OpMap::decode(&[1]), None);
        assert_eq!(OpMap::decode(&[1, 255]), None);
    }

    #[test]
    fn sizes_change_only_across_have_argument() {
        assert!(!OpMap::plain().changes_sizes());
        assert!(!OpMap::of([(1, 83), (99, 100)]).changes_sizes());
        assert!(OpMap::of([(99, 83)]).changes_sizes());
        assert!(OpMap::of([(1, 100)]).changes_sizes());
    }
}
