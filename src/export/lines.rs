//! The source lines of a code object, found without walking its line table each time: a hostile one is long.

use crate::bytecode::CodeObject;

/// Where each line begins.
#[derive(Debug)]
pub struct Lines {
    first: i32,
    /// Offsets, rising, and the line from there on.
    starts: Vec<(u32, i32)>,
}

impl Lines {
    pub fn of(object: &CodeObject) -> Lines {
        let (mut address, mut line) = (0u32, object.first_line);
        let mut starts: Vec<(u32, i32)> = Vec::new();
        for pair in object.lnotab.chunks_exact(2) {
            address = address.saturating_add(u32::from(pair[0]));
            line = line.wrapping_add(i32::from(pair[1]));
            if address as usize > object.bytes.len() {
                break;
            }
            match starts.last_mut() {
                Some(last) if last.0 == address => last.1 = line,
                _ => starts.push((address, line)),
            }
        }
        Lines { first: object.first_line, starts }
    }

    /// The line of an offset; one before the code is on the first line.
    pub fn at(&self, offset: i32) -> i32 {
        let place = self.starts.partition_point(|(start, _)| i64::from(*start) <= i64::from(offset));
        place.checked_sub(1).map_or(self.first, |place| self.starts[place].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_line_is_the_one_that_the_line_table_says(lnotab: Vec<u8>, first_line: i32, offset in 0u32..600) {
            let object = CodeObject { first_line, lnotab, bytes: vec![9; 600], ..CodeObject::default() };
            proptest::prop_assert_eq!(Lines::of(&object).at(offset as i32), object.line(offset));
        }
    }
}
