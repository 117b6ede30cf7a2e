//! What the stream has whole: the texts that are compiled, the code objects that the program gets and may never run, and, with --blobs,
//! what C functions get and return.  Equal contents are written once.

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

use super::Tracee;
use super::origins::TextMaking;
use super::own_texts::OwnTexts;
use crate::bytecode::code::is_library_name;
use crate::bytecode::marshal::write::utf8;
use crate::process::memory;
use crate::record::plan::Blobs;
use crate::trace::content::{Content, NewCode, Role, Use};
use crate::trace::event::Event;
use crate::trace::origin::How;
use crate::vm::Gil;
use crate::vm::hook::{Bytes, Called, Maker, running_frame};
use crate::vm::memory::Span;
use crate::vm::object::CodeRef;

/// Bytes of one content; what is longer is cut.
const LONGEST: usize = 64 << 20;
/// Contents, code objects and uses that are remembered, so that equal ones are written once; beyond it they are forgotten, and can come
/// again.
const REMEMBERED: usize = 1 << 16;
/// Bytes of memory that a content takes until it is in the ring, for each of its own.
const COPIES: usize = 3;
/// Bytes of a function's name.
const LONGEST_NAME: usize = 256;

/// The code object that runs and the offset of its instruction, if they are known.
type Place = Option<(u32, i32)>;

/// What the stream has.
#[derive(Debug, Default)]
pub(super) struct Contents {
    known: FxHashMap<[u8; 32], u32>,
    next: u32,
    codes: FxHashMap<[u8; 32], u32>,
    next_code: u32,
    /// What was used where: content, role, place.
    uses: FxHashSet<(u32, Role, Place)>,
    /// Bytes of blobs that are in the stream.
    blobs: u64,
    /// Blobs that no record counts yet, and their bytes.
    left_out: (u64, u64),
    own_texts: OwnTexts,
}

/// Remembers the number of what has this hash; the oldest are not known apart, so all go when there are too many.
fn remember(map: &mut FxHashMap<[u8; 32], u32>, hash: [u8; 32], number: u32) {
    if map.len() >= REMEMBERED {
        map.clear();
    }
    if map.try_reserve(1).is_ok() {
        map.insert(hash, number);
    }
}

impl Tracee {
    /// Records a text that is about to be compiled; returns what the VM keeps of it for the code objects that come of it.
    pub(super) fn record_text(&mut self, gil: Gil, text: Span<u8>, by: Maker, running: Option<CodeRef>) -> u32 {
        self.stop_counting(gil, 0);
        let how = How::from_number(by.how).unwrap_or(How::NativeCode);
        let next = self.interrupt();
        let is_of_library = how == How::Exec && running.is_some_and(|code| self.is_librarys_own(gil, code, &text));
        let text = self.content(text);
        let made = self.codes.origins.begin(how, by.path, self.place_of(by.frame), text);
        let number = made.number;
        self.push_event(&Event::Made(made));
        self.go_on_after_interrupt(next);
        TextMaking { number, is_of_library }.to_number()
    }

    /// Whether a text that a code object executes is one that the standard library makes for itself.
    fn is_librarys_own(&mut self, gil: Gil, code: CodeRef, text: &Span<u8>) -> bool {
        let filename = code.filename(gil);
        self.codes.origins.is_of_library(code.address(), || is_library_name(filename))
            && text.get(0..text.count()).is_some_and(|text| self.contents.own_texts.has(filename, text))
    }

    /// Records code objects that the program gets.
    pub(super) fn record_created(&mut self, gil: Gil, codes: &[CodeRef]) {
        self.stop_counting(gil, 0);
        let next = self.interrupt();
        for code in codes {
            let Some(made) = self.codes.origins.get(code.address()) else { continue };
            let whole = code.whole_unrun(gil, &memory::has_room);
            let Some(whole) = whole.filter(|whole| memory::has_room(whole.weight())) else { continue };
            let hash: [u8; 32] = Sha256::digest(&whole.marshal).into();
            let contents = &mut self.contents;
            let (number, same) = (contents.next_code, contents.codes.get(&hash).copied());
            contents.next_code += 1;
            if same.is_none() {
                remember(&mut contents.codes, hash, number);
            }
            let marshal = if same.is_none() { whole.marshal } else { Vec::new() };
            self.push_event(&Event::NewCode(NewCode {
                number,
                made,
                same,
                missing: whole.missing,
                marshal: marshal.into(),
            }));
        }
        self.go_on_after_interrupt(next);
    }

    /// Records what a C function had, if it is one whose contents are kept.
    pub(super) fn record_blob(&mut self, gil: Gil, called: Called, role: u8, bytes: Bytes) {
        let Some(blobs) = self.tracing.blobs else { return };
        let Some(role) = Role::from_number(role).filter(|_| is_kept(&called)) else { return };
        self.stop_counting(gil, 0);
        let place = self.place_of(running_frame(gil));
        let next = self.interrupt();
        match bytes {
            Bytes::Plain(bytes) => self.blob_content(&called, role, place, blobs, bytes),
            Bytes::Unicode(points) => {
                if let Some(points) =
                    points.get(0..points.count().min(LONGEST / 4)).filter(|_| has_room(points.count() * 4))
                {
                    let text: Vec<u8> = utf8(points);
                    self.blob_bytes(&called, role, place, blobs, &text, text.len() as u64);
                }
            }
        }
        self.go_on_after_interrupt(next);
    }

    fn blob_content(&mut self, called: &Called, role: Role, place: Place, blobs: Blobs, bytes: Span<u8>) {
        let shown = bytes.count().min(LONGEST);
        if let Some(shown) = bytes.get(0..shown).filter(|_| has_room(shown)) {
            self.blob_bytes(called, role, place, blobs, shown, bytes.count() as u64);
        }
    }

    fn blob_bytes(&mut self, called: &Called, role: Role, place: Place, blobs: Blobs, bytes: &[u8], length: u64) {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let content = match self.contents.known.get(&hash) {
            Some(&known) => known,
            None if self.contents.blobs.saturating_add(bytes.len() as u64) > blobs.most => {
                return self.leave_blob_out(length);
            }
            None => {
                self.contents.blobs += bytes.len() as u64;
                self.push_content(hash, bytes, length)
            }
        };
        let contents = &mut self.contents;
        if contents.uses.len() >= REMEMBERED {
            contents.uses.clear();
        }
        if contents.uses.try_reserve(1).is_err() || !contents.uses.insert((content, role, place)) {
            return;
        }
        let cut = |text: &[u8]| text[..text.len().min(LONGEST_NAME)].to_vec();
        let (owner, name) = (cut(called.owner), cut(called.name));
        self.push_event(&Event::Use(Use { content: Some(content), role, owner, name, place, length, times: 1 }));
    }

    /// Counts a blob for which there is no room; the first one has a record at once, so that a program that is killed leaves a trace that
    /// says that there was more.
    fn leave_blob_out(&mut self, length: u64) {
        let is_first = self.contents.left_out == (0, 0);
        self.contents.left_out.0 += 1;
        self.contents.left_out.1 = self.contents.left_out.1.saturating_add(length);
        if is_first {
            self.push_event(&left_out(1, length));
            self.contents.left_out = (1, 0);
        }
    }

    /// Records how many blobs have no record; the open run is closed by then.
    pub(super) fn push_left_out_blobs(&mut self) {
        if let (times @ 2.., bytes) = self.contents.left_out {
            self.push_event(&left_out(times - 1, bytes));
        }
    }

    /// Returns the number of a content, which is written if it is new; None if there is no room for it.
    fn content(&mut self, bytes: Span<u8>) -> Option<u32> {
        let shown = bytes.count().min(LONGEST);
        let shown = bytes.get(0..shown).filter(|_| has_room(shown))?;
        let hash: [u8; 32] = Sha256::digest(shown).into();
        let known = self.contents.known.get(&hash).copied();
        Some(known.unwrap_or_else(|| self.push_content(hash, shown, bytes.count() as u64)))
    }

    fn push_content(&mut self, hash: [u8; 32], bytes: &[u8], length: u64) -> u32 {
        let number = self.contents.next;
        self.contents.next += 1;
        remember(&mut self.contents.known, hash, number);
        self.push_event(&Event::Content(Content { number, length, bytes: bytes.into() }));
        number
    }
}

fn left_out(times: u64, length: u64) -> Event {
    Event::Use(Use {
        content: None,
        role: Role::Argument,
        owner: Vec::new(),
        name: Vec::new(),
        place: None,
        length,
        times,
    })
}

fn has_room(bytes: usize) -> bool {
    memory::has_room(bytes.saturating_mul(COPIES))
}

/// Whether a function's contents are kept: it decompresses, decodes, unmarshals, writes, or is native code from outside.
fn is_kept(called: &Called) -> bool {
    let is_writing = matches!(called.name, b"write" | b"writelines");
    called.is_foreign
        || is_writing
        || match called.owner {
            b"zlib" | b"bz2" => called.name == b"decompress",
            b"zlib.Decompress" | b"bz2.BZ2Decompressor" => true,
            b"binascii" | b"_codecs" | b"ctypes" => true,
            b"marshal" | b"cPickle" => matches!(called.name, b"loads" | b"load"),
            b"str" | b"unicode" | b"bytearray" => matches!(called.name, b"decode" | b"encode" | b"translate"),
            _ => false,
        }
}
