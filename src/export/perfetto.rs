//! The protobuf format of Perfetto: a track for each thread, calls as slices, exceptions and attempts as instants.  A time stamp is a
//! number of instructions, which the viewer takes for nanoseconds.  Field numbers are those of Perfetto's protos/perfetto/trace.

mod proto;

use std::collections::BTreeSet;
use std::io::Write;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::names::Names;
use super::stacks::{Calls, Ran, Stacks};
use super::target::Target;
use super::text::exact;
use crate::trace::attempt::{Answer, Attempt};
use crate::trace::{Code, Event, Raised, SinkError, State};
use proto::Message;

/// The one sequence of packets, and the number of the process in the viewer.
const SEQUENCE: u64 = 1;
const PROCESS: u64 = 1;
/// The track of a thread has its number and this.
const FIRST_TRACK: u64 = 2;
/// Names and places that are interned: written once and referred to. More are written in each event.
const MOST_INTERNED: usize = 1 << 16;

const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;

/// The export.
pub struct Perfetto {
    target: Target,
    names: Names,
    /// Names of calls that were interned.
    interned: Vec<bool>,
    threads: BTreeSet<u32>,
    /// The packet that is being written.
    packet: Message,
    command: String,
    /// The number of the last instruction of each thread.
    last: FxHashMap<u32, u64>,
}

impl Perfetto {
    pub fn new(target: Target) -> Stacks<Perfetto> {
        Stacks::new(Perfetto {
            target,
            names: Names::default(),
            interned: Vec::new(),
            threads: BTreeSet::new(),
            packet: Message::default(),
            command: "python2.7".to_owned(),
            last: FxHashMap::default(),
        })
    }

    /// Writes a packet of the sequence.
    fn write(&mut self, packet: Message) -> Result<(), SinkError> {
        self.packet.clear();
        self.packet.message(1, &packet);
        self.target.write_all(self.packet.bytes())?;
        Ok(())
    }

    /// Describes a thread's track before its first event, and the process before the first thread.
    fn describe(&mut self, thread: u32) -> Result<(), SinkError> {
        if self.threads.is_empty() {
            let mut process = Message::default();
            process.number(1, PROCESS).text(6, &self.command);
            let mut track = Message::default();
            track.number(1, 1).message(3, &process);
            let mut packet = packet(0);
            // The sequence's interned names begin here.
            packet.number(13, 1).message(60, &track);
            self.write(packet)?;
        }
        if self.threads.insert(thread) {
            let mut described = Message::default();
            described.number(1, PROCESS).number(2, u64::from(thread) + 1).text(5, &format!("thread {thread}"));
            let mut track = Message::default();
            track.number(1, FIRST_TRACK + u64::from(thread)).number(5, 1).message(4, &described);
            let mut packet = packet(0);
            packet.message(60, &track);
            self.write(packet)?;
        }
        Ok(())
    }

    fn instant(&mut self, thread: u32, number: u64, name: &str, details: &[(&str, String)]) -> Result<(), SinkError> {
        self.describe(thread)?;
        let mut event = event(thread, INSTANT);
        event.text(23, name);
        for (key, text) in details {
            let mut detail = Message::default();
            detail.text(10, key).text(6, text);
            event.message(4, &detail);
        }
        let mut packet = packet(number);
        packet.message(11, &event);
        self.write(packet)
    }

    fn raised(&mut self, raised: &Raised, at: &State) -> Result<(), SinkError> {
        let name = at.frame().map_or(String::new(), |frame| exact(&frame.code.object.name));
        let how = if raised.propagated { "came out of a call" } else { "raised here" };
        let details = [("message", exact(&raised.message)), ("in", name), ("how", how.to_owned())];
        self.instant(at.thread, at.instructions, &format!("exception {}", exact(&raised.type_name)), &details)
    }

    fn attempt(&mut self, attempt: &Attempt, at: &State) -> Result<(), SinkError> {
        let targets: Vec<String> = attempt.targets.iter().map(|target| exact(target)).collect();
        let answer = match (attempt.answer, attempt.answer.error()) {
            (Answer::Faked, _) => "faked".to_owned(),
            (_, Some(errno)) => format!("refused with errno {errno}"),
            (_, None) => "allowed".to_owned(),
        };
        let thread = attempt.thread.unwrap_or(at.thread);
        // It can stand before the run that has made it, and after runs of other threads.
        let number = attempt.site.as_ref().map_or(at.instructions, |site| site.instruction);
        let details = [("targets", targets.join(" ")), ("answer", answer)];
        self.instant(thread, number, &format!("tried {}", attempt.deed.name()), &details)
    }
}

/// A packet at a time, which refers to what was interned.
fn packet(number: u64) -> Message {
    let mut packet = Message::default();
    packet.number(8, number).number(10, SEQUENCE);
    packet
}

fn event(thread: u32, kind: u64) -> Message {
    let mut event = Message::default();
    event.number(9, kind).number(11, FIRST_TRACK + u64::from(thread));
    event
}

impl Calls for Perfetto {
    fn open(&mut self, thread: u32, code: &Rc<Code>, number: u64) -> Result<(), SinkError> {
        self.describe(thread)?;
        let name = self.names.number(code) as usize;
        if self.interned.len() <= name {
            self.interned.resize(name + 1, false);
        }
        let mut packet = packet(number);
        let mut event = event(thread, BEGIN);
        let called = self.names.get(name as u32);
        if name >= MOST_INTERNED {
            event.text(23, &called.name);
        } else {
            let number = name as u64 + 1;
            event.number(10, number).number(34, number);
            if !self.interned[name] {
                self.interned[name] = true;
                let (mut named, mut place, mut interned) = (Message::default(), Message::default(), Message::default());
                named.number(1, number).text(2, &called.name);
                place.number(1, number).text(2, &called.file).text(3, &called.name).number(4, called.line.into());
                interned.message(2, &named).message(4, &place);
                packet.message(12, &interned);
            }
            // The packet needs what was interned.
            packet.number(13, 2);
        }
        packet.message(11, &event);
        self.write(packet)
    }

    fn close(&mut self, thread: u32, number: u64) -> Result<(), SinkError> {
        let mut packet = packet(number);
        packet.message(11, &event(thread, END));
        self.write(packet)
    }

    fn ran(&mut self, _code: &Rc<Code>, ran: Ran) -> Result<(), SinkError> {
        if self.last.insert(ran.thread, ran.last).is_none() {
            self.describe(ran.thread)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Start(start) => {
                self.command = start.argv.iter().map(|word| exact(word)).collect::<Vec<_>>().join(" ");
                Ok(())
            }
            Event::Raised(raised) => self.raised(raised, at),
            Event::Attempt(attempt) => self.attempt(attempt, at),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(Target, Option<String>), SinkError> {
        // An empty trace is one with the program's first thread.
        self.describe(0)?;
        Ok((self.target, None))
    }
}
