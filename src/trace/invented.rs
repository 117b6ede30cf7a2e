//! Traces of programs that never ran, for tests: every sequence of numbers becomes a legal stream of events.

use std::rc::Rc;

use proptest::prelude::*;
use proptest::sample::Index;

use super::attempt::{Answer, Attempt, By, Deed, Repeated, Site};
use super::code::Code;
use super::content::{Content, NewCode, Role as ContentRole, Use};
use super::event::{
    Announce, End, EndReason, Event, Input, LowMemory, Name, Outside, Own, Raised, Run, Sandbox, Skipped, StandIn,
    StandInUse, Start, StopReason, Then, Unmapped,
};
use super::library::LibraryCode;
use super::origin::{Held, How, Made, WholeCode};
use super::sink::ignore;
use super::state::State;
use super::value::{self, Role, Tag, What};
use super::word::FIELDS;
use crate::bytecode::decode::units;
use crate::bytecode::{CodeObject, Unit};

/// Bytes of code: plain ones, prefixes, overlapping and undefined instructions, a truncated end.
const BYTES: [&[u8]; 5] = [
    &[100, 0, 0, 124, 0, 0, 23, 125, 0, 0, 114, 0, 0, 100, 1, 0, 83],
    &[145, 1, 0, 100, 0x70, 0x11, 145, 0, 0, 9, 100, 1, 83, 100, 0, 0],
    &[113, 4, 0, 200, 100, 113, 100, 9, 9, 0, 6, 71, 83, 100, 1],
    &[9],
    &[],
];

const NAMES: [&[u8]; 5] = [b"<module>", b"f", b"a b\n> 0 NOP", b"\xff\xfe\\", "ü\u{202e}".as_bytes()];

/// One piece of a stream.
#[derive(Clone, Debug)]
pub enum Item {
    Event(Event),
    Run(Run),
    Values(Vec<u64>),
}

impl Item {
    pub fn encode(&self, out: &mut Vec<u64>) {
        match self {
            Item::Event(event) => event.encode(out),
            Item::Run(run) => {
                let (words, count) = run.words();
                out.extend_from_slice(&words[..count]);
            }
            Item::Values(words) => out.extend_from_slice(words),
        }
    }
}

/// Invents any trace, with a beginning and an end.
pub fn traces(longest: usize) -> impl Strategy<Value = Vec<Item>> {
    proptest::collection::vec(any::<u32>(), 0..longest).prop_map(|numbers| trace(&numbers))
}

/// Damage to one word of a stream.
#[derive(Clone, Debug)]
pub struct Damage {
    place: Index,
    /// The word that stands there instead, or bits of the numbers of a run that are turned.
    by: Result<Index, u64>,
}

/// Invents damage.
pub fn damages() -> impl Strategy<Value = Damage> {
    let bits = any::<u64>().prop_map(|bits| bits & (0x3f << FIELDS[0] | 0x3f << FIELDS[1] | 0x3f << FIELDS[2]));
    let by = prop_oneof![any::<Index>().prop_map(Ok), bits.prop_map(Err)];
    (any::<Index>(), by).prop_map(|(place, by)| Damage { place, by })
}

impl Damage {
    pub fn inflict(&self, words: &mut [u64]) {
        if words.is_empty() {
            return;
        }
        let place = self.place.index(words.len());
        words[place] = match self.by {
            Ok(other) => words[other.index(words.len())],
            Err(bits) => words[place] ^ bits,
        };
    }
}

/// Makes a trace out of numbers.
pub fn trace(numbers: &[u32]) -> Vec<Item> {
    let mut inventor = Inventor::default();
    inventor.add(Event::Start(Start {
        version: b"0.1".to_vec(),
        vm: b"2.7.18".to_vec(),
        argv: vec![b"a.pyc".to_vec(), b"\xff".to_vec()],
        options: vec![],
        sha256: Some([7; 32]),
        sandbox: Sandbox::Watched,
        environment: vec![b"PYTHONPATH=a".to_vec()],
    }));
    inventor.code(0);
    inventor.run(0, Then::Call { code: 0 });
    numbers.iter().for_each(|&number| inventor.step(number));
    inventor.add(Event::LowMemory(LowMemory::SomeCode));
    for attempt in attempts() {
        inventor.add(Event::Attempt(attempt));
    }
    inventor.add(Event::Repeated(Repeated { attempt: Some(0), times: 3 }));
    inventor.add(Event::Repeated(Repeated { attempt: None, times: 1 }));
    inventor.add(Event::Unmapped(Unmapped {
        number: 200,
        stack: vec![b"1".to_vec()],
        below: 2,
        candidates: vec![b"NOP".to_vec()],
    }));
    inventor.add(Event::StandIn(StandIn {
        kind: StandInUse::Call,
        what: b"a.b()\xff".to_vec(),
        named: 3,
        left_out: 1,
    }));
    inventor.add(Event::Input(Input { bytes: b"a\n\xff".to_vec(), left_out: 7 }));
    contents().into_iter().for_each(|event| inventor.add(event));
    inventor.add(Event::Finished);
    let place = Some((b"f\n".to_vec(), -12, b"NOP".to_vec()));
    let instructions = inventor.state.instructions;
    inventor.add(Event::End(End {
        reason: EndReason::Exited(3),
        finished: true,
        replaced: false,
        place,
        instructions,
    }));
    inventor.items
}

/// A text, a code object, and uses of contents.
fn contents() -> [Event; 5] {
    let used = Use {
        content: Some(0),
        role: ContentRole::Result,
        owner: b"zlib".to_vec(),
        name: b"decompress\x1b".to_vec(),
        place: Some((0, 3)),
        length: 7,
        times: 1,
    };
    let new = NewCode { number: 0, made: 0, same: None, missing: 1, marshal: (*b"c\0").into() };
    [
        Event::Content(Content { number: 0, length: 7, bytes: (*b"x = 1\n\xff").into() }),
        Event::NewCode(new.clone()),
        Event::NewCode(NewCode { number: 1, same: Some(0), marshal: [].into(), ..new }),
        Event::Use(used.clone()),
        Event::Use(Use { content: None, place: None, times: 9, ..used }),
    ]
}

/// An attempt with all that one can have, and one with nothing.
fn attempts() -> [Attempt; 2] {
    let site = Site {
        instruction: 7,
        name: b"f\n".to_vec(),
        filename: b"a.py".to_vec(),
        offset: 3,
        caller: Some((b"g".to_vec(), b"b.py".to_vec())),
    };
    let whole = Attempt {
        deed: Deed::Write,
        targets: vec![b"/etc/\x1b[2J".to_vec(), Vec::new()],
        answer: Answer::Refused(13),
        option: b"--allow-write=/etc".to_vec(),
        by: By::Library,
        thread: Some(3),
        site: Some(site),
    };
    let bare = Attempt {
        deed: Deed::Fork,
        targets: Vec::new(),
        answer: Answer::Allowed,
        option: Vec::new(),
        by: By::Process,
        thread: None,
        site: None,
    };
    [whole, bare]
}

#[derive(Default)]
struct Inventor {
    items: Vec<Item>,
    state: State,
    codes: Vec<u32>,
    next_code: u32,
    suspended: Vec<u32>,
    threads: u32,
}

impl Inventor {
    fn add(&mut self, event: Event) {
        self.state.take(&event, |_| Ok(())).expect("invented events are legal");
        self.items.push(Item::Event(event));
    }

    /// Adds one more event, or two, of a kind that `number` chooses.
    fn step(&mut self, number: u32) {
        let (what, detail) = (number % 32, number / 32);
        let in_frame = self.state.frame().is_some();
        match what {
            0 => self.code(detail),
            1 => self.add(Event::Stop(StopReason::MaxSize)),
            2 if detail.is_multiple_of(2) => self.add(Event::Stop(StopReason::StopAt)),
            2 => self.add(Event::Own(Own { name: NAMES[detail as usize % 5].into(), filename: b"a.py".to_vec() })),
            3 => {
                let (instructions, frames) = (u64::from(detail % 5000), u64::from(detail % 3));
                self.add(Event::Skipped(Skipped {
                    instructions,
                    frames,
                    own: detail.is_multiple_of(7),
                    iterations: 0,
                }));
            }
            4 => self.announce(detail),
            5 => self.forget_code(detail),
            6 | 7 => self.thread(detail),
            8 if in_frame => self.outside(detail),
            9 if in_frame => self.raise(detail),
            10 if in_frame => self.switch(detail),
            11 => match self.suspended.pop() {
                Some(slot) => self.run(detail, Then::SlotGone { slot }),
                None => self.code(detail),
            },
            12 | 13 if in_frame => {
                let slot = (0..).find(|slot| !self.suspended.contains(slot)).unwrap_or(0);
                self.run(detail, Then::Yield { slot });
                self.suspended.push(slot);
            }
            14 | 15 => match self.suspended.pop() {
                Some(slot) => self.run(detail, Then::Resume { slot }),
                None => self.call(detail),
            },
            16 | 17 if in_frame => self.run(detail, Then::Return),
            18 if in_frame => self.run(detail, Then::Unwind),
            19 if in_frame => {
                let code = self.any_code(detail);
                self.run(detail, Then::Version { code });
            }
            20..=24 => self.call(detail),
            25 => self.made(detail),
            _ => self.run(detail, Then::Jump),
        }
    }

    /// A run of the current frame from any offset, for as long as `detail` says; empty where there is none.
    fn run(&mut self, detail: u32, then: Then) {
        let mut run = Run::new(0, 0, 0, then);
        if let Some(frame) = self.state.frame() {
            let bytes = &frame.code.object.bytes;
            let start = detail % (bytes.len() as u32 + 1);
            let many = (detail / 64 % 8) as usize;
            let units: Vec<Unit> = units(bytes, start).take(many).collect();
            let length = units.last().map_or(0, |unit| unit.end - start);
            let count = units.iter().map(|unit| u64::from(unit.instructions)).sum();
            run = Run::new(start, length, count, then);
        }
        if run.length > 0 && detail.is_multiple_of(3) {
            self.values(detail);
        }
        self.state.take_run(&run, &mut ignore()).expect("invented runs are legal");
        self.items.push(Item::Run(run));
    }

    /// Values of the next run, and a name; some of them are no values at all.
    fn values(&mut self, detail: u32) {
        if detail.is_multiple_of(2) {
            let text = NAMES[detail as usize % 5].into();
            self.add(Event::Name(Name { name: detail % 7, text }));
        }
        let role = [Role::Operand, Role::Result, Role::Argument, Role::Stack][detail as usize / 16 % 4];
        let number = u64::from(detail);
        let mut words = vec![
            value::pack(Tag::Int, role, detail % 4, number),
            value::pack(Tag::Object, Role::Operand, 0, value::object_payload(detail % 7, What::Builtin, detail)),
            value::pack(Tag::List, Role::Operand, 1, value::container_payload(9, 2, true)),
            value::pack_nested(Tag::ShortStr, number << 8 | 3),
            value::pack_nested(Tag::None, 0),
            value::pack_raw(1000),
            value::pack(Tag::Same, Role::Operand, 1, 0),
        ];
        if detail.is_multiple_of(5) {
            let any = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            words.extend([any & !0xf | 13, any.rotate_left(20) & !0xf | 14]);
        }
        self.items.push(Item::Values(words));
    }

    fn call(&mut self, detail: u32) {
        let code = self.any_code(detail);
        self.run(detail, Then::Call { code });
    }

    fn any_code(&mut self, detail: u32) -> u32 {
        if self.codes.is_empty() {
            self.code(detail);
        }
        self.codes[detail as usize % self.codes.len()]
    }

    fn code(&mut self, detail: u32) {
        let id = self.next_code;
        let pick = |step: u32| (detail / step) as usize % 5;
        let object = CodeObject {
            name: NAMES[pick(1)].to_vec(),
            filename: b"dir/file.py".to_vec(),
            first_line: detail as i32 % 100,
            bytes: BYTES[pick(5)].to_vec(),
            constants: vec![b"None".to_vec(), NAMES[pick(25)].to_vec()],
            varnames: vec![NAMES[pick(125)].to_vec()],
            is_of_library: pick(625) == 0,
            ..CodeObject::default()
        };
        self.next_code += 1 + detail % 3;
        self.codes.push(id);
        let first_id = if detail.is_multiple_of(7) { self.codes[0] } else { id };
        self.add(Event::Code(Rc::new(Code::new(id, first_id, id.checked_sub(2), object))));
    }

    /// Something is made, and a code object shown whole.
    fn made(&mut self, detail: u32) {
        let how = How::from_number((detail % 8) as u8).expect("eight ways");
        let place = detail.is_multiple_of(3).then_some((detail % 5, detail as i32 - 7));
        self.add(Event::Made(Made {
            number: detail,
            how,
            place,
            path: NAMES[detail as usize % 5].to_vec(),
            text: None,
        }));
        let (code, made) = (self.any_code(detail), detail.is_multiple_of(2).then_some(detail));
        let bytes = BYTES[detail as usize % 5].into();
        let (missing, held) = match detail % 4 {
            0 => (0, Held::Library(LibraryCode { module: bytes, checksum: detail, path: [detail; 2].into() })),
            _ => (detail % 3, Held::Marshal(bytes)),
        };
        self.add(Event::WholeCode(WholeCode { code, made, missing, held }));
    }

    fn forget_code(&mut self, detail: u32) {
        let mut used = Vec::new();
        self.state.for_each_code_in_use(|code| used.push(code.id));
        if let Some(place) = self.codes.iter().position(|code| !used.contains(code)) {
            let code = self.codes.remove(place);
            self.run(detail, Then::CodeGone { code });
        }
    }

    fn thread(&mut self, detail: u32) {
        let number = detail % (self.threads + 2);
        if number != self.state.thread && detail.is_multiple_of(5) && number <= self.threads {
            self.add(Event::ThreadGone(number));
            return;
        }
        self.threads = self.threads.max(number);
        self.run(detail, Then::Thread { number });
    }

    fn announce(&mut self, detail: u32) {
        let code = self.any_code(detail);
        let frame = self.state.next_frame;
        self.add(Event::Skipped(Skipped { frames: 1, ..Skipped::default() }));
        self.add(Event::Announce(Announce { code, frame, slot: (detail.is_multiple_of(2)).then_some(detail) }));
    }

    fn outside(&mut self, detail: u32) {
        let bytes: &[u8] = match detail % 3 {
            0 => &[9],
            1 => &[100, 1, 0],
            _ => &[145, 1, 0, 100, 0, 0],
        };
        self.add(Event::Outside(Outside { offset: detail as i32 % 100 - 50, bytes: bytes.to_vec() }));
    }

    fn raise(&mut self, detail: u32) {
        let message = NAMES[detail as usize % 5].to_vec();
        self.add(Event::Raised(Raised {
            propagated: detail.is_multiple_of(2),
            type_name: b"ValueError".to_vec(),
            message,
        }));
    }

    fn switch(&mut self, detail: u32) {
        let caller = self.state.frame().map_or(0, |frame| frame.caller);
        let on_stack = self.state.stack().iter().any(|frame| frame.id == caller);
        if on_stack && detail.is_multiple_of(2) {
            self.add(Event::Switch(caller));
        }
    }
}

/// Encodes items as one stream of words.
pub fn words(items: &[Item]) -> Vec<u64> {
    let mut words = Vec::new();
    items.iter().for_each(|item| item.encode(&mut words));
    words
}
