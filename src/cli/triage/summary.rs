//! What is said of a file that was looked at: summary.json for programs, summary.md for people, and the lines on the terminal.  Each
//! text in it that a program chose was made printable before.

use std::borrow::Cow;
use std::fmt::Write;

use indicatif::HumanCount;
use serde::Serialize;

use super::identity::Identity;
use crate::cli::message;

/// Refused attempts that summary.md has.
const REFUSED: usize = 20;
/// Characters of a text that summary.md has; the other files have all of it.
const LONGEST: usize = 200;

/// All of it.  The order of the members is that of summary.json.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub identity: Identity,
    pub triage: u32,
    pub file: String,
    pub arguments: Vec<String>,
    /// False until the last step.
    pub complete: bool,
    pub steps: Vec<Step>,
    pub processes: Vec<Process>,
    /// Bytes that the program printed.
    pub printed: u64,
    pub allowed: u64,
    pub refused: Vec<Refused>,
    /// Attempts of which nothing but their number is known here.
    pub not_listed: u64,
    pub left: Vec<Left>,
    /// Layers, and how many of them the program made while it ran.
    pub layers: u64,
    pub made: u64,
    /// The first lines of tricks.txt, strings.txt and compares.txt.
    pub tricks: Vec<String>,
    pub strings: Vec<String>,
    pub compares: Vec<String>,
    pub notes: Vec<String>,
}

/// A step, and what it has made.
#[derive(Debug, Serialize)]
pub struct Step {
    pub step: &'static str,
    /// Its file in the folder, or its folder there; empty if it has made none.
    pub file: String,
    pub what: String,
    /// Why it failed, or was not taken.
    pub error: Option<String>,
}

/// A process that was recorded.
#[derive(Debug, Serialize)]
pub struct Process {
    pub trace: String,
    pub report: Option<String>,
    pub instructions: u64,
    pub end: String,
    /// The exception that ended it, and what keeps it from doing so.
    pub exception: Option<String>,
    pub remedy: Option<String>,
    /// The first lines of its tricks and of what it compared; those of the first process are the summary's.
    pub tricks: Vec<String>,
    pub compares: Vec<String>,
}

/// What was refused, as a phrase, with the number of times.
#[derive(Debug, Serialize)]
pub struct Refused {
    pub what: String,
    pub times: u64,
}

/// What the program left in its scratch folder.
#[derive(Debug, Serialize)]
pub struct Left {
    /// In the scratch folder.
    pub path: String,
    /// Its copy in the folder.
    pub file: Option<String>,
    pub is: String,
    pub size: u64,
    pub sha256: Option<String>,
    /// What wrote it.
    pub by: Vec<Writer>,
}

/// An instruction that wrote a file.
#[derive(Clone, Debug, Serialize)]
pub struct Writer {
    pub trace: String,
    pub deed: &'static str,
    pub instruction: u64,
    pub name: String,
    pub filename: String,
    pub offset: u32,
}

impl Summary {
    pub fn new(identity: Identity, file: String, arguments: Vec<String>) -> Summary {
        Summary {
            identity,
            triage: 1,
            file,
            arguments,
            complete: false,
            steps: Vec::new(),
            processes: Vec::new(),
            printed: 0,
            allowed: 0,
            refused: Vec::new(),
            not_listed: 0,
            left: Vec::new(),
            layers: 0,
            made: 0,
            tricks: Vec::new(),
            strings: Vec::new(),
            compares: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter_map(|step| step.error.as_ref().map(|error| format!("{}: {error}", step.step)))
    }

    pub fn json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The page for people.
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n\n{}\n", code(&self.file), self.identity.markdown());
        if !self.arguments.is_empty() {
            let arguments: Vec<String> = self.arguments.iter().map(|word| code(word)).collect();
            let _ = writeln!(out, "Arguments: {}\n", arguments.join(" "));
        }
        if !self.complete {
            out += "This is not complete: bctrace was still working, or was ended.\n\n";
        }
        list(&mut out, "What failed", self.failures().map(|failure| code(&failure)).collect());
        list(&mut out, "What it did", self.deeds(code));
        let refused = self.refused.iter().take(REFUSED);
        let mut lines: Vec<String> =
            refused.map(|refused| format!("{}{}", code(&refused.what), times(refused.times))).collect();
        if self.refused.len() > REFUSED {
            lines.push(format!("{} more in tried.jsonl", self.refused.len() - REFUSED));
        }
        list(&mut out, "What the sandbox refused", lines);
        list(&mut out, "What it left in its scratch folder", self.left.iter().map(Left::line).collect());
        block(&mut out, "Tricks", &self.tricks);
        block(&mut out, "Comparisons", &self.compares);
        for process in &self.processes {
            block(&mut out, &format!("Tricks of {}", process.trace), &process.tricks);
            block(&mut out, &format!("Comparisons of {}", process.trace), &process.compares);
        }
        block(&mut out, "Strings", &self.strings);
        let made = self.steps.iter().filter(|step| step.error.is_none() && !step.file.is_empty());
        list(&mut out, "Files", made.map(|step| format!("`{}`: {}", step.file, step.what)).collect());
        out
    }

    /// One line for each process, and what else is counted; `quote` is for what has text of the program's.
    fn deeds(&self, quote: fn(&str) -> String) -> Vec<String> {
        let mut lines: Vec<String> = self
            .processes
            .iter()
            .map(|process| {
                let count = message::counted(process.instructions, "instruction");
                let remedy = process.remedy.as_ref().map_or(String::new(), |remedy| format!("; {remedy}"));
                format!("{count}; {} ({}){remedy}", quote(&process.end), process.trace)
            })
            .collect();
        if !self.processes.is_empty() {
            lines.push(format!("{} printed", message::counted(self.printed, "byte")));
            lines.push(format!(
                "{}, {} of them made while it ran",
                message::counted(self.layers, "code object"),
                self.made
            ));
            let refused: u64 = self.refused.iter().map(|refused| refused.times).sum();
            let attempts = message::counted((self.allowed + refused).saturating_add(self.not_listed), "attempt");
            let not_listed = match self.not_listed {
                0 => String::new(),
                count => format!(", {count} not listed"),
            };
            lines.push(format!("{attempts} outside itself: {} allowed, {refused} refused{not_listed}", self.allowed));
        }
        lines.extend(self.notes.iter().map(|note| quote(note)));
        lines
    }

    /// The lines for the terminal; `folder` is the one that was written into.
    pub fn text(&self, folder: &str) -> String {
        let mut out = format!("{}\n{}", self.file, self.identity.text());
        let mut lines = self.deeds(str::to_owned);
        lines.extend(
            self.refused.iter().take(5).map(|refused| format!("refused: {}{}", refused.what, times(refused.times))),
        );
        if !self.left.is_empty() {
            lines.push(format!("left {}", message::counted(self.left.len() as u64, "file")));
        }
        lines.extend(self.failures().map(|failure| format!("failed: {failure}")));
        lines.iter().for_each(|line| out += &format!("  {line}\n"));
        let made = |file: &str| self.steps.iter().any(|step| step.file == file && step.error.is_none());
        out += "Open next:\n";
        let has_raised = self.processes.iter().any(|process| process.exception.is_some());
        // The traceback is in it.
        let next = has_raised.then_some("output.txt").into_iter();
        let next = next.chain(["report.html", "compares.txt", "strings.txt", "clean/", "dis.txt", "contents.txt"]);
        next.filter(|file| made(file)).take(4).for_each(|file| out += &format!("  {folder}/{file}\n"));
        out + &format!("  {folder}/summary.md\n")
    }
}

impl Left {
    fn line(&self) -> String {
        let what = match &self.file {
            Some(file) => format!("{}, {}", message::counted(self.size, "byte"), code(file)),
            None => code(&self.is),
        };
        let by = self.by.iter().map(|writer| {
            let Writer { trace, instruction, name, offset, deed, .. } = writer;
            format!("; {deed} by {} at {offset}, instruction {instruction} of {trace}", code(name))
        });
        format!("{}: {what}{}", code(&self.path), by.collect::<String>())
    }
}

fn times(times: u64) -> String {
    if times > 1 { format!(" ({times} times)") } else { String::new() }
}

/// The beginning of a long text, with its length.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], HumanCount(text.chars().count() as u64)).into(),
        None => text.into(),
    }
}

/// Text as code: longer quotes than any in it, so that none of it is markup.
fn code(text: &str) -> String {
    let text = cut(text);
    let longest = text.split(|one| one != '`').map(str::len).max().unwrap_or(0);
    let quote = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{quote}{blank}{text}{blank}{quote}")
}

fn list(out: &mut String, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        let _ = writeln!(out, "## {title}\n");
        lines.iter().for_each(|line| *out += &format!("- {line}\n"));
        out.push('\n');
    }
}

fn block(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "## {title}\n");
        // Indented lines are code, whatever is in them.
        lines.iter().for_each(|line| *out += &format!("    {}\n", cut(line)));
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("é".repeat(200).as_str()), "é".repeat(200));
        assert_eq!(code(&"é".repeat(4000)), format!("`{}… (4,000 characters)`", "é".repeat(200)));
    }

    #[test]
    fn a_left_file_without_a_known_writer_is_a_whole_line() {
        let left =
            Left { path: "a".into(), file: None, is: "special file".into(), size: 0, sha256: None, by: Vec::new() };
        assert_eq!(left.line(), "`a`: `special file`");
    }

    #[test]
    fn attempts_that_are_not_listed_are_counted() {
        let identity =
            Identity { md5: String::new(), sha1: String::new(), sha256: String::new(), size: 0, kind: String::new() };
        let process = Process {
            trace: "trace.bct".into(),
            report: None,
            instructions: 1,
            end: "exited with status 0".into(),
            exception: None,
            remedy: None,
            tricks: Vec::new(),
            compares: Vec::new(),
        };
        let summary = Summary::new(identity, "p.pyc".into(), Vec::new());
        let summary = Summary { allowed: 2, not_listed: 5, processes: vec![process], ..summary };
        assert!(summary.markdown().contains("- 7 attempts outside itself: 2 allowed, 0 refused, 5 not listed\n"));
    }

    #[test]
    fn quotes_in_a_text_do_not_end_it() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("`"), "`` ` ``");
    }
}
