//! The names that objects' words refer to: a small table whose entries are replaced, so that both sides stay bounded.

use std::rc::Rc;

/// Entries.
pub const NAMES: usize = 1 << 12;

/// The table as a reader has it.
#[derive(Debug, Default)]
pub struct Names {
    entries: Vec<Option<Rc<[u8]>>>,
}

impl Names {
    pub fn get(&self, name: u32) -> Option<&Rc<[u8]>> {
        self.entries.get(name as usize)?.as_ref()
    }

    /// Replaces the text of an entry, of which there are [`NAMES`].
    pub fn set(&mut self, name: u32, text: Rc<[u8]>) {
        if self.entries.len() <= name as usize {
            self.entries.resize(name as usize + 1, None);
        }
        self.entries[name as usize] = Some(text);
    }
}

/// The part of a name after its last dot: that of a function without its module or class.
pub fn last_part(name: &[u8]) -> &[u8] {
    name.rsplit(|&byte| byte == b'.').next().unwrap_or(name)
}
