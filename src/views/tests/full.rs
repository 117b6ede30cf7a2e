//! Files that cannot grow any further at some moment: what fits is kept, whole, and says why it ends.

use std::fs::File;
use std::os::fd::AsRawFd;

use proptest::prelude::*;
use rustix::fs::{MemfdFlags, SealFlags};

use super::*;
use crate::format::Output;
use crate::trace::invented::{traces, words};
use crate::trace::{End, EndReason, Event, StreamError};

const FORMS: [&str; 9] =
    ["t.txt", "t.txt.zst", "t.txt.gz", "t.jsonl", "t.jsonl.zst", "t.jsonl.gz", "t.bct", "t.bct.zst", "t.bct.gz"];

/// Why a file of this test does not grow, as the system says it.
const CAUSE: &str = "Operation not permitted";

/// Records events into a file that stops growing after the first `fitting` of them; returns it, and the instructions that
/// the recorder knew of when that was noticed, if it was.
fn record_into_a_full_file(events: &[Item], fitting: usize, form: &str) -> (Vec<u8>, Option<u64>) {
    let file = File::from(rustix::fs::memfd_create("full", MemfdFlags::ALLOW_SEALING).expect("a file in memory"));
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let (format, compression) = format::by_suffix(Path::new(form), None);
    let output = Output::into_new(file.try_clone().expect("a handle"), &path, compression).expect("open");
    let mut sink = format::sink(format, Options { values: true, ..Options::default() }, output);
    let mut decoder = Decoder::default();
    let mut failed = false;
    for (number, event) in events.iter().enumerate() {
        if number == fitting {
            rustix::fs::fcntl_add_seals(&file, SealFlags::GROW).expect("sealed");
        }
        match decoder.decode(&words(std::slice::from_ref(event)), &mut *sink) {
            Ok(_) => {}
            Err(StreamError::Output(SinkError::Io(_))) => {
                failed = true;
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    failed |= sink_end(failed, &mut decoder, &mut *sink);
    (fs::read(&path).expect("readable"), failed.then_some(decoder.state().instructions))
}

/// Ends a trace as a recorder does; true if the output failed only then.
fn sink_end(failed: bool, decoder: &mut Decoder, sink: &mut dyn crate::trace::Sink) -> bool {
    if !failed && is_ended(sink.finish()) {
        return false;
    }
    let instructions = decoder.state().instructions;
    let reason = EndReason::OutputFailed(CAUSE.into());
    let end = End { reason, finished: false, replaced: false, place: None, instructions };
    decoder.event(&Event::End(end), sink).expect("the end is taken");
    assert!(is_ended(sink.finish()), "the file is ended");
    !failed
}

/// A file in memory never had a name, so it is taken for a removed one.
fn is_ended(finished: Result<u64, SinkError>) -> bool {
    matches!(finished, Ok(_) | Err(SinkError::Lost(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_that_cannot_grow_is_whole_and_says_why_it_ends(events in traces(300), fitting: prop::sample::Index) {
        let desk = Desk::new();
        let fitting = fitting.index(events.len());
        let whole = desk.record(&events, "whole.txt", Options { values: true, ..Options::default() });
        let objects_of_all = objects(&desk.record(&events, "whole.jsonl", Options { values: true, ..Options::default() }));
        for form in FORMS {
            let (bytes, failed) = record_into_a_full_file(&events, fitting, form);
            let Some(executed) = failed else {
                prop_assert!(bytes == desk.record(&events, form, Options { values: true, ..Options::default() }), "{}", form);
                continue;
            };
            if bytes.is_empty() {
                continue;
            }
            let path = desk.put(form, &bytes);
            match form.split('.').nth(1) {
                Some("txt") => {
                    let text = unpacked(&bytes);
                    prop_assert!(whole.starts_with(&text) && (text.is_empty() || text.ends_with(b"\n")), "{}", form);
                }
                Some("jsonl") => {
                    let mut objects = objects(&unpacked(&bytes));
                    let end = objects.pop().expect("an end");
                    if form == "t.jsonl" && bytes.len() < 300 {
                        // Not even the end had found room before.
                        continue;
                    }
                    prop_assert_eq!((&end["type"], &end["reason"]), (&"end".into(), &"output failed".into()), "{}", form);
                    prop_assert_eq!(&end["detail"], CAUSE);
                    prop_assert!(objects_of_all.starts_with(&objects), "{}", form);
                }
                _ => {
                    let (text, flaws) =
                        desk.show(&path, "shown.txt", Options { values: true, ..Options::default() }).expect("readable");
                    prop_assert_eq!(flaws, vec![]);
                    prop_assert!(whole.starts_with(&text), "{}", form);
                    let info = desk.info(&path);
                    prop_assert_eq!(&info.end.as_ref().expect("an end").reason, &EndReason::OutputFailed(CAUSE.into()));
                    prop_assert!(info.start.is_some(), "{}", form);
                    prop_assert_eq!(info.executed, executed, "{}", form);
                    let (shown, _) = desk.show(&path, "shown.jsonl", Options::default()).expect("readable");
                    prop_assert_eq!(info.totals.instructions, numbers(&shown).len() as u64, "{}", form);
                    let frames: u64 = info.totals.codes.iter().map(|code| code.frames).sum();
                    prop_assert_eq!(info.totals.frames, frames + info.totals.other_codes.frames, "{}", form);
                }
            }
        }
    }
}
