//! What a reader does for a file at most: a few bytes can stand for very many events, and a forged file for more than any program makes.

use std::cell::Cell;
use std::rc::Rc;

/// Work that is done for any file, and for each of its bytes, in words decoded, bytes unpacked and steps of searches.  Real traces
/// of loops take up to 1,500 per byte.
const BASE: u64 = 1 << 30;
const PER_BYTE: u64 = 8192;

/// The work that is left, shared by the blocks of a file.
#[derive(Clone)]
pub(super) struct Budget(Rc<Cell<u64>>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Rc::new(Cell::new(BASE)))
    }
}

impl Budget {
    /// Allows the work for bytes of the file that were read.
    pub(super) fn earn(&self, bytes: u64) {
        self.0.set(self.0.get().saturating_add(bytes.saturating_mul(PER_BYTE)));
    }

    /// The work that is left.
    pub(super) fn left(&self) -> u64 {
        self.0.get()
    }

    /// Takes work from what is left; false if that is less.
    pub(super) fn spend(&self, work: u64) -> bool {
        let left = self.0.get().checked_sub(work);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_allowed_by_the_bytes_of_the_file() {
        let budget = Budget::default();
        assert!(budget.clone().spend(BASE - 1) && budget.spend(1) && !budget.spend(1));
        budget.earn(2);
        assert!(budget.spend(2 * PER_BYTE) && !budget.spend(1));
        budget.earn(u64::MAX);
        assert!(budget.spend(u64::MAX));
    }
}
