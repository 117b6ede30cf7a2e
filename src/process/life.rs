//! Whether a process is alive, in a word of memory that others share with it: they read the word, and ask the kernel nothing, which a
//! sandbox would count as theirs.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::c_long;

/// The kernel sets this bit in the word when the thread whose number it holds dies (include/uapi/linux/futex.h, FUTEX_OWNER_DIED).
const OWNER_DIED: u32 = 1 << 30;

/// The word; a zeroed one is of no process yet.
#[repr(transparent)]
#[derive(Debug)]
pub struct Life(AtomicU32);

/// struct robust_list of include/uapi/linux/futex.h.
#[repr(C)]
struct Entry {
    next: *mut Entry,
}

/// struct robust_list_head of include/uapi/linux/futex.h.
#[repr(C)]
struct Head {
    list: Entry,
    futex_offset: c_long,
    list_op_pending: *mut Entry,
}

impl Life {
    /// Makes the word this thread's, by the list of locks that the kernel walks when a thread dies (kernel/futex/core.c,
    /// exit_robust_list).  The thread must hold no robust mutex, whose list this replaces.
    pub fn begin(&'static self) {
        let head = Box::leak(Box::new(Head {
            list: Entry { next: null_mut() },
            futex_offset: 0,
            list_op_pending: null_mut(),
        }));
        let entry = Box::leak(Box::new(Entry { next: &raw mut head.list }));
        head.futex_offset = self.0.as_ptr().addr().wrapping_sub((&raw mut *entry).addr()).cast_signed() as c_long;
        head.list.next = entry;
        self.0.store(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned(), Ordering::SeqCst);
        // SAFETY: the head and its entry are never freed, and the word, at the head's offset from the entry, is 'static.
        unsafe { libc::syscall(libc::SYS_set_robust_list, &raw mut *head, size_of::<Head>()) };
    }

    /// Whether the thread is dead.
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst) & OWNER_DIED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_dies_leaves_it_in_the_word() {
        let word: &Life = Box::leak(Box::new(Life(AtomicU32::new(0))));
        assert!(!word.is_over());
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            word.begin();
            begin.send(()).expect("the test waits");
            let _ = wait.recv();
        });
        begun.recv().expect("the thread has begun");
        assert!(!word.is_over());
        drop(go);
        thread.join().expect("the thread has ended");
        assert!(word.is_over());
    }
}
