//! The layers of a program: every code object that ran or that the program made, each version of its bytes, and how each came to be.
//! Collected from the events of a trace, while it is recorded or later; written as loadable .pyc files with a manifest, or printed as a
//! tree.

mod code;
mod collect;
mod contents;
mod folder;
mod manifest;
mod tree;

use std::io::{self, Write};

use super::Answer;
use super::observed::Observed;
use crate::bytecode::readable::Changes;
use crate::read::{Flaw, Reader, TraceError};
use crate::select::{Filter, Selection};
use crate::trace::library::Modules;
use crate::trace::origin::How;
use crate::trace::{Event, Run, Sink, SinkError, State};
use collect::Collector;
pub use contents::{Blob, BlobUse, Blobs};
pub use folder::Folder;

/// One code object with one version of its bytes; or several, where the same place has made the same again and again.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The id of the first such code object in the trace.
    pub code: u32,
    pub name: Vec<u8>,
    pub filename: Vec<u8>,
    pub first_line: i32,
    pub origin: Origin,
    /// The place among the layers of the same code object's first bytes, where these are others.
    pub version_of: Option<usize>,
    /// The name under which its parent stores what it makes of it, if that is another.
    pub stored_as: Option<Vec<u8>>,
    /// SHA-256 of its file.
    pub digest: [u8; 32],
    /// Its flags, and what its file has not of it.
    pub flags: i32,
    pub changes: Changes,
    /// The file of the text that it was compiled of.
    pub text: Option<String>,
    /// It ran, with these bytes.
    pub ran: bool,
    /// Constants that are not in its .pyc.
    pub missing: u32,
    /// Code objects that are this layer: those that ran, and those that the program was given.
    pub objects: u64,
    pub given: u64,
    /// Instructions recorded, and the numbers of the first and the last of them.
    pub instructions: u64,
    pub first: u64,
    pub last: u64,
    /// The filter wants it.
    pub wanted: bool,
}

/// How a code object came to be.  Other layers are named by their place among all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It is the program that was traced.
    Main,
    /// It was there before the trace began.
    Before,
    /// It is among the constants of this layer.
    Constant(usize),
    /// A C function made it.
    Made {
        how: How,
        /// The number of the instruction that it was made for.
        instruction: u64,
        /// The layer that executed it, and its offset.
        place: Option<(usize, i32)>,
        /// The file that was imported, where that is known.
        path: Vec<u8>,
    },
    /// The part of the trace that said it is lost.
    Lost,
}

/// All layers of a trace, in the order of their first execution.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    pub argv: Vec<Vec<u8>>,
    pub layers: Vec<Layer>,
    /// Texts that no code object is known to come of.
    pub texts: Vec<Text>,
    pub blobs: Blobs,
    /// Files of code that changed while it ran.
    pub wholes: Vec<Whole>,
    /// Code objects that came when there was no room for another layer.
    pub left_out: u64,
    /// Code objects of a standard library that this program does not have.
    pub unknown: u64,
    /// Why the others could not be written.
    pub error: Option<String>,
}

/// The file of an outermost code object, in which each code object has the bytes that ran most.
#[derive(Clone, Debug)]
pub struct Whole {
    pub file: String,
    pub sha256: [u8; 32],
    /// The place of its layer.
    pub layer: usize,
}

/// A text that was to be compiled, as in `exec` of what is no Python.
#[derive(Clone, Debug)]
pub struct Text {
    pub file: String,
    pub sha256: [u8; 32],
    pub length: u64,
    pub how: How,
    pub instruction: u64,
    pub place: Option<(usize, i32)>,
}

impl Layer {
    /// The name that says most of it.
    pub fn best_name(&self) -> &[u8] {
        self.stored_as.as_deref().unwrap_or(&self.name)
    }

    /// How many code objects it is.
    pub fn count(&self) -> u64 {
        self.objects.max(self.given).max(1)
    }

    /// Bytes of its texts.
    fn texts(&self) -> usize {
        let path = if let Origin::Made { path, .. } = &self.origin { path.len() } else { 0 };
        2 * (self.name.len() + self.best_name().len()) + self.filename.len() + 2 * path
    }

    /// The layer that it belongs under.
    pub fn parent(&self) -> Option<usize> {
        match (self.version_of, &self.origin) {
            (Some(first), _) => Some(first),
            (None, Origin::Constant(parent)) => Some(*parent),
            (None, Origin::Made { place, .. }) => place.map(|(layer, _)| layer),
            (None, Origin::Main | Origin::Before | Origin::Lost) => None,
        }
    }
}

/// What is to be done with the layers of a trace.
#[derive(Debug)]
pub struct LayersPlan {
    /// Only these code objects.
    pub filter: Filter,
    /// Write them into this folder instead of printing them.
    pub folder: Option<Folder>,
    /// Wrap what is no module in one.
    pub as_module: bool,
    /// The modules of the library that this program has.
    pub modules: Modules,
    /// Print JSON lines instead of a tree.
    pub json: bool,
    /// Shows how far a long command is, on a terminal.
    pub progress: bool,
}

/// Reads a trace and does with its layers what is planned.  What is missing or damaged goes to `report`.
pub fn run(
    mut reader: Reader,
    plan: LayersPlan,
    out: &mut dyn Write,
    report: &mut dyn FnMut(Flaw),
) -> Result<Answer, TraceError> {
    let prints = plan.folder.is_none();
    let index = reader.index().cloned();
    let selection = Selection { filter: plan.filter.clone(), ..Selection::default() };
    let mut collector = Collector::new(plan.filter, plan.folder, plan.as_module, plan.modules);
    let mut is_flawed = false;
    let mut observed = Observed::new(&mut collector, &selection, None, plan.progress, index.as_ref());
    reader.read_all(&mut observed, &mut |flaw| {
        is_flawed = true;
        report(flaw);
        Ok(())
    })?;
    let misses = observed.misses(None, reader.reached(), true);
    collector.finish()?;
    if prints {
        let layers = collector.layers();
        let written = if plan.json { out.write_all(&manifest::lines(layers)) } else { tree::write(layers, out) };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(TraceError::Output(error.into())),
            _ => {}
        }
    }
    Ok(Answer { is_flawed, misses, ..Answer::default() })
}

/// A sink that also writes the layers into a folder.
pub struct Dumping {
    inner: Box<dyn Sink>,
    collector: Collector,
    /// The manifest is written, or cannot be.
    is_collected: bool,
    /// What others have done to the folder.
    lost: Option<String>,
}

impl Dumping {
    pub fn new(inner: Box<dyn Sink>, folder: Folder, filter: Filter, as_module: bool, modules: Modules) -> Dumping {
        let collector = Collector::new(filter, Some(folder), as_module, modules);
        Dumping { inner, collector, is_collected: false, lost: None }
    }

    /// Writes the manifest.
    fn end_collection(&mut self) -> Result<(), SinkError> {
        if std::mem::replace(&mut self.is_collected, true) {
            return Ok(());
        }
        match self.collector.finish() {
            Err(SinkError::Lost(lost)) => self.lost = Some(lost),
            result => drop(result?),
        }
        Ok(())
    }
}

impl Sink for Dumping {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        // The manifest comes before the trace's end, which says whether it could be written.
        match event {
            Event::End(_) => self.end_collection()?,
            _ => self.collector.event(event, at)?,
        }
        self.inner.event(event, at)
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.collector.run(run, at)?;
        self.inner.run(run, at)
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        self.inner.values(words, at)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.inner.flush()
    }

    fn resume(&mut self) -> Result<(), SinkError> {
        self.inner.resume()
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.end_collection()?;
        let written = self.inner.finish()?;
        self.lost.take().map_or(Ok(written), |lost| Err(SinkError::Lost(lost)))
    }

    fn written(&self) -> u64 {
        self.inner.written()
    }
}
