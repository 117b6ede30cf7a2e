//! `bctrace dis`: the listing of every code object of a program, with what a trace says of it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::args::{DisArgs, ListingFormat};
use super::program::{self, Program, Reading};
use super::screen::{self, CANNOT_WRITE, Screen};
use super::{exit, hint, matching, message, missed, opmap, views};
use crate::bytecode::escape::Printable;
use crate::bytecode::file::Code;
use crate::bytecode::listing::Listing;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opmap::{OpMap, Tables, translate_whole};
use crate::bytecode::{CodeObject, Layout, code, marshal, pyc};
use crate::format::{Named, Paint};
use crate::read::Reader;
use crate::read::edges::{self, Edges};
use crate::select::{Filter, Matches};
use crate::views::dis::{self as view, DisPlan};

/// Characters of a constant that are shown on a terminal.
const CUT: usize = 400;

/// Runs the command.
pub fn run(args: &DisArgs) -> anyhow::Result<u8> {
    let map = opmap::read(args.opmap.as_deref())?;
    let program = program::read_code(&args.program, Reading::from(&args.file).forced_if(map.is_some()))?;
    program.report_guesses(&args.program);
    let edges = args.with.as_deref().map(|trace| joined(args, &program, trace)).transpose()?;
    let filter = Filter::from(args.filter.clone());
    let screen = Screen::open(&args.screen, true);
    let mut list = List {
        path: &args.program,
        format: args.format,
        resolve: args.resolve,
        cut: io::stdout().is_terminal().then_some(CUT),
        map: map.as_deref(),
        edges: edges.as_ref(),
        matches: Matches::new(filter.clone(), Vec::new()),
        filter,
        out: screen.writer(match args.format {
            ListingFormat::Text => Some(Paint::Listing),
            ListingFormat::Lines => Some(Paint::Instructions),
            ListingFormat::Json => None,
        }),
    };
    let listed = list.program(&program);
    let List { matches, out, .. } = list;
    drop(out);
    let unmet = matches.unmet();
    unmet.iter().for_each(|unmet| message::warn(missed::of_filter(unmet, "of the program")));
    if unmet.is_empty() && !matches.has_wanted() {
        message::warn("no code object of the program matches all of the filters");
    }
    drop(screen);
    if map.is_none() {
        hint::of(&program.contents).iter().for_each(message::warn);
    }
    let status = if edges.is_some_and(|edges| edges.is_flawed) { exit::FAILED } else { 0 };
    screen::result(listed.map(|()| status).context(CANNOT_WRITE))
}

/// Writes the whole listing of a program, which is in the file at `path`, for people.
pub fn write(path: &Path, program: &Program, out: Box<dyn Write>) -> io::Result<()> {
    let filter = Filter::default();
    let matches = Matches::new(filter.clone(), Vec::new());
    let format = ListingFormat::Text;
    List { path, format, resolve: true, cut: None, map: None, edges: None, filter, matches, out }.program(program)
}

/// Reads what ran of the program.
fn joined(args: &DisArgs, program: &Program, trace: &Path) -> anyhow::Result<Edges> {
    let edges = edges::read(Reader::open(trace)?, &|code| !code.is_of_library, &mut views::warning(trace))?;
    matching::check(&args.program, &program.sha256, trace, edges.start.as_ref())?;
    Ok(edges)
}

/// A listing that is written.
struct List<'a> {
    path: &'a Path,
    format: ListingFormat,
    resolve: bool,
    /// Characters of a constant that text shows.
    cut: Option<usize>,
    /// What is translated is listed as 2.7 has it.
    map: Option<&'a OpMap>,
    edges: Option<&'a Edges>,
    filter: Filter,
    matches: Matches,
    out: Box<dyn Write>,
}

impl List<'_> {
    /// Lists the code objects that the filter wants.
    fn program(&mut self, program: &Program) -> io::Result<()> {
        let has_several = program.contents.codes().nth(1).is_some();
        for (name, code) in program.contents.codes() {
            match self.format {
                ListingFormat::Lines => self.lines(code)?,
                ListingFormat::Text | ListingFormat::Json => self.whole(code, has_several.then_some(name))?,
            }
        }
        self.out.flush()
    }

    /// Lists code objects with their tables.
    fn whole(&mut self, code: &Code, name: Option<&[u8]>) -> io::Result<()> {
        // The same bytes as before, read once more for what is interned.
        let Ok((Object::Code(top), interned)) = marshal::read_with_interned(code.marshalled()) else { return Ok(()) };
        let top = self.map.map_or_else(|| (*top).clone(), |map| translate_whole(map, &top));
        let is_json = self.format == ListingFormat::Json;
        let file = Named::input(self.path);
        let listed = view::Program {
            file: &name.map_or_else(|| file.to_string(), |name| format!("{file}/{}", Printable::text(name))),
            time: pyc::time_of(&code.bytes[..code.marshal.start]),
            code: &top,
            interned: &interned,
        };
        let cut = self.cut.filter(|_| !is_json);
        let plan = DisPlan { json: is_json, cut, edges: self.edges };
        let mut wants = |code: &MarshalledCode| {
            let object = CodeObject::from_marshal(code);
            self.matches.see(&object);
            self.filter.wants(&object)
        };
        view::run(&listed, &plan, &mut wants, &mut self.out)
    }

    /// Lists code objects, one line for each instruction.
    fn lines(&mut self, code: &Code) -> io::Result<()> {
        let Some(top) = code.read() else { return Ok(()) };
        for (code, _) in code::nested(&top) {
            let mut object = CodeObject::from_marshal(code);
            self.map.iter().for_each(|map| object.translate(map, &Tables::of(code)));
            self.matches.see(&object);
            if self.filter.wants(&object) {
                print(&mut self.out, object, self.resolve)?;
            }
        }
        Ok(())
    }
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
