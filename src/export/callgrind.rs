//! Callgrind's format, by code object and line: a cost is an instruction.  KCachegrind and callgrind_annotate read it.

use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::counts::{Counts, OfCode};
use super::lines::Lines;
use super::names::Names;
use super::stacks::{Calls, Ran, Stacks};
use super::target::Target;
use super::text::exact;
use crate::trace::{Code, Event, SinkError, State};

/// Open calls of a thread that are remembered one by one.
const MOST_DEPTH: usize = 1 << 20;

/// The export.
pub struct Callgrind {
    target: Target,
    names: Names,
    counts: Counts,
    /// Of each name, the instructions of its lines.
    lines: FxHashMap<u32, BTreeMap<u32, u64>>,
    /// Of each name, by line and callee: calls, and the instructions in them.
    calls: FxHashMap<u32, CallsOfName>,
    threads: FxHashMap<u32, Thread>,
    line_tables: FxHashMap<u32, Lines>,
    command: String,
    total: u64,
}

/// By line and callee.
type CallsOfName = BTreeMap<(u32, u32), (u64, u64)>;

/// A thread's open calls, and the instructions that it has executed.
#[derive(Default)]
struct Thread {
    open: Vec<Open>,
    instructions: u64,
    /// Calls that are open and not in `open`.
    deeper: u64,
}

struct Open {
    name: u32,
    code: u32,
    /// Where it stands: the offset after the last instruction.
    end: u32,
    /// The thread's instructions when it began.
    before: u64,
}

impl Callgrind {
    pub fn new(target: Target) -> Stacks<Callgrind> {
        Stacks::new(Callgrind {
            target,
            names: Names::default(),
            counts: Counts::default(),
            lines: FxHashMap::default(),
            calls: FxHashMap::default(),
            threads: FxHashMap::default(),
            line_tables: FxHashMap::default(),
            command: String::new(),
            total: 0,
        })
    }

    /// Adds the runs of a code object to its lines.
    fn sum(&mut self, runs: &OfCode) {
        let name = self.names.number(&runs.code);
        let table = Lines::of(&runs.code.object);
        let lines = self.lines.entry(name).or_default();
        for (unit, count) in runs.units() {
            let line = u32::try_from(table.at(unit.last.offset)).unwrap_or(0);
            *lines.entry(line).or_default() += count * u64::from(unit.instructions);
        }
        if runs.outside > 0 {
            let line = u32::try_from(runs.code.object.first_line).unwrap_or(0);
            *lines.entry(line).or_default() += runs.outside;
        }
    }

    /// The line at which a call stands that has executed up to `end`.
    fn line_of(&mut self, code: u32, end: u32) -> u32 {
        let line = self.line_tables.get(&code).map_or(0, |lines| lines.at(end.saturating_sub(1) as i32));
        u32::try_from(line).unwrap_or(0)
    }

    fn write(&mut self) -> Result<(), SinkError> {
        let out = &mut self.target;
        write!(out, "# callgrind format\nversion: 1\ncreator: bctrace {}\n", env!("CARGO_PKG_VERSION"))?;
        write!(out, "cmd: {}\npositions: line\nevents: Instructions\n", self.command)?;
        writeln!(out, "summary: {}", self.total)?;
        let mut numbers: Vec<u32> = self.lines.keys().chain(self.calls.keys()).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        // Every name stands after a number in parentheses, so that one which looks like a number is none.
        let mut files: FxHashMap<&str, usize> = FxHashMap::default();
        for name in self.names.all() {
            let next = files.len() + 1;
            files.entry(&name.file).or_insert(next);
        }
        let name = |number: u32| {
            let name = self.names.get(number);
            let shown = if name.file.is_empty() { "???" } else { &name.file };
            let file = format!("({}) {shown}", files.get(name.file.as_str()).copied().unwrap_or_default());
            (file, format!("({}) {}:{}", number + 1, name.name, name.line))
        };
        for number in numbers {
            let (file, function) = name(number);
            writeln!(out, "\nfl={file}\nfn={function}")?;
            for (line, count) in self.lines.get(&number).into_iter().flatten() {
                writeln!(out, "{line} {count}")?;
            }
            for ((line, callee), (count, inclusive)) in self.calls.get(&number).into_iter().flatten() {
                let (file, function) = name(*callee);
                let first = self.names.get(*callee).line;
                writeln!(out, "cfi={file}\ncfn={function}\ncalls={count} {first}\n{line} {inclusive}")?;
            }
        }
        writeln!(out, "\ntotals: {}", self.total)?;
        Ok(())
    }
}

impl Calls for Callgrind {
    fn open(&mut self, thread: u32, code: &Rc<Code>, _number: u64) -> Result<(), SinkError> {
        let name = self.names.number(code);
        let thread = self.threads.entry(thread).or_default();
        if thread.open.len() >= MOST_DEPTH {
            thread.deeper += 1;
        } else {
            thread.open.push(Open { name, code: code.id, end: 0, before: thread.instructions });
        }
        Ok(())
    }

    fn close(&mut self, thread: u32, _number: u64) -> Result<(), SinkError> {
        let Some(thread) = self.threads.get_mut(&thread) else { return Ok(()) };
        if thread.deeper > 0 {
            thread.deeper -= 1;
            return Ok(());
        }
        let Some(ended) = thread.open.pop() else { return Ok(()) };
        let inclusive = thread.instructions - ended.before;
        if let Some(caller) = thread.open.last() {
            let (name, code, end) = (caller.name, caller.code, caller.end);
            let line = self.line_of(code, end);
            let (count, sum) = self.calls.entry(name).or_default().entry((line, ended.name)).or_default();
            (*count, *sum) = (*count + 1, *sum + inclusive);
        }
        Ok(())
    }

    #[inline]
    fn ran(&mut self, code: &Rc<Code>, ran: Ran) -> Result<(), SinkError> {
        self.total += ran.instructions;
        self.counts.ran(code, ran.place, ran.instructions);
        let thread = self.threads.entry(ran.thread).or_default();
        thread.instructions += ran.instructions;
        if let (Some(open), Some((_, end)), 0) = (thread.open.last_mut(), ran.place, thread.deeper) {
            (open.code, open.end) = (code.id, end);
        }
        self.line_tables.entry(code.id).or_insert_with(|| Lines::of(&code.object));
        if self.counts.is_full() {
            let all = self.counts.take_all();
            all.iter().for_each(|runs| self.sum(runs));
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, _at: &State) -> Result<(), SinkError> {
        if let Event::Start(start) = event {
            self.command = start.argv.iter().map(|word| exact(word)).collect::<Vec<_>>().join(" ");
        }
        Ok(())
    }

    fn released(&mut self, code: u32) {
        if let Some(runs) = self.counts.take(code) {
            self.sum(&runs);
        }
        self.line_tables.remove(&code);
    }

    fn finish(mut self) -> Result<(Target, Option<String>), SinkError> {
        let all = self.counts.take_all();
        all.iter().for_each(|runs| self.sum(runs));
        self.write()?;
        Ok((self.target, None))
    }
}
