//! Shows that what is read of a .bct is what was recorded, whatever is done to the file.

mod damage;
mod forged;
mod full;
mod growing;
mod other_reader;
mod same;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::info::{self, Info, InfoPlan};
use super::show::{self, ShowPlan};
use crate::format::{self, Format, Options, Replace};
use crate::read::{Flaw, TraceError};
use crate::trace::invented::{Item, words};
use crate::trace::{Decoder, Sink, SinkError, StreamError};

/// A folder for the files of one test.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: TempDir::new().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).expect("a file");
        self.path(name)
    }

    /// Records events under a name whose suffix says the format.
    fn record(&self, events: &[Item], name: &str, options: Options) -> Vec<u8> {
        self.record_by(name, options, |sink| Decoder::default().decode(&words(events), sink))
    }

    /// The same by a function that hands them to the sink.
    fn record_by(
        &self,
        name: &str,
        options: Options,
        record: impl FnOnce(&mut dyn Sink) -> Result<usize, StreamError>,
    ) -> Vec<u8> {
        let path = self.path(name);
        let (format, compression) = format::by_suffix(&path, None);
        let output =
            format::check_output(&path, None, Replace::Traces).expect("writable").open(compression).expect("open");
        let mut sink = format::sink(format, options, output);
        match record(&mut *sink) {
            Ok(_) => {}
            Err(StreamError::Output(SinkError::Full)) => {}
            Err(error) => panic!("{error}"),
        }
        let stored = sink.finish().expect("finish");
        let bytes = fs::read(&path).expect("written");
        assert_eq!(stored, bytes.len() as u64);
        bytes
    }

    /// Shows a file in the form that the suffix of `name` says.
    fn show(&self, trace: &Path, name: &str, options: Options) -> Result<(Vec<u8>, Vec<Flaw>), TraceError> {
        self.show_plan(
            &ShowPlan { trace: trace.to_owned(), format: Format::Text, options, follow: false, progress: false },
            name,
        )
    }

    fn show_plan(&self, plan: &ShowPlan, name: &str) -> Result<(Vec<u8>, Vec<Flaw>), TraceError> {
        let path = self.path(name);
        let (format, compression) = format::by_suffix(&path, None);
        let output = format::check_output(&path, Some(&plan.trace), Replace::Traces)
            .expect("writable")
            .open(compression)
            .expect("open");
        let mut flaws = Vec::new();
        let shown = show::run(&ShowPlan { format, ..plan.clone() }, output, &mut |flaw| flaws.push(flaw))?;
        assert_eq!(shown.flawed, !flaws.is_empty());
        Ok((fs::read(&path).expect("written"), flaws))
    }

    fn text(&self, trace: &Path) -> Vec<u8> {
        self.show(trace, "text", Options::default()).expect("readable").0
    }

    fn info(&self, trace: &Path) -> Info {
        let plan = InfoPlan { trace: trace.to_owned(), json: true };
        let mut out = Vec::new();
        let info = info::run(&plan, &mut out).expect("readable");
        serde_json::from_slice::<serde_json::Value>(&out).expect("JSON");
        info
    }
}

/// What a compressed file holds.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut content = format::decompressed(packed).expect("a compressed file");
    std::io::Read::read_to_end(&mut content, &mut out).expect("a whole compressed file");
    out
}

/// The objects of JSON lines.
fn objects(jsonl: &[u8]) -> Vec<serde_json::Value> {
    let lines = jsonl.split_inclusive(|&byte| byte == b'\n');
    lines.map(|line| serde_json::from_slice(line).expect("each line is an object")).collect()
}

/// The numbers of the instructions that JSON lines hold.
fn numbers(jsonl: &[u8]) -> Vec<u64> {
    let objects = objects(jsonl);
    let instructions = objects.iter().filter(|object| object["type"] == "instruction");
    instructions.map(|object| object["number"].as_u64().expect("a number")).collect()
}
