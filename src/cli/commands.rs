//! What could have been meant by a first word that is neither a command nor a file.

use std::ffi::OsStr;
use std::path::Path;

use super::args;

/// How alike a word and a command must be, from 0 to 1.
const ALIKE: f64 = 0.8;

/// Words that other tools have for what bctrace does without a command of that name, or with another one.
const MEANT: [(&[&str], &str); 5] = [
    (&["version"], "bctrace --version"),
    (&["record", "run", "trace"], "bctrace FILE TRACEFILE"),
    (&["disasm", "disassemble"], "bctrace dis"),
    (&["assemble"], "bctrace asm"),
    (&["print", "cat", "view"], "bctrace show"),
];

/// Proposes a command line; `next` is the word after the first.  None if the first word names a file or could be nothing else.
pub fn proposed(first: &OsStr, next: Option<&OsStr>) -> Option<String> {
    let word = first.to_str().filter(|word| !word.contains(['/', '.']) && !Path::new(word).exists())?;
    let command = args::command();
    let is_command = |word: &str| command.get_subcommands().any(|command| command.get_name() == word);
    if word == "help" {
        let about = next.and_then(OsStr::to_str).filter(|word| is_command(word));
        return Some(about.map_or("bctrace --help".to_owned(), |about| format!("bctrace {about} --help")));
    }
    if let Some((_, line)) = MEANT.iter().find(|(words, _)| words.contains(&word)) {
        return Some((*line).to_owned());
    }
    let names = command.get_subcommands().map(|command| command.get_name());
    let alike = names.map(|name| (strsim::jaro_winkler(word, name), name));
    let (likeness, name) = alike.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    (likeness >= ALIKE).then(|| format!("bctrace {name}"))
}

/// The error that proposes it.
pub fn unknown(first: &OsStr, next: Option<&OsStr>) -> Option<anyhow::Error> {
    let line = proposed(first, next)?;
    let first = crate::bytecode::escape::Printable::path(Path::new(first));
    if line == format!("bctrace {first}") {
        return Some(args::usage(args::MAIN, format!("the command must be the first word: `{line} ...`")));
    }
    Some(args::usage(args::MAIN, format!("there is no command or file {first}; did you mean `{line}`?")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_nearly_a_command_proposes_it() {
        let cases = [
            ("sho", None, "bctrace show"),
            ("shwo", None, "bctrace show"),
            ("inf", None, "bctrace info"),
            ("compare", None, "bctrace compares"),
            ("completion", None, "bctrace completions"),
            ("help", None, "bctrace --help"),
            ("help", Some("show"), "bctrace show --help"),
            ("help", Some("t.bct"), "bctrace --help"),
            ("version", None, "bctrace --version"),
            ("record", None, "bctrace FILE TRACEFILE"),
            ("disassemble", None, "bctrace dis"),
        ];
        for (first, next, line) in cases {
            assert_eq!(proposed(OsStr::new(first), next.map(OsStr::new)).as_deref(), Some(line), "{first}");
        }
        for first in ["sho.pyc", "./sho", "malware", "src"] {
            assert_eq!(proposed(OsStr::new(first), None), None, "{first}");
        }
    }
}
