//! What was asked for and not there: one line for each, with what could have been meant.

use indicatif::HumanCount;

use crate::bytecode::escape::Printable;
use crate::select::{Miss, Selection, Trigger, TriggerMatch, Unmet};

/// What is said of code that was asked for and is left out for another reason.
pub const ONLY_AT_SHUTDOWN: &str =
    "this code ran only in the interpreter's own shutdown, which is left out; --shutdown records it";

/// Says what of a trace a selection has missed.
pub fn of_selection(misses: &[Miss], selection: &Selection) -> Vec<String> {
    misses.iter().map(|miss| of_part(miss, selection)).collect()
}

fn of_part(miss: &Miss, selection: &Selection) -> String {
    match miss {
        Miss::Code(unmet) if unmet.closest.is_empty() && !unmet.at_shutdown => {
            format!("{}; `bctrace info` lists the names", of_filter(unmet, "in the trace"))
        }
        Miss::Code(unmet) => of_filter(unmet, "in the trace"),
        Miss::Place { option, place: asked, found } => {
            let place = place(asked);
            match found {
                TriggerMatch::NoCode { closest: names } => {
                    format!("{option} {place} matches no code object that is printed{}", closest(option, names))
                }
                found => format!("{option} {place} matches nothing{}", of_place(option, found)),
            }
        }
        Miss::Thread { asked, threads } => {
            let there = match threads.as_slice() {
                [] => "no instruction is recorded".to_owned(),
                [one] => format!("the only thread is {one}"),
                [first, .., last] if u64::from(last - first) + 1 == threads.len() as u64 => {
                    format!("the threads are {first} to {last}")
                }
                threads => format!("the threads are {}", listed(threads.iter().take(20))),
            };
            format!("--thread {asked} matches nothing: {there}")
        }
        Miss::BeyondEnd { from, instructions } => {
            let (from, last) = (HumanCount(*from), HumanCount(*instructions));
            format!("--from {from} is beyond the end: the last instruction is number {last}")
        }
        Miss::Shutdown { first, last } => {
            let (options, first, last) = (options(selection), HumanCount(*first), HumanCount(*last));
            let nothing = match options.as_str() {
                "" => "nothing was recorded".to_owned(),
                options => format!("nothing that was recorded matches {options}"),
            };
            let numbers = if first.0 == last.0 { format!("{first} is") } else { format!("{first} to {last} are") };
            format!("{nothing}: {numbers} the interpreter's own shutdown (--shutdown records it)")
        }
        Miss::Depth { most, least } => format!("--max-depth {most} leaves nothing: the lowest depth is {least}"),
        Miss::Together => format!("no instruction matches {}", options(selection)),
    }
}

/// Says that a name, pattern or glob of a filter matches nothing; `scope` ends "matches no code object".
pub fn of_filter(unmet: &Unmet, scope: &str) -> String {
    let value = shown(unmet.option, &unmet.value);
    if unmet.at_shutdown {
        return format!("{} {value}: {ONLY_AT_SHUTDOWN}", unmet.option);
    }
    let closest = closest(unmet.option, &unmet.closest);
    format!("{} {value} matches no code object {scope}{closest}", unmet.option)
}

/// Why a place was not met, as far as it is known: the rest of a sentence, or nothing.
pub fn of_place(option: &str, found: &TriggerMatch) -> String {
    match found {
        TriggerMatch::NoCode { closest: names } => {
            format!(": no code object of that name ran{}", closest(option, names))
        }
        TriggerMatch::AtShutdown => format!(": {ONLY_AT_SHUTDOWN}"),
        TriggerMatch::NoInstruction => ": no instruction begins at that offset".into(),
        TriggerMatch::There => String::new(),
    }
}

/// A place as it can be typed.
pub fn place(place: &Trigger) -> String {
    let offset = place.offset.map_or(String::new(), |offset| format!(":{offset}"));
    format!("{}{offset}", quoted(Printable::name(place.name.typed())))
}

/// Proposes names: the rest of a sentence, or nothing.
pub fn closest(option: &str, names: &[Vec<u8>]) -> String {
    let kind = if option == "--file" { "file name" } else { "name" };
    let names: Vec<String> = names.iter().map(|name| shown(option, name)).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => format!("; the closest {kind} is {name}"),
        names => format!("; the closest {kind}s are {}", listed(names.iter())),
    }
}

/// A name or file name as bctrace prints it elsewhere, so that it can be given to the option.
fn shown(option: &str, value: &[u8]) -> String {
    match option {
        "--file" | "--match" => quoted(Printable::text(value)),
        _ => quoted(Printable::name(value)),
    }
}

/// A value in quotes if one would not see where it begins or ends.
pub fn quoted(value: Printable) -> String {
    let text = value.to_string();
    if text.is_empty() || text.contains(' ') { format!("'{text}'") } else { text }
}

fn listed(items: impl Iterator<Item = impl ToString>) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    match (items.pop(), items.as_slice()) {
        (Some(last), []) => last,
        (Some(last), rest) => format!("{} and {last}", rest.join(", ")),
        (None, _) => String::new(),
    }
}

/// The options of a selection that were given.
pub fn options(selection: &Selection) -> String {
    let filter = &selection.filter;
    let window = selection.window.as_ref();
    let given = [
        (!filter.names.is_empty(), "-n"),
        (!filter.patterns.is_empty(), "--match"),
        (!filter.files.is_empty(), "--file"),
        (filter.no_stdlib, "--no-stdlib"),
        (!selection.threads.is_empty(), "--thread"),
        (selection.max_depth.is_some(), "--max-depth"),
        (window.is_some_and(|window| window.start > 1), "--from"),
        (window.is_some_and(|window| window.end < u64::MAX), "--to"),
    ];
    let given: Vec<&str> = given.iter().filter(|(is_given, _)| *is_given).map(|(_, option)| *option).collect();
    let all_of = if given.len() > 1 { "all of " } else { "" };
    format!("{all_of}{}", listed(given.iter()))
}
