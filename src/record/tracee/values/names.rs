//! The table of names on the side that gives them: each text is looked up by its content, and written where it is not there.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::trace::value::NAMES;

/// The texts that the reader's table has.
pub(super) struct GivenNames {
    texts: Vec<Box<[u8]>>,
    /// Which entry a name had that lay where this one lies: it is likely to be the same.
    recent: Box<[u16; RECENT]>,
    pub(super) classes: KnownNames,
    pub(super) functions: KnownNames,
    /// Classes whose objects are no functools.partial and the like: they are shown as any other where a method of theirs is called.
    pub(super) plain: KnownNames,
}

/// Entries of names that are known by two addresses, each valid until what lies there changes.
pub(super) struct KnownNames {
    names: Box<[KnownName; RECENT]>,
}

#[derive(Clone, Copy, Default)]
struct KnownName {
    /// 0 and 0 for none.
    by: (usize, usize),
    changes: u64,
    entry: u32,
}

impl KnownNames {
    fn new() -> KnownNames {
        KnownNames { names: Box::new([KnownName::default(); RECENT]) }
    }

    /// The entry that has the name, if it was put here and nothing has changed since.
    #[inline]
    pub(super) fn find(&self, by: (usize, usize), changes: u64) -> Option<u32> {
        let known = &self.names[place(by.0 ^ by.1.rotate_left(1))];
        (known.by == by && known.changes == changes && by.0 != 0).then_some(known.entry)
    }

    pub(super) fn put(&mut self, by: (usize, usize), changes: u64, entry: u32) {
        self.names[place(by.0 ^ by.1.rotate_left(1))] = KnownName { by, changes, entry };
    }

    /// Forgets an entry: it gets another name.
    fn forget(&mut self, entry: u32) {
        self.names.iter_mut().filter(|known| known.entry == entry).for_each(|known| known.by = (0, 0));
    }
}

/// Where in a table of [`RECENT`] places something with an address is.
#[inline]
fn place(address: usize) -> usize {
    (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - 8)
}

const _: () = assert!(RECENT == 1 << 8, "place() takes the upper 8 bits");

impl Default for GivenNames {
    fn default() -> GivenNames {
        GivenNames {
            texts: vec![Box::default(); NAMES],
            recent: Box::new([0; RECENT]),
            classes: KnownNames::new(),
            functions: KnownNames::new(),
            plain: KnownNames::new(),
        }
    }
}

const RECENT: usize = 256;

/// Bytes of a name at most; it is cut there.
const LONGEST: usize = 200;

impl GivenNames {
    /// The entry that has the name `owner.name`; true where it must be written first.
    #[inline]
    pub(super) fn find(&mut self, owner: &[u8], name: &[u8]) -> (u32, bool) {
        let recent = place(name.as_ptr().addr() ^ owner.as_ptr().addr() >> 2);
        let entry = self.recent[recent];
        if is_joined(&self.texts[usize::from(entry)], owner, name) {
            return (entry.into(), false);
        }
        let (entry, is_new) = self.look_up(owner, name);
        self.recent[recent] = entry as u16;
        (entry, is_new)
    }

    fn look_up(&mut self, owner: &[u8], name: &[u8]) -> (u32, bool) {
        let (owner, name) = (&owner[..owner.len().min(LONGEST)], &name[..name.len().min(LONGEST)]);
        let hash = hash(owner, name);
        let places = [hash as usize & (NAMES - 1), (hash >> 32) as usize & (NAMES - 1)];
        for place in places {
            if is_joined(&self.texts[place], owner, name) {
                return (place as u32, false);
            }
        }
        // The second place, unless the first is still empty: what is used often stays in the first.
        let place = if self.texts[places[0]].is_empty() { places[0] } else { places[1] };
        self.classes.forget(place as u32);
        self.functions.forget(place as u32);
        self.texts[place] = if owner.is_empty() { name.into() } else { [owner, b".", name].concat().into() };
        (place as u32, true)
    }

    pub(super) fn text(&self, name: u32) -> &[u8] {
        &self.texts[name as usize]
    }
}

#[inline]
fn is_joined(text: &[u8], owner: &[u8], name: &[u8]) -> bool {
    if owner.is_empty() {
        return text == name && !name.is_empty();
    }
    text.len() == owner.len() + 1 + name.len()
        && text[owner.len()] == b'.'
        && &text[..owner.len()] == owner
        && &text[owner.len() + 1..] == name
}

#[inline]
fn hash(owner: &[u8], name: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_usize(owner.len());
    hasher.write(owner);
    hasher.write(name);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_while_it_has_its_place() {
        let mut names = GivenNames::default();
        let (first, is_new) = names.find(b"marshal", b"loads");
        assert!(is_new);
        assert_eq!(names.text(first), b"marshal.loads");
        assert_eq!(names.find(b"marshal", b"loads"), (first, false));
        let (other, is_new) = names.find(b"", b"Foo");
        assert!(is_new && other != first);
        assert_eq!(names.find(b"", b"Foo"), (other, false));
    }

    #[test]
    fn any_number_of_names_takes_the_same_room() {
        let mut names = GivenNames::default();
        for number in 0..100_000u32 {
            let (place, _) = names.find(b"C", number.to_string().as_bytes());
            assert_eq!(names.text(place), format!("C.{number}").as_bytes());
        }
        assert_eq!(names.texts.len(), NAMES);
    }
}
