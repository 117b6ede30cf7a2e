//! An instruction's number in digits, and what stands before it.

/// What an instruction's object begins with.
pub(super) const HEAD: &[u8] = b"{\"type\":\"instruction\",\"number\":";

/// A number in digits: nearly always one more than the last.
pub(super) struct Number {
    digits: [u8; 20],
    begin: usize,
    value: u64,
}

impl Number {
    pub(super) fn new() -> Number {
        Number { digits: [b'0'; 20], begin: 19, value: 0 }
    }

    /// Appends the beginning of an instruction's object.
    #[inline]
    pub(super) fn push_head(&mut self, out: &mut Vec<u8>, number: u64, place: &[u8]) {
        self.set(number);
        out.extend_from_slice(HEAD);
        out.extend_from_slice(self.digits());
        out.extend_from_slice(place);
    }

    #[inline]
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[self.begin..]
    }

    #[inline]
    pub(super) fn set(&mut self, number: u64) {
        let is_next = number == self.value + 1;
        self.value = number;
        if is_next && self.digits[19] < b'9' {
            self.digits[19] += 1;
            return;
        }
        let mut rest = number;
        self.begin = 20;
        while rest > 0 || self.begin == 20 {
            self.begin -= 1;
            self.digits[self.begin] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}
