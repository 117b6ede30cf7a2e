//! The bytes inside a record: little-endian numbers, and byte strings after their 32-bit length.  The reader trusts no length.

/// Writes a record's payload.
#[derive(Default)]
pub struct PayloadWriter {
    bytes: Vec<u8>,
}

impl PayloadWriter {
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn i32(&mut self, value: i32) -> &mut Self {
        self.u32(value.cast_unsigned())
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.u32(value.len() as u32);
        self.bytes.extend_from_slice(value);
        self
    }

    pub fn list(&mut self, values: &[Vec<u8>]) -> &mut Self {
        let values = &values[..values.len().min(MOST_ENTRIES)];
        self.u32(values.len() as u32);
        for value in values {
            self.bytes(value);
        }
        self
    }

    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// Entries of a list at most: its memory is a multiple of its bytes.
pub const MOST_ENTRIES: usize = 1 << 21;
/// Bytes of a name or path at most, whose writers cut it far below.
const LONGEST_NAME: usize = 8 << 10;

/// Reads a record's payload; every method gives None where the bytes end too early.
pub struct PayloadReader<'a> {
    rest: &'a [u8],
}

impl<'a> PayloadReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        PayloadReader { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.u32()? as usize;
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(value.to_vec())
    }

    /// Reads the bytes of a name or a path.
    pub fn name(&mut self) -> Option<Vec<u8>> {
        self.bytes().filter(|name| name.len() <= LONGEST_NAME)
    }

    /// Reads a list of byte strings; its length is believed only as far as there are bytes for it.
    pub fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.u32()? as usize;
        if count > MOST_ENTRIES.min(self.rest.len() / 4) {
            return None;
        }
        (0..count).map(|_| self.bytes()).collect()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*value)
    }
}
