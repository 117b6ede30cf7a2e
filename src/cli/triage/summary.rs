//! What is said of a file that was looked at: summary.json for programs, summary.md for people, and the lines on the terminal.  Each
//! text in it that a program chose was made printable before.

use std::fmt::Write;

use serde::Serialize;

use super::identity::Identity;
use crate::cli::message;

/// Refused attempts that summary.md has.
const REFUSED: usize = 20;

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
        let mut out = self.identity.markdown();
        let _ = writeln!(out, "\n# {}\n", code(&self.file));
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
                format!("{count}; {} ({})", quote(&process.end), process.trace)
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
            lines.push(format!(
                "{} outside itself: {} allowed, {refused} refused",
                message::counted(self.allowed + refused, "attempt"),
                self.allowed
            ));
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
        let next = [
            ("report.html", format!("{folder}/report.html")),
            ("compares.txt", format!("{folder}/compares.txt")),
            ("strings.txt", format!("{folder}/strings.txt")),
            ("clean/", format!("{folder}/clean/")),
            ("dis.txt", format!("{folder}/dis.txt")),
            ("contents.txt", format!("{folder}/contents.txt")),
        ];
        let next = next.iter().filter(|(file, _)| made(file)).take(4);
        next.for_each(|(_, path)| out += &format!("  {path}\n"));
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
            format!("{deed} by {} at {offset}, instruction {instruction} of {trace}", code(name))
        });
        format!("{}: {what}; {}", code(&self.path), by.collect::<Vec<_>>().join("; "))
    }
}

fn times(times: u64) -> String {
    if times > 1 { format!(" ({times} times)") } else { String::new() }
}

/// Text as code: longer quotes than any in it, so that none of it is markup.
fn code(text: &str) -> String {
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
        lines.iter().for_each(|line| *out += &format!("    {line}\n"));
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_a_text_do_not_end_it() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("`"), "`` ` ``");
    }
}
