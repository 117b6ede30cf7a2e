//! `bctrace python`, and a start by the interpreter's own name: the interpreter with its own command line, recorded or not.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use anyhow::Context;
use clap::FromArgMatches;

use super::args::{self, PythonArgs};
use super::mistakes;
use super::record::{self, Job};
use crate::process::{executable, signals};
use crate::record::{Recorder, Subject};
use crate::vm::program;

/// The name that the interpreter has for itself.
const NAME: &str = "python2.7";
/// The name of the command.
const COMMAND: &str = "python";

/// Runs the interpreter under the name that it was started by; does not return.
pub fn run_as(arguments: Vec<OsString>) -> anyhow::Result<u8> {
    let argv = record::c_strings(arguments)?;
    signals::forget_runtime().context("cannot reset the signals")?;
    let executable = executable::path();
    program::exit(match Recorder::of_this_process() {
        Some(recorder) => {
            recorder.fix().context("cannot make the run repeatable")?;
            program::python(argv, &executable, |interpreter| recorder.join(interpreter))
        }
        None => program::python(argv, &executable, |_| ()),
    })
}

/// Runs `bctrace python` with the words after that; returns only if they ask for a recording.
pub fn run(words: Vec<OsString>) -> anyhow::Result<u8> {
    match Line::read(words)? {
        Line::Plain(words) => run_as(named(words)),
        Line::Help(help) => {
            // What cannot be printed is not read either.
            let _ = io::stdout().write_all(help.as_bytes()).and_then(|()| io::stdout().flush());
            run_as(named(vec!["-h".into()]))
        }
        Line::Recorded(args) => {
            record::check(COMMAND, &args.recording)?;
            record::fix_addresses(&args.recording)?;
            let trace = args.trace_to.unwrap_or_default();
            let job = Job {
                command: COMMAND,
                argv: record::c_strings(named(args.arguments))?,
                subject: Subject::CommandLine,
                call: None,
                input: None,
                program: None,
                entry: None,
                path: &[],
                trace: &trace,
            };
            record::carry_out(job, &args.recording)
        }
    }
}

/// The interpreter's command line.
fn named(arguments: Vec<OsString>) -> Vec<OsString> {
    [OsString::from(NAME)].into_iter().chain(arguments).collect()
}

/// What the words after `bctrace python` ask for.
pub enum Line {
    /// The interpreter, with these arguments.
    Plain(Vec<OsString>),
    /// Help, which begins with this.
    Help(String),
    /// The interpreter, recorded.
    Recorded(Box<PythonArgs>),
}

impl Line {
    /// Reads the words.  Ours stand before the first one that is the interpreter's; without --trace-to among them all are the
    /// interpreter's.
    pub fn read(words: Vec<OsString>) -> anyhow::Result<Line> {
        let mut command = args::command();
        command.build();
        let command = command.find_subcommand_mut(COMMAND).expect("the subcommand that runs exists");
        let ours = Ours::among(&words, command);
        if ours.help {
            return Ok(Line::Help(format!("{}\nThe interpreter's own help:\n\n", command.render_long_help())));
        }
        if !ours.trace_to {
            return Ok(Line::Plain(words));
        }
        let (ours, theirs) = words.split_at(ours.count);
        let theirs = theirs.strip_prefix(&[OsString::from("--")]).unwrap_or(theirs);
        let line = [OsStr::new("bctrace python")].into_iter().chain(ours.iter().map(OsString::as_os_str));
        let line = line.chain([OsStr::new("--")]).chain(theirs.iter().map(OsString::as_os_str));
        let matches = command.clone().try_get_matches_from(line);
        let matches = matches.map_err(|error| mistakes::of_command(error, COMMAND, &words))?;
        Ok(Line::Recorded(Box::new(PythonArgs::from_arg_matches(&matches)?)))
    }
}

/// The words that are ours.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ours {
    count: usize,
    trace_to: bool,
    help: bool,
}

impl Ours {
    /// Finds the options of a command at the beginning of a line, with their values.  A long option is ours if the interpreter has
    /// none of that name: so a misspelled one can be named.
    fn among(words: &[OsString], command: &clap::Command) -> Ours {
        let mut ours = Ours::default();
        while let Some(word) = words.get(ours.count) {
            let Some(option) = Typed::read(word.as_bytes(), command) else { break };
            ours.trace_to |= option.name == b"trace-to";
            ours.help |= option.name == b"help";
            let value = words.get(ours.count + 1).filter(|value| option.wants_next && is_value(value.as_bytes()));
            ours.count += 1 + usize::from(value.is_some());
        }
        ours
    }
}

/// An option of ours, or several short ones in a word.
struct Typed<'a> {
    /// The name of a long option.
    name: &'a [u8],
    /// Its value is the next word.
    wants_next: bool,
}

impl Typed<'_> {
    fn read<'a>(word: &'a [u8], command: &clap::Command) -> Option<Typed<'a>> {
        match word.strip_prefix(b"--") {
            Some(b"" | b"version") => None,
            Some(long) => {
                let name = long.split(|&byte| byte == b'=').next().unwrap_or_default();
                let known =
                    command.get_arguments().find(|arg| arg.get_long().is_some_and(|long| long.as_bytes() == name));
                let takes_value = known.is_some_and(|arg| arg.get_action().takes_values());
                Some(Typed { name, wants_next: takes_value && name.len() == long.len() })
            }
            None => {
                let (first, more) = word.strip_prefix(b"-")?.split_first()?;
                let takes_value = |short: u8| {
                    let known = command.get_arguments().find(|arg| arg.get_short() == Some(char::from(short)));
                    known.map(|arg| arg.get_action().takes_values())
                };
                let mut is_value_next = takes_value(*first)?;
                for &short in more {
                    // What stands after an option with a value is that value.
                    if is_value_next {
                        return Some(Typed { name: b"", wants_next: false });
                    }
                    is_value_next = takes_value(short).unwrap_or(false);
                }
                Some(Typed { name: b"", wants_next: is_value_next })
            }
        }
    }
}

/// Whether clap takes a word for the value of the option before it.
fn is_value(word: &[u8]) -> bool {
    match word {
        [b'-', second, ..] => second.is_ascii_digit(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(line: &str) -> (usize, bool, bool) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let mut command = args::command();
        command.build();
        let Ours { count, trace_to, help } =
            Ours::among(&words, command.find_subcommand("python").expect("a subcommand"));
        (count, trace_to, help)
    }

    #[test]
    fn ours_end_before_the_first_word_of_the_interpreters() {
        for line in ["p.py", "-c pass", "-B", "-Bq", "-", "-u -r", "--version", "-- -r", "-h"] {
            assert_eq!(ours(line), (0, false, false), "{line}");
        }
        assert_eq!(ours("--trace-to t p.py --trace-to u"), (2, true, false));
        assert_eq!(ours("--trace-to=t -t only -n f -r -q -fbct -rq -n=g -rn h --values -c pass -r"), (13, true, false));
        assert_eq!(ours("-r -t only --trace-to t -- -t p.py"), (5, true, false));
        assert_eq!(ours("-t p.py -r"), (3, false, false));
        assert_eq!(ours("-t -c pass"), (1, false, false));
        assert_eq!(ours("-n --trace-to t"), (3, true, false));
        assert_eq!(ours("--max-instructions -1 --trace-to t"), (4, true, false));
        assert_eq!(ours("--valeus --trace-to t p.py"), (3, true, false));
        assert_eq!(ours("-r --help"), (2, false, true));
    }
}
