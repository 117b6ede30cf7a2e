//! Which making each live code object comes from, by address.  Shrinks as they die.

use rustc_hash::FxHashMap;

use crate::trace::origin::{How, Made};
use crate::vm::hook::{FrameAddress, MAKERS};

/// What distinguishes one making from the next: everything that a C function makes for one instruction is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub frame: Option<FrameAddress>,
    /// The address after the instruction that runs.
    pub next: usize,
    /// Words of the stream.
    pub position: u64,
}

/// The making of a text, as the VM keeps it for the code objects that come of it: a number that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextMaking {
    pub number: u32,
    pub is_of_library: bool,
}

impl TextMaking {
    pub fn to_number(self) -> u32 {
        (self.number + 1) << 1 | u32::from(self.is_of_library)
    }

    pub fn from_number(number: u32) -> Option<TextMaking> {
        Some(TextMaking { number: (number >> 1).checked_sub(1)?, is_of_library: number & 1 != 0 })
    }
}

/// Bytes of a path at most, beyond what any file system opens.
const LONGEST_PATH: usize = 4096;

fn cut(path: &[u8]) -> &[u8] {
    &path[..path.len().min(LONGEST_PATH)]
}

/// Where a code object comes from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    /// The number of its making, if the stream has that.
    made: Option<u32>,
    /// The embedded library has it, or has made it of a text of its own.
    is_of_library: bool,
}

/// The table.
#[derive(Debug, Default)]
pub struct Origins {
    /// All code objects that were made since this looks, and the program's own from before.
    known: FxHashMap<usize, Origin>,
    /// There was no room for one.
    is_incomplete: bool,
    /// The modules of the embedded library, by their places there.
    modules: FxHashMap<usize, u32>,
    /// The last making, and when it was.
    last: Option<(How, Vec<u8>, Moment)>,
    next: u32,
}

// The VM has the same numbers.
const _: () = {
    let makers =
        [How::NativeCode, How::Import, How::Exec, How::Eval, How::ExecFile, How::Compile, How::Marshal, How::CodeType];
    let mut number = 0;
    while number < makers.len() {
        assert!(MAKERS[number] == makers[number] as u32);
        number += 1;
    }
};

impl Origins {
    /// Whether what is made now is part of the last making.
    pub fn goes_on(&self, how: How, path: &[u8], now: &Moment) -> bool {
        self.last.as_ref().is_some_and(|(last, of, moment)| *last == how && of == cut(path) && moment == now)
    }

    /// Begins a making; its moment is known when it is written.
    pub fn begin(&mut self, how: How, path: &[u8], place: Option<(u32, i32)>, text: Option<u32>) -> Made {
        self.next += 1;
        Made { number: self.next - 1, how, place, path: cut(path).to_vec(), text }
    }

    /// Remembers the moment of a making that has been written.
    pub fn written(&mut self, made: Made, moment: Moment) {
        self.last = Some((made.how, made.path, moment));
    }

    /// Remembers that a code object was made now; `is_of_library` is whether by the standard library, of a text of its own.
    pub fn insert(&mut self, code: usize, is_of_library: bool) {
        self.keep(code, Origin { made: self.next.checked_sub(1), is_of_library });
    }

    /// The same in this making of a text.
    pub fn insert_of_text(&mut self, code: usize, of: TextMaking) {
        match of.number < self.next {
            true => self.keep(code, Origin { made: Some(of.number), is_of_library: of.is_of_library }),
            false => self.insert(code, false),
        }
    }

    /// Remembers that a code object is the program's, from before this looks.
    pub fn insert_of_program(&mut self, code: usize) {
        self.keep(code, Origin { made: None, is_of_library: false });
    }

    /// Remembers that a code object, which was made now, is the embedded library's.
    pub fn insert_of_library(&mut self, code: usize) {
        let made = self.get(code);
        self.keep(code, Origin { made, is_of_library: true });
    }

    fn keep(&mut self, code: usize, origin: Origin) {
        // Without room for it, it is not known where it comes from.
        if self.known.try_reserve(1).is_ok() {
            self.known.insert(code, origin);
        } else {
            self.is_incomplete = true;
        }
    }

    /// The number of the making.
    pub fn get(&self, code: usize) -> Option<u32> {
        self.known.get(&code)?.made
    }

    /// Whether the embedded library has a code object, or has made it of a text of its own.  Of code from before this looks that is not
    /// the program's, `is_named_so` says by its file name: none of it could choose that.
    pub fn is_of_library(&self, code: usize, is_named_so: impl FnOnce() -> bool) -> bool {
        match self.known.get(&code) {
            Some(origin) => origin.is_of_library,
            None => !self.is_incomplete && is_named_so(),
        }
    }

    /// Remembers that a code object is a module of the embedded library.
    pub fn insert_module(&mut self, code: usize, module: u32) {
        // Without room for it, it is described as any other.
        if self.modules.try_reserve(1).is_ok() {
            self.modules.insert(code, module);
        }
    }

    /// The module of the embedded library that a code object was made of.
    pub fn module(&self, code: usize) -> Option<u32> {
        self.modules.get(&code).copied()
    }

    pub fn forget(&mut self, code: usize) {
        self.known.remove(&code);
        self.modules.remove(&code);
    }

    /// Goes on in a process that was forked, whose stream has no makings yet.
    pub fn begin_anew(self) -> Origins {
        let mut known = self.known;
        known.values_mut().for_each(|origin| origin.made = None);
        Origins { known, is_incomplete: self.is_incomplete, ..Origins::default() }
    }
}
