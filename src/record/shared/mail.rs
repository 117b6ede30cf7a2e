//! What the broker has a recorder write into the stream: one attempt at a time, of which the caller waits for the answer.  The traced
//! processes do not have this memory.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use rustix::mm::{Advice, madvise};

use super::claims::RINGS;
use super::memory::{self, futex_wait, futex_wake};

/// Bytes of an attempt at most; what is longer is cut by who sends it.
pub const MOST_BYTES: usize = 12 << 10;

/// How long the broker sleeps before it looks whether the recorder is still there.
const LOOK: Duration = Duration::from_millis(100);

/// The last bit of [`Boxed::state`], which has the number of the message above it: whether the message waits.
const POSTED: u32 = 1;

#[repr(C)]
struct Boxed {
    state: AtomicU32,
    length: AtomicU32,
    bytes: [AtomicU8; MOST_BYTES],
}

/// The boxes of all recordings, in any of bctrace's processes.
#[derive(Clone, Copy, Debug)]
pub struct Mail {
    boxes: NonNull<Boxed>,
}

// SAFETY: the mapping lives as long as the process, and only its atomics are used.
unsafe impl Send for Mail {}

const SIZE: usize = size_of::<Boxed>() * (RINGS + 1);

impl Mail {
    pub fn create() -> io::Result<Mail> {
        Ok(Mail { boxes: memory::map_anonymous(SIZE)?.cast() })
    }

    /// Keeps the memory from processes that are forked from now on.
    pub fn hide_from_children(&self) -> io::Result<()> {
        // SAFETY: the memory stays as it is in this process.
        Ok(unsafe { madvise(self.boxes.as_ptr().cast(), SIZE, Advice::LinuxDontFork) }?)
    }

    fn of(&self, recording: usize) -> &'static Boxed {
        // SAFETY: the number is at most the last one's.
        let place = unsafe { self.boxes.add(recording.min(RINGS)) };
        // SAFETY: mapped for the rest of the process, zeroed memory is a valid box, and all fields are atomics.
        unsafe { place.as_ref() }
    }

    /// Leaves a message for a recorder and waits until it is dealt with; `wake` wakes the recorder, and the wait ends once `is_over`.
    pub fn send(&self, recording: usize, message: &[u8], wake: impl Fn(), is_over: impl Fn() -> bool) {
        let Boxed { state, length, bytes } = self.of(recording);
        let message = &message[..message.len().min(MOST_BYTES)];
        message.iter().zip(bytes).for_each(|(byte, place)| place.store(*byte, Ordering::Relaxed));
        length.store(message.len() as u32, Ordering::Relaxed);
        let letter = (state.load(Ordering::SeqCst) & !POSTED).wrapping_add(2);
        state.store(letter | POSTED, Ordering::SeqCst);
        wake();
        while state.load(Ordering::SeqCst) == letter | POSTED && !is_over() {
            futex_wait(state, letter | POSTED, LOOK);
        }
        state.store(letter, Ordering::SeqCst);
    }

    /// Whether a message waits.
    #[inline]
    pub fn is_posted(&self, recording: usize) -> bool {
        self.of(recording).state.load(Ordering::Relaxed) & POSTED != 0
    }

    /// Takes a message that waits, and its number.
    pub fn receive(&self, recording: usize) -> Option<(u32, Vec<u8>)> {
        let Boxed { state, length, bytes } = self.of(recording);
        let letter = state.load(Ordering::SeqCst);
        if letter & POSTED == 0 {
            return None;
        }
        let length = length.load(Ordering::Relaxed) as usize;
        let message = bytes.iter().take(length).map(|byte| byte.load(Ordering::Relaxed)).collect();
        Some((letter, message))
    }

    /// Says that the message with this number is dealt with.
    pub fn served(&self, recording: usize, letter: u32) {
        let state = &self.of(recording).state;
        // A standby that has taken over may be late, and another message wait.
        let _ = state.compare_exchange(letter, letter & !POSTED, Ordering::SeqCst, Ordering::SeqCst);
        futex_wake(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_as_it_was_sent_and_is_answered() {
        let mail = Mail::create().expect("memory");
        let recorder = std::thread::spawn(move || {
            let mail = { mail };
            let message = loop {
                if let Some(message) = mail.receive(3) {
                    break message;
                }
                std::thread::yield_now();
            };
            let (letter, message) = message;
            mail.served(3, letter.wrapping_sub(2));
            assert!(mail.is_posted(3));
            mail.served(3, letter);
            message
        });
        mail.send(3, b"attempt", || (), || false);
        assert_eq!(recorder.join().expect("no panic"), b"attempt");
        assert!(!mail.is_posted(3));
        mail.send(2, b"nobody reads this", || (), || true);
        assert_eq!(mail.receive(2), None);
    }
}
