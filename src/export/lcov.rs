//! Coverage in lcov's format over a listing: a line of the listing is an instruction, its count is how many times that was executed, and
//! its branches are the two ways on from a conditional jump.

mod listing;

use std::collections::BTreeMap;
use std::io::Write;

use super::target::Target;
use super::{ExportError, Exported, Plan};
use crate::bytecode::CodeObject;
use crate::bytecode::decode::Unit;
use crate::bytecode::disassemble::target;
use crate::bytecode::opcode::is_conditional;
use crate::progress::{Done, Progress};
use crate::read::edges::{self, Edges, Executed};
use crate::read::{Flaw, Reader};
use crate::trace::SinkError;
use listing::Listing;

/// What was executed of a listing.
struct Coverage {
    listing: Listing,
    /// Of each line that is an instruction, how many times it was executed.
    lines: BTreeMap<u32, u64>,
    /// Of each line that is a conditional jump, how many times control went on with the next instruction, and how many times it jumped.
    branches: BTreeMap<u32, [u64; 2]>,
    /// Of each code object, how many frames began with it.
    entered: Vec<u64>,
    /// Instructions that have a line.
    listed: u64,
}

/// Writes the coverage of a plan's listing; each flaw goes to `report`.
pub fn export(plan: &Plan, report: &mut dyn FnMut(Flaw)) -> Result<Exported, ExportError> {
    let listing = plan.listing.as_deref().unwrap_or(std::path::Path::new("-"));
    let listing = Listing::read(listing).map_err(ExportError::Refused)?;
    let reader = Reader::open(&plan.trace)?;
    let failed = |error: SinkError| ExportError::write(&plan.output, error);
    let mut target = Target::create(&plan.output).map_err(|error| failed(error.into()))?;
    let mut progress = Progress::new(plan.progress);
    let total = reader.index().map(|index| index.instructions());
    let mut watch = |instructions| progress.show(|| Done { instructions, total, written: None });
    let mut flaws = 0;
    let mut counted = |flaw| {
        flaws += 1;
        report(flaw);
    };
    let wants = |code: &CodeObject| listing.find(code).is_some();
    let edges = edges::read_watched(reader, &wants, &mut counted, &mut watch)?;
    let coverage = Coverage::of(listing, &edges);
    coverage.write(&mut target).map_err(|error| failed(error.into()))?;
    target.commit().map_err(|error| failed(error.into()))?;
    let elsewhere = edges.instructions.saturating_sub(coverage.listed);
    let left_out = (elsewhere > 0).then(|| format!("instructions that are not in the listing: {elsewhere}"));
    Ok(Exported { left_out, ..Exported::of_flaws(flaws) })
}

impl Coverage {
    fn of(listing: Listing, edges: &Edges) -> Coverage {
        let codes = &listing.codes;
        let mut coverage = Coverage {
            lines: codes.iter().flat_map(|code| code.rows.values().map(|line| (*line, 0))).collect(),
            branches: codes.iter().flat_map(|code| code.conditionals.iter().map(|line| (*line, [0; 2]))).collect(),
            entered: vec![0; codes.len()],
            listed: 0,
            listing,
        };
        for executed in &edges.codes {
            // Other bytes of a code object stand in its place.
            let place = coverage.listing.find(&executed.code);
            let place = place.or_else(|| coverage.listing.find(&edges.codes[executed.first].code));
            if let Some(place) = place {
                coverage.add(place, executed);
            }
        }
        coverage
    }

    fn add(&mut self, place: usize, executed: &Executed) {
        self.entered[place] += executed.entered;
        let rows = &self.listing.codes[place].rows;
        let bytes = &executed.code.bytes;
        for (&start, &count) in &executed.units {
            let Some(unit) = Unit::decode(bytes, start) else { continue };
            for instruction in unit.instructions(bytes) {
                let line = rows.get(&(instruction.offset as u32));
                if let Some(sum) = line.and_then(|line| self.lines.get_mut(line)) {
                    *sum += count;
                    self.listed += count;
                }
            }
            let line = rows.get(&(unit.last.offset as u32)).filter(|_| is_conditional(unit.last.opcode));
            if let Some([went_on, jumped]) = line.and_then(|line| self.branches.get_mut(line)) {
                let to = target(&unit.last).map(i64::from);
                for (next, times) in executed.leaving(start) {
                    if next == unit.end {
                        *went_on += times;
                    } else if Some(i64::from(next)) == to {
                        *jumped += times;
                    }
                }
            }
        }
    }

    fn write(&self, out: &mut Target) -> std::io::Result<()> {
        writeln!(out, "TN:\nSF:{}", self.listing.path)?;
        let codes = self.listing.codes.iter();
        for code in codes.clone() {
            writeln!(out, "FN:{},{}", code.heading, code.shown)?;
        }
        for (code, entered) in codes.zip(&self.entered) {
            writeln!(out, "FNDA:{entered},{}", code.shown)?;
        }
        writeln!(out, "FNF:{}\nFNH:{}", self.entered.len(), above_zero(self.entered.iter()))?;
        for (line, sides) in &self.branches {
            let has_run = self.lines.get(line).is_some_and(|count| *count > 0);
            for (number, times) in sides.iter().enumerate() {
                match has_run {
                    true => writeln!(out, "BRDA:{line},0,{number},{times}")?,
                    false => writeln!(out, "BRDA:{line},0,{number},-")?,
                }
            }
        }
        writeln!(out, "BRF:{}\nBRH:{}", 2 * self.branches.len(), above_zero(self.branches.values().flatten()))?;
        for (line, count) in &self.lines {
            writeln!(out, "DA:{line},{count}")?;
        }
        writeln!(out, "LF:{}\nLH:{}\nend_of_record", self.lines.len(), above_zero(self.lines.values()))
    }
}

fn above_zero<'a>(counts: impl Iterator<Item = &'a u64>) -> usize {
    counts.filter(|count| **count > 0).count()
}
