//! `bctrace opmap`: finds out which opcodes the numbers in a program stand for.  Also reads the file of `--opmap`, and says what is not
//! in it.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};

mod trial;

use super::args::OpmapArgs;
use super::message;
use super::program::{self, Program, open};
use super::screen::{self, CANNOT_WRITE};
use crate::bytecode::code::nested;
use crate::bytecode::escape::Printable;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opmap::align::{Known, Votes};
use crate::bytecode::opmap::infer::{self, Guess, infer};
use crate::bytecode::opmap::model::{Counts, Model};
use crate::bytecode::opmap::{OpMap, Reading, Sizes, Tables};
use crate::bytecode::{Object, Pyc, marshal, opcode};
use crate::format;
use crate::trace::event::{End, Unmapped};
use crate::vm::library;

/// Bytes of a map's file at most.
const LONGEST: u64 = 1 << 20;
/// Files that folders given as LIB are searched for at most.
const MOST_FILES: usize = 20_000;
/// Below it an entry of the map is in doubt.
const SURE: f32 = 0.9;

/// Runs the command.
pub fn run(args: &OpmapArgs) -> anyhow::Result<u8> {
    let program = program::read_code(&args.program, program::Reading::from(&args.file).forced_if(true))?;
    if !args.quiet {
        program.report_guesses(&args.program);
    }
    let codes = codes_of(&program);
    let votes = align(&codes, &args.known)?;
    let exact = votes.map();
    let mut guesses = infer(&model(), &codes.iter().collect::<Vec<_>>(), &exact);
    if args.try_doubtful {
        let tried = trial::run(args, &exact, &mut guesses)?;
        if !args.quiet {
            message::warn(tried);
        }
    }
    if !args.quiet {
        let mut stderr = io::stderr().lock();
        // A standard error that is closed is no reason to fail.
        table(&guesses, &votes).iter().for_each(|row| drop(writeln!(stderr, "{row}")));
    }
    let others = exact.pairs().filter(|(number, _)| guesses.iter().all(|guess| guess.number != *number));
    let map = OpMap::of(infer::map(&guesses).pairs().chain(others)).to_json();
    match &args.output {
        None => screen::stdout().write_all(map.as_bytes()).context(CANNOT_WRITE)?,
        Some(path) => write(path, &map).with_context(|| format!("cannot write {}", Printable::path(path)))?,
    }
    Ok(0)
}

/// Writes a map; replaces no file but a map.
fn write(path: &Path, map: &str) -> anyhow::Result<()> {
    let is_other = |there: Metadata| match open::plain(path, LONGEST, "a map") {
        Ok(text) => !text.is_empty() && OpMap::from_json(&text).is_err(),
        Err(_) => there.len() > LONGEST,
    };
    if fs::metadata(path).is_ok_and(|there| there.is_file() && is_other(there)) {
        return Err(anyhow!("it exists and is no map"));
    }
    fs::write(path, map).map_err(|error| anyhow!(format::why(path, &error)))
}

/// How code of the standard library looks.
fn model() -> Model {
    let mut counts = Counts::default();
    library::modules().filter_map(|module| code_of(&module)).for_each(|module| counts.add(&module));
    counts.model()
}

fn code_of(marshalled: &[u8]) -> Option<MarshalledCode> {
    match marshal::read(marshalled) {
        Ok((Object::Code(code), _)) => Some(*code),
        _ => None,
    }
}

/// The code of a file's scripts and modules.
fn codes_of(program: &Program) -> Vec<MarshalledCode> {
    program.contents.codes().filter_map(|(_, code)| code.read()).collect()
}

/// Compares the modules that were named, and those of the program's own file, with those that are known.
fn align(codes: &[MarshalledCode], named: &[PathBuf]) -> anyhow::Result<Votes> {
    let mut votes = Votes::default();
    if named.is_empty() && codes.len() < 2 {
        return Ok(votes);
    }
    let (mut known, mut modules) = (Known::default(), Vec::new());
    for path in named {
        for module in read_modules(path).with_context(|| format!("cannot read {}", Printable::path(path)))? {
            if is_plain(&module) { known.add(&module) } else { modules.push(module) }
        }
    }
    library::modules().filter_map(|module| code_of(&module)).for_each(|module| known.add(&module));
    modules.iter().chain(codes).for_each(|module| votes.add(module, &known));
    if votes.aligned == 0 && !named.is_empty() {
        message::warn(
            "none of the modules has a function that the standard library of Python 2.7.18 has too; the map is inferred",
        );
    }
    Ok(votes)
}

/// The code in a file, or in the .pyc files of a folder; what is none is passed over there.
fn read_modules(path: &Path) -> anyhow::Result<Vec<MarshalledCode>> {
    if !path.is_dir() {
        return Ok(codes_of(&program::read_code(path, program::Reading::forced())?));
    }
    let (mut folders, mut files) = (vec![path.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| anyhow!(format::why(&folder, &error)))?;
        for entry in entries.flatten() {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let is_module = path.extension().is_some_and(|suffix| suffix == "pyc" || suffix == "pyo");
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_module && files.len() < MOST_FILES {
                files.push(path);
            }
        }
    }
    files.sort();
    let modules: Vec<_> =
        files.iter().filter_map(|path| Pyc::read(&open::whole(path).ok()?).ok()).map(|pyc| pyc.code).collect();
    if modules.is_empty() {
        return Err(anyhow!("no .pyc file of Python 2.7 is in it"));
    }
    Ok(modules)
}

/// Whether all code of a module reads as that of plain 2.7.
fn is_plain(module: &MarshalledCode) -> bool {
    let plain = OpMap::plain();
    let read = |code: &MarshalledCode| Reading::of(&plain, Sizes::ByNumber, &code.bytes, &Tables::of(code));
    nested(module).all(|(code, _)| read(code).is_sound())
}

/// The table for people: what is least sure comes last.
fn table(guesses: &[Guess], votes: &Votes) -> Vec<String> {
    let name = |opcode: u8| opcode::name(opcode).unwrap_or("?");
    let mut rows: Vec<(f32, String)> = guesses
        .iter()
        .map(|guess| {
            let &Guess { number, opcode, count, .. } = guess;
            let (confidence, rest) = match (votes.best(number), guess.others.first()) {
                (Some((_, share)), _) => (share, format!("known from {} instructions", votes.count(number))),
                (None, Some(other)) if guess.confidence < SURE => (guess.confidence, format!("or {}", name(*other))),
                (None, _) => (guess.confidence, String::new()),
            };
            let row = format!("{number:>6}  {:<22}{:>6.1} %{count:>8}  {rest}", name(opcode), 100.0 * confidence);
            (confidence, row.trim_end().to_owned())
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let doubtful = rows.iter().filter(|(confidence, _)| *confidence < SURE).count();
    let head = format!("{:>6}  {:<22}{:>8}{:>8}", "NUMBER", "OPCODE", "SURE", "COUNT");
    let sum = format!("{} opcodes, {doubtful} in doubt", rows.len());
    [head].into_iter().chain(rows.into_iter().map(|(_, row)| row)).chain([sum]).collect()
}

/// Reads the map that an option names, if there is one.
pub fn read(path: Option<&Path>) -> anyhow::Result<Option<Arc<OpMap>>> {
    let Some(path) = path else { return Ok(None) };
    let cannot = || format!("cannot read the map {}", Printable::path(path));
    let read = || -> anyhow::Result<OpMap> { Ok(OpMap::from_json(&open::plain(path, LONGEST, "a map")?)?) };
    read().with_context(cannot).map(|map| Some(Arc::new(map)))
}

/// Says what is known of the place where a program came to an opcode that its map does not name, or that has no room for its operand.
pub fn described(unmapped: &Unmapped, end: &End, map: Option<&OpMap>) -> Vec<String> {
    let number = unmapped.number;
    let place = end
        .place
        .as_ref()
        .map_or(String::new(), |(name, offset, _)| format!(" in {} at {offset}", Printable::name(name)));
    let mut entries: Vec<String> = unmapped.stack.iter().rev().map(|text| Printable::text(text).to_string()).collect();
    if unmapped.below > 0 {
        entries.push(format!("{} more", unmapped.below));
    }
    let stack = if entries.is_empty() { "empty".into() } else { format!("{} (top first)", entries.join(", ")) };
    let stack = format!("the value stack: {stack}");
    if let Some(name) = map.and_then(|map| map.get(number)).and_then(opcode::name) {
        let why = format!(
            "opcode {number}, which is executed{place}, stands for {name} in the map; that needs an operand, and has one byte here"
        );
        return vec![why, stack];
    }
    let names: Vec<String> = unmapped.candidates.iter().map(|name| Printable::text(name).to_string()).collect();
    let candidates = if names.is_empty() { "no opcode fits".into() } else { format!("it can be {}", names.join(", ")) };
    vec![format!("the map does not name opcode {number}, which is executed{place}"), stack, candidates]
}

#[cfg(test)]
mod tests;
