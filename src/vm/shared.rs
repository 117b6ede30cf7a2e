//! The two pages that the eval loop and the tracer share: the slot, which the recorder sees, and the control block, which no fork
//! inherits.  Both lie where C has them as globals; other memory is mapped over them.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::ffi::{self, assert_layout};
use super::hook::ThreadAddress;

/// Bytes of each page.
pub const PAGE: usize = ffi::BCTRACE_PAGE as usize;

/// Set in [`Slot::next`] where the next dispatch shall call the hook.
pub const CALLED: u64 = ffi::BCTRACE_CALLED as u64;
/// Set in [`Slot::next`] while the slot is rewritten; the other bits then count the words in the ring that are whole.
pub const CLOSING: u64 = ffi::BCTRACE_CLOSING;
/// The same where no words were put into the ring: the other bits are the position that words repeat to.
pub const REPEATING: u64 = ffi::BCTRACE_REPEATING;

/// The open run: `struct bctrace_slot`.  Addresses are the tracee's.
#[repr(C)]
#[derive(Debug)]
pub struct Slot {
    /// The address after the last unit fetched, or [`CALLED`], [`CLOSING`] or [`REPEATING`] with what they mean.
    pub next: AtomicU64,
    /// The open run's first instruction; 0 where no run is recorded.
    pub start: AtomicU64,
    /// Where the frame's offsets count from.
    pub first: AtomicU64,
    /// Words in the ring.
    pub head: AtomicU64,
    /// Words of the stream, those included that repeat and that no word in the ring stands for yet, and [`REPEATING`].
    pub position: AtomicU64,
    /// How far back in the stream those stood before.
    pub distance: AtomicU64,
    /// Not 0: the tracee shall end the process at its next event.
    pub stop: AtomicU64,
    /// Not 0: the process is about to replace itself, or has.
    pub execs: AtomicU64,
    /// Instructions that were executed and that no word counts, and `left` more.
    unrecorded: AtomicU64,
    /// What [`Mode::Counted`] counts down.
    left: AtomicU64,
    /// Events that the lane has left to the hook.
    hooked: AtomicU64,
    /// The position at which the lane calls the hook, and [`REPEATING`]; 0 to have it called at the next event.
    pause: AtomicU64,
}

assert_layout!(
    Slot,
    ffi::bctrace_slot,
    next,
    start,
    first,
    head,
    position,
    distance,
    stop,
    execs,
    unrecorded,
    left,
    hooked,
    pause
);

impl Slot {
    /// The slot of this process.
    #[inline]
    pub fn get() -> &'static Slot {
        let slot = (&raw const ffi::bctrace_slot).cast::<Slot>();
        // SAFETY: the global has this layout, is page-aligned and lives forever; C and Rust access its words with single
        // instructions.
        unsafe { &*slot }
    }

    /// Instructions that were executed and that no word counts; any number in the slot of a hostile process.
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Acquire).wrapping_sub(self.left.load(Ordering::Acquire))
    }

    /// Counts an event for which the hook is called.  Tests read the number, which is the eleventh word of the page.
    #[inline]
    pub fn count_hooked(&self) {
        self.hooked.store(self.hooked.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The position at which the lane calls the hook.
    #[inline]
    pub fn pause(&self) -> u64 {
        self.pause.load(Ordering::Relaxed) & !REPEATING
    }

    /// Sets that position, unless the tracee is asked to stop.
    pub fn set_pause(&self, position: u64) {
        self.pause.store(REPEATING | position, Ordering::SeqCst);
        // What `ask_to_stop` has set meanwhile was undone.
        if self.stop.load(Ordering::SeqCst) != 0 {
            self.pause.store(0, Ordering::SeqCst);
        }
    }

    /// Asks the tracee to end the process at its next event.
    pub fn ask_to_stop(&self) {
        self.stop.store(1, Ordering::SeqCst);
        self.pause.store(0, Ordering::SeqCst);
    }

    /// Sets the number of instructions that no word counts.
    #[inline]
    pub fn set_unrecorded(&self, instructions: u64) {
        self.unrecorded.store(instructions.wrapping_add(self.left.load(Ordering::Relaxed)), Ordering::Release);
    }

    /// Makes a page of a shared mapping this process's slot.
    pub fn adopt(page: NonNull<Slot>) -> io::Result<()> {
        let place: *mut libc::c_void = (&raw const ffi::bctrace_slot).cast_mut().cast();
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: an old size of 0 maps the shared page a second time, over the global that fills a whole page; what the global
        // held belongs to the process that this one was forked from.
        let mapped = unsafe { libc::mremap(page.as_ptr().cast(), 0, PAGE, flags, place) };
        if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Maps shared memory over the slot, so that both processes see the same one after a fork.
    pub fn share() -> io::Result<()> {
        map_over((&raw const ffi::bctrace_slot).cast_mut().cast(), libc::MAP_SHARED)
    }
}

/// What the dispatch goes by: `struct bctrace_control`.
#[repr(C)]
#[derive(Debug)]
pub struct Control {
    mode: AtomicU32,
    jumped: AtomicU32,
    left_out: AtomicU32,
    thread: AtomicUsize,
    described: AtomicUsize,
    described_len: AtomicUsize,
    depth: AtomicU64,
    kept: AtomicU64,
    next_frame: AtomicU64,
}

assert_layout!(
    Control,
    ffi::bctrace_control,
    mode,
    jumped,
    left_out,
    thread,
    described,
    described_len,
    depth,
    kept,
    next_frame
);

/// How the eval loop dispatches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    Off = ffi::BCTRACE_OFF,
    Runs = ffi::BCTRACE_RUNS,
    /// Every unit is compared with the described bytes; with none described, every unit calls the hook.
    Checked = ffi::BCTRACE_CHECKED,
    /// Every unit that has something to show calls the hook, with the value stack.
    Values = ffi::BCTRACE_VALUES,
    /// Instructions are counted; see cpython-2.7-patch/bctrace_hook.h.
    Counted = ffi::BCTRACE_COUNTED,
}

impl Control {
    /// The control block of this process.
    #[inline]
    pub fn get() -> &'static Control {
        let control = (&raw const ffi::bctrace_control).cast::<Control>();
        // SAFETY: as for `Slot::get`.
        unsafe { &*control }
    }

    /// Maps a page over the control block that every kind of fork gives the child as zeros, which is [`Mode::Off`].
    pub fn make_private() -> io::Result<()> {
        let page = (&raw const ffi::bctrace_control).cast_mut().cast();
        map_over(page, libc::MAP_PRIVATE)?;
        // SAFETY: the page was mapped just now, private and anonymous.
        match unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Sets the mode.  In [`Mode::Runs`] the next dispatch calls the hook.
    #[inline]
    pub fn set_mode(&self, mode: Mode) {
        let jumped = if mode == Mode::Runs { ffi::BCTRACE_JUMPED } else { mode as u32 };
        self.jumped.store(jumped, Ordering::Relaxed);
        self.mode.store(jumped, Ordering::Relaxed);
    }

    /// Has the next dispatch call the hook, where the mode is [`Mode::Runs`].
    #[inline]
    pub fn expect_jump(&self) {
        self.mode.store(self.jumped.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Begins [`Mode::Counted`]: code objects with this mark, which is not 0, are left out, and their frames numbered from here on.
    pub fn begin_counting(&self, mark: u32, next_frame: u64) {
        self.left_out.store(mark, Ordering::Relaxed);
        self.next_frame.store(next_frame, Ordering::Relaxed);
        self.set_mode(Mode::Counted);
    }

    /// The number of the next frame, in [`Mode::Counted`].
    pub fn next_frame(&self) -> u64 {
        self.next_frame.load(Ordering::Relaxed)
    }

    /// Sets how many frames of the current thread were entered without a call and are not left yet; returns how many there were.
    pub fn replace_depth(&self, depth: u64) -> u64 {
        let before = self.depth.load(Ordering::Relaxed);
        self.depth.store(depth, Ordering::Relaxed);
        before
    }

    /// Says whether the hook has to hear of generators that go on, even of left out ones.
    pub fn set_kept(&self, kept: bool) {
        self.kept.store(kept.into(), Ordering::Relaxed);
    }

    /// Sets for PyThreadState_Swap which thread state the hook knows to hold the GIL.
    pub fn set_thread(&self, thread: ThreadAddress) {
        self.thread.store(thread.0, Ordering::Relaxed);
    }

    /// Whether the eval loop calls the hook at all.
    pub fn is_on(&self) -> bool {
        self.mode.load(Ordering::Relaxed) != Mode::Off as u32
    }

    /// Makes PyThreadState_Swap report a thread state at this address again.
    pub fn forget_thread(&self, thread: ThreadAddress) {
        let _ = self.thread.compare_exchange(thread.0, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Gives the bytes that [`Mode::Checked`] compares with, and keeps them alive; None makes every unit call the hook.
    pub fn set_described(&self, bytes: Option<Arc<[u8]>>) {
        let (address, len) = bytes.as_ref().map_or((0, 0), |bytes| (bytes.as_ptr() as usize, bytes.len()));
        // The length first and the address last, so that a dispatch never reads more than there is.
        self.described.store(0, Ordering::Relaxed);
        self.described_len.store(len, Ordering::Relaxed);
        self.described.store(address, Ordering::Relaxed);
        *DESCRIBED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = bytes;
    }
}

/// What the control block points to.
static DESCRIBED: Mutex<Option<Arc<[u8]>>> = Mutex::new(None);

/// Maps fresh memory, shared or private, over a page.
fn map_over(page: *mut libc::c_void, kind: libc::c_int) -> io::Result<()> {
    let kind = kind | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the page is one of the two globals that fill a whole aligned page (bctrace_hook.c), and nothing is kept in them yet.
    let mapped = unsafe { libc::mmap(page, PAGE, libc::PROT_READ | libc::PROT_WRITE, kind, -1, 0) };
    if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No other test asks this process to stop.
    #[test]
    fn a_tracee_that_is_asked_to_stop_pauses_at_its_next_word_whatever_it_sets() {
        let slot = Slot::get();
        slot.set_pause(7);
        assert_eq!(slot.pause(), 7);
        slot.ask_to_stop();
        slot.set_pause(8);
        assert_eq!(slot.pause(), 0);
        slot.stop.store(0, Ordering::SeqCst);
        slot.set_pause(9);
        assert_eq!(slot.pause(), 9);
    }
}
