//! Which of the names, patterns, globs and places that were asked for have been met by a code object, and what could have been meant
//! by the others.

use std::collections::BTreeSet;

use super::{Filter, Trigger};
use crate::bytecode::CodeObject;
use crate::bytecode::code::is_library_name;
use crate::bytecode::decode::units;

/// Names that are remembered at most, and bytes of each: a program can make new ones for ever.
const NAMES: usize = 10_000;
const LENGTH: usize = 200;
/// Names that are proposed at most.
const PROPOSED: usize = 3;
/// How alike a name must be to be proposed, from 0 to 1.
const ALIKE: f64 = 0.7;

/// What has been met.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    filter: Filter,
    places: Vec<(&'static str, Trigger)>,
    /// One for each name, pattern, glob and place, in this order.
    met: Vec<bool>,
    /// The same, by what the interpreter does to itself at shutdown, as far as the whole filter wants that.
    met_at_shutdown: Vec<bool>,
    /// By the offset of a place that was met: whether an instruction begins there.
    has_instruction: Vec<bool>,
    /// The whole filter wants one of the code objects.
    wanted: bool,
    names: BTreeSet<Vec<u8>>,
    files: BTreeSet<Vec<u8>>,
}

/// What a process has met, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met(pub u64);

/// The bit of [`Met`] that all values share for which there are no others.
const LAST_BIT: usize = 63;

/// Something that was asked for and not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    pub option: &'static str,
    /// As it was typed.
    pub value: Vec<u8>,
    /// It was met at shutdown alone.
    pub at_shutdown: bool,
    /// The names or file names that are most like it.
    pub closest: Vec<Vec<u8>>,
}

impl Matches {
    /// Nothing has been met of a filter, and of places with the options that named them.
    pub fn new(filter: Filter, places: Vec<(&'static str, Trigger)>) -> Matches {
        let values = filter.names.len() + filter.patterns.len() + filter.files.len() + places.len();
        Matches {
            met: vec![false; values],
            met_at_shutdown: vec![false; values],
            has_instruction: vec![false; places.len()],
            filter,
            places,
            ..Matches::default()
        }
    }

    /// Takes a code object.
    pub fn see(&mut self, code: &CodeObject) {
        if self.met.is_empty() {
            return;
        }
        self.see_named(&code.name, &code.filename, code.is_of_library);
        for ((_, place), found) in self.places.iter().zip(&mut self.has_instruction) {
            if let Some(offset) = place.offset.filter(|_| !*found && place.name.matches(&code.name)) {
                *found = units(&code.bytes, 0).any(|unit| unit.start == offset);
            }
        }
    }

    /// Takes a code object of which only this is known.
    pub fn see_named(&mut self, name: &[u8], filename: &[u8], is_of_library: bool) {
        if self.met.is_empty() {
            return;
        }
        let tests = self.tests(name, filename);
        self.met.iter_mut().zip(tests).for_each(|(met, matches)| *met |= matches);
        self.wanted = self.wanted || self.filter.wants_named(name, filename, is_of_library);
        for (known, new) in [(&mut self.names, name), (&mut self.files, filename)] {
            if known.len() < NAMES && new.len() <= LENGTH && !known.contains(new) {
                known.insert(new.to_vec());
            }
        }
    }

    /// Takes a code object of the interpreter's own that runs at shutdown and is left out.
    pub fn see_at_shutdown(&mut self, name: &[u8], filename: &[u8]) {
        if self.filter.wants_named(name, filename, is_library_name(filename)) {
            let tests = self.tests(name, filename);
            self.met_at_shutdown.iter_mut().zip(tests).for_each(|(met, matches)| *met |= matches);
        }
    }

    /// Whether each name, pattern, glob and place matches.
    fn tests(&self, name: &[u8], filename: &[u8]) -> Vec<bool> {
        let Filter { names, patterns, files, .. } = &self.filter;
        let tests = names.iter().map(|wanted| wanted.matches(name));
        let tests = tests.chain(patterns.iter().map(|pattern| pattern.matches(name)));
        let tests = tests.chain(files.iter().map(|glob| glob.matches(filename)));
        tests.chain(self.places.iter().map(|(_, place)| place.name.matches(name))).collect()
    }

    /// What has been met, for other processes.
    pub fn met(&self) -> Met {
        let wanted = [self.wanted];
        let bits = wanted.iter().chain(&self.has_instruction).chain(&self.met).enumerate();
        Met(bits.filter(|(_, met)| **met).fold(0, |bits, (number, _)| bits | 1 << number.min(LAST_BIT)))
    }

    /// Adds what other processes have met of the same.
    pub fn add(&mut self, other: Met) {
        let bits = [&mut self.wanted].into_iter().chain(&mut self.has_instruction).chain(&mut self.met).enumerate();
        bits.for_each(|(number, met)| *met |= other.0 >> number.min(LAST_BIT) & 1 != 0);
    }

    /// Returns whether the whole filter wants a code object.
    pub fn has_wanted(&self) -> bool {
        self.wanted || self.filter.is_everything()
    }

    /// Returns the values of the filter that no code object has met.
    pub fn unmet(&self) -> Vec<Unmet> {
        let Filter { names, patterns, files, .. } = &self.filter;
        let values = names.iter().map(|name| ("-n", name.typed(), &self.names));
        let values = values.chain(patterns.iter().map(|pattern| ("--match", pattern.typed().as_bytes(), &self.names)));
        let values = values.chain(files.iter().map(|glob| ("--file", glob.typed(), &self.files)));
        let unmet = values.zip(&self.met).zip(&self.met_at_shutdown).filter(|((_, met), _)| !**met);
        unmet
            .map(|(((option, value, known), _), &at_shutdown)| Unmet {
                option,
                value: value.to_vec(),
                at_shutdown,
                closest: closest(value, known),
            })
            .collect()
    }

    /// Reports the place that an option has named: None if it has named none.
    pub fn trigger(&self, option: &str) -> Option<TriggerMatch> {
        let number = self.places.iter().position(|(other, _)| *other == option)?;
        Some(self.place(number))
    }

    /// Reports all places, with the options that have named them.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, &Trigger, TriggerMatch)> {
        self.places.iter().enumerate().map(|(number, (option, place))| (*option, place, self.place(number)))
    }

    fn place(&self, number: usize) -> TriggerMatch {
        let (_, place) = &self.places[number];
        let value = self.met.len() - self.places.len() + number;
        match place.offset {
            _ if !self.met[value] && self.met_at_shutdown[value] => TriggerMatch::AtShutdown,
            _ if !self.met[value] => TriggerMatch::NoCode { closest: closest(place.name.typed(), &self.names) },
            Some(_) if !self.has_instruction[number] => TriggerMatch::NoInstruction,
            _ => TriggerMatch::There,
        }
    }
}

/// What there was of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerMatch {
    /// No code object of the name.
    NoCode {
        closest: Vec<Vec<u8>>,
    },
    /// The name of code that ran at shutdown alone and was left out.
    AtShutdown,
    /// Code objects of the name, in which no instruction begins at the offset.
    NoInstruction,
    There,
}

/// Returns the names that are most like what was typed; all of them if there are few.
fn closest(typed: &[u8], names: &BTreeSet<Vec<u8>>) -> Vec<Vec<u8>> {
    let plain = |bytes: &[u8]| -> String {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LENGTH)]).to_lowercase();
        text.chars().filter(|one| !"*?[]{}^$|().+\\/".contains(*one)).collect()
    };
    let wanted = plain(typed);
    let mut found: Vec<(f64, &Vec<u8>)> = names
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &plain(name)), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .collect();
    if found.is_empty() && names.len() <= PROPOSED {
        return names.iter().cloned().collect();
    }
    found.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    found.into_iter().take(PROPOSED).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{FileGlob, Name, NamePattern};

    fn filter(names: &[&str], patterns: &[&str], files: &[&str]) -> Filter {
        Filter {
            names: names.iter().map(|name| Name::new(*name)).collect(),
            patterns: patterns.iter().map(|pattern| NamePattern::new(pattern).expect("a pattern")).collect(),
            files: files.iter().map(|glob| FileGlob::new(glob.as_bytes()).expect("a glob")).collect(),
            no_stdlib: false,
        }
    }

    #[test]
    fn each_value_that_is_not_met_is_reported_with_what_is_like_it() {
        let mut matches = Matches::new(filter(&["check", "chekc"], &["^c", "^z"], &["*.py", "*.pyx"]), Vec::new());
        matches.see_named(b"check", b"/home/a/crack.py", false);
        matches.see_named(b"<module>", b"/home/a/crack.py", false);
        let unmet: Vec<_> = matches.unmet().into_iter().map(|unmet| (unmet.option, unmet.value)).collect();
        assert_eq!(unmet, [("-n", b"chekc".to_vec()), ("--match", b"^z".to_vec()), ("--file", b"*.pyx".to_vec())]);
        assert_eq!(matches.unmet()[0].closest, [b"check".to_vec()]);
        assert!(matches.has_wanted() && !matches.unmet().is_empty());
    }

    #[test]
    fn values_can_all_be_met_and_the_filter_by_nothing() {
        let mut matches = Matches::new(filter(&["f"], &[], &["b.py"]), Vec::new());
        matches.see_named(b"f", b"a.py", false);
        matches.see_named(b"g", b"b.py", false);
        assert_eq!(matches.unmet(), []);
        assert!(!matches.has_wanted());
        let mut other = matches.clone();
        other.see_named(b"f", b"b.py", false);
        matches.add(other.met());
        assert!(matches.has_wanted() && matches.unmet().is_empty());
    }

    #[test]
    fn places_say_why_they_were_not_come_to() {
        let place = |name: &str, offset| Trigger { name: Name::new(name), offset };
        let mut matches = Matches::new(
            Filter::default(),
            vec![("--start-at", place("f", Some(1))), ("--stop-at", place("ff", None))],
        );
        assert_eq!(matches.trigger("--start-at"), Some(TriggerMatch::NoCode { closest: Vec::new() }));
        let code = CodeObject { name: b"f".to_vec(), bytes: vec![100, 0, 0, 83], ..CodeObject::default() };
        matches.see(&code);
        assert_eq!(matches.trigger("--start-at"), Some(TriggerMatch::NoInstruction));
        assert_eq!(matches.trigger("--stop-at"), Some(TriggerMatch::NoCode { closest: vec![b"f".to_vec()] }));
        let mut at_three = Matches::new(Filter::default(), vec![("--stop-at", place("f", Some(3)))]);
        at_three.see(&code);
        assert_eq!(at_three.trigger("--stop-at"), Some(TriggerMatch::There));
        assert_eq!(at_three.trigger("--start-at"), None);
    }
}
