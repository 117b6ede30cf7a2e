//! The part of the walk that writes texts and long numbers: as much of them as may be shown, and of what is longer its length and checksum.

use super::walk::{At, Walk, Words};
use crate::trace::value::{self, Tag};
use crate::vm::memory::Span;

/// A string that is longer is known by both its ends.
const HASHED: usize = 16 << 10;

impl Walk {
    /// How many bytes or code points of a text may be shown.
    fn room(&self, length: usize) -> usize {
        let room = if self.words == 0 { 0 } else { (self.caps.length as usize).min(0xffff / 4) };
        length.min(room)
    }

    fn text(&mut self, tag: Tag, shown: &[u8], cut: Option<(u64, u32)>, at: At, out: &mut impl Words) {
        self.words = self.words.saturating_sub((shown.len() / value::RAW_BYTES) as u32 + 2);
        out.push(at.pack(tag, value::text_payload(shown.len(), cut.is_some(), false)));
        value::raw_parts(shown).for_each(|part| out.push(part));
        if let Some((length, checksum)) = cut {
            out.push(value::pack_raw(length));
            out.push(value::pack_raw(checksum.into()));
        }
    }

    pub(super) fn str(&mut self, bytes: &Span<u8>, at: At, out: &mut impl Words) -> Option<()> {
        let room = self.room(bytes.count());
        let shown = bytes.get(0..room)?;
        let cut = if room < bytes.count() { Some((bytes.count() as u64, checksum(bytes)?)) } else { None };
        self.text(Tag::Str, shown, cut, at, out);
        Some(())
    }

    pub(super) fn unicode(&mut self, points: &Span<u32>, at: At, out: &mut impl Words) -> Option<()> {
        let room = self.room(points.count());
        let mut shown = Vec::with_capacity(4 * room);
        points.get(0..room)?.iter().for_each(|&point| push_utf8(&mut shown, point));
        let cut =
            if room < points.count() { Some((points.count() as u64, checksum_of_numbers(points)?)) } else { None };
        self.text(Tag::Unicode, &shown, cut, at, out);
        Some(())
    }

    pub(super) fn long(&mut self, negative: bool, digits: &Span<u32>, at: At, out: &mut impl Words) -> Option<()> {
        let count = digits.count();
        let top = if count == 0 { 0 } else { u32::BITS - digits.item(count - 1)?.leading_zeros() };
        let bits = (count.saturating_sub(1) as u64).saturating_mul(30).saturating_add(u64::from(top));
        let bytes = bits.div_ceil(8);
        if bytes > self.room(bytes as usize) as u64 {
            let checksum = checksum_of_numbers(digits)?;
            out.push(at.pack(Tag::Long, value::text_payload(0, true, negative)));
            out.push(value::pack_raw(bits));
            out.push(value::pack_raw(checksum.into()));
            return Some(());
        }
        let digits = digits.get(0..count)?;
        out.push(at.pack(Tag::Long, value::text_payload(bytes as usize, false, negative)));
        magnitude(digits, (bytes as usize).div_ceil(value::RAW_BYTES), |part| out.push(value::pack_raw(part)));
        Some(())
    }
}

/// Bits of a digit, and digits that a u128 holds.
const DIGIT: u32 = 30;
const FEW_DIGITS: usize = 4;

/// Bits of a raw part.
const PART: u32 = 8 * value::RAW_BYTES as u32;

/// A number that is made of digits of 30 bits, in so many parts of the bytes that a raw part holds; what is beyond a part is to be left out.
fn magnitude(digits: &[u32], parts: usize, mut out: impl FnMut(u64)) {
    if digits.len() <= FEW_DIGITS {
        let whole = digits.iter().rev().fold(0, |whole: u128, digit| whole << DIGIT | u128::from(*digit));
        return (0..parts as u32).for_each(|part| out((whole >> (part * PART)) as u64));
    }
    let (mut digits, mut held, mut width) = (digits.iter(), 0u128, 0);
    for _ in 0..parts {
        while width < PART
            && let Some(digit) = digits.next()
        {
            held |= u128::from(*digit) << width;
            width += DIGIT;
        }
        out(held as u64);
        held >>= PART;
        width = width.saturating_sub(PART);
    }
}

/// The CRC-32 of a string, of a long one that of its beginning and its end.
fn checksum(bytes: &Span<u8>) -> Option<u32> {
    let (head, tail) = bytes.ends(HASHED)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(tail);
    Some(hasher.finalize())
}

/// The same of code points or digits.
fn checksum_of_numbers(numbers: &Span<u32>) -> Option<u32> {
    let (head, tail) = numbers.ends(HASHED / 4)?;
    let mut hasher = crc32fast::Hasher::new();
    head.iter().chain(tail).for_each(|number| hasher.update(&number.to_le_bytes()));
    Some(hasher.finalize())
}

/// Appends the generalised UTF-8 of a code point: a surrogate is encoded like any other.
fn push_utf8(out: &mut Vec<u8>, point: u32) {
    let more = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
    match point {
        0..=0x7f => out.push(point as u8),
        0x80..=0x7ff => out.extend_from_slice(&[0xc0 | (point >> 6) as u8, more(0)]),
        0x800..=0xffff => out.extend_from_slice(&[0xe0 | (point >> 12) as u8, more(6), more(0)]),
        _ => out.extend_from_slice(&[0xf0 | (point >> 18 & 7) as u8, more(12), more(6), more(0)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_number_are_its_bytes() {
        let parts = |digits: &[u32], bytes: usize| {
            let mut parts = Vec::new();
            magnitude(digits, bytes.div_ceil(value::RAW_BYTES), |part| parts.push(value::pack_raw(part)));
            parts
        };
        let last = [1, 0x80, 0x7fff, (1 << 30) - 1];
        for digits in (1..=9).flat_map(|count| last.map(|last| [vec![0x2345_6789; count - 1], vec![last]].concat())) {
            // As int.from_bytes would have it, bit by bit.
            let bits: Vec<bool> =
                digits.iter().flat_map(|digit| (0..30).map(move |bit| digit >> bit & 1 == 1)).collect();
            let count = bits.iter().rposition(|&bit| bit).unwrap() / 8 + 1;
            let byte =
                |at: usize| (0..8).fold(0, |byte, bit| byte | u8::from(bits.get(8 * at + bit) == Some(&true)) << bit);
            let bytes: Vec<u8> = (0..count).map(byte).collect();
            assert_eq!(parts(&digits, count), value::raw_parts(&bytes).collect::<Vec<u64>>(), "{digits:x?}");
        }
        assert_eq!(parts(&[], 0), Vec::<u64>::new());
        // Digits that are too large, and fewer than the parts need.
        assert_eq!(parts(&[u32::MAX; 2], 14), [0x3fff_ffff_ffff_ffff, 0x3f].map(value::pack_raw));
    }
}
