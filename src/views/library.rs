//! Which code is the standard library's: the modules in the binary, and what they make of text with `exec`, such as the classes of
//! `collections.namedtuple`.

use rustc_hash::FxHashSet;

use crate::trace::origin::How;
use crate::trace::{Code, Event};

/// The file name of what is made of text.
const TEXT: &[u8] = b"<string>";
/// Code objects and origins that are remembered; a program can make new ones for ever.
const REMEMBERED: usize = 1 << 18;

/// The library's code objects that its modules did not come with.
#[derive(Debug, Default)]
pub(super) struct Library {
    /// By their ids.
    made: FxHashSet<u32>,
    /// The numbers of the records that say that the library has made code objects.
    makings: FxHashSet<u32>,
    /// The last code object that was described.
    described: Option<(u32, bool)>,
}

impl Library {
    /// Takes an event of the trace; `is_library` says whether a code object is the library's, by its id.
    pub(super) fn event(&mut self, event: &Event, code: impl Fn(u32) -> Option<bool>) {
        match event {
            Event::Made(made) if made.how == How::Exec => {
                let by_library = made.place.is_some_and(|(id, _)| self.made.contains(&id) || code(id) == Some(true));
                if by_library && self.makings.len() < REMEMBERED {
                    self.makings.insert(made.number);
                }
            }
            Event::Code(code) => {
                self.described = Some((code.id, code.object.filename == TEXT));
                let from = [Some(code.first_id), code.parent].into_iter().flatten();
                if from.into_iter().any(|id| self.made.contains(&id)) {
                    self.insert(code.id);
                }
            }
            Event::WholeCode(whole) => {
                let is_text = self.described == Some((whole.code, true));
                if is_text && whole.made.is_some_and(|made| self.makings.contains(&made)) {
                    self.insert(whole.code);
                }
            }
            _ => {}
        }
    }

    fn insert(&mut self, code: u32) {
        if self.made.len() < REMEMBERED {
            self.made.insert(code);
        }
    }

    #[inline]
    pub(super) fn has(&self, code: &Code) -> bool {
        code.is_stdlib || (!self.made.is_empty() && self.made.contains(&code.id))
    }
}
