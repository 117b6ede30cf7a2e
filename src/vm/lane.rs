//! The lane: `struct bctrace_lane`, where C takes the usual events of a recording by itself (cpython-2.7-patch/bctrace_lane.h).  The
//! hook keeps its stack of frames and the last words of its stream there, and says what may be taken.

mod active;
mod kept;
mod past;
mod trust;

pub use active::{Active, Is};
pub use kept::Suspended;
pub use past::{HISTORY, Past};

use std::collections::TryReserveError;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::ffi::{self, assert_layout};
use super::hook::FrameAddress;
use super::shared::Slot;

/// Where the numbers of a word begin that C writes: start, length, argument.
pub const WORD_FIELDS: [u32; 3] = [ffi::BCTRACE_WORD_START, ffi::BCTRACE_WORD_LENGTH, ffi::BCTRACE_WORD_ARGUMENT];

/// The kinds of words that C writes: a jump, a call, a generator that goes on, a return, a yield.
pub const WORD_KINDS: [u32; 5] = [
    ffi::BCTRACE_WORD_JUMP,
    ffi::BCTRACE_WORD_CALL,
    ffi::BCTRACE_WORD_RESUME,
    ffi::BCTRACE_WORD_RETURN,
    ffi::BCTRACE_WORD_YIELD,
];

/// Slots of suspended frames that a word has room for.
const SLOTS: u32 = 1 << (u64::BITS - ffi::BCTRACE_WORD_ARGUMENT);

/// Places of the stack at first.
const PLACES: usize = 256;

/// Names a version in the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneVersion(*const ffi::bctrace_version);

impl LaneVersion {
    /// A small number that it shares with no other version.
    #[inline]
    pub fn index(self) -> usize {
        // SAFETY: only Lane::add_version makes one, of memory that is never freed; or C, of those that it was given.
        unsafe { (*self.0).index as usize }
    }

    /// Its number in the stream.
    fn id(self) -> u32 {
        // SAFETY: as in `index`.
        unsafe { (*self.0).id }
    }
}

/// Memory for a version, which is used again and never freed, and what its pointers point to.
struct VersionPlace {
    version: *mut ffi::bctrace_version,
    shared: Option<[Arc<[u8]>; 2]>,
}

/// The lane of this process, but for its memory of words.
pub struct Lane {
    /// The places of the stack; the first one is no frame's.
    places: *mut [Active],
    versions: Vec<VersionPlace>,
    free: Vec<usize>,
    /// Suspended frames, each at the place of its slot; a free place has the number of the next one.
    kept: Vec<ffi::bctrace_kept>,
    /// All code that has run is verified.
    trusts: bool,
    /// While C takes nothing: the open run's first instruction, or 0.
    start: usize,
}

static TAKEN: AtomicBool = AtomicBool::new(false);

/// `struct bctrace_lane`.
#[repr(C)]
struct Memory {
    open: AtomicU64,
    offset: AtomicU64,
    top: AtomicPtr<Active>,
    end: AtomicPtr<Active>,
    room: AtomicPtr<Active>,
    next_frame: AtomicU64,
    position: AtomicU64,
    distance: AtomicU64,
    kept: AtomicPtr<ffi::bctrace_kept>,
    kept_count: AtomicU64,
    kept_used: AtomicU64,
    free: AtomicU64,
    exposed: AtomicU64,
    known: [Known; KNOWN],
    history: [AtomicU64; HISTORY],
}

/// `struct bctrace_known`.
#[repr(C)]
struct Known {
    code: AtomicUsize,
    first: AtomicUsize,
    version: AtomicPtr<ffi::bctrace_version>,
    call: AtomicU64,
}

assert_layout!(
    Memory,
    ffi::bctrace_lane,
    open,
    offset,
    top,
    end,
    room,
    next_frame,
    position,
    distance,
    kept,
    kept_count,
    kept_used,
    free,
    exposed,
    known,
    history
);
assert_layout!(Known, ffi::bctrace_known, code, first, version, call);

#[inline]
fn memory() -> &'static Memory {
    let memory = (&raw const ffi::bctrace_lane).cast::<Memory>();
    // SAFETY: the global has this layout and lives forever; C and Rust access its words with single instructions.
    unsafe { &*memory }
}

impl Lane {
    /// Takes the lane.
    ///
    /// # Panics
    /// If it was taken before: there is one.
    pub fn take() -> (Lane, Past) {
        assert!(!TAKEN.swap(true, Ordering::SeqCst), "the lane is taken once");
        let places = no_places(PLACES);
        let mut lane =
            Lane { places, versions: Vec::new(), free: Vec::new(), kept: Vec::new(), trusts: true, start: 0 };
        let mut past = Past::new();
        lane.clear();
        past.clear();
        (lane, past)
    }

    /// Forgets frames, versions and code objects, and closes the lane.
    pub fn clear(&mut self) {
        self.set_open(false);
        self.start = 0;
        self.set_next_frame(1);
        self.set_depth(0);
        (0..KNOWN).for_each(|place| self.set_known(place, 0, 0, None));
        (0..self.versions.len()).for_each(|index| self.free_version(index));
        self.forget_kept();
    }

    // -- The open run ----------------------------------------------------------------------------------------------------------

    /// The open run's first instruction, 0 if none is open.  The slot has the same where the run is recorded, and C says it there alone.
    #[inline]
    pub fn start(&self) -> usize {
        match memory().open.load(Relaxed) == u64::from(ffi::BCTRACE_CLOSED) {
            true => self.start,
            false => Slot::get().start.load(Relaxed) as usize,
        }
    }

    /// Says where a run begins, or 0, in code that begins at `first`; the slot says the same, or C takes nothing.
    #[inline]
    pub fn set_start(&mut self, first: usize, start: usize) {
        self.start = start;
        let offset = start.wrapping_sub(first) as u64;
        memory().offset.store(offset << ffi::BCTRACE_WORD_START, Relaxed);
    }

    /// The number of the next frame.
    #[inline]
    pub fn next_frame(&self) -> u64 {
        memory().next_frame.load(Relaxed)
    }

    #[inline]
    pub fn set_next_frame(&mut self, number: u64) {
        memory().next_frame.store(number, Relaxed);
    }

    // -- The stack -------------------------------------------------------------------------------------------------------------

    fn depth(&self) -> usize {
        let top = memory().top.load(Relaxed) as usize;
        let depth = top.wrapping_sub(self.places.cast::<Active>() as usize) / size_of::<Active>();
        // Native code of the program can have written there.
        depth.min(self.places.len() - 1)
    }

    fn set_depth(&mut self, depth: usize) {
        let first: *mut Active = self.places.cast();
        assert!(depth < self.places.len(), "frames have places");
        memory().top.store(first.wrapping_add(depth), Relaxed);
        memory().end.store(first.wrapping_add(self.places.len() - 1), Relaxed);
    }

    /// The frames of the running thread, the running one last.
    #[inline]
    pub fn frames(&self) -> &[Active] {
        // SAFETY: there are `depth` places from the first one on; C writes to them only while no hook runs.
        unsafe { std::slice::from_raw_parts(self.first_place(), self.depth()) }
    }

    #[inline]
    pub fn frames_mut(&mut self) -> &mut [Active] {
        // SAFETY: as in `frames`.
        unsafe { std::slice::from_raw_parts_mut(self.first_place(), self.depth()) }
    }

    /// The place of the first frame.
    #[inline]
    fn first_place(&self) -> *mut Active {
        self.places.cast::<Active>().wrapping_add(1)
    }

    /// The frame that runs.
    #[inline]
    pub fn top(&self) -> Option<&Active> {
        self.frames().last()
    }

    #[inline]
    pub fn top_mut(&mut self) -> Option<&mut Active> {
        self.frames_mut().last_mut()
    }

    /// Puts a frame on top; an error if there is no memory for it.
    pub fn push(&mut self, frame: Active) -> Result<(), TryReserveError> {
        let depth = self.depth();
        if depth + 1 == self.places.len() {
            self.grow(depth)?;
        }
        self.set_depth(depth + 1);
        *self.top_mut().expect("a frame was put there") = frame;
        Ok(())
    }

    #[cold]
    fn grow(&mut self, depth: usize) -> Result<(), TryReserveError> {
        let mut more = Vec::new();
        more.try_reserve_exact(2 * self.places.len())?;
        more.push(Active::NONE);
        more.extend_from_slice(&self.frames()[..depth]);
        more.resize(2 * self.places.len(), Active::NONE);
        let more = Box::into_raw(more.into_boxed_slice());
        // SAFETY: the places came from a box, and the lane points to the new ones from here on.
        drop(unsafe { Box::from_raw(std::mem::replace(&mut self.places, more)) });
        Ok(())
    }

    /// Leaves the frame on top.
    #[inline]
    pub fn pop(&mut self) -> Option<Active> {
        let top = *self.top()?;
        self.set_depth(self.depth() - 1);
        Some(top)
    }

    /// Exchanges all frames for those of another thread.
    pub fn replace_frames(&mut self, frames: &[Active]) -> Vec<Active> {
        let before = self.frames().to_vec();
        self.set_depth(0);
        // They were all on this stack before, and it does not shrink.
        let pushed = frames.iter().try_for_each(|frame| self.push(*frame));
        debug_assert!(pushed.is_ok());
        before
    }

    // -- Code objects ----------------------------------------------------------------------------------------------------------

    /// Makes room for another version; None if there is no memory for it.
    pub fn reserve_version(&mut self) -> Option<()> {
        self.versions.try_reserve(1).ok()?;
        self.free.try_reserve(self.versions.len() + 1).ok()
    }

    /// Adds a version: its bytes, for each offset how many to compare from there on (bctrace_lane.h), and its number in the stream.
    pub fn add_version(&mut self, bytes: Arc<[u8]>, checks: Arc<[u8]>, id: u32) -> LaneVersion {
        let index = self.free.pop().unwrap_or_else(|| {
            let version = Box::into_raw(Box::new(NO_VERSION));
            self.versions.push(VersionPlace { version, shared: None });
            self.versions.len() - 1
        });
        let version = ffi::bctrace_version {
            bytes: bytes.as_ptr(),
            checks: checks.as_ptr(),
            length: bytes.len().min(checks.len()) as u32,
            entry: checks.first().copied().unwrap_or(0).into(),
            id,
            index: index as u32,
        };
        let place = &mut self.versions[index];
        // SAFETY: the memory came from a box and is never freed; C reads it only while no hook runs.
        unsafe { *place.version = version }
        place.shared = Some([bytes, checks]);
        LaneVersion(place.version)
    }

    /// Removes a version that no frame on any stack runs and that no code object is known with.
    pub fn remove_version(&mut self, version: LaneVersion) {
        self.free_version(version.index());
    }

    fn free_version(&mut self, index: usize) {
        let place = &mut self.versions[index];
        if place.shared.is_some() {
            // SAFETY: as in `add_version`.
            unsafe { *place.version = ffi::bctrace_version { index: index as u32, ..NO_VERSION } }
            place.shared = None;
            self.free.push(index);
        }
    }

    /// Remembers under a code object's place which version, if any, its frames may enter here.
    pub fn set_known(&mut self, place: usize, code: usize, first: usize, version: Option<LaneVersion>) {
        let known = &memory().known[place % KNOWN];
        known.code.store(if version.is_some() { code } else { 0 }, Relaxed);
        known.first.store(first, Relaxed);
        known.version.store(version.map_or(ptr::null(), |version| version.0).cast_mut(), Relaxed);
        let id = version.map_or(0, LaneVersion::id);
        let call = u64::from(ffi::BCTRACE_WORD_CALL) | u64::from(id) << ffi::BCTRACE_WORD_ARGUMENT;
        known.call.store(call, Relaxed);
    }
}

const NO_VERSION: ffi::bctrace_version =
    ffi::bctrace_version { bytes: ptr::null(), checks: ptr::null(), length: 0, entry: 0, id: 0, index: 0 };

fn no_places(count: usize) -> *mut [Active] {
    Box::into_raw(vec![Active::NONE; count].into_boxed_slice())
}

/// Where a code object stands in tables of [`ffi::BCTRACE_KNOWN`] places: as lane.c has it.
#[inline]
pub fn place_of(code: usize) -> usize {
    let hash = (code as u32).wrapping_mul(ffi::BCTRACE_PLACE_FACTOR);
    (hash >> (u32::BITS - ffi::BCTRACE_PLACE_BITS)) as usize
}

/// Places of such a table.
pub const KNOWN: usize = ffi::BCTRACE_KNOWN as usize;
