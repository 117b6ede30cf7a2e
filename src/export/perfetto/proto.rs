//! The encoding of protobuf messages, as far as an export needs it: numbers, texts and messages in messages.

/// A message that is being made.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Appends a field that is a number (varint).
    pub fn number(&mut self, field: u32, value: u64) -> &mut Message {
        self.varint(u64::from(field) << 3);
        self.varint(value);
        self
    }

    /// Appends a field that is a text.
    pub fn text(&mut self, field: u32, text: &str) -> &mut Message {
        self.delimited(field, text.as_bytes())
    }

    /// Appends a field that is a message.
    pub fn message(&mut self, field: u32, message: &Message) -> &mut Message {
        self.delimited(field, &message.0)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn delimited(&mut self, field: u32, bytes: &[u8]) -> &mut Message {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_protobuf_documents_them() {
        let mut inner = Message::default();
        inner.number(1, 150);
        assert_eq!(inner.bytes(), [0x08, 0x96, 0x01]);
        let mut outer = Message::default();
        outer.message(3, &inner).text(2, "testing");
        assert_eq!(outer.bytes(), b"\x1a\x03\x08\x96\x01\x12\x07testing");
        let mut large = Message::default();
        large.number(60, u64::MAX);
        assert_eq!(large.bytes().len(), 2 + 10);
    }
}
