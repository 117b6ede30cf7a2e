//! Proves clean files: runs them and the original with the recorded inputs, and compares what they did.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::recorded::Recorded;
use super::repeat::{Place, Ran};
use crate::bytecode::Unit;
use crate::bytecode::escape::Printable;
use crate::bytecode::object::MarshalledCode;
use crate::clean::behaviour::{Folds, Meant};
use crate::clean::compare::{self, Compared, Difference, Pair};
use crate::clean::rename::Renamed;
use crate::clean::{CodeReport, Evidence};
use crate::format::{Named, json};

/// After this time no further run is begun.
const MOST_TIME: Duration = Duration::from_secs(900);

/// A clean file that is to be proven.
pub struct Candidate<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    pub path: PathBuf,
    pub original: &'a MarshalledCode,
    pub clean: &'a MarshalledCode,
    pub report: &'a [CodeReport],
    pub renamed: &'a [Renamed],
    /// It is the program itself, and not code that the program made while it ran.
    pub is_main: bool,
    /// Why it cannot be run, if it cannot.
    pub obstacle: Option<&'static str>,
}

/// What was proven, and what was not.
#[derive(Debug, Default)]
pub struct Proof {
    pub runs: Vec<RunProof>,
    pub files: Vec<FileProof>,
}

/// A recorded run.
#[derive(Debug)]
pub struct RunProof {
    pub trace: PathBuf,
    /// Why it was not repeated, if it was not.
    pub obstacle: Option<String>,
    /// What was different from the recording.
    pub notes: Vec<String>,
}

/// A clean file.
#[derive(Debug)]
pub struct FileProof {
    pub name: String,
    pub verdict: Verdict,
    pub codes: Vec<CodeProof>,
}

/// A code object.
#[derive(Debug)]
pub struct CodeProof {
    pub name: Vec<u8>,
    /// The name for people.
    pub shown: String,
    pub first_line: i32,
    pub verdict: Verdict,
    /// Calls, imports and exceptions that were compared.
    pub compared: u64,
    /// Sides of conditional jumps of the clean code that never ran, and all sides.
    pub never_ran: u32,
    pub sides: u32,
    /// Sides of the original that never ran, are not in the clean code, and may have a meaning.
    pub left_out: usize,
}

/// What is known of a file or code object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was done to it, so there is nothing to prove.
    Unchanged,
    /// It did the same as the original in all runs.
    Equal,
    NeverRan,
    /// It ran only for calls in whose place there is what they return.
    Folded,
    Unequal(String),
    NotCompared(String),
}

impl Verdict {
    pub fn is_proven(&self) -> bool {
        matches!(self, Verdict::Unchanged | Verdict::Equal | Verdict::Folded)
    }

    /// The one word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Unchanged => "unchanged",
            Verdict::Equal => "equal",
            Verdict::NeverRan => "never ran",
            Verdict::Folded => "folded",
            Verdict::Unequal(_) => "NOT EQUAL",
            Verdict::NotCompared(_) => "not compared",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Unequal(reason) | Verdict::NotCompared(reason) => Some(reason),
            Verdict::Unchanged | Verdict::Equal | Verdict::NeverRan | Verdict::Folded => None,
        }
    }
}

impl Proof {
    /// Whether each code object of each file is proven.
    pub fn is_complete(&self) -> bool {
        self.files.iter().all(|file| file.verdict.is_proven() && file.codes.iter().all(|code| code.verdict.is_proven()))
    }
}

/// Proves files by recorded runs of the program at `program`, whose .pyc is `bytes`.
pub fn prove(program: &Path, bytes: &[u8], recorded: &[Recorded], candidates: &[Candidate]) -> anyhow::Result<Proof> {
    let mut trials: Vec<Trial> = candidates.iter().map(Trial::new).collect();
    let place = Place::new()?;
    let original = place.path("original.pyc");
    fs::write(&original, bytes).context("cannot write a copy of the program")?;
    let (mut runs, begun) = (Vec::new(), Instant::now());
    let (meant, nothing) = (meant(&trials), Meant::default());
    for run in recorded {
        let mut proof = RunProof { trace: run.trace.clone(), obstacle: run.obstacle.clone(), notes: run.notes.clone() };
        if proof.obstacle.is_none() {
            let done = place.run(&original, program, run, &meant)?;
            if run.end.is_some() && done.behaviour.end != run.end {
                proof.notes.push("the original ended differently when it ran again".into());
            }
            for trial in trials.iter_mut().filter(|trial| trial.can_run()) {
                if begun.elapsed() > MOST_TIME {
                    trial.doubt = Some("the runs before it took too long".into());
                    continue;
                }
                trial.add(&done, &place.run(&trial.candidate.path, program, run, &nothing)?)?;
            }
        }
        runs.push(proof);
    }
    place.remove().context("cannot remove the files of the runs that were compared")?;
    let obstacle = runs.iter().find_map(|run| run.obstacle.clone());
    Ok(Proof { files: trials.into_iter().map(|trial| trial.finish(obstacle.as_deref())).collect(), runs })
}

/// What was folded and renamed in all files.
fn meant(trials: &[Trial]) -> Meant {
    let mut folds = Folds::new();
    let renamed = trials.iter().flat_map(|trial| trial.candidate.renamed).filter(|one| one.function.is_none());
    let mut renames: HashMap<Vec<u8>, Vec<u8>> = renamed.map(|one| (one.before.to_vec(), one.after.to_vec())).collect();
    let pairs = trials.iter().flat_map(|trial| &trial.pairs).filter(|pair| pair.name != pair.clean_name);
    renames.extend(pairs.map(|pair| (pair.name.to_vec(), pair.clean_name.to_vec())));
    for (pair, one) in trials.iter().flat_map(|trial| trial.pairs.iter().zip(trial.candidate.report)) {
        // A run counts an instruction from its last prefix on.
        let last = |&at: &u32| Unit::decode(&pair.before, at).map(|unit| unit.last.offset.cast_unsigned());
        let offsets: BTreeSet<u32> = one.folded.iter().filter_map(last).collect();
        if !offsets.is_empty() {
            folds.entry(pair.before.clone()).or_default().extend(offsets);
        }
    }
    Meant { folds, renames }
}

/// A file while it is tried.
struct Trial<'a> {
    candidate: &'a Candidate<'a>,
    pairs: Vec<Pair>,
    codes: Vec<Compared>,
    evidence: Evidence,
    runs: u32,
    unequal: Option<String>,
    doubt: Option<String>,
    has_threads: bool,
}

impl<'a> Trial<'a> {
    fn new(candidate: &'a Candidate) -> Trial<'a> {
        let pairs = compare::pairs(candidate.original, candidate.clean);
        let codes = vec![Compared::default(); pairs.len()];
        Trial {
            candidate,
            pairs,
            codes,
            evidence: Evidence::default(),
            runs: 0,
            unequal: None,
            doubt: None,
            has_threads: false,
        }
    }

    /// Whether a run can say anything of it.
    fn is_open(&self) -> bool {
        self.pairs.iter().any(|pair| !pair.is_unchanged)
    }

    fn can_run(&self) -> bool {
        self.is_open() && self.candidate.obstacle.is_none()
    }

    /// Compares a run of the original with one of the clean file.
    fn add(&mut self, original: &Ran, clean: &Ran) -> anyhow::Result<()> {
        self.runs += 1;
        self.has_threads |= original.behaviour.has_threads();
        clean.add_to(&mut self.evidence)?;
        let is_cut = original.is_cut || clean.is_cut;
        if self.unequal.is_none() {
            self.unequal = if is_cut { None } else { difference(original, clean) };
        }
        if is_cut {
            self.doubt
                .get_or_insert_with(|| "it was stopped before its end, so only its beginning was compared".into());
        }
        for (found, behaviour) in [("original", &original.behaviour), ("clean file", &clean.behaviour)] {
            if behaviour.left_out > 0 || behaviour.without_values > 0 || !behaviour.flaws.is_empty() {
                self.doubt.get_or_insert_with(|| format!("not all calls of the {found} could be recorded"));
            }
        }
        let compared = compare::compare(&original.behaviour, &clean.behaviour, &self.pairs);
        for (total, compared) in self.codes.iter_mut().zip(compared) {
            total.ran |= compared.ran;
            total.ran_folded |= compared.ran_folded;
            total.acts += compared.acts;
            let is_end = |difference: &Difference| difference.original.is_none() || difference.clean.is_none();
            if total.difference.is_none() {
                total.difference = compared.difference.filter(|difference| !(is_cut && is_end(difference)));
            }
        }
        Ok(())
    }

    fn finish(self, obstacle: Option<&str>) -> FileProof {
        let whole = self.verdict(obstacle);
        let codes = self.pairs.iter().zip(&self.codes).zip(self.candidate.report);
        let codes = codes.map(|((pair, compared), one)| self.code(pair, compared, one, &whole)).collect();
        FileProof { name: self.candidate.name.to_owned(), verdict: whole, codes }
    }

    fn verdict(&self, obstacle: Option<&str>) -> Verdict {
        if !self.is_open() {
            return Verdict::Unchanged;
        }
        let differs = self.codes.iter().any(|code| code.difference.is_some());
        match &self.unequal {
            // Code that the program made needs what was there when it was made.
            Some(_) if !self.candidate.is_main => {
                Verdict::NotCompared("it does something else when it runs without the code around it".into())
            }
            Some(reason) => Verdict::Unequal(reason.clone()),
            None if self.runs == 0 => {
                let why = self.candidate.obstacle.or(obstacle).or(self.doubt.as_deref());
                Verdict::NotCompared(why.unwrap_or("there is no trace to repeat").to_owned())
            }
            None if differs && self.has_threads => Verdict::NotCompared(
                "its output and end are equal, but its threads took other turns: they go by executed instructions, of which clean \
                 code has fewer"
                    .into(),
            ),
            None if differs => Verdict::Unequal("its code objects made other calls".into()),
            None => match self.doubt.as_deref().or(obstacle) {
                Some(doubt) => Verdict::NotCompared(doubt.to_owned()),
                None => Verdict::Equal,
            },
        }
    }

    fn code(&self, pair: &Pair, compared: &Compared, one: &CodeReport, whole: &Verdict) -> CodeProof {
        let after = pair.after.as_deref().unwrap_or_default();
        let (never_ran, sides) = compare::branches(after, self.evidence.of(after));
        let verdict = match (&compared.difference, whole) {
            _ if pair.is_unchanged => Verdict::Unchanged,
            (_, Verdict::NotCompared(reason)) => Verdict::NotCompared(reason.clone()),
            (Some(difference), _) => Verdict::Unequal(spelled(difference)),
            (None, _) if !compared.ran && compared.ran_folded => Verdict::Folded,
            (None, _) if !compared.ran => Verdict::NeverRan,
            // A local difference is not known, but the output or the end is another one.
            (None, Verdict::Unequal(_)) if self.codes.iter().all(|code| code.difference.is_none()) => {
                Verdict::NotCompared("the file is not equal, and it is not known where".into())
            }
            (None, _) => Verdict::Equal,
        };
        CodeProof {
            name: pair.name.to_vec(),
            shown: one.shown_name(),
            first_line: pair.first_line,
            verdict,
            compared: compared.acts,
            never_ran,
            sides,
            left_out: one.changes.iter().filter(|change| change.is_guess).count(),
        }
    }
}

/// Says how two whole runs differ, if they do.
fn difference(original: &Ran, clean: &Ran) -> Option<String> {
    if original.status != clean.status {
        return Some(format!("it ends with status {}, and the original with {}", clean.status, original.status));
    }
    if original.exception != clean.exception {
        return Some(format!(
            "it ends with {}, and the original with {}",
            shown(&clean.exception),
            shown(&original.exception)
        ));
    }
    if original.output != clean.output {
        let same = original.output.iter().zip(&clean.output).take_while(|(one, other)| one == other).count();
        return Some(format!("its output differs from byte {same} on"));
    }
    None
}

fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() { "no exception".into() } else { Printable::text(bytes).to_string() }
}

fn spelled(difference: &Difference) -> String {
    let act = |act: &Option<(u32, Box<[u8]>)>| match act {
        Some((offset, name)) => format!("{} at offset {offset}", Printable::text(name)),
        None => "nothing more".into(),
    };
    match (&difference.clean, &difference.original) {
        (Some((offset, name)), Some((other, same))) if name == same => {
            let what = if name.starts_with(b"raise ") { "another message" } else { "other arguments" };
            let name = Printable::text(name);
            format!("it did {name} at offset {offset}, and the original did so at offset {other} with {what}")
        }
        (clean, original) => format!("it did {}, and the original {}", act(clean), act(original)),
    }
}

impl Proof {
    /// The lines that say what was proven.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for run in &self.runs {
            let trace = Named::input(&run.trace);
            match &run.obstacle {
                Some(obstacle) => out += &format!("{trace}: cannot be repeated: {obstacle}\n"),
                None => out += &format!("{trace}: repeated\n"),
            }
            run.notes.iter().for_each(|note| out += &format!("  {note}\n"));
        }
        let is_compared = self.runs.iter().any(|run| run.obstacle.is_none());
        for file in &self.files {
            out += &format!("{}: {}\n", file.name, described(&file.verdict));
            for code in &file.codes {
                out += &format!("  {} (line {}): {}", code.shown, code.first_line, described(&code.verdict));
                if matches!(code.verdict, Verdict::Equal) {
                    out += &format!(", {} acts compared", code.compared);
                }
                if code.never_ran > 0
                    && is_compared
                    && !matches!(code.verdict, Verdict::NeverRan | Verdict::Folded | Verdict::Unchanged)
                {
                    out += &format!("; {} of {} sides of branches never ran", code.never_ran, code.sides);
                }
                if code.left_out > 0 {
                    out += &format!("; {} more that never ran left out", code.left_out);
                }
                out.push('\n');
            }
        }
        out
    }

    /// All of it as one JSON object.
    pub fn json(&self) -> Vec<u8> {
        let mut all = b"{\"proof\":1".to_vec();
        let out = &mut all;
        json::push_member(out, "complete", self.is_complete());
        out.extend_from_slice(b",\"runs\":[");
        push_all(out, &self.runs, |out, run| {
            push_first(out, "trace", run.trace.as_os_str().as_encoded_bytes());
            match &run.obstacle {
                Some(obstacle) => json::push_text_member(out, "obstacle", obstacle.as_bytes()),
                None => json::push_member(out, "obstacle", "null"),
            }
            let notes: Vec<Vec<u8>> = run.notes.iter().map(|note| note.clone().into_bytes()).collect();
            json::push_list_member(out, "notes", &notes);
        });
        out.extend_from_slice(b"],\"files\":[");
        push_all(out, &self.files, |out, file| {
            push_first(out, "file", file.name.as_bytes());
            push_verdict(out, &file.verdict);
            out.extend_from_slice(b",\"codes\":[");
            push_all(out, &file.codes, |out, code| {
                push_first(out, "name", &code.name);
                json::push_member(out, "first_line", code.first_line);
                push_verdict(out, &code.verdict);
                json::push_member(out, "compared", code.compared);
                json::push_member(out, "never_ran", code.never_ran);
                json::push_member(out, "sides", code.sides);
                json::push_member(out, "left_out", code.left_out);
            });
            out.push(b']');
        });
        out.extend_from_slice(b"]}\n");
        all
    }
}

fn described(verdict: &Verdict) -> String {
    match verdict.reason() {
        Some(reason) => format!("{}: {reason}", verdict.name()),
        None => verdict.name().to_owned(),
    }
}

fn push_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    json::push_text_member(out, "verdict", verdict.name().to_lowercase().as_bytes());
    match verdict.reason() {
        Some(reason) => json::push_text_member(out, "reason", reason.as_bytes()),
        None => json::push_member(out, "reason", "null"),
    }
}

/// Appends the first member of an object.
fn push_first(out: &mut Vec<u8>, key: &str, bytes: &[u8]) {
    out.extend_from_slice(format!("\"{key}\":").as_bytes());
    json::push_string(out, bytes);
}

fn push_all<T>(out: &mut Vec<u8>, all: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    for (index, one) in all.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        push(out, one);
        out.push(b'}');
    }
}
