//! Maps keyed by the ids that a stream gives out: small, consecutive, never used again.  Memory follows the entries
//! that are alive, however large the ids have become.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from code object ids.
pub type ById<T> = HashMap<u32, T, BuildHasherDefault<IdHasher>>;

/// Spreads an id over 64 bits by one multiplication: a lookup happens for every call of the traced program.  A hostile
/// stream can choose ids that collide, as slow as a list; it cannot make memory grow.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    #[inline]
    fn write_u32(&mut self, id: u32) {
        // 2^64 divided by the golden ratio; the map takes its bits from both ends of the product.
        let product = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_ids_do_not_collide() {
        let hash = |id: u32| {
            let mut hasher = IdHasher::default();
            hasher.write_u32(id);
            hasher.finish()
        };
        for bits in [0, 57] {
            let places: std::collections::HashSet<u64> = (0..128).map(|id| hash(id) >> bits & 0x7f).collect();
            assert!(places.len() > 60, "{} of 128 places behind bit {bits}", places.len());
        }
    }
}
