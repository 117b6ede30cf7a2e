//! The listing for people and for `bctrace asm`.  What begins with `#` is for people only; docs/formats.md describes the rest.

use std::io::Write;
use std::sync::Arc;

use super::counts::{self, Counts};
use super::{DisPlan, Listed, Program};
use crate::bytecode::assemble::flags;
use crate::bytecode::decode::Instruction;
use crate::bytecode::disassemble::{Note, Row, target};
use crate::bytecode::escape::Printable;
use crate::bytecode::literal;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, COMPARE_NAMES, OperandKind};

/// Characters of a constant that an instruction shows; the table has all of it.
const SHOWN: usize = 60;

/// The number of a code object that is a constant.
type NumberOf<'n> = &'n dyn Fn(&MarshalledCode) -> usize;

macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        write!($out, $($text)*).expect("writing to memory does not fail")
    };
}

/// Appends what stands before the code objects.
pub(super) fn push_head(out: &mut Vec<u8>, program: &Program<'_>, codes: usize, plan: &DisPlan<'_>) {
    let plural = if codes == 1 { "" } else { "s" };
    put!(out, "# {}: {codes} code object{plural} of Python 2.7\n", program.file);
    if let Some(start) = plan.edges.and_then(|edges| edges.start.as_ref()) {
        let arguments: Vec<String> = start.argv.iter().map(|one| Printable::text(one).to_string()).collect();
        put!(out, "# with what ran of it: {}\n", arguments.join(" "));
    }
    if let Some(skipped) = plan.edges.map(|edges| edges.skipped).filter(|&skipped| skipped > 0) {
        put!(out, "# the recording left out {skipped} instructions, which are not counted\n");
    }
    put!(out, "listing 1\n");
    if let Some(time) = program.time {
        put!(out, "time {time}\n");
    }
}

/// Appends a code object.
pub(super) fn push_code(
    out: &mut Vec<u8>,
    program: &Program<'_>,
    listed: &Listed<'_>,
    number_of: NumberOf<'_>,
    plan: &DisPlan<'_>,
) {
    push_heading(out, program, listed);
    push_tables(out, program, listed, number_of, plan);
    let constants = shown_constants(listed.code);
    let operands = Operands { code: listed.code, constants: &constants };
    if let Some(counts) = &listed.counts {
        push_summary(out, counts);
    }
    out.push(b'\n');
    for row in &listed.disassembly.rows {
        operands.push_row(out, row, listed);
        for hidden in hidden_in(row, listed) {
            operands.push_hidden(out, hidden, listed, "");
        }
    }
    if let Some(counts) = &listed.counts {
        operands.push_disagreements(out, listed, counts);
    }
}

fn push_heading(out: &mut Vec<u8>, program: &Program<'_>, listed: &Listed<'_>) {
    put!(out, "\ncode {} ", listed.number);
    literal::push_name(out, &listed.code.name, program.interned);
    if let Some((number, outer)) = listed.outer {
        put!(out, "  # in {number} {}", Printable::name(&outer.name));
    }
    out.push(b'\n');
}

fn push_tables(
    out: &mut Vec<u8>,
    program: &Program<'_>,
    listed: &Listed<'_>,
    number_of: NumberOf<'_>,
    plan: &DisPlan<'_>,
) {
    let code = listed.code;
    put!(out, "  file       ");
    literal::push_str(out, &code.filename, program.interned.has(&code.filename), false);
    put!(out, "\n  line       {}\n  argcount   {}\n", code.first_line, code.argcount);
    put!(out, "  nlocals    {}\n  stacksize  {}\n", code.nlocals, code.stacksize);
    let (names, rest) = flags::names(code.flags.cast_unsigned());
    put!(out, "  flags      {}", names.join(" "));
    if rest != 0 || names.is_empty() {
        put!(out, "{}{rest:#x}", if names.is_empty() { "" } else { " " });
    }
    put!(out, "  # {:#x}\n", code.flags);
    let tables = [
        ("names", &code.names),
        ("varnames", &code.varnames),
        ("cellvars", &code.cellvars),
        ("freevars", &code.freevars),
    ];
    for (title, table) in tables {
        push_names(out, program, title, table);
    }
    if !listed.disassembly.has_usual_lines {
        let digits: Vec<String> = code.lnotab.iter().map(|byte| format!("{byte:02x}")).collect();
        put!(out, "  lnotab     {}\n", digits.join(" "));
    }
    let strings = [("code", &code.bytes), ("lnotab", &code.lnotab)];
    // Strings of at most one byte always are in the VM.
    if strings.iter().any(|(_, string)| program.interned.has(string) != (string.len() < 2)) {
        let interned = strings.iter().filter(|(_, string)| program.interned.has(string)).map(|(what, _)| *what);
        let interned: Vec<&str> = interned.collect();
        put!(out, "  interned   {}\n", if interned.is_empty() { "none".into() } else { interned.join(" ") });
    }
    for (index, constant) in code.constants.iter().enumerate() {
        let title = if index == 0 { "consts" } else { "" };
        put!(out, "  {title:<8} {index:>3}  ");
        let from = out.len();
        literal::push_object(out, constant, program.interned, &mut |inner| format!("code {}", number_of(inner)));
        if let Object::Code(inner) = constant {
            put!(out, "  # {}", Printable::name(&inner.name));
        }
        if let Some(most) = plan.cut.filter(|&most| out.len() - from > most) {
            let length = out.len() - from;
            out.truncate(from + most);
            put!(out, "…({length} characters)");
        }
        out.push(b'\n');
    }
}

fn push_names(out: &mut Vec<u8>, program: &Program<'_>, title: &str, names: &[Arc<[u8]>]) {
    if names.is_empty() {
        return;
    }
    put!(out, "  {title:<10} ");
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        literal::push_name(out, name, program.interned);
    }
    out.push(b'\n');
}

/// What each constant looks like beside an instruction.
fn shown_constants(code: &MarshalledCode) -> Vec<String> {
    use crate::bytecode::order::Order;
    use crate::bytecode::text::{Budget, Text};
    let mut budget = Budget::default();
    let shown = |constant: &Object| {
        let mut text = Text::new(&mut budget);
        text.repr(constant, Order::Given);
        let text = text.finish();
        shortened(&Printable::text(&text).to_string())
    };
    code.constants.iter().map(shown).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn push_summary(out: &mut Vec<u8>, counts: &Counts<'_>) {
    if !counts.has_run() {
        put!(out, "  # never ran\n");
        return;
    }
    let entered = counts.entered();
    put!(out, "  # ran {entered} time{}\n", if entered == 1 { "" } else { "s" });
}

/// The hidden instructions that begin inside a row.
fn hidden_in<'l>(row: &Row, listed: &'l Listed<'_>) -> impl Iterator<Item = &'l Row> {
    let hidden = &listed.disassembly.hidden;
    let from = hidden.partition_point(|hidden| hidden.at <= row.at);
    let to = hidden.partition_point(|hidden| hidden.at < row.at + row.length);
    hidden[from.min(to)..to].iter()
}

/// Writes instructions of a code object.
struct Operands<'a> {
    code: &'a MarshalledCode,
    constants: &'a [String],
}

impl Operands<'_> {
    fn push_row(&self, out: &mut Vec<u8>, row: &Row, listed: &Listed<'_>) {
        let line = row.line.map(|line| line.to_string()).unwrap_or_default();
        put!(out, "{line:>6} {:>2} {:>5}:  ", if row.is_target { ">>" } else { "" }, row.at);
        if let Some(counts) = &listed.counts {
            push_count(out, counts.units().get(&unit_start(row, listed)).copied());
        }
        let bytes = &self.code.bytes[row.at as usize..(row.at + row.length) as usize];
        let Some(instruction) = &row.instruction else {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            put!(out, "{:8}  .bytes {}  # no whole instruction\n", "", digits.join(" "));
            return;
        };
        push_bytes(out, bytes);
        self.push_instruction(out, instruction, &|to| listed.disassembly.row_at(to).is_some());
        push_notes(out, row, listed);
        out.push(b'\n');
    }

    /// Appends an instruction that is none of the listing's, as a remark.
    fn push_hidden(&self, out: &mut Vec<u8>, row: &Row, listed: &Listed<'_>, why: &str) {
        put!(out, "#     {:>2} {:>5}:  ", if row.is_target { ">>" } else { "" }, row.at);
        if let Some(counts) = &listed.counts {
            push_count(out, counts.units().get(&row.at).copied());
        }
        push_bytes(out, &self.code.bytes[row.at as usize..(row.at + row.length) as usize]);
        if let Some(instruction) = &row.instruction {
            self.push_instruction(out, instruction, &|_| true);
        }
        put!(out, "{why}\n");
    }

    fn push_instruction(&self, out: &mut Vec<u8>, instruction: &Instruction, is_row: &dyn Fn(u32) -> bool) {
        let from = out.len();
        match opcode::name(instruction.opcode) {
            Some(name) => put!(out, "{name:<20}"),
            None => put!(out, "{:<20}", format!("<{}>", instruction.opcode)),
        }
        if let Some(to) = target(instruction) {
            match u32::try_from(to).ok().filter(|to| is_row(*to)) {
                Some(to) => put!(out, " to {to}"),
                None => put!(out, " {}  (to {to})", instruction.operand.unwrap_or_default()),
            }
        } else if let Some(operand) = instruction.operand {
            put!(out, " {operand:>2}");
            if let Some(meaning) = self.meaning(instruction.opcode, operand) {
                put!(out, "  ({meaning})");
            }
        } else if instruction.length == 3 {
            let at = instruction.offset.cast_unsigned() as usize;
            put!(out, " swallows {:02x} {:02x}", self.code.bytes[at + 1], self.code.bytes[at + 2]);
        }
        let end = out[from..].iter().rposition(|&byte| byte != b' ').map_or(from, |last| from + last + 1);
        out.truncate(end);
    }

    /// What an operand refers to; None if it stands for itself.
    fn meaning(&self, opcode: u8, operand: i32) -> Option<String> {
        let place = usize::try_from(operand).ok();
        let name =
            |names: &[Arc<[u8]>], place: Option<usize>| names.get(place?).map(|name| Printable::name(name).to_string());
        let cells = self.code.cellvars.len();
        let found = match opcode::operand_kind(opcode) {
            OperandKind::Constant => place.and_then(|place| self.constants.get(place).cloned()),
            OperandKind::Name => name(&self.code.names, place),
            OperandKind::Local => name(&self.code.varnames, place),
            OperandKind::Free if place.is_some_and(|place| place >= cells) => {
                name(&self.code.freevars, place.map(|place| place - cells))
            }
            OperandKind::Free => name(&self.code.cellvars, place),
            OperandKind::Compare => place.and_then(|place| COMPARE_NAMES.get(place)).map(|name| name.to_string()),
            _ => return None,
        };
        Some(found.unwrap_or_else(|| "out of range".into()))
    }

    /// Appends where a trace shows something else than the listing.
    fn push_disagreements(&self, out: &mut Vec<u8>, listed: &Listed<'_>, counts: &Counts<'_>) {
        let is_known = |at: u32| {
            let hidden = &listed.disassembly.hidden;
            listed.disassembly.row_at(at).is_some() || hidden.binary_search_by_key(&at, |row| row.at).is_ok()
        };
        for (at, _) in counts.off_listing(is_known) {
            let Some(unit) = counts::unit(&self.code.bytes, at) else { continue };
            let row = Row {
                at,
                length: unit.end - at,
                instruction: Some(unit.last),
                line: None,
                is_target: false,
                notes: Vec::new(),
            };
            self.push_hidden(out, &row, listed, "  # ran, though no path of the listing leads here");
        }
        for (at, count) in counts.outside() {
            put!(out, "# {at:>8}:  {:>9}  outside the code\n", format!("{count}x"));
        }
        for (number, version) in counts.later.iter().enumerate() {
            let instructions = version.instructions();
            put!(out, "# the bytes changed while it ran: version {} executed {instructions} instructions", number + 2);
            if let Some((first, last)) = counts::difference(&self.code.bytes, &version.code.bytes) {
                put!(out, ", other bytes at {first} to {last}");
            }
            out.push(b'\n');
            let code = MarshalledCode { bytes: version.code.bytes.as_slice().into(), ..self.code.clone() };
            let operands = Operands { code: &code, constants: self.constants };
            for (&at, &count) in &version.units {
                let Some(unit) = counts::unit(&code.bytes, at) else { continue };
                put!(out, "#        {at:>5}:  ");
                push_count(out, Some(count));
                push_bytes(out, &code.bytes[at as usize..unit.end as usize]);
                operands.push_instruction(out, &unit.last, &|_| true);
                out.push(b'\n');
            }
        }
    }
}

/// Where the unit of a row begins: at the first of its prefixes.
fn unit_start(row: &Row, listed: &Listed<'_>) -> u32 {
    let rows = &listed.disassembly.rows;
    let mut place = rows.partition_point(|other| other.at < row.at);
    let is_prefix =
        |place: usize| rows[place].instruction.is_some_and(|one| crate::bytecode::disassemble::is_prefix(&one));
    while place > 0 && is_prefix(place - 1) {
        place -= 1;
    }
    rows[place].at
}

fn push_count(out: &mut Vec<u8>, count: Option<u64>) {
    match count {
        Some(count) => put!(out, "{:>9}  ", format!("{count}x")),
        None => put!(out, "{:>9}  ", "-"),
    }
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    put!(out, "{:<8}  ", digits.join(" "));
}

fn push_notes(out: &mut Vec<u8>, row: &Row, listed: &Listed<'_>) {
    let mut notes: Vec<String> = row.notes.iter().filter_map(note).collect();
    if let (Some(counts), Some(instruction)) = (&listed.counts, &row.instruction) {
        let unit = unit_start(row, listed);
        if let Some(to) = target(instruction).filter(|_| is_conditional(instruction.opcode))
            && counts.units().contains_key(&unit)
        {
            let (jumped, went_on) = counts.sides(unit, to);
            notes.push(format!("jumped {jumped}, went on {went_on}"));
        }
        let raised = counts.raised(unit);
        if raised > 0 && !crate::bytecode::disassemble::is_prefix(instruction) {
            notes.push(format!("raised {raised}"));
        }
    }
    if !notes.is_empty() {
        put!(out, "  # {}", notes.join(", "));
    }
}

fn is_conditional(opcode: u8) -> bool {
    use opcode::op::{FOR_ITER, JUMP_IF_FALSE_OR_POP, JUMP_IF_TRUE_OR_POP, POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE};
    let conditions = [FOR_ITER, JUMP_IF_FALSE_OR_POP, JUMP_IF_TRUE_OR_POP, POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE];
    conditions.contains(&opcode)
}

fn note(note: &Note) -> Option<String> {
    Some(match note {
        Note::Unreachable => "unreachable".into(),
        Note::PoppedAtOnce => "popped at once".into(),
        Note::JumpsToNext => "to the next instruction".into(),
        Note::JumpsInside => "to no instruction of this listing".into(),
        Note::Overlaps(at) => format!("overlaps {at}"),
        Note::Swallows => return None,
    })
}
