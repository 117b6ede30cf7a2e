//! What the views say of the traces, each in a file of the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::bytecode::escape::Printable;
use crate::cli::summary::remedy;
use crate::cli::{message, report, views};
use crate::format::{self, Compression, Named, Output, Replace};
use crate::read::Reader;
use crate::select::{Filter, Selection};
use crate::trace::event::EndReason;
use crate::views::compares::{self, ComparesPlan};
use crate::views::info::{self, InfoPlan};
use crate::views::layers::{self, Folder, LayersPlan};
use crate::views::query::Query;
use crate::views::report::{self as page, CleanFolder, ReportPlan};
use crate::views::strings::{self, StringsPlan};
use crate::views::{tricks, tried};
use crate::vm::library;

use super::summary::Process;

/// Bytes of memory that an answer may take.
const MEMORY: u64 = 256 << 20;
/// Characters of a string at least, as `bctrace strings` has it.
const SHORTEST: usize = 4;

/// One trace, and the folder for what is said of it.
pub struct Answers<'a> {
    pub folder: &'a Path,
    pub trace: &'a Path,
    /// 1 for the first process's.
    pub number: usize,
}

impl Answers<'_> {
    /// The name of a file about this trace: that of any but the first has its number.
    pub fn name(&self, stem: &str, suffix: &str) -> String {
        let number = if self.number == 1 { String::new() } else { format!("-{}", self.number) };
        format!("{stem}{number}{suffix}")
    }

    /// Its path.
    pub fn named(&self, stem: &str, suffix: &str) -> PathBuf {
        self.folder.join(self.name(stem, suffix))
    }

    fn query(&self, json: bool, filter: Filter) -> Query {
        let selection = Selection { filter, ..Selection::default() };
        Query { trace: self.trace.to_owned(), selection, stdlib: false, memory: MEMORY, json, progress: progress() }
    }

    /// What is said of the process, and whether its trace lacks nothing of it.
    pub fn process(&self) -> anyhow::Result<(Process, bool)> {
        let info = info::collect(&InfoPlan { trace: self.trace.to_owned(), json: false })?;
        let process = Process {
            trace: file_name(self.trace),
            report: Some(self.name("report", ".html")),
            instructions: info.totals.instructions,
            end: info.how_it_ended(),
            exception: info.uncaught().map(ToString::to_string),
            remedy: info.uncaught().and_then(remedy).map(|option| format!("bctrace {option}")),
            tricks: Vec::new(),
            compares: Vec::new(),
        };
        let is_whole = !matches!(
            info.end.map(|end| end.reason),
            None | Some(EndReason::Tampered(_) | EndReason::OutputFailed(_) | EndReason::Unknown)
        );
        Ok((process, is_whole))
    }

    pub fn tried(&self) -> anyhow::Result<()> {
        let query = self.query(true, Filter::default());
        tried::run(&query, output(&self.named("tried", ".jsonl"))?, &mut views::warning(self.trace))?;
        Ok(())
    }

    pub fn tricks(&self) -> anyhow::Result<()> {
        let query = self.query(false, own());
        tricks::run(&query, output(&self.named("tricks", ".txt"))?, &mut |_| {})?;
        Ok(())
    }

    pub fn strings(&self) -> anyhow::Result<()> {
        let query = self.query(false, own());
        let plan = StringsPlan { min: SHORTEST, text: None };
        strings::run(&query, plan, output(&self.named("strings", ".txt"))?, &mut |_| {})?;
        Ok(())
    }

    pub fn compares(&self) -> anyhow::Result<()> {
        let query = self.query(false, own());
        let plan = ComparesPlan { in_order: false, all: false };
        compares::run(&query, plan, output(&self.named("compares", ".txt"))?, &mut |_| {})?;
        Ok(())
    }

    /// Writes the layers, and the strings that decoders returned into a folder of their own; returns whether there are any.
    pub fn layers(&self) -> anyhow::Result<bool> {
        let (into, blobs) = (self.named("layers", ""), self.named("blobs", ""));
        let plan = LayersPlan {
            filter: own(),
            folder: Some(Folder::open(&into)?),
            as_module: false,
            modules: library::marshal_of,
            json: false,
            progress: progress(),
        };
        layers::run(Reader::open(self.trace)?, plan, &mut io::sink(), &mut |_| {})?;
        // A folder in which nothing was written is gone.
        for entry in fs::read_dir(&into).into_iter().flatten() {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b"blob-") {
                fs::create_dir_all(&blobs)?;
                fs::rename(entry.path(), blobs.join(entry.file_name()))?;
            }
        }
        Ok(blobs.exists())
    }

    /// Writes the report; without readable code beside the code that ran if there is none.
    pub fn report(&self) -> anyhow::Result<()> {
        let clean = CleanFolder::open(&self.folder.join("clean")).ok();
        let modules = library::marshal_of;
        let plan = ReportPlan { trace: self.trace.to_owned(), clean, modules, progress: progress() };
        let page = page::run(&plan, &mut |_| {})?;
        let path = self.named("report", ".html");
        report::write(&path, page.html.as_bytes()).with_context(|| super::cannot_write(&path))
    }
}

/// A file's name, to be printed.
pub fn file_name(path: &Path) -> String {
    Printable::path(Path::new(path.file_name().unwrap_or_default())).to_string()
}

/// The program's own code.
fn own() -> Filter {
    Filter { no_stdlib: true, ..Filter::default() }
}

fn progress() -> bool {
    message::shows_progress(true)
}

fn output(path: &Path) -> anyhow::Result<Output> {
    let opened = format::check_output(path, None, Replace::Traces)?.open(Compression::None);
    opened.map_err(|error| anyhow::anyhow!("cannot write {}: {error}", Named::output(path)))
}
