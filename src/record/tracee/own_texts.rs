//! The texts that the standard library makes for purposes of its own and executes: namedtuple's classes, and the plural forms of gettext.
//! A program can have the library execute other texts in their place, so each is compared with what the library has it made of.
//!
//! Other modules execute what they were given, as multiprocessing/managers.py does; and `eval` much of it calls without knowing that it is
//! what the program has given it to call, as pickle.py, threading.py and atexit.py do.

use regex::bytes::{Regex, RegexBuilder};

use crate::bytecode::code::{self, STDLIB_PREFIX};
use crate::bytecode::marshal;
use crate::bytecode::object::Object;
use crate::vm::library;

/// A module that executes texts of its own, and the one that they are made of.
struct Source {
    module: &'static [u8],
    /// What it is known by among the constants of the module.
    known_by: &'static str,
    /// What is put into it, and for what.
    fillings: &'static [(&'static str, Filling)],
}

/// What can be put into a text: a pattern, in which ` stands for a name, or any number of another text of the module, each on its own lines.
enum Filling {
    Pattern(&'static str),
    Texts(&'static Source),
}

use Filling::{Pattern, Texts};

const SOURCES: [Source; 2] = [
    Source {
        module: b"collections.py",
        known_by: "{field_defs}",
        fillings: &[
            ("{typename}", Pattern("`")),
            ("{arg_list}", Pattern("(?:`(?:, `)*,?)?")),
            ("{field_names!r}", Pattern(r"\((?:'`'(?:, '`')*,?)?\)")),
            ("{num_fields:d}", Pattern("[0-9]+")),
            ("{repr_fmt}", Pattern("(?:`=%r(?:, `=%r)*)?")),
            ("{field_defs}", Texts(&FIELD)),
        ],
    },
    Source {
        module: b"gettext.py",
        known_by: "def func(n):",
        fillings: &[("%s", Pattern(r"(?:[n0-9()+*/%<>=! -]|\b(?:and|or|not|if|else)\b)*"))],
    },
];

static FIELD: Source = Source {
    module: b"collections.py",
    known_by: "{index:d}",
    fillings: &[("{name}", Pattern("`")), ("{index:d}", Pattern("[0-9]+"))],
};

const NAME: &str = "[A-Za-z_][A-Za-z0-9_]*";

/// Knows the library's own texts.
#[derive(Debug, Default)]
pub struct OwnTexts {
    /// What the texts of each module are like, once one has come.
    patterns: [Option<Regex>; SOURCES.len()],
}

impl OwnTexts {
    /// Whether a text that code of this file of the library executes is one of the file's own.
    pub fn has(&mut self, filename: &[u8], text: &[u8]) -> bool {
        let module = filename.strip_prefix(STDLIB_PREFIX);
        let Some(place) = SOURCES.iter().position(|source| Some(source.module) == module) else { return false };
        if self.patterns[place].is_none() {
            self.patterns[place] = pattern(&SOURCES[place])
                .and_then(|pattern| RegexBuilder::new(&format!(r"\A{pattern}\z")).unicode(false).build().ok());
        }
        self.patterns[place].as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

/// What matches the texts that are made of one.
fn pattern(source: &Source) -> Option<String> {
    let mut pattern = regex::escape(&text(source)?);
    for (place, filling) in source.fillings {
        let filling = match filling {
            Pattern(filling) => filling.replace('`', NAME),
            Texts(source) => {
                let each = self::pattern(source)?;
                format!(r"(?:{each}(?:\n{each})*)?")
            }
        };
        pattern = pattern.replace(&regex::escape(place), &filling);
    }
    Some(pattern)
}

/// The text in the library.
fn text(source: &Source) -> Option<String> {
    let module = library::marshal_of(source.module)?;
    let (Object::Code(module), _) = marshal::read(&module).ok()? else { return None };
    let constants = code::nested(&module).flat_map(|(code, _)| code.constants.iter());
    let mut texts = constants.filter_map(|constant| match constant {
        Object::Str(text) => std::str::from_utf8(text).ok(),
        _ => None,
    });
    texts.find(|text| text.contains(source.known_by)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(module: &str, text: &str) -> bool {
        let filename = [STDLIB_PREFIX, module.as_bytes()].concat();
        OwnTexts::default().has(&filename, text.as_bytes())
    }

    #[test]
    fn a_plural_form_is_one_of_the_librarys_texts() {
        let source = text(&SOURCES[1]).expect("the library has it");
        for form in ["n!=1", "(0 if n==1 else 1)", "(0 if (n%10==1 and not n%100==11) else (n//2))", "0"] {
            assert!(has("gettext.py", &source.replace("%s", form)), "{form}");
        }
        for form in ["evil()", "n if evil else 1", "n)\n    evil(", "n.real", "0 or [1]", "''"] {
            assert!(!has("gettext.py", &source.replace("%s", form)), "{form}");
        }
        assert!(!has("gettext.py", "pass") && !has("os.py", &source) && !has("collections.py", &source));
    }
}
