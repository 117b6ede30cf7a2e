//! `bctrace export`: a trace as tables or for another tool, written whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};

use super::args::{EXPORT, ExportArgs, ExportForm, usage};
use super::screen::{self, CANNOT_WRITE};
use super::{exit, message, views};
use crate::bytecode::escape::Printable;
use crate::bytecode::shell;
use crate::export::{self, Form, Plan, Which};
use crate::process::descriptors::check_stdout;

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<u8> {
    let plan = plan(args)?;
    check(&plan, args.force)?;
    if plan.output == Path::new("-") {
        check_stdout().context(CANNOT_WRITE)?;
    }
    let result = export::run(&plan, &mut views::warning(&args.trace));
    let exported = match result {
        Ok(exported) => exported,
        // That a reader of standard output leaves is no error.
        Err(error) if plan.output == Path::new("-") => return screen::result(Err(error.into())),
        Err(error) => return Err(error.into()),
    };
    if let Some(left_out) = &exported.left_out {
        message::warn(left_out);
    }
    Ok(if exported.is_flawed { exit::FAILED } else { 0 })
}

fn plan(args: &ExportArgs) -> anyhow::Result<Plan> {
    let form = match args.format {
        ExportForm::Parquet => Form::Parquet,
        ExportForm::Csv => Form::Csv,
        ExportForm::Perfetto => Form::Perfetto,
        ExportForm::Speedscope => Form::Speedscope,
        ExportForm::Firefox => Form::Firefox,
        ExportForm::Callgrind => Form::Callgrind,
        ExportForm::Lcov => Form::Lcov,
    };
    let has_tables = matches!(form, Form::Parquet | Form::Csv);
    let wrong = if !args.tables.is_empty() && !has_tables {
        Some("--table goes with --format parquet or csv")
    } else if args.evented && form != Form::Speedscope {
        Some("--evented goes with --format speedscope")
    } else if args.listing.is_some() != (form == Form::Lcov) {
        Some("--format lcov needs --listing FILE, which `bctrace dis` prints, and no other form takes it")
    } else if has_tables && args.output == Path::new("-") && (form == Form::Parquet || args.tables.len() != 1) {
        Some("standard output takes one table of CSV, named with --table")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Err(usage(EXPORT, wrong.to_owned()));
    }
    let is_folder = form == Form::Parquet || form == Form::Csv && args.tables.len() != 1;
    let suffix = args.output.extension().filter(|suffix| is_folder && is_of_table(suffix) && !args.output.is_dir());
    if suffix.is_some() {
        let one = if form == Form::Csv { "; `--table calls` writes one file" } else { "" };
        let folder = shell::Word::path(&args.output.with_extension("")).to_string();
        let wrong =
            format!("{} names a file, and tables need a folder: -o {folder}{one}", Printable::path(&args.output));
        return Err(usage(EXPORT, wrong));
    }
    let mut tables: Vec<Which> = args.tables.clone();
    if tables.is_empty() {
        tables.extend(Which::ALL);
    }
    tables.sort_unstable();
    tables.dedup();
    let progress = message::shows_progress(args.output == Path::new("-"));
    let (trace, output, listing) = (args.trace.clone(), args.output.clone(), args.listing.clone());
    Ok(Plan { trace, form, output, tables, evented: args.evented, listing, progress })
}

/// Whether a suffix is that of a file with one table.
fn is_of_table(suffix: &OsStr) -> bool {
    ["csv", "parquet"].iter().any(|known| suffix.eq_ignore_ascii_case(known))
}

/// Refuses to replace the trace or the listing, and without --force any file that is not empty.
fn check(plan: &Plan, force: bool) -> anyhow::Result<()> {
    let is_folder = plan.form == Form::Parquet || plan.form == Form::Csv && plan.tables.len() > 1;
    if is_folder && fs::metadata(&plan.output).is_ok_and(|there| !there.is_dir()) {
        bail!("cannot write {}: it is no folder, and several files go into it", Printable::path(&plan.output));
    }
    for path in export::files(plan) {
        let Ok(there) = fs::metadata(&path) else { continue };
        let shown = Printable::path(&path);
        if there.is_dir() {
            bail!("cannot write {shown}: it is a folder; name a file in it");
        }
        for input in [Some(&plan.trace), plan.listing.as_ref()].into_iter().flatten() {
            if fs::metadata(input).is_ok_and(|input| is_same(&there, &input)) {
                bail!("cannot write {shown}: it is what is read; name another file");
            }
        }
        if !force && there.is_file() && there.len() > 0 {
            bail!("cannot write {shown}: it exists; name another file, or replace it with --force");
        }
    }
    Ok(())
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino()) && one.is_file()
}
