//! The forms of a trace: text, JSON lines, .bct and nothing at all, each a `Sink` in a file of its own, with
//! the compression and the opening of outputs that they use.  Knows no VM and no command line.

pub mod bct;
mod compression;
mod indent;
pub mod json;
mod jsonl;
mod kept;
pub mod lines;
mod named;
mod output;
mod paint;
mod recognized;
mod suffix;
mod text;
pub mod values;
mod zstd_text;

pub use compression::Compression;
pub use indent::push_indent;
pub use jsonl::{push_attempt_members, push_end_members, push_start_members};
pub use named::{Named, why};
pub use output::{
    Checked, Output, OutputError, OutputFolder, Replace, check_output, decompressed, is_taken, names_stdout,
};
pub use paint::{Paint, Painted};
pub use recognized::{Beginning, recognized};
pub use suffix::{by_suffix, check_suffix, split_compression};

use crate::select::Selection;
use crate::trace::{Sink, SinkError, ignore};

/// What an output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Jsonl,
    Bct,
    Null,
}

/// How a trace is printed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Shows what operands refer to (-r).  Text only: JSON lines have both, .bct needs neither.
    pub resolve: bool,
    /// Indents each line by two spaces for each frame below (--depth).  Text only.
    pub depth: bool,
    /// Prints the values that were recorded (--values).  A .bct holds them whatever this says.
    pub values: bool,
    /// What is printed of the events.  A .bct holds whatever it is given.
    pub selection: Selection,
    /// Instructions that are printed at most (--count).
    pub count: Option<u64>,
    /// Bytes of the file at which the trace ends (--max-size): those of a plain file of lines at most, another one may
    /// have a block more.
    pub max_size: Option<u64>,
}

impl Options {
    /// Returns whether a code object is printed in whole or not at all, each line as its listing has it.
    fn is_by_code_only(&self) -> bool {
        self.selection.is_by_code_only() && self.count.is_none() && !self.depth
    }
}

/// What is left of the instructions that are printed at most.
struct Quota(u64);

impl Quota {
    fn new(options: &Options) -> Quota {
        Quota(options.count.unwrap_or(u64::MAX))
    }

    /// Whether another one may be printed.
    fn check(&self) -> Result<(), SinkError> {
        if self.0 > 0 { Ok(()) } else { Err(SinkError::Full) }
    }

    /// Counts one that was printed; an error once it was the last.
    fn printed(&mut self) -> Result<(), SinkError> {
        self.0 -= 1;
        self.check()
    }
}

/// Makes the sink that writes nothing and needs no output.
pub fn null_sink() -> Box<dyn Sink> {
    Box::new(ignore())
}

/// Makes the sink of a format.
pub fn sink(format: Format, options: Options, output: Output) -> Box<dyn Sink> {
    match format {
        Format::Text if output.is_zstd() && options.is_by_code_only() && !options.values => {
            Box::new(zstd_text::ZstdText::new(options, output))
        }
        Format::Text => Box::new(text::Text::new(options, output)),
        Format::Jsonl => Box::new(jsonl::Jsonl::new(options, output)),
        Format::Bct => Box::new(bct::Bct::new(options, output)),
        Format::Null => null_sink(),
    }
}
