//! Goes through both traces side by side, and looks for the nearest place where they go on alike after they have parted.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::feed::{Feed, Token, hash};
use crate::read::TraceError;

/// Stretches that must be alike where both go on together.
const ALIKE: usize = 6;
/// Partings that are kept; others are counted.
const KEPT: usize = 20;
/// What both executed last before a parting.
const BEFORE: usize = 3;

/// Both traces.
pub(super) struct Pair {
    pub(super) a: Feed,
    pub(super) b: Feed,
}

impl Pair {
    /// Cuts the longer of two stretches that begin alike where the shorter one ends: up to there both have executed the same.
    fn cut_alike(&mut self) -> Result<(), TraceError> {
        self.a.fill(1)?;
        self.b.fill(1)?;
        let (Some(a), Some(b)) = (self.a.front(), self.b.front()) else { return Ok(()) };
        if a.key != b.key {
            let (a, b) = (a.clone(), b.clone());
            self.a.cut_front(&b);
            self.b.cut_front(&a);
        }
        Ok(())
    }
}

/// A place where the traces part.
#[derive(Debug)]
pub(super) struct Parting {
    /// What both executed last, as each has it.
    pub(super) before: Vec<(Token, Token)>,
    /// Where each goes on; None at its end.
    pub(super) next: (Option<Token>, Option<Token>),
    /// How much of each has no counterpart, in stretches of code; None if they do not go on alike within the window.
    pub(super) alone: Option<(usize, usize)>,
    /// Nothing follows of either.
    pub(super) is_last: bool,
}

/// How two traces go together.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    /// The first stretch that both executed with different values.
    pub(super) value: Option<(Token, Token)>,
    /// How many there are.
    pub(super) values: u64,
    pub(super) partings: Vec<Parting>,
    /// How many there are.
    pub(super) parted: u64,
}

impl Aligned {
    pub(super) fn is_different(&self) -> bool {
        self.values > 0 || self.parted > 0
    }
}

/// Aligns both traces to their ends, or up to where they do not go on alike within `window` stretches of code.
pub(super) fn align(pair: &mut Pair, window: usize) -> Result<Aligned, TraceError> {
    let mut aligned = Aligned::default();
    let mut before: VecDeque<(Token, Token)> = VecDeque::new();
    let has_values = {
        pair.a.fill(1)?;
        pair.b.fill(1)?;
        pair.a.has_values() && pair.b.has_values()
    };
    loop {
        pair.cut_alike()?;
        let keys = (pair.a.fill(1)?.front().map(|token| token.key), pair.b.fill(1)?.front().map(|token| token.key));
        match keys {
            (None, None) => return Ok(aligned),
            (Some(a), Some(b)) if a == b => {
                let (Some(a), Some(b)) = (pair.a.pop(), pair.b.pop()) else { return Ok(aligned) };
                if has_values && a.values != b.values {
                    aligned.values += 1;
                    if aligned.value.is_none() {
                        aligned.value = Some((a.clone(), b.clone()));
                    }
                }
                if a.shown.is_some() || before.is_empty() || !has_values {
                    if before.len() == BEFORE {
                        before.pop_front();
                    }
                    before.push_back((a, b));
                }
            }
            _ => {
                let next = (pair.a.fill(1)?.front().cloned(), pair.b.fill(1)?.front().cloned());
                let alone = nearest(pair, window)?;
                if let Some((a, b)) = alone {
                    (0..a).for_each(|_| drop(pair.a.pop()));
                    (0..b).for_each(|_| drop(pair.b.pop()));
                }
                let is_last = pair.a.fill(1)?.is_empty() && pair.b.fill(1)?.is_empty();
                aligned.parted += 1;
                if aligned.partings.len() < KEPT {
                    aligned.partings.push(Parting { before: before.drain(..).collect(), next, alone, is_last });
                }
                if alone.is_none() {
                    return Ok(aligned);
                }
                before.clear();
            }
        }
    }
}

/// Finds how much of each must be left out so that both go on alike, as little as possible; None if that is more than the window.
fn nearest(pair: &mut Pair, window: usize) -> Result<Option<(usize, usize)>, TraceError> {
    let a: Vec<u64> = pair.a.fill(window)?.iter().take(window).map(|token| token.key).collect();
    let b: Vec<u64> = pair.b.fill(window)?.iter().take(window).map(|token| token.key).collect();
    let at_end = a.len() < window && b.len() < window;
    let mut places: FxHashMap<u64, usize> = FxHashMap::default();
    for (place, gram) in grams(&a, at_end) {
        places.entry(gram).or_insert(place);
    }
    let mut best: Option<(usize, usize)> = None;
    for (place, gram) in grams(&b, at_end) {
        if best.is_some_and(|(x, y)| place >= x + y) {
            break;
        }
        if let Some(&other) = places.get(&gram)
            && best.is_none_or(|(x, y)| other + place < x + y)
        {
            best = Some((other, place));
        }
    }
    // Both ends are alike as well.
    Ok(best.or(at_end.then_some((a.len(), b.len()))))
}

/// The places of a sequence with the hash of what stands there; at its end of what is left.
fn grams(keys: &[u64], at_end: bool) -> impl Iterator<Item = (usize, u64)> + '_ {
    let last = if at_end { keys.len() } else { (keys.len() + 1).saturating_sub(ALIKE) };
    (0..last).map(move |place| {
        let end = keys.len().min(place + ALIKE);
        (place, hash(&(end == keys.len() && at_end, &keys[place..end])))
    })
}
