//! What a form keeps of each code object that it prints: made when the code object runs first, given up when all of it takes too much
//! memory, and made again when it runs next.

use crate::bytecode::Listing;
use crate::trace::Code;
use crate::trace::by_id::ById;

/// Bytes that are kept; beyond it all are given up.
const KEPT: usize = 32 << 20;

/// What is made of a code object.
pub(super) trait Made {
    /// Bytes in memory.
    fn memory(&self) -> usize;
}

impl Made for Listing {
    fn memory(&self) -> usize {
        Listing::memory(self)
    }
}

/// By code object: what is kept of it, or that the filter does not want it.
pub(super) struct Kept<T> {
    codes: ById<Option<Box<T>>>,
    memory: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { codes: ById::default(), memory: 0 }
    }
}

impl<T: Made> Kept<T> {
    /// What is kept of a code object; None if nothing is.
    #[inline]
    pub(super) fn get(&self, code: u32) -> Option<&T> {
        self.codes.get(code)?.as_deref()
    }

    /// Decides about a code object that runs for the first time, or that was given up; returns whether it is wanted.
    pub(super) fn prepare(&mut self, code: &Code, wants: impl FnOnce() -> bool, make: impl FnOnce() -> T) -> bool {
        if let Some(kept) = self.codes.get(code.id) {
            return kept.is_some();
        }
        if self.memory > KEPT {
            self.codes.clear();
            self.memory = 0;
        }
        let made = wants().then(|| Box::new(make()));
        self.memory += made.as_ref().map_or(0, |made| made.memory());
        let is_wanted = made.is_some();
        self.codes.insert(code.id, made);
        is_wanted
    }

    /// Takes what is kept of a code object, to be put back.
    pub(super) fn take(&mut self, code: u32) -> Option<Box<T>> {
        let taken = self.codes.get_mut(code)?.take()?;
        self.memory = self.memory.saturating_sub(taken.memory());
        Some(taken)
    }

    pub(super) fn put_back(&mut self, code: u32, made: Box<T>) {
        self.memory += made.memory();
        self.codes.insert(code, Some(made));
    }

    /// Forgets a code object, which is gone.
    #[cold]
    pub(super) fn forget(&mut self, code: u32) {
        self.take(code);
        self.codes.remove(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::CodeObject;

    /// Something of this many bytes.
    struct Bytes(usize);

    impl Made for Bytes {
        fn memory(&self) -> usize {
            self.0
        }
    }

    fn code(id: u32) -> Code {
        Code::new(id, id, None, CodeObject::default())
    }

    #[test]
    fn each_is_made_once_until_all_are_given_up() {
        let mut kept = Kept::default();
        assert!(kept.prepare(&code(1), || true, || Bytes(KEPT)));
        assert!(kept.prepare(&code(1), || unreachable!(), || unreachable!()));
        assert!(!kept.prepare(&code(2), || false, || unreachable!()) && kept.get(2).is_none());
        assert!(kept.prepare(&code(3), || true, || Bytes(1)) && kept.get(1).is_some());
        assert!(kept.prepare(&code(4), || true, || Bytes(1)), "beyond what may be kept");
        assert!(kept.get(1).is_none() && kept.get(3).is_none() && kept.get(4).is_some());
    }

    #[test]
    fn what_is_forgotten_or_taken_leaves_room() {
        let mut kept = Kept::default();
        for id in 1..10 {
            assert!(kept.prepare(&code(id), || true, || Bytes(KEPT)));
            let mut taken = kept.take(id).expect("it was made");
            assert!(kept.get(id).is_none());
            taken.0 = 3;
            kept.put_back(id, taken);
            assert!(kept.get(id).is_some());
        }
        assert_eq!(kept.memory, 27);
        (1..10).for_each(|id| kept.forget(id));
        assert_eq!(kept.memory, 0);
    }
}

/// What the tests of sinks use to show that they forget code objects.
#[cfg(test)]
pub(super) mod forgetting {
    use crate::bytecode::CodeObject;
    use crate::format::{Compression, Output};
    use crate::trace::{Code, Decoder, Event, Run, Sink, Then};

    /// The code object that the trace describes.
    const CODE: u32 = 0;

    /// Makes an output whose file has no name.
    pub(in crate::format) fn output(compression: Compression) -> Output {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        Output::into_new(file.reopen().expect("a handle"), file.path(), compression).expect("an output")
    }

    /// Checks what a sink keeps of a code object: something after it has run, nothing after it is gone.
    pub(in crate::format) fn check<S: Sink>(mut sink: S, keeps: impl Fn(&S, u32) -> bool) {
        // NOP, NOP.
        let object = CodeObject { name: b"f".to_vec(), bytes: vec![9, 9], ..CodeObject::default() };
        let mut decoder = Decoder::default();
        let mut words = Vec::new();
        Event::Code(std::rc::Rc::new(Code::new(CODE, CODE, None, object))).encode(&mut words);
        for (run, is_kept) in [
            (Run::new(0, 0, 0, Then::Call { code: CODE }), false),
            (Run::new(0, 2, 2, Then::Return), true),
            (Run::new(0, 0, 0, Then::CodeGone { code: CODE }), false),
        ] {
            let (encoded, count) = run.words();
            words.extend_from_slice(&encoded[..count]);
            decoder.decode(&words, &mut sink).expect("a sound trace");
            words.clear();
            assert_eq!(keeps(&sink, CODE), is_kept, "after {run:?}");
        }
    }
}
