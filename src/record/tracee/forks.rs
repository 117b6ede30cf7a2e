//! A process that the program has forked: its hook is a copy of the parent's, which begins a stream of its own.

use super::{Tracee, Unwritten};
use crate::record::tracee::contents::Contents;
use crate::record::tracee::notices::Notices;
use crate::record::tracee::threads::Threads;
use crate::vm::Gil;
use crate::vm::hook::{Place, ThreadAddress};
use crate::vm::shared::CALLED;

impl Tracee {
    /// Starts over in a process that was forked just now; false where it goes on untraced.  The frames that are on the stack are
    /// announced as if they had just been entered, the rest of the parent's stream is forgotten.
    pub(super) fn begin_anew(&mut self, gil: Gil, thread: ThreadAddress, frames: &[Place]) -> bool {
        let Some(ring) = self.claims.and_then(|claims| claims.claim()) else {
            return false;
        };
        ring.wait_for_begin();
        self.stream.begin_anew(ring);
        self.lane.clear();
        self.codes.begin_anew();
        self.threads = Threads::default();
        self.unwritten = Unwritten::default();
        self.counting.begin_anew();
        self.shutdown.begin_anew();
        self.notices = Notices::default();
        self.contents = Contents::default();
        self.executed = 0;
        self.switch_thread(thread);
        for frame in frames {
            self.push_frame(gil, frame.code(gil), frame);
        }
        // It is not known yet where they go on.
        self.lane.frames_mut().iter_mut().for_each(|frame| frame.set_next(0));
        // A program that shall stop does so at its next event.
        let _ = self.open(0, 0, false, CALLED);
        self.watch(false);
        true
    }
}
