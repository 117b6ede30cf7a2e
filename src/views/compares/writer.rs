//! Comparisons in the order of execution, as lines of text or JSON: equal neighbours are one line with a count, and a place that compares for ever is cut short.

use std::collections::HashMap;

use indicatif::HumanCount;
use rustc_hash::FxHashMap;

use super::Comparison;
use super::line::{Place, push_json, push_place, sign_of, text};
use crate::format::json;
use crate::format::lines::Lines;
use crate::trace::SinkError;
use crate::views::items::line_of;
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

/// Lines that a place has at most, unless all are wanted.
const LINES: u64 = 1000;
/// Places whose lines are counted; a program can make code for ever.
const PLACES: usize = 1 << 16;

pub(super) struct Writer {
    lines: Lines,
    is_json: bool,
    all: bool,
    /// The line that is not written yet, since the next one may be the same.
    last: Option<Line>,
    /// No comparison has come.
    is_empty: bool,
    places: HashMap<Place, usize>,
    /// Places in `counts`, by code object and offset.
    by_code: FxHashMap<(u32, i32), usize>,
    /// In the order in which they came.
    counts: Vec<(Place, Count)>,
}

struct Line {
    comparison: Comparison,
    times: u64,
}

struct Count {
    line: i32,
    /// What compares there.
    sign: String,
    lines: u64,
    left_out: u64,
}

impl Writer {
    pub(super) fn new(is_json: bool, all: bool, lines: Lines) -> Writer {
        Writer {
            lines,
            is_json,
            all,
            last: None,
            is_empty: true,
            places: HashMap::new(),
            by_code: FxHashMap::default(),
            counts: Vec::new(),
        }
    }

    /// Writes a comparison, or counts it to the one before if both read the same.
    pub(super) fn write(&mut self, comparison: Comparison) -> Result<(), SinkError> {
        self.is_empty = false;
        if let Some(last) = self.last.as_mut().filter(|last| last.comparison.is_again(&comparison)) {
            last.times += 1;
            return Ok(());
        }
        self.write_last()?;
        self.last = Some(Line { comparison, times: 1 });
        Ok(())
    }

    /// Counts a comparison of a place that has enough lines; false if it is to be written.
    #[inline]
    pub(super) fn leaves_out(&mut self, code: u32, offset: i32) -> Result<bool, SinkError> {
        let number = self.by_code.get(&(code, offset)).copied().filter(|_| !self.all);
        let Some(number) = number.filter(|number| self.counts[*number].1.lines >= LINES) else { return Ok(false) };
        self.write_last()?;
        self.counts[number].1.left_out += 1;
        Ok(true)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn write_last(&mut self) -> Result<(), SinkError> {
        let Some(Line { comparison, times }) = self.last.take() else { return Ok(()) };
        if !self.all && !self.has_room(&comparison, times) {
            return Ok(());
        }
        let out = self.lines.open();
        if self.is_json {
            push_json(out, &comparison, times);
            out.push(b'}');
        } else {
            out.extend_from_slice(&text(&comparison));
            if times > 1 {
                out.extend_from_slice(format!("  ({times} times)").as_bytes());
            }
        }
        out.push(b'\n');
        self.lines.ended()
    }

    /// Counts a line; false if its place has enough of them.
    fn has_room(&mut self, comparison: &Comparison, times: u64) -> bool {
        let key = (comparison.code.id, comparison.instruction.offset);
        let number = match self.by_code.get(&key) {
            Some(number) => *number,
            None => {
                let Some(number) = self.number(comparison) else { return true };
                self.by_code.insert(key, number);
                number
            }
        };
        let count = &mut self.counts[number].1;
        if count.lines < LINES {
            count.lines += 1;
            return true;
        }
        count.left_out += times;
        false
    }

    /// Finds or makes the count of a place; None if there are too many.
    fn number(&mut self, comparison: &Comparison) -> Option<usize> {
        if self.by_code.len() >= PLACES {
            self.by_code.clear();
        }
        let place = Place::of(comparison);
        if let Some(number) = self.places.get(&place) {
            return Some(*number);
        }
        if self.counts.len() >= PLACES {
            return None;
        }
        let line = line_of(&comparison.code.object, comparison.instruction.offset);
        let count = Count { line, sign: sign_of(comparison), lines: 0, left_out: 0 };
        self.places.insert(place.clone(), self.counts.len());
        self.counts.push((place, count));
        Some(self.counts.len() - 1)
    }

    /// Writes the last line, and what was left out.
    pub(super) fn finish(&mut self, query: &Query, left_out: &LeftOut) -> Result<(), SinkError> {
        self.write_last()?;
        for (place, count) in self.counts.drain(..).filter(|(_, count)| count.left_out > 0) {
            let out = self.lines.open();
            if self.is_json {
                out.extend_from_slice(b"{\"type\":\"left_out\"");
                json::push_text_member(out, "name", &place.name);
                json::push_text_member(out, "filename", &place.filename);
                json::push_member(out, "line", count.line);
                json::push_member(out, "offset", place.offset);
                json::push_member(out, "times", count.left_out);
                out.extend_from_slice(b"}\n");
            } else {
                push_place(out, &place.filename, count.line, &place.name);
                let (left_out, sign) = (HumanCount(count.left_out), count.sign);
                out.extend_from_slice(format!("{left_out} more of {sign}; --all prints them\n").as_bytes());
            }
            self.lines.ended()?;
        }
        if !self.is_json {
            query.write_left_out(&mut self.lines, left_out)?;
        }
        self.lines.finish().map(|_| ())
    }
}
