//! Where a code object comes from, and what makes two of them one layer.

use std::rc::Rc;

use crate::trace::origin::How;
use crate::views::layers::Origin;

/// What makes two code objects one layer.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Same {
    pub(super) digest: [u8; 32],
    pub(super) place: Place,
    pub(super) version_of: Option<usize>,
}

/// Where a code object comes from, whenever it was.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Place {
    Origin(Origin),
    Making(How, Option<(usize, i32)>, Rc<[u8]>),
}

/// A making, placed in the trace.
#[derive(Clone)]
pub(super) struct Making {
    pub(super) how: How,
    pub(super) instruction: u64,
    pub(super) place: Option<(usize, i32)>,
    pub(super) path: Rc<[u8]>,
    /// The number of the content that is compiled.
    pub(super) text: Option<u32>,
}

impl Making {
    pub(super) fn place(&self) -> Place {
        Place::Making(self.how, self.place, Rc::clone(&self.path))
    }

    pub(super) fn origin(&self) -> Origin {
        let Making { how, instruction, place, .. } = *self;
        Origin::Made { how, instruction, place, path: self.path.to_vec() }
    }
}
