//! Readable code out of obfuscated code: what a code object can do is worked out by an exact model of the VM's stacks, and laid out as
//! CPython's own compiler would.  Takes and returns plain data; knows no file and no VM.

pub mod behaviour;
mod classes;
pub mod compare;
pub mod evidence;
mod flow;
mod folding;
mod globals;
mod integer;
mod junk;
mod lacks;
mod lay;
mod lines;
mod machine;
mod narrow;
pub mod observed;
mod order;
mod prepare;
mod pure;
mod reach;
mod rebuild;
pub mod rename;
pub mod report;
mod same;
mod signs;
mod simplify;
mod threads;
mod tracked;
mod truths;
mod uses;
mod value;

pub use evidence::Evidence;
pub use report::{Change, CodeReport, Outcome};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter;

use sha2::{Digest, Sha256};

use crate::bytecode::code::nested;
use crate::bytecode::object::{MarshalledCode, Object};
use globals::Globals;
use reach::Reach;
use rebuild::Program;

/// What is done with the side of a condition that never ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Untaken {
    /// It is kept unless it leads to something that no compiler produces.
    #[default]
    Plausible,
    Keep,
    /// Only what ran is kept.
    Cut,
}

/// How code is cleaned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub untaken: Untaken,
    /// Names without meaning are replaced in the whole program, and not only those of locals.
    pub rename: bool,
    /// Calls that always make the same of constants are replaced, whatever they are for.
    pub fold_constants: bool,
}

/// A cleaned tree of code objects.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    pub code: MarshalledCode,
    /// One for each code object, an outer one before those among its constants.
    pub report: Vec<CodeReport>,
    pub renamed: Vec<rename::Renamed>,
}

/// Code objects nested in each other that are looked into.
const DEPTH: usize = 64;

/// Cleans a code object and those among its constants, and renames what has names without meaning.
pub fn rebuild(code: &MarshalledCode, evidence: &Evidence, options: &Options) -> Rebuilt {
    let mut made = restructured(code, evidence, options);
    // The report has readable names even if the file keeps those that it has.
    let mut readable = Vec::new();
    add_names(&rename::rename(&made.code, true).0, 0, &mut readable);
    for (one, name) in made.report.iter_mut().zip(readable) {
        one.readable = name;
    }
    (made.code, made.renamed) = rename::rename(&made.code, options.rename);
    made
}

/// The names of a code object and of those among its constants, in the order of the report.
fn add_names(code: &MarshalledCode, depth: usize, names: &mut Vec<Vec<u8>>) {
    names.push(code.name.to_vec());
    for constant in code.constants.iter().filter(|_| depth < DEPTH) {
        if let Object::Code(code) = constant {
            add_names(code, depth + 1, names);
        }
    }
}

fn restructured(code: &MarshalledCode, evidence: &Evidence, options: &Options) -> Rebuilt {
    let (texts, stores_by_texts) = (reach::texts(code), reach::stores_by_texts(code));
    let storable = if stores_by_texts { texts.clone() } else { BTreeSet::new() };
    let mut mentions = BTreeMap::new();
    let mut all = Reach::default();
    for (code, _) in nested(code) {
        all.add(&Reach::of_bytes(code));
        for name in &code.names {
            *mentions.entry(name.to_vec()).or_default() += 1;
        }
    }
    let globals = Globals::new();
    let stored = stored(code, &all, &storable);
    let mut program = Program {
        options,
        stored: &stored,
        globals: &globals,
        observed: &evidence.observed,
        mentions: &mentions,
        texts: &texts,
        stores_by_texts,
        shows_locals: reach::shows_locals(code),
        is_looked_up: all.imports_all || reach::looks_up_globals(code),
        replaces_code: reach::replaces_code(code),
        keeps_exceptions: reach::asks_for_exceptions(code),
        runs_prefixes: evidence.codes.iter().any(|(bytes, executed)| machine::runs_prefixes(bytes, executed)),
        is_suspicious: false,
    };
    let mut codes = Vec::new();
    add_codes(code, 0, &mut codes);
    let mut made = each(&codes, evidence, &program, Vec::new());
    if made.iter().any(|one| one.has_sign) {
        // Where some code was made by something else than a compiler, the rest may only look as if it was not.
        let before = program;
        program.is_suspicious = true;
        // Bytes that nothing leads to can look like stores.
        let all = reached(code, &codes, &made);
        let fewer = self::stored(code, &all, &storable);
        program.stored = &fewer;
        program.is_looked_up |= all.executes || all.imports_all;
        program.keeps_exceptions |= all.raises_again;
        let is_same =
            (program.is_looked_up, program.keeps_exceptions) == (before.is_looked_up, before.keeps_exceptions);
        let matters = |name: &[u8]| stored.contains(name) != fewer.contains(name);
        let is_kept = |code: &MarshalledCode| is_same && !code.names.iter().any(|name| matters(name));
        let done = made.into_iter().zip(&codes);
        let before = done.map(|(done, code)| Some(done).filter(|done| done.is_settled() && is_kept(code))).collect();
        made = each(&codes, evidence, &program, before);
    }
    let mut report = Vec::new();
    let code = put_together(code, evidence, &mut made.into_iter(), 0, &mut report);
    Rebuilt { code, report, renamed: Vec::new() }
}

/// What a program does once something was made of some of its code objects.
fn reached(code: &MarshalledCode, codes: &[&MarshalledCode], made: &[rebuild::Result]) -> Reach {
    let known: HashMap<*const MarshalledCode, &rebuild::Result> =
        codes.iter().map(|code| &raw const **code).zip(made).collect();
    let mut all = Reach::default();
    for (code, _) in nested(code) {
        match known.get(&(&raw const *code)).and_then(|made| made.reach.as_ref()) {
            Some(reach) => all.add(reach),
            None => all.add(&Reach::of_bytes(code)),
        }
    }
    all
}

/// The names that a program may store to.
fn stored(code: &MarshalledCode, all: &Reach, texts: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let mut stored = &all.replaced | texts;
    if all.imports_all {
        // The module can have any name.
        let names = nested(code).flat_map(|(code, _)| &code.names).filter(|name| globals::is_builtin(name));
        stored.extend(names.map(|name| name.to_vec()));
    }
    stored
}

/// Adds a code object and those among its constants, each before those that it holds.
fn add_codes<'a>(code: &'a MarshalledCode, depth: usize, codes: &mut Vec<&'a MarshalledCode>) {
    codes.push(code);
    for constant in code.constants.iter().filter(|_| depth < DEPTH) {
        if let Object::Code(code) = constant {
            add_codes(code, depth + 1, codes);
        }
    }
}

/// Rebuilds a module, which comes first, and the code objects in it, each alone.  What was made of some of them `before` is used again.
fn each(
    codes: &[&MarshalledCode],
    evidence: &Evidence,
    program: &Program<'_>,
    before: Vec<Option<rebuild::Result>>,
) -> Vec<rebuild::Result> {
    let Some((module, inner)) = codes.split_first() else { return Vec::new() };
    let mut globals = Globals::new();
    let of_module = rebuild::rebuild(module, evidence.of(&module.bytes), program, Some(&mut globals));
    let program = &Program { globals: &globals, ..*program };
    let inner: Vec<_> = inner.iter().zip(before.into_iter().skip(1).chain(iter::repeat(None))).collect();
    let of_inner = threads::map(&inner, |(code, before)| match before {
        Some(done) => done.clone(),
        None => rebuild::rebuild(code, evidence.of(&code.bytes), program, None),
    });
    iter::once(of_module).chain(of_inner).collect()
}

/// Puts what was made of a code object and of those among its constants into one, and reports it.  The order of code objects among the
/// constants is what it was.
fn put_together(
    code: &MarshalledCode,
    evidence: &Evidence,
    made: &mut dyn Iterator<Item = rebuild::Result>,
    depth: usize,
    report: &mut Vec<CodeReport>,
) -> MarshalledCode {
    let Some(done) = made.next() else { return code.clone() };
    let mut whole = done.code.unwrap_or_else(|| code.clone());
    report.push(CodeReport {
        original: Sha256::digest(&code.bytes).into(),
        name: code.name.to_vec(),
        readable: code.name.to_vec(),
        depth,
        instructions_before: rebuild::count(&code.bytes),
        instructions_after: rebuild::count(&whole.bytes),
        ran: evidence.of(&code.bytes).is_some(),
        result: done.outcome,
        changes: done.changes,
        assumed: done.assumed,
        folded: done.folded,
    });
    if depth < DEPTH {
        let mut inner = |object: &Object| match object {
            Object::Code(code) => Object::Code(Box::new(put_together(code, evidence, made, depth + 1, report))),
            other => other.clone(),
        };
        let constants: Vec<Object> = whole.constants.iter().map(&mut inner).collect();
        whole.constants = constants.into();
    }
    whole
}

#[cfg(test)]
mod tests;
