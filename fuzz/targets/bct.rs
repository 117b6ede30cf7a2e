//! Reads any bytes as a .bct, in every form.  The first byte decides whether they are the file itself or the words of a block whose
//! checksums are made right, so that the fuzzer gets past them.
#![no_main]

use std::io::Write;
use std::path::Path;

use bctrace::parts::compares::ComparesPlan;
use bctrace::parts::diff::DiffPlan;
use bctrace::parts::find::{FindPlan, Wanted};
use bctrace::parts::info::InfoPlan;
use bctrace::parts::layers::LayersPlan;
use bctrace::parts::layout::Piece;
use bctrace::parts::query::Query;
use bctrace::parts::show::ShowPlan;
use bctrace::parts::strings::StringsPlan;
use bctrace::parts::{
    Compression, Filter, Format, Options, Output, Reader, Replace, Selection, calls, check_output, compares, diff, find, fold,
    hot, info, layers, layout, marshal_of, show, strings, tried,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&if kind % 2 == 0 { rest.to_vec() } else { block(rest) }).expect("written");
    let trace = file.path().to_owned();
    let (json, progress) = (kind & 2 > 0, false);
    for form in [Format::Text, Format::Jsonl, Format::Bct] {
        let options = Options { resolve: kind & 2 > 0, depth: kind & 4 > 0, values: true, ..Options::default() };
        let plan = ShowPlan { trace: trace.clone(), format: form, options, follow: false, progress };
        let _ = show::run(&plan, nowhere(), &mut |_| {});
    }
    let query = Query { trace: trace.clone(), selection: Selection::default(), stdlib: true, memory: 1 << 24, json, progress };
    let _ = calls::run(&query, Default::default(), nowhere(), &mut |_| {});
    let _ = compares::run(&query, ComparesPlan { in_order: kind & 4 > 0, all: kind & 8 > 0 }, nowhere(), &mut |_| {});
    let _ = strings::run(&query, StringsPlan { min: 0, text: None }, nowhere(), &mut |_| {});
    let _ = hot::run(&query, 20, nowhere(), &mut |_| {});
    let wanted = Wanted::of(b"1");
    let _ = find::run(&query, FindPlan { wanted, opcodes: Vec::new() }, nowhere(), &mut |_| {});
    let _ = fold::run(&query, &Default::default(), nowhere(), &mut |_| {});
    let plan = DiffPlan { query: query.clone(), other: trace.clone(), window: 100 };
    let _ = diff::run(&plan, nowhere(), &mut |_, _| {});
    let _ = tried::run(&query, nowhere(), &mut |_| {});
    if let Ok(reader) = Reader::open(&trace) {
        let (filter, modules) = (Filter::default(), marshal_of);
        let plan = LayersPlan { filter, folder: None, as_module: json, modules, json, progress };
        let _ = layers::run(reader, plan, &mut std::io::sink(), &mut |_| {});
    }
    let _ = info::run(&InfoPlan { trace, json }, &mut std::io::sink());
});

fn nowhere() -> Output {
    let checked = check_output(Path::new("/dev/null"), None, Replace::Traces);
    checked.and_then(|checked| checked.open(Compression::None)).expect("/dev/null")
}

/// A file of one block, its checksums right.
fn block(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let checksum = layout::checksum(payload);
    let piece = Piece { piece_type: layout::BLOCK, stored: length, raw: length, checksum, ..Piece::default() };
    [&layout::file_header()[..], &piece.encode(), payload].concat()
}
