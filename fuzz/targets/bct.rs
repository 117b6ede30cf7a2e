//! Reads any bytes as a .bct, in every form.  The first byte decides whether they are the file itself or the words of a block whose
//! checksums are made right, so that the fuzzer gets past them.
#![no_main]

use std::io::Write;

use bctrace::format::bct::layout::{self, Piece};
use bctrace::format::{self, Compression, Format, Options};
use bctrace::views::info::{self, InfoPlan};
use bctrace::views::layers::{self, LayersPlan};
use bctrace::views::show::{self, ShowPlan, View};
use bctrace::select::Filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&if kind % 2 == 0 { rest.to_vec() } else { block(rest) }).expect("written");
    let trace = file.path().to_owned();
    for form in [Format::Text, Format::Jsonl, Format::Bct] {
        let output =
            format::check_output("/dev/null".as_ref(), None).and_then(|checked| checked.open(Compression::None));
        let options = Options { resolve: kind & 2 > 0, depth: kind & 4 > 0, ..Options::default() };
        let plan = ShowPlan { trace: trace.clone(), format: form, options, view: View::Trace, follow: false };
        let _ = show::run(&plan, output.expect("/dev/null"), &mut |_| {});
    }
    let plan = LayersPlan { trace: trace.clone(), filter: Filter::default(), folder: None, tree: true };
    let _ = layers::run(plan, &mut std::io::sink(), &mut |_| {});
    let _ = info::run(&InfoPlan { trace, json: kind & 2 > 0 }, &mut std::io::sink());
});

/// A file of one block, its checksums right.
fn block(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let checksum = layout::checksum(payload);
    let piece = Piece { piece_type: layout::BLOCK, stored: length, raw: length, checksum, ..Piece::default() };
    [&layout::file_header()[..], &piece.encode(), payload].concat()
}
