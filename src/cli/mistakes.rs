//! Errors of clap, made into errors that show what was typed as it is and say what to type instead.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{args, commands};
use crate::bytecode::escape::Printable;
use crate::bytecode::shell;
use crate::format::{self, Format};

/// How alike a mistyped option and a real one must be, from 0 to 1.
const ALIKE: f64 = 0.85;
/// The longest word whose bytes are looked for.
const LONGEST: usize = 4096;

/// What the values of positional arguments are, with an example of each.
const POSITIONALS: [(&str, &str, &str); 9] = [
    ("TRACE", "a trace", "trace.bct"),
    ("A", "a trace", "one.bct"),
    ("B", "another trace", "other.bct"),
    ("VALUE", "a value", "42"),
    ("LISTING", "a listing", "listing.txt"),
    ("FILE", "a program", "program.pyc"),
    ("NAME", "the name of a function", "decode"),
    ("TRACEFILE", "a file for the trace", "trace.txt"),
    ("SHELL", "a shell", "bash"),
];
/// The command whose FILE is one that it writes.
const ASM: &str = "asm";
/// The command whose page takes an option.
const REPORT: &str = "report";

/// Explains an error in the whole command line, which begins with the name of bctrace.
pub fn explained(error: clap::Error, words: &[OsString]) -> anyhow::Error {
    if !error.use_stderr() {
        return error.into();
    }
    let whole = built();
    let first = words.get(1);
    match first.and_then(|first| whole.find_subcommand(first)) {
        Some(command) => of_command(error, command.get_name(), words),
        None if let Some(message) = of_trace(words) => args::usage(args::MAIN, message),
        None => {
            let next = words.get(2).map(OsString::as_os_str);
            let is_about_words =
                matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::UnknownArgument);
            let unknown = first.filter(|_| is_about_words).and_then(|first| commands::unknown(first, next));
            unknown.unwrap_or_else(|| of_command(error, args::MAIN, words))
        }
    }
}

/// Explains an error in the line of one command.
pub fn of_command(mut error: clap::Error, command: &str, words: &[OsString]) -> anyhow::Error {
    // Clap proposes `-- --option`, and options that have few letters in common with the one that was typed.
    error.remove(ContextKind::Suggested);
    error.remove(ContextKind::SuggestedArg);
    let invalid = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(all)) => all.clone(),
        _ => Vec::new(),
    };
    match (error.kind(), invalid.first()) {
        (ErrorKind::MissingRequiredArgument, Some(first)) if first.starts_with('<') => {
            return args::usage(command, needs(command, &invalid, words));
        }
        (ErrorKind::UnknownArgument, Some(option)) if option.starts_with('-') => {
            match elsewhere(command, option) {
                Some(tip) => add_tip(&mut error, tip),
                None => {
                    if let Some(alike) = alike(command, option) {
                        error.insert(ContextKind::SuggestedArg, ContextValue::String(alike));
                    }
                }
            };
        }
        (ErrorKind::UnknownArgument, Some(_)) if command == args::MAIN => {
            if let Some(line) = with_arguments(words) {
                add_tip(&mut error, format!("arguments of the program come after `--`: {line}"));
            }
        }
        (ErrorKind::UnknownArgument, Some(page)) if command == REPORT => {
            let before = words.iter().skip(2).take_while(|word| *word != page.as_str()).map(|word| typed(word));
            let line = before.chain(["-o".into(), typed(OsStr::new(page))]).collect::<Vec<_>>().join(" ");
            add_tip(&mut error, format!("the page is named with -o: bctrace report {line}"));
        }
        (ErrorKind::InvalidUtf8, _) => {
            let word = words.iter().find(|word| word.to_str().is_none()).map_or(OsStr::new(""), OsString::as_os_str);
            return args::usage(command, format!("'{}' is not UTF-8", Printable::path(Path::new(word))));
        }
        (ErrorKind::InvalidValue, Some(option)) if command == "python" && option.starts_with("--trace ") => {
            add_tip(&mut error, "if it is the interpreter's -t, put `--` before it".into());
        }
        _ => {}
    }
    escape(&mut error, words);
    // Clap's own would name options that have nothing to do with the mistake.
    error.insert(ContextKind::Usage, ContextValue::StyledStr(args::named(&mut built(), command).render_usage()));
    error.into()
}

fn built() -> Command {
    let mut command = args::command();
    command.build();
    command
}

/// Says what a command line lacks.
fn needs(command: &str, missing: &[String], words: &[OsString]) -> String {
    if command != args::MAIN {
        return needs_of_command(command, missing);
    }
    match words {
        [_, only] if missing.len() == 1 => {
            let program = typed(only);
            match format::by_suffix(Path::new(only), None).0 {
                Format::Bct => format!("{program} looks like a trace; print it with `bctrace show {program}`"),
                _ => format!("bctrace needs a file for the trace too: bctrace {program} trace.txt"),
            }
        }
        _ if missing.len() == 1 => "bctrace needs a file for the trace too: bctrace program.pyc trace.txt".into(),
        _ => "bctrace needs a program and a file for its trace: bctrace program.pyc trace.txt".into(),
    }
}

/// The same of a subcommand, with a line that lacks nothing.
fn needs_of_command(command: &str, missing: &[String]) -> String {
    let named = |name: &str| missing.iter().any(|missing| missing.trim_matches(['<', '>', '.']) == name);
    let whole = built();
    let positionals = whole.find_subcommand(command).into_iter().flat_map(Command::get_positionals);
    let (mut lacks, mut line) = (Vec::new(), format!("bctrace {command}"));
    for positional in positionals {
        let name = positional.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
        let known = POSITIONALS.iter().find(|(other, ..)| *other == name);
        let (what, example) = known.map_or(("an argument", name), |(_, what, example)| (*what, *example));
        if named(name) {
            lacks.push(if (command, name) == (ASM, "FILE") { "a file to write" } else { what });
        }
        if named(name) || positional.is_required_set() {
            line = format!("{line} {example}");
        }
    }
    let lacks = match lacks.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => lacks.concat(),
    };
    format!("bctrace {command} needs {lacks}: {line}")
}

/// Says which commands have an option that this one has not, or which command it is the name of.
fn elsewhere(command: &str, option: &str) -> Option<String> {
    let name = option.split('=').next().unwrap_or(option);
    let whole = built();
    if let Some(named) = name.strip_prefix("--").and_then(|name| whole.find_subcommand(name)) {
        let name = named.get_name();
        let what = if has_positional(named, "TRACE") { " trace.bct" } else { "" };
        return Some(format!("{name} is a command: bctrace {name}{what}"));
    }
    let others = whole.get_subcommands().filter(|other| other.get_name() != command);
    let mut having: Vec<&str> = others
        .filter(|other| has_option(other, name))
        .map(Command::get_name)
        .filter(|name| *name != "python")
        .collect();
    if command != args::MAIN && has_option(&whole, name) {
        having.insert(0, "a recording");
    }
    let having = match having.as_slice() {
        [] => return None,
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    };
    Some(format!("{name} is an option of {having}"))
}

fn has_option(command: &Command, option: &str) -> bool {
    command.get_arguments().filter(|arg| !arg.is_hide_set()).any(|arg| match option.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| option.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4]))),
    })
}

fn has_positional(command: &Command, value: &str) -> bool {
    command
        .get_positionals()
        .any(|arg| arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == value)))
}

/// The option of a command that is most like a mistyped one.
fn alike(command: &str, option: &str) -> Option<String> {
    let name = option.strip_prefix("--")?.split('=').next()?;
    let whole = built();
    let command = if command == args::MAIN { &whole } else { whole.find_subcommand(command)? };
    let options = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| arg.get_long());
    let alike = options.map(|long| (strsim::jaro_winkler(name, long), long));
    let (likeness, long) = alike.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    (likeness >= ALIKE).then(|| format!("--{long}"))
}

/// Says how a command is given the trace that stands before it.
fn of_trace(words: &[OsString]) -> Option<String> {
    let [_, trace, command, rest @ ..] = words else { return None };
    let is_trace = format::by_suffix(Path::new(trace), None).0 == Format::Bct;
    let command = built().find_subcommand(command).filter(|_| is_trace)?.get_name().to_owned();
    let rest: String = rest.iter().map(|word| format!(" {}", typed(word))).collect();
    Some(format!("{} is a trace: bctrace {command} {}{rest}", Printable::path(Path::new(trace)), typed(trace)))
}

/// The line with `--` before the first word that is one too many.
fn with_arguments(words: &[OsString]) -> Option<String> {
    let is_whole = |end: usize| args::command().try_get_matches_from(&words[..end]).is_ok();
    let first = (1..words.len()).find(|&end| !words[end].as_bytes().starts_with(b"-") && is_whole(end))?;
    let printed = |words: &[OsString]| words.iter().map(|word| typed(word)).collect::<Vec<_>>().join(" ");
    Some(format!("bctrace {} -- {}", printed(&words[1..first]), printed(&words[first..])))
}

/// A word as it can be typed.
fn typed(word: &OsStr) -> String {
    shell::Word(word.as_bytes()).to_string()
}

fn add_tip(error: &mut clap::Error, tip: String) {
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
}

/// Escapes the words in an error, of which clap's own rendering would drop what a terminal obeys.
fn escape(error: &mut clap::Error, words: &[OsString]) {
    let texts = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, text.clone())),
        _ => None,
    });
    for (kind, text) in texts.collect::<Vec<_>>() {
        let text = Printable::text(bytes_of(&text, words)).to_string();
        error.insert(kind, ContextValue::String(text));
    }
}

/// The bytes that were typed for a text in which clap has replaced those that are not UTF-8.
fn bytes_of<'a>(text: &'a str, words: &'a [OsString]) -> &'a [u8] {
    if !text.contains(char::REPLACEMENT_CHARACTER) {
        return text.as_bytes();
    }
    let words = words.iter().map(|word| word.as_bytes()).filter(|word| word.len() <= LONGEST);
    let mut ends = words.flat_map(|word| (0..word.len()).map(move |start| &word[start..]));
    ends.find(|end| String::from_utf8_lossy(end) == text).unwrap_or(text.as_bytes())
}
