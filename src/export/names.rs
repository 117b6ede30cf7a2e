//! The names of code objects in the formats of profilers: those of the same name, file and first line are one.

use rustc_hash::FxHashMap;

use super::text::exact;
use crate::trace::Code;

/// Bytes of names beyond which further code objects are named together: a program can make new ones for ever.
const MOST_BYTES: usize = 32 << 20;
/// Code objects whose number is remembered.
const REMEMBERED: usize = 1 << 18;

/// What a code object is called.
#[derive(Clone, Debug)]
pub struct Name {
    pub name: String,
    pub file: String,
    pub line: u32,
    pub is_stdlib: bool,
}

/// All of them, by their numbers.  Number 0 stands for those that there was no room for.
pub struct Names {
    names: Vec<Name>,
    by_name: FxHashMap<(Vec<u8>, Vec<u8>, i32), u32>,
    by_id: FxHashMap<u32, u32>,
    bytes: usize,
}

impl Default for Names {
    fn default() -> Names {
        let others = Name { name: "(other code)".to_owned(), file: String::new(), line: 0, is_stdlib: false };
        Names { names: vec![others], by_name: FxHashMap::default(), by_id: FxHashMap::default(), bytes: 0 }
    }
}

impl Names {
    #[inline]
    pub fn number(&mut self, code: &Code) -> u32 {
        match self.by_id.get(&code.id) {
            Some(number) => *number,
            None => self.find(code),
        }
    }

    #[cold]
    fn find(&mut self, code: &Code) -> u32 {
        let object = &code.object;
        let key = (object.name.clone(), object.filename.clone(), object.first_line);
        let number = match self.by_name.get(&key) {
            Some(number) => *number,
            None if self.bytes >= MOST_BYTES => 0,
            None => {
                let (name, file) = (exact(&object.name), exact(&object.filename));
                self.bytes += 2 * (name.len() + file.len()) + 200;
                let line = u32::try_from(object.first_line).unwrap_or(0);
                self.names.push(Name { name, file, line, is_stdlib: code.is_stdlib });
                self.by_name.insert(key, self.names.len() as u32 - 1);
                self.names.len() as u32 - 1
            }
        };
        if self.by_id.len() >= REMEMBERED {
            self.by_id.clear();
        }
        self.by_id.insert(code.id, number);
        number
    }

    pub fn get(&self, number: u32) -> &Name {
        &self.names[number as usize]
    }

    pub fn all(&self) -> &[Name] {
        &self.names
    }
}

impl Name {
    /// The name with its place, for one line.
    pub fn with_place(&self) -> String {
        match self.file.is_empty() {
            true => self.name.clone(),
            false => format!("{} ({}:{})", self.name, self.file, self.line),
        }
    }
}
