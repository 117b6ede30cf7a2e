//! `bctrace dis`: the listing of every code object of a program, with what a trace says of it.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;

use super::args::{DisArgs, ListingFormat};
use super::screen::{self, CANNOT_WRITE, Screen};
use super::{exit, matching, message, missed, program, views};
use crate::bytecode::code;
use crate::bytecode::escape::Printable;
use crate::bytecode::listing::Listing;
use crate::bytecode::literal::Interned;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::{CodeObject, Layout, marshal, pyc};
use crate::format::{Named, Paint};
use crate::read::Reader;
use crate::read::edges::{self, Edges};
use crate::select::{Filter, Matches};
use crate::views::dis::{self as view, DisPlan};

/// Characters of a constant that are shown on a terminal.
const CUT: usize = 400;

/// Runs the command.
pub fn run(args: &DisArgs) -> anyhow::Result<u8> {
    let program = program::read(&args.program)?;
    let edges = args.with.as_deref().map(|trace| joined(args, &program, trace)).transpose()?;
    let filter = Filter::from(args.filter.clone());
    let mut matches = Matches::new(filter.clone(), Vec::new());
    let screen = Screen::open(&args.screen, true);
    let paint = match args.format {
        ListingFormat::Text => Some(Paint::Listing),
        ListingFormat::Lines => Some(Paint::Instructions),
        ListingFormat::Json => None,
    };
    let out = screen.writer(paint);
    let listed = match args.format {
        ListingFormat::Lines => list(&program.pyc.code, &filter, args.resolve, &mut matches, out),
        _ => list_whole(args, &program, edges.as_ref(), &filter, &mut matches, out),
    };
    let unmet = matches.unmet();
    unmet.iter().for_each(|unmet| message::warn(missed::of_filter(unmet, "of the program")));
    if unmet.is_empty() && !matches.has_wanted() {
        message::warn("no code object of the program matches all of the filters");
    }
    drop(screen);
    let status = if edges.is_some_and(|edges| edges.is_flawed) { exit::FAILED } else { 0 };
    screen::result(listed.map(|()| status).context(CANNOT_WRITE))
}

/// Reads what ran of the program.
fn joined(args: &DisArgs, program: &program::Program, trace: &std::path::Path) -> anyhow::Result<Edges> {
    let edges = edges::read(Reader::open(trace)?, &|code| !code.is_stdlib(), &mut views::warning(trace))?;
    matching::check(&args.program, &program.sha256, trace, edges.start.as_ref())?;
    Ok(edges)
}

/// Lists the code objects that a filter wants, with their tables.
fn list_whole(
    args: &DisArgs,
    program: &program::Program,
    edges: Option<&Edges>,
    filter: &Filter,
    matches: &mut Matches,
    mut out: impl Write,
) -> io::Result<()> {
    // The same bytes as before, read once more for what is interned.
    let (code, interned) = match marshal::read_with_interned(program.marshalled()) {
        Ok((Object::Code(code), interned)) => (*code, interned),
        _ => (program.pyc.code.clone(), Interned::default()),
    };
    let is_json = args.format == ListingFormat::Json;
    let header = &program.bytes[..program.pyc.marshal.start];
    let listed = view::Program {
        file: &Named::input(&args.program).to_string(),
        time: pyc::time_of(header),
        code: &code,
        interned: &interned,
    };
    let cut = (!is_json && io::stdout().is_terminal()).then_some(CUT);
    let plan = DisPlan { json: is_json, cut, edges };
    let mut wants = |code: &MarshalledCode| {
        let object = CodeObject::from_marshal(code);
        matches.see(&object);
        filter.wants(&object)
    };
    view::run(&listed, &plan, &mut wants, &mut out)
}

/// Lists the code objects that a filter wants, one line for each instruction.
fn list(
    code: &MarshalledCode,
    filter: &Filter,
    resolve: bool,
    matches: &mut Matches,
    mut out: impl Write,
) -> io::Result<()> {
    for (code, _) in code::nested(code) {
        let object = CodeObject::from_marshal(code);
        matches.see(&object);
        if filter.wants(&object) {
            print(&mut out, object, resolve)?;
        }
    }
    out.flush()
}

fn print(out: &mut impl Write, object: CodeObject, resolve: bool) -> io::Result<()> {
    let (name, file) = (Printable::name(&object.name), Printable::text(&object.filename));
    writeln!(out, "# {name}, file \"{file}\", line {}", object.first_line)?;
    let end = Layout::new(&object.bytes).chain_end();
    let left = object.bytes.len() - end as usize;
    Listing::new(Arc::new(object), resolve).write_run(0, end, |lines| out.write_all(lines))?;
    if left > 0 {
        let bytes = if left == 1 { "byte after it is" } else { "bytes after it are" };
        writeln!(out, "# {left} {bytes} no whole instruction")?;
    }
    writeln!(out)
}
