//! Tables keyed by addresses, which are looked at for every object of a code object and every resumption of a generator: no hash
//! against chosen keys is needed, as the allocator chooses them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map from addresses.
pub type ByAddress<T> = HashMap<usize, T, BuildHasherDefault<AddressHasher>>;
/// A set of addresses.
pub type Addresses = HashSet<usize, BuildHasherDefault<AddressHasher>>;

/// Spreads an address over 64 bits by one multiplication.
#[derive(Default)]
pub struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(usize::from(byte)));
    }

    #[inline]
    fn write_usize(&mut self, address: usize) {
        // 2^64 divided by the golden ratio; the map takes its bits from both ends of the product.
        let product = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}
