//! What is wrong with a regular expression, in plain words and with its place.

use regex_syntax::ParserBuilder;
use regex_syntax::ast::{self, ErrorKind as Ast, Span};
use regex_syntax::hir::{self, ErrorKind as Hir};

use super::names::PatternError;
use crate::bytecode::escape::Printable;

/// Explains why the regex crate has refused an expression.
pub(super) fn explained(pattern: &str, is_unicode: bool, error: &regex::Error) -> PatternError {
    let parsed = ParserBuilder::new().utf8(false).unicode(is_unicode).build().parse(pattern);
    PatternError(match parsed {
        Err(regex_syntax::Error::Parse(error)) => of_syntax(pattern, &error),
        Err(regex_syntax::Error::Translate(error)) => of_meaning(pattern, &error),
        _ if matches!(error, regex::Error::CompiledTooBig(_)) => "it is too large".into(),
        _ => "it is no regular expression".into(),
    })
}

/// What is written wrongly.
fn of_syntax(pattern: &str, error: &ast::Error) -> String {
    let Place { text, at } = &Place::of(pattern, error.span());
    match error.kind() {
        Ast::ClassUnclosed => format!("the [ {at} is not closed"),
        Ast::GroupUnclosed => format!("the ( {at} is not closed"),
        Ast::GroupUnopened => format!("the ) {at} closes nothing"),
        Ast::RepetitionMissing => {
            let glob = if text == "*" || text == "?" { "; did you mean --file?" } else { "" };
            format!("there is nothing before the {text} {at} to repeat{glob}")
        }
        Ast::RepetitionCountUnclosed => format!("the {{ {at} is not closed"),
        Ast::RepetitionCountInvalid => format!("the repetition {text} {at} ends below its beginning"),
        Ast::RepetitionCountDecimalEmpty | Ast::DecimalEmpty => format!("a number is missing {at}"),
        Ast::DecimalInvalid => format!("the number {text} {at} is too large"),
        Ast::ClassRangeInvalid => format!("the range {text} {at} ends before it begins"),
        Ast::ClassRangeLiteral => format!("the range with {text} {at} must be from one character to another"),
        Ast::EscapeUnexpectedEof => "it ends in a backslash; \\\\ is the character itself".into(),
        Ast::EscapeUnrecognized | Ast::ClassEscapeInvalid => format!("the escape {text} {at} means nothing"),
        Ast::EscapeHexEmpty | Ast::EscapeHexInvalidDigit | Ast::EscapeHexInvalid => {
            format!("the hexadecimal escape {at} is no character")
        }
        Ast::SpecialWordBoundaryUnclosed
        | Ast::SpecialWordBoundaryUnrecognized
        | Ast::SpecialWordOrRepetitionUnexpectedEof => format!("the word boundary {text} {at} is not known"),
        Ast::FlagUnrecognized => format!("the flag {text} {at} is not known"),
        Ast::FlagDuplicate { .. } | Ast::FlagRepeatedNegation { .. } => format!("the flag {text} {at} is there twice"),
        Ast::FlagDanglingNegation | Ast::FlagUnexpectedEof => format!("a flag is missing {at}"),
        Ast::GroupNameDuplicate { .. } => format!("the group name {text} {at} is there twice"),
        Ast::GroupNameEmpty | Ast::GroupNameInvalid | Ast::GroupNameUnexpectedEof => {
            format!("the group {at} has no valid name")
        }
        Ast::UnicodeClassInvalid => format!("the class {text} {at} is not known"),
        Ast::UnsupportedBackreference => format!("{text} {at} refers back to a group, which is not supported"),
        Ast::UnsupportedLookAround => format!("the look-around {text} {at} is not supported"),
        Ast::NestLimitExceeded(_) | Ast::CaptureLimitExceeded => "it has too many groups".into(),
        _ => format!("{text} {at} is not understood"),
    }
}

/// What is written rightly and means nothing.
fn of_meaning(pattern: &str, error: &hir::Error) -> String {
    let Place { text, at } = Place::of(pattern, error.span());
    match error.kind() {
        Hir::UnicodeNotAllowed => {
            format!("{text} {at} is a character beyond ASCII, which cannot stand beside bytes (\\xNN of 80 and above)")
        }
        Hir::UnicodePropertyNotFound | Hir::UnicodePropertyValueNotFound | Hir::UnicodePerlClassNotFound => {
            format!("the class {text} {at} is not known")
        }
        _ => format!("{text} {at} is not understood"),
    }
}

/// Where an error is: the text, and its place in words.
struct Place {
    text: String,
    at: String,
}

impl Place {
    fn of(pattern: &str, span: &Span) -> Place {
        let (before, rest) = pattern.split_at_checked(span.start.offset).unwrap_or((pattern, ""));
        let length = span.end.offset.saturating_sub(span.start.offset);
        // A span of nothing stands before what is wrong.
        let length = if length == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { length };
        let text = Printable::text(rest.get(..length).unwrap_or(rest).as_bytes()).to_string();
        Place { text, at: format!("at character {}", before.chars().count() + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NamePattern;

    #[test]
    fn faults_are_named_with_their_place() {
        let cases = [
            ("(", "the ( at character 1 is not closed"),
            ("ü(", "the ( at character 2 is not closed"),
            ("a)", "the ) at character 2 closes nothing"),
            ("[a", "the [ at character 1 is not closed"),
            ("*.py", "there is nothing before the * at character 1 to repeat; did you mean --file?"),
            ("a|+", "there is nothing before the + at character 3 to repeat"),
            ("a{2", "the { at character 2 is not closed"),
            ("a{3,2}", "the repetition {3,2} at character 2 ends below its beginning"),
            ("[z-a]", "the range z-a at character 2 ends before it begins"),
            ("a\\", "it ends in a backslash; \\\\ is the character itself"),
            (r"a\y", r"the escape \y at character 2 means nothing"),
            (r"\xg", "the hexadecimal escape at character 3 is no character"),
            ("(?P<n>a)(?P<n>b)", "the group name n at character 13 is there twice"),
            (r"(a)\1", r"\1 at character 4 refers back to a group, which is not supported"),
            ("(?=a)", "the look-around (?= at character 1 is not supported"),
            ("(?z)", "the flag z at character 3 is not known"),
            (r"\p{Nope}", r"the class \p{Nope} at character 1 is not known"),
            (r"[Ж]\xff", "Ж at character 2 is a character beyond ASCII"),
            ("(?:a{999}){999}", "it is too large"),
        ];
        for (pattern, message) in cases {
            let error = NamePattern::new(pattern).expect_err(pattern).to_string();
            assert!(error.starts_with(message), "{pattern}: {error}");
        }
    }
}
