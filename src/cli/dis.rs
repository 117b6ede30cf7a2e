//! `bctrace dis`: the static listing of every code object in a program's file.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;

use super::args::DisArgs;
use super::program::{self, Reading};
use super::screen::{self, CANNOT_WRITE, Screen};
use super::{hint, message, missed, opmap};
use crate::bytecode::code;
use crate::bytecode::escape::Printable;
use crate::bytecode::file::Contents;
use crate::bytecode::listing::Listing;
use crate::bytecode::opmap::{OpMap, Tables};
use crate::bytecode::{CodeObject, Layout};
use crate::format::Paint;
use crate::select::{Filter, Matches};

/// Runs the command.
pub fn run(args: &DisArgs) -> anyhow::Result<u8> {
    let map = opmap::read(args.opmap.as_deref())?;
    let program = program::read_code(&args.program, Reading::from(&args.file).forced_if(map.is_some()))?;
    program.report_guesses(&args.program);
    let filter = Filter::from(args.filter.clone());
    let mut matches = Matches::new(filter.clone(), Vec::new());
    let screen = Screen::open(&args.screen, true);
    let out = screen.writer(Some(Paint::Instructions));
    let listed = list(&program.contents, map.as_deref(), &filter, args.resolve, &mut matches, out);
    let unmet = matches.unmet();
    unmet.iter().for_each(|unmet| message::warn(missed::of_filter(unmet, "of the program")));
    if unmet.is_empty() && !matches.has_wanted() {
        message::warn("no code object of the program matches all of the filters");
    }
    drop(screen);
    if map.is_none() {
        hint::of(&program.contents).iter().for_each(message::warn);
    }
    screen::result(listed.map(|()| 0).context(CANNOT_WRITE))
}

/// Lists the code objects that a filter wants.
fn list(
    contents: &Contents,
    map: Option<&OpMap>,
    filter: &Filter,
    resolve: bool,
    matches: &mut Matches,
    mut out: impl Write,
) -> io::Result<()> {
    for top in contents.codes().filter_map(|(_, code)| code.read()) {
        for (code, _) in code::nested(&top) {
            let mut object = CodeObject::from_marshal(code);
            map.iter().for_each(|map| object.translate(map, &Tables::of(code)));
            matches.see(&object);
            if filter.wants(&object) {
                print(&mut out, object, resolve)?;
            }
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
