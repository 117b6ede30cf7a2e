//! Maps keyed by the ids that a stream gives out: small and consecutive.  Memory follows the entries that are alive, however large
//! the ids have become.

use rustc_hash::FxHashMap;

/// Ids below this are places of a list; few programs get beyond it.
const LOW: u32 = 1 << 16;

/// A map from the ids of a stream, which are looked up for every call of the traced program.
#[derive(Clone, Debug)]
pub struct ById<T> {
    low: Vec<Option<T>>,
    /// Entries in `low`.
    low_len: usize,
    /// A hostile stream can choose ids that collide, which is as slow as a list; it cannot make memory grow.
    high: FxHashMap<u32, T>,
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        ById { low: Vec::new(), low_len: 0, high: FxHashMap::default() }
    }
}

impl<T> ById<T> {
    #[inline]
    pub fn get(&self, id: u32) -> Option<&T> {
        match self.low.get(id as usize) {
            Some(value) => value.as_ref(),
            None => self.get_high(id),
        }
    }

    #[inline]
    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        if id < LOW { self.low.get_mut(id as usize)?.as_mut() } else { self.get_high_mut(id) }
    }

    /// Sets an entry; gives the one that was there.
    #[inline(always)]
    pub fn insert(&mut self, id: u32, value: T) -> Option<T> {
        if id >= LOW {
            return self.insert_high(id, value);
        }
        if self.low.len() <= id as usize {
            self.grow(id);
        }
        let before = self.low[id as usize].replace(value);
        self.low_len += usize::from(before.is_none());
        before
    }

    /// Adds an entry; changes nothing where one is.
    #[inline(always)]
    pub fn insert_new(&mut self, id: u32, value: T) {
        if id >= LOW {
            return self.insert_new_high(id, value);
        }
        if self.low.len() <= id as usize {
            self.grow(id);
        }
        if let place @ None = &mut self.low[id as usize] {
            *place = Some(value);
            self.low_len += 1;
        }
    }

    #[inline]
    pub fn remove(&mut self, id: u32) -> Option<T> {
        if id >= LOW {
            return self.remove_high(id);
        }
        let value = self.low.get_mut(id as usize)?.take()?;
        self.low_len -= 1;
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.low_len + self.high.len()
    }

    pub fn clear(&mut self) {
        self.low.clear();
        self.low_len = 0;
        self.high.clear();
    }

    /// The entries with their ids, in no certain order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let low = (0..).zip(&self.low).filter_map(|(id, value)| Some((id, value.as_ref()?)));
        low.chain(self.high.iter().map(|(id, value)| (*id, value)))
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    // What follows is rare, and kept out of the callers: hashing would cost them their registers.

    #[cold]
    fn get_high(&self, id: u32) -> Option<&T> {
        self.high.get(&id)
    }

    #[cold]
    fn get_high_mut(&mut self, id: u32) -> Option<&mut T> {
        self.high.get_mut(&id)
    }

    #[cold]
    fn insert_high(&mut self, id: u32, value: T) -> Option<T> {
        self.high.insert(id, value)
    }

    #[cold]
    fn insert_new_high(&mut self, id: u32, value: T) {
        self.high.entry(id).or_insert(value);
    }

    #[cold]
    fn remove_high(&mut self, id: u32) -> Option<T> {
        self.high.remove(&id)
    }

    #[cold]
    fn grow(&mut self, id: u32) {
        self.low.resize_with(id as usize + 1, || None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_and_high_ids_are_kept_alike() {
        let mut map = ById::default();
        for id in [0, 7, LOW - 1, LOW, u32::MAX] {
            map.insert_new(id, id);
            map.insert_new(id, 3);
            assert_eq!(map.insert(id, id / 2), Some(id));
            assert_eq!(map.get(id), Some(&(id / 2)));
            *map.get_mut(id).expect("it is there") += 1;
        }
        assert_eq!((map.insert(9, 1), map.insert(LOW + 9, 1)), (None, None));
        assert_eq!(map.remove(8), None);
        assert_eq!((map.get(8), map.get(LOW + 1)), (None, None));
        let mut ids: Vec<u32> = map.iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [0, 7, 9, LOW - 1, LOW, LOW + 9, u32::MAX]);
        assert_eq!(map.remove(LOW), Some(LOW / 2 + 1));
        assert_eq!((map.len(), map.values().count()), (6, 6));
        map.clear();
        assert_eq!((map.len(), map.values().count()), (0, 0));
    }
}
