//! Owns the order in which dicts and sets hold their items: that of 2.7's hash tables (Objects/dictobject.c
//! and setobject.c, which grow and probe alike), filled in the order in which a file lists the items.

use super::hash::{self, Work};
use super::object::Object;

/// Where the order of a dict's or set's items comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The items stand as the VM holds them.
    Given,
    /// The items stand as a file lists them; the VM's hash table decides. Where an item hashes by its
    /// address (None, Ellipsis) or the work would go beyond bounds, the file's order is kept.
    Hashed,
}

/// Items in the order to show them in.
#[derive(Debug)]
pub enum Arranged<'o> {
    Given(std::slice::Iter<'o, Object>),
    Hashed(std::vec::IntoIter<&'o Object>),
}

impl<'o> Iterator for Arranged<'o> {
    type Item = &'o Object;

    fn next(&mut self) -> Option<&'o Object> {
        match self {
            Arranged::Given(items) => items.next(),
            Arranged::Hashed(items) => items.next(),
        }
    }
}

impl Order {
    /// Arranges the items of a set; `work` pays for each byte hashed and each slot probed.
    pub fn items<'o>(self, items: &'o [Object], work: &mut u64) -> Arranged<'o> {
        self.arrange(items, 1, &mut Work::new(work))
    }

    /// Arranges the alternating keys and values of a dict.
    pub fn pairs<'o>(self, items: &'o [Object], work: &mut u64) -> Arranged<'o> {
        self.arrange(items, 2, &mut Work::new(work))
    }

    fn arrange<'o>(self, items: &'o [Object], stride: usize, work: &mut Work<'_>) -> Arranged<'o> {
        if self == Order::Given {
            return Arranged::Given(items.iter());
        }
        match fill(items, stride, work) {
            Some(table) => {
                let arranged: Vec<&Object> = table.slots.into_iter().flatten().flat_map(|slot| slot.show).collect();
                Arranged::Hashed(arranged.into_iter())
            }
            None => Arranged::Given(items.iter()),
        }
    }
}

/// Returns a set's items, each once, with their hashes.
pub(super) fn distinct<'o>(items: &'o [Object], work: &mut Work<'_>) -> Option<Vec<(i64, &'o Object)>> {
    let table = fill(items, 1, work)?;
    Some(table.slots.iter().flatten().map(|slot| (slot.hash, slot.key)).collect())
}

/// The number of slots that a table begins with (PyDict_MINSIZE, PySet_MINSIZE).
const SMALLEST: usize = 8;
const PERTURB_SHIFT: u32 = 5;

struct Entry<'o> {
    hash: i64,
    key: &'o Object,
    /// What to show of it: a set's item, or a dict's key and its newest value.
    show: Vec<&'o Object>,
}

struct Table<'o> {
    slots: Vec<Option<Entry<'o>>>,
    used: usize,
}

fn fill<'o>(items: &'o [Object], stride: usize, work: &mut Work<'_>) -> Option<Table<'o>> {
    let mut table = Table { slots: Vec::new(), used: 0 };
    table.slots.resize_with(SMALLEST, || None);
    for group in items.chunks_exact(stride) {
        let hash = hash::hash(&group[0], work)?;
        table.insert(Entry { hash, key: &group[0], show: group.iter().collect() }, work)?;
    }
    Some(table)
}

impl<'o> Table<'o> {
    fn insert(&mut self, mut new: Entry<'o>, work: &mut Work<'_>) -> Option<()> {
        let place = self.find(new.hash, Some(new.key), work)?;
        if let Some(old) = &mut self.slots[place] {
            // The first of equal keys stays, with the newest value.
            old.show[1..].swap_with_slice(&mut new.show[1..]);
            return Some(());
        }
        self.slots[place] = Some(new);
        self.used += 1;
        if self.used * 3 >= self.slots.len() * 2 {
            self.grow(work)?;
        }
        Some(())
    }

    /// Returns the slot that holds an equal key or the free one where it belongs (lookdict, set_lookkey).
    fn find(&self, hash: i64, key: Option<&Object>, work: &mut Work<'_>) -> Option<usize> {
        let mask = self.slots.len() as u64 - 1;
        let mut place = hash as u64 & mask;
        let mut perturb = hash as u64;
        loop {
            work.pay(1)?;
            match &self.slots[(place & mask) as usize] {
                None => return Some((place & mask) as usize),
                Some(slot) if slot.hash == hash => {
                    if let Some(key) = key
                        && hash::equal(slot.key, key, work)?
                    {
                        return Some((place & mask) as usize);
                    }
                }
                Some(_) => {}
            }
            place = place.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1);
            perturb >>= PERTURB_SHIFT;
        }
    }

    /// Quadruples the table, or doubles a large one (dictresize, set_table_resize).
    fn grow(&mut self, work: &mut Work<'_>) -> Option<()> {
        let least = self.used * if self.used > 50_000 { 2 } else { 4 };
        let mut size = SMALLEST;
        while size <= least {
            size *= 2;
        }
        work.pay(size)?;
        let mut empty = Vec::new();
        empty.resize_with(size, || None);
        for slot in std::mem::replace(&mut self.slots, empty).into_iter().flatten() {
            let place = self.find(slot.hash, None, work)?;
            self.slots[place] = Some(slot);
        }
        Some(())
    }
}
