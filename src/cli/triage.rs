//! `bctrace triage`: everything at once for a suspicious file.  Each step is another command's work; one that fails costs its own files
//! alone, and the summary, which is written again after each step, says why.

mod answers;
mod descendants;
mod identity;
mod left;
mod output;
mod recording;
mod sparse;
mod summary;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::TriageArgs;
use super::program::{self, Program, Reading};
use super::{clean, dis, exit, list, report, screen, unpack};
use crate::bytecode::escape::Printable;
use crate::clean::Options;
use crate::format::{Named, OutputFolder};
use crate::sandbox::Scratch;
use crate::trace::attempt::{Answer, Attempt};
use crate::views::tried::{self, Doing};
use answers::Answers;
use identity::Identity;
use output::Bounded;
use summary::{Refused, Step, Summary};

/// Processes besides the first whose traces are looked at.
const OTHERS: usize = 4;
/// Lines of a view that summary.md has.
const LINES: usize = 20;

/// Runs the command.
pub fn run(args: &TriageArgs) -> anyhow::Result<u8> {
    let reading = Reading::from(&args.file);
    let program = program::read_code(&args.program, reading);
    // What is in an archive is known by the archive.
    let file = program.as_ref().map_or(&args.program, |program| &program.file);
    let mut identity = Identity::read(file)?;
    identity.kind = match &program {
        Ok(program) => program.description(),
        Err(error) => Printable::text(format!("nothing that runs: {error:#}").as_bytes()).to_string(),
    };
    let arguments = args.arguments.iter().map(|word| Printable::text(word.as_encoded_bytes()).to_string());
    let summary = Summary::new(identity, Printable::path(&args.program).to_string(), arguments.collect());
    // A folder that is not empty is refused before anything is done.
    let _folder = OutputFolder::new(&args.folder)?;
    let mut triage = Triage { args, summary, unsaved: None };
    triage.contents(&program, reading);
    let signal = match program {
        Ok(program) => triage.run_program(&program),
        Err(error) => {
            triage.step("record", "", "", |_| Err::<(), _>(error));
            None
        }
    };
    triage.finish(signal)
}

/// What is done.
struct Triage<'a> {
    args: &'a TriageArgs,
    summary: Summary,
    /// Why the summary could not be written.
    unsaved: Option<anyhow::Error>,
}

impl Triage<'_> {
    /// Takes a step, and notes whether it failed.
    fn step<T>(
        &mut self,
        step: &'static str,
        file: impl Into<String>,
        what: impl Into<String>,
        work: impl FnOnce(&mut Summary) -> anyhow::Result<T>,
    ) -> Option<T> {
        self.save();
        let (error, value) = match work(&mut self.summary) {
            Ok(value) => (None, Some(value)),
            Err(error) => (Some(Printable::text(format!("{error:#}").as_bytes()).to_string()), None),
        };
        self.summary.steps.push(Step { step, file: file.into(), what: what.into(), error });
        value
    }

    /// Notes a file that another step has made.
    fn made(&mut self, step: &'static str, file: impl Into<String>, what: impl Into<String>) {
        self.summary.steps.push(Step { step, file: file.into(), what: what.into(), error: None });
    }

    fn path(&self, name: &str) -> PathBuf {
        self.args.folder.join(name)
    }

    fn save(&mut self) {
        let (json, text) = (self.summary.json(), self.summary.markdown());
        let [json_path, text_path] = ["summary.json", "summary.md"].map(|name| self.path(name));
        let saved = json.map_err(anyhow::Error::from).and_then(|json| Ok(report::write(&json_path, &json)?));
        self.unsaved = saved.and_then(|()| Ok(report::write(&text_path, text.as_bytes())?)).err();
    }

    /// Lists and unpacks the file, without running it.
    fn contents(&mut self, program: &anyhow::Result<Program>, reading: Reading) {
        // What is not code of Python 2.7 may still be an archive, or code of another Python.
        let path = &self.args.program;
        let again = match program {
            Ok(_) => None,
            Err(_) => Some(program::read(path, reading).or_else(|_| program::read(path, Reading::forced()))),
        };
        let Some(program) = again.as_ref().map_or(program.as_ref().ok(), |again| again.as_ref().ok()) else {
            return self.summary.notes.push("list, dis and unpack were left out: the file cannot be read".into());
        };
        let [contents, listing, unpacked] = ["contents.txt", "dis.txt", "unpacked"].map(|name| self.path(name));
        self.step("list", "contents.txt", "what the file contains, as `bctrace list` prints it", |_| {
            write(&contents, list::text(path, program, &list::rows(program)).as_bytes())
        });
        self.step("dis", "dis.txt", "the listing of its code, as `bctrace dis` prints it", |_| {
            let file = File::create_new(&listing).with_context(|| cannot_write(&listing))?;
            dis::write(path, program, Box::new(std::io::BufWriter::new(file))).with_context(|| cannot_write(&listing))
        });
        self.step("unpack", "unpacked/", "all that it contains, as `bctrace unpack` writes it", |_| {
            unpack::write_all(path, program, &unpacked)
        });
    }

    /// Runs the program and looks at what it did; returns the signal on which it was ended, if it was.
    fn run_program(&mut self, program: &Program) -> Option<i32> {
        let args = self.args;
        let scratch = match Scratch::create(&program.sha256).context("cannot make a scratch folder for the program") {
            Ok(scratch) => scratch,
            Err(error) => {
                self.step("record", "", "", |_| Err::<(), _>(error));
                return None;
            }
        };
        let printed = self.path("output.txt");
        let recording = self.step("record", "trace.bct", "the trace, for the other commands of bctrace", |_| {
            program.check_runs(&args.program)?;
            let file = File::create_new(&printed).with_context(|| cannot_write(&printed))?;
            recording::record(args, scratch.path(), Bounded::new(file))
        });
        let traces = recording.as_ref().map_or(&[][..], |recording| &recording.traces);
        if let Some(recording) = &recording {
            self.summary.printed = recording.printed;
            self.made("output", "output.txt", "what the program printed, with escapes for control characters");
            for trace in traces.iter().skip(1) {
                self.made("record", answers::file_name(trace), "the trace of another process of the program");
            }
            if recording.signal.is_some() {
                self.summary.notes.push("it was interrupted".into());
            }
        }
        let signal = recording.as_ref().and_then(|recording| recording.signal);
        let attempts = self.attempts(traces);
        let copied = self.step("files", "", "", |summary| {
            let into = &args.folder.join("files");
            let copying = left::Copying { scratch: scratch.path(), into, program, attempts: &attempts };
            let (left, problems) = left::copy(&copying)?;
            summary.notes.extend(problems);
            summary.left = left;
            Ok(())
        });
        if copied.is_some() && !self.summary.left.is_empty() {
            self.made("copy", "files/", "what the program left in its scratch folder");
        }
        if let Err(error) = scratch.remove() {
            self.summary.notes.push(format!("its scratch folder could not be removed: {error}"));
        }
        // Another signal than an interrupt asks for an end.
        if signal.is_none_or(|signal| signal == libc::SIGINT) {
            self.look(traces, program);
        }
        signal
    }

    /// Reads what was tried, and counts it.
    fn attempts(&mut self, traces: &[PathBuf]) -> Vec<(String, Vec<(Attempt, u64)>)> {
        let mut all = Vec::new();
        for trace in traces {
            let name = answers::file_name(trace);
            let (attempts, not_listed) = match tried::collect(trace) {
                Ok(collected) => collected,
                Err(error) => {
                    self.summary.notes.push(Printable::text(error.to_string().as_bytes()).to_string());
                    continue;
                }
            };
            self.summary.not_listed = self.summary.not_listed.saturating_add(not_listed);
            for (attempt, times) in &attempts {
                match attempt.answer {
                    Answer::Allowed | Answer::Faked => self.summary.allowed += times,
                    Answer::Refused(_) => {
                        let what = Doing(attempt.deed, &attempt.targets).to_string();
                        let refused = &mut self.summary.refused;
                        match refused.iter_mut().find(|refused| refused.what == what) {
                            Some(known) => known.times += times,
                            None => refused.push(Refused { what, times: *times }),
                        }
                    }
                }
            }
            all.push((name, attempts));
        }
        all
    }

    /// Answers the questions about each trace.
    fn look(&mut self, traces: &[PathBuf], program: &Program) {
        let folder = &self.args.folder;
        for (place, trace) in traces.iter().enumerate().take(1 + OTHERS) {
            let answers = Answers { folder, trace, number: place + 1 };
            let process = answers.process().map(|(process, is_whole)| {
                if !is_whole {
                    let (file, error) = (process.trace.clone(), Some(process.end.clone()));
                    self.summary.steps.push(Step { step: "record", file, what: String::new(), error });
                }
                self.summary.processes.push(process);
            });
            if let Err(error) = &process {
                self.summary.notes.push(format!("{error:#}"));
            }
            let of = if place == 0 { String::new() } else { format!("; of {}", answers::file_name(trace)) };
            let what = |text: &str| format!("{text}{of}");
            let tried = what("what it tried to do outside itself");
            self.step("tried", answers.name("tried", ".jsonl"), tried, |_| answers.tried());
            let tricks = what("the tricks against tracers that it shows");
            self.step("tricks", answers.name("tricks", ".txt"), tricks, |_| answers.tricks());
            let strings = what("the strings that it made");
            self.step("strings", answers.name("strings", ".txt"), strings, |_| answers.strings());
            let compares = what("what it compared, the most relevant first");
            self.step("compares", answers.name("compares", ".txt"), compares, |_| answers.compares());
            let layers = what("the code that ran and that it made");
            if self.step("layers", answers.name("layers", "/"), layers, |_| answers.layers()) == Some(true) {
                self.made("blobs", answers.name("blobs", "/"), what("the strings that it decoded"));
            }
            if place == 0 {
                self.first_lines(&answers);
                self.step("clean", "clean/", "readable code, as .pyc files for a decompiler", |_| {
                    let (path, into) = (&self.args.program, folder.join("clean"));
                    clean::write_files(path, program, &traces[..1], Options::default(), &into).map(drop)
                });
            } else if let Some(process) = self.summary.processes.last_mut().filter(|_| process.is_ok()) {
                process.tricks = first_lines(&answers.named("tricks", ".txt"));
                process.compares = first_lines(&answers.named("compares", ".txt"));
            }
            let report = what("the report: open it in a browser");
            self.step("report", answers.name("report", ".html"), report, |_| answers.report());
        }
        if let Some(more) = traces.len().checked_sub(1 + OTHERS).filter(|more| *more > 0) {
            self.summary.notes.push(format!("other processes that have a trace and no report: {more}"));
        }
    }

    /// Takes what summary.md shows of the answers.
    fn first_lines(&mut self, answers: &Answers) {
        self.summary.tricks = first_lines(&answers.named("tricks", ".txt"));
        self.summary.strings = first_lines(&answers.named("strings", ".txt"));
        self.summary.compares = first_lines(&answers.named("compares", ".txt"));
        let manifest = fs::read(answers.named("layers", "").join("manifest.json")).unwrap_or_default();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
        let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.summary.layers = layers.len() as u64;
        self.summary.made =
            layers.iter().filter(|layer| !layer["made_by"].is_null() || !layer["instruction"].is_null()).count() as u64;
    }

    /// Writes the summary for the last time, and prints it.
    fn finish(mut self, signal: Option<i32>) -> anyhow::Result<u8> {
        let is_ended = signal.is_some_and(|signal| signal != libc::SIGINT);
        self.summary.complete = !is_ended;
        self.save();
        let folder = Printable::path(&self.args.folder).to_string();
        screen::print(self.summary.text(folder.trim_end_matches('/')).as_bytes())?;
        if let Some(error) = self.unsaved {
            return Err(error.context(format!("cannot write the summary into {folder}")));
        }
        Ok(if is_ended || self.summary.failures().next().is_some() { exit::FAILED } else { 0 })
    }
}

fn first_lines(path: &Path) -> Vec<String> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    BufReader::new(file).lines().map_while(Result::ok).take(LINES).collect()
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    report::write(path, bytes).with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", Named::output(path))
}
