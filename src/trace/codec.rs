//! The encoding of events as records; docs/trace-format.md describes the same bytes for readers in other languages.

use std::rc::Rc;

use super::attempt::{Attempt, Repeated};
use super::code::Code;
use super::content::{Content, NewCode, Use};
use super::event::{
    Announce, End, EndReason, Event, Input, LowMemory, Name, Outside, Own, Raised, Sandbox, Skipped, StandIn,
    StandInUse, Start, StopReason, Unmapped,
};
use super::origin::{Made, WholeCode};
use super::payload::{PayloadReader, PayloadWriter};
use super::word;

/// The type of a record that [`encode_code`](super::encode_code) wrote.
pub const CODE_RECORD: u8 = record::CODE;

/// The type of a record that gives a name its text: 32 bits entry, then the text.
pub const NAME_RECORD: u8 = record::NAME;

/// The record types of the stream.
pub(super) mod record {
    pub const START: u8 = 1;
    pub const CODE: u8 = 2;
    pub const OUTSIDE: u8 = 3;
    pub const RAISED: u8 = 4;
    pub const ANNOUNCE: u8 = 5;
    pub const SKIPPED: u8 = 6;
    pub const STATE: u8 = 7;
    pub const THREAD_GONE: u8 = 8;
    pub const STOP: u8 = 9;
    pub const FINISHED: u8 = 10;
    pub const END: u8 = 11;
    pub const SWITCH: u8 = 12;
    pub const NAME: u8 = 13;
    pub const MADE: u8 = 14;
    pub const WHOLE_CODE: u8 = 15;
    pub const OWN: u8 = 16;
    pub const LOW_MEMORY: u8 = 17;
    pub const ATTEMPT: u8 = 18;
    pub const REPEATED: u8 = 19;
    pub const INPUT: u8 = 20;
    pub const CONTENT: u8 = 21;
    pub const NEW_CODE: u8 = 22;
    pub const USE: u8 = 23;
    pub const UNMAPPED: u8 = 24;
    pub const STAND_IN: u8 = 25;
    /// In the ring alone; see `trace::brief`.
    pub const BRIEF: u8 = 26;
    pub const LIBRARY_CODE: u8 = 27;
}

impl Event {
    /// Appends the event's words.
    pub fn encode(&self, out: &mut Vec<u64>) {
        let mut payload = PayloadWriter::default();
        let kind = match self {
            Event::Code(code) => {
                word::push_record(out, record::CODE, &code.encode());
                return;
            }
            Event::Name(name) => {
                payload.u32(name.name).bytes(&name.text);
                record::NAME
            }
            Event::Made(made) => {
                made.write(&mut payload);
                record::MADE
            }
            Event::WholeCode(whole) => whole.write(&mut payload),
            Event::Content(content) => {
                content.write(&mut payload);
                record::CONTENT
            }
            Event::NewCode(new) => {
                new.write(&mut payload);
                record::NEW_CODE
            }
            Event::Use(used) => {
                used.write(&mut payload);
                record::USE
            }
            Event::Start(start) => {
                payload.bytes(&start.version).bytes(&start.vm).list(&start.argv).list(&start.options);
                payload.bytes(start.sha256.as_ref().map_or(&[], |hash| hash)).u8(start.sandbox as u8);
                payload.list(&start.environment);
                record::START
            }
            Event::Outside(outside) => {
                payload.i32(outside.offset).bytes(&outside.bytes);
                record::OUTSIDE
            }
            Event::Raised(raised) => {
                payload.u8(raised.propagated.into()).bytes(&raised.type_name).bytes(&raised.message);
                record::RAISED
            }
            Event::Announce(frame) => {
                payload.u32(frame.code).u64(frame.frame).u64(frame.slot.map_or(0, |slot| u64::from(slot) + 1));
                record::ANNOUNCE
            }
            Event::Skipped(skipped) => {
                payload.u64(skipped.instructions).u64(skipped.frames).u8(skipped.own.into());
                if skipped.iterations > 0 {
                    payload.u64(skipped.iterations);
                }
                record::SKIPPED
            }
            Event::Own(own) => {
                payload.bytes(&own.name).bytes(&own.filename);
                record::OWN
            }
            Event::LowMemory(what) => {
                payload.u8(*what as u8);
                record::LOW_MEMORY
            }
            Event::Attempt(attempt) => {
                attempt.write(&mut payload);
                record::ATTEMPT
            }
            Event::Repeated(repeated) => {
                repeated.write(&mut payload);
                record::REPEATED
            }
            Event::Input(input) => {
                payload.bytes(&input.bytes).u64(input.left_out);
                record::INPUT
            }
            Event::StandIn(used) => {
                payload.u8(used.kind as u8).bytes(&used.what).u32(used.named).u64(used.left_out);
                record::STAND_IN
            }
            Event::Unmapped(unmapped) => {
                payload.u8(unmapped.number).list(&unmapped.stack).u32(unmapped.below).list(&unmapped.candidates);
                record::UNMAPPED
            }
            Event::Switch(frame) => {
                payload.u64(*frame);
                record::SWITCH
            }
            Event::ThreadGone(thread) => {
                payload.u32(*thread);
                record::THREAD_GONE
            }
            Event::Stop(reason) => {
                payload.u8(*reason as u8);
                record::STOP
            }
            Event::Finished => record::FINISHED,
            Event::End(end) => {
                end.write(&mut payload);
                record::END
            }
        };
        word::push_record(out, kind, &payload.finish());
    }

    /// Reads a record; None where its payload is not what its type asks for.  The outer None of a known type is an error, a type
    /// that is not known is Some(None) and is skipped.
    pub(super) fn decode(record_type: u8, payload: &[u8]) -> Option<Option<Event>> {
        let mut reader = PayloadReader::new(payload);
        let event = match record_type {
            record::START => Event::Start(Start {
                version: reader.bytes()?,
                vm: reader.bytes()?,
                argv: reader.list()?,
                options: reader.list()?,
                sha256: reader.bytes()?.try_into().ok(),
                sandbox: Sandbox::from_number(reader.u8()?)?,
                environment: reader.list()?,
            }),
            record::CODE => Event::Code(Rc::new(Code::decode(&mut reader)?)),
            record::NAME => Event::Name(Name { name: reader.u32()?, text: reader.name()?.into() }),
            record::MADE => Event::Made(Made::read(&mut reader)?),
            record::WHOLE_CODE | record::LIBRARY_CODE => Event::WholeCode(WholeCode::read(record_type, &mut reader)?),
            record::CONTENT => Event::Content(Content::read(&mut reader)?),
            record::NEW_CODE => Event::NewCode(NewCode::read(&mut reader)?),
            record::USE => Event::Use(Use::read(&mut reader)?),
            record::OUTSIDE => Event::Outside(Outside {
                offset: reader.i32()?,
                bytes: reader.bytes().filter(|bytes| bytes.len() <= Outside::MOST_BYTES)?,
            }),
            record::RAISED => Event::Raised(Raised {
                propagated: reader.u8()? != 0,
                type_name: reader.bytes()?,
                message: reader.bytes()?,
            }),
            record::ANNOUNCE => Event::Announce(Announce {
                code: reader.u32()?,
                frame: reader.u64()?,
                slot: match reader.u64()? {
                    0 => None,
                    slot => Some(u32::try_from(slot - 1).ok()?),
                },
            }),
            record::SKIPPED => {
                let (instructions, frames, own) = (reader.u64()?, reader.u64()?, reader.u8()? != 0);
                let iterations = if reader.is_empty() { 0 } else { reader.u64()? };
                Event::Skipped(Skipped { instructions, frames, own, iterations })
            }
            record::OWN => Event::Own(Own { name: reader.bytes()?, filename: reader.bytes()? }),
            record::LOW_MEMORY => Event::LowMemory(match reader.u8()? {
                1 => LowMemory::SomeCode,
                2 => LowMemory::TheRest,
                _ => return None,
            }),
            record::ATTEMPT => Event::Attempt(Attempt::read(&mut reader)?),
            record::REPEATED => Event::Repeated(Repeated::read(&mut reader)?),
            record::INPUT => Event::Input(Input { bytes: reader.bytes()?, left_out: reader.u64()? }),
            record::STAND_IN => Event::StandIn(StandIn::read(&mut reader)?),
            record::UNMAPPED => Event::Unmapped(Unmapped {
                number: reader.u8()?,
                stack: reader.list()?,
                below: reader.u32()?,
                candidates: reader.list()?,
            }),
            record::SWITCH => Event::Switch(reader.u64()?),
            record::THREAD_GONE => Event::ThreadGone(reader.u32()?),
            record::STOP => Event::Stop(StopReason::from_number(reader.u8()?)?),
            record::FINISHED => Event::Finished,
            record::END => Event::End(End::read(&mut reader)?),
            _ => return Some(None),
        };
        Some(Some(event))
    }
}

impl StandIn {
    fn read(reader: &mut PayloadReader) -> Option<StandIn> {
        let kinds = [StandInUse::Import, StandInUse::Attribute, StandInUse::Call, StandInUse::Other];
        let kind = kinds.get(usize::from(reader.u8()?)).copied().unwrap_or_default();
        let (what, named) = (reader.bytes()?, reader.u32()?);
        let is_within = named as usize <= what.len();
        Some(StandIn { kind, what, named, left_out: reader.u64()? }).filter(|_| is_within)
    }

    /// What is imported, read or called.
    pub fn name(&self) -> &[u8] {
        self.what.get(..self.named as usize).unwrap_or_default()
    }
}

impl Sandbox {
    fn from_number(number: u8) -> Option<Sandbox> {
        [Sandbox::None, Sandbox::Watched, Sandbox::Unwatched].into_iter().find(|sandbox| *sandbox as u8 == number)
    }
}

impl StopReason {
    pub fn from_number(number: u8) -> Option<StopReason> {
        Some(match number {
            1 => StopReason::MaxInstructions,
            2 => StopReason::MaxSize,
            3 => StopReason::StopAt,
            4 => StopReason::Timeout,
            5 => StopReason::MaxOutput,
            6 => StopReason::MaxScratch,
            7 => StopReason::MaxFiles,
            8 => StopReason::Unmapped,
            _ => return None,
        })
    }
}

impl End {
    fn write(&self, out: &mut PayloadWriter) {
        match &self.reason {
            EndReason::Exited(status) => out.u8(1).u8(*status),
            EndReason::Killed(signal) => out.u8(2).u8(*signal),
            EndReason::Stopped(reason) => out.u8(3).u8(*reason as u8),
            EndReason::Tampered(why) => out.u8(4).bytes(why),
            EndReason::OutputFailed(why) => out.u8(5).bytes(why),
            EndReason::Unknown => out.u8(6),
        };
        out.u8(self.finished.into()).u8(self.replaced.into()).u64(self.instructions);
        match &self.place {
            None => out.u8(0),
            Some((name, offset, opname)) => out.u8(1).bytes(name).u64(offset.cast_unsigned()).bytes(opname),
        };
    }

    fn read(reader: &mut PayloadReader) -> Option<End> {
        let reason = match reader.u8()? {
            1 => EndReason::Exited(reader.u8()?),
            2 => EndReason::Killed(reader.u8()?),
            3 => EndReason::Stopped(StopReason::from_number(reader.u8()?)?),
            4 => EndReason::Tampered(reader.bytes()?),
            5 => EndReason::OutputFailed(reader.bytes()?),
            6 => EndReason::Unknown,
            _ => return None,
        };
        let finished = reader.u8()? != 0;
        let replaced = reader.u8()? != 0;
        let instructions = reader.u64()?;
        let place = match reader.u8()? {
            0 => None,
            _ => Some((reader.bytes()?, reader.u64()?.cast_signed(), reader.bytes()?)),
        };
        Some(End { reason, finished, replaced, place, instructions })
    }
}
