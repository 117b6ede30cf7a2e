//! `bctrace show --fold`: a trace as a tree in which loops and recursions stand once, with their exact counts.

mod print;
mod tree;

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Answer;
use super::left_out::LeftOut;
use super::query::{Query, View, ended};
use super::room::Room;
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::steps::{Entered, Exit};
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::select::{Filter, Matches, Miss, Trigger, TriggerMatch};
use crate::trace::value::UnitValues;
use crate::trace::{Code, Frame, Laps, Run, SinkError, State, Taken};
use tree::{Body, Tree};

/// Frames on stacks that are remembered; a forged trace can enter frames for ever.
const MOST_FRAMES: usize = 1 << 18;

/// How a folded trace is printed.
#[derive(Clone, Debug, Default)]
pub struct FoldPlan {
    /// Operands as what they refer to.
    pub resolve: bool,
    /// What is printed in full.
    pub unfold: Vec<Trigger>,
}

/// Writes the tree into `output`, each flaw of the trace to `report`.
pub fn run(query: &Query, plan: &FoldPlan, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    let mut view = Fold::new(Room::new(query.memory));
    let (mut answer, left_out) = query.ask(&mut view, report)?;
    let folded = view.end();
    answer.misses.extend(missed(&folded, plan));
    let left_out = LeftOut { dropped: folded.tree.room.dropped, ..left_out };
    let mut lines = Lines::new(output, None);
    ended(answer, print::write(&folded, plan, query, &left_out, &mut lines))
}

/// The places to unfold that are none.
fn missed(folded: &Folded, plan: &FoldPlan) -> Vec<Miss> {
    let places = plan.unfold.iter().map(|place| ("--unfold", place.clone())).collect();
    let mut matches = Matches::new(Filter::default(), places);
    folded.codes.iter().for_each(|code| matches.see(&code.object));
    let missed = matches.places().filter(|(.., found)| *found != TriggerMatch::There);
    missed.map(|(option, place, found)| Miss::Place { option, place: place.clone(), found }).collect()
}

/// What was read.
struct Folded {
    tree: Tree,
    /// By their numbers in the tree.
    codes: Vec<Rc<Code>>,
    /// By thread: what it executed outside any frame that is wanted, which is its frames.
    threads: Vec<(u32, Vec<tree::Id>)>,
}

struct Fold {
    tree: Tree,
    codes: Vec<Rc<Code>>,
    by_hash: FxHashMap<u64, u32>,
    by_id: FxHashMap<u32, u32>,
    threads: FxHashMap<u32, Vec<Open>>,
    has_runs: bool,
    /// Where the loop of the frame that ran stood when it was asked about laps.
    before_laps: Option<(u64, tree::Standing)>,
    taken: Taken,
}

/// A frame on the stack; the first of each thread is none and holds the others.
#[derive(Default)]
struct Open {
    frame: u64,
    code: u32,
    body: Body,
    /// It has executed something that is wanted.
    is_wanted: bool,
}

impl Fold {
    fn new(room: Room) -> Fold {
        Fold {
            tree: Tree::new(room),
            codes: Vec::new(),
            by_hash: FxHashMap::default(),
            by_id: FxHashMap::default(),
            threads: FxHashMap::default(),
            has_runs: false,
            before_laps: None,
            taken: Taken::default(),
        }
    }

    /// The number of a code object, which equal ones share.
    fn number(&mut self, code: &Rc<Code>) -> u32 {
        if let Some(number) = self.by_id.get(&code.id) {
            return *number;
        }
        let next = self.codes.len() as u32;
        let number = *self.by_hash.entry(super::same::hash_of(&code.object, None)).or_insert(next);
        if number == next {
            self.codes.push(Rc::clone(code));
        }
        self.by_id.insert(code.id, number);
        number
    }

    fn stack(&mut self, thread: u32) -> &mut Vec<Open> {
        self.threads.entry(thread).or_insert_with(|| vec![Open::default()])
    }

    /// Takes a stretch of code that a frame has executed.
    fn executed(&mut self, thread: u32, frame: &Frame, start: u32, end: u32, count: u64) {
        self.has_runs = true;
        let number = self.number(&frame.code);
        let stack = self.threads.entry(thread).or_insert_with(|| vec![Open::default()]);
        if stack.last().is_none_or(|open| open.frame != frame.id) {
            // A frame that began before what is read, or one that goes on out of order.
            stack.push(Open { frame: frame.id, ..Open::default() });
        }
        if let Some(open) = stack.last_mut() {
            (open.is_wanted, open.code) = (true, number);
            open.body.run(&mut self.tree, number, start, end, count);
        }
    }

    fn leave(&mut self, thread: u32, exit: Option<Exit>) {
        let stack = self.threads.entry(thread).or_default();
        let Some(open) = stack.pop() else { return };
        let Some(caller) = stack.last_mut() else {
            stack.push(open);
            return;
        };
        let (body, instructions) = open.body.end(&mut self.tree);
        if open.is_wanted {
            if let Some(id) = self.tree.frame(open.code, exit, body, instructions) {
                caller.body.call(&mut self.tree, id);
            }
            return;
        }
        // What a frame that is not wanted has called belongs to its caller.
        body.into_iter().for_each(|id| caller.body.call(&mut self.tree, id));
    }

    fn end(mut self) -> Folded {
        let mut threads: Vec<u32> = self.threads.keys().copied().collect();
        threads.sort_unstable();
        for &thread in &threads {
            while self.stack(thread).len() > 1 {
                self.leave(thread, None);
            }
        }
        let mut ended = Vec::new();
        for thread in threads {
            for open in self.threads.remove(&thread).unwrap_or_default() {
                ended.push((thread, open.body.end(&mut self.tree).0));
            }
        }
        Folded { tree: self.tree, codes: self.codes, threads: ended }
    }
}

impl View for Fold {
    fn what(&self) -> &'static str {
        "instructions"
    }

    fn is_empty(&self) -> bool {
        !self.has_runs
    }

    fn needs_values(&self) -> bool {
        false
    }

    fn run(&mut self, run: &Run, at: &State, is_wanted: bool) -> Result<bool, SinkError> {
        if let Some(frame) = at.frame().filter(|_| is_wanted) {
            self.executed(at.thread, frame, run.start, run.end(), run.count);
        }
        Ok(false)
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, _values: &UnitValues) -> Result<(), SinkError> {
        if is_wanted {
            let unit = place.unit;
            self.executed(place.thread, place.frame, unit.start, unit.end, unit.instructions.into());
        }
        Ok(())
    }

    fn entered(&mut self, entered: &Entered, _is_library: bool) -> Result<(), SinkError> {
        let stack = self.stack(entered.thread);
        if stack.len() < MOST_FRAMES {
            stack.push(Open { frame: entered.frame, ..Open::default() });
        }
        Ok(())
    }

    fn left(&mut self, frame: &Frame, exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        let thread = self.threads.iter().find(|(_, stack)| stack.last().is_some_and(|open| open.frame == frame.id));
        if let Some(thread) = thread.map(|(thread, _)| *thread) {
            self.leave(thread, Some(exit));
        }
        Ok(())
    }

    /// A lap that has brought a loop round once and left all else as it was will do so again.
    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        let open = self.stack(at.thread).last().map(|open| (open.frame, open.body.standing()));
        let before = std::mem::replace(&mut self.before_laps, open.clone());
        let is_taken = match (before, open) {
            (Some((frame, before)), Some((now, after))) => frame == now && (after.is_next(&before) || after == before),
            _ => false,
        };
        self.taken.begin(laps, at, is_taken)
    }

    fn laps_end(&mut self, at: &State) {
        let more = self.taken.times() - 1;
        self.taken.end();
        let before = self.before_laps.take();
        if let (Some(open), Some((_, before))) = (self.stack(at.thread).last_mut(), before)
            && open.body.standing() != before
        {
            open.body.repeat(more, &before);
        }
    }
}
