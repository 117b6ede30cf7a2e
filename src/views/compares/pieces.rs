//! A comparison in a loop, piece by piece: the pieces of one pass, which read as the whole.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::Comparison;
use crate::bytecode::opcode::is_call;
use crate::format::values::push_value;
use crate::trace::value::{Container, ContainerKind, Text, Value};
use crate::views::flow::Source;
use crate::views::room::{Room, weight};

/// Pieces of one pass that are kept.
const MOST: usize = 4096;
/// Bytes of a string that is a piece, at most.
const PIECE: usize = 4;
/// About what it takes in memory where two pieces were.
const PLACES: u64 = 32;

/// One pass through a loop that compares.
#[derive(Clone, Debug, Default)]
pub(super) struct Pass {
    frame: u64,
    /// Comparisons since the frame began.
    in_frame: usize,
    /// Both operands of each comparison.
    pub(super) sides: [Vec<Value>; 2],
    /// What the last ones are pieces of.
    pub(super) from: [Option<Source>; 2],
    /// Where in that the pieces are that were compared with each other.
    places: FxHashSet<[i64; 2]>,
    /// Sides that were another piece each time, as far as that is known.
    advances: [bool; 2],
    /// Some of its comparisons may have been left out of the trace.
    has_gap: bool,
    weight: u64,
    /// Pieces that were not kept.
    pub(super) cut: u64,
}

/// The passes of one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Passes {
    current: Pass,
    /// The one with the most pieces of those before the current one; the last such.
    longest: Option<Pass>,
    /// A piece was compared with several of the other side, so that no wholes were.
    is_crossed: bool,
}

impl Passes {
    /// Takes a comparison of two pieces.
    pub(super) fn take(&mut self, comparison: &Comparison, room: &mut Room) {
        let [left, right] = match operands(comparison) {
            Some(pair) if pair.iter().any(|operand| is_piece(operand)) => pair,
            _ => return,
        };
        let marks = &comparison.marks;
        let from = |place: usize| (marks.len() + place).checked_sub(2).and_then(|place| marks[place].from.clone());
        let from = [from(0), from(1)];
        self.is_crossed |= self.current.crosses(&from);
        let is_other_frame = self.current.frame != comparison.frame;
        if is_other_frame && self.current.in_frame > 1 || !self.current.goes_on_with(&from) {
            self.end(room);
        }
        if is_other_frame {
            (self.current.frame, self.current.in_frame) = (comparison.frame, 0);
        }
        self.current.in_frame += 1;
        let bytes = weight(left) + weight(right) + PLACES;
        if self.current.sides[0].len() >= MOST || !room.has(bytes) {
            self.current.cut += 1;
            return;
        }
        self.current.weight += bytes;
        self.current.push_pieces([left, right], from);
    }

    /// Notes that comparisons may have been left out of the trace.
    pub(super) fn note_gap(&mut self) {
        self.current.has_gap = self.current.count() > 0;
    }

    fn end(&mut self, room: &mut Room) {
        let pass = std::mem::take(&mut self.current);
        let longest = self.longest.as_ref().map_or(0, Pass::count);
        let loser = if pass.count() >= longest { self.longest.replace(pass) } else { Some(pass) };
        room.give_back(loser.map_or(0, |pass| pass.weight));
    }

    /// Whether a pass reads as the comparison of two wholes.
    pub(super) fn joins(&self, pass: &Pass) -> bool {
        pass.count() > 1 && !self.is_crossed && !pass.has_gap && pass.is_joined()
    }

    /// The last pass, and the longest one if that is another.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Pass> {
        let longest = self.longest.as_ref().filter(|longest| longest.count() > self.current.count());
        [Some(&self.current), longest].into_iter().flatten().filter(|pass| pass.count() > 0)
    }
}

impl Pass {
    pub(super) fn count(&self) -> usize {
        self.sides[0].len()
    }

    /// Whether a comparison of pieces from these places is one more of the pass: of the same wholes, of which both have other pieces by
    /// now than at the last comparison, and than at any one before.
    fn goes_on_with(&self, from: &[Option<Source>; 2]) -> bool {
        let is_next = (0..2).all(|side| self.moves(side, from) != Some(false));
        self.count() == 0
            || is_next
                && !self.has_other_source(from)
                && places(from).is_none_or(|places| !self.places.contains(&places))
    }

    /// Whether one side has gone on since the last comparison, and the other one has not.
    fn crosses(&self, from: &[Option<Source>; 2]) -> bool {
        let moves = [0, 1].map(|side| self.moves(side, from));
        !self.has_other_source(from) && matches!(moves, [Some(true), Some(false)] | [Some(false), Some(true)])
    }

    /// Whether a side has another piece by now, if that is known.
    fn moves(&self, side: usize, from: &[Option<Source>; 2]) -> Option<bool> {
        Some(self.from[side].as_ref()?.at != from[side].as_ref()?.at)
    }

    fn has_other_source(&self, from: &[Option<Source>; 2]) -> bool {
        self.from.iter().zip(from).any(|(known, from)| match (known, from) {
            (Some(known), Some(from)) => !Rc::ptr_eq(&known.whole, &from.whole) && known.whole != from.whole,
            _ => false,
        })
    }

    fn push_pieces(&mut self, pieces: [&Value; 2], from: [Option<Source>; 2]) {
        self.places.extend(places(&from));
        let is_first = self.count() == 0;
        for (side, (piece, from)) in pieces.into_iter().zip(&from).enumerate() {
            self.advances[side] = from.is_some() && (is_first || self.advances[side]);
            self.sides[side].push(piece.clone());
        }
        self.from = from;
    }

    /// Whether both sides read as wholes that were compared: each has gone on from piece to piece.
    fn is_joined(&self) -> bool {
        (0..2).all(|side| self.advances[side] || varies(&self.sides[side]))
    }

    /// Appends both sides as wholes with a sign between them.
    pub(super) fn push(&self, out: &mut Vec<u8>, sign: &str) {
        self.push_side(out, 0);
        out.extend_from_slice(format!(" {sign} ").as_bytes());
        self.push_side(out, 1);
    }

    pub(super) fn push_side(&self, out: &mut Vec<u8>, side: usize) {
        let pieces = &self.sides[side];
        push_value(out, &joined(pieces));
        if let Some(text) = as_text(pieces) {
            out.extend_from_slice(b" (");
            push_value(out, &Value::Str(Text { bytes: text, cut: None }));
            out.push(b')');
        }
    }
}

/// Both operands of a comparison.
fn operands(comparison: &Comparison) -> Option<[&Value; 2]> {
    match &comparison.operands[..] {
        [Value::Object { receiver: Some(receiver), .. }, one] if is_call(comparison.instruction.opcode) => {
            Some([receiver, one])
        }
        [.., left, right] => Some([left, right]),
        _ => None,
    }
}

/// The places of both pieces, if they are known.
fn places(from: &[Option<Source>; 2]) -> Option<[i64; 2]> {
    match from {
        [Some(left), Some(right)] => Some([left.at, right.at]),
        _ => None,
    }
}

/// Whether pieces of which it is not known where they are from may be those of one whole: they change at every other step at least.
fn varies(pieces: &[Value]) -> bool {
    let changes = pieces.windows(2).filter(|pair| pair[0] != pair[1]).count();
    2 * changes + 1 >= pieces.len()
}

fn is_piece(value: &Value) -> bool {
    match value {
        Value::Str(text) | Value::Unicode(text) => text.bytes.len() <= PIECE && text.cut.is_none(),
        Value::Int(_) => true,
        _ => false,
    }
}

/// Pieces as the whole: a string of strings, else a list.
fn joined(pieces: &[Value]) -> Value {
    let texts = |is_unicode: bool| {
        let texts = pieces.iter().map(|piece| match (piece, is_unicode) {
            (Value::Str(text), false) | (Value::Unicode(text), true) => Some(&text.bytes[..]),
            _ => None,
        });
        texts.collect::<Option<Vec<&[u8]>>>().map(|texts| Text { bytes: texts.concat(), cut: None })
    };
    match (texts(false), texts(true)) {
        (Some(text), _) => Value::Str(text),
        (_, Some(text)) => Value::Unicode(text),
        _ => {
            let items = pieces.to_vec();
            Value::Container(Container { kind: ContainerKind::List, number: 0, items, cut: None })
        }
    }
}

/// Numbers that are the characters of a printable text.
fn as_text(pieces: &[Value]) -> Option<Vec<u8>> {
    let byte = |piece: &Value| match piece {
        Value::Int(number @ 0x20..=0x7e) => Some(*number as u8),
        _ => None,
    };
    (pieces.len() > 1).then(|| pieces.iter().map(byte).collect::<Option<Vec<u8>>>()).flatten()
}
