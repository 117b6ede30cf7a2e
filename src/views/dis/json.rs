//! The listing for programs: one JSON object for the program and one for each code object.

use std::sync::Arc;

use super::counts::{self, Counts};
use super::{Listed, Program};
use crate::bytecode::assemble::{flags, lines};
use crate::bytecode::disassemble::{Note, Row, target};
use crate::bytecode::literal;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::{CodeObject, opcode};
use crate::format::json;

pub(super) fn push_head(out: &mut Vec<u8>, program: &Program<'_>, codes: usize) {
    out.extend_from_slice(b"{\"type\":\"listing\",\"version\":1");
    json::push_text_member(out, "file", program.file.as_bytes());
    json::push_optional_member(out, "time", program.time);
    json::push_member(out, "codes", codes);
    out.extend_from_slice(b"}\n");
}

pub(super) fn push_code(
    out: &mut Vec<u8>,
    program: &Program<'_>,
    listed: &Listed<'_>,
    number_of: &dyn Fn(&MarshalledCode) -> usize,
) {
    let code = listed.code;
    out.extend_from_slice(b"{\"type\":\"code\"");
    json::push_member(out, "number", listed.number);
    json::push_optional_member(out, "outer", listed.outer.map(|(number, _)| number));
    json::push_text_member(out, "name", &code.name);
    json::push_text_member(out, "file", &code.filename);
    let numbers = [
        ("line", code.first_line),
        ("argcount", code.argcount),
        ("nlocals", code.nlocals),
        ("stacksize", code.stacksize),
    ];
    numbers.into_iter().for_each(|(key, value)| json::push_member(out, key, value));
    json::push_member(out, "flags", code.flags.cast_unsigned());
    let (names, _) = flags::names(code.flags.cast_unsigned());
    push_list(out, "flag_names", &names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>());
    let mut constants = Vec::new();
    for constant in code.constants.iter() {
        let mut text = Vec::new();
        literal::push_object(&mut text, constant, program.interned, &mut |inner| format!("code {}", number_of(inner)));
        constants.push(text);
    }
    push_list(out, "consts", &constants);
    let tables = [
        ("names", &code.names),
        ("varnames", &code.varnames),
        ("cellvars", &code.cellvars),
        ("freevars", &code.freevars),
    ];
    for (key, table) in tables {
        push_list(out, key, &table.iter().map(|name: &Arc<[u8]>| name.to_vec()).collect::<Vec<_>>());
    }
    json::push_hex_member(out, "lnotab", &code.lnotab);
    json::push_hex_member(out, "code", &code.bytes);
    push_array(out, "lines", lines::read(code.first_line, &code.lnotab), |out, (at, line)| {
        out.extend_from_slice(format!("[{at},{line}]").as_bytes());
    });
    if let Some(counts) = &listed.counts {
        json::push_member(out, "entered", counts.entered());
    }
    let object = CodeObject::from_marshal(code);
    push_array(out, "instructions", &listed.disassembly.rows, |out, row| push_row(out, row, &object, listed));
    push_array(out, "hidden", &listed.disassembly.hidden, |out, row| push_row(out, row, &object, listed));
    if let Some(counts) = &listed.counts {
        push_disagreements(out, listed, counts);
    }
    out.extend_from_slice(b"}\n");
}

fn push_row(out: &mut Vec<u8>, row: &Row, code: &CodeObject, listed: &Listed<'_>) {
    out.push(b'{');
    out.extend_from_slice(format!("\"offset\":{}", row.at).as_bytes());
    json::push_hex_member(out, "bytes", &code.bytes[row.at as usize..(row.at + row.length) as usize]);
    json::push_optional_member(out, "line", row.line);
    if let Some(instruction) = &row.instruction {
        json::push_member(out, "opcode", instruction.opcode);
        if let Some(name) = opcode::name(instruction.opcode) {
            json::push_text_member(out, "opname", name.as_bytes());
        }
        json::push_optional_member(out, "operand", instruction.operand);
        use crate::bytecode::operand::Operand;
        match Operand::resolve(code, instruction) {
            Operand::Text(text) => json::push_text_member(out, "value", text),
            Operand::Target(to) => json::push_member(out, "target", to),
            Operand::OutOfRange(_) => json::push_member(out, "out_of_range", true),
            Operand::Nothing | Operand::Number(_) => {}
        }
    }
    json::push_member(out, "is_target", row.is_target);
    push_list(out, "notes", &row.notes.iter().map(|note: &Note| note.name().into()).collect::<Vec<_>>());
    if let Some(counts) = &listed.counts {
        json::push_member(out, "count", counts.units().get(&row.at).copied().unwrap_or(0));
        if let Some(to) = row.instruction.as_ref().and_then(target) {
            let (jumped, went_on) = counts.sides(row.at, to);
            json::push_member(out, "jumped", jumped);
            json::push_member(out, "went_on", went_on);
        }
        json::push_member(out, "raised", counts.raised(row.at));
    }
    out.push(b'}');
}

fn push_disagreements(out: &mut Vec<u8>, listed: &Listed<'_>, counts: &Counts<'_>) {
    let off = counts.off_listing(|at| listed.disassembly.row_at(at).is_some());
    push_array(out, "off_listing", off, |out, (at, count)| {
        out.extend_from_slice(format!("{{\"offset\":{at},\"count\":{count}}}").as_bytes());
    });
    push_array(out, "outside", counts.outside(), |out, (at, count)| {
        out.extend_from_slice(format!("{{\"offset\":{at},\"count\":{count}}}").as_bytes());
    });
    push_array(out, "versions", &counts.later, |out, version| {
        out.extend_from_slice(format!("{{\"instructions\":{}", version.instructions()).as_bytes());
        json::push_hex_member(out, "code", &version.code.bytes);
        let differs = counts::difference(&listed.code.bytes, &version.code.bytes);
        json::push_optional_member(out, "first_difference", differs.map(|(first, _)| first));
        json::push_optional_member(out, "last_difference", differs.map(|(_, last)| last));
        out.push(b'}');
    });
}

fn push_list(out: &mut Vec<u8>, key: &str, list: &[Vec<u8>]) {
    json::push_list_member(out, key, list);
}

/// Appends `,"key":[…]`.
fn push_array<T>(
    out: &mut Vec<u8>,
    key: &str,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.extend_from_slice(format!(",\"{key}\":[").as_bytes());
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}
