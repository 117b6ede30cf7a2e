//! Numbers for objects, in the order of first sight.  No reference is kept and no death is heard of, so a number stands for an
//! address and a type, until an object is seen to be made there: one that C code makes unseen at the place of a dead one of its type
//! gets the number of that.

/// A place of the table.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// 0 for none.
    address: usize,
    of_type: usize,
    number: u32,
}

/// The numbers, by address: as many entries as there were addresses, so bounded by the program's memory.
pub(super) struct Numbers {
    entries: Vec<Entry>,
    used: usize,
    next: u32,
}

/// Entries at the beginning.
const FIRST: usize = 1 << 12;

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers { entries: vec![Entry::default(); FIRST], used: 0, next: 1 }
    }
}

impl Numbers {
    /// The object's number, a new one where no object of its type was seen there last.
    #[inline]
    pub(super) fn of(&mut self, address: usize, of_type: usize) -> u32 {
        let place = self.place(address);
        let entry = &mut self.entries[place];
        if entry.address == address && entry.of_type == of_type {
            return entry.number;
        }
        self.give(place, address, of_type)
    }

    /// Gives a new number to an object that has just been made.
    pub(super) fn renew(&mut self, address: usize, of_type: usize) {
        let place = self.place(address);
        self.give(place, address, of_type);
    }

    #[cold]
    fn give(&mut self, place: usize, address: usize, of_type: usize) -> u32 {
        let number = self.next;
        self.next = if number == crate::trace::value::MOST_NUMBER { 1 } else { number + 1 };
        self.used += usize::from(self.entries[place].address == 0);
        self.entries[place] = Entry { address, of_type, number };
        if self.used * 2 > self.entries.len() {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let mut larger = Vec::new();
        if larger.try_reserve_exact(self.entries.len() * 2).is_err() {
            // Without memory for more, all objects get new numbers.
            self.entries.fill(Entry::default());
            self.used = 0;
            return;
        }
        larger.resize(self.entries.len() * 2, Entry::default());
        let entries = std::mem::replace(&mut self.entries, larger);
        for entry in entries.into_iter().filter(|entry| entry.address != 0) {
            let place = self.place(entry.address);
            self.entries[place] = entry;
        }
    }

    /// Where an address is, or would be.
    #[inline]
    fn place(&self, address: usize) -> usize {
        let mask = self.entries.len() - 1;
        // 2^64 divided by the golden ratio; objects are 16 bytes apart or 8.
        let mut place = (address as u64 >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 32 & mask;
        loop {
            let there = self.entries[place].address;
            if there == address || there == 0 {
                return place;
            }
            place = (place + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_as_long_as_address_and_type_do() {
        let mut numbers = Numbers::default();
        let first: Vec<u32> = (1..100_000).map(|object| numbers.of(object * 16, 7)).collect();
        assert_eq!(first, (1..100_000).collect::<Vec<u32>>());
        assert!((1..100_000).all(|object| numbers.of(object * 16, 7) == first[object - 1]));
        assert_eq!(numbers.of(16, 8), 100_000, "another type is another object");
        assert_eq!(numbers.of(16, 8), 100_000);
        assert_eq!(numbers.of(16, 7), 100_001);
        numbers.renew(16, 7);
        assert_eq!(numbers.of(16, 7), 100_002);
    }
}
