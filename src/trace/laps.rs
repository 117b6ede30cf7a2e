//! Laps: the words of a loop that come again and again and change nothing of the state but its counts.  A sink that only counts takes
//! them at once, so that a loop takes a reader no longer than one lap of it.

use super::Decoder;
use super::codec::record;
use super::sink::Sink;
use super::state::{State, StreamError};
use super::word::{self, Kind};

/// Laps that a repetition has at least for a sink to be asked about them.
pub const FEWEST: u64 = 4;
/// How many times a sink is asked about the same laps; it is handed one before each.
const ASKED: usize = 3;

/// Laps that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laps {
    /// How many there are.
    pub times: u64,
    /// Instructions of one of them, those of the standard library's code, and frames that it enters.
    pub instructions: u64,
    pub stdlib: u64,
    pub frames: u64,
    /// It holds values.
    pub has_values: bool,
    /// It enters, leaves or resumes frames.
    pub has_frames: bool,
    /// It raises exceptions, or passes them on.
    pub has_exceptions: bool,
}

impl Laps {
    /// Instructions of all of them.
    pub fn total(&self) -> u64 {
        self.instructions.saturating_mul(self.times)
    }

    /// Instructions of all but the first.
    pub fn rest(&self) -> u64 {
        self.instructions.saturating_mul(self.times.saturating_sub(1))
    }
}

/// The laps that a sink is handed once for all of them, if it is: what it counts then counts so many times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken(Option<(Laps, u64)>);

impl Taken {
    /// Begins laps if the sink takes them; `at` is the state before.
    pub fn begin(&mut self, laps: &Laps, at: &State, is_taken: bool) -> bool {
        self.0 = is_taken.then_some((*laps, at.instructions));
        is_taken
    }

    pub fn end(&mut self) {
        self.0 = None;
    }

    /// How many times something counts that happens now.
    #[inline]
    pub fn times(&self) -> u64 {
        self.0.map_or(1, |(laps, _)| laps.times)
    }

    /// Instructions from something that happens now to the last time that it does.
    #[inline]
    pub fn until_last(&self) -> u64 {
        self.0.map_or(0, |(laps, _)| laps.rest())
    }

    /// The number that an instruction has in the last lap; one from before the laps keeps its own.
    pub fn last(&self, number: u64) -> u64 {
        self.0.filter(|(_, before)| number > *before).map_or(number, |(laps, _)| number.saturating_add(laps.rest()))
    }

    /// The laps, if there are several.
    pub fn laps(&self) -> Option<&Laps> {
        self.0.as_ref().map(|(laps, _)| laps)
    }
}

/// What one lap leaves as it was, if it does: the frames that run, and the suspended ones.
struct Shape {
    /// The slots that it uses, and the frames that were in them.
    slots: Vec<(u32, Option<u64>)>,
    has_values: bool,
    has_frames: bool,
    has_exceptions: bool,
}

impl Shape {
    /// Looks at the words of a lap; None if they are no whole events, execute nothing, or may change more than counts.
    fn of(words: &[u64], state: &State) -> Option<Shape> {
        let mut shape = Shape { slots: Vec::new(), has_values: false, has_frames: false, has_exceptions: false };
        let (mut depth, mut wide, mut executes) = (0u32, 0, false);
        let mut rest = words;
        while let Some((&word, after)) = rest.split_first() {
            rest = after;
            let kind = Kind::of(word);
            if wide != 0 && !kind.is_run() {
                return None;
            }
            match kind {
                Kind::Jump => {}
                Kind::Call => depth += 1,
                Kind::Return | Kind::Unwind => depth = depth.checked_sub(1)?,
                Kind::Resume | Kind::Yield | Kind::SlotGone => {
                    match kind {
                        Kind::Resume => depth += 1,
                        Kind::Yield => depth = depth.checked_sub(1)?,
                        _ => {}
                    }
                    shape.uses(word::fields(word, wide).argument, state);
                }
                Kind::Value | Kind::Part => shape.has_values = true,
                Kind::Wide => {
                    wide = word;
                    continue;
                }
                Kind::Record => {
                    rest = rest.get(raised(word)?..)?;
                    shape.has_exceptions = true;
                }
                Kind::Thread | Kind::Version | Kind::CodeGone | Kind::Free | Kind::Repeat => return None,
            }
            shape.has_frames |= kind != Kind::Jump && kind.is_run();
            executes |= kind.is_run() && word::fields(word, wide).length > 0;
            wide = 0;
        }
        // Values without their run are the items of one that comes later.
        (depth == 0 && wide == 0 && executes).then_some(shape)
    }

    fn uses(&mut self, slot: u32, state: &State) {
        if !self.slots.iter().any(|(known, _)| *known == slot) {
            self.slots.push((slot, state.suspended(slot).map(|frame| frame.id)));
        }
    }

    /// Returns whether the slots hold what they held.
    fn is_kept(&self, state: &State) -> bool {
        self.slots.iter().all(|(slot, frame)| state.suspended(*slot).map(|frame| frame.id) == *frame)
    }
}

/// The words of the payload of a record of an exception, which changes no state; None for another record.
fn raised(header: u64) -> Option<usize> {
    let (record_type, bytes) = word::record_fields(header);
    (record_type == record::RAISED).then(|| word::payload_words(bytes))
}

/// Finds where a lap begins that never leaves the frame that it begins in: after the words up to the outermost frame.  None if the words
/// are no whole events.
fn outermost(words: &[u64]) -> Option<usize> {
    let (mut depth, mut lowest, mut begin, mut at) = (0i64, 0, 0, 0);
    while let Some(&word) = words.get(at) {
        at += 1;
        match Kind::of(word) {
            Kind::Call | Kind::Resume => depth += 1,
            Kind::Return | Kind::Unwind | Kind::Yield => depth -= 1,
            Kind::Record => at += raised(word)?,
            Kind::Free => return None,
            _ => {}
        }
        if depth < lowest {
            (lowest, begin) = (depth, at);
        }
    }
    (at == words.len()).then_some(begin)
}

impl Decoder {
    /// Decodes laps of these words, of which `count` words come next: the first ones one by one, and all that are whole if the sink takes
    /// those at once.  Returns how many words were taken, and how many of them were decoded; the others are to be decoded like any words.
    pub fn laps<S: Sink + ?Sized>(
        &mut self,
        words: &[u64],
        count: u64,
        sink: &mut S,
    ) -> Result<(u64, u64), StreamError> {
        let Some(begin) = outermost(words) else { return Ok((0, 0)) };
        let (before, lap) = words.split_at(begin);
        let lap = [lap, before].concat();
        let (before, length) = (before.len() as u64, lap.len() as u64);
        let times = (count - before) / length;
        self.decode(&words[..begin], sink)?;
        let Some(shape) = Shape::of(&lap, self.state()) else { return Ok((before, before)) };
        let mut decoded = before;
        for left in (1..times).rev().take(ASKED) {
            let State { instructions, stdlib, next_frame: frames, .. } = *self.state();
            self.decode(&lap, sink)?;
            decoded += length;
            if !shape.is_kept(self.state()) {
                break;
            }
            let laps = Laps {
                times: left,
                instructions: self.state().instructions - instructions,
                stdlib: self.state().stdlib - stdlib,
                frames: self.state().next_frame - frames,
                has_values: shape.has_values,
                has_frames: shape.has_frames,
                has_exceptions: shape.has_exceptions,
            };
            if sink.laps(&laps, self.state()) {
                self.decode(&lap, sink)?;
                self.repeat(&laps)?;
                sink.laps_end(self.state());
                return Ok((before + times * length, decoded + length));
            }
        }
        Ok((decoded, decoded))
    }
}
