//! `bctrace opmap --try`: where a map is in doubt, runs the program with other opcodes in the sandbox, and keeps those with which it gets
//! further.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::SURE;
use crate::bytecode::Unit;
use crate::bytecode::opmap::OpMap;
use crate::bytecode::opmap::infer::{self, Guess};
use crate::cli::args::OpmapArgs;
use crate::cli::message;
use crate::read::{Reader, edges};
use crate::trace::event::EndReason;
use crate::views::info::{self, InfoPlan};

/// Runs at most.
const MOST_RUNS: usize = 60;
/// What each run gets at most.
const BUDGET: [&str; 3] = ["--max-instructions=200k", "--timeout=3s", "--max-size=64M"];

/// How far a run came; a later one is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    /// It ended with status 0.
    is_clean: bool,
    /// Different instructions of the program that were executed without raising an exception.  A loop that does not end has no more.
    places: usize,
}

/// What came of all runs.
pub struct Tried {
    runs: usize,
    changed: usize,
    last: Reached,
}

/// Runs the program with one of the doubtful opcodes exchanged after the other.  Changes the guesses where another one leads further.
pub fn run(args: &OpmapArgs, exact: &OpMap, guesses: &mut [Guess]) -> anyhow::Result<Tried> {
    let folder = tempfile::tempdir().context("cannot make a folder for the traces of the runs")?;
    let mut trial = Trial { args, exact, folder: folder.path(), opcodes: [false; 256] };
    let mut tried = Tried { runs: 1, changed: 0, last: trial.reach(guesses)? };
    let mut order: Vec<usize> = (0..guesses.len()).filter(|&place| guesses[place].confidence < SURE).collect();
    order.sort_by(|&a, &b| guesses[a].confidence.total_cmp(&guesses[b].confidence));
    let mut has_changed = true;
    while has_changed && !tried.last.is_clean {
        has_changed = false;
        for &place in &order {
            // What was not executed makes no difference.
            if !trial.opcodes[usize::from(guesses[place].opcode)] {
                continue;
            }
            for opcode in guesses[place].others.clone() {
                if tried.runs == MOST_RUNS || tried.last.is_clean {
                    return Ok(tried);
                }
                let executed = trial.opcodes;
                let before = exchange(guesses, place, opcode);
                let reached = trial.reach(guesses)?;
                tried.runs += 1;
                if reached > tried.last {
                    (tried.last, has_changed) = (reached, true);
                    tried.changed += 1;
                } else {
                    exchange(guesses, place, before);
                    trial.opcodes = executed;
                }
            }
        }
    }
    Ok(tried)
}

/// Gives the number at a place another opcode, and the number that has that the old one, which is returned.
fn exchange(guesses: &mut [Guess], place: usize, opcode: u8) -> u8 {
    let old = guesses[place].opcode;
    if let Some(other) = guesses.iter_mut().find(|guess| guess.opcode == opcode) {
        other.opcode = old;
    }
    guesses[place].opcode = opcode;
    old
}

struct Trial<'a> {
    args: &'a OpmapArgs,
    /// What is known.
    exact: &'a OpMap,
    folder: &'a Path,
    /// Which opcodes the last run executed.
    opcodes: [bool; 256],
}

impl Trial<'_> {
    /// Runs the program with a map.
    fn reach(&mut self, guesses: &[Guess]) -> anyhow::Result<Reached> {
        let [map, trace] = ["map.json", "trace.bct"].map(|name| self.folder.join(name));
        fs::write(&map, OpMap::of(self.exact.pairs().chain(infer::map(guesses).pairs())).to_json())
            .context("cannot write the map for a run")?;
        // Of a run that does not begin there is no trace.
        let _ = fs::remove_file(&trace);
        self.command(&map, &trace)?.status().context("cannot run bctrace again")?;
        self.opcodes = [false; 256];
        let Ok(info) = info::collect(&InfoPlan { trace: trace.clone(), json: false }) else {
            return Ok(Reached::default());
        };
        let Ok(edges) = edges::read(Reader::open(&trace)?, &|code| !code.is_of_library, &mut |_| ()) else {
            return Ok(Reached::default());
        };
        let mut places = 0;
        for code in &edges.codes {
            for &offset in code.units.keys() {
                places += usize::from(!code.raised.contains_key(&offset));
                if let Some(unit) = Unit::decode(&code.code.bytes, offset) {
                    self.opcodes[usize::from(unit.last.opcode)] = true;
                }
            }
        }
        let is_clean = info.end.is_some_and(|end| end.reason == EndReason::Exited(0));
        Ok(Reached { is_clean, places })
    }

    fn command(&self, map: &Path, trace: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new("/proc/self/exe");
        command.args(BUDGET).args(["--quiet", "--no-stdlib", "--deterministic"]);
        command.arg("--opmap").arg(map).args(self.args.file.intake.entry.map(|entry| format!("--entry={entry}")));
        command.arg(std::path::absolute(&self.args.program)?).arg(trace);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PYTHON")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }
}

impl std::fmt::Display for Tried {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = if self.last.is_clean { "ended with status 0" } else { "did not end with status 0" };
        let runs = message::counted(self.runs as u64, "run");
        let changed = message::counted(self.changed as u64, "opcode");
        let places = message::counted(self.last.places as u64, "different instruction");
        write!(out, "{runs} of the program exchanged {changed}; with this map it executed {places} and {end}")
    }
}
