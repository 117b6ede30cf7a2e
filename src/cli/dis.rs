//! `bctrace dis`: the static listing of every code object in a .pyc.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::args::DisArgs;
use super::{filter, program};
use crate::bytecode::code;
use crate::bytecode::escape::Printable;
use crate::bytecode::listing::Listing;
use crate::bytecode::{CodeObject, Layout};

/// Runs the command.
pub fn run(args: &DisArgs) -> anyhow::Result<u8> {
    let program = program::read(&args.pyc)?;
    let filter = filter::filter(args.filter.clone())?;
    let mut out = BufWriter::new(io::stdout().lock());
    for (code, _) in code::nested(&program.pyc.code) {
        let object = CodeObject::from_marshal(code);
        if filter.wants(&object) {
            print(&mut out, object, args.resolve)?;
        }
    }
    out.flush()?;
    Ok(0)
}

fn print(out: &mut impl Write, object: CodeObject, resolve: bool) -> io::Result<()> {
    let (name, file) = (Printable::name(&object.name), Printable::text(&object.filename));
    writeln!(out, "# {name}, file \"{file}\", line {}", object.first_line)?;
    let end = Layout::new(&object.bytes).chain_end();
    let left = object.bytes.len() - end as usize;
    Listing::new(Arc::new(object), resolve).write_run(0, end, |lines| out.write_all(lines))?;
    if left > 0 {
        writeln!(out, "# {left} bytes behind it are no whole instruction")?;
    }
    writeln!(out)
}
