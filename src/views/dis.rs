//! `bctrace dis`: a program's code objects as a listing that `bctrace asm` makes the same program of, or as JSON, with what a trace
//! says of them.

mod counts;
mod json;
mod text;

use std::collections::HashMap;
use std::io::{self, Write};

use crate::bytecode::code::nested;
use crate::bytecode::disassemble::Disassembly;
use crate::bytecode::literal::Interned;
use crate::bytecode::object::MarshalledCode;
use crate::read::edges::Edges;
use counts::Counts;

/// A program that is listed.
pub struct Program<'a> {
    /// Its file's name, for people.
    pub file: &'a str,
    /// The time in the .pyc's header, in seconds since 1970; None if it has no such header.
    pub time: Option<u32>,
    pub code: &'a MarshalledCode,
    pub interned: &'a Interned,
}

/// How it is listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct DisPlan<'a> {
    pub json: bool,
    /// Constants longer than this are cut, in characters.
    pub cut: Option<usize>,
    /// What ran of it.
    pub edges: Option<&'a Edges>,
}

/// A code object that is listed.
struct Listed<'a> {
    number: usize,
    code: &'a MarshalledCode,
    disassembly: Disassembly,
    /// The code object that holds it.
    outer: Option<(usize, &'a MarshalledCode)>,
    counts: Option<Counts<'a>>,
}

/// Lists the code objects that `wants` chooses.  All have numbers, the outermost one 0, each before those that it holds.
pub fn run(
    program: &Program<'_>,
    plan: &DisPlan<'_>,
    wants: &mut dyn FnMut(&MarshalledCode) -> bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let numbers: HashMap<*const MarshalledCode, usize> =
        nested(program.code).enumerate().map(|(number, (code, _))| (std::ptr::from_ref(code), number)).collect();
    let mut buffer = Vec::new();
    match plan.json {
        true => json::push_head(&mut buffer, program, numbers.len()),
        false => text::push_head(&mut buffer, program, numbers.len(), plan),
    }
    let mut open: Vec<(usize, &MarshalledCode)> = Vec::new();
    for (number, (code, depth)) in nested(program.code).enumerate() {
        open.truncate(depth);
        let outer = open.last().copied();
        open.push((number, code));
        if !wants(code) {
            continue;
        }
        let disassembly = Disassembly::of(&code.bytes, code.first_line, &code.lnotab);
        let counts = plan.edges.map(|edges| Counts::of(code, edges));
        let listed = Listed { number, code, disassembly, outer, counts };
        let of_code = |code: &MarshalledCode| numbers.get(&std::ptr::from_ref(code)).copied().unwrap_or_default();
        match plan.json {
            true => json::push_code(&mut buffer, program, &listed, &of_code),
            false => text::push_code(&mut buffer, program, &listed, &of_code, plan),
        }
        out.write_all(&buffer)?;
        buffer.clear();
    }
    out.write_all(&buffer)?;
    out.flush()
}
